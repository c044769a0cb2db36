"""The actions under way: in which phase each is, which were asked to stop, and who wants to know of changes."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.actions.record import Running
from cockpit.clock import Clock
from cockpit.model.action import Plan


class Underway:
    """Kept by the executor; screens read `runs` and subscribe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runs: dict[str, Running] = {}
        self._stopped: set[str] = set()
        self._subscribers: list[Callable[[], None]] = []

    @property
    def runs(self) -> tuple[Running, ...]:
        """Oldest first."""
        return tuple(self._runs.values())

    def phase(
        self,
        run: str,
        plan: Plan,
        phase: str,
        *,
        can_abort: bool = False,
        done: int = 0,
        total: int = 0,
        note: str = "",
    ) -> None:
        """Say where a run is; the first time says that it began."""
        started = self._runs[run].started if run in self._runs else self._clock.now()
        source = plan.request.source
        self._runs[run] = Running(run, plan.title, source, phase, done, total, note, started, can_abort, plan.request)
        self.tell()

    def waiting(self, run: str, plan: Plan, remaining_s: float) -> None:
        """Say how long it still waits, and what the second person runs: the card that said it is closed."""
        phase = f"waiting {remaining_s:.0f} s, or for a second person"
        self.phase(run, plan, phase, can_abort=True, note=f"they run: {plan.approval}")

    def end(self, run: str) -> None:
        """It is over."""
        self._runs.pop(run, None)
        self._stopped.discard(run)
        self.tell()

    def stop(self, run: str) -> None:
        """The operator wants it to stop at its next step."""
        if run in self._runs:
            self._stopped.add(run)
            self.tell()

    def stopped(self, run: str) -> bool:
        """Whether it was asked to stop."""
        return run in self._stopped

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at every change; returns the way out."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def tell(self) -> None:
        """Something changed."""
        for callback in tuple(self._subscribers):
            callback()
