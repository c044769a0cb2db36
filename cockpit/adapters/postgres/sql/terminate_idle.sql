-- As terminate.sql, and only while the session is still idle and has been for $3 seconds.
WITH target AS MATERIALIZED (
  SELECT a.pid FROM pg_stat_activity a
   WHERE a.pid = $1 AND a.backend_start = $2 AND a.pid <> pg_backend_pid()
     AND a.state = 'idle' AND clock_timestamp() - a.state_change >= make_interval(secs => $3)
)
SELECT pg_terminate_backend(target.pid) AS done FROM target
