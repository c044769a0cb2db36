"""The PostgreSQL source: a poll of two to three short queries, what the role lacks, and the endings of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cockpit.adapters.capabilities import Ending
from cockpit.adapters.postgres.blocking import Wait, build_tree
from cockpit.adapters.postgres.diagnosis import degradations, diagnoses
from cockpit.adapters.postgres.link import Link, Who
from cockpit.adapters.postgres.optional import OptionalReads
from cockpit.adapters.postgres.panels import PanelBoard
from cockpit.adapters.postgres.permission import permission_of
from cockpit.adapters.postgres.queries import Query, shown
from cockpit.adapters.postgres.rows import CLIENT_BACKEND, HIDDEN, QUERY_LIMIT, session_of, text_of
from cockpit.adapters.postgres.samples import Samples
from cockpit.adapters.postgres.status import counted, judged, ranked
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.action import Permission
from cockpit.model.database import HIDDEN_START, BlockingNode, DatabaseStatus, Session, SessionIdentity, StatementLoad
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.profile.schema import DatabaseSource

SESSION_LIMIT = 500
STATEMENTS_EVERY_S = 10.0
_STATEMENTS = "pg_stat_statements"
_SAMPLED = "samples of pg_stat_activity"


@dataclass(frozen=True, slots=True)
class _Counters:
    """pg_stat_database's sums at one moment."""

    at: float  # monotonic
    transactions: float
    hits: float
    reads: float
    deadlocks: int


class PostgresAdapter:
    """One server, over one connection. Implements Probing, Diagnosing and SessionEnding."""

    def __init__(self, source: DatabaseSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._link = Link(source)
        self._optional = OptionalReads(clock.monotonic)
        self._samples = Samples()
        self._panels = PanelBoard(source, clock)
        self._generation = 0
        self._waiting: dict[int, float] = {}  # pid -> when it was first seen waiting, monotonic
        self._counters: _Counters | None = None
        self._statements: tuple[tuple[StatementLoad, ...], tuple[StatementLoad, ...]] | None = None
        self._statements_at = -STATEMENTS_EVERY_S

    @property
    def server(self) -> str:
        """host:port/database as connected, without credentials."""
        return self._link.server

    async def close(self) -> None:
        """Give the connection back."""
        await self._panels.close()
        await self._link.close()

    # -- reading

    async def probe(self) -> Observation:
        """One poll within `source.timeout`: sessions, counters, and lock waits where there are any."""
        sent = self._link.sent
        async with self._link.turn():
            who = self._settle()
            rows = await self._link.fetch(Query.SESSIONS, None, SESSION_LIMIT)
            sessions = [session_of(row) for row in rows]
            cut = bool(rows) and rows[0]["total"] > len(rows)
            groups = await self._link.fetch(Query.GROUPS) if cut else None
            totals = await self._optional.read("totals", "server counters", lambda: self._link.fetch(Query.TOTALS))
            waits = await self._waits() if self._might_wait(sessions) else self._no_waits()
            involved = await self._involved(sessions, waits)
            await self._read_statements(who)
        now = self._clock.monotonic()
        clients = [session for session in sessions if session.kind == CLIENT_BACKEND]
        self._samples.add(now, clients)
        status = self._status(who, clients, groups, totals[0] if totals else None, now)
        listed = tuple(session for session in clients if not session.own)
        status = replace(
            status,
            sessions=_with_blockers(listed, waits),
            blocking=build_tree(waits, involved),
            queries_sent=self._link.sent - sent,
            panels=self._panels.shown(),
            notes=(*status.notes, *((f"the list stops at {SESSION_LIMIT} sessions",) if cut else ())),
        )
        self._panels.tend()
        return judged(status, self._source)

    def _settle(self) -> Who:
        """Inside a turn: what is remembered of an older connection is void."""
        if self._generation != self._link.generation:
            self._generation = self._link.generation
            self._optional.forget()
            self._counters = None
            self._statements = None
            self._statements_at = -STATEMENTS_EVERY_S
        return self._link.who

    @staticmethod
    def _might_wait(sessions: Sequence[Session]) -> bool:
        """pg_locks is only looked at when it has something to say, or when waits are hidden from us."""
        return any(session.wait.startswith("Lock:") or session.query == HIDDEN for session in sessions)

    def _no_waits(self) -> tuple[Wait, ...]:
        self._waiting.clear()
        return ()

    async def _waits(self) -> tuple[Wait, ...]:
        rows = await self._optional.read("locks", "lock waits", lambda: self._link.fetch(Query.LOCKS)) or ()
        now = self._clock.monotonic()
        # Before 14 no server tells since when; what we saw first is a lower bound.
        self._waiting = {row["pid"]: self._waiting.get(row["pid"], now) for row in rows}
        return tuple(
            Wait(
                row["pid"],
                _lock_name(row),
                max(0.0, now - self._waiting[row["pid"]] if row["waiting"] is None else row["waiting"]),
                tuple(row["blockers"]),
            )
            for row in rows
        )

    async def _involved(self, sessions: Sequence[Session], waits: Sequence[Wait]) -> dict[int, Session]:
        """The sessions that appear in lock waits, by pid; those beyond the list are fetched."""
        known = {session.pid: session for session in sessions}
        pids = {pid for wait in waits for pid in (wait.pid, *wait.blockers)}
        if 0 in pids:
            known[0] = await self._prepared_transaction()
        if missing := sorted(pids - known.keys()):
            rows = await self._link.fetch(Query.SESSIONS, missing, len(missing))
            known |= {row["pid"]: session_of(row) for row in rows}
        return {pid: known[pid] for pid in pids if pid in known}

    async def _prepared_transaction(self) -> Session:
        """Locks without a session: the oldest prepared transaction stands for them all."""
        rows = await self._optional.read(
            "prepared", "prepared transactions", lambda: self._link.fetch(Query.PREPARED)
        )
        if not rows:
            return replace(_NOBODY, query="ROLLBACK PREPARED, by hand, ends it")
        first = rows[0]
        others = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        return replace(
            _NOBODY,
            backend_start=first["prepared"],
            database=text_of(first["database"]),
            user=text_of(first["role"]),
            transaction_age_s=max(0.0, first["age"]),
            state_age_s=max(0.0, first["age"]),
            query=f"PREPARE TRANSACTION '{text_of(first['gid'], 200)}'{others}",
        )

    async def _read_statements(self, who: Who) -> None:
        """pg_stat_statements, where there is one, seldom: reading it costs the server its query texts."""
        schema = who.row["statements_schema"]
        if schema is None or self._clock.monotonic() - self._statements_at < STATEMENTS_EVERY_S:
            return
        rows = await self._optional.read(
            _STATEMENTS, _STATEMENTS, lambda: self._link.fetch_with_path(schema, Query.STATEMENTS)
        )
        self._statements_at = self._clock.monotonic()
        if rows is None:
            self._statements = None
            return
        everything = max((row["everything"] for row in rows), default=0.0) or 1.0
        loads = [(row["by_total"], row["by_mean"], _load(row, everything)) for row in rows]
        self._statements = (
            tuple(load for rank, _, load in sorted(loads, key=lambda item: item[0]) if rank <= 10),
            tuple(load for _, rank, load in sorted(loads, key=lambda item: item[1]) if rank <= 10),
        )

    def _status(
        self, who: Who, clients: list[Session], groups: Sequence[Any] | None, totals: Any, now: float
    ) -> DatabaseStatus:
        by_state, by_database = counted(clients) if groups is None else _grouped(groups)
        statements, by_mean = self._statements or (self._samples.top(), ())
        row = who.row
        status = DatabaseStatus(
            server=self.server,
            version=row["version"].partition(" ")[0],
            role=text_of(row["role"].encode()),
            in_recovery=bool(totals and totals["in_recovery"]),
            started_at=row["started_at"],
            max_connections=row["max_connections"],
            reserved=row["superuser_reserved"] + row["reserved"],
            connections=sum(count for _, count in by_state),
            by_state=by_state,
            by_database=by_database,
            sessions=(),
            blocking=(),
            statements=statements,
            statements_by_mean=by_mean,
            statements_from=_STATEMENTS if self._statements else _SAMPLED,
            notes=(
                *degradations(who),
                *(self._link.target.notes if self._link.target else ()),
                *self._optional.notes(),
            ),
        )
        return self._with_rates(status, totals, now)

    def _with_rates(self, status: DatabaseStatus, totals: Any, now: float) -> DatabaseStatus:
        if totals is None:
            self._counters = None
            return status
        before = self._counters
        after = self._counters = _Counters(
            now,
            totals["transactions"] or 0.0,
            totals["hits"] or 0.0,
            totals["reads"] or 0.0,
            totals["deadlocks"] or 0,
        )
        status = replace(status, replication_lag_s=totals["lag"])
        # Counters go back when somebody resets the statistics or drops a database.
        if before is None or after.at <= before.at or after.transactions < before.transactions:
            return status
        touched = (after.hits - before.hits) + (after.reads - before.reads)
        return replace(
            status,
            transactions_per_s=(after.transactions - before.transactions) / (after.at - before.at),
            cache_hit=min(1.0, max(0.0, (after.hits - before.hits) / touched)) if touched > 0 else None,
            deadlocks=max(0, after.deadlocks - before.deadlocks),
        )

    # -- diagnosing

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Reachable, version, role, rights, extension, headroom: each with the literal statement that fixes it."""
        started = self._clock.monotonic()
        try:
            status = (await self.probe()).payload
        except CockpitError as error:
            return (Diagnosis("connect", False, error.message, error.hint),)
        took_ms = (self._clock.monotonic() - started) * 1000.0
        assert isinstance(status, DatabaseStatus)  # noqa: S101 - what probe just made
        return (*diagnoses(self._link.who, status, took_ms), *await self._panels.diagnose())

    # -- ending sessions

    async def find_session(self, pid: int) -> Session | None:
        """Whatever process has that pid now, own and background ones included. Raises CockpitError."""
        async with self._link.turn():
            rows = await self._link.fetch(Query.SESSIONS, [pid], 1)
        return session_of(rows[0]) if rows else None

    async def client_sessions(self) -> Sequence[Session]:
        """All client sessions, own ones left out. Raises CockpitError."""
        async with self._link.turn():
            rows = await self._link.fetch(Query.SESSIONS, None, SESSION_LIMIT)
        found = (session_of(row) for row in rows)
        return tuple(session for session in found if session.kind == CLIENT_BACKEND and not session.own)

    async def idle_sessions(self, older_than_s: float, database: str) -> Sequence[Session]:
        """Client sessions in state idle for longer than that; `database` "" for all. Raises CockpitError."""
        async with self._link.turn():
            rows = await self._link.fetch(Query.SESSIONS, None, 100_000)
        found = (
            session_of(row) for row in rows if row["state"] == "idle" and (row["state_age"] or 0.0) >= older_than_s
        )
        return tuple(
            session
            for session in found
            if session.kind == CLIENT_BACKEND and not session.own and database in ("", session.database)
        )

    async def blocking_tree(self) -> Sequence[BlockingNode]:
        """Roots of the tree of lock waits, now. Raises CockpitError."""
        async with self._link.turn():
            self._settle()
            waits = await self._waits()
            involved = await self._involved((), waits)
        return build_tree(waits, involved)

    async def session_count(self) -> int:
        """Client backends now. Raises CockpitError."""
        async with self._link.turn():
            rows = await self._link.fetch(Query.GROUPS)
        return sum(row["sessions"] for row in rows)

    async def may_end(self, sessions: Sequence[Session]) -> Permission:
        """pg_signal_backend, or membership in the sessions' roles; superusers' sessions need a superuser."""
        roles = sorted({session.user for session in sessions})
        async with self._link.turn():
            who = self._settle()
            rows = await self._link.fetch(Query.PERMISSION, roles)
        return permission_of(who.row, rows)

    async def cancel(self, identity: SessionIdentity) -> bool | None:
        """pg_cancel_backend, once, where pid and backend_start match. Raises CockpitError."""
        return await self._link.call_once(Query.CANCEL, identity.pid, identity.backend_start)

    async def terminate(self, identity: SessionIdentity) -> bool | None:
        """pg_terminate_backend likewise."""
        return await self._link.call_once(Query.TERMINATE, identity.pid, identity.backend_start)

    async def terminate_idle(self, identity: SessionIdentity, idle_s: float) -> bool | None:
        """pg_terminate_backend while the session is still idle, and has been for `idle_s`."""
        return await self._link.call_once(Query.TERMINATE_IDLE, identity.pid, identity.backend_start, idle_s)

    def ending_sql(self, ending: Ending, identity: SessionIdentity, idle_s: float | None = None) -> str:
        """The exact statement with its values written in; only to show, never sent."""
        return shown(Query(ending.value), identity.pid, identity.backend_start, idle_s)

    def by_hand(self, sql: str) -> str:
        """A psql command line for the same server and role, without the password."""
        target = self._link.target
        return "" if target is None else target.psql(self._link.who.address, sql)


_NOBODY = Session(
    pid=0,
    backend_start=HIDDEN_START,
    database="",
    user="",
    application="",
    client="",
    state="prepared transaction",
    wait="",
    transaction_age_s=None,
    query_age_s=None,
    state_age_s=None,
    query="",
    kind="prepared transaction",
)


def _with_blockers(sessions: Sequence[Session], waits: Sequence[Wait]) -> tuple[Session, ...]:
    blockers = {wait.pid: tuple(sorted(set(wait.blockers))) for wait in waits}
    return tuple(
        replace(session, blocked_by=blockers[session.pid]) if session.pid in blockers else session
        for session in sessions
    )


def _lock_name(row: Any) -> str:
    """ "RowExclusiveLock on inventory", "ShareLock on a row of inventory", "ExclusiveLock on extend of ..."."""
    mode, kind = row["mode"], row["type"]
    name = text_of(row["relation"])
    if kind == "relation":
        return f"{mode} on {name or _foreign(row)}"
    if kind in ("transactionid", "tuple", "virtualxid", "spectoken"):
        if name and kind != "virtualxid":
            return f"{mode} on a row of {name}"
        return f"{mode} on a transaction"
    return f"{mode} on {kind} of {name}" if name else f"{mode} on {kind}"


def _foreign(row: Any) -> str:
    where = "" if row["here"] else " of another database"
    return f"relation {row['relation_oid']}{where}"


def _load(row: Any, everything: float) -> StatementLoad:
    raw = row["query"]
    query = HIDDEN if raw == b"<insufficient privilege>" else text_of(raw, QUERY_LIMIT)
    return StatementLoad(query, row["calls"], row["total"], row["mean"], row["total"] / everything)


def _grouped(rows: Sequence[Any]) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    states: dict[str, int] = {}
    databases: dict[str, int] = {}
    for row in rows:
        name = text_of(row["database"])
        states[row["state"]] = states.get(row["state"], 0) + row["sessions"]
        databases[name] = databases.get(name, 0) + row["sessions"]
    return ranked(states), ranked(databases)
