-- How many client backends, where there are too many sessions to list them all.
SELECT coalesce(a.state, '<hidden>') AS state,
       textsend(a.datname::text) AS database,
       count(*)::int AS sessions
  FROM pg_stat_activity a
 WHERE (a.backend_type = 'client backend' OR a.backend_type IS NULL)
   AND a.datid IS NOT NULL
   AND a.usesysid IS NOT NULL
 GROUP BY 1, 2
