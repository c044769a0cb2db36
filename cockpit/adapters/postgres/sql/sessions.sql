-- All processes with a session, oldest transaction or query first. $1: only these pids (NULL: all); $2: at most.
-- Texts come as bytes: a session of a database with another encoding may hold bytes that are no text here.
SELECT a.pid,
       a.backend_start,
       textsend(a.datname::text) AS database,
       textsend(a.usename::text) AS role,
       textsend(a.application_name) AS application,
       host(a.client_addr) AS client,
       a.state,
       a.wait_event_type AS wait_type,
       a.wait_event,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_age,
       CASE WHEN a.state = 'active' THEN extract(epoch FROM clock_timestamp() - a.query_start)::float8 END AS query_age,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age,
       textsend(left(a.query, 4000)) AS query,
       a.backend_type AS kind,
       a.leader_pid,
       a.pid = pg_backend_pid() AS own,
       count(*) OVER () AS total
  FROM pg_stat_activity a
 WHERE (a.datid IS NOT NULL OR a.usesysid IS NOT NULL)
   AND ($1::int[] IS NULL OR a.pid = ANY ($1))
 ORDER BY coalesce(a.xact_start, CASE WHEN a.state = 'active' THEN a.query_start END), a.state_change, a.pid
 LIMIT $2
