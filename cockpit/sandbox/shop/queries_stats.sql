SELECT xact_commit + xact_rollback AS transactions,
       xact_rollback AS rolled_back,
       round(100.0 * blks_hit / greatest(blks_hit + blks_read, 1), 2)::float8 AS cache_hit_percent,
       deadlocks,
       (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND now() - query_start > interval '1 second')
           AS slow_now,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       current_setting('max_connections')::int AS max_connections
FROM pg_stat_database
WHERE datname = current_database()
