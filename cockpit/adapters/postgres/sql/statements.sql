-- The ten statements with most total time and the ten with the longest mean, with their share of all time.
WITH load AS MATERIALIZED (
  SELECT s.query, s.calls, s.total_exec_time AS total, s.mean_exec_time AS mean
    FROM pg_stat_statements s
), ranked AS (
  SELECT l.*,
         row_number() OVER (ORDER BY l.total DESC) AS by_total,
         row_number() OVER (ORDER BY l.mean DESC) AS by_mean,
         sum(l.total) OVER () AS everything
    FROM load l
)
SELECT textsend(left(r.query, 2000)) AS query, r.calls, r.total, r.mean, r.everything, r.by_total, r.by_mean
  FROM ranked r
 WHERE r.by_total <= 10 OR r.by_mean <= 10
