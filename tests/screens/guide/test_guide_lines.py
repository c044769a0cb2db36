"""Steps, clocks and the list as lines: pure functions on values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from cockpit.model.action import ActionRequest, Tier
from cockpit.model.command import Command, EffectClass, Kind, Understanding
from cockpit.model.runbook import ClockKind, Fault, Level, Part, Playbook, Runbook, Step
from cockpit.runbooks.guide.match import Hit
from cockpit.runbooks.guide.offer import Offered
from cockpit.runbooks.guide.progress import Escalation, Past, Progress, StepState, Timer
from screens.guide import clocks, lines, listing
from screens.guide.blocks import Block
from screens.paint import Row, plain

NOW = datetime(2026, 11, 21, 14, 3, tzinfo=UTC)


def text(block: Block) -> list[str]:
    return ["  ".join(plain(cell) for cell in row.cells if plain(cell)) for row in block.rows]


def words(row: Row) -> str:
    return " ".join(plain(cell) for cell in row.cells)


def stand(step: Step, **more: Any) -> lines.Stand:
    progress = more.pop("progress", Progress(step.id))
    return lines.Stand(step, progress, NOW, **more)


def script(command: Command, **more: Any) -> Offered:
    understanding = Understanding(command, Kind.SCRIPT, more.pop("effect", EffectClass.CHANGES), Tier.T3)
    return Offered(
        "s", understanding, Kind.SCRIPT, Tier.T3, action=ActionRequest("runbook.script", "runbook"), **more
    )


@pytest.mark.parametrize(
    ("state", "mark"),
    [
        (StepState.TODO, "[ ]"),
        (StepState.RUNNING, "[>]"),
        (StepState.DONE, "[x]"),
        (StepState.SKIPPED, "[-]"),
        (StepState.FAILED, "[!]"),
    ],
)
def test_a_state_is_told_by_its_mark_in_ascii(state: StepState, mark: str) -> None:
    step = Step("s", 1, "Do it", Part.OTHER, "1")
    (first,) = text(lines.step_block(stand(step, progress=Progress("s", state)), 60, 2))
    assert first.startswith(f"{mark} 1 Do it")


@pytest.mark.parametrize("width", [30, 40, 76])
def test_no_line_is_wider_than_it_may_be(width: int) -> None:
    command = Command("漢字 " * 60 + "x" * 500, 1, "bash")
    step = Step("s", 1, "漢字漢字漢字 " * 20 + "y" * 300, Part.OTHER, "1.2.3", depth=5, command=command)
    fault = Fault("f", 1, "r", Level.ERROR, "c", "why " * 80, "instead " * 80)
    block = lines.step_block(stand(step, offered=script(command, faults=(fault,), reason="z" * 900)), width, 6)
    for row in block.rows:
        cell = row.cells[0]
        assert cell_len("".join(part for part, _ in cell.parts)) <= width  # type: ignore[union-attr]  # spans


def test_a_long_script_is_cut_and_says_how_to_see_it_all() -> None:
    command = Command("\n".join(f"line {number}" for number in range(40)), 1, "bash")
    shown = text(lines.step_block(stand(Step("s", 1, "Run", Part.OTHER, command=command)), 60, 0))
    assert "$ line 0" in shown[1]
    assert any("line 5" in line for line in shown)
    assert any("… 34 more lines: d shows all" in line for line in shown)


def test_a_command_under_the_same_sentence_is_not_introduced_again() -> None:
    step = Step("s", 1, "Look at the log", Part.OTHER, command=Command("tail app.log", 2, "bash"))
    assert text(lines.step_block(stand(step), 60, 0, repeats=True)) == ["[ ] $ tail app.log"]
    assert text(lines.step_block(stand(step), 60, 0))[0] == "[ ] Look at the log"


def test_sql_has_no_prompt() -> None:
    step = Step("s", 1, "See", Part.OTHER, command=Command("SELECT 1", 2, "sql"))
    assert "$" not in " ".join(text(lines.step_block(stand(step), 60, 0)))


def test_an_unknown_effect_is_not_called_harmless() -> None:
    command = Command("./fix.sh", 1, "bash")
    step = Step("s", 1, "Run", Part.OTHER, command=command)
    shown = text(lines.step_block(stand(step, offered=script(command, effect=EffectClass.UNKNOWN)), 60, 0))
    assert "[script T3] may change something" in shown[2]


def test_what_differs_and_why_it_is_blocked_stand_at_the_step() -> None:
    command = Command("x", 1, "bash")
    offered = script(command, differs="it keeps the traffic", blocked="this profile only observes", reason="no such")
    shown = text(lines.step_block(stand(Step("s", 1, "Run", Part.OTHER, command=command), offered=offered), 70, 0))
    assert "▲ not quite the command: it keeps the traffic" in shown
    assert "▲ this profile only observes" in shown
    assert "no such" in shown


def test_a_target_that_stands_in_the_command_is_not_said_again() -> None:
    command = Command("curl https://shop.example/health", 1, "bash")
    understanding = Understanding(
        command, Kind.SCRIPT, EffectClass.READS, Tier.T0, target="https://shop.example/health"
    )
    offered = replace(script(command), understanding=understanding)
    shown = text(lines.step_block(stand(Step("s", 1, "Ask", Part.OTHER, command=command), offered=offered), 70, 0))
    assert " ".join(shown).count("https://shop.example/health") == 1


def test_what_a_refused_plan_said_stands_at_the_step_that_is_still_to_do() -> None:
    progress = Progress("s", StepState.TODO, NOW, "ana", "refused:  the   target has changed")
    shown = text(lines.step_block(stand(Step("s", 1, "Ask", Part.OTHER), progress=progress), 70, 0))
    assert shown == ["[ ] Ask", "▲ refused: the target has changed"]


def timer(kind: ClockKind, remaining: float, running: bool = True, **more: Any) -> Timer:
    return Timer("t", kind, "5 min", "s", running, remaining, 100.0, **more)


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (timer(ClockKind.WINDOW, 170), "○ 5 min  2:50 left"),
        (timer(ClockKind.WINDOW, -70), "▲ 5 min  ended 1:10 ago"),
        (timer(ClockKind.LAST, 300, running=False), "○ 5 min  space starts the clock"),
        (timer(ClockKind.LAST, 10), "○ 5 min  0:10 left"),
        (timer(ClockKind.LAST, -1), "● 5 min  held for 1:40: space ends it"),
        (timer(ClockKind.EVERY, 192, times=2), "○ 5 min  next in 3:12, done 2×"),
        (timer(ClockKind.EVERY, -80), "▲ 5 min  due 1:20 ago  o done"),
        (timer(ClockKind.AFTER, 100, to="Ana"), "▲ 5 min  in 1:40: Ana"),
        (timer(ClockKind.AFTER, 3700, to="Ana"), "○ 5 min  in 1:01:40: Ana"),
        (timer(ClockKind.AFTER, -3700, to="Ana"), "✖ 5 min  reached 1:01:40 ago: Ana"),
        (timer(ClockKind.WINDOW, 100, running=False), "○ 5 min"),
    ],
)
def test_a_clock_says_what_is_left_or_due(clock: Timer, said: str) -> None:
    assert "".join(part for part, _ in clocks.timer(clock)) == said


def escalation(remaining: float, **more: Any) -> Escalation:
    return Escalation("e", 1800, "not resolved", "the lead", "#incidents", NOW, remaining, **more)


def test_the_escalation_turns_with_time() -> None:
    styles = [clocks.escalation(escalation(left))[0][1] for left in (600, 60, -5)]
    assert styles == ["muted", "warning bold", "error bold"]
    assert [clocks.escalation(escalation(left))[0][0][:2] for left in (600, 60, -5)] == ["es", "▲ ", "✖ "]


def test_the_key_that_ends_a_reminder_is_never_cut() -> None:
    late = escalation(-600)
    wide, narrow = (clocks.standing(2400, (late,), (), width) for width in (120, 46))
    assert words(wide[-1]).endswith("o told") and late.reach in words(wide[-1])
    assert words(narrow[-1]).endswith("o told") and cell_len(words(narrow[-1])) <= 46


def test_what_is_due_stands_on_top_before_what_comes() -> None:
    due, coming = escalation(-10), replace(escalation(900), id="f", to="the director")
    every = timer(ClockKind.EVERY, -80)
    rows = [words(row) for row in clocks.standing(1810, (due, coming), (every,), 80)]
    assert rows[0].startswith("30:10 since opened · ✖ escalate to the lead #incidents: due 0:10 ago")
    assert rows[1].startswith("▲ 5 min  due 1:20 ago")
    assert rows[2].startswith("escalate to the director")
    assert clocks.reminder((due, coming), (every,)) is due
    assert clocks.reminder((due, coming), (every,), "s") is every, "the step's own comes first"
    assert clocks.reminder((coming,), (timer(ClockKind.EVERY, 5),)) is None


def test_too_many_clocks_are_counted() -> None:
    many = tuple(replace(escalation(-1), id=str(number)) for number in range(9))
    rows = [words(row) for row in clocks.standing(60, many, (), 40, 3)]
    assert rows[-1] == "and 6 more clocks"


PLAYBOOK = Playbook("p", "Pool is full", 3, "RUNBOOK.md", ("Database",), (), (Step("a", 4, "See", Part.OTHER),))
RUNBOOK = Runbook(("a.md", "b.md"), "Shop", "d", (PLAYBOOK,), ())


def test_of_several_files_each_playbook_says_from_which_it_is() -> None:
    shown = [line for block in listing.blocks(listing.Catalogue(RUNBOOK), 60) for line in text(block)]
    assert "RUNBOOK.md ▸ Database" in shown


def test_headings_stand_once_above_the_playbooks_under_them() -> None:
    other = replace(PLAYBOOK, id="q", title="Disk is full")
    last = replace(PLAYBOOK, id="r", title="Afterwards", trail=())
    one = replace(RUNBOOK, files=("RUNBOOK.md",), playbooks=(PLAYBOOK, other, last))
    shown = [line for block in listing.blocks(listing.Catalogue(one), 60) for line in text(block)]
    assert shown[1:] == ["Database", "Pool is full  1 step", "Disk is full  1 step", "", "Afterwards  1 step"]


def test_of_a_long_trail_the_innermost_heading_is_kept() -> None:
    deep = replace(PLAYBOOK, trail=("Operations", "日本" * 20, "Connection pools"))
    shown = [
        line
        for block in listing.blocks(listing.Catalogue(replace(RUNBOOK, playbooks=(deep,))), 40)
        for line in text(block)
    ]
    assert shown[1].endswith(" ▸ Connection pools") and cell_len(shown[1]) <= 40


def test_a_session_that_can_be_gone_on_with_says_how_far_it_is_and_whether_it_is_old() -> None:
    touched = {"a": Progress("a", StepState.DONE, NOW, "ben")}
    past = Past("x", "p", "Pool is full", NOW - timedelta(hours=20), NOW, "ben", touched, True)
    shown = [line for block in listing.blocks(listing.Catalogue(RUNBOOK, past=(past,)), 60) for line in text(block)]
    assert "[>] old: 1 of 1 done  begun 18:03 by ben" in shown


def test_found_words_stand_out_and_keys_lead_to_the_step() -> None:
    hit = Hit(PLAYBOOK, "a", "See the pool", 4, 1.0)
    (block,) = listing.blocks(listing.Catalogue(RUNBOOK, hits=(hit,), words="POOL"), 60)
    cell = block.rows[0].cells[0]
    assert ("pool", "primary bold") in cell.parts  # type: ignore[union-attr]  # spans
    assert listing.place_of(block.key) == ("p", "a")
    assert listing.place_of(listing.key_of("p")) == ("p", "")


def test_a_runbook_without_procedures_says_so() -> None:
    (block,) = listing.blocks(listing.Catalogue(replace(RUNBOOK, playbooks=())), 60)
    assert "no steps" in text(block)[0]


RUN_IT = Step("s", 3, "Run it", Part.OTHER, command=Command("seq 10", 3, "bash"))


def test_of_a_scripts_output_the_end_is_shown() -> None:
    said = tuple(f"line {number}" for number in range(10))
    progress = Progress("s", StepState.FAILED, result="exit 1", lines=said, run="r")
    offer = script(Command("seq 10", 3, "bash"))
    shown = text(lines.step_block(stand(RUN_IT, progress=progress, offered=offer), 60, 0))
    shown = [line.strip() for line in shown]
    assert shown[-5:] == ["│ … 6 more lines before: d shows them", *(f"│ line {n}" for n in (6, 7, 8, 9))]


def test_a_result_of_one_line_is_said_once() -> None:
    progress = Progress("s", StepState.DONE, result="pong", lines=("pong",), run="r")
    offer = script(Command("seq 10", 3, "bash"))
    shown = text(lines.step_block(stand(RUN_IT, progress=progress, offered=offer), 60, 0))
    assert sum("pong" in line for line in shown) == 1
