UPDATE jobs SET status = 'completed', current_step = 'done', updated_at = now()
WHERE id = (
    SELECT id FROM jobs
    WHERE status = 'running' AND updated_at BETWEEN now() - interval '10 minutes' AND now() - interval '6 seconds'
    ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id::text, round(extract(epoch FROM now() - created_at)::numeric, 1)::text AS seconds
