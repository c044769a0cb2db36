"""What one action on one source must know: how to plan, run and verify itself. Guards are not its business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cockpit.model.action import ActionRequest, ActionSpec, Choice, Plan, RunResult, Verification

Lend = Callable[[Sequence[str], bool], Awaitable[int]]
"""Lends the terminal to a program until it ends; its status, negative for a signal. True: wait for enter then."""


def _nothing(process_group: int) -> None:
    """For an action that starts no process here, and for tests."""


@dataclass(frozen=True, slots=True)
class RunControl:
    """What a running action is given: a place to tell progress, and the operator's wish to stop."""

    progress: Callable[[int, int, str], None]  # done, total (0: unknown), note
    aborted: Callable[[], bool]
    began: Callable[[int], None] = _nothing  # the process group that does it: whoever comes later can look for it
    lend: Lend | None = None  # None where there is no terminal


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the action takes place: the words that plans and confirmations name."""

    system: str
    environment: str


@runtime_checkable
class Keeping(Protocol):
    """An action with a parameter of kind REFERENCE, whose value may also be typed."""

    def keep(self, value: str) -> str:
        """Hold the value in memory; the reference to it, which is all that a request ever has."""


@runtime_checkable
class Choosing(Protocol):
    """An action whose choices for one parameter depend on another that is filled in."""

    async def choices_among(self, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
        """As `choices`, for what is given already."""


async def choices_for(handler: ActionHandler, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
    """Of an action that looks at what is given already as well, or not."""
    if isinstance(handler, Choosing):
        return await handler.choices_among(param, given)
    return await handler.choices(param)


class ActionHandler(Protocol):
    """One action bound to one source.

    `plan` only reads. It captures the identity (from the request where the row gave it, else now), and puts what
    it found wrong into `Plan.refusals` (preconditions) and `Plan.permission`; it raises CockpitError when it cannot
    tell. Planned again for the same request in the same state it gives the same digest: nothing volatile (ages,
    counters) goes into the fields that the digest covers. The operator gives a reason and the executor checks it.

    `run` does it once, with no retry. A CockpitError out of it means FAILED, or UNKNOWN with `effect_possible`.
    `verify` looks whether the post-condition holds.
    """

    @property
    def spec(self) -> ActionSpec:
        """The declaration."""

    @property
    def source(self) -> str:
        """Id of the source it acts on."""

    def unavailable(self) -> str:
        """Why it cannot be offered at all ("" when it can): a missing capability, a profile without it."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Values for a parameter of kind CHOICE, from live data."""

    async def plan(self, request: ActionRequest) -> Plan:
        """What it would do now."""

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Do it."""

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look whether it is so."""
