"""A runbook as values: sections, playbooks, steps, and the facts that stand in its tables and lists."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cockpit.model.command import Command

ValueT = TypeVar("ValueT")


class Later(Generic[ValueT]):
    """A value that is worked out when it is first asked for. Equal, hashed, shown and pickled as that value."""

    __slots__ = ("_value", "_work")

    def __init__(self, work: Callable[[], ValueT]) -> None:
        self._work: Callable[[], ValueT] | None = work
        self._value: ValueT

    @classmethod
    def known(cls, value: ValueT) -> Later[ValueT]:
        """Of a value that is there already."""
        return cls(lambda: value)

    def get(self) -> ValueT:
        """The value. Two threads that ask at once may both work it out, and get the same."""
        if (work := self._work) is not None:
            self._value = work()
            self._work = None
        return self._value

    def __eq__(self, other: object) -> bool:
        return self.get() == other.get() if isinstance(other, Later) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __reduce__(self) -> tuple[Callable[[ValueT], Later[ValueT]], tuple[ValueT]]:
        return Later.known, (self.get(),)


class Part(enum.Enum):
    """What a step is for, by the wording of the headings and bold lines above it."""

    DIAGNOSIS = "diagnosis"  # investigation, assessment, check ...
    RESOLUTION = "resolution"  # mitigation, actions, solutions, fix, recovery ...
    VERIFICATION = "verification"
    ESCALATION = "escalation"
    COMMUNICATION = "communication"
    OTHER = "steps"


class ClockKind(enum.Enum):
    """What a time in the text means."""

    WINDOW = "window"  # "0-5 min", "first 5 minutes": the step's share of the incident
    LAST = "last"  # "monitor for 30 minutes": to be held that long
    EVERY = "every"  # "update every 10 minutes"
    AFTER = "after"  # "if not resolved in 30 minutes", "no response in 15 minutes": then escalate


@dataclass(frozen=True, slots=True)
class Clock:
    """A time in the text. Seconds; `from_s` is 0 except for a window that begins later."""

    kind: ClockKind
    seconds: float
    text: str  # as written: "0-5 min"
    from_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """A URL, an anchor of this runbook, or a file beside it."""

    text: str
    target: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: prose to tick, or exactly one command."""

    id: str  # stable within the playbook while its text is the same
    line: int
    text: str  # the instruction; for a command its caption, else the nearest sentence above it
    part: Part
    number: str = ""  # "1", "2.1"; "" for bullets and bare commands
    depth: int = 0  # nesting below the playbook
    command: Command | None = None
    condition: str = ""  # "if the API is down": the bold line or clause that it stands under
    clocks: tuple[Clock, ...] = ()
    links: tuple[Link, ...] = ()
    checkbox: bool | None = None  # None: not a check-box; else as ticked in the file


@dataclass(frozen=True, slots=True)
class Playbook:
    """One procedure: a section with instructions of its own."""

    id: str  # slug, unique in the runbook
    title: str
    line: int
    file: str
    trail: tuple[str, ...]  # headings above it, outermost first
    symptoms: tuple[str, ...]
    steps: tuple[Step, ...]
    clocks: tuple[Clock, ...] = ()  # of the playbook as a whole: escalation times
    links: tuple[Link, ...] = ()
    causes: tuple[tuple[str, str], ...] = ()  # cause -> solution, scenario -> action: tables and lists


@dataclass(frozen=True, slots=True)
class SeverityLevel:
    """One row of the severity scale."""

    name: str  # "P1"
    meaning: str
    response: str  # as written: "15 minutes"
    response_s: float | None
    examples: str
    line: int


@dataclass(frozen=True, slots=True)
class Bound:
    """One threshold: `jobs.stuck | > 0 | > 5`, "Error rate: > 5% critical"."""

    metric: str
    warn: str  # comparison as text, "" where there is none: "> 0", "< 90"
    critical: str
    unit: str  # "%", "s", "ms", ""
    line: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call."""

    role: str
    name: str
    reach: str  # mail, phone, pager, handle; several joined with ", "
    when: str
    line: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL of the system."""

    name: str
    url: str
    environment: str  # column or heading: "production", "development", ""
    line: int


@dataclass(frozen=True, slots=True)
class Objective:
    """RTO, RPO, SLA: scenario or metric with its target."""

    kind: str  # "RTO", "RPO", "SLA"
    name: str
    target: str
    line: int


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A row of an error table."""

    code: str
    meaning: str
    action: str
    line: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the tables and lists of the runbook say."""

    severities: tuple[SeverityLevel, ...] = ()
    bounds: tuple[Bound, ...] = ()
    contacts: tuple[Contact, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    objectives: tuple[Objective, ...] = ()
    error_codes: tuple[ErrorCode, ...] = ()
    channels: tuple[str, ...] = ()  # "#incidents"
    escalation: tuple[tuple[Clock, str], ...] = ()  # after how long -> to whom


Prose = tuple[tuple[str, int, str], ...]  # file, line and text


@dataclass(frozen=True, slots=True)
class Runbook:
    """One file, or several read as one."""

    files: tuple[str, ...]
    title: str
    digest: str  # sha256 (hex) over names and bytes of all files
    playbooks: tuple[Playbook, ...]
    commands: tuple[Command, ...]  # all, in the order of the files
    facts_later: Later[Facts] = field(default_factory=lambda: Later.known(Facts()))  # see `facts`
    front_matter: tuple[tuple[str, str], ...] = ()
    prose_later: Later[Prose] = field(default_factory=lambda: Later.known(()))  # see `prose`

    @property
    def facts(self) -> Facts:
        """What its tables and lists say: in a large runbook a tenth of a second, the first time."""
        return self.facts_later.get()

    @property
    def prose(self) -> Prose:
        """Each paragraph and list item, in order."""
        return self.prose_later.get()

    def work_out(self) -> None:
        """All that would be worked out when it is asked for: before the runbook goes to where nobody may wait."""
        self.facts_later.get()
        self.prose_later.get()

    def playbook(self, id_: str) -> Playbook | None:
        """By id."""
        return next((playbook for playbook in self.playbooks if playbook.id == id_), None)


class Level(enum.Enum):
    """How bad a fault of a runbook is."""

    ERROR = "error"  # fails, loses data, exposes a secret, hits the wrong target, or is not what its heading says
    WARNING = "warning"  # works, with a danger or a surprise
    NOTE = "note"  # could be better


@dataclass(frozen=True, slots=True)
class Fault:
    """What lint says of one command."""

    file: str
    line: int
    rule: str  # kebab-case id: "cloud-run-update-restarts-nothing"
    level: Level
    command: str
    why: str
    instead: str
