"""A step as lines: its text, its command and how that was understood, warnings, clocks, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from rich.cells import cell_len

from cockpit.model.command import EffectClass, Kind
from cockpit.model.look import Sight
from cockpit.model.runbook import Fault, Level, Step
from cockpit.runbooks.guide.offer import Offered
from cockpit.runbooks.guide.people import Reach
from cockpit.runbooks.guide.progress import Note, Progress, StepState, Timer
from screens import figures
from screens.dialogs import rows as text_rows
from screens.frame.strip import spans_length
from screens.guide import clocks
from screens.guide.blocks import Block
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Row, Span, Spans, spans

MARK = {
    StepState.TODO: ("[ ]", ""),
    StepState.RUNNING: ("[>]", "primary bold"),
    StepState.DONE: ("[x]", "success bold"),
    StepState.SKIPPED: ("[-]", "muted"),
    StepState.FAILED: ("[!]", "error bold"),
}
_SETTLED = (StepState.DONE, StepState.SKIPPED)
FAULT = {Level.ERROR: ("✖", "error"), Level.WARNING: ("▲", "warning"), Level.NOTE: ("·", "muted")}
_CAME = {
    StepState.TODO: ("▲", "warning"),  # refused: nothing was done
    StepState.RUNNING: (">", "primary"),
    StepState.DONE: ("●", "success"),
    StepState.FAILED: ("✖", "error"),
}
_FAULT_LINES = {Level.ERROR: 4, Level.WARNING: 3, Level.NOTE: 1}
_SHELLS = ("", "bash", "sh", "shell", "console", "zsh", "shell-session", "terminal", "inline")
_AGED = (Column("", 0), Column("", 6, right=True))
_COMMAND_LINES = 6
_WHY_LINES = 3
_SHORT_TARGET = 20
_RESULT_LINES = 4
_DEEPEST = 3
_OLD_S = 60.0


@dataclass(frozen=True, slots=True)
class Stand:
    """One step at one moment."""

    step: Step
    progress: Progress
    now: datetime
    offered: Offered | None = None
    verb: str = ""  # title of the action or look
    key: str = ""  # of the action
    sight: Sight | None = None  # what is seen now, or what was answered last
    stale: bool = False  # the source of what is seen is silent
    timers: tuple[Timer, ...] = ()
    notes: tuple[Note, ...] = ()
    output: tuple[str, ...] = ()  # what a script under way has written
    effect: tuple[Span, ...] = ()  # what the effect watch says
    busy: str = ""  # what is being waited for
    wrong: str = ""  # why the last try gave nothing
    accepted: bool = True  # the runbook is
    waits: str = ""  # until when a quota keeps it from being answered
    reach: tuple[Reach, ...] = ()  # whom and what its prose names


@lru_cache(maxsize=8192)
def wrapped(text: str, width: int, limit: int) -> tuple[str, ...]:
    """At most `limit` lines of `width` cells; the last ends with an ellipsis where there is more."""
    if limit == 1:  # to the last cell, not to the last whole word
        return (text_rows.cut(text[: width + 1], width),)
    # Only what can be shown is looked at: a line of a runbook may be very long.
    lines = text_rows.wrap(text[: (width + 1) * (limit + 1)], width)
    if len(lines) <= limit and len(text) <= (width + 1) * (limit + 1):
        return tuple(lines)
    kept = lines[:limit]
    return (
        *kept[:-1],
        text_rows.cut(f"{kept[-1]} …", width) if len(kept[-1]) + 2 <= width else _ended(kept[-1], width),
    )


def _ended(line: str, width: int) -> str:
    return text_rows.cut(line + " " * width, width)


def number_width(steps: tuple[Step, ...]) -> int:
    """Cells for the numbers of these steps, with a space after."""
    longest = max((len(step.number) for step in steps), default=0)
    return min(7, longest + 1) if longest else 0


def step_block(stand: Stand, width: int, numbers: int, *, repeats: bool = False) -> Block:
    """The step in lines of `width` cells. `repeats`: the step before has the same text, the command says enough."""
    deep = min(_DEEPEST, stand.step.depth) * 2 if width >= 50 else 0
    indent = deep + 4 + numbers
    room = max(10, width - indent)
    made = [] if repeats and stand.step.command is not None else _head(stand, width, deep, numbers)
    body = [
        *_command(stand, room),
        *_understood(stand, room),
        *_faults(stand.offered.faults if stand.offered else (), room),
        *_links(stand, room),
        *_timers(stand, room),
        *_result(stand, room),
    ]
    if not made:
        first, *body = body or [spans()]
        made = [_behind(first, _mark(stand, deep, numbers), width)]
    made += [_behind(row, ((" " * indent, ""),), width) for row in body]
    return Block(stand.step.id, tuple(made))


def _mark(stand: Stand, deep: int, numbers: int) -> tuple[Span, ...]:
    mark, style = MARK[stand.progress.state]
    number = text_rows.cut(stand.step.number, numbers - 1).ljust(numbers) if numbers else ""
    return ((" " * deep, ""), (f"{mark} ", style), (number, "muted"))


def _behind(row: Row, lead: tuple[Span, ...], width: int) -> Row:
    """The row with something before its first cell."""
    cell = row.cells[0] if row.cells else Spans(())
    parts = cell.parts if isinstance(cell, Spans) else (cell,) if isinstance(cell, tuple) else ()
    return Row(row.key, (Spans((*lead, *parts)), *row.cells[1:]), row.layout, row.sunk)


def _head(stand: Stand, width: int, deep: int, numbers: int) -> list[Row]:
    step = stand.step
    if not step.text:
        return []
    settled = stand.progress.state in _SETTLED
    style = "muted" if settled else "bold"
    at = figures.clock(stand.progress.at)[:5] if stand.progress.at and stand.progress.state != StepState.TODO else ""
    indent = deep + 4 + numbers
    lines = wrapped(step.text, max(10, width - indent - (7 if at else 0)), 12)
    first = Spans((*_mark(stand, deep, numbers), (lines[0], style)))
    made = [Row("", (first, (at, "muted")), _AGED) if at else Row("", (first,))]
    return made + [spans((" " * indent, ""), (line, style)) for line in lines[1:]]


def _command(stand: Stand, room: int) -> list[Row]:
    command = stand.step.command
    if command is None:
        return []
    prompt = "$ " if command.language.lower() in _SHELLS else "  "
    found: list[str] = []
    source = command.text.split("\n")
    for number, line in enumerate(source):
        left = _COMMAND_LINES - len(found)
        if left <= 0:
            found.append(f"… {_more(len(source) - number)}: d shows all")
            break
        found += wrapped(line, room - 2, left)
    style = "muted" if stand.progress.state in _SETTLED else "accent"
    return [
        spans((prompt if number == 0 else "  ", "muted"), (line, style if number < _COMMAND_LINES else "muted"))
        for number, line in enumerate(found)
    ]


def _more(count: int) -> str:
    return f"{count} more line{'s' if count != 1 else ''}"


def _understood(stand: Stand, room: int) -> list[Row]:
    offered = stand.offered
    if offered is None:
        return []
    parts = [*_tag(stand, offered)]
    if offered.blocked and not stand.accepted:
        parts.append(("  not accepted", "warning"))
    target = _bound_to(offered)
    made: list[Row] = []
    if target and spans_length(parts) + cell_len(target) + 3 <= room:
        made.append(spans(*parts, (" · ", "muted"), (target, "muted")))
    else:
        made.append(spans(*parts))
        made += _paragraph(target, room, "muted", "", 2, "  ") if target else []
    asks = [ask.label for ask in offered.asks]
    if asks:
        made += _paragraph("enter asks for " + ", ".join(asks), room, "muted", "", 2)
    if offered.differs:
        made += _paragraph(f"not quite the command: {offered.differs}", room, "warning", "▲", _WHY_LINES)
    if offered.reason:
        made += _paragraph(offered.reason, room, "muted", "", _WHY_LINES)
    if offered.blocked and stand.accepted:
        made += _paragraph(offered.blocked, room, "warning", "▲", 2)
    return made


def _tag(stand: Stand, offered: Offered) -> tuple[Span, ...]:
    """What enter would do: look, act natively, run it as it stands, or nothing."""
    if offered.look is not None:
        return ((f"[{'look' if offered.sends else 'live'}] ", "success bold"), (stand.verb, ""))
    if offered.action is None:
        return (("[by hand]", "muted"),)
    if offered.kind is Kind.NATIVE:
        letter = f" {stand.key}" if stand.key else ""
        return ((f"[native: {stand.verb}{letter}] ", "primary bold"), (offered.tier.name, "warning"))
    effect = offered.understanding.effect
    what = "may change something" if effect is EffectClass.UNKNOWN else effect.word
    return ((f"[script {offered.tier.name}] ", "warning bold"), (what, ""))


def _bound_to(offered: Offered) -> str:
    """The profile's own name for where it goes, else what the command names; the plan says the rest."""
    bound = offered.look or offered.action
    source = bound.source if bound is not None and offered.kind is not Kind.SCRIPT else ""
    if source:
        return source
    if len(offered.sources) > 1:
        return f"one of {', '.join(offered.sources)}"
    target = offered.understanding.target
    # A URL stands right above, in the command.
    return "" if len(target) > _SHORT_TARGET and target in offered.understanding.command.text else target


def _faults(faults: tuple[Fault, ...], room: int) -> list[Row]:
    """The worse, the longer; the detail has all of it."""
    made: list[Row] = []
    for fault in faults:
        glyph, style = FAULT[fault.level]
        lines = _FAULT_LINES[fault.level]
        made += _paragraph(fault.why, room, style, glyph, lines)
        if fault.instead and fault.level is not Level.NOTE:
            made += _paragraph(f"instead: {fault.instead}", room, "", "", lines, "  ")
    return made


def _paragraph(text: str, room: int, style: str, glyph: str, limit: int, lead: str = "") -> list[Row]:
    lead = f"{glyph} " if glyph else lead
    rest = " " * len(lead)
    mark = f"{style} bold" if glyph and style != "muted" else style
    return [
        spans((lead if number == 0 else rest, mark), (line, style))
        for number, line in enumerate(wrapped(text, max(8, room - len(lead)), limit))
    ]


def _links(stand: Stand, room: int) -> list[Row]:
    made: list[Row] = []
    for link in stand.step.links:
        if link.target and link.target not in stand.step.text:
            made.append(spans(("→ ", "primary"), (wrapped(link.target, max(8, room - 2), 1)[0], "primary")))
    for reach in stand.reach:
        made += _paragraph(f"{reach.label}: {reach.how}", room, "primary", "→", 2)
    return made


def _timers(stand: Stand, room: int) -> list[Row]:
    return [spans(*clocks.timer(timer)) for timer in stand.timers]


def _result(stand: Stand, room: int) -> list[Row]:
    made: list[Row] = []
    progress = stand.progress
    if stand.sight is not None:
        made += _seen(stand, stand.sight, room)
    elif progress.result and not stand.wrong and not stand.waits:
        glyph, style = _CAME.get(progress.state, ("·", "muted"))
        made += _paragraph(" ".join(progress.result.split()), room, style, glyph, 4)
        if progress.lines != (progress.result,):
            made += _behind_it(progress.lines, room, muted=True, tail=_is_script(stand.offered))
    if stand.output:
        made += [spans(("│ ", "line"), (wrapped(line, room - 2, 1)[0], "")) for line in stand.output[-_RESULT_LINES:]]
    if stand.effect:
        made.append(spans(*stand.effect))
    if stand.busy:
        made.append(spans(("> ", "primary bold"), (stand.busy, "muted")))
    if stand.waits and not stand.busy:
        made += _paragraph(stand.waits, room, "warning", "▲", 2)
    if stand.wrong:
        made += _paragraph(stand.wrong, room, "error", "✖", 4)
    for note in stand.notes:
        made += _paragraph(f"{note.text}  ({note.who} {figures.clock(note.at)[:5]})", room, "secondary", "", 4, "“ ")
    return made


def _seen(stand: Stand, sight: Sight, room: int) -> list[Row]:
    age = max(0.0, (stand.now - sight.at).total_seconds())
    sunk = stand.stale or age > _OLD_S
    lines = wrapped(sight.summary, max(8, room - 9), 3)
    style = SEVERITY_STYLE[sight.severity]
    told = "" if sight.severity == 0 else style
    aged = f"{figures.age(float(int(age) + 1))}"
    made = [
        Row("", (Spans(((f"{GLYPH[sight.severity]} ", style), (lines[0], told))), (aged, "muted")), _AGED, sunk),
        *(Row("", (Spans((("  ", ""), (line, told))),), sunk=sunk) for line in lines[1:]),
    ]
    if stand.stale:
        made.append(spans(("  its source is silent: this is old", "warning")))
    return made + _behind_it(sight.lines, room, muted=sunk, more=sight.cut)


def _is_script(offered: Offered | None) -> bool:
    return offered is not None and offered.action is not None and offered.kind is Kind.SCRIPT


def _behind_it(
    lines: tuple[str, ...], room: int, *, muted: bool, more: bool = False, tail: bool = False
) -> list[Row]:
    """The first lines; `tail`: the last, where a command says how it ended."""
    left = len(lines) - _RESULT_LINES
    shown = [
        spans(("│ ", "line"), (wrapped(line, max(8, room - 2), 1)[0], "muted" if muted else "foreground"))
        for line in (lines[-_RESULT_LINES:] if tail else lines[:_RESULT_LINES])
    ]
    if tail and left > 0:
        return [spans(("│ ", "line"), (f"… {_more(left)} before: d shows them", "muted")), *shown]
    if left > 0 or more:
        count = f"{_more(left)}{', and more' if more else ''}" if left > 0 else "more"
        shown.append(spans(("│ ", "line"), (f"… {count}: d shows them", "muted")))
    return shown
