-- Prepared transactions: they hold locks without a session, as pid 0.
SELECT textsend(p.gid) AS gid,
       p.prepared,
       textsend(p.owner::text) AS role,
       textsend(p.database::text) AS database,
       extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS age
  FROM pg_prepared_xacts p
 ORDER BY p.prepared
 LIMIT 20
