"""A plan as text: what is on the plan card of the screen, for terminals, pipes and logs; and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cockpit.actions.guards import Requirement
from cockpit.actions.record import Planned
from cockpit.cli.output import Style
from cockpit.model.action import Grant, Plan, Refusal
from cockpit.model.severity import Severity

_OBJECTS = 20
_INDENT = 13


def plan_lines(planned: Planned, environment: str, style: Style) -> list[str]:
    """The card: target, tier, changes, objects, who is hit, the operation, its undo, what speaks against it."""
    plan = planned.plan
    lines = [style.strong(f"{plan.title}: {plan.target}")]
    lines += _block("environment", [environment])
    lines += _block("tier", [f"{plan.tier.name}, {plan.tier.meaning}"])
    lines += _block("identity", [" ".join(f"{name}={value}" for name, value in plan.identity.items())])
    lines += _block("change", [f"{change.what}: {change.before} → {change.after}" for change in plan.changes])
    lines += _block("objects", _objects(plan))
    lines += _block("affects", [plan.affected])
    lines += _block("sends", plan.operation)
    lines += _block("by hand", plan.equivalent)
    lines += _block("permission", [_permission(plan)])
    lines += _block("undo", [plan.undo.text])
    lines += _block("dry run", [plan.dry_run])
    lines += _block("deadline", [f"{plan.deadline_s:g} s"])
    lines += _block("digest", [plan.digest])
    lines = [style.plain(line) for line in lines]
    lines += [style.paint(style.plain(f"warning      {text}"), Severity.WARN) for text in plan.warnings]
    lines += [style.paint(style.plain(line), Severity.CRIT) for line in refusal_lines(planned.refusals)]
    return lines


def refusal_lines(refusals: Iterable[Refusal]) -> list[str]:
    """One line a refusal: the guard, why, what to do instead."""
    return [
        f"{'refused':<{_INDENT}}{refusal.step}: {refusal.reason}{f'. {refusal.hint}' if refusal.hint else ''}"
        for refusal in refusals
    ]


def confirmation_options(needed: Requirement) -> str:
    """What must be added on the command line for this plan to run."""
    approval = f" (then a second person's yes, or {needed.delay_s:g} s of waiting)" if needed.approval else ""
    return f"--confirm {needed.phrase} --reason TEXT{approval}"


def planned_json(planned: Planned) -> dict[str, Any]:
    """The keys that `plan --json` and `act --json` print for a plan."""
    plan = planned.plan
    return {
        "action": plan.request.action,
        "source": plan.request.source,
        "params": dict(plan.request.params),
        "title": plan.title,
        "tier": plan.tier.name,
        "target": plan.target,
        "identity": dict(plan.identity),
        "changes": [{"what": change.what, "before": change.before, "after": change.after} for change in plan.changes],
        "objects": list(plan.objects),
        "count": plan.count,
        "population": plan.population,
        "affected": plan.affected,
        "operation": list(plan.operation),
        "equivalent": list(plan.equivalent),
        "permission": {
            "grant": plan.permission.grant.name.lower(),
            "needs": plan.permission.needs,
            "how": plan.permission.how,
        },
        "undo": plan.undo.text,
        "dry_run": plan.dry_run,
        "deadline_s": plan.deadline_s,
        "digest": plan.digest,
        "warnings": list(plan.warnings),
        "refusals": refusals_json(planned.refusals),
        "requires": {
            "confirm": planned.requirement.phrase,
            "reason": True,
            "approval": planned.requirement.approval,
            "delay_s": planned.requirement.delay_s,
        },
    }


def refusals_json(refusals: Iterable[Refusal]) -> list[dict[str, str]]:
    """Each with step, reason and hint."""
    return [{"step": refusal.step, "reason": refusal.reason, "hint": refusal.hint} for refusal in refusals]


def _block(label: str, texts: Iterable[str]) -> list[str]:
    shown = [text for text in texts if text]
    return [f"{label if index == 0 else '':<{_INDENT}}{text}" for index, text in enumerate(shown)]


def _objects(plan: Plan) -> list[str]:
    share = f" of {plan.population} ({100 * plan.count / plan.population:.0f} %)" if plan.population else ""
    shown = list(plan.objects[:_OBJECTS])
    rest = [f"… and {plan.count - len(shown)} more"] if plan.count > len(shown) > 0 else []
    return [f"{plan.count}{share}", *shown, *rest]


def _permission(plan: Plan) -> str:
    if not plan.permission.needs and plan.permission.grant is Grant.GRANTED:
        return str(plan.permission.grant.value)
    how = f" ({plan.permission.how})" if plan.permission.how and plan.permission.grant is not Grant.GRANTED else ""
    return f"{plan.permission.grant.value}: {plan.permission.needs}{how}"
