"""What a screen may ask of the guide, as a protocol: the engine's desk fulfils it, tests put a small one in place."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from cockpit.model.action import ActionRequest, Choice
from cockpit.model.look import Sight
from cockpit.model.runbook import Fault, Runbook
from cockpit.runbooks.guide.match import Hit, Suggestion
from cockpit.runbooks.guide.offer import Ask, Offered
from cockpit.runbooks.guide.people import People
from cockpit.runbooks.guide.progress import Past
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import TrustState


class Reading(enum.Enum):
    """How far the desk is with the files."""

    READING = "reading"  # being read and understood; `runbook` is what was there before, or None
    READY = "ready"
    FAILED = "failed"  # `problem` says why


class Desk(Protocol):
    """The runbook of a profile on this engine. Reads are quick and never wait; changes are coroutines.

    While `trust` is not `Accepted` everything can be read and ticked, and live readings are shown; nothing is sent.
    """

    @property
    def reading(self) -> Reading:
        """How far it is."""

    @property
    def problem(self) -> str:
        """Why the files could not be read, "" when they could."""

    @property
    def runbook(self) -> Runbook | None:
        """None until it was read once."""

    @property
    def trust(self) -> TrustState | None:
        """None until it was read once."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What lint says of all of it."""

    @property
    def people(self) -> People:
        """Whom one can call and what one can open; empty until the runbook was read once."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the runbook, its trust or a session changed; returns the way out."""

    async def accept(self, digest: str) -> None:
        """Trust the runbook as it was shown. Refused when it is another by now; Misconfigured when not recorded."""

    def suggestions(self) -> tuple[Suggestion, ...]:
        """Playbooks that fit the findings of this moment, best first; empty without a match."""

    def search(self, text: str) -> tuple[Hit, ...]:
        """Best first, ties in the order of the files. Everything for an empty text."""

    def past(self, playbook: str = "") -> tuple[Past, ...]:
        """Sessions that can be gone on with, newest first; of one playbook or of all."""

    async def open(self, playbook: str, resume: str = "") -> Session:
        """Begin a session, or go on with one (`Past.id`); while it is open, the same object.

        One that cannot be written down is opened all the same: its `unkept` says why. Raises NotFound, Refused where
        another cockpit has it open, Misconfigured where an earlier one cannot be read.
        """

    async def leave(self, session: Session, *, ended: bool = False) -> None:
        """Close a session; `ended`: it is over and not offered again. Misconfigured when that is not recorded."""

    def offered(self, session: Session, step: str) -> Offered | None:
        """What the cockpit has for the step's command; None for prose."""

    async def choices(self, offered: Offered, ask: Ask, values: Mapping[str, str]) -> Sequence[Choice]:
        """Values for an ask, from live data. `values` holds what was already given, the source among it."""

    def problems(self, offered: Offered, values: Mapping[str, str]) -> dict[str, str]:
        """Ask name -> why its value does not fit; empty when all do."""

    async def look(self, session: Session, step: str, values: Mapping[str, str]) -> Sight:
        """Ask the step's question; the answer is its result and goes to the record.

        Raises Refused, or what the look raises; then the step is FAILED with that, but after RateLimited it stays
        what it was, and one that is to do says when it can be asked again. An answer that could not be
        recorded is returned with a line that says so, and the step stays as it was.
        """

    async def glance(self, offered: Offered) -> Sight | None:
        """A live offer's answer from the readings of this moment, not recorded; None where there is none yet."""

    def request(self, session: Session, step: str, values: Mapping[str, str]) -> ActionRequest:
        """The request for the plan card. What the executor records for it becomes the step's state. Refused."""

    def withdraw(self, session: Session, step: str) -> None:
        """The plan card was left: what the executor records from now on is not this step's."""

    def output(self, run: str) -> tuple[str, ...]:
        """The lines that a script under way, or ended in this session, has written so far: at most 2,000."""
