"""Who changed what in a project, and who was turned away: two filters over Cloud Logging, read little by little.

Admin Activity entries are always written and cannot be switched off:
https://cloud.google.com/logging/docs/audit#admin-activity. A poll is at most two of the project's reads.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from cockpit.adapters.gcp.accesswire import change_of, failure_of
from cockpit.adapters.gcp.budget import budget_of
from cockpit.adapters.gcp.logging import used_up
from cockpit.adapters.gcp.roles import ROLES
from cockpit.adapters.gcp.runwire import Json, moment, objects
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Misconfigured, PermissionDenied, RateLimited
from cockpit.model.access import AccessFailure, AccessStatus, AdminChange, busiest
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity
from cockpit.profile.google import AccessSource

ACTIVITY = 'log_id("cloudaudit.googleapis.com/activity")'
NEEDS = "logging.logEntries.list"
PAGE = 500  # entries of one read; a busier log is cut, and the pane says so
KEPT = 1000
OVERLAP_S = 120.0  # audit entries arrive late
CHANGES, LOGINS = "changes", "refused logins"
PATIENCE = 5  # polls without an answer until slowing down is a failure
_FILTER_CHARS = 20_000

E = TypeVar("E", bound=AdminChange | AccessFailure)


class AccessTrail:
    """Probing and Diagnosing. What was read is kept for as long as the profile's window is."""

    def __init__(self, source: AccessSource, clock: Clock) -> None:
        if len(source.failures) > _FILTER_CHARS - 100:
            raise Misconfigured(f"failures of access/{source.name} is longer than Cloud Logging takes (20,000)")
        self._source = source
        self._clock = clock
        self._api = GoogleApi("logging", source.endpoint, source.timeout, clock)
        window = timedelta(seconds=source.window)
        self._changes = _Kept(self._api, source.project, ACTIVITY, change_of, window, clock)
        wanted = source.failures.strip()
        self._failures = _Kept(self._api, source.project, wanted, failure_of, window, clock) if wanted else None
        self._answered_at = clock.monotonic()

    async def probe(self) -> Observation:
        """What is new, beside what is known. Raises CockpitError where nothing answers.

        While the read budget is used up or the service asks to slow down, what is known stays and a note says so;
        after some polls of that it is a failure.
        """
        notes: list[str] = []
        failed: list[CockpitError] = []
        logs: list[tuple[str, _Kept[Any]]] = [(CHANGES, self._changes)]
        if self._failures is not None:
            logs.append((LOGINS, self._failures))
        for name, log in logs:
            try:
                await log.read()
            except CockpitError as error:
                failed.append(error)
                notes.append(f"{name} not read: {error.message}")
        now = self._clock.monotonic()
        if len(failed) == len(logs):
            slowed = all(isinstance(error, RateLimited) for error in failed)
            if not slowed or now - self._answered_at > PATIENCE * self._source.interval or not self._read_before:
                raise failed[0]
        else:
            self._answered_at = now
        bound = PATIENCE * self._source.interval
        unread = frozenset(name for name, log in logs if now - log.read_at > bound)
        return _judged(self._status(notes), self._clock.now(), unread)

    async def diagnose(self) -> list[Diagnosis]:
        """Token, the right to read, and whether the filter of failures is understood."""
        try:
            token = await self._api.token()
        except CockpitError as error:
            return [Diagnosis("credentials", False, error.message, error.hint)]
        found = [Diagnosis("credentials", True, token.origin)]
        for name, log in (("admin activity", self._changes), ("failures", self._failures)):
            if log is None:
                found.append(Diagnosis(name, None, "the profile has no filter for refused logins", "failures = ..."))
                continue
            try:
                await log.read()
            except PermissionDenied as error:
                grant = (
                    f"gcloud projects add-iam-policy-binding {self._source.project} --member=user:YOU"
                    f" --role={ROLES[NEEDS]}"
                )
                found.append(Diagnosis(name, False, error.message, grant))
            except CockpitError as error:
                limited = isinstance(error, RateLimited)
                found.append(Diagnosis(name, None if limited else False, error.message, error.hint))
            else:
                found.append(Diagnosis(name, True, f"{len(log.entries)} entries of the window"))
        return found

    async def close(self) -> None:
        """Close the connection."""
        await self._api.close()

    @property
    def _read_before(self) -> bool:
        logs = (self._changes, self._failures)
        return any(log is not None and log.read_at != float("-inf") for log in logs)

    def _status(self, notes: list[str]) -> AccessStatus:
        now = self._clock.now()
        since = now - timedelta(seconds=self._source.window)
        failures = self._failures
        skipped = self._changes.cut or (failures is not None and failures.cut)
        if skipped:
            notes.append("there were more entries than are read at once: the oldest are left out")
        return AccessStatus(
            self._source.project,
            since,
            self._changes.since(since),
            failures.since(since) if failures is not None else (),
            failures is not None,
            self._source.many,
            skipped,
            tuple(notes),
        )


class _Kept(Generic[E]):
    """The entries of one filter, newest first; each read asks for what is newer, with some overlap."""

    def __init__(
        self,
        api: GoogleApi,
        project: str,
        wanted: str,
        convert: Callable[[Json], E | None],
        window: timedelta,
        clock: Clock,
    ) -> None:
        self._api = api
        self._project = project
        self._wanted = wanted
        self._convert = convert
        self._window = window
        self._clock = clock
        self._known: dict[str, datetime] = {}  # entries of the overlap, by time
        self._newest: datetime | None = None
        self.entries: list[E] = []
        self.read_at = float("-inf")
        self._cut_at: datetime | None = None

    @property
    def cut(self) -> bool:
        """Something of the window was left out."""
        return self._cut_at is not None and self._clock.now() - self._cut_at <= self._window

    def since(self, moment_: datetime) -> tuple[E, ...]:
        """Those of the window, newest first."""
        return tuple(each for each in self.entries if each.at >= moment_)

    async def read(self) -> None:
        """One read. Raises RateLimited where none is allowed now, and CockpitError."""
        budget, now = budget_of(self._api.base_url, self._project), self._clock.monotonic()
        if not budget.take(now):
            wait = budget.wait_s(now)
            raise RateLimited(
                f"{used_up(budget, now)}, the next is possible in {wait:.0f} s",
                retry_after_s=wait,
                hint="others in the project read logs too",
            )
        body: Json = {
            "resourceNames": [f"projects/{self._project}"],
            "filter": self._bounded(),
            "orderBy": "timestamp desc",
            "pageSize": PAGE,
        }
        try:
            answer = await self._api.ask("/v2/entries:list", dict(body))
        except RateLimited as error:
            budget.refused(self._clock.monotonic(), error.retry_after_s)
            raise
        budget.accepted()
        self._take(objects(answer.get("entries")))
        if answer.get("nextPageToken"):
            self._cut_at = self._clock.now()
        self.read_at = self._clock.monotonic()

    def _take(self, found: list[Json]) -> None:
        fresh: list[E] = []
        now = self._clock.now()
        for raw in found:
            at, key = moment(raw.get("timestamp")), f"{raw.get('timestamp')} {raw.get('insertId')}"
            if at is None or key in self._known:
                continue
            self._known[key] = at
            # An entry dated into the future must not push the cursor past those that are still to come.
            self._newest = min(max(self._newest or at, at), now)
            entry = self._convert(raw)
            if entry is not None:
                fresh.append(entry)
        kept = sorted((*fresh, *self.entries), key=lambda each: (each.at, each.id), reverse=True)
        self.entries = [each for each in kept if each.at >= now - self._window][:KEPT]
        if self._newest is not None:
            oldest = self._newest - timedelta(seconds=OVERLAP_S + 1.0)
            self._known = {key: at for key, at in self._known.items() if at >= oldest}

    def _bounded(self) -> str:
        """Our time bound, and the filter in parentheses of its own lines: a comment in it ends there."""
        since = self._clock.now() - self._window
        if self._newest is not None:
            since = max(since, self._newest - timedelta(seconds=OVERLAP_S))
        bound = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return f'timestamp>="{bound}" AND (\n{self._wanted}\n)'


def _judged(status: AccessStatus, now: datetime, unread: frozenset[str]) -> Observation:
    """`unread` names what has not been read for long, or never: of that nothing is known, and nothing is counted."""
    burst = status.burst(now)
    if status.many and len(burst) >= status.many:
        most = busiest(burst)
        lead = f", {most[0][1]} from {most[0][0]}" if most else ""
        return Observation(Severity.WARN, f"{len(burst)} refused logins in 5 min{lead}", status)
    span = (now - status.since).total_seconds()
    words = [f"{CHANGES} not known" if CHANGES in unread else _count(len(status.changes), "change")]
    refused = sum(1 for each in status.changes if each.failed)
    if refused and CHANGES not in unread:
        words.append(f"{refused} of them refused")
    if status.watched:
        words.append(f"{LOGINS} not known" if LOGINS in unread else _count(len(status.failures), "refused login"))
    unit = f"{span / 3600:.0f} h" if span >= 7200 else f"{span / 60:.0f} min"
    return Observation(Severity.UNKNOWN if unread else Severity.OK, f"{', '.join(words)} in {unit}", status)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}"
