-- Counters of the whole server, and the lag of a standby.
SELECT sum(d.xact_commit + d.xact_rollback)::float8 AS transactions,
       sum(d.blks_hit)::float8 AS hits,
       sum(d.blks_read)::float8 AS reads,
       sum(d.deadlocks)::int8 AS deadlocks,
       pg_is_in_recovery() AS in_recovery,
       CASE
         WHEN NOT pg_is_in_recovery() THEN NULL
         WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
         ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
       END AS lag
  FROM pg_stat_database d
