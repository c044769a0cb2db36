"""A small web shop that really uses PostgreSQL and Redis, so that faults in them are really felt."""
