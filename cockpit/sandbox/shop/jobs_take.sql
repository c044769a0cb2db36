UPDATE jobs SET status = 'running', current_step = 'story', updated_at = now()
WHERE id = (SELECT id FROM jobs WHERE status = 'queued' ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id::text
