"""Items with steps below them. Such an item is not one thing more to do: it stands where those below it stand. Pure.

What somebody says of the item itself counts until something below it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.model.runbook import ClockKind, Step
from cockpit.runbooks.guide.progress import Progress, StepState

_HELD = (ClockKind.LAST, ClockKind.EVERY)
_SETTLED = (StepState.DONE, StepState.SKIPPED)


def counted(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Those that are something to do: all but the items that only introduce what stands below them."""
    last = len(steps) - 1
    return tuple(
        step
        for number, step in enumerate(steps)
        if number == last or not _is_over(step, steps[number + 1]) or takes_time(step)
    )


def settled(steps: Sequence[Step], touched: Mapping[str, Progress]) -> int:
    """How many of the counted are done or skipped."""
    found = standing(steps, touched)
    return sum(step.id in found and found[step.id].state in _SETTLED for step in counted(steps))


def takes_time(step: Step) -> bool:
    """It is begun, and over when its time is: a step all the same where others stand below it."""
    return step.command is None and any(clock.kind in _HELD for clock in step.clocks)


def _is_over(step: Step, after: Step) -> bool:
    """Prose, followed by something deeper of the same part."""
    return step.command is None and after.depth > step.depth and after.part is step.part


def below(steps: Sequence[Step]) -> tuple[tuple[Step, tuple[Step, ...]], ...]:
    """The items that others stand below, in the order of the text, each with all of those."""
    found: list[tuple[Step, tuple[Step, ...]]] = []
    for number, step in enumerate(steps[:-1]):
        if not _is_over(step, steps[number + 1]):
            continue
        end = number + 1
        while end < len(steps) and steps[end].depth > step.depth and steps[end].part is step.part:
            end += 1
        found.append((step, tuple(steps[number + 1 : end])))
    return tuple(found)


def standing(steps: Sequence[Step], touched: Mapping[str, Progress]) -> dict[str, Progress]:
    """By step id, those that do not stand at TODO untouched. `touched` is what was said or done, by step id.

    An item is DONE when all below it is settled, FAILED and RUNNING as soon as something below it is. Below an item
    that was ticked or skipped by hand, what was not touched since is SKIPPED: nobody did it here.
    """
    found = dict(touched)
    nested = below(steps)
    covered: set[str] = set()
    for item, rest in nested:
        own = touched.get(item.id)
        if own is None or own.state not in _SETTLED or item.id in covered:
            continue
        for step in rest:
            if _to_do_since(touched.get(step.id), own):
                covered.add(step.id)
                found[step.id] = Progress(step.id, StepState.SKIPPED)
    for item, rest in reversed(nested):  # inner ones first
        own = touched.get(item.id, Progress(item.id))
        if own.state is StepState.TODO and item.id not in covered and not takes_time(item):
            found[item.id] = _sum(own, [found.get(step.id, Progress(step.id)) for step in rest])
    return found


def _to_do_since(step: Progress | None, item: Progress) -> bool:
    if step is None or step.state is not StepState.TODO:
        return step is None
    return step.at is None or item.at is None or step.at <= item.at  # else it was taken back since


def _sum(own: Progress, rest: Sequence[Progress]) -> Progress:
    """Where an item stands by what is below it; as it is when that was said after the last of them changed."""
    touched = [(each.at, each.who) for each in rest if each.at is not None]
    at, who = max(touched, default=(None, ""))
    if at is None or (own.at is not None and at <= own.at):
        return own
    states = {each.state for each in rest}
    for state in (StepState.RUNNING, StepState.FAILED, StepState.TODO, StepState.DONE, StepState.SKIPPED):
        if state in states:
            return own if state is StepState.TODO else Progress(own.step, state, at, who)
    return own
