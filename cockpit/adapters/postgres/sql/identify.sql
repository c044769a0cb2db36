-- Once per connection: who we are, on what, and what stays the same until the server restarts.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS version_num,
       current_user::text AS role,
       current_database()::text AS database,
       pg_backend_pid() AS pid,
       pg_postmaster_start_time() AS started_at,
       current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int AS superuser_reserved,
       coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
       me.rolsuper AS superuser,
       pg_has_role('pg_read_all_stats', 'USAGE') AS reads_all_stats,
       pg_has_role('pg_monitor', 'USAGE') AS monitor,
       pg_has_role('pg_signal_backend', 'USAGE') AS signals,
       me.rolconnlimit AS role_limit,
       (SELECT d.datconnlimit FROM pg_database d WHERE d.datname = current_database()) AS database_limit,
       (SELECT quote_ident(n.nspname)
          FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'pg_stat_statements') AS statements_schema
  FROM pg_roles me
 WHERE me.rolname = current_user
