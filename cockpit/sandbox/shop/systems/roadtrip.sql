CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE trips (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users (id),
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO users (email, created_at)
SELECT 'driver' || n || '@mail.example', now() - n * interval '11 minutes' FROM generate_series(1, 1200) AS n;
INSERT INTO trips (user_id, title, created_at)
SELECT n % 1200 + 1, 'Trip ' || n, now() - n * interval '3 minutes' FROM generate_series(1, 4100) AS n;
GRANT SELECT ON users, trips TO oncall;
ANALYZE users, trips;
