SELECT count(*) FILTER (WHERE status = 'running' AND updated_at < now() - interval '15 minutes') AS stuck,
       count(*) FILTER (WHERE status = 'queued') AS queued,
       count(*) FILTER (WHERE status = 'running') AS running,
       count(*) FILTER (WHERE status = 'completed' AND updated_at > now() - interval '1 hour') AS completed,
       count(*) FILTER (WHERE status = 'failed' AND updated_at > now() - interval '1 hour') AS failed
FROM jobs
