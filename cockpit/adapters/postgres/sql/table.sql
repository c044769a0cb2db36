-- One table as a statement names it: size, rights of this role, and what else happens when its rows change.
SELECT c.oid::regclass::text AS name,
       c.relkind::text AS kind,
       c.reltuples::float8 AS estimate,
       pg_total_relation_size(c.oid) AS bytes,
       pg_is_in_recovery() AS in_recovery,
       current_user::text AS role,
       pg_has_role(c.relowner, 'USAGE') AS owner,
       has_table_privilege(c.oid, 'SELECT') AS may_select,
       CASE WHEN $2 = 'DROP TABLE' THEN pg_has_role(c.relowner, 'USAGE') ELSE has_table_privilege(c.oid, $2) END AS may,
       CASE WHEN $2 IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(c.oid, $2) ELSE false END AS may_columns,
       ARRAY (SELECT t.tgname::text FROM pg_trigger t
               WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY 1) AS triggers,
       ARRAY (SELECT k.conrelid::regclass::text FROM pg_constraint k
               WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') ORDER BY 1) AS cascades
  FROM pg_class c
 WHERE c.oid = to_regclass($1)
