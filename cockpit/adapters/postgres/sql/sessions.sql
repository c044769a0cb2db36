-- All processes with a session, oldest transaction or query first. $1: only these pids (NULL: all); $2: at most.
-- Texts come as their bytes, by decode and not textsend, which would fail on what is no text in this database:
-- a session of a database with another encoding, a query cut in the middle of a character.
SELECT a.pid,
       a.backend_start,
       decode(replace(a.datname::text, '\', '\\'), 'escape') AS database,
       decode(replace(a.usename::text, '\', '\\'), 'escape') AS role,
       decode(replace(a.application_name, '\', '\\'), 'escape') AS application,
       host(a.client_addr) AS client,
       a.state,
       a.wait_event_type AS wait_type,
       a.wait_event,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_age,
       CASE WHEN a.state = 'active' THEN extract(epoch FROM clock_timestamp() - a.query_start)::float8 END AS query_age,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_age,
       substring(decode(replace(a.query, '\', '\\'), 'escape') FROM 1 FOR 4000) AS query,
       a.backend_type AS kind,
       a.pid = pg_backend_pid() AS own,
       count(*) OVER () AS total
  FROM pg_stat_activity a
 WHERE (a.datid IS NOT NULL OR a.usesysid IS NOT NULL)
   AND ($1::int[] IS NULL OR a.pid = ANY ($1))
 ORDER BY coalesce(a.xact_start, CASE WHEN a.state = 'active' THEN a.query_start END), a.state_change, a.pid
 LIMIT $2
