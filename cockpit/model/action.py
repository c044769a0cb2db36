"""Actions as values: what is declared, what is asked for, what a plan shows, what came of it."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cockpit.model.severity import Severity, SourceKind


class Tier(enum.IntEnum):
    """How much friction an action deserves."""

    T0 = 0  # observe
    T1 = 1  # narrow, reversible
    T2 = 2  # disruptive
    T3 = 3  # destructive or broad
    T4 = 4  # irreversible or global

    @property
    def meaning(self) -> str:
        """In words."""
        return ("observe", "narrow, reversible", "disruptive", "destructive or broad", "irreversible")[self]


class Scope(enum.Enum):
    """What an action is offered on: the row under the cursor, or the whole source."""

    ROW = "row"
    SOURCE = "source"


class ParamKind(enum.Enum):
    """How a parameter is entered and checked. Values travel as text."""

    TEXT = "text"
    INTEGER = "integer"
    DURATION = "duration"  # "10m"; units s m h d
    CHOICE = "choice"  # one of the handler's choices
    ADDRESS = "address"  # an IP address
    REFERENCE = "reference"  # where a secret value is, file:PATH or env:NAME; the value itself is never a parameter


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `identity` marks what the row's identity fills in and nobody types on screen."""

    name: str
    kind: ParamKind
    help: str
    required: bool = True
    default: str = ""
    identity: bool = False


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One declared action: keys, footer, palette, help and the headless commands all derive from this."""

    id: str  # "database.terminate"
    title: str  # "Terminate session"
    pane: SourceKind
    key: str  # one upper-case letter, "" where it is reached by the menu alone
    tier: Tier
    summary: str  # one sentence: what it does
    params: tuple[Param, ...] = ()
    scope: Scope = Scope.ROW
    reversible: bool = False
    short: str = ""  # for the footer; "" for the title's first word
    listed: bool = True  # in menus and help; False for what only takes another back, or the guide alone starts


@dataclass(frozen=True, slots=True)
class Choice:
    """One value offered for a parameter."""

    value: str
    label: str
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """An action on a target, identity included: what a key press or a command line asks for."""

    action: str
    source: str
    params: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    def get(self, name: str) -> str:
        """The parameter, "" when it is not set."""
        return self.params.get(name, "")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes another."""

    what: str
    before: str
    after: str


class Grant(enum.Enum):
    """What the permission preflight found."""

    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "not checkable"


@dataclass(frozen=True, slots=True)
class Permission:
    """The right that the action needs. `how` says who can grant it and with what."""

    grant: Grant
    needs: str
    how: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action does not run: the guard's name, the reason, what to do instead.

    `outdated` names parameters that say what was read earlier: whoever has looked may plan again without them. What
    tells one thing from another thing of its name is never among them.
    """

    step: str
    reason: str
    hint: str = ""
    outdated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undo:
    """How to get back. `request` is None where there is no way and `text` says so."""

    text: str
    request: ActionRequest | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Exactly what an action would do now. Everything in `digest` is what the operator agrees to."""

    request: ActionRequest
    title: str
    tier: Tier  # after blast caps
    target: str  # "checkout on Cloud Run shop/europe-west1": how a person names it
    identity: Mapping[str, str]  # immutable: pid + backend_start, uid + etag, run_id + role
    changes: tuple[Change, ...]
    objects: tuple[str, ...]  # the exact objects, one line each; may be cut, then `count` says how many
    count: int
    population: int  # of which `count` are hit; 0 where a share makes no sense
    affected: str  # who will feel it
    operation: tuple[str, ...]  # literal SQL, HTTP request or argv, secrets masked
    equivalent: tuple[str, ...]  # the same by hand, to paste elsewhere
    permission: Permission
    undo: Undo
    planned_at: datetime
    deadline_s: float
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    dry_run: str = ""  # what the server answered to a validate-only request
    symptoms: tuple[str, ...] = ()  # sources whose state the effect watch compares
    basis: Mapping[str, object] = field(default_factory=dict, compare=False)  # what `run` needs; not shown
    moving: bool = False  # count and objects change by themselves (keys of a live cache): shown, not in the digest
    rests_on_reading: bool = True  # False: what it does was not decided by a reading of its source
    lock: str = ""  # what is held while it runs, where that is not the whole source

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", MappingProxyType(dict(self.identity)))
        object.__setattr__(self, "basis", MappingProxyType(dict(self.basis)))

    @property
    def approval(self) -> str:
        """What a second person runs; PROFILE stands for their own path or name of it."""
        return f"cockpit approve PROFILE {self.digest}"

    @property
    def digest(self) -> str:
        """sha256 (hex) over what the operator agreed to: request, identity, changes, objects, operation."""
        body = [
            self.request.action,
            self.request.source,
            sorted(self.request.params.items()),
            self.target,
            sorted(self.identity.items()),
            [(change.what, change.before, change.after) for change in self.changes],
            [] if self.moving else list(self.objects),
            0 if self.moving else self.count,
            list(self.operation),
            int(self.tier),
        ]
        return hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()


class Outcome(enum.Enum):
    """What came of an action. UNKNOWN: no answer, the effect may have happened."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What `run` achieved: `done` of `total` objects."""

    outcome: Outcome
    summary: str
    done: int = 1
    total: int = 1
    details: tuple[str, ...] = ()
    undo: Undo | None = None  # replaces the plan's; given with FAILED: the change was made, what followed failed


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the post-condition holds: None where it could not be seen."""

    holds: bool | None
    text: str


class Verdict(enum.Enum):
    """What the effect watch saw in the end."""

    RECOVERED = "recovered"
    NO_CHANGE = "no change"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Score:
    """One line of the before/after card."""

    name: str
    before: str
    after: str
    before_severity: Severity
    after_severity: Severity


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect watch at one moment; `verdict` is None while it still looks."""

    verdict: Verdict | None
    scores: tuple[Score, ...]
    remaining_s: float
