"""An item stands where the steps below it stand, and is not counted beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cockpit.model.command import Command
from cockpit.model.runbook import Clock, ClockKind, Part, Step
from cockpit.runbooks.guide.nesting import below, counted, settled, standing
from cockpit.runbooks.guide.progress import Progress, StepState

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
DONE, SKIPPED, FAILED, TODO = StepState.DONE, StepState.SKIPPED, StepState.FAILED, StepState.TODO


def prose(id_: str, depth: int = 0, part: Part = Part.DIAGNOSIS, *clocks: Clock) -> Step:
    return Step(id_, 1, f"Do {id_}", part, depth=depth, clocks=clocks)


def ask(id_: str, depth: int = 1, part: Part = Part.DIAGNOSIS) -> Step:
    return Step(id_, 1, f"Do {id_}", part, depth=depth, command=Command("uptime", 2, "bash"))


def at(state: StepState, seconds: float, step: str = "") -> Progress:
    return Progress(step, state, START + timedelta(seconds=seconds), "ann")


def shown(steps: tuple[Step, ...], **touched: Progress) -> dict[str, StepState]:
    return {id_: each.state for id_, each in standing(steps, touched).items() if each.state is not TODO}


ONE = (prose("1"), ask("a"))
TWO = (prose("1"), ask("a"), ask("b"), prose("2"))
DEEP = (prose("1"), prose("1.1", 1), ask("a", 2), prose("1.2", 1), ask("b", 2))


def test_an_item_with_one_command_is_one_thing_to_do() -> None:
    assert [step.id for step in counted(ONE)] == ["a"]
    assert [step.id for step in counted(TWO)] == ["a", "b", "2"]
    assert [step.id for step in counted(DEEP)] == ["a", "b"]
    assert [(item.id, [step.id for step in rest]) for item, rest in below(DEEP)] == [
        ("1", ["1.1", "a", "1.2", "b"]),
        ("1.1", ["a"]),
        ("1.2", ["b"]),
    ]


def test_commands_without_an_item_and_items_of_another_part_are_counted_for_themselves() -> None:
    flat = (ask("a", 0), ask("b", 0), prose("c"), ask("d", 1, Part.RESOLUTION))
    assert [step.id for step in counted(flat)] == ["a", "b", "c", "d"] and below(flat) == ()
    assert counted(()) == () and below(()) == () and standing((), {}) == {}


def test_an_item_is_done_when_all_below_it_is() -> None:
    assert shown(ONE, a=at(DONE, 1)) == {"a": DONE, "1": DONE}
    assert shown(TWO, a=at(DONE, 1)) == {"a": DONE}
    assert shown(TWO, a=at(DONE, 1), b=at(SKIPPED, 2)) == {"a": DONE, "b": SKIPPED, "1": DONE}
    assert shown(TWO, a=at(SKIPPED, 1), b=at(SKIPPED, 2))["1"] is SKIPPED
    found = standing(TWO, {"a": at(DONE, 9), "b": at(DONE, 2)})["1"]
    assert (found.at, found.who, found.run) == (START + timedelta(seconds=9), "ann", "")
    assert shown(DEEP, a=at(DONE, 1), b=at(DONE, 2)) == dict.fromkeys(("a", "b", "1.1", "1.2", "1"), DONE)


def test_an_item_fails_and_runs_as_soon_as_something_below_it_does() -> None:
    assert shown(TWO, a=at(FAILED, 1))["1"] is FAILED
    assert shown(TWO, a=at(FAILED, 1), b=at(StepState.RUNNING, 2))["1"] is StepState.RUNNING
    assert shown(TWO, a=at(DONE, 3), b=at(DONE, 2))["1"] is DONE, "it was done again, and then it worked"


def test_below_an_item_that_was_ticked_by_hand_nothing_is_left_to_do_and_nothing_is_said_to_have_run() -> None:
    found = standing(TWO, {"1": at(DONE, 5), "a": at(FAILED, 1)})
    assert found["1"].state is DONE and found["a"].state is FAILED
    assert (found["b"].state, found["b"].at) == (SKIPPED, None)
    assert settled(TWO, {"1": at(DONE, 5)}) == 2
    deep = standing(DEEP, {"1": at(SKIPPED, 5)})
    assert {deep[id_].state for id_ in ("1.1", "a", "1.2", "b")} == {SKIPPED}


def test_what_is_taken_back_after_its_item_was_ticked_is_to_do_again() -> None:
    assert "b" not in shown(TWO, **{"1": at(DONE, 5)}, b=at(TODO, 6))
    assert shown(TWO, **{"1": at(DONE, 5)}, b=at(TODO, 4))["b"] is SKIPPED


def test_an_item_that_was_taken_back_stays_so_until_something_below_it_changes() -> None:
    taken = {"1": at(TODO, 5)}
    assert "1" not in shown(ONE, a=at(DONE, 1), **taken)
    assert shown(ONE, a=at(DONE, 6), **taken)["1"] is DONE


def test_an_item_that_takes_its_time_is_a_step_of_its_own() -> None:
    watch = (
        prose("w", 0, Part.VERIFICATION, Clock(ClockKind.LAST, 300, "for 5 minutes")),
        ask("a", 1, Part.VERIFICATION),
    )
    assert [step.id for step in counted(watch)] == ["w", "a"]
    assert shown(watch, a=at(DONE, 1)) == {"a": DONE}, "the time is not over because its question was asked"
    assert settled(watch, {"w": at(DONE, 1)}) == 2
