-- Who waits for which lock, and whose. waitstart exists from 14 on, hence the detour over jsonb.
-- A row lock shows as a wait for a transaction: the table is then the one whose tuple the waiter has queued for,
-- else the only table that it writes to.
WITH waiting AS MATERIALIZED (
  SELECT DISTINCT ON (l.pid) l.*, (to_jsonb(l) ->> 'waitstart')::timestamptz AS since
    FROM pg_locks l
   WHERE NOT l.granted
   ORDER BY l.pid
)
SELECT w.pid,
       pg_blocking_pids(w.pid) AS blockers,
       w.locktype AS type,
       w.mode,
       extract(epoch FROM clock_timestamp() - w.since)::float8 AS waiting,
       w.database IS NULL OR w.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AS here,
       w.relation::int8 AS relation_oid,
       CASE
         WHEN w.relation IS NOT NULL
           THEN (SELECT textsend(c.relname::text) FROM pg_class c WHERE c.oid = w.relation)
         ELSE (SELECT textsend(c.relname::text) FROM pg_locks h JOIN pg_class c ON c.oid = h.relation
                WHERE h.pid = w.pid AND h.granted
                  AND h.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND (h.locktype = 'tuple'
                       OR h.locktype = 'relation' AND h.mode IN ('RowExclusiveLock', 'RowShareLock')
                          AND c.relkind IN ('r', 'p'))
                ORDER BY h.locktype = 'tuple' DESC, c.relname
                LIMIT 1)
       END AS relation
  FROM waiting w
