"""What the screens ask of the engine. The engine itself is imported only after the first paint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from cockpit.clock import Clock
from cockpit.model.credentials import Credentials
from cockpit.model.finding import Finding
from cockpit.model.reading import History, Marker, SourceState

if TYPE_CHECKING:
    from cockpit.actions.catalogue import Catalogue
    from cockpit.actions.executor import Executor
    from cockpit.looks.book import LookBook
    from cockpit.polling.logring import LogRing
    from cockpit.profile.schema import Profile
    from cockpit.runbooks.guide.desk import Desk


class Watching(Protocol):
    """The hub's reading side."""

    def states(self) -> tuple[SourceState, ...]:
        """All sources now."""

    def history(self, source: str) -> History:
        """Series of one source."""

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Be told of news; returns the way out."""

    def poll_now(self, source: str | None = None) -> None:
        """Ask at once."""


class Watched(Protocol):
    """The engine as the screens see it."""

    @property
    def profile(self) -> Profile:
        """What is watched."""

    @property
    def hub(self) -> Watching:
        """Readings."""

    @property
    def rings(self) -> Mapping[str, LogRing]:
        """Log entries by source id."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def catalogue(self) -> Catalogue:
        """Actions."""

    @property
    def executor(self) -> Executor:
        """The one way to change anything."""

    @property
    def looks(self) -> LookBook:
        """Questions that change nothing."""

    @property
    def guide(self) -> Desk | None:
        """The runbook, None where the profile names none."""

    def credentials(self) -> Credentials | None:
        """How those for Google stand, None before they were asked for."""

    def findings(self) -> tuple[Finding, ...]:
        """Worst first."""

    def cause_chain(self) -> tuple[Finding, ...]:
        """Cause first."""

    def markers(self) -> tuple[Marker, ...]:
        """Oldest first."""
