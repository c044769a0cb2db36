"""One statement cut by PostgreSQL's lexical rules: where it ends, what it calls, what it changes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.sql import NotOne, RowChange, called, first_words, one_line, row_change, single, tokens
from cockpit.model.upkeep import Upkeep, understood


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT 1; DROP TABLE x", "more than one"),
        ("SELECT 1 --\r; DROP TABLE x", "more than one"),
        ("SELECT $a$;$a$; DELETE FROM t", "more than one"),
        ("SELECT E'\\'; DROP TABLE x", "not closed"),
        ("SELECT 'a", "not closed"),
        ('SELECT "a', "not closed"),
        ("SELECT 1 /* /* */", "not closed"),
        ("SELECT $$ x", "not closed"),
        ("SELECT (1", "not closed"),
        ("SELECT 1)", "not opened"),
        ("\\! rm x", "psql"),
        ('SELECT U&"\\0070g_sleep"(1)', "U& form"),
        (" ; ", "empty"),
        ("-- nothing", "empty"),
    ],
)
def test_what_is_not_exactly_one_statement_is_refused(sql: str, why: str) -> None:
    with pytest.raises(NotOne, match=why):
        single(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ';' AS a",
        "SELECT $x$; DROP TABLE t;$x$",
        "SELECT 1 /* ; /* ; */ */ + 1",
        'SELECT ";"',
        "SELECT E'\\';'",
    ],
)
def test_a_semicolon_inside_a_literal_or_comment_ends_nothing(sql: str) -> None:
    assert single(f"{sql};") == sql


def test_functions_are_found_however_they_are_written() -> None:
    sql = "SELECT count(*), \"Loud\"(1), pg_catalog.PG_SLEEP /* x */ (1) FROM t WHERE a IN (1) AND 'f(' = b"
    assert called(sql) == ("count", "Loud", "pg_sleep", "in")


def test_a_name_with_a_no_break_space_is_that_name_and_no_call_of_another() -> None:
    assert called("SELECT pg_sleep\u00a0(1)") == ("pg_sleep\u00a0",)


@pytest.mark.parametrize(
    ("sql", "change"),
    [
        ("UPDATE job SET a = 'x;y' WHERE b < 1;", RowChange("UPDATE", "job", where="b < 1")),
        ("UPDATE job AS j SET a = 1", RowChange("UPDATE", "job", "j")),
        ("UPDATE a SET b = 1 FROM c WHERE a.i = c.i", RowChange("UPDATE", "a", others="c", where="a.i = c.i")),
        ("UPDATE a SET b = 1 WHERE c IS DISTINCT FROM 2", RowChange("UPDATE", "a", where="c IS DISTINCT FROM 2")),
        ('DELETE FROM shop."Order" o WHERE x', RowChange("DELETE", 'shop."Order"', "o", where="x")),
        ("delete from a using b where a.i=b.i returning *", RowChange("DELETE", "a", others="b", where="a.i=b.i")),
        ("INSERT INTO a (b) VALUES (1), ((2))", RowChange("INSERT", "a", tuples=2)),
        ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", RowChange("INSERT", "a", tuples=1)),
        (
            "INSERT INTO a SELECT x FROM b JOIN c ON b.i = c.i RETURNING x",
            RowChange("INSERT", "a", rows="SELECT x FROM b JOIN c ON b.i = c.i"),
        ),
        ("TRUNCATE TABLE a CASCADE", RowChange("TRUNCATE", "a")),
        ("DROP TABLE IF EXISTS a", RowChange("DROP TABLE", "a")),
    ],
)
def test_a_plain_change_says_its_table_and_condition(sql: str, change: RowChange) -> None:
    assert row_change(sql) == change


@pytest.mark.parametrize(
    "sql",
    [
        "WITH x AS (DELETE FROM y) UPDATE z SET a = 1",
        "UPDATE ONLY a SET b = 1",
        "UPDATE a SET b = 1 WHERE CURRENT OF c",
        "TRUNCATE a, b",
        "DROP TABLE a, b",
        "DROP DATABASE a",
        "DELETE FROM a, b",
        "ALTER TABLE a ADD b int",
        "SELECT 1",
        "COPY a FROM '/x'",
    ],
)
def test_what_is_not_written_plainly_is_no_change_that_we_know(sql: str) -> None:
    assert row_change(sql) is None


def test_one_line_keeps_literals_and_drops_comments() -> None:
    assert one_line("UPDATE a -- why\n SET b = 'x  y' /* z */\nWHERE c=1;") == "UPDATE a SET b = 'x  y' WHERE c=1"
    with pytest.raises(NotOne, match="line break"):
        one_line("SELECT 'a\nb'")


@pytest.mark.parametrize(
    ("sql", "work"),
    [
        ("VACUUM ANALYZE;", Upkeep("VACUUM ANALYZE", "", "DATABASE")),
        ("vacuum (full, analyze) job", Upkeep("VACUUM FULL", "job", "TABLE")),
        ("VACUUM (FULL off) job", Upkeep("VACUUM", "job", "TABLE")),
        ("ANALYZE job (a, b)", Upkeep("ANALYZE", "job", "TABLE")),
        ("REINDEX TABLE CONCURRENTLY job", Upkeep("REINDEX CONCURRENTLY", "job", "TABLE")),
        ("REINDEX DATABASE shop", Upkeep("REINDEX", "", "DATABASE")),
    ],
)
def test_maintenance_says_what_it_works_on(sql: str, work: Upkeep) -> None:
    assert understood(sql) == work
    assert work.locks_out == (work.verb in ("VACUUM FULL", "REINDEX"))


@pytest.mark.parametrize(
    "sql", ["VACUUM a, b", "VACUUM (WHAT) a", "VACUUM a; DROP TABLE b", "REINDEX", "VACUUM (FULL"]
)
def test_other_maintenance_is_not_understood(sql: str) -> None:
    assert understood(sql) is None


@given(st.text(alphabet="SELECTupdatewhere \n\r\t'\"$;()[]/*-\\aE0.,&_\u00a0é", max_size=80))
def test_any_text_is_cut_or_refused_and_one_statement_stays_one(text: str) -> None:
    with contextlib.suppress(NotOne):
        once = single(text)
        assert single(once) == once
        assert not any(token.text == ";" for token in tokens(once))
        first_words(once)
        called(once)
    with contextlib.suppress(NotOne):
        row_change(text)
    understood(text)
