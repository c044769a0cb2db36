"""What stands around the steps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cockpit.model.runbook import Link, Part, Playbook, Step
from screens.guide.blocks import Block
from screens.guide.sections import headings, lead_out
from screens.paint import Spans


def text(blocks: list[Block]) -> str:
    found: list[str] = []
    for block in blocks:
        for row in block.rows:
            found += ["".join(part[0] for part in cell.parts) for cell in row.cells if isinstance(cell, Spans)]
    return "\n".join(found)


def session(*steps: Step, links: tuple[Link, ...] = ()) -> Any:
    return SimpleNamespace(steps=steps, notes=(), playbook=Playbook("p", "P", 1, "r.md", (), (), steps, links=links))


def test_a_condition_stands_above_the_steps_that_it_is_for() -> None:
    step = Step("s", 3, "Roll back", Part.OTHER, condition="If it began with a deployment")
    assert "▸ If it began with a deployment" in text(headings(step, None, 60, parts=False))
    assert headings(step, step, 60, parts=False) == [], "once"


def test_a_step_that_says_its_condition_itself_has_none_above() -> None:
    step = Step(
        "s", 3, "If not resolved after 5 minutes, call Ana", Part.OTHER, condition="If not resolved after 5 minutes:"
    )
    assert headings(step, None, 60, parts=False) == []


def test_a_link_of_a_step_is_not_named_again_below() -> None:
    board, wiki = Link("board", "https://board.example", 3), Link("wiki", "https://wiki.example", 4)
    found = text(lead_out(session(Step("s", 3, "Look", Part.OTHER, links=(board,)), links=(board, wiki)), 60))
    assert "https://wiki.example" in found and "board" not in found
