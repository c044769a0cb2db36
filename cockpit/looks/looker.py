"""What one look on one source must know: how to answer. Nothing is confirmed, nothing is armed: it only reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cockpit.model.action import Choice
from cockpit.model.look import LookRequest, LookSpec, Sight


class Looker(Protocol):
    """One look bound to one source.

    A live look answers at once from the source's last reading and says so where there is none, or it is stale; it
    sends nothing. Any other asks its adapter once, within the adapter's deadline, and raises CockpitError.
    """

    @property
    def spec(self) -> LookSpec:
        """The declaration."""

    @property
    def source(self) -> str:
        """Id of the source that it asks."""

    def unavailable(self) -> str:
        """Why it cannot be asked at all, "" when it can."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Values for a parameter of kind CHOICE, from live data."""

    async def look(self, request: LookRequest) -> Sight:
        """The answer."""
