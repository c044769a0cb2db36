-- The largest tables, or one table or index with its table; and whether this role may maintain them.
SELECT c.oid::regclass::text AS name,
       pg_total_relation_size(c.oid) AS bytes,
       coalesce(s.n_dead_tup, 0) AS dead,
       coalesce(s.n_live_tup, 0) AS live,
       pg_has_role(c.relowner, 'USAGE')
         OR pg_has_role((SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()), 'USAGE') AS may,
       pg_is_in_recovery() AS in_recovery,
       count(*) OVER () AS total,
       (sum(pg_total_relation_size(c.oid)) OVER ())::bigint AS all_bytes
  FROM pg_class c
  LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
 WHERE CASE WHEN $1::text IS NULL
            THEN c.relkind IN ('r', 'm') AND NOT c.relisshared
                 AND c.relnamespace <> ALL (ARRAY['pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                                                  'pg_toast'::regnamespace])
            ELSE c.oid = coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = to_regclass($1)),
                                  to_regclass($1)) END
 ORDER BY 2 DESC
 LIMIT 10
