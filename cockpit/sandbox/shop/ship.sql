UPDATE orders SET status = 'shipped'
WHERE id IN (
    SELECT id FROM orders WHERE status = 'pending' AND created_at < now() - interval '1 second'
    ORDER BY created_at LIMIT 200 FOR UPDATE SKIP LOCKED
)
