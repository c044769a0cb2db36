"""The times of a runbook as clocks in words: what is left, what is due, who is to be told. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.runbook import ClockKind
from cockpit.runbooks.guide.progress import Escalation, Timer
from screens.frame.strip import spans_length
from screens.paint import Row, Span, spans

SOON_S = 120.0


def mmss(seconds: float) -> str:
    """1:20, 28:12, 2:05:00; without a sign."""
    whole = int(abs(seconds))
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def timer(clock: Timer) -> tuple[Span, ...]:
    """One clock of a step or playbook."""
    text = (clock.text, "muted")
    left, gone = mmss(clock.remaining_s), f"{mmss(clock.remaining_s)} ago"
    match clock.kind:
        case ClockKind.WINDOW if clock.over:
            return (("▲ ", "warning bold"), text, (f"  ended {gone}", "warning"))
        case ClockKind.WINDOW if clock.running:
            return (("○ ", "primary"), text, (f"  {left} left", "primary"))
        case ClockKind.LAST if clock.over:
            return (("● ", "success"), text, (f"  held for {mmss(clock.elapsed_s)}: space ends it", "success bold"))
        case ClockKind.LAST if clock.running:
            return (("○ ", "primary"), text, (f"  {left} left", "primary"))
        case ClockKind.EVERY if clock.over:
            return (("▲ ", "warning bold"), text, (f"  due {gone}  ", "warning bold"), *_key("o", "done"))
        case ClockKind.EVERY if clock.running:
            times = f", done {clock.times}×" if clock.times else ""
            return (("○ ", "primary"), text, (f"  next in {left}{times}", "primary"))
        case ClockKind.AFTER if clock.over:
            return (("✖ ", "error bold"), text, (f"  reached {gone}{_to(clock.to)}", "error bold"))
        case ClockKind.AFTER if clock.running:
            soon = clock.remaining_s <= SOON_S
            glyph = ("▲ ", "warning bold") if soon else ("○ ", "primary")
            return (glyph, text, (f"  in {left}{_to(clock.to)}", "warning" if soon else "primary"))
        case ClockKind.LAST | ClockKind.EVERY:
            return (("○ ", "muted"), text, ("  space starts the clock", "muted"))
        case _:
            return (("○ ", "muted"), text)


def _to(name: str) -> str:
    return f": {name}" if name else ""


def _key(key: str, word: str) -> tuple[Span, ...]:
    return ((key, "primary bold"), (f" {word}", "muted"))


def escalation(each: Escalation, width: int = 0) -> tuple[Span, ...]:
    """Who is to be told, and in how long; how to reach them where that leaves room for the key (0: any)."""
    to = each.to or "the next in line"
    if each.told is not None:
        return (("● ", "success"), (f"{to} was told at {each.told:%H:%M}", "muted"))
    at = mmss(each.after_s)
    if each.is_due:
        mark, late = ("✖ ", "error bold"), (f"due {mmss(each.remaining_s)} ago  ", "error")
        reach = f" {each.reach}" if each.reach else ""
        full = (mark, (f"escalate to {to}{reach}: ", "error bold"), late, *_key("o", "told"))
        if not width or spans_length(full) <= width:
            return full
        return (mark, (f"escalate to {to}: ", "error bold"), late, *_key("o", "told"))
    if each.remaining_s <= SOON_S:
        return (("▲ ", "warning bold"), (f"escalate to {to} at {at}, in {mmss(each.remaining_s)}", "warning bold"))
    return ((f"escalate to {to} at {at}, in {mmss(each.remaining_s)}", "muted"),)


def standing(
    elapsed_s: float, escalations: Sequence[Escalation], timers: Sequence[Timer], width: int, room: int = 3
) -> list[Row]:
    """The lines on top of a playbook: how long it is open, what is due, and what comes next."""
    due = [each for each in escalations if each.is_due]
    coming = next((each for each in escalations if not each.is_due and each.told is None), None)
    told = [each for each in escalations if each.told is not None]
    lines: list[tuple[Span, ...]] = [escalation(each, width) for each in due]
    lines += [timer(each) for each in timers if each.over and each.kind is ClockKind.EVERY]
    if coming is not None:
        lines.append(escalation(coming))
    elif told and not due:
        lines.append(escalation(told[-1]))
    lines += [timer(each) for each in timers if not each.step and not each.over and each.kind is not ClockKind.AFTER]
    since: list[Span] = [(f"{mmss(elapsed_s)} since opened", "bold")]
    if lines and spans_length(since) + spans_length(lines[0]) + 3 <= width:
        since += [(" · ", "muted"), *lines.pop(0)]
    made = [spans(*since), *(spans(*line) for line in lines[:room])]
    if len(lines) > room:
        made.append(spans((f"and {len(lines) - room} more clocks", "muted")))
    return made


def reminder(escalations: Sequence[Escalation], timers: Sequence[Timer], step: str = "") -> Escalation | Timer | None:
    """What the key that acknowledges is about: the step's own clock that is due, else the first that is."""
    due = [each for each in timers if each.over and each.kind is ClockKind.EVERY]
    own = next((each for each in due if each.step == step and step), None)
    if own is not None:
        return own
    first = next((each for each in escalations if each.is_due), None)
    return first or next(iter(due), None)
