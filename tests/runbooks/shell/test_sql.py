"""What an SQL statement is, and whether it provably only reads."""

import re

import pytest

from cockpit.runbooks.shell import sql


def only(text):
    ((_, statement),) = sql.statements(text)
    return statement


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*) FROM t WHERE a > now() - interval '1 hour'",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "SELECT pg_size_pretty(pg_total_relation_size(relid)) FROM pg_statio_user_tables",
        "SELECT pg_catalog.count(1)",
        "SHOW max_connections",
        "EXPLAIN DELETE FROM t",
        "EXPLAIN (ANALYZE, BUFFERS) SELECT 1",
        "VALUES (1), (2)",
        "SELECT a FROM t WHERE b IN (1, 2) AND c ~ 'd(e)'",
        "\\dt",
        "\\d+ t",
    ],
)
def test_proven_to_read(text):
    assert only(text).reads_only


@pytest.mark.parametrize(
    "text",
    [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT pg_cancel_backend(1)",
        "SELECT nextval('s')",
        "SELECT pg_sleep(9)",
        "SELECT pg_read_file('x')",
        "SELECT my.count(1)",
        'SELECT "pg_terminate_backend"(1)',
        "SELECT pg_terminate_backend/* x */(1)",
        "SELECT (SELECT unknown_function(1))",
        "SELECT * FROM dblink('x')",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * INTO b FROM a",
        "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
        "EXPLAIN ANALYZE DELETE FROM t",
        "SELECT 'DROP TABLE t' \\gexec",
        "UPDATE t SET a = 1",
        "VACUUM",
        "COMMIT",
        "COPY t TO '/x'",
        "SET x = 1",
        "SELECT 'open",
        "nonsense",
        "\\! rm x",
        "\\copy t from x",
        "\\i x.sql",
        "SELECT " + "(" * 500 + "1" + ")" * 500,
    ],
)
def test_not_proven(text):
    assert not only(text).reads_only


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("vacuum (full, analyze) t", "VACUUM FULL"),
        ("VACUUM ANALYZE", "VACUUM ANALYZE"),
        ("REINDEX DATABASE d", "REINDEX DATABASE"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX"),
        ("alter system set a = 1", "ALTER SYSTEM"),
        ("DROP TABLE t", "DROP TABLE"),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW"),
        ("with d as (delete from t returning *) select * from d", "DELETE"),
        ("explain analyze select 1", "EXPLAIN ANALYZE"),
        ("/* a */ -- b\nTRUNCATE t", "TRUNCATE"),
    ],
)
def test_kinds(text, kind):
    assert only(text).kind == kind


def test_parts_of_a_statement():
    found = only("UPDATE jobs SET a = 1 WHERE status = 'x' AND at < now()")
    assert found.tables == ("jobs",) and found.functions == ("now",) and "status = 'x'" in found.where
    assert only("SELECT * FROM a.t LIMIT 3").limited and only("SELECT * FROM a.t LIMIT 3").tables == ("a.t",)
    assert only("DELETE FROM t").where == ""


def test_statements_end_at_semicolons_outside_quotes():
    found = list(sql.statements("select ';', $$;$$, \"a;b\" -- ; c\n;\n\\d\nselect 2"))
    assert [(row, each.kind) for row, each in found] == [(0, "SELECT"), (2, "\\d"), (3, "SELECT")]


def test_explain_of_explain_is_no_reading_however_often_it_is_said() -> None:
    assert not only("EXPLAIN " * 5000 + "SELECT 1").reads_only
    assert not only("EXPLAIN ANALYZE EXPLAIN SELECT 1").reads_only


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM jobs_2024 WHERE id = 17 AND at < now() - interval '15 minutes' LIMIT 20",
        "DELETE FROM t WHERE name = 'crew-42' AND size > 1.50 AND a[3] = 7 OR b ->> 'key9' = '007'",
        'UPDATE t SET a = 12 WHERE "c 12" = 12 -- 12\n AND b IN (1, 2, 12, 1e5)',
        "SELECT B'1', pg_terminate_backend(12)",
        "SELECT * FROM t WHERE a = E'\\x41' AND b = 0x1F AND c = $1",
        "SELECT * FROM t WHERE a = 700700001 AND b = 12",
        "VALUES (1, 2), (3, 4)",
        "SELECT generate_series(1, 10), md5('12'), 5::int8",
    ],
)
def test_a_statement_that_differs_in_its_numbers_from_one_before_is_read_as_itself(text: str) -> None:
    only(re.sub(r"\d", "4", text))
    assert only(text) == sql._read(text, only(text).kind)
