"""What every action answers alike once it is bound to its source; the handlers add how to plan, run and verify."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.action import ActionSpec, Choice


class BoundAction:
    """Always offered, and without choices, unless the action says otherwise.

    What speaks against one target (rights, role, state) is for its plan to say, not for the catalogue.
    """

    def __init__(self, spec: ActionSpec, source: str) -> None:
        self._spec = spec
        self._source = source

    @property
    def spec(self) -> ActionSpec:
        """The declaration."""
        return self._spec

    @property
    def source(self) -> str:
        """Id of the source that it acts on."""
        return self._source

    def unavailable(self) -> str:
        """Why it cannot be offered at all, "" when it can."""
        return ""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Values for a parameter of kind CHOICE."""
        return ()
