-- What ending sessions of these roles takes: their superuser flag, and whether we have their rights.
SELECT r.rolname::text AS role, r.rolsuper AS superuser, pg_has_role(r.oid, 'USAGE') AS member
  FROM pg_roles r
 WHERE r.rolname = ANY ($1::text[])
