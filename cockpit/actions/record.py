"""What the executor hands out: the plan with what it asks for, the run in progress, and the record of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cockpit.actions.guards import Requirement
from cockpit.audit.locks import Holder
from cockpit.model.action import ActionRequest, Outcome, Plan, Refusal, Undo, Verdict, Verification


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with its requirement. `refusals` leaves the mode out: `needs_arming` says that."""

    plan: Plan
    requirement: Requirement
    refusals: tuple[Refusal, ...]
    needs_arming: bool
    at: float  # monotonic
    holder: Holder | None = None  # who held the target when it was planned


@dataclass(frozen=True, slots=True)
class Running:
    """An action under way."""

    run: str
    title: str
    source: str
    phase: str  # "waiting for the delay", "checking again", "running", "verifying"
    done: int
    total: int  # 0: unknown
    note: str
    started: datetime
    can_abort: bool
    request: ActionRequest | None = None  # as planned


@dataclass(frozen=True, slots=True)
class Record:
    """What came of one attempt."""

    run: str
    plan: Plan
    outcome: Outcome
    summary: str
    started: datetime
    ended: datetime
    refusals: tuple[Refusal, ...] = ()
    replanned: Planned | None = None  # the new plan, where the target had changed
    details: tuple[str, ...] = ()
    verification: Verification | None = None
    undo: Undo | None = None
    audited: bool = True
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class UndoOffer:
    """The way back from the last action."""

    title: str
    undo: Undo
    remaining_s: float


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An intent without an outcome: the cockpit that had it is gone, its effect may have happened."""

    run: str
    at: str
    who: str
    title: str
    target: str
    operation: tuple[str, ...]
    process: str = ""  # where the command itself may be found, "" where no process of a machine did it


def intent_facts(plan: Plan, reason: str, approver: str) -> dict[str, Any]:
    """What the audit log keeps of a plan. Plans hold no secrets: handlers mask them."""
    return {
        "action": plan.request.action,
        "title": plan.title,
        "source": plan.request.source,
        "params": dict(plan.request.params),
        "target": plan.target,
        "identity": dict(plan.identity),
        "tier": plan.tier.name,
        "reason": reason,
        "digest": plan.digest,
        "operation": list(plan.operation),
        "objects": list(plan.objects[:200]),
        "count": plan.count,
        "changes": [[change.what, change.before, change.after] for change in plan.changes],
        "approver": approver,
    }


def outcome_facts(record: Record) -> dict[str, Any]:
    """What the audit log keeps of an outcome."""
    return {
        "action": record.plan.request.action,
        "outcome": record.outcome.value,
        "summary": record.summary,
        "details": list(record.details[:200]),
        "refusals": [[refusal.step, refusal.reason] for refusal in record.refusals],
    }


def process_of(host: str, here: str, facts: Mapping[str, Any]) -> str:
    """From the audit line of a run's begin: its process group, and whether that is alive, if it can be told here."""
    group = facts.get("process_group")
    if not isinstance(group, int) or group <= 1:
        return ""
    look = f"ps -o pid,etime,args -g {group}"
    if host != here:
        return f"process group {group} on {host}: it may still run; look there with {look}"
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return f"process group {group}: none of it is alive any more"
    except OSError:
        pass  # somebody else's, or not to be asked: then only a look tells
    return f"process group {group}: one of this number is alive, so the command may still run; look with {look}"


def unresolved_of(run: str, at: str, actor: Mapping[str, Any], facts: Mapping[str, Any]) -> Unresolved:
    """From an intent's audit line."""
    return Unresolved(
        run=run,
        at=at,
        who=str(actor.get("login") or actor.get("user") or "somebody"),
        title=str(facts.get("title", facts.get("action", "an action"))),
        target=str(facts.get("target", "")),
        operation=tuple(str(line) for line in facts.get("operation", ())),
    )
