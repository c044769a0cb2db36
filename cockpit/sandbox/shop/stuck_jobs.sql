INSERT INTO jobs (user_key, status, current_step, created_at, updated_at)
SELECT 'user-' || lpad((n * 11)::text, 4, '0'), 'running', (ARRAY['images', 'layout', 'story'])[n % 3 + 1],
       now() - interval '44 minutes' - n * interval '40 seconds', now() - interval '38 minutes' - n * interval '5 seconds'
FROM generate_series(1, 9) AS n
