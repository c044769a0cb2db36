"""What the cockpit offers for one command of a runbook on this profile, and what it has to ask before."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.action import ActionRequest, Choice, ParamKind, Tier
from cockpit.model.command import Kind, Understanding
from cockpit.model.look import LookRequest
from cockpit.model.runbook import Fault

SOURCE = "source"  # the name of the ask that chooses between several sources
SCRIPT = "runbook.script"
SCRIPT_SOURCE = "runbook"


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to fill in. Values are text.

    `name` is the key under which the value is given back: a parameter of the look or action, for a script the
    placeholder as it is spelled, or `SOURCE`.
    """

    name: str
    label: str  # as a person reads it: "PREV_REVISION", "pod-name", "which source"
    kind: ParamKind
    help: str = ""
    default: str = ""  # what was given for the same placeholder before in this session
    choices: tuple[Choice, ...] = ()  # known at once; else `live` says that the desk has to be asked
    live: bool = False  # `GuideDesk.choices` answers from live data
    required: bool = True


@dataclass(frozen=True, slots=True)
class Offered:
    """One command of one step on this profile. Exactly one of `look`, `action` is set, or none: then it is prose.

    Their parameters hold what is known; `asks` is what is missing. Sources are never guessed between: where several
    fit, `sources` has them all, the first ask is `SOURCE`, and the request's source is "".
    """

    step: str  # Step.id
    understanding: Understanding
    kind: Kind  # what is offered here: may be SCRIPT where the understanding says LIVE or NATIVE
    tier: Tier
    look: LookRequest | None = None
    action: ActionRequest | None = None
    asks: tuple[Ask, ...] = ()
    sources: tuple[str, ...] = ()
    reason: str = ""  # why it is less than understood, as a sentence
    differs: str = ""  # in which way it is not what the command would do
    blocked: str = ""  # why nothing of it may be sent now (not accepted, read-only); "" when it may
    faults: tuple[Fault, ...] = ()

    sends: bool = False  # the look is not answered from readings alone: it goes out, and only on a key

    @property
    def live(self) -> bool:
        """Answered from readings that are there anyway: shown without a key, also while not accepted."""
        return self.look is not None and not self.asks and not self.sends
