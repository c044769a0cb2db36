-- Which of these names is a function that may change something, or ask others to: all that is declared volatile.
SELECT DISTINCT p.proname::text AS name
  FROM pg_catalog.pg_proc p
 WHERE p.proname = ANY ($1::text[]::name[]) AND p.provolatile = 'v'
