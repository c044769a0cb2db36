"""Brings news to the screen: at most four times a second, only to what changed, and nothing while it is paused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cockpit.model.credentials import Credentials
from cockpit.model.finding import Finding
from cockpit.model.logs import LogBucket, LogStatus
from cockpit.model.reading import History, Marker, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from screens.frame.situation import Situation
from screens.panes.base import Scenery

if TYPE_CHECKING:
    from screens.cockpit_screen import CockpitScreen
    from screens.watched import Watched

_PLOTTED = (SourceKind.HEALTH, SourceKind.REDIS)  # kinds whose panes draw histories


class Publisher:
    """Reads the engine, hands immutable values to panes and frame."""

    def __init__(self, screen: CockpitScreen) -> None:
        self._screen = screen
        self.engine: Watched | None = None
        self.loading = "reading the profile"
        self._leave: Callable[[], None] | None = None
        self._news: set[str] = set()
        self._second = 0
        self._paused_since: float | None = None
        self._histories: dict[str, History] = {}
        self._findings: tuple[Finding, ...] = ()
        self._chain: tuple[Finding, ...] = ()
        self._markers: tuple[Marker, ...] = ()
        self._buckets: tuple[LogBucket, ...] = ()
        self._states: tuple[SourceState, ...] = ()
        self._started = 0.0

    @property
    def paused(self) -> bool:
        """The screen stands still."""
        return self._paused_since is not None

    def attach(self, engine: Watched) -> None:
        """Take news from this engine."""
        self.engine = engine
        self.loading = ""
        self._leave = engine.hub.subscribe(self._news.add)
        self._started = self._now()
        self._screen.logs.rings = engine.rings
        for pane in self._screen.panes:
            pane.ask = engine.hub.poll_now
        self._news.update(state.source for state in engine.hub.states())
        self.tick(force=True)

    def detach(self) -> None:
        """No more news."""
        if self._leave is not None:
            self._leave()
            self._leave = None

    def say(self, text: str) -> None:
        """What is being waited for before there is an engine."""
        self.loading = text
        for pane in self._screen.panes:
            pane.wait_for(text)
        self.frame()

    def pause(self, on: bool) -> None:
        """Stand still, or catch up."""
        self._paused_since = self._now() if on else None
        for pane in self._screen.panes:
            pane.paused = on
            pane.show_frame(pane._frame())
        self._screen.tabs.paused = on
        self._second = 0
        self.tick(force=True)

    def tick(self, force: bool = False) -> None:
        """Publish what changed; ages move once a second."""
        engine = self.engine
        now = self._now()
        whole = int(now) != self._second
        if not (whole or force or (self._news and not self.paused)):
            return
        self._second = int(now)
        if engine is None:
            self.frame()
            return
        all_of_it = whole or force
        if not self.paused:
            self._states = engine.hub.states()
            heard = {state.kind for state in self._states if state.source in self._news}
            self._read(engine, all_of_it)
            self._publish(now, None if all_of_it else heard)
            self._screen.follow_cursor()
        if all_of_it:  # the frame tells ages and sums: once a second is often enough
            self.frame()
            if self._screen.guide is not None and not self.paused:
                self._screen.guide.tick()

    def _now(self) -> float:
        return self._screen.clock.now().timestamp()

    def _read(self, engine: Watched, whole: bool) -> None:
        for state in self._states:
            if state.kind in _PLOTTED and (state.source in self._news or state.source not in self._histories):
                self._histories[state.source] = engine.hub.history(state.source)
        if whole:
            self._findings, self._chain = engine.findings(), engine.cause_chain()
            self._markers = engine.markers()
            self._buckets = tuple(
                bucket
                for state in self._states
                if state.reading is not None and isinstance(state.reading.payload, LogStatus)
                for bucket in state.reading.payload.buckets[-300:]
            )
        self._news.clear()

    def _publish(self, now: float, heard: set[SourceKind] | None) -> None:
        """To the panes of these kinds, None for all."""
        for pane in self._screen.panes:
            if heard is not None and heard.isdisjoint(pane.kinds):
                continue
            states = tuple(state for state in self._states if state.kind in pane.kinds)
            pane.publish(Scenery(states, self._histories, now, now - self._started))

    def frame(self) -> None:
        """Everything around the panes."""
        screen = self._screen
        situation = self.situation()
        screen.banner.show(situation)
        screen.status.show(situation)
        if screen.timeline.display:
            screen.timeline.show(situation)
        if screen.single:
            screen.tabs.update()

    def situation(self) -> Situation:
        """The whole at this moment."""
        engine = self.engine
        now = self._now()
        if engine is None:
            return Situation(now, loading=self.loading)
        mode = engine.executor.mode
        offer = engine.executor.undo_offer
        severities = [
            state.severity for state in self._states if state.reading is not None or state.failure is not None
        ]
        severities += [finding.severity for finding in self._findings]
        return Situation(
            now,
            engine.profile.system,
            engine.profile.environment,
            "",
            max(severities, default=Severity.UNKNOWN),
            self._states,
            self._findings,
            self._chain,
            self._markers,
            self._buckets,
            any(state.kind is SourceKind.LOGS for state in self._states),
            mode.remaining_s if mode.armed else None,
            mode.read_only,
            self._paused_since,
            len(engine.executor.running),
            offer.title if offer is not None else "",
            logged_until=_silent_since(self._states),
            login=_login(engine.credentials(), now),
        )


def _login(credentials: Credentials | None, now: float) -> tuple[Severity, str] | None:
    return credentials.said(datetime.fromtimestamp(now, UTC)) if credentials is not None else None


def _silent_since(states: tuple[SourceState, ...]) -> float | None:
    """When the last log was read, in seconds since the epoch, where none answers now."""
    logs = [state for state in states if state.kind is SourceKind.LOGS and state.reading is not None]
    if not logs or any(state.freshness is Freshness.FRESH for state in logs):
        return None
    return max(state.reading.taken_at.timestamp() for state in logs if state.reading is not None)
