CREATE TABLE jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_key text NOT NULL,
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'completed', 'failed')),
    current_step text,
    error_code text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_open ON jobs (status, updated_at) WHERE status IN ('queued', 'running');

-- A day of books: one in thirty-seven failed; one user asks for far more than the others.
INSERT INTO jobs (user_key, status, current_step, error_code, created_at, updated_at)
SELECT CASE WHEN n % 4 = 0 THEN 'user-0042' ELSE 'user-' || lpad((n * 7 % 90)::text, 4, '0') END,
       CASE WHEN n % 37 = 7 THEN 'failed' ELSE 'completed' END,
       CASE WHEN n % 37 = 7 THEN (ARRAY['story', 'images', 'layout'])[n % 3 + 1] ELSE 'done' END,
       CASE WHEN n % 37 = 7 THEN (ARRAY['LLM_TIMEOUT', 'IMAGE_REJECTED', 'LLM_RATE_LIMIT'])[n % 3 + 1] END,
       now() - n * interval '15 seconds' - interval '3 minutes',
       now() - n * interval '15 seconds'
FROM generate_series(1, 5760) AS n;
INSERT INTO jobs (user_key, status, current_step, created_at, updated_at)
SELECT 'user-' || lpad((n * 13)::text, 4, '0'), 'running', (ARRAY['story', 'images'])[n % 2 + 1],
       now() - n * interval '20 seconds', now() - n * interval '2 seconds'
FROM generate_series(1, 4) AS n;

-- Those on call may give jobs up, as the runbook says.
GRANT UPDATE (status, current_step, error_code, updated_at) ON jobs TO oncall;
ANALYZE jobs;
