"""The profile's own queries: run beside the poll, one after the other, on a connection made for them.

Each has a READ ONLY transaction and a statement_timeout of its own, and fails alone:
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-STATEMENT-TIMEOUT
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg

from cockpit.adapters.capabilities import QueryResult
from cockpit.adapters.metricbounds import Bound, judge
from cockpit.adapters.postgres.cells import cell, result_of
from cockpit.adapters.postgres.link import Link
from cockpit.adapters.postgres.queries import Query
from cockpit.adapters.postgres.refusals import refused
from cockpit.adapters.postgres.volatile import refuse_volatile
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.database import SqlPanel
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.metrics import Series
from cockpit.model.point import Point
from cockpit.model.severity import Severity
from cockpit.model.sql import single
from cockpit.profile.database import DatabaseSource, SqlPanelSpec
from cockpit.text import clean

CONNECT_S = 5.0  # beyond the statements' own limits: connecting, and the answers' way back
LOCK_TIMEOUT = "500ms"
MOST_ROWS = 1000  # fetched to be counted
KEPT = 120  # values that are shown


class PanelBoard:
    """The panels of one source. `tend` never waits; at most one run is under way."""

    def __init__(self, source: DatabaseSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._states = [_State(spec) for spec in source.panel]
        self._running: asyncio.Task[None] | None = None

    def shown(self) -> tuple[SqlPanel, ...]:
        """As they are now."""
        return tuple(state.panel for state in self._states)

    def tend(self) -> None:
        """Begin what is due, unless a run is under way. Raises what broke the last one, once."""
        running, now = self._running, self._clock.monotonic()
        if running is not None:
            if not running.done():
                return
            self._running = None
            if not running.cancelled():
                running.result()
        due = [state for state in self._states if state.due <= now]
        if due:
            self._running = asyncio.create_task(self._run(due), name=f"panels of database/{self._source.name}")

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Runs each once, now."""
        await self._stop()
        await self._run(self._states)
        return [
            Diagnosis(panel.title, not panel.problem, panel.problem or f"{panel.said}, in {panel.took_ms:.0f} ms")
            for panel in self.shown()
        ]

    async def close(self) -> None:
        """End what is under way. Safe to call twice."""
        await self._stop()

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _run(self, due: Sequence[_State]) -> None:
        left = list(due)
        for state in due:
            state.due = self._clock.monotonic() + state.spec.interval
        link = Link(self._source, plain=True)
        try:
            async with link.turn(sum(state.spec.timeout for state in due) + CONNECT_S):
                while left:
                    state, begun = left[0], self._clock.monotonic()
                    try:
                        result, first = await _asked(link, state.spec)
                    except CockpitError as error:
                        state.failed(error, self._clock.now().timestamp())
                    else:
                        took_ms = (self._clock.monotonic() - begun) * 1000.0
                        now = self._clock.now()
                        state.answered(result, first, now.timestamp())
                        state.panel = replace(state.panel, at=now, took_ms=took_ms)
                    del left[0]
        except CockpitError as error:  # of the connection: all that are left share it
            for state in left:
                state.failed(error, self._clock.now().timestamp())
        finally:
            await link.close()


async def _asked(link: Link, spec: SqlPanelSpec) -> tuple[QueryResult, object]:
    """Rows as text, and the first value as it is; None without a row. Raises CockpitError, or what ends the turn."""
    connection: Any = link.live
    limit = f"{spec.timeout:g} s"
    text = single(spec.query)  # the profile was refused otherwise
    # No block: what is cancelled takes the connection with it, and a server that hangs answers no ROLLBACK.
    transaction = connection.transaction(readonly=True)
    try:
        await transaction.start()
        await connection.fetch(Query.BOUNDS.sql, f"{spec.timeout * 1000:.0f}ms", LOCK_TIMEOUT)
        await refuse_volatile(connection, text)
        statement = await connection.prepare(text)
        names = [attribute.name for attribute in statement.get_attributes()]
        rows = await (await statement.cursor()).fetch(MOST_ROWS)
        await transaction.rollback()
    except (asyncpg.PostgresError, CockpitError) as error:
        if connection.is_closed():
            raise
        await transaction.rollback()
        if isinstance(error, CockpitError):
            raise
        raise refused(error, link.server, limit) from None
    first = rows[0][0] if rows and len(rows[0]) else None
    return result_of(names, rows, MOST_ROWS), first


class _State:
    """One panel with what it remembers."""

    def __init__(self, spec: SqlPanelSpec) -> None:
        self.spec = spec
        self.due = float("-inf")  # monotonic
        self._bounds = tuple(None if text is None else Bound.parse(text) for text in (spec.warn, spec.critical))
        bound = spec.warn or spec.critical or ""
        title, query = clean(spec.title, 80), clean(" ".join(spec.query.split()), 2000)
        self.panel = SqlPanel(title, query, spec.unit, bound=bound, playbook=spec.playbook or "")
        self._points: deque[Point] = deque(maxlen=max(KEPT, int(spec.for_ / spec.interval) + 2))

    def answered(self, result: QueryResult, first: object, at: float) -> None:
        """Keep what came."""
        value: float | None = None
        problem = ""
        if self.spec.of == "rows":
            value, said = float(len(result.rows)), f"{len(result.rows)}{'+' if len(result.rows) >= MOST_ROWS else ''}"
        elif first is None:
            said = "nothing" if not result.rows else "NULL"
        elif isinstance(first, bool) or not isinstance(first, int | float | Decimal):
            said = cell(first)
            if any(self._bounds):
                problem = "its first column is no number: no bound can be compared with it"
        else:
            value, said = float(first), cell(first)
        if value is not None:
            self._points.append(Point(at, value))
        else:
            self._points.clear()  # nothing breaks no bound, and ends what was broken
        rows = result.rows[: self.spec.rows]
        self.panel = replace(
            self.panel, said=said, columns=result.columns, rows=rows, more=len(result.rows) > len(rows),
            problem=problem,
        )  # fmt: skip
        self._judge(at)

    def failed(self, error: CockpitError, at: float) -> None:
        """Say why; what was known stays."""
        hint = f" ({error.hint})" if error.hint else ""
        self.panel = replace(self.panel, problem=f"{error.message}{hint}")
        self._judge(at)

    def _judge(self, now: float) -> None:
        spec, (warn, critical) = self.spec, self._bounds
        severity, since, bound = Severity.OK, 0.0, spec.warn or spec.critical or ""
        if self.panel.problem:
            severity = Severity.UNKNOWN if bound else Severity.OK
        elif self._points and bound:
            late_s = 3 * spec.interval + spec.timeout
            verdict = judge(
                (Series("", tuple(self._points)),), warn, critical, spec.for_, now, quiet=True, late_s=late_s
            )
            severity, since = verdict.severity, verdict.since
            bound = (spec.critical or bound) if severity is Severity.CRIT else bound
        values = tuple(point.value for point in self._points)[-KEPT:]
        self.panel = replace(self.panel, severity=severity, since=since, bound=bound, values=values)
