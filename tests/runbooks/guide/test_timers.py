"""The times of the text run as clocks: windows, times to hold, times to repeat, and whom to tell when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.model.runbook import Clock, ClockKind, Contact, Facts, Part, Playbook, SeverityLevel, Step
from cockpit.runbooks.guide.progress import Progress, StepState, Timer
from cockpit.runbooks.guide.timers import escalations, for_incidents, timers

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
FIRST = Clock(ClockKind.WINDOW, 300.0, "0-5 min")
SECOND = Clock(ClockKind.WINDOW, 900.0, "5-15 min", 300.0)
HOLD = Clock(ClockKind.LAST, 1800.0, "for 30 minutes")
EVERY = Clock(ClockKind.EVERY, 600.0, "every 10 minutes")
LATE = Clock(ClockKind.AFTER, 1800.0, "not resolved in 30 minutes")
LEAD = Contact("Engineering lead", "Ada", "+49 1", "", 9)
CTO = Contact("CTO", "", "#board", "", 10)


def step(id_: str, *clocks: Clock, text: str = "") -> Step:
    return Step(id_, 1, text or id_, Part.OTHER, clocks=clocks)


def playbook(*steps: Step, clocks: tuple[Clock, ...] = ()) -> Playbook:
    return Playbook("p", "P", 1, "R.md", (), (), steps, clocks)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def only(book: Playbook, now: float, progress: Progress | None = None, again: tuple[datetime, ...] = ()) -> Timer:
    kept = {progress.step: progress} if progress else {}
    repeats = {timer.id: again for timer in timers(book, Facts(), kept, START, {}, at(0))}
    (timer,) = timers(book, Facts(), kept, START, repeats, at(now))
    return timer


def test_a_window_counts_down_from_the_start_of_the_session() -> None:
    timer = only(playbook(step("a", FIRST)), 60)
    assert (timer.running, timer.remaining_s, timer.elapsed_s, timer.due) == (True, 240.0, 60.0, at(300))
    assert only(playbook(step("a", FIRST)), 301).over


def test_a_later_window_runs_from_its_own_beginning() -> None:
    book = playbook(step("a", SECOND))
    assert not only(book, 299).running
    assert only(book, 300).running and not only(book, 300).over
    assert only(book, 901).over


def test_a_time_to_hold_counts_from_when_its_step_was_begun() -> None:
    book = playbook(step("a", HOLD))
    waiting = only(book, 5000)
    assert (waiting.running, waiting.remaining_s, waiting.due) == (False, 1800.0, None)
    begun = Progress("a", StepState.RUNNING, at(100), started=at(100))
    assert only(book, 1000, begun).remaining_s == 900.0
    assert only(book, 1901, begun).over


def test_a_clock_of_a_settled_step_has_stopped() -> None:
    for state in (StepState.DONE, StepState.SKIPPED, StepState.FAILED):
        timer = only(playbook(step("a", HOLD)), 5000, Progress("a", state, at(200), started=at(100)))
        assert not timer.running and not timer.over


def test_what_is_due_every_ten_minutes_is_due_again_after_it_was_done() -> None:
    book = playbook(clocks=(EVERY,))
    assert only(book, 601).over
    done = only(book, 601, again=(at(601),))
    assert (done.over, done.times, done.due) == (False, 1, at(1201))
    assert only(book, 1202, again=(at(601),)).over


def test_escalations_come_in_time_with_who_and_how() -> None:
    facts = Facts(
        contacts=(LEAD, CTO), escalation=((Clock(ClockKind.AFTER, 3600.0, "1 h"), "the CTO"), (LATE, "Ada"))
    )
    first, second = escalations(playbook(), facts, START, {}, at(1799))
    assert (first.to, first.reach, first.remaining_s, first.is_due) == ("Ada", "+49 1", 1.0, False)
    assert (second.to, second.reach, second.due) == ("CTO", "#board", at(3600))
    first, _ = escalations(playbook(), facts, START, {}, at(1800))
    assert first.is_due
    first, _ = escalations(playbook(), facts, START, {first.id: at(1850)}, at(1900))
    assert first.told == at(1850) and not first.is_due


def test_a_playbooks_own_escalation_counts_before_the_general_one() -> None:
    facts = Facts(contacts=(LEAD,), escalation=((Clock(ClockKind.AFTER, 60.0, "1 min"), "CTO"),))
    own = playbook(step("a", LATE, text="If not resolved in 30 minutes: page the Engineering lead"))
    (found,) = escalations(own, facts, START, {}, at(0))
    assert (found.after_s, found.to, found.reach) == (1800.0, "Ada", "+49 1")
    (found,) = escalations(playbook(clocks=(LATE,)), facts, START, {}, at(0))
    assert (found.after_s, found.to) == (1800.0, "")


def test_one_sentence_with_two_times_leads_to_two_people() -> None:
    facts = Facts(contacts=(LEAD, CTO))
    soon = Clock(ClockKind.AFTER, 1200.0, "after 20 minutes")
    late = Clock(ClockKind.AFTER, 3600.0, "for more than 1 hour")
    text = "No progress after 20 minutes: call Ada. Down for more than 1 hour: the CTO decides."
    book = playbook(step("a", soon, late, text=text), clocks=(soon, late))
    found = [(each.after_s, each.to, each.reach) for each in escalations(book, facts, START, {}, at(0))]
    assert found == [(1200.0, "Ada", "+49 1"), (3600.0, "CTO", "#board")]


def test_who_is_no_contact_is_named_as_the_text_does() -> None:
    book = playbook(step("a", LATE, text="If not resolved in 30 minutes, page the duty manager. Then wait."))
    (found,) = escalations(book, Facts(), START, {}, at(0))
    assert (found.to, found.reach) == ("page the duty manager", "")


def test_a_time_to_be_done_by_is_no_escalation() -> None:
    within = Clock(ClockKind.AFTER, 86400.0, "within 24 hours")
    book = playbook(step("a", within, text="Write it down within 24 hours"), clocks=(within,))
    assert escalations(book, Facts(), START, {}, at(0)) == ()


def test_an_after_clock_says_to_whom_its_time_leads() -> None:
    facts = Facts(contacts=(LEAD,), escalation=((LATE, "Engineering lead"),))
    (timer,) = timers(playbook(clocks=(LATE,)), facts, {}, START, {}, at(0))
    assert timer.to == "Ada"


def test_ids_are_stable_and_each_its_own() -> None:
    book = playbook(step("a", FIRST, HOLD), step("b", FIRST), clocks=(EVERY, LATE))
    found = [timer.id for timer in timers(book, Facts(), {}, START, {}, at(0))]
    assert found == [timer.id for timer in timers(book, Facts(), {}, START, {}, at(500))]
    assert len(set(found)) == 5


def test_what_the_whole_runbook_says_of_escalating_counts_in_an_incident_only() -> None:
    facts = Facts(contacts=(LEAD,), escalation=((LATE, "Ada"),))
    (told,) = escalations(playbook(), facts, START, {}, at(0), incident=True)
    assert told.to == "Ada"
    assert escalations(playbook(), facts, START, {}, at(0), incident=False) == ()
    own = playbook(step("a", LATE, text="not resolved in 30 minutes: Ada"))
    (told,) = escalations(own, facts, START, {}, at(0), incident=False)
    assert told.to == "Ada", "what it says itself counts always"


@pytest.mark.parametrize(
    ("title", "trail", "grave"),
    [
        ("Total outage", ("Runbook",), True),
        ("Restore from the copy", ("Runbook", "Emergency procedures"), True),
        ("SEV1", ("Runbook",), True),
        ("Weekly tasks", ("Runbook",), False),
        ("SEV10 tickets", ("Runbook",), False),
        ("What went wrong", ("Runbook", "After an incident"), False),
        ("Postmortem", ("Post-incident",), False),
        ("Downgrade the plan", ("Billing",), False),
    ],
)
def test_a_playbook_is_for_incidents_by_its_symptoms_and_by_how_grave_its_title_is(
    title: str, trail: tuple[str, ...], grave: bool
) -> None:
    facts = Facts(severities=(SeverityLevel("SEV1", "nobody can buy", "5 minutes", 300.0, "", 4),))
    book = replace(playbook(), title=title, trail=trail)
    assert for_incidents(book, facts) is grave
    assert for_incidents(replace(book, symptoms=("pages are slow",)), facts)


def test_a_clock_that_is_set_back_gives_no_time_twice() -> None:
    early = only(playbook(step("a", FIRST)), -7200)
    assert (early.elapsed_s, early.over) == (0.0, False) and early.remaining_s > 300
    begun = Progress("a", StepState.RUNNING, at(0), started=at(0))
    held = only(playbook(step("a", HOLD)), -3600, begun)
    assert not held.over and held.elapsed_s == 0.0


def test_a_clock_that_leaps_ahead_is_due_once_and_not_for_each_time_that_was_missed() -> None:
    book = playbook(clocks=(EVERY,))
    late = only(book, 86_400)
    assert late.over and late.times == 0 and late.remaining_s == 600 - 86_400
    done = only(book, 86_401, again=(at(86_400),))
    assert (done.over, done.times, done.due) == (False, 1, at(87_000))


def test_a_repetition_from_before_the_step_was_begun_anew_does_not_count() -> None:
    begun = Progress("a", StepState.RUNNING, at(5000), started=at(5000))
    timer = only(playbook(step("a", EVERY)), 5601, begun, again=(at(700), at(1400)))
    assert timer.over and timer.times == 0 and timer.due == at(5600)
