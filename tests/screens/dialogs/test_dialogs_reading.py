"""Menus, help, palette, details, findings, events and the effect card: what they show and what they open."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from textual.app import App
from textual.binding import Binding
from textual.command import CommandPalette
from textual.screen import Screen

from cockpit.actions.catalogue import Catalogue, Offer
from cockpit.actions.effect import Symptom
from cockpit.actions.executor import Executor
from cockpit.actions.record import Record
from cockpit.clock import ManualClock
from cockpit.errors import TimedOut
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Outcome,
    Param,
    ParamKind,
    Scope,
    Tier,
    Verdict,
    Verification,
)
from cockpit.model.finding import Finding
from cockpit.model.reading import History, Marker, Point, SourceState
from cockpit.model.severity import Severity, SourceKind
from screens.dialogs.detail import DetailScreen, pretty_sql
from screens.dialogs.events import TimelineScreen, happenings, severity_changes
from screens.dialogs.findings import FindingsScreen
from screens.dialogs.help import HelpScreen, matching, topics_of
from screens.dialogs.menu import ActionMenu, Entry, for_row, for_system
from screens.dialogs.notice import Notice
from screens.dialogs.outcome import EffectCard, outcome_lines
from screens.dialogs.palette import CockpitCommands, Command
from screens.dialogs.plan_card import PlanCard
from screens.dialogs.rows import cut, wrap

CANCEL = ActionSpec("database.cancel", "Cancel statement", SourceKind.DATABASE, "C", Tier.T1, "Cancels one.")
KILL = ActionSpec(
    "database.terminate",
    "Terminate session",
    SourceKind.DATABASE,
    "K",
    Tier.T2,
    "Ends one session.",
    (Param("pid", ParamKind.INTEGER, "process id", identity=True),),
)
FLUSH = ActionSpec(
    "redis.flush",
    "Flush database",
    SourceKind.REDIS,
    "F",
    Tier.T3,
    "Deletes every key.",
    (Param("run_id", ParamKind.TEXT, "server process", False, identity=True),),
    scope=Scope.SOURCE,
)


def entries(*offers: Offer) -> list[Entry]:
    return [Entry(offer.spec.key, offer, {"pid": "1"}, offer.reason) for offer in offers]


async def test_a_letter_picks_from_the_menu(stage: Any) -> None:
    menu = entries(Offer(CANCEL, "database/main", True, ""), Offer(KILL, "database/main", True, ""))
    async with stage() as table:
        answers = await table.open(ActionMenu("Actions", menu, "PRODUCTION shop"))
        assert "K  Terminate session" in table.text
        assert "T2" in table.text
        await table.press("k", "j", "c", "x")
        assert answers == []
        await table.press("K")
        assert answers == [menu[1]]


async def test_what_cannot_be_picked_gives_its_reason(stage: Any) -> None:
    menu = entries(Offer(KILL, "database/main", False, "the role may not signal [/x]"))
    async with stage() as table:
        answers = await table.open(ActionMenu("Actions", menu, "PRODUCTION shop"))
        assert "the role may not signal [/x]" in table.text
        await table.press("K", "enter")
        assert answers == []
        assert "Terminate session: the role may not signal [/x]" in table.text


async def test_a_letter_that_two_sources_share_moves_and_enter_picks(stage: Any) -> None:
    menu = entries(Offer(CANCEL, "database/main", True, ""), Offer(CANCEL, "database/replica", True, ""))
    async with stage() as table:
        answers = await table.open(ActionMenu("Actions", menu, "PRODUCTION shop"))
        assert "database/replica" in table.text
        await table.press("C")
        assert answers == []
        await table.press("enter")
        assert answers == [menu[1]]


class Deaf:
    """A handler that is only ever listed."""

    def __init__(self, spec: ActionSpec, source: str) -> None:
        self.spec = spec
        self.source = source

    def unavailable(self) -> str:
        return ""


def catalogue() -> Catalogue:
    handlers: Any = [Deaf(KILL, "database/main"), Deaf(FLUSH, "redis/cache")]
    return Catalogue([KILL, FLUSH, CANCEL], handlers)


def test_the_system_menu_says_which_actions_need_a_row_or_a_source() -> None:
    found = {entry.offer.spec.id: entry.reason for entry in for_system(catalogue(), {})}
    assert found["database.terminate"] == "needs a row of the database pane"
    assert found["redis.flush"] == ""
    assert "no database source" in found["database.cancel"]


def test_the_row_menu_carries_the_identity_of_the_row_and_own_keys() -> None:
    (entry,) = for_row(catalogue(), SourceKind.DATABASE, "database/main", {"pid": "7"}, {"database.terminate": "X"})
    assert dict(entry.selection) == {"pid": "7"}
    assert entry.key == "X"
    (entry,) = for_row(catalogue(), SourceKind.REDIS, "redis/cache", {"key": "7"}, {})
    assert dict(entry.selection) == {}
    (entry,) = for_row(catalogue(), SourceKind.REDIS, "redis/cache", {}, {}, {"run_id": "b7", "uid": "x"})
    assert dict(entry.selection) == {"run_id": "b7"}


async def test_help_names_every_key_and_action_and_can_be_searched(stage: Any) -> None:
    bindings = [
        Binding("question_mark", "help", "Help"),
        Binding("j", "down", "Down"),
        Binding("down", "down", "Down"),
    ]
    topics = topics_of(bindings, catalogue(), {})
    assert [topic.key for topic in topics if topic.section == "keys"] == ["?", "j down"]
    async with stage((100, 40)) as table:
        await table.open(HelpScreen(topics))
        for part in ("Help", "j down", "K", "Terminate session (database, T2)", "destructive or broad", "OBSERVE"):
            assert part in table.text, part
        await table.press("/")
        await table.type("every key")
        await table.pass_time(0.2)
        assert "Flush database" in table.text
        assert "Terminate session" not in table.text
        await table.press("escape")
        assert isinstance(table.app.screen, HelpScreen)
        assert "Terminate session" in table.text
        await table.press("escape")
        assert not isinstance(table.app.screen, HelpScreen)


def test_help_search_needs_all_words() -> None:
    topics = topics_of([], catalogue(), {})
    assert [topic.key for topic in matching(topics, "redis FLUSH")] == ["F"]
    assert matching(topics, "flush terminate") == []


NASTY = "[@click=app.quit]x[/] [/x] [bold]"


async def test_details_show_names_values_and_long_text_in_shape(stage: Any) -> None:
    query = "SELECT id FROM inventory LEFT JOIN skus ON a = b WHERE name = 'x FROM y' ORDER BY id FOR UPDATE"
    fields = json.dumps({"a": {"b": 1}, "c": NASTY})
    async with stage((100, 40)) as table:
        await table.open(
            DetailScreen(NASTY, [("pid", "4411"), ("query", query), ("fields", fields)], table.app.copy_text)
        )
        for part in ("pid", "4411", "  FROM inventory\n", "LEFT JOIN skus", "'x FROM y'", '"b": 1', NASTY):
            assert part.rstrip("\n") in table.text, part
        await table.press("y")
        await table.until(lambda: bool(table.app.copied), "the copy")
        assert table.app.copied[0].startswith("pid: 4411\nquery: SELECT id\nFROM inventory")
        await table.press("/")
        await table.type("4411")
        await table.pass_time(0.2)
        assert "inventory" not in table.text


@pytest.mark.parametrize(
    "text", ["SELECT 1 FROM t", "updated 3 rows from the very long table that is no SQL at all, really", ""]
)
def test_what_is_short_or_no_statement_stays_as_it_is(text: str) -> None:
    assert pretty_sql(text) == text


def test_sql_keeps_every_word_and_quote() -> None:
    sql = "DELETE FROM orders WHERE note = 'a WHERE b' AND \"FROM\" = 3 AND x IN (SELECT y FROM z) RETURNING id"
    assert pretty_sql(sql).split() == sql.split()
    assert "'a WHERE b'" in pretty_sql(sql)


@pytest.mark.parametrize("width", [8, 20, 33])
def test_wrapping_loses_nothing_and_never_exceeds_the_width(width: int) -> None:
    from rich.cells import cell_len

    text = "a short one 漢字漢字漢字漢字漢字漢字 averyveryverylongwordthatmustbecut  end"
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert cell_len(cut(text, width)) <= width


FINDING = Finding(
    "lock-pileup",
    Severity.CRIT,
    f"pid 4411 blocks 12 sessions {NASTY}",
    "pid 4411 blocks 12",
    ("idle in transaction for 46 s", NASTY),
    "database/main",
    ActionRequest("database.terminate", "database/main", {"pid": "4411"}),
    "End session 4411",
)


async def test_a_finding_opens_the_plan_of_what_it_suggests_with_the_target_filled_in(
    stage: Any, flow_on: Any, handler: Any
) -> None:
    async with stage((100, 30)) as table:
        answers = await table.open(FindingsScreen([replace(FINDING, action=None), FINDING]))
        assert FINDING.text in table.text and "End session 4411" in table.text
        await table.press("enter")
        assert answers == [FINDING]
        flow_on(table).finding(FINDING)
        await table.until(lambda: isinstance(table.app.screen, PlanCard), "the plan card")
        await table.pilot.pause()
        assert handler.requests[0].get("pid") == "4411"
        assert "suggested because pid 4411 blocks 12 sessions" in table.text


async def test_a_finding_without_a_remedy_says_so(stage: Any) -> None:
    async with stage() as table:
        answers = await table.open(FindingsScreen([replace(FINDING, action=None)]))
        await table.press("enter")
        assert answers == [] and "Nothing in the catalogue would help" in table.text


async def test_a_finding_without_an_action_leads_to_the_playbook_that_the_profile_names(stage: Any) -> None:
    found = (stuck := replace(FINDING, action=None, playbook="Stuck"), FINDING)
    async with stage((100, 30)) as table:
        answers = await table.open(FindingsScreen(found, {"Stuck": "Jobs are stuck"}))
        assert "enter open the playbook: Jobs are stuck" in table.text
        await table.press("enter")
        assert answers == [stuck]


def test_severity_changes_are_the_moments_between_different_readings() -> None:
    points = [(1.0, Severity.OK), (2.0, Severity.OK), (3.0, Severity.CRIT), (4.0, Severity.CRIT), (5.0, Severity.OK)]
    series = {"a": tuple(Point(at, 0.0, severity) for at, severity in points), "b": (Point(2.0, 1.0, Severity.OK),)}
    found = severity_changes("health/api", History(series))
    assert [(each.at, each.text) for each in found] == [(3.0, "ok → crit"), (5.0, "crit → ok")]


async def test_events_list_changes_deployments_and_actions_newest_first(
    stage: Any, plan_of: Any, readings: dict[str, SourceState]
) -> None:
    end = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)
    record = Record("r", plan_of(), Outcome.UNKNOWN, "no answer [/x]", end, end, verdict=Verdict.RECOVERED)
    now = end.timestamp() + 60
    history = History({"a": (Point(now - 30, 0, Severity.OK), Point(now - 20, 0, Severity.CRIT))})
    markers = [Marker(now - 100, "▲", "checkout-00142"), Marker(now - 60, "⚑", "not shown twice")]
    found = happenings(tuple(readings.values()), {"database/main": history}, markers, [record], now)
    assert [each.what for each in found] == ["database/main", "database/main", "deploy"]
    async with stage((120, 30)) as table:
        await table.open(TimelineScreen(found, now))
        assert "12:00:05" in table.text
        assert "UNKNOWN: it may have happened, check" in table.text
        assert "[/x]" in table.text
        assert "Afterwards: recovered" in table.text
        assert "ok → crit" in table.text
        assert "checkout-00142" in table.text
        assert "not shown twice" not in table.text


async def test_an_event_says_nothing_twice_and_its_age_fits_its_column(stage: Any, plan_of: Any) -> None:
    end = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)
    done = "adaptive protection is on"
    record = Record("r", plan_of(), Outcome.SUCCEEDED, done, end, end, verification=Verification(True, done))
    now = end.timestamp() + 9 * 86_400 + 4 * 3_600
    found = happenings((), {}, [], [record], now)
    assert found[0].text.count(done) == 1
    async with stage((120, 30)) as table:
        await table.open(TimelineScreen(found, now))
        assert "01-01 12:00  9 d 04 h " in table.text


class PaletteApp(App[None]):
    """An app with entries whose texts come from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#9aa7b5"}

    def palette_commands(self) -> list[Command]:
        return [
            Command(f"Fix: {NASTY}", f"because {NASTY}", lambda: self.ran.append("fix")),
            Command("Pane: Redis", "go there", lambda: self.ran.append("pane")),
        ]


async def test_the_palette_shows_outside_text_as_text_and_runs_what_is_chosen() -> None:
    app = PaletteApp()
    async with app.run_test(size=(100, 30)) as pilot:
        app.push_screen(CommandPalette(providers=[CockpitCommands]))
        for _ in range(50):
            await pilot.pause(0.02)
            strips = app.screen._compositor.render_strips()
            text = "\n".join("".join(segment.text for segment in strip) for strip in strips)
            if f"because {NASTY}" in text:
                break
        assert f"Fix: {NASTY}" in text
        assert f"because {NASTY}" in text
        await pilot.press(*"redis")
        await pilot.pause(0.3)
        await pilot.press("enter")
        for _ in range(50):
            if app.ran:
                break
            await pilot.pause(0.02)
        assert app.ran == ["pane"]


class Panes(Screen[None]):
    """A screen with the effect card in it."""

    def compose(self) -> Any:
        yield EffectCard()


async def test_the_effect_card_compares_before_and_after_and_gives_the_verdict(
    stage: Any, executor: Executor, clock: ManualClock, symptoms: dict[str, Symptom], flow_on: Any
) -> None:
    symptoms["health/api"] = Symptom("health/api", f"18 % errors {NASTY}", Severity.CRIT, clock.now().timestamp())
    await executor.arm("testing")
    async with stage((120, 40)) as table:
        await table.app.push_screen(Panes())
        card = table.app.screen.query_one(EffectCard)
        card.follow(executor)
        assert not card.has_class("-shown")
        flow = flow_on(table)
        flow.start("database.terminate", "database/main", {"pid": "4411"})
        await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
        await table.pilot.pause()
        await table.press("y")
        await table.until(lambda: not flow.busy, "the end")
        await table.pass_time(1.0)
        assert card.has_class("-shown")
        assert f"18 % errors {NASTY}" in table.text
        assert "watching" in table.text
        symptoms["health/api"] = Symptom("health/api", "0.1 % errors", Severity.OK, clock.now().timestamp() + 1)
        await table.pass_time(12.0)
        await table.until(lambda: card.has_class("-recovered"), "the verdict")
        await table.pilot.pause()
        assert "● recovered" in table.text
        assert "● 0.1 % errors" in table.text
        assert card.hide_card()
        await table.pilot.pause()
        assert "recovered" not in table.text


async def test_a_refused_action_does_not_cover_the_effect_that_is_watched(
    stage: Any, executor: Executor, handler: Any, clock: ManualClock, symptoms: dict[str, Symptom], flow_on: Any
) -> None:
    def hangs() -> None:
        raise TimedOut("it hangs")

    symptoms["health/api"] = Symptom("health/api", "18 % errors", Severity.CRIT, clock.now().timestamp())
    await executor.arm("testing")
    async with stage((120, 40)) as table:
        await table.app.push_screen(Panes())
        card = table.app.screen.query_one(EffectCard)
        card.follow(executor)
        flow = flow_on(table)
        for _ in range(2):
            flow.start("database.terminate", "database/main", {"pid": "4411"})
            await table.until(lambda: isinstance(table.app.screen, PlanCard), "the card")
            await table.pilot.pause()
            if executor.records:
                handler.planning = hangs
            await table.press("y")
            await table.until(lambda: not flow.busy or isinstance(table.app.screen, Notice), "the end")
        assert executor.records[-1].outcome is Outcome.REFUSED
        await table.until(lambda: "watching" in str(card.render()), "the watch of the first")
        assert "done" in str(card.render())
        said = [text for text, _ in outcome_lines(replace(executor.records[-1], audited=False))]
        assert any("nothing more will run" in text for text in said)
        assert not any("what was done" in text for text in said)
