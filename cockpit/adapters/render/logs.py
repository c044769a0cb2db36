"""Logs of Render's services, polled: GET /logs from where the last read ended, oldest first, within its own limit.

https://api-docs.render.com/reference/list-logs: 30 reads a minute for all programs of a user, 100 entries a page;
an answer that has more says from when on to ask. Entries may come late: the last seconds are asked for again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cockpit.adapters.logfields import level_of
from cockpit.adapters.loglines import entry_of_line
from cockpit.adapters.raw import Json, moment, parts, text
from cockpit.adapters.render.api import Query, RenderApi
from cockpit.adapters.render.estate import RenderEstate
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Misconfigured, PutOff, RateLimited
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.logs import Level, LogBatch, LogEntry
from cockpit.profile.docker import RenderSource
from cockpit.profile.schema import LogSource
from cockpit.text import clean

PAGE = 100
PAGES = 5  # of one read; the next goes on there
START = timedelta(minutes=10)
OVERLAP = timedelta(seconds=5)
OLDEST = timedelta(hours=1)
SILENT_S = 60.0  # without an answer for longer, slowing down is a failure and no note
SLICE = 100
FILTERS = ("level", "type", "text", "host", "statusCode", "method", "path", "instance", "resource")


class RenderLog:
    """Tailing, LogAsking and Diagnosing for the services of a [[render]] table, or one of them."""

    def __init__(
        self, api: RenderApi, estate: RenderEstate, table: RenderSource, source: LogSource, clock: Clock
    ) -> None:
        named = (*table.services, *table.postgres, *table.keyvalue)
        self._named = named
        self._resources = (source.service,) if source.service else table.services
        if source.service and source.service not in named:
            raise Misconfigured(f"logs/{source.name}: {source.service} is not in [[render]] {table.name}")
        self._api = api
        self._estate = estate
        self._filter = pairs_of(source.filter)
        self._clock = clock
        self._newest: datetime | None = None  # of the entries that were read
        self._from: datetime | None = None  # where a read that was cut short goes on
        self._known: dict[str, datetime] = {}  # ids of the overlap
        self._answered_at = clock.monotonic()
        shown = f" {source.filter}" if source.filter else ""
        self.origin = clean(f"{', '.join(self._resources) or 'no service'} at {api.server}{shown}", 200)

    async def read(self) -> LogBatch:
        """What is new. Empty with a note while the limit asks to wait; RateLimited once that lasts for a minute."""
        try:
            self._api.may_poll("logs")
            entries, more = await self._fresh()
        except RateLimited as error:
            if self._clock.monotonic() - self._answered_at > SILENT_S:
                raise
            why = "the cockpit keeps to" if isinstance(error, PutOff) else "Render asked to keep to"
            return LogBatch((), (f"{why} 30 reads of logs a minute: the next in {error.retry_after_s or 0:.0f} s",))
        self._answered_at = self._clock.monotonic()
        return LogBatch(tuple(entries), (), more)

    async def query(self, wanted: str, limit: int, fresh_s: float, newest_first: bool) -> LogBatch:
        """Entries that pass `level=error text=...` pairs. Raises Misconfigured for others, CockpitError."""
        now = self._clock.now()
        start = now - (timedelta(seconds=fresh_s) if fresh_s else timedelta(hours=24))
        direction = "backward" if newest_first else "forward"
        found, _ = await self._page(start, now, pairs_of(wanted), direction, min(limit, PAGE))
        return LogBatch(tuple(entry_of(each) for each in found))

    async def diagnose(self) -> list[Diagnosis]:
        """Whether one entry can be read."""
        now = self._clock.now()
        try:
            found, _ = await self._page(now - OLDEST, now, self._filter, "backward", 1)
        except CockpitError as error:
            return [Diagnosis("read", False, error.message, error.hint)]
        said = "may be read" if found else "may be read; nothing in the last hour"
        return [Diagnosis("read", True, f"{self.origin}: {said}")]

    async def close(self) -> None:
        """The connection, which is its own."""
        await self._api.close()

    # Inside

    async def _fresh(self) -> tuple[list[LogEntry], bool]:
        now = self._clock.now()
        start = self._from or max((self._newest or now - START) - OVERLAP, now - OLDEST)
        entries: list[LogEntry] = []
        for _ in range(PAGES):
            raws, following = await self._page(start, now, self._filter, "forward", PAGE)
            entries += await self._converted(raws)
            if following is None or following <= start:
                self._from = None
                self._forget()
                return entries, False
            start = self._from = following
        return entries, True

    async def _converted(self, raws: Sequence[Json]) -> list[LogEntry]:
        found: list[LogEntry] = []
        for index, raw in enumerate(raws):
            name, at = text(raw.get("id"), 200), moment(raw.get("timestamp"))
            if at is None or (name and name in self._known):
                continue
            self._known[name] = at
            self._newest = max(self._newest or at, at)
            found.append(entry_of(raw))
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return found

    def _forget(self) -> None:
        """Ids that no further answer can hold."""
        if self._newest is not None:
            before = self._newest - OVERLAP
            self._known = {name: at for name, at in self._known.items() if at >= before}

    async def _page(
        self, start: datetime, end: datetime, filters: Query, direction: str, limit: int
    ) -> tuple[list[Json], datetime | None]:
        """One page, and from when on there is more."""
        owner = await self._estate.owner()
        resources = [value for name, value in filters if name == "resource"] or list(self._resources)
        if not owner or not resources:
            raise Misconfigured("logs of Render need a service in the [[render]] table", hint="add it to services")
        if strange := next((each for each in resources if each not in self._named), ""):
            raise Misconfigured(f"{clean(strange, 60)} is not in the [[render]] table", hint="add it there")
        query: list[tuple[str, str]] = [
            ("ownerId", owner),
            ("startTime", precise(start)),
            ("endTime", precise(end)),
            ("direction", direction),
            ("limit", str(limit)),
            *(("resource", name) for name in resources),
            *(pair for pair in filters if pair[0] != "resource"),
        ]
        answer = await self._api.record("/logs", query)
        raws = list(parts(answer, "logs"))
        more = answer.get("hasMore") is True and raws
        return raws, moment(answer.get("nextStartTime")) if more and direction == "forward" else None


def entry_of(raw: Json) -> LogEntry:
    """One entry; a message that is a record itself is taken apart."""
    labels = {text(each.get("name"), 40): text(each.get("value"), 400) for each in parts(raw, "labels")}
    at = moment(raw.get("timestamp")) or datetime.fromtimestamp(0, UTC)
    message = raw.get("message")
    line = message if isinstance(message, str) else json.dumps(message)
    found = entry_of_line(line.replace("\n", " ").encode(), at.timestamp(), at.timestamp())
    entry = found or LogEntry(at.timestamp(), Level.DEFAULT, "", "")
    status = labels.get("statusCode", "")
    level = level_of(labels.get("level", "")) or entry.level
    code = int(status) if status.isdecimal() and len(status) == 3 else entry.status
    kept = {name: value for name, value in labels.items() if name in ("type", "method", "path", "host", "instance")}
    return replace(
        entry,
        at=at.timestamp(),
        level=max(level, Level.ERROR) if code >= 500 else level,
        origin=entry.origin or clean(labels.get("instance", "") or labels.get("resource", ""), 80),
        status=code,
        fields=entry.fields or clean(json.dumps(kept, ensure_ascii=False) if kept else ""),
        insert_id=text(raw.get("id"), 64),
    )


def pairs_of(wanted: str) -> tuple[tuple[str, str], ...]:
    """ "level=error type=app,request" as pairs of a query; words without a name are looked for in the text.

    Raises Misconfigured for a name that Render does not filter by.
    """
    found: list[tuple[str, str]] = []
    for word in wanted.split():
        name, sign, value = word.partition("=")
        if not sign or not name.isalpha():
            found.append(("text", word))
            continue
        if name not in FILTERS or not value:
            known = ", ".join(FILTERS)
            raise Misconfigured(f"{clean(word, 60)} is no filter of Render's logs", hint=f"NAME=VALUE with {known}")
        found += [(name, each) for each in value.split(",") if each]
    return tuple(found)


def precise(at: datetime) -> str:
    """With fractions of a second, so that nothing of the second before is read again."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z"
