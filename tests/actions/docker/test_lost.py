"""What a broken connection, a plugin that forbids and a container made anew leave behind, for every action."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Outcome

from .conftest import LABEL, STAY, Between, image

SOURCE = "containers/main"
STEPS = ("rename", "create", "stop", "start", "DELETE")
ACTIONS: dict[str, dict[str, str]] = {
    "restart": {"service": "api"},
    "stop": {"service": "api"},
    "start": {"service": "idle"},
    "scale": {"service": "api", "replicas": "2"},
    "recreate": {"service": "api", "set": "MODE=soft"},
    "rollback": {"service": "api"},
    "run": {"service": "api", "command": "sh -c 'echo done'"},
    "prune": {"what": "images", "older": "0s"},
}


def request(action: str, **more: str) -> ActionRequest:
    return ActionRequest(f"containers.{action}", SOURCE, ACTIONS[action] | more)


async def furnished(between: Between) -> None:
    """Two projects with services of the same names, and an image that nobody uses."""
    for project in ("shop", "shop2"):
        between.box(project, "api")
        await between.engine.stop(between.box(project, "idle"))
    between.engine.add_image(image("c", "shop/api:0"))
    between.engine.add_image(image("d", "other/thing:1"))


@pytest.mark.parametrize("action", ACTIONS)
async def test_it_touches_nothing_of_another_project_and_is_sent_once(
    between: Between, tmp_path: Path, action: str
) -> None:
    await furnished(between)
    others = between.state("shop2")
    async with between.crew(tmp_path) as on_call:
        record = await on_call.do(request(action))
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert between.asked and len(set(between.asked)) == len(between.asked)
    assert between.state("shop2") == others


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("how", ["cut", "lost", "gone"])
async def test_a_change_without_an_answer_is_open_or_put_back_and_never_sent_twice(
    between: Between, tmp_path: Path, action: str, how: str
) -> None:
    await furnished(between)
    others = between.state("shop2")
    async with between.crew(tmp_path) as on_call:
        planned = await on_call.planned(request(action))
        between.how = how
        record = await on_call.agreed(planned)
    assert between.asked.count(between.hit) == 1 or between.hit.endswith("/rename"), between.asked
    assert "the connection broke" in record.summary
    if action in ("recreate", "rollback") and how != "gone":
        assert record.outcome is Outcome.FAILED and "was put back as it was" in record.summary
    else:
        assert record.outcome is Outcome.UNKNOWN, record.summary
    if action in ("restart", "stop", "start"):
        assert f"it was the turn of {planned.plan.objects[0][-13:-1]} (0 of 1 are" in record.summary
    assert between.state("shop2") == others


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_a_plugin_forbids_changes_nothing(between: Between, tmp_path: Path, action: str) -> None:
    await furnished(between)
    before = between.state("shop")
    async with between.crew(tmp_path) as on_call:
        planned = await on_call.planned(request(action))
        between.how = "forbidden"
        record = await on_call.agreed(planned)
    assert record.outcome is Outcome.FAILED and "denied by plugin guard: not you" in record.summary
    assert between.asked == [between.hit] and between.state("shop") == before


@pytest.mark.parametrize("action", [each for each in ACTIONS if each != "prune"])
async def test_made_anew_between_plan_and_agreement_it_is_refused(
    between: Between, tmp_path: Path, action: str
) -> None:
    await furnished(between)
    service = ACTIONS[action]["service"]
    async with between.crew(tmp_path) as on_call:
        planned = await on_call.planned(request(action))
        old = between.engine.box(f"shop-{service}-1")
        between.engine.boxes.pop(old.id)
        made = between.box("shop", service)
        if service == "idle":
            await between.engine.stop(made)
        before = between.state("shop")
        record = await on_call.agreed(planned)
        assert record.outcome is Outcome.REFUSED and "the target changed" in record.summary
        again = await on_call.planned(request(action, id=old.id))
        assert any("is gone: somebody removed it or made it anew" in each.reason for each in again.refusals)
    assert between.asked == [] and between.state("shop") == before


async def test_an_image_that_came_into_use_since_the_plan_stays(between: Between, tmp_path: Path) -> None:
    await furnished(between)
    async with between.crew(tmp_path) as on_call:
        planned = await on_call.planned(request("prune"))
        assert any("other/thing:1" in each for each in planned.plan.objects)
        between.box("else", "x", Image="other/thing:1")
        record = await on_call.agreed(planned)
    assert record.outcome is Outcome.REFUSED and between.asked == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["cut", "lost", "forbidden"])
@pytest.mark.parametrize("action", ["recreate", "rollback"])
async def test_half_a_replacement_is_finished_or_put_back(
    between: Between, tmp_path: Path, action: str, how: str, step: str
) -> None:
    box = between.box("shop", "api")
    between.how, between.meant = how, lambda line: step in line
    async with between.crew(tmp_path) as on_call:
        record = await on_call.do(request(action))
    boxes = between.boxes()
    if step == "DELETE":
        if how == "cut":
            assert record.outcome is Outcome.SUCCEEDED and list(boxes) == ["shop-api-1"]
        else:
            aside = f"{box.id[:12]}_shop-api-1"
            assert (
                record.outcome is Outcome.FAILED and aside in record.summary and set(boxes) == {aside, "shop-api-1"}
            )
        assert boxes["shop-api-1"] != box.id and between.engine.box("shop-api-1").running
        return
    assert record.outcome is Outcome.FAILED, record.summary
    assert (step == "rename" and how == "forbidden") or "shop-api-1 was put back as it was" in record.summary
    assert boxes == {"shop-api-1": box.id} and box.running and box.env["MODE"] == "hard"


@pytest.mark.parametrize("step", STEPS)
async def test_where_the_engine_stays_away_both_are_named(between: Between, tmp_path: Path, step: str) -> None:
    box = between.box("shop", "api")
    async with between.crew(tmp_path) as on_call:
        planned = await on_call.planned(request("recreate"))
        between.how, between.meant = "gone", lambda line: step in line
        record = await on_call.agreed(planned)
    assert record.outcome is Outcome.UNKNOWN
    assert f"the old one is {box.id[:12]}_shop-api-1 ({box.id[:12]})" in record.summary
    assert "0 of 1 are made anew" in record.summary and f"`docker rename {box.id[:12]} shop-api-1`" in record.summary


async def test_a_name_that_somebody_took_meanwhile_is_left_to_them(between: Between, tmp_path: Path) -> None:
    box = between.box("shop", "api")

    def first(line: str) -> None:
        if "create" in line:
            between.box("shop", "api")

    between.before = first
    async with between.crew(tmp_path) as on_call:
        record = await on_call.do(request("recreate"))
    assert record.outcome is Outcome.UNKNOWN and "somebody else made shop-api-1" in record.summary
    assert between.engine.box("shop-api-1").running and between.engine.box(box.id).running
    assert not any(line.startswith("DELETE") for line in between.asked)


def unhealthy(between: Between) -> None:
    between.engine.healthy_s = 3600.0
    between.engine.heard.append(lambda box, what: setattr(box, "health", "unhealthy") if what == "start" else None)


def killed(between: Between) -> None:
    between.engine.heard.append(
        lambda box, what: between.engine._end(box, 137, oom=True) if what == "start" else None
    )


@pytest.mark.parametrize(
    ("fate", "why"),
    [(unhealthy, "its health check fails"), (killed, "it ended with code 137: it had no memory left")],
)
@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("action", ["recreate", "rollback"])
async def test_one_that_does_not_become_well_is_put_back_running_or_not(
    between: Between, tmp_path: Path, action: str, runs: bool, fate: Callable[[Between], None], why: str
) -> None:
    box = between.box("shop", "api", Healthcheck={"Test": ["CMD", "true"]})
    if not runs:
        await between.engine.stop(box)
    async with between.crew(tmp_path) as on_call:
        planned = await on_call.planned(request(action))
        assert any("not running now" in each for each in planned.plan.warnings) is not runs
        fate(between)
        record = await on_call.agreed(planned)
    assert (
        record.outcome is Outcome.FAILED and f"put back as it was: the new one is not well: {why}" in record.summary
    )
    assert between.boxes() == {"shop-api-1": box.id}
    assert runs or not box.running
    assert any(line.endswith(f"{box.id}/start") for line in between.asked) is runs


async def test_one_that_stands_still_is_replaced_and_runs(between: Between, tmp_path: Path) -> None:
    await between.engine.stop(between.box("shop", "api"))
    async with between.crew(tmp_path) as on_call:
        record = await on_call.do(request("rollback"))
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert between.engine.box("shop-api-1").image is between.old and between.engine.box("shop-api-1").running


async def test_scale_keeps_what_can_be_only_one(between: Between, tmp_path: Path) -> None:
    between.box("shop", "api", HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}})
    between.box("shop", "db", name="database")
    async with between.crew(tmp_path) as on_call:
        ports = await on_call.planned(request("scale"))
        named = await on_call.planned(request("scale", service="db"))
    assert any("port 8080" in each.reason for each in ports.refusals)
    assert any("container_name" in each.reason for each in named.refusals)


async def test_a_twin_has_all_networks_and_neither_name_nor_volume_of_its_own(
    between: Between, tmp_path: Path
) -> None:
    for name in ("front", "back"):
        between.engine.network(name)
    endpoints = {"front": {"Aliases": ["api", "shop-api-1"]}, "back": {"Aliases": ["api", "books"]}}
    between.box("shop", "api", HostConfig={"NetworkMode": "front"}, NetworkingConfig={"EndpointsConfig": endpoints})
    async with between.crew(tmp_path) as on_call:
        record = await on_call.do(request("scale"))
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    second = between.engine.box("shop-api-2")
    assert {name: each["Aliases"] for name, each in second.networks.items()} == {
        "front": ["api"], "back": ["api", "books"],
    }  # fmt: skip
    assert second.labels[f"{LABEL}container-number"] == "2" and second.words == STAY


@pytest.mark.parametrize(
    "given",
    [
        {"set": "API_KEY=hush-hush"},
        {"set": "UPSTREAM=https://me:hush-hush@host/"},
        {"set": "", "secret": "API_KEY=hush-hush"},
        {"set": "MODE='hush-hush"},
    ],
)
async def test_a_secret_that_is_typed_is_refused_without_repeating_it(
    between: Between, tmp_path: Path, given: dict[str, str]
) -> None:
    between.box("shop", "api")
    async with between.crew(tmp_path) as on_call:
        with pytest.raises(Refused) as refused:
            await on_call.planned(request("recreate", **given))
    assert "hush" not in f"{refused.value} {refused.value.hint}"


async def test_what_a_one_off_writes_of_its_secrets_is_masked(between: Between, tmp_path: Path) -> None:
    between.box("shop", "api", Env=["API_KEY=hush-hush", "MODE=hard"])
    async with between.crew(tmp_path) as on_call:
        record = await on_call.do(request("run", command="sh -c 'echo $API_KEY $MODE'"))
    assert record.outcome is Outcome.SUCCEEDED and record.details[0] == "*** hard", record.details
    written = "".join(each.read_text(errors="replace") for each in (tmp_path / "state").rglob("*") if each.is_file())
    assert "*** hard" in written and "hush-hush" not in written
