SELECT pid, state, wait_event_type, round(extract(epoch FROM now() - query_start)::numeric, 1)::float8 AS seconds,
       left(query, 200) AS query
FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
      AND now() - query_start > interval '500 milliseconds'
ORDER BY query_start
LIMIT 20
