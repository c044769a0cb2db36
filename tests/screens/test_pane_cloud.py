"""The pane of managed services: a page of its own, a section a kind, and actions on the row under the cursor."""

from __future__ import annotations

import pytest

from cockpit.model.action import ActionSpec, Param, ParamKind, Scope, Tier
from cockpit.model.severity import Severity, SourceKind
from screens.panes.cloud import CloudPane

SQL = ActionSpec("cloudsql.restart", "Restart instance", SourceKind.CLOUDSQL, "R", Tier.T3, "", scope=Scope.SOURCE)
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


async def to(stage, key: str) -> None:
    for _ in range(60):
        if pane(stage).key == key:
            return
        await stage.pilot.press("j")
    raise AssertionError(f"no row {key}; at {pane(stage).key}")


async def test_its_key_gives_it_the_screen_and_escape_gives_it_back(cloud):
    assert "8 Cloud" in cloud.text().replace("8Cloud", "8 Cloud")
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
        ("cloudsql.restart", "cloudsql/orders", {}),
        ("memorystore.resize", "memorystore/sessions", {}),
        ("armor.lift", "armor/edge", {"priority": "900", "fingerprint": "abc="}),
    ]
    assert pane(cloud).selection()["priority"] == "900"


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("cloudsql/orders|backup/1700000000006", {"backup": "1700000000006", "settings": "41"}),
        ("armor/edge|rule/901", {"priority": "901", "policy_id": "4711", "fingerprint": "abc="}),
        ("secrets/shop|secret/orders-database-url", {"secret": "orders-database-url"}),
        ("secrets/shop|secret/old-key", {"secret": "old-key"}),
        ("access/shop", {}),
    ],
)
async def test_a_row_names_what_an_action_is_about(cloud, row, named):
    await cloud.pilot.press("8")
    await to(cloud, row)
    assert named.items() <= pane(cloud).selection().items()
    assert pane(cloud).source == row.partition("|")[0]


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
