"""Everything about one step as names and values, for reading and copying."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.command import Kind
from cockpit.model.look import Sight
from cockpit.model.runbook import Step
from cockpit.runbooks.guide.offer import Offered
from cockpit.runbooks.guide.progress import Note, Progress, StepState
from screens import figures

Line = tuple[str, str]


def detail(
    step: Step,
    progress: Progress,
    offered: Offered | None,
    sight: Sight | None,
    output: Sequence[str],
    notes: Sequence[Note],
) -> list[Line]:
    """The text, the command in full, how it was understood and why, warnings, result, output."""
    lines: list[Line] = [("step", f"{step.number} {step.text}".strip())]
    if step.condition:
        lines.append(("only", step.condition))
    if step.command is not None:
        lines.append(
            ("command", "\n".join(["", step.command.text]) if "\n" in step.command.text else step.command.text)
        )
        lines.append(("line", f"{step.command.file}:{step.command.line}"))
    else:
        lines.append(("line", str(step.line)))
    if offered is not None:
        lines += _understood(offered)
    lines += [("clock", clock.text) for clock in step.clocks]
    lines += [
        ("link", f"{link.text}  {link.target}" if link.text != link.target else link.target) for link in step.links
    ]
    lines += _state(progress)
    if sight is not None:
        lines.append(("answer", f"{sight.severity.word}: {sight.summary}"))
        lines += [("", line) for line in sight.lines]
        if sight.cut:
            lines.append(("", "… there was more"))
    elif progress.lines:
        lines += [("" if number else "lines", line) for number, line in enumerate(progress.lines)]
    lines += [("" if number else "output", line) for number, line in enumerate(output)]
    lines += [("note", f"{note.text} ({note.who}, {figures.clock(note.at)} UTC)") for note in notes]
    return lines


def _understood(offered: Offered) -> list[Line]:
    understanding = offered.understanding
    name = (
        offered.action.action if offered.action is not None else offered.look.look if offered.look is not None else ""
    )
    source = (
        offered.action.source
        if offered.action is not None
        else offered.look.source
        if offered.look is not None
        else ""
    )
    said = offered.kind.value if offered.kind is not Kind.NOT_UNDERSTOOD else "by hand"
    lines: list[Line] = [
        ("understood", " · ".join(filter(None, (said, name, source, understanding.target)))),
        ("effect", f"{understanding.effect.word}, {offered.tier.name} {offered.tier.meaning}"),
    ]
    lines += [("why" if number == 0 else "", text) for number, text in enumerate(understanding.why)]
    if offered.reason:
        lines.append(("but", offered.reason))
    if offered.differs:
        lines.append(("differs", offered.differs))
    if offered.blocked:
        lines.append(("blocked", offered.blocked))
    lines += [("asks", f"{ask.label}: {ask.help}" if ask.help else ask.label) for ask in offered.asks]
    for fault in offered.faults:
        lines.append((f"lint {fault.level.value}", fault.why))
        if fault.instead:
            lines.append(("  instead", fault.instead))
        lines.append(("  rule", fault.rule))
    return lines


def _state(progress: Progress) -> list[Line]:
    if progress.state is StepState.TODO:
        return [("state", progress.state.value)]
    if progress.state is StepState.SKIPPED and progress.at is None:
        return [("state", "not done here: the item that it stands below was ticked or skipped")]
    at = f" at {figures.clock(progress.at)} UTC" if progress.at is not None else ""
    lines = [("state", f"{progress.state.value}{at}{f' by {progress.who}' if progress.who else ''}")]
    if progress.result:
        lines.append(("result", progress.result))
    if progress.run:
        lines.append(("run", progress.run))
    return lines
