"""What every look answers alike once it is bound to its source, and how a live one finds its reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cockpit.errors import Unreachable
from cockpit.model.action import Choice
from cockpit.model.look import LookSpec, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity

StateOf = Callable[[str], SourceState | None]
LINES = 200


class BoundLook:
    """Always offered, and without choices, unless the look says otherwise."""

    def __init__(self, spec: LookSpec, source: str) -> None:
        self._spec = spec
        self._source = source

    @property
    def spec(self) -> LookSpec:
        """The declaration."""
        return self._spec

    @property
    def source(self) -> str:
        """Id of the source that it asks."""
        return self._source

    def unavailable(self) -> str:
        """Why it cannot be asked at all, "" when it can."""
        return ""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Values for a parameter of kind CHOICE."""
        return ()


def reading_of(source: str, state_of: StateOf) -> tuple[Reading, tuple[str, ...]]:
    """The source's last good reading, and what is to be said of its age. Raises Unreachable where there is none."""
    state = state_of(source)
    if state is None or state.reading is None:
        failure = state.failure if state is not None else None
        if failure is not None:
            raise Unreachable(f"{source} cannot be read: {failure.message}", hint=failure.hint)
        raise Unreachable(f"{source} has not been read yet", hint="its first reading comes in a moment")
    age = f"{state.age_s:.0f} s old" if state.age_s is not None else "of unknown age"
    if state.freshness is Freshness.FRESH:
        return state.reading, ()
    if state.failure is not None:
        return state.reading, (f"this is {age}: since then {state.failure.word}: {state.failure.message}",)
    return state.reading, (f"this is {age}: nothing newer came",)


def sight_of(reading: Reading, notes: Sequence[str], lines: Sequence[str], summary: str = "") -> Sight:
    """A reading as an answer. What is not fresh is no better than UNKNOWN, and says so first."""
    severity = max(reading.severity, Severity.UNKNOWN) if notes else reading.severity
    shown = (*notes, *lines)
    return Sight(severity, summary or reading.summary, reading.taken_at, shown[:LINES], len(shown) > LINES)
