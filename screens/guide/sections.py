"""What stands around the steps of a playbook: symptoms, parts, conditions, causes, links, notes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.runbook import Link, Part, Step
from cockpit.runbooks.guide.session import Session
from screens.guide.blocks import Block
from screens.guide.lines import wrapped
from screens.paint import Row, Rule, note, spans

_PART = {Part.OTHER: "steps"}


def parted(steps: Sequence[Step]) -> bool:
    """The steps have parts that are worth a heading."""
    return len({step.part for step in steps}) > 1 or any(step.part is not Part.OTHER for step in steps)


def headings(step: Step, before: Step | None, width: int, *, parts: bool) -> list[Block]:
    """The part and the condition that begin with this step."""
    made: list[Block] = []
    if parts and (before is None or before.part is not step.part):
        made.append(Block("", (Row("", (Rule(_PART.get(step.part, step.part.value), "muted"),)),)))
    # Not above a step that begins with the same words.
    said = step.text.casefold().startswith(step.condition.casefold().rstrip(" :,."))
    if step.condition and not said and (before is None or before.condition != step.condition):
        lines = wrapped(step.condition, max(10, width - 2), 3)
        rows = [
            spans(("▸ " if number == 0 else "  ", "primary"), (line, "primary bold"))
            for number, line in enumerate(lines)
        ]
        made.append(Block("", tuple(rows)))
    return made


def lead_in(session: Session, width: int) -> list[Block]:
    """The symptoms."""
    made: list[Row] = []
    for number, symptom in enumerate(session.playbook.symptoms[:6]):
        lines = wrapped(symptom, max(10, width - 10), 2)
        label = "symptoms  " if number == 0 else " " * 10
        made += [spans((label if at == 0 else " " * 10, "muted"), (line, "")) for at, line in enumerate(lines)]
    return [Block("", tuple(made))] if made else []


def lead_out(session: Session, width: int) -> list[Block]:
    """Causes with what helps, links, notes on the whole."""
    made: list[Row] = []
    if session.playbook.causes:
        made.append(Row("", (Rule("causes, and what helps"),)))
        for cause, cure in session.playbook.causes:
            made += [spans((line, "bold")) for line in wrapped(cause, width, 2)]
            made += [spans(("  ", ""), (line, "")) for line in wrapped(cure, max(10, width - 2), 3)]
    if links := loose_links(session):
        made.append(Row("", (Rule("links"),)))
        for link in links:
            label = f"{link.text}  " if link.text != link.target else ""
            made.append(spans(("→ ", "primary"), (label, ""), (link.target, "primary")))
    for each in session.notes:
        if not each.step:
            made += [note(line) for line in wrapped(f"note: {each.text}", width, 3)]
    return [Block("", tuple(made))] if made else []


def loose_links(session: Session) -> tuple[Link, ...]:
    """The links of the playbook that stand at none of its steps."""
    shown = {link.target for step in session.steps for link in step.links}
    return tuple(link for link in session.playbook.links if link.target not in shown)
