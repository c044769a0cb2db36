CREATE TABLE products (
    id integer PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    description text NOT NULL,
    price_cents integer NOT NULL,
    priced_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE inventory (
    product_id integer PRIMARY KEY REFERENCES products,
    quantity bigint NOT NULL
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id integer NOT NULL REFERENCES products,
    session text NOT NULL,
    cents integer NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_pending ON orders (created_at) WHERE status = 'pending';

INSERT INTO products (id, name, category, description, price_cents)
SELECT n,
       'Article ' || n,
       (ARRAY['books', 'garden', 'kitchen', 'toys', 'music', 'sport', 'office', 'travel', 'pets', 'tools'])[n % 10 + 1],
       repeat('A thing that people like to have. ', 40),
       199 + n * 7
FROM generate_series(1, 500) AS n;
INSERT INTO inventory (product_id, quantity) SELECT id, 1000000 FROM products;
INSERT INTO orders (product_id, session, cents, status, created_at)
SELECT n % 500 + 1, 's' || n % 900, 199 + n % 500 * 7, 'shipped', now() - n * interval '80 seconds'
FROM generate_series(1, 30000) AS n;

-- How many of a product will be asked for: goes over its orders again and again, politely.
CREATE FUNCTION demand_forecast(product integer, rounds integer) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    forecast numeric := 0;
BEGIN
    FOR round IN 1..rounds LOOP
        SELECT forecast * 0.9 + 0.1 * count(*) INTO forecast FROM orders
        WHERE product_id = product AND created_at > now() - round % 30 * interval '1 day';
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN forecast;
END
$$;
ANALYZE;
