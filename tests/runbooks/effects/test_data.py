from __future__ import annotations

from collections.abc import Callable

import pytest

from cockpit.model.command import EffectClass
from cockpit.runbooks.effects.ruling import Ruling

Judge = Callable[[str], Ruling]


@pytest.mark.parametrize(
    ("text", "effect", "final"),
    [
        ("SELECT count(*) FROM pg_stat_activity;", EffectClass.READS, False),
        ("SELECT state, count(*) FROM pg_stat_activity GROUP BY state;", EffectClass.READS, False),
        ("EXPLAIN SELECT * FROM orders;", EffectClass.READS, False),
        ("SELECT pg_terminate_backend(4711);", EffectClass.CHANGES, False),
        ("SELECT pg_cancel_backend(4711);", EffectClass.CHANGES, False),
        ("SELECT pg_promote();", EffectClass.DESTROYS, True),
        ("SELECT heal_everything();", EffectClass.UNKNOWN, False),
        ("INSERT INTO notes VALUES (1);", EffectClass.CHANGES, False),
        ("INSERT INTO n VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1;", EffectClass.DESTROYS, False),
        ("UPDATE jobs SET status = 'failed' WHERE id = 7;", EffectClass.DESTROYS, False),
        ("UPDATE jobs SET status = 'failed';", EffectClass.DESTROYS, True),
        ("DELETE FROM jobs WHERE id = 7;", EffectClass.DESTROYS, False),
        ("DELETE FROM jobs;", EffectClass.DESTROYS, True),
        ("TRUNCATE jobs;", EffectClass.DESTROYS, True),
        ("DROP TABLE jobs;", EffectClass.DESTROYS, True),
        ("DROP DATABASE shop;", EffectClass.DESTROYS, True),
        ("DROP INDEX jobs_by_status;", EffectClass.DESTROYS, False),
        ("ALTER TABLE jobs DROP COLUMN note;", EffectClass.DESTROYS, True),
        ("ALTER USER app PASSWORD 'x';", EffectClass.DESTROYS, True),
        ("ALTER TABLE jobs ADD COLUMN note text;", EffectClass.CHANGES, False),
        ("CREATE INDEX CONCURRENTLY ON jobs (status);", EffectClass.CHANGES, False),
        ("VACUUM ANALYZE;", EffectClass.CHANGES, False),
        ("VACUUM FULL jobs;", EffectClass.CHANGES, False),
        ("REINDEX DATABASE shop;", EffectClass.CHANGES, False),
        ("GRANT SELECT ON jobs TO app;", EffectClass.CHANGES, False),
        ("WITH gone AS (DELETE FROM jobs WHERE id = 7 RETURNING *) SELECT * FROM gone;", EffectClass.DESTROYS, False),
        ("EXPLAIN ANALYZE DELETE FROM jobs;", EffectClass.DESTROYS, False),
        ("DO $$ BEGIN PERFORM 1; END $$;", EffectClass.UNKNOWN, False),
    ],
)
def test_statements_are_judged_by_what_they_do(judge_sql: Judge, text: str, effect: EffectClass, final: bool) -> None:
    ruling = judge_sql(text)
    assert ruling.effect is effect
    assert ruling.final is final


@pytest.mark.parametrize(
    ("text", "effect", "final"),
    [
        ("psql -c 'SELECT 1'", EffectClass.READS, False),
        ("psql -l", EffectClass.READS, False),
        ("pg_isready -h db", EffectClass.READS, False),
        ("psql -h db -U shop", EffectClass.UNKNOWN, False),
        ("psql -c 'SELECT 1' -o out.txt", EffectClass.CHANGES, False),
        ("psql -c 'SELECT pg_terminate_backend(1)'", EffectClass.CHANGES, False),
        ('psql -c "DELETE FROM jobs WHERE id = $ID"', EffectClass.DESTROYS, False),
        ("psql -f repair.sql", EffectClass.DESTROYS, True),
        ("psql shop < dump.sql", EffectClass.DESTROYS, True),
        ("gunzip -c dump.sql.gz | psql shop", EffectClass.DESTROYS, True),
        ("pg_dump shop", EffectClass.READS, False),
        ("pg_dump shop > dump.sql", EffectClass.CHANGES, False),
        ("pg_dump -f dump.sql shop", EffectClass.CHANGES, False),
        ("pg_restore --list shop.dump", EffectClass.READS, False),
        ("pg_restore -d shop shop.dump", EffectClass.DESTROYS, True),
        ("dropdb shop", EffectClass.DESTROYS, True),
        ("mysql -e 'SELECT 1'", EffectClass.UNKNOWN, False),
        ("mysql shop < dump.sql", EffectClass.DESTROYS, True),
    ],
)
def test_clients_are_judged_by_what_they_are_given(judge: Judge, text: str, effect: EffectClass, final: bool) -> None:
    ruling = judge(text)
    assert ruling.effect is effect
    assert ruling.final is final


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("redis-cli INFO memory", EffectClass.READS),
        ("redis-cli -h cache DBSIZE", EffectClass.READS),
        ("redis-cli KEYS 'session:*'", EffectClass.READS),
        ("redis-cli MONITOR", EffectClass.READS),
        ("redis-cli CONFIG GET maxmemory", EffectClass.READS),
        ("redis-cli --bigkeys", EffectClass.READS),
        ("redis-cli CLIENT LIST", EffectClass.READS),
        ("redis-cli SLOWLOG GET 10", EffectClass.READS),
        ("redis-cli CONFIG SET maxmemory 2gb", EffectClass.CHANGES),
        ("redis-cli SET flag on", EffectClass.CHANGES),
        ("redis-cli EXPIRE session:1 60", EffectClass.CHANGES),
        ("redis-cli SLOWLOG RESET", EffectClass.CHANGES),
        ("redis-cli --rdb copy.rdb", EffectClass.CHANGES),
        ("redis-cli DEL session:1", EffectClass.DESTROYS),
        ("redis-cli FLUSHDB", EffectClass.DESTROYS),
        ("redis-cli flushall", EffectClass.DESTROYS),
        ("redis-cli CLIENT KILL ID 7", EffectClass.DESTROYS),
        ("redis-cli SHUTDOWN NOSAVE", EffectClass.DESTROYS),
        ("redis-cli DEBUG SLEEP 5", EffectClass.DESTROYS),
        ("redis-cli --scan --pattern 'a:*' | xargs redis-cli DEL", EffectClass.DESTROYS),
        ("echo FLUSHALL | redis-cli", EffectClass.DESTROYS),
        ("redis-cli < commands.txt", EffectClass.DESTROYS),
        ("redis-cli", EffectClass.UNKNOWN),
        ("redis-cli EVAL 'return 1' 0", EffectClass.UNKNOWN),
        ("redis-cli --eval heal.lua GET", EffectClass.UNKNOWN),
        ("redis-cli $CMD", EffectClass.UNKNOWN),
        ("redis-cli JSON.FROB x", EffectClass.UNKNOWN),
    ],
)
def test_redis_commands_are_judged_by_name(judge: Judge, text: str, effect: EffectClass) -> None:
    assert judge(text).effect is effect


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("curl -s https://shop.example/health | jq .status", EffectClass.READS),
        ("curl -I https://shop.example/health", EffectClass.READS),
        ("curl -sf -o /dev/null -w '%{http_code}' https://shop.example/", EffectClass.READS),
        ("curl -G -d q=1 https://shop.example/search", EffectClass.READS),
        ("curl -X POST https://shop.example/heal", EffectClass.CHANGES),
        ("curl -d '{}' https://shop.example/heal", EffectClass.CHANGES),
        ("curl --json '{}' https://shop.example/heal", EffectClass.CHANGES),
        ("curl -T file https://shop.example/put", EffectClass.CHANGES),
        ("curl -o page.html https://shop.example/", EffectClass.CHANGES),
        ("curl -O https://shop.example/heap.bin", EffectClass.CHANGES),
        ("curl -w '%output{f}x' https://shop.example/", EffectClass.CHANGES),
        ("wget https://shop.example/heap.bin", EffectClass.CHANGES),
        ("wget -qO- https://shop.example/health", EffectClass.READS),
        ("curl -X DELETE https://shop.example/cache", EffectClass.DESTROYS),
        ("curl -X DELETE https://shop.example/cache --next -X GET https://shop.example/", EffectClass.DESTROYS),
        ("curl -K options.txt https://shop.example/", EffectClass.UNKNOWN),
        ("curl gopher://cache:6379/_FLUSHALL", EffectClass.UNKNOWN),
        ("curl -X PURGE https://shop.example/", EffectClass.UNKNOWN),
        ("curl -s https://shop.example/heal.sh | bash", EffectClass.UNKNOWN),
    ],
)
def test_requests_are_judged_by_method_and_where_the_answer_goes(
    judge: Judge, text: str, effect: EffectClass
) -> None:
    assert judge(text).effect is effect
