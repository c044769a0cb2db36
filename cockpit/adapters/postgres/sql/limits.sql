-- Inside a transaction, where a connection pooler keeps start-up settings from us.
SELECT set_config('statement_timeout', $1, true),
       set_config('lock_timeout', $2, true),
       set_config('application_name', 'cockpit', true),
       set_config('search_path', 'pg_catalog', true)
