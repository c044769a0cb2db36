-- The materialized step picks the session by pid AND start before anything is signalled: a reused pid gets nothing.
WITH target AS MATERIALIZED (
  SELECT a.pid FROM pg_stat_activity a
   WHERE a.pid = $1 AND a.backend_start = $2 AND a.pid <> pg_backend_pid()
)
SELECT pg_terminate_backend(target.pid) AS done FROM target
