"""A plan as lines of text. Pure: a plan and a width in, `Content` out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from cockpit.model.action import Grant, Plan, Refusal, Tier
from screens.dialogs import rows

FRAME_CLASS = {Tier.T0: "-calm", Tier.T1: "-calm", Tier.T2: "-care", Tier.T3: "-danger", Tier.T4: "-danger"}
TIER_STYLE = {
    Tier.T0: rows.MUTED,
    Tier.T1: "$primary bold",
    Tier.T2: rows.CARE,
    Tier.T3: rows.BAD,
    Tier.T4: rows.BAD,
}
_OBJECTS_SHOWN = 100
_LONG = 12  # a request of more lines would push the one line that says the same out of sight
_OBJECTS_FIRST = 6  # a longer list goes to the end: what runs and who is hit must be seen without scrolling
_GRANT = {
    Grant.GRANTED: ("●", rows.GOOD),
    Grant.DENIED: ("✖", rows.BAD),
    Grant.UNKNOWN: ("?", rows.CARE),
}


def environment_chip(environment: str) -> Content:
    """The environment in capitals: red where it is production by name, else in the warning colour."""
    colour = "$error" if environment.lower().startswith(("prod", "live")) else "$warning"
    return rows.chip(environment.upper(), colour)


def title(plan: Plan) -> Content:
    """For the frame's upper edge."""
    return Content.assemble(
        " ", (plan.title, rows.STRONG), "  ", (f"{plan.tier.name} {plan.tier.meaning}", TIER_STYLE[plan.tier]), " "
    )


def head(plan: Plan, system: str, environment: str, width: int) -> list[Content]:
    """Where and on what: never cut to less than two lines, never scrolled away."""
    where = Content.assemble(
        environment_chip(environment),
        "  ",
        (system, rows.STRONG),
        "  ",
        (rows.cut(plan.request.source, max(8, width - len(environment) - len(system) - 8)), rows.MUTED),
    )
    target = rows.labelled("target", [plan.target], width, style=rows.STRONG)
    if len(target) > 3:
        target = [*target[:2], *rows.labelled("", [rows.cut(target[2].plain.strip(), width - 12) + " …"], width)]
    return [where, *target]


def share(plan: Plan) -> str:
    """ "3 of 46 (7 %)", "3" where a share makes no sense, "" where nothing is counted."""
    if plan.population > 0:
        percent = 100 * plan.count / plan.population
        number = "< 1" if 0 < percent < 1 else f"{percent:.0f}"
        return f"{plan.count:,} of {plan.population:,} ({number} %)".replace(",", " ")
    return f"{plan.count:,}".replace(",", " ")


def refusal_lines(refusals: Sequence[Refusal], width: int) -> list[Content]:
    """Each reason with the guard's name and what to do instead."""
    lines: list[Content] = []
    for refusal in refusals:
        lines += rows.paragraph(f"{refusal.step}: {refusal.reason}", width, rows.BAD, "✖")
        if refusal.hint:
            lines += rows.labelled("", [refusal.hint], width, label_width=2)
    return lines


def _change_lines(plan: Plan, width: int) -> list[Content]:
    lines: list[Content] = []
    for index, change in enumerate(plan.changes):
        label = "change" if index == 0 else ""
        one_line = f"{change.what}: {change.before} → {change.after}"
        if len(rows.wrap(one_line, width - 10)) == 1:
            lines.append(
                Content.assemble(
                    (label.ljust(10), rows.MUTED),
                    change.what,
                    "  ",
                    (change.before, rows.MUTED),
                    (" → ", rows.MUTED),
                    (change.after, rows.STRONG),
                )
            )
            continue
        lines += rows.labelled(label, [change.what], width)
        lines += rows.labelled("", [f"  {change.before}"], width, style=rows.MUTED)
        lines += rows.labelled("", [f"→ {change.after}"], width, style=rows.STRONG)
    return lines


def _object_lines(plan: Plan, width: int) -> list[Content]:
    if not plan.objects and plan.count <= 1 and plan.population <= 0:
        return []  # the target itself
    lines = rows.labelled("objects", [share(plan)], width, style=rows.STRONG)
    if len(plan.objects) > _OBJECTS_FIRST + 2:
        lines += rows.labelled("", [rows.cut(text, width - 10) for text in plan.objects[:_OBJECTS_FIRST]], width)
        return lines + rows.labelled("", ["… the whole list is at the end"], width, style=rows.MUTED)
    return lines + _every_object(plan, width, "")


def _every_object(plan: Plan, width: int, label: str) -> list[Content]:
    lines = rows.labelled(label, plan.objects[:_OBJECTS_SHOWN], width)
    missing = plan.count - min(len(plan.objects), _OBJECTS_SHOWN)
    if len(plan.objects) > 1 and missing > 0:  # a single one stands for all of them
        lines += rows.labelled("", [f"… and {missing:,} more".replace(",", " ")], width, style=rows.MUTED)
    return lines


def body(plan: Plan, refusals: Sequence[Refusal], width: int, changed: Sequence[str] = ()) -> list[Content]:
    """Everything else, most decisive first."""
    lines: list[Content] = []
    for text in changed:
        lines += rows.paragraph(text, width, rows.CARE, "▲")
    lines += refusal_lines(refusals, width)
    for warning in plan.warnings:
        lines += rows.paragraph(warning, width, rows.CARE, "▲")
    lines += _change_lines(plan, width)
    lines += _object_lines(plan, width)
    lines += rows.labelled("who", [plan.affected or "nobody is known to be affected"], width)
    glyph, style = _GRANT[plan.permission.grant]
    right = plan.permission.needs or "no right is needed beyond the connection's own"
    lines += rows.labelled("allowed", [f"{glyph} {plan.permission.grant.value}: {right}"], width, style=style)
    told = any(refusal.hint == plan.permission.how for refusal in refusals)
    if plan.permission.how and plan.permission.grant is not Grant.GRANTED and not told:
        lines += rows.labelled("", [plan.permission.how], width)
    undo_style = "" if plan.undo.request is not None else rows.CARE
    lines += rows.labelled("undo", [plan.undo.text], width, style=undo_style)
    if plan.dry_run:
        lines += rows.labelled("dry run", [plan.dry_run], width)
    runs = rows.labelled("runs", plan.operation, width, style="$accent")
    by_hand = rows.labelled("by hand", plan.equivalent, width)
    lines += [*by_hand, *runs] if len(plan.operation) > _LONG else [*runs, *by_hand]
    lines += rows.labelled("bound to", [_identity(plan)], width, style=rows.MUTED)
    if plan.tier >= Tier.T4:
        lines += rows.labelled("approve", [f"somebody else, from their own account: {plan.approval}"], width)
    lines += rows.labelled(
        "plan", [f"{plan.digest[:12]} · waits {rows.duration(plan.deadline_s)} at most"], width, style=rows.MUTED
    )
    if len(plan.objects) > _OBJECTS_FIRST + 2:
        lines += _every_object(plan, width, "objects")
    return lines


def _identity(plan: Plan) -> str:
    pairs = [f"{name} {value}" for name, value in plan.identity.items()]
    return " · ".join(pairs) or "the source"


def differences(old: Plan, new: Plan) -> list[str]:
    """What changed between two plans for the same request, in sentences."""
    found: list[str] = []
    if old.target != new.target:
        found.append(f"the target was {old.target} and is now {new.target}")
    for name in sorted({*old.identity, *new.identity}):
        before, after = old.identity.get(name, "unset"), new.identity.get(name, "unset")
        if before != after:
            found.append(f"{name} was {before} and is now {after}")
    if old.count != new.count:
        found.append(f"it hit {old.count} objects and now hits {new.count}")
    elif set(old.objects) != set(new.objects):
        found.append("the objects are not the same any more")
    if old.tier != new.tier:
        found.append(f"its tier was {old.tier.name} and is now {new.tier.name}")
    earlier = {change.what: change for change in old.changes}
    for change in new.changes:
        before_change = earlier.get(change.what)
        if before_change is not None and before_change != change:
            found.append(f"{change.what}: was {before_change.before} → {before_change.after}")
    if not found and old.digest != new.digest:
        found.append("what would be sent is not the same any more")
    return found
