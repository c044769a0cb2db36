"""The hub: the latest reading and a bounded history of every source, as immutable snapshots."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cockpit.clock import Clock
from cockpit.errors import CockpitError, PutOff
from cockpit.model.reading import Failure, History, Observation, Point, Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.polling.measures import measures

HISTORY = 900  # points kept of each series: 15 minutes at 1 Hz
CIRCUIT_AFTER = 5  # failures in a row until a source is probed slowly


@dataclass(slots=True)
class _Slot:
    state: SourceState
    stale_after_s: float
    good_at: float | None = None  # monotonic
    started_at: float | None = None  # monotonic, of the poll in flight
    series: dict[str, deque[Point]] = field(default_factory=dict)


class Hub:
    """Pollers write here, everybody else reads and subscribes. Lives on one event loop; no locks needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: dict[str, _Slot] = {}
        self._subscribers: list[Callable[[str], None]] = []
        self._wake: dict[str, Callable[[], None]] = {}

    def register(
        self,
        source: str,
        kind: SourceKind,
        title: str,
        interval_s: float,
        timeout_s: float,
        wake: Callable[[], None],
        *,
        asleep: bool = False,
    ) -> None:
        """Announce a source; `wake` makes its poller poll at once. One that is `asleep` waits until it is named."""
        stale_after = max(3 * interval_s, interval_s + timeout_s + 1.0)
        self._slots[source] = _Slot(SourceState(source, kind, title, interval_s, asleep=asleep), stale_after)
        self._wake[source] = wake

    def poll_started(self, source: str) -> None:
        """A poll is in flight."""
        self._slots[source].started_at = self._clock.monotonic()

    def poll_succeeded(self, source: str, observation: Observation, latency_s: float) -> None:
        """A poll brought a payload."""
        slot = self._slots[source]
        now = self._clock.now()
        reading = Reading(
            source,
            slot.state.kind,
            now,
            latency_s,
            observation.severity,
            observation.summary,
            observation.payload,
        )
        slot.state = replace(slot.state, reading=reading, failure=None, failures=0, circuit_open=False)
        slot.good_at, slot.started_at = self._clock.monotonic(), None
        at = now.timestamp()
        for name, value in measures(reading).items():
            points = slot.series.setdefault(name, deque(maxlen=HISTORY))
            points.append(Point(at, value, observation.severity))
        self._tell(source)

    def poll_failed(self, source: str, error: CockpitError) -> None:
        """A poll brought nothing; the last good reading stays, marked as what it is.

        One that was put off asked nothing, so what was known stands: an earlier failure, or a reading until it is
        stale, of which only the age tells that nothing is asked.
        """
        slot = self._slots[source]
        put_off = isinstance(error, PutOff)
        known = slot.state.failure.word if slot.state.failure is not None else ""
        if put_off and (known not in ("", PutOff.word) or self._snapshot(slot).freshness is Freshness.FRESH):
            slot.started_at = None
            self._tell(source)
            return
        failures = slot.state.failures + (0 if put_off else 1)
        slot.state = replace(
            slot.state, failure=Failure.of(error), failures=failures, circuit_open=failures >= CIRCUIT_AFTER
        )
        slot.started_at = None
        self._tell(source)

    def state(self, source: str) -> SourceState | None:
        """One source now, None for an unknown one."""
        slot = self._slots.get(source)
        return None if slot is None else self._snapshot(slot)

    def states(self) -> tuple[SourceState, ...]:
        """All sources now, in the profile's order."""
        return tuple(self._snapshot(slot) for slot in self._slots.values())

    def _snapshot(self, slot: _Slot) -> SourceState:
        now = self._clock.monotonic()
        age = None if slot.good_at is None else max(0.0, now - slot.good_at)
        if slot.state.failure is not None:
            freshness = Freshness.FAILED
        elif age is None:
            freshness = Freshness.WAITING
        else:
            freshness = Freshness.STALE if age > slot.stale_after_s else Freshness.FRESH
        waiting = None if slot.started_at is None else max(0.0, now - slot.started_at)
        return replace(slot.state, freshness=freshness, age_s=age, polling_since_s=waiting)

    def history(self, source: str) -> History:
        """The source's series, oldest first; empty for an unknown one."""
        slot = self._slots.get(source)
        return History({name: tuple(points) for name, points in slot.series.items()} if slot else {})

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back with a source's id whenever it has news; returns the way out. Callbacks must be quick."""
        self._subscribers.append(callback)

        def leave() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return leave

    def poll_now(self, source: str | None = None) -> None:
        """Poll one source, or all that are polled, without waiting for the interval or the back-off."""
        for name, wake in self._wake.items():
            slot = self._slots[name]
            if name == source:
                slot.state = replace(slot.state, asleep=False)
            if name == source or (source is None and not slot.state.asleep):
                wake()

    def _tell(self, source: str) -> None:
        for callback in tuple(self._subscribers):
            callback(source)


def overall(states: tuple[SourceState, ...]) -> Severity:
    """The system's severity: the worst of its sources, UNKNOWN without any."""
    return max((state.severity for state in states), default=Severity.UNKNOWN)
