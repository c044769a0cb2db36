"""Cloud Logging, polled: entries:list behind an overlapping cursor, within the read budget of the project.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cockpit.adapters.gcp.budget import ReadBudget, budget_of
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runwire import moment, objects, part, short, text
from cockpit.adapters.gcp.transport import GoogleApi, Json
from cockpit.adapters.logfields import entry_from_record, http_request_columns, level_of
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Misconfigured, PermissionDenied, RateLimited
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.logs import Level, LogBatch, LogEntry
from cockpit.profile.schema import LogSource
from cockpit.text import clean

PAGE = 1000  # entries a page: the most that gcloud asks for
PAGES = 5  # of one read; a busier log is skipped in the middle, and the pane says so
START_S = 600.0  # the first read goes back this far
OVERLAP_S = 10.0  # entries may arrive late by this much
OLDEST_S = 3600.0  # the cursor never asks further back
SILENT_S = 30.0  # without an answer for longer, slowing down is a failure and no note
FILTER_CHARS = 20_000
ASKED = 100  # entries of one question
SLICE = 100  # entries converted before the loop gets its turn

_SLOWED = "Cloud Logging asked to slow down"

_Key = tuple[str, str]


class CloudLog:
    """Tailing and LogAsking for the entries of one project that pass a filter."""

    def __init__(self, source: LogSource, clock: Clock) -> None:
        if source.project is None:
            raise Misconfigured(f"logs/{source.name} has no project")
        if len(source.filter) > FILTER_CHARS - 100:
            raise Misconfigured(f"the filter of logs/{source.name} is longer than Cloud Logging takes (20,000)")
        self._project = source.project
        self._filter = source.filter.strip()
        self._clock = clock
        self._api = GoogleApi("logging", source.endpoint, source.timeout, clock)
        self._newest = 0.0  # time of the newest entry, seconds since the epoch; the service's own clock
        self._known: dict[_Key, float] = {}  # entries of the overlap, by time
        self._answered_at = clock.monotonic()
        self._raw: deque[Mapping[str, Any]] = deque()
        self._entries: list[LogEntry] = []
        self._notes: tuple[str, ...] = ()
        shown = " ".join(self._filter.split())
        self.origin = clean(f"projects/{source.project}" + (f": {shown}" if shown else ""), 200)

    async def read(self) -> LogBatch:
        """What is new. Empty with a note while the read budget or the server asks to wait; RateLimited once that
        lasts for half a minute.
        """
        # What was fetched is kept here until it is returned: a poll that is cancelled loses nothing.
        if not self._raw:
            waiting = await self._fetch()
            if waiting is not None:
                return waiting
        while self._raw:
            for _ in range(min(SLICE, len(self._raw))):
                entry = self._fresh(self._raw.popleft())
                if entry is not None:
                    self._entries.append(entry)
            await asyncio.sleep(0)
        self._prune()
        entries, self._entries = tuple(self._entries), []
        notes, self._notes = self._notes, ()
        return LogBatch(entries, notes)

    async def _fetch(self) -> LogBatch | None:
        """Fill `_raw`, oldest first; an empty batch with a note when no read is allowed now."""
        budget = self._budget
        found: list[Mapping[str, Any]] = []
        page_token, pages = "", 0
        query_filter = self._bounded_filter()
        while pages < PAGES:
            if not budget.take(self._clock.monotonic()):
                if pages:
                    break
                told = budget.told_to_wait(self._clock.monotonic())
                return self._waiting(_SLOWED if told else f"the cockpit's {budget.limit} reads a minute are used up")
            pages += 1
            try:
                answer = await self._page(query_filter, page_token)
            except RateLimited as error:
                budget.refused(self._clock.monotonic(), error.retry_after_s)
                if found:
                    break
                return self._waiting(_SLOWED)
            budget.accepted()
            self._answered_at = self._clock.monotonic()
            found.extend(objects(answer.get("entries")))
            page_token = text(answer.get("nextPageToken"), 4000)
            if not page_token:
                break
        if page_token:
            self._notes = (f"busier than {len(found):,} entries a read: older ones were skipped, narrow the filter",)
        self._raw.extend(reversed(found))  # newest first on the wire, so that a flood shows its latest part
        return None

    async def query(self, wanted: str, limit: int, fresh_s: float, newest_first: bool) -> LogBatch:
        """Entries of the project that pass another filter, at most 100, of the last `fresh_s` seconds (0: any age).

        One read of the project's budget. Raises RateLimited where none is left, Misconfigured for a filter that the
        service does not understand, and CockpitError.
        """
        budget = self._budget
        now = self._clock.monotonic()
        if not budget.take(now):
            wait = budget.wait_s(now)
            raise RateLimited(
                f"{used_up(budget, now)}, the next is possible in {wait:.0f} s",
                retry_after_s=wait,
                hint="ask again then",
            )
        try:
            answer = await self._page(
                _within(wanted, fresh_s, self._clock), "", min(limit, ASKED), newest_first=newest_first
            )
        except RateLimited as error:
            budget.refused(self._clock.monotonic(), error.retry_after_s)
            raise
        budget.accepted()
        raw = objects(answer.get("entries"))
        entries = tuple(entry_of_cloud(each, _at(each, self._clock)) for each in raw)
        return LogBatch(entries, more=bool(answer.get("nextPageToken")))

    async def diagnose(self) -> list[Diagnosis]:
        """Token, permission to read, and whether the filter is understood."""
        try:
            token = await self._api.token()
        except CockpitError as error:
            return [Diagnosis("credentials", False, error.message, error.hint)]
        found = [Diagnosis("credentials", True, token.origin)]
        check = "logging.logEntries.list"
        if not self._budget.take(self._clock.monotonic()):
            return [*found, Diagnosis(check, None, "not asked: the project's read budget is used up")]
        try:
            answer = await self._page(self._bounded_filter(), "", 1)
        except PermissionDenied as error:
            role = ROLES[check]
            fix = f"gcloud projects add-iam-policy-binding {self._project} --member=user:YOU --role={role}"
            return [*found, Diagnosis(check, False, error.message, fix)]
        except CockpitError as error:
            return [*found, Diagnosis(check, False, error.message, error.hint)]
        count = len(objects(answer.get("entries")))
        state = "entries come" if count else "readable, but nothing in the last ten minutes passes the filter"
        return [*found, Diagnosis(check, True if count else None, state)]

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()

    @property
    def _budget(self) -> ReadBudget:
        return budget_of(self._api.base_url, self._project)

    async def _page(self, query_filter: str, page_token: str, size: int = PAGE, *, newest_first: bool = True) -> Json:
        body: Json = {
            "resourceNames": [f"projects/{self._project}"],
            "filter": query_filter,
            "orderBy": "timestamp desc" if newest_first else "timestamp asc",
            "pageSize": size,
        }
        if page_token:
            body["pageToken"] = page_token
        return await self._api.ask("/v2/entries:list", body)

    def _bounded_filter(self) -> str:
        """Our time bound, and the profile's filter in parentheses of its own lines: a comment in it ends there."""
        now = self._clock.now().timestamp()
        since = self._newest - OVERLAP_S if self._newest else now - START_S
        bound = f'timestamp>="{_rfc3339(max(since, now - OLDEST_S))}"'
        return f"{bound} AND (\n{self._filter}\n)" if self._filter else bound

    def _waiting(self, why: str) -> LogBatch:
        now = self._clock.monotonic()
        wait = self._budget.wait_s(now)
        at = datetime.fromtimestamp(self._clock.now().timestamp() + wait, tz=UTC).strftime("%H:%M:%S UTC")
        note = f"{why}, next read at {at} (in {wait:.0f} s)"
        if now - self._answered_at > SILENT_S:
            raise RateLimited(note, retry_after_s=wait, hint="others in the project read logs too: ask them to stop")
        return LogBatch((), (note,))

    def _fresh(self, raw: Mapping[str, Any]) -> LogEntry | None:
        """The entry, None for one that was already given."""
        at = moment(raw.get("timestamp")) or moment(raw.get("receiveTimestamp"))
        if at is None:
            at = self._clock.now()
        key = (str(raw.get("timestamp")), str(raw.get("insertId")))
        if key in self._known:
            return None
        seconds = at.timestamp()
        self._known[key] = seconds
        # An entry dated into the future must not push the cursor past those that are still to come.
        self._newest = max(self._newest, min(seconds, self._clock.now().timestamp()))
        return entry_of_cloud(raw, seconds)

    def _prune(self) -> None:
        oldest = self._newest - OVERLAP_S - 1.0
        if len(self._known) > 1:
            self._known = {key: at for key, at in self._known.items() if at >= oldest}


def used_up(budget: ReadBudget, now: float) -> str:
    """Why no read is allowed at this moment (monotonic seconds)."""
    if budget.told_to_wait(now):
        return _SLOWED
    return f"the {budget.limit} log reads a minute that the cockpit allows itself in the project are used up"


def entry_of_cloud(raw: Mapping[str, Any], at: float) -> LogEntry:
    """One LogEntry of the API (text, JSON or audit payload, HTTP request) -> our entry."""
    labels = part(part(raw, "resource"), "labels")
    names = ("revision_name", "pod_name", "database_id", "service_name", "instance_id", "job_name")
    origin = next((text(labels[name], 80) for name in names if labels.get(name)), "")
    origin = origin or text(part(raw, "resource").get("type"), 80) or short(raw.get("logName"))
    record = dict(part(raw, "jsonPayload"))
    request = part(raw, "httpRequest")
    if request:
        record["httpRequest"] = request
    if "protoPayload" in raw:
        record["message"] = _audit_message(part(raw, "protoPayload"))
    elif "textPayload" in raw:
        record["message"] = str(raw["textPayload"])
    elif not record.keys() & {"message", "msg", "event"} and request:
        record["message"] = http_request_columns(request)[3]
    for key in ("trace", "labels"):
        if raw.get(key):
            record.setdefault(key, raw[key])
    severity = level_of(raw.get("severity"))
    level = severity if severity is not Level.DEFAULT else None
    return entry_from_record(record, at=at, level=level, origin=origin, insert_id=text(raw.get("insertId"), 64))


def _within(wanted: str, fresh_s: float, clock: Clock) -> str:
    """A filter with a bound on age, in parentheses of its own lines. One too long is said here, not sent."""
    text = wanted.strip()
    if len(text) > FILTER_CHARS - 100:
        raise Misconfigured("the filter is longer than Cloud Logging takes (20,000 characters)")
    if not fresh_s:
        return text
    bound = f'timestamp>="{_rfc3339(clock.now().timestamp() - fresh_s)}"'
    return f"{bound} AND (\n{text}\n)" if text else bound


def _at(raw: Mapping[str, Any], clock: Clock) -> float:
    return (moment(raw.get("timestamp")) or moment(raw.get("receiveTimestamp")) or clock.now()).timestamp()


def _audit_message(payload: Mapping[str, Any]) -> str:
    method = text(payload.get("methodName"), 200).rpartition(".")[2]
    by = text(part(payload, "authenticationInfo").get("principalEmail"), 120)
    failure = text(part(payload, "status").get("message"), 200)
    words = [method or "audit", text(payload.get("resourceName"), 200)]
    if by:
        words.append(f"by {by}")
    if failure:
        words.append(f"refused: {failure}")
    return " ".join(word for word in words if word)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
