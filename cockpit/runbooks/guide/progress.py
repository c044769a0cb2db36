"""How far a playbook has come: the state of each step, its clocks, and who is to be told when."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cockpit.model.runbook import ClockKind

OLD_AFTER_S = 12 * 3600.0  # a session that began longer ago is offered as old


class StepState(enum.Enum):
    """Where a step stands."""

    TODO = "to do"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


def not_answered(again_s: float | None) -> str:
    """What is said of a question that a quota kept from being answered; None where nobody says for how long."""
    return "not answered: quota" + ("; ask again later" if again_s is None else f", again in {math.ceil(again_s)} s")


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote down. `step` is "" for the playbook as a whole."""

    text: str
    at: datetime  # UTC
    who: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step now. A step that was never touched is TODO without a time."""

    step: str  # Step.id
    state: StepState = StepState.TODO
    at: datetime | None = None  # UTC, when it came to this state
    who: str = ""
    result: str = ""  # one line: the answer of a look, the summary of a run, the reason of a skip
    lines: tuple[str, ...] = ()  # behind it: at most 50 are kept on disk
    run: str = ""  # id of the executor's run
    started: datetime | None = None  # UTC, when it was last begun: what its own clocks count from


@dataclass(frozen=True, slots=True)
class Timer:
    """A time of the text as a clock, at the moment it was asked for.

    `running` is False before it began and after its step ended. `remaining_s` counts down to `due`, below 0 once
    that has passed; before a LAST or EVERY clock begins it is the whole time.
    """

    id: str  # stable: what `Session.again` takes
    kind: ClockKind
    text: str  # as written
    step: str  # Step.id, "" for the playbook
    running: bool
    remaining_s: float
    elapsed_s: float  # since it began, 0 before
    due: datetime | None = None  # UTC
    times: int = 0  # EVERY: how often it was done
    to: str = ""  # AFTER: to whom, with how to reach them

    @property
    def over(self) -> bool:
        """Its time has passed while it ran."""
        return self.running and self.remaining_s <= 0


@dataclass(frozen=True, slots=True)
class Escalation:
    """Somebody to be told after a time, counted from the session's start."""

    id: str
    after_s: float
    text: str  # as written: "not resolved in 30 minutes"
    to: str  # "Engineering lead", "" where the runbook names nobody
    reach: str  # from the contacts: "+49 ..., #incidents"; "" where unknown
    due: datetime  # UTC
    remaining_s: float  # below 0: overdue
    told: datetime | None = None  # UTC, when the operator said that they were told

    @property
    def is_due(self) -> bool:
        """It is time, and nobody was told yet."""
        return self.remaining_s <= 0 and self.told is None


@dataclass(frozen=True, slots=True)
class Past:
    """A session on disk that can be gone on with. `old` once it began more than twelve hours ago."""

    id: str
    playbook: str  # Playbook.id
    title: str
    started: datetime  # UTC
    changed: datetime  # UTC, the last line
    who: str  # who began it
    steps: Mapping[str, Progress]  # those that were touched, by Step.id: state, time and person
    old: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """One change of a session, as it goes to disk and to the record."""

    event: str  # "opened", "step", "judged", "note", "again", "told", "values", "closed"
    at: datetime  # UTC
    who: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))
