"""Statements of others (a runbook's own text) on a connection of their own, made for one of them and closed after it.

The poll's connection is never used: it is limited to 400 ms, and what runs long here must not make the pane stale.
Each text is sent by the extended protocol, which takes one statement only, after it was cut into tokens here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from cockpit.adapters.capabilities import Aborted, QueryResult, RowSurvey, TableSize, UpkeepSurvey
from cockpit.adapters.postgres.cells import bound, result_of
from cockpit.adapters.postgres.link import Link
from cockpit.adapters.postgres.permission import quoted
from cockpit.adapters.postgres.queries import Query
from cockpit.adapters.postgres.refusals import refused
from cockpit.adapters.postgres.volatile import refuse_volatile
from cockpit.errors import CockpitError, NotFound, Refused, TimedOut, Unreachable
from cockpit.model.action import Grant, Permission
from cockpit.model.sql import NotOne, RowChange, first_words, row_change, single
from cockpit.profile.schema import DatabaseSource
from cockpit.text import clean, clean_lines

ROWS = 100
SAMPLE = 10
QUERY_S = 3.0
CHANGE_S = 30.0
SURVEY_S = 5.0
LOCK_TIMEOUT = "500ms"
CHANGE_LOCK_TIMEOUT = "2s"
CONNECT_S = 5.0  # beyond a statement's own limit: connecting, and the answer's way back
EXACT_UP_TO = 5_000_000  # rows by the planner's estimate; larger tables are not counted
_READING = ("SELECT", "WITH", "SHOW", "EXPLAIN", "VALUES", "TABLE")


class StatementDesk:
    """Querying, SqlRunning for one source."""

    def __init__(self, source: DatabaseSource) -> None:
        self._source = source
        self._server = f"database {source.name}"
        self._psql: tuple[Any, Any] | None = None  # target and address, once connected

    @property
    def server(self) -> str:
        """host:port/database, complete once it was connected."""
        return self._server

    def by_hand(self, sql: str) -> str:
        """A psql command line for the same server and role, without the password."""
        return self._psql[0].psql(self._psql[1], sql) if self._psql is not None else ""

    # -- reading

    async def query(self, sql: str, values: Sequence[str] = ()) -> QueryResult:
        """One statement that reads, in a READ ONLY transaction with a time limit of 3 s; at most 100 rows.

        Raises Refused where it is not one, or names a function that may change something, and CockpitError.
        """
        text = _one(sql)
        words = first_words(text)
        if not words or words[0] not in _READING:
            raise Refused("parameters", "only SELECT, WITH, VALUES, TABLE, SHOW and EXPLAIN are asked")
        async with self._reading(text, QUERY_S) as connection:
            statement = await connection.prepare(text)
            given = bound(values, [kind.name for kind in statement.get_parameters()])
            names = [attribute.name for attribute in statement.get_attributes()]
            rows = await (await statement.cursor(*given)).fetch(ROWS + 1)
        return result_of(names, rows, ROWS)

    @asynccontextmanager
    async def _reading(self, text: str, limit_s: float) -> AsyncIterator[Any]:
        """A connection within a READ ONLY transaction, for a text whose functions change nothing."""
        async with (
            self._connection(limit_s + CONNECT_S, f"{limit_s:g} s") as (connection, _),
            connection.transaction(readonly=True),
        ):
            await connection.fetch(Query.BOUNDS.sql, f"{limit_s:g}s", LOCK_TIMEOUT)
            await refuse_volatile(connection, text)
            yield connection

    @asynccontextmanager
    async def _connection(self, within_s: float, limit: str) -> AsyncIterator[tuple[Any, Link]]:
        """Made now, closed afterwards. Raises CockpitError, and nothing else expected."""
        link = Link(self._source, plain=True)
        try:
            async with link.turn(within_s):
                self._server = link.server
                self._psql = (link.target, link.who.address)
                try:
                    yield link.live, link
                except asyncpg.PostgresError as error:
                    raise refused(error, link.server, limit) from None
        finally:
            await link.close()

    # -- rows

    async def survey(self, sql: str) -> RowSurvey:
        """Explain it and count what matches, in a READ ONLY transaction of 5 s. Raises Refused, CockpitError."""
        text = _one(sql)
        change = changed(text)
        async with self._reading(text, SURVEY_S) as connection:
            rows = await connection.fetch(Query.TABLE.sql, change.table, change.verb)
            if not rows:
                raise NotFound(
                    f"there is no table {clean(change.table, 120)} on {self._server}",
                    hint="is it the right database?",
                )
            table = rows[0]
            permission = _permission(table, change)
            if permission.grant is Grant.DENIED:
                return _surveyed(table, permission, 0, 0, QueryResult((), ()), ())
            explained: Sequence[Any] = ()
            if change.verb not in ("TRUNCATE", "DROP TABLE"):
                explained = await connection.fetch(f"EXPLAIN {text}")
            population, estimated = await _population(connection, table, change)
            matched = population if change.verb in ("TRUNCATE", "DROP TABLE") else await _matched(connection, change)
            sample = await _sample(connection, change)
        lines = tuple(line for row in explained for line in clean_lines(str(row[0]), 160, 20))[:20]
        return _surveyed(table, permission, matched, max(population, matched), sample, lines, estimated)

    async def execute(self, sql: str, at_most: int) -> tuple[int, bool]:
        """In one transaction: (rows, committed). Rolled back where it hits more than `at_most` rows.

        Raises CockpitError; `effect_possible` only where the answer to the commit did not come.
        """
        text = _one(sql)
        change = changed(text)
        committing = False
        try:
            async with self._connection(CHANGE_S + CONNECT_S, f"{CHANGE_S:g} s") as (connection, _):
                transaction = connection.transaction()
                await transaction.start()
                await connection.fetch(Query.BOUNDS.sql, f"{CHANGE_S:g}s", CHANGE_LOCK_TIMEOUT)
                await refuse_volatile(connection, text)
                rows = 0
                if change.verb in ("TRUNCATE", "DROP TABLE"):
                    # Its status says no number; the lock that it needs is taken first, so that the count holds.
                    await connection.fetch(f"LOCK TABLE {change.table} IN ACCESS EXCLUSIVE MODE")
                    rows = await connection.fetchval(f"SELECT count(*) FROM {change.table}")  # noqa: S608
                if rows <= at_most:
                    statement = await connection.prepare(text)
                    await statement.fetch()
                    rows = max(rows, _count(statement.get_statusmsg()))
                if rows > at_most:
                    await transaction.rollback()
                    return rows, False
                committing = True
                await transaction.commit()
                return rows, True
        except CockpitError as error:
            error.effect_possible = committing and isinstance(error, Unreachable | TimedOut)
            raise

    # -- maintenance

    async def upkeep(self, relation: str | None) -> UpkeepSurvey:
        """Sizes and rights of what maintenance works on. Raises NotFound, CockpitError."""
        async with self._connection(SURVEY_S + CONNECT_S, f"{SURVEY_S:g} s") as (connection, link):
            async with connection.transaction(readonly=True):
                await connection.fetch(Query.BOUNDS.sql, f"{SURVEY_S:g}s", LOCK_TIMEOUT)
                rows = await connection.fetch(Query.TABLES.sql, relation)
                old = await connection.fetch(Query.TRANSACTIONS.sql)
            pooled, role = link.who.pooled, link.who.row["role"]
        if relation is not None and not rows:
            raise NotFound(f"there is no table or index {clean(relation, 120)} on {self._server}")
        foreign = [clean(row["name"], 120) for row in rows if not row["may"]]
        permission = Permission(Grant.GRANTED, "ownership of the tables")
        if foreign:
            how = f"run it as their owner, or make {quoted(role)} a member of it"
            grant = Grant.DENIED if len(foreign) == len(rows) else Grant.UNKNOWN
            permission = Permission(grant, f"ownership of {', '.join(foreign[:3])}", how)
        return UpkeepSurvey(
            tables=tuple(TableSize(clean(row["name"], 120), row["bytes"], row["dead"], row["live"]) for row in rows),
            total=rows[0]["total"] if rows else 0,
            size=rows[0]["all_bytes"] if rows else 0,
            permission=permission,
            read_only=bool(rows and rows[0]["in_recovery"]),
            pooled=pooled,
            transactions=tuple(f"pid {row['pid']} ({clean(row['who'], 80)}) for {row['age']:.0f} s" for row in old),
        )

    async def maintain(self, sql: str, within_s: float, aborted: Aborted) -> bool:
        """One statement outside a transaction, which the server itself ends after `within_s`.

        It gives up after 2 s of waiting for a lock. False when `aborted` stopped it. Raises CockpitError.
        """
        text = _one(sql)
        words = first_words(text)
        if not words or words[0] not in ("VACUUM", "ANALYZE", "ANALYSE", "REINDEX"):
            raise Refused("parameters", "only VACUUM, ANALYZE and REINDEX are run outside a transaction")
        async with self._connection(within_s + 2 * CONNECT_S, f"{within_s:g} s") as (connection, link):
            if link.who.pooled:
                raise Refused(
                    "precondition", "a pooler sits before the server: limits of a session do not hold there"
                )
            # set_config for the session, which ends with this connection.
            limits = {"statement_timeout": f"{within_s:g}s", "lock_timeout": CHANGE_LOCK_TIMEOUT}
            for name, value in limits.items():
                await connection.fetch("SELECT set_config($1, $2, false)", name, value)
            running = asyncio.ensure_future(connection.fetch(text))
            stopped = False
            try:
                while not (await asyncio.wait([running], timeout=0.2))[0]:
                    if aborted() and not stopped:
                        stopped = True
                        running.cancel()  # asyncpg asks the server to cancel the statement
            finally:
                running.cancel()
            try:
                await running
            except asyncio.CancelledError:
                if not stopped:
                    raise
                return False
        return True


def changed(sql: str) -> RowChange:
    """What the statement changes. Raises Refused for what is none of the five, or not written plainly."""
    try:
        found = row_change(sql)
    except NotOne as error:
        raise Refused("parameters", f"the statement is not run: {error}") from None
    if found is None:
        raise Refused(
            "parameters",
            "only a plain UPDATE, DELETE, INSERT, TRUNCATE or DROP TABLE of one table is run",
            hint="run anything else by hand, where its effect is known",
        )
    return found


def _one(sql: str) -> str:
    try:
        return single(sql)
    except NotOne as error:
        raise Refused("parameters", f"this is not one statement: {error}", hint="give them one by one") from None


def _permission(table: Any, change: RowChange) -> Permission:
    right, name, role = change.verb, clean(table["name"], 120), quoted(table["role"])
    if change.verb == "DROP TABLE":
        needs, how = f"ownership of {name}", f"run it as the owner, or make {role} a member of it"
    else:
        needs, how = f"{right} on {name}", f"GRANT {right} ON {name} TO {role}"
    if table["may"] and (table["may_select"] or change.verb == "INSERT"):
        return Permission(Grant.GRANTED, needs)
    if table["may"]:
        return Permission(Grant.DENIED, f"SELECT on {name}, to count", f"GRANT SELECT ON {name} TO {role}")
    if table["may_columns"] and table["may_select"]:
        return Permission(Grant.UNKNOWN, needs, "the role may change some columns only")
    return Permission(Grant.DENIED, needs, how)


def _from(change: RowChange) -> str:
    """The rows that the statement meets, in its own words. A comment at the end of a part ends with its line."""
    items = f"{change.table} AS {change.alias}" if change.alias else change.table
    items = f"{items},\n{change.others}" if change.others else items
    return f"{items}\nWHERE {change.where}\n" if change.where else f"{items}\n"


async def _population(connection: Any, table: Any, change: RowChange) -> tuple[int, bool]:
    estimate = table["estimate"]
    if estimate > EXACT_UP_TO or not table["may_select"]:
        return max(0, int(estimate)), True
    return await connection.fetchval(f"SELECT count(*) FROM {change.table}"), False  # noqa: S608  # its own text


async def _matched(connection: Any, change: RowChange) -> int:
    if change.verb == "INSERT":
        if not change.rows:
            return change.tuples
        return int(await connection.fetchval(f"SELECT count(*) FROM (\n{change.rows}\n) AS counted"))  # noqa: S608
    row = change.alias or change.table
    what = f"DISTINCT {row}.tableoid, {row}.ctid" if change.others else "1"
    text = f"SELECT count(*) FROM (SELECT {what} FROM {_from(change)}) AS counted"  # noqa: S608  # its own text
    return int(await connection.fetchval(text))


async def _sample(connection: Any, change: RowChange) -> QueryResult:
    if change.verb == "INSERT":
        if not change.rows:
            return QueryResult((), ())
        text = f"SELECT * FROM (\n{change.rows}\n) AS sampled LIMIT {SAMPLE}"  # noqa: S608  # its own text
    else:
        text = f"SELECT {change.alias or change.table}.* FROM {_from(change)} LIMIT {SAMPLE}"  # noqa: S608
    statement = await connection.prepare(text)
    rows = await statement.fetch()
    return result_of([attribute.name for attribute in statement.get_attributes()], rows, SAMPLE)


def _surveyed(
    table: Any,
    permission: Permission,
    matched: int,
    population: int,
    sample: QueryResult,
    explained: tuple[str, ...],
    estimated: bool = False,
) -> RowSurvey:
    return RowSurvey(
        table=clean(table["name"], 120),
        matched=matched,
        population=population,
        estimated=estimated,
        sample=sample,
        explained=explained,
        permission=permission,
        read_only=table["in_recovery"],
        triggers=tuple(clean(name, 120) for name in table["triggers"]),
        cascades=tuple(clean(name, 120) for name in table["cascades"]),
    )


def _count(status: str) -> int:
    """ "UPDATE 5", "INSERT 0 5", "TRUNCATE TABLE"."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
