"""PostgreSQL 13 to 18 over asyncpg: one connection that reads a few catalog views and can end sessions."""
