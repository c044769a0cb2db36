-- Inside a transaction: where pg_stat_statements lives; $1 is a quoted identifier from quote_ident.
SELECT set_config('search_path', 'pg_catalog, ' || $1, true)
