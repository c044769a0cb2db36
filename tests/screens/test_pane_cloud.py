"""The pane of managed services: a page of its own, a section a kind, and actions on the row under the cursor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.errors import TimedOut
from cockpit.model.action import ActionSpec, Param, ParamKind, Scope, Tier
from cockpit.model.armor import ArmorStatus
from cockpit.model.cloudsql import CloudSqlStatus
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.severity import Freshness, Severity, SourceKind
from screens.panes.cloud import CloudPane
from screens.panes.managed import armor_words, memorystore_words, sql_words

SQL = ActionSpec(
    "cloudsql.restart",
    "Restart instance",
    SourceKind.CLOUDSQL,
    "R",
    Tier.T3,
    "",
    (
        Param("created", ParamKind.TEXT, "", False, identity=True),
        Param("settings", ParamKind.TEXT, "", False, identity=True),
        Param("backup", ParamKind.TEXT, "", False),
    ),
    scope=Scope.SOURCE,
)
RULE = ActionSpec(
    "armor.lift",
    "Lift denial",
    SourceKind.ARMOR,
    "L",
    Tier.T2,
    "",
    (Param("priority", ParamKind.CHOICE, ""), Param("fingerprint", ParamKind.TEXT, "", False, identity=True)),
)
RESIZE = ActionSpec("memorystore.resize", "Resize", SourceKind.MEMORYSTORE, "R", Tier.T2, "", scope=Scope.SOURCE)

# As the sample was created: 400 days before its clock.
SEEN = {"created": "2025-10-17T14:03:41+00:00", "settings": "41"}


@pytest.fixture
async def cloud(samples, stage_on):
    stage = stage_on(samples.managed(samples.incident()))
    stage.engine.catalogue.specs = (*stage.engine.catalogue.specs, SQL, RULE, RESIZE)
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.pause()
        stage.pilot = pilot
        yield stage


def pane(stage) -> CloudPane:
    return next(each for each in stage.screen.panes if isinstance(each, CloudPane))


async def test_a_filter_leaves_no_line_without_the_source_it_belongs_to(cloud):
    await cloud.pilot.press("8")
    await cloud.pilot.pause()
    everything = pane(cloud).rows(pane(cloud).scenery.states, pane(cloud).scenery)
    for state in pane(cloud).scenery.states:
        if state.kind not in pane(cloud).KINDS:
            continue
        head = next(row for row in everything if row.key == state.source)
        found = pane(cloud).matching(everything, head.text.casefold())
        assert [row.key for row in found if row.key] == [state.source]
        assert found[0].text and not found[0].key  # its heading, and no other
        begins = everything.index(head) + 1
        notes = []
        for row in everything[begins:]:
            if (row.key and "|" not in row.key) or not row.text:
                break
            notes += [row] if not row.key else []
        assert found[2:] == notes


async def to(stage, key: str) -> None:
    for _ in range(60):
        if pane(stage).key == key:
            return
        await stage.pilot.press("j")
    raise AssertionError(f"no row {key}; at {pane(stage).key}")


async def test_its_key_gives_it_the_screen_and_escape_gives_it_back(cloud):
    assert "enter Detail  8 Cloud  / Filter  e Error" in cloud.text()
    assert not pane(cloud).display
    await cloud.pilot.press("3", "8")
    assert cloud.screen.current is pane(cloud) and cloud.screen.single
    assert not cloud.screen.database.display
    for key in ("escape", "8", "z", "8", "q"):
        await cloud.pilot.press(key)
    assert cloud.screen.current is cloud.screen.database and not cloud.screen.single
    assert cloud.screen.logs.display and not pane(cloud).display


async def test_every_kind_has_its_section_with_what_is_wrong_in_it(cloud):
    await cloud.pilot.press("8")
    text = "\n".join(pane(cloud).body.row(index).text for index in range(len(pane(cloud).body)))
    for words in (
        "Cloud SQL", "restart running", "by ana@shop.example", "INTERNAL_ERROR: no capacity", "in 9 h",
        "backup 1700000000006", "Memorystore", "Redis 7.2", "primary in europe-west1-b", "Cloud Armor",
        "due to be let in since 2026-11-21 11:03 UTC", "rate_based_ban", "none enabled", "expires in 4 d",
        "PERMISSION_DENIED", "turned away", "and 4 more",
    ):  # fmt: skip
        assert words in text, words
    assert pane(cloud).severity is Severity.CRIT


async def test_a_letter_means_the_action_of_the_row_it_is_pressed_on(cloud):
    await cloud.pilot.press("8")
    await to(cloud, "cloudsql/orders")
    await cloud.pilot.press("R")
    await to(cloud, "memorystore/sessions")
    await cloud.pilot.press("R")
    await to(cloud, "armor/edge|rule/900")
    await cloud.pilot.press("R", "L")
    assert cloud.flow.started == [
        ("cloudsql.restart", "cloudsql/orders", SEEN),
        ("memorystore.resize", "memorystore/sessions", {}),
        ("armor.lift", "armor/edge", {"priority": "900", "fingerprint": "abc="}),
    ]
    assert pane(cloud).selection()["priority"] == "900"


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("cloudsql/orders|backup/1700000000006", {"backup": "1700000000006", "origin": "orders-db"}),
        ("armor/edge|rule/901", {"priority": "901"}),
        ("secrets/shop|secret/orders-database-url", {"secret": "orders-database-url"}),
        ("secrets/shop|secret/old-key", {"secret": "old-key"}),
        ("access/shop", {}),
    ],
)
async def test_a_row_names_what_an_action_is_about(cloud, row, named):
    await cloud.pilot.press("8")
    await to(cloud, row)
    assert named == pane(cloud).selection()
    assert pane(cloud).source == row.partition("|")[0]


@pytest.mark.parametrize(
    ("row", "was"),
    [
        ("cloudsql/orders|backup/1700000000006", SEEN),
        ("armor/edge", {"policy_id": "4711", "fingerprint": "abc="}),
        ("secrets/shop|secret/old-key", {}),
    ],
)
async def test_what_an_instance_or_policy_was_when_it_was_looked_at_goes_with_every_action_on_it(cloud, row, was):
    await cloud.pilot.press("8")
    await to(cloud, row)
    assert pane(cloud).identity() == was


async def test_an_action_on_the_instance_begun_on_a_row_of_it_has_its_identity_and_not_the_row(cloud):
    await cloud.pilot.press("8")
    await to(cloud, "cloudsql/orders|backup/1700000000006")
    await cloud.pilot.press("R")
    assert cloud.flow.started == [("cloudsql.restart", "cloudsql/orders", SEEN)]


async def test_the_footer_names_the_actions_of_the_row_under_the_cursor(cloud):
    def named() -> list[str]:
        return [hint.long for hint in cloud.screen.footer.actions]

    await cloud.pilot.press("8", "g")
    assert named() == ["Restart instance"]
    await to(cloud, "armor/edge")
    await cloud.pilot.pause()
    assert named() == ["Lift denial"]
    await cloud.pilot.press("g")
    await cloud.pilot.pause()
    assert named() == ["Restart instance"]


async def test_what_has_not_answered_yet_has_a_row_so_that_the_first_key_is_not_about_what_happened_to_answer(
    samples, stage_on
):
    engine = samples.managed(samples.incident())
    states = engine.hub.states
    engine.hub.states = lambda: tuple(
        replace(state, reading=None, freshness=Freshness.WAITING) if state.kind is SourceKind.CLOUDSQL else state
        for state in states()
    )
    stage = stage_on(engine)
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.press("8")
        await pilot.pause()
        assert pane(stage).key == "cloudsql/orders"
        assert "not read yet" in stage.text()


async def test_at_80_columns_a_backup_has_its_age_and_a_rule_all_the_room(samples, stage_on):
    stage = stage_on(samples.managed(samples.incident()))
    async with stage.app.run_test(size=(80, 50)) as pilot:
        stage.attach()
        await pilot.press("8")
        await pilot.pause()
        lines = stage.text().splitlines()
    assert next(line for line in lines if "backup 1700000000006" in line).rstrip().endswith("20 h")
    assert len(next(line for line in lines if "rate_based_ban" in line).rstrip()) > 70


async def test_sources_of_several_kinds_with_one_title_are_told_apart_where_they_fail(samples, stage_on):
    engine = samples.managed(samples.incident())
    for source, kind in (("secrets/edge", SourceKind.SECRETS), ("access/edge", SourceKind.ACCESS)):
        engine.add(source, kind, 30.0)
        engine.hub.poll_failed(source, TimedOut("no answer in 3 s", hint="look at the network"))
    stage = stage_on(engine)
    async with stage.app.run_test(size=(160, 40)) as pilot:
        stage.attach()
        await pilot.press("8")
        await pilot.pause()
        head, status = stage.text().splitlines()[:12], stage.text().splitlines()[-2]
    assert sum(f"{kind}/edge: " in line for line in head for kind in ("secrets", "access")) == 2
    assert "secrets edge failed" in status and "access edge failed" in status


def test_the_first_line_of_a_source_says_nothing_twice():
    instance = CloudSqlStatus(
        "shop", "db", "RUNNABLE", "ALWAYS", "", "", "7", availability="REGIONAL", zone="b1", secondary_zone="c1"
    )
    assert sql_words(instance, "RESTART under way") == "HA b1 ⇄ c1"
    assert sql_words(instance, "running in b1, HA") == "standby in c1"
    replica = replace(instance, primary="main", availability="ZONAL")
    assert (sql_words(replica), sql_words(replica, "running, replica of main")) == ("replica of main", "")
    cache = MemorystoreStatus("shop", "europe-west1", "cache", "", "READY", "BASIC", 5)
    assert "5 GB" in memorystore_words(cache, "UPDATING") and "5 GB" not in memorystore_words(cache, "READY, 5 GB")
    policy = ArmorStatus("shop", "edge", "1", "abc=", (), adaptive=False, backends=("web",))
    assert armor_words(policy, "3 rules, adaptive off") == "before web"
    assert armor_words(policy, "1 denial is due") == "adaptive protection off  before web"


async def test_the_detail_has_all_that_the_control_plane_said(cloud):
    await cloud.pilot.press("8")
    await to(cloud, "cloudsql/orders|operation/op-1")
    title, lines = pane(cloud).detail()
    assert title == "Cloud SQL · orders"
    told = dict(line for line in lines if line[0])
    assert told["secondary zone"] == "europe-west1-c" and told["disk autoresize"] == "yes"
    assert any("no capacity" in text for _, text in lines)


async def test_a_profile_without_them_has_no_such_page(stage):
    await stage.pilot.press("8")
    assert stage.screen.current is stage.screen.logs
    assert [each.message for each in stage.app._notifications] == ["This profile has nothing for pane 8."]
