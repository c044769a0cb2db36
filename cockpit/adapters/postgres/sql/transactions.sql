-- Transactions of this database that have been open for a minute or longer.
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'unknown') AS who,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age
  FROM pg_stat_activity a
 WHERE a.xact_start < clock_timestamp() - interval '1 minute' AND a.pid <> pg_backend_pid()
   AND a.datname = current_database() AND a.backend_type = 'client backend'
 ORDER BY a.xact_start
 LIMIT 5
