SELECT p.id, p.name, p.description, p.price_cents, i.quantity, coalesce(sold.count, 0) AS sold
FROM products AS p
JOIN inventory AS i ON i.product_id = p.id
LEFT JOIN (
    SELECT product_id, count(*) FROM orders WHERE created_at > now() - interval '30 days' GROUP BY product_id
) AS sold ON sold.product_id = p.id
WHERE p.category = $1
ORDER BY sold DESC, p.id
LIMIT 5 OFFSET $2
