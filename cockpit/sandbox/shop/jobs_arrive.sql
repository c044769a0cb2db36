INSERT INTO jobs (user_key) VALUES ('user-' || lpad((random() * 90)::int::text, 4, '0'))
