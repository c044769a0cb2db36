"""The guards as a pure function of a plan and its situation: every reason why the action must not run now."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.action import Grant, Plan, Refusal, Tier
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness

PLAN_VALID_S = 120.0
DEAD_TIME_S = 0.3
CONFIRM_WITHIN_S = 60.0
_SHORTEST_REASON = 3


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the operator must give before this plan may run."""

    tier: Tier
    phrase: str  # to type in full; "y" below T3
    reason: bool  # a reason must be given
    approval: bool  # a second person, or the delay
    delay_s: float = 0.0  # from confirmation to run when nobody else approves
    dead_time_s: float = DEAD_TIME_S
    timeout_s: float = CONFIRM_WITHIN_S


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the operator gave."""

    phrase: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the guards look at beside the plan."""

    armed: bool
    read_only: bool
    freshness: Freshness
    stale_because: str  # why the source's reading cannot be acted on
    plan_age_s: float
    locked_by: str  # who holds the target, "" for nobody


def requirement(plan: Plan, environment: str, t4_delay_s: float) -> Requirement:
    """What the plan's tier asks for."""
    name = plan.request.source.partition("/")[2] or plan.request.source
    phrase = f"{environment}/{name}" if plan.tier >= Tier.T3 else "y"
    return Requirement(
        tier=plan.tier,
        phrase=phrase,
        reason=plan.tier >= Tier.T3,
        approval=plan.tier >= Tier.T4,
        delay_s=t4_delay_s if plan.tier >= Tier.T4 else 0.0,
    )


def refusals(plan: Plan, situation: Situation) -> tuple[Refusal, ...]:
    """All guards that say no, mode first. Empty when the plan may be confirmed.

    What only observes (T0) needs no arming, and a read-only profile lets it through.
    """
    found: list[Refusal] = []
    if plan.tier is Tier.T0:
        pass
    elif situation.read_only:
        found.append(Refusal("mode", "this profile is read-only", "Use a profile without read_only = true"))
    elif not situation.armed:
        found.append(Refusal("mode", "the cockpit is in OBSERVE", "Arm it with ! and a reason"))
    if plan.rests_on_reading and situation.freshness is not Freshness.FRESH:
        found.append(
            Refusal("freshness", situation.stale_because, "Wait for a fresh reading, or ctrl+r to ask again")
        )
    if plan.permission.grant is Grant.DENIED:
        found.append(Refusal("permission", f"missing: {plan.permission.needs}", plan.permission.how))
    found.extend(plan.refusals)
    if situation.locked_by:
        found.append(
            Refusal("lock", f"the target is held by {situation.locked_by}", "Talk to them, or break the lock")
        )
    if situation.plan_age_s > PLAN_VALID_S:
        found.append(Refusal("confirm", f"the plan is {situation.plan_age_s:.0f} s old", "Plan again"))
    return tuple(found)


def confirmation_refusals(needed: Requirement, given: Confirmation, armed_for_s: float) -> tuple[Refusal, ...]:
    """Why the confirmation is not the one that the tier asks for, or could not take effect in time."""
    found: list[Refusal] = []
    if given.phrase != needed.phrase:
        found.append(Refusal("confirm", "not confirmed", f"Type exactly: {needed.phrase}"))
    elif needed.reason and len(given.reason.strip()) < _SHORTEST_REASON:
        found.append(Refusal("confirm", f"{needed.tier.name} needs a reason", "Say in a few words why"))
    if needed.delay_s and armed_for_s < needed.delay_s:
        reason = f"armed for {armed_for_s:.0f} s more, but it waits {needed.delay_s:.0f} s for a second person"
        found.append(Refusal("mode", reason, "Arm it for longer, then plan again"))
    return tuple(found)


def raised(tier: Tier) -> Tier:
    """The next tier, for a plan over a blast cap."""
    return Tier(min(tier + 1, Tier.T4))


def stale_because(source: str, state: SourceState | None) -> str:
    """Why the source's reading cannot be acted on, as a sentence."""
    if state is None or state.freshness is Freshness.WAITING:
        return f"{source} has not been read yet"
    if state.failure is not None:
        return f"{source} cannot be read: {state.failure.message}"
    return f"the reading of {source} is {state.age_s:.0f} s old"
