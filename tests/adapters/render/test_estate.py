"""What is polled: values, judgements, how many reads it takes, what is never read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cockpit.adapters.render import wire
from cockpit.errors import AuthenticationFailed, CockpitError, NotFound
from cockpit.model.render import Deploy, RenderStatus
from cockpit.model.severity import Severity
from tests.adapters.render.conftest import Desk


async def probed(desk: Desk) -> RenderStatus:
    found = (await desk.estate.probe()).payload
    assert isinstance(found, RenderStatus)
    return found


async def test_a_workspace_that_is_well(desk: Desk) -> None:
    found = await desk.estate.probe()
    assert (found.severity, found.summary) == (Severity.OK, "2 services, 2 data stores")
    status = await probed(desk)
    web = status.service("booking-api")
    assert web is not None
    assert (web.plan, web.region, web.wanted, len(web.instances or ())) == ("standard", "frankfurt", 2, 2)
    assert web.live is not None
    assert (web.live.version, web.live.message, web.live.trigger) == ("9c41d2ab", "Faster search", "new_commit")
    assert web.previous is not None
    assert web.previous.version == "77aa10ff"
    store = status.store("booking-db")
    assert store is not None
    assert (store.connections, store.limit, store.status) == (41, 200, "available")
    cache = status.store("red-booking")
    assert cache is not None
    assert (cache.connections, cache.limit) == (12, None), "nobody says how many it takes"


async def test_of_the_environment_only_names(desk: Desk) -> None:
    status = await probed(desk)
    assert status.services[0].variables == ("DATABASE_URL", "LOG_LEVEL")
    assert "secret" not in repr(status)
    assert "secret" not in repr(desk.estate.__dict__)


async def test_a_poll_keeps_to_its_reads(desk: Desk) -> None:
    await desk.estate.probe()
    first = len(desk.plane.requests)
    for _ in range(3):
        await desk.estate.probe()
    again = len(desk.plane.requests) - first
    assert first == 3 * 2 + 2 + 2 + 2 + 1, "three a service, its events and names, one a store, one for all of these"
    assert again == 3 * (3 * 2 + 2 + 1), "events and names are kept for a while"


@pytest.mark.parametrize(
    ("play", "severity", "said"),
    [
        ("suspended", Severity.CRIT, "suspended by user"),
        ("maintenance", Severity.WARN, "maintenance mode"),
        ("no instances", Severity.CRIT, "no instance runs, of 2"),
        ("one instance", Severity.WARN, "1 of 2 instances run"),
        ("build failed", Severity.WARN, "77aa10ff: build failed; 9c41d2ab still serves"),
        ("deploying", Severity.WARN, "build in progress"),
        ("never live", Severity.UNKNOWN, "none of its latest deploys is live"),
    ],
)
async def test_what_is_wrong_with_a_service_is_said(desk: Desk, play: str, severity: Severity, said: str) -> None:
    estate, web = desk.plane.estate, desk.plane.estate.services["srv-booking"]
    match play:
        case "suspended":
            web.suspended, web.instances = True, []
        case "maintenance":
            web.details["maintenanceMode"]["enabled"] = True
        case "no instances":
            web.instances = []
        case "one instance":
            web.instances = web.instances[:1]
        case "build failed":
            made = estate.deploy(web, web.deploys[1], "manual")
            made.status, made.steps = "build_failed", []
        case "deploying":
            estate.settle_s = 60.0
            estate.deploy(web, web.deploys[1], "manual")
        case _:
            web.deploys[0].status = "deactivated"
    service = (await probed(desk)).services[0]
    assert service.severity is severity
    assert said in service.said


async def test_the_live_deploy_is_found_behind_many_that_failed(desk: Desk) -> None:
    web = desk.plane.estate.services["srv-booking"]
    for _ in range(15):
        made = desk.plane.estate.deploy(web, web.deploys[-1], "manual")
        made.status, made.steps = "build_failed", []
    service = (await probed(desk)).services[0]
    assert service.live is not None
    assert service.live.version == "9c41d2ab"


@pytest.mark.parametrize(
    ("change", "connections", "severity", "said"),
    [
        ({"status": "unavailable"}, 5.0, Severity.CRIT, "unavailable"),
        ({"status": "unknown"}, 5.0, Severity.UNKNOWN, "does not know"),
        ({"suspended": "suspended"}, 5.0, Severity.CRIT, "suspended"),
        ({"status": "updating_instance"}, 5.0, Severity.WARN, "updating instance"),
        ({"status": "maintenance_scheduled"}, 5.0, Severity.OK, ""),
        ({}, 160.0, Severity.WARN, "160 of 200 connections"),
        ({}, 200.0, Severity.CRIT, "200 of 200 connections"),
        ({"plan": "standard"}, 500.0, Severity.OK, ""),
    ],
)
async def test_what_is_wrong_with_a_database_is_said(
    desk: Desk, change: dict[str, str], connections: float, severity: Severity, said: str
) -> None:
    desk.plane.estate.stores["dpg-booking"].document.update(change)
    desk.plane.estate.levels["active-connections", "dpg-booking"] = connections
    store = (await probed(desk)).store("dpg-booking")
    assert store is not None
    assert (store.severity, store.said) == (severity, store.said)
    assert said in store.said


@pytest.mark.parametrize(
    ("plan", "limit"),
    [("basic_256mb", 100), ("basic_4gb", 100), ("pro_8gb", 200), ("pro_16gb", 400), ("accelerated_1024gb", 500),
     ("standard", None), ("custom", None), ("", None)],
)  # fmt: skip
def test_a_plan_tells_how_many_connections_it_takes(plan: str, limit: int | None) -> None:
    assert wire.postgres_limit(plan) == limit


async def test_one_that_is_gone_is_a_note_and_the_others_are_seen(desk: Desk) -> None:
    del desk.plane.estate.services["srv-mailer"]
    del desk.plane.estate.stores["red-booking"]
    found = await desk.estate.probe()
    assert isinstance(found.payload, RenderStatus)
    assert [each.id for each in found.payload.services] == ["srv-booking"]
    assert found.severity is Severity.UNKNOWN
    assert any("srv-mailer" in note for note in found.payload.notes)
    del desk.plane.estate.services["srv-booking"], desk.plane.estate.stores["dpg-booking"]
    with pytest.raises(NotFound):
        await desk.estate.probe()


async def test_names_that_may_not_be_read_hide_nothing_else(desk: Desk) -> None:
    desk.plane.denied.add("get-env-vars-for-service")
    status = await probed(desk)
    assert status.services[0].variables == ()
    assert status.services[0].live is not None
    desk.plane.denied = {"list-instances"}
    assert [(each.instances, each.severity) for each in (await probed(desk)).services] == [(None, Severity.OK)] * 2
    desk.plane.denied = {"list-events", "get-active-connections"}
    desk.estate._happened._held.clear()
    status = await probed(desk)
    assert any("events not read" in note for note in status.notes)
    assert [each.connections for each in status.stores] == [None, None]


async def test_render_itself_failing_fails_the_poll(desk: Desk) -> None:
    desk.plane.keys.clear()
    with pytest.raises(AuthenticationFailed):
        await desk.estate.probe()


async def test_events_are_told_in_words(desk: Desk) -> None:
    estate, web = desk.plane.estate, desk.plane.estate.services["srv-booking"]
    estate.happened(web, "server_failed", {"reason": {"oomKilled": {"memoryLimit": "512Mi"}}})
    estate.happened(web, "server_failed", {"reason": {"nonZeroExit": 3}})
    estate.happened(web, "server_failed", {"reason": {"evicted": False, "earlyExit": True}})
    estate.happened(web, "server_failed", {"reason": {"evicted": False, "timedOutSeconds": 30}})
    estate.happened(web, "artifact_fetch_failed", {})
    estate.happened(web, "deploy_ended", {"deployStatus": "failed", "reason": {"failure": {"evicted": True}}})
    estate.happened(web, "deploy_started", {"trigger": {"rollbackTargetDeployId": "dep-1"}})
    estate.happened(web, "instance_count_changed", {"fromInstances": 1, "toInstances": 3})
    estate.happened(web, "something_new", {"x": [1]})
    status = await probed(desk)
    assert {each.said for each in status.events} == {
        "an instance failed: out of memory (512Mi)",
        "an instance failed: exit 3",
        "an instance failed: it exited though it should go on",
        "an instance failed: timed out after 30 s",
        "artifact fetch failed",
        "deploy failed: evicted",
        "deploy started back to dep-1",
        "instances 1 -> 3",
        "something new",
    }
    assert sum(each.bad for each in status.events) == 6


async def test_text_from_outside_is_cleaned_where_it_enters(desk: Desk) -> None:
    bad = "\x1b]52;c;ZXZpbA==\x07[red]\u202eevil\n"
    web = desk.plane.estate.services["srv-booking"]
    web.name, web.branch = bad, bad
    web.deploys[0].commit = {"id": bad, "message": bad}
    web.variables = {bad: "x"}
    desk.plane.estate.stores["dpg-booking"].document["name"] = bad
    desk.plane.estate.happened(web, "deploy_ended", {"deployStatus": bad})
    found = await desk.estate.probe()
    text = repr(found).replace("\\u202e", "\u202e")
    assert "\x1b" not in text
    assert "\\x1b" not in text
    assert "\u202e" not in text
    assert found.summary


async def test_it_says_what_it_lacks(desk: Desk) -> None:
    found = await desk.estate.diagnose()
    assert [each.ok for each in found] == [True] * 5
    del desk.plane.estate.services["srv-mailer"]
    assert [each.ok for each in await desk.estate.diagnose()] == [True, True, False, True, True]
    desk.plane.keys.clear()
    (only,) = await desk.estate.diagnose()
    assert (only.ok, "API key" in only.fix) == (False, True)


def test_what_was_before_a_rollback_is_what_was_before_its_code() -> None:
    at = wire.moment("2026-05-04T03:20:00Z")
    assert at is not None
    old = Deploy("dep-1", "deactivated", "new_commit", at, commit="a" * 40)
    good = Deploy("dep-2", "deactivated", "new_commit", at + timedelta(days=1), commit="b" * 40)
    bad = Deploy("dep-3", "deactivated", "new_commit", at + timedelta(days=2), commit="c" * 40)
    back = Deploy("dep-4", "live", "rollback", at + timedelta(days=3), commit="b" * 40)
    service = replace(wire.service_of({"id": "srv-1", "type": "web_service"}), deploys=(back, bad, good, old))
    assert service.previous == old, "not the one that was rolled back from"


async def test_an_error_of_a_single_thing_keeps_its_words(desk: Desk) -> None:
    with pytest.raises(CockpitError, match="srv-other"):
        await desk.estate.service("srv-other")
