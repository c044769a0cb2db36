"""Traffic and limits of a Cloud Run service, from plan to undo, against the simulated control plane."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.actions import revisions
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.params import completed
from cockpit.actions.traffic import compact, moved, parse_compact, same, shares_of, split_to, tags_of
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError, Conflict, PermissionDenied, Refused, TimedOut
from cockpit.model.action import ActionRequest, Grant, Outcome, Plan, Tier
from cockpit.model.revisions import Scaling, ServiceStatus, TrafficTarget
from cockpit.profile.schema import CloudRunSource, Limits
from cockpit.sandbox.gcp.cloud import Audit
from cockpit.sandbox.gcp.model import Change, Target, Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

SOURCE = "revisions/shop"
STARTED = datetime.now(UTC) - timedelta(hours=3)
GOOD, BAD = "shop-00001-good", "shop-00002-bad"


class Rig:
    """The plane, an adapter on it, and the handlers of one source."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.patches: list[Request] = []
        self.fault: Callable[[Request], Awaitable[Response | None]] | None = None
        self.adapter: CloudRunService
        self.handlers: dict[str, ActionHandler] = {}

    async def answer(self, request: Request) -> Response:
        if request.method == "PATCH":
            self.patches.append(request)
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        return await self.plane.handle(request)

    async def plan(self, action: str, **params: str) -> Plan:
        handler = self.handlers[action]
        return await handler.plan(completed(handler.spec, ActionRequest(action, SOURCE, params)))

    async def again(self, plan: Plan) -> Plan:
        return await self.handlers[plan.request.action].plan(plan.request)

    async def run(self, plan: Plan) -> Any:
        assert not plan.refusals
        return await self.handlers[plan.request.action].run(plan, RunControl(lambda *_: None, lambda: False))

    async def verify(self, plan: Plan, result: Any) -> Any:
        return await self.handlers[plan.request.action].verify(plan, result)

    async def undo(self, request: ActionRequest) -> Plan:
        handler = self.handlers[request.action]
        return await handler.plan(completed(handler.spec, request))

    def sent(self) -> list[Request]:
        return [request for request in self.patches if "validateOnly" not in request.query]

    def traffic(self) -> str:
        service = self.plane.run.services["shop"]
        return compact([TrafficTarget(t.revision, t.percent, t.tag) for t in service.traffic])


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    plane = ControlPlane(settle_s=0.02)
    service = plane.run.seed(
        "shop", Template("reg/shop:v1", revision=GOOD), created=STARTED, creator="ann@shop.example"
    )
    later = STARTED + timedelta(hours=2)
    plane.run.seed_revision(service, Template("reg/shop:v2", revision=BAD), created=later, creator="bob@shop.example")
    service.traffic = (Target(100), Target(0, GOOD, "canary"))
    rig = Rig(plane)
    async with await HttpServer.start(rig.answer) as server:
        source = CloudRunSource(
            name="shop",
            project="demo-shop",
            region="europe-west1",
            service="shop",
            endpoint=server.url,
            timeout=3,
            audit_log=False,
        )
        rig.adapter = CloudRunService(source, None, SystemClock())
        made = revisions.handlers(SOURCE, rig.adapter, Scene("shop", "demo"), Limits(), SystemClock())
        rig.handlers = {handler.spec.id: handler for handler in made}
        yield rig
        await rig.adapter.close()
    await plane.close()


def reasons(plan: Plan) -> str:
    return "; ".join(f"{refusal.step}: {refusal.reason}" for refusal in plan.refusals)


def test_keys_and_tiers_are_those_of_the_design() -> None:
    declared = {spec.id: (spec.key, spec.tier) for spec in revisions.SPECS}
    assert declared == {
        "revisions.rollback": ("R", Tier.T2),
        "revisions.promote": ("P", Tier.T2),
        "revisions.scale": ("S", Tier.T2),
        "revisions.split": ("T", Tier.T2),
        "revisions.restore": ("", Tier.T2),
        "revisions.restore_scale": ("", Tier.T2),
    }


async def test_the_plan_of_a_roll_back_shows_what_it_would_do_and_does_nothing(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert plan.refusals == ()
    assert plan.title == f"Roll back to {GOOD}"
    assert plan.target == "shop on Cloud Run demo-shop/europe-west1"
    assert [(change.what, change.before, change.after) for change in plan.changes] == [
        (f"traffic to {GOOD}", "0 %", "100 %"),
        (f"traffic to {BAD}", "100 %", "0 %"),
        ("new deployments", "get traffic", "get none until promoted"),
    ]
    assert plan.objects == (f"{GOOD}: 0 % -> 100 %", f"{BAD}: 100 % -> 0 %")
    assert plan.affected == "100 % of the requests to shop change their revision"
    assert plan.operation[0].startswith("PATCH http://127.0.0.1:")
    assert plan.operation[0].endswith(
        "/v2/projects/demo-shop/locations/europe-west1/services/shop?updateMask=traffic"
    )
    assert json.loads(plan.operation[1])["etag"] == plan.identity["etag"]
    assert plan.equivalent == (
        f"gcloud run services update-traffic shop --to-revisions={GOOD}=100"
        " --region=europe-west1 --project=demo-shop",
    )
    assert plan.permission.grant is Grant.GRANTED
    assert plan.dry_run == "Cloud Run accepts the traffic list (validateOnly)"
    assert plan.undo.text == f"restore latest=100,tag:canary@{GOOD}=0"
    assert any("reg/shop:v2" in warning and "deploy it again" in warning for warning in plan.warnings)
    assert any("pinned" in warning for warning in plan.warnings)
    assert rig.sent() == []
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"
    assert (await rig.again(plan)).digest == plan.digest


async def test_a_roll_back_and_its_undo_restore_the_exact_list(rig: Rig) -> None:
    former = rig.traffic()
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    result = await rig.run(plan)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, f"shop serves {GOOD} 100 %")
    assert (await rig.verify(plan, result)).holds is True
    assert json.loads(plan.operation[1]) == rig.sent()[0].json()
    assert rig.traffic() == f"{GOOD}=100,tag:canary@{GOOD}=0"
    for request in (plan.undo.request, result.undo.request):
        assert request is not None
    back = await rig.undo(result.undo.request)
    assert back.refusals == ()
    await rig.run(back)
    assert rig.traffic() == former


async def test_without_a_revision_it_goes_to_the_one_before_and_says_how_that_is_known(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback")
    assert plan.title == f"Roll back to {GOOD}"
    assert any("guess" in warning for warning in plan.warnings)
    assert "guess" in plan.affected
    await rig.run(plan)
    again = await rig.plan("revisions.rollback")
    assert reasons(again) == "preconditions: no revision is known that served before"


async def test_what_cannot_serve_or_serves_already_is_refused_and_nothing_is_rehearsed(rig: Rig) -> None:
    assert "serves 100 % already" in reasons(await rig.plan("revisions.rollback", revision=BAD))
    assert "does not exist" in reasons(await rig.plan("revisions.rollback", revision="shop-00000-gone"))
    service = rig.plane.run.services["shop"]
    service.revisions[GOOD].ready = False
    service.version += 1
    assert "is deploying" in reasons(await rig.plan("revisions.rollback", revision=GOOD))
    assert rig.patches == []


async def test_the_same_image_is_a_warning(rig: Rig) -> None:
    service = rig.plane.run.services["shop"]
    service.revisions[GOOD].digest = service.revisions[BAD].digest
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert any("same image" in warning for warning in plan.warnings)


async def test_a_row_that_is_no_longer_true_is_refused(rig: Rig) -> None:
    first = await rig.plan("revisions.rollback", revision=GOOD)
    row = {"revision": GOOD, "uid": first.identity["uid"], "etag": first.identity["etag"]}
    assert (await rig.plan("revisions.rollback", **row)).refusals == ()
    change_by_somebody(rig)
    assert "was changed by eve@shop.example" in reasons(await rig.plan("revisions.rollback", **row))
    assert "created again" in reasons(await rig.plan("revisions.rollback", **{**row, "uid": "other"}))


def change_by_somebody(rig: Rig) -> None:
    audit = Audit("google.cloud.run.v2.Services.UpdateService", "eve@shop.example", "127.0.0.1", {})
    rig.plane.run.apply("shop", Change(labels={"touched": "yes"}), audit)


async def test_a_change_between_plan_and_run_gives_another_digest_and_a_conflict(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    change_by_somebody(rig)
    assert (await rig.again(plan)).digest != plan.digest
    with pytest.raises(Conflict) as caught:
        await rig.run(plan)
    assert not caught.value.effect_possible
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"


async def test_a_missing_permission_is_in_the_plan_with_the_way_to_get_it(rig: Rig) -> None:
    rig.plane.permissions.revoke("run.services.update")
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert plan.permission.grant is Grant.DENIED
    assert "--role=roles/run.developer" in plan.permission.how
    assert "permission" in [refusal.step for refusal in plan.refusals]
    plan = await rig.plan("revisions.scale", max="5")
    assert plan.permission.grant is Grant.DENIED


async def test_a_permission_lost_after_the_plan_stops_the_run(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    rig.plane.permissions.revoke("run.services.update")
    with pytest.raises(PermissionDenied):
        await rig.run(plan)


async def test_a_lost_answer_leaves_the_outcome_open_and_verification_finds_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)

    async def swallow(request: Request) -> Response | None:
        if request.method == "PATCH":
            await rig.plane.handle(request)
            await asyncio.sleep(60)
        return None

    rig.fault = swallow
    monkeypatch.setattr(rig.adapter._run, "_timeout_s", 0.3)
    with pytest.raises(TimedOut) as caught:
        await rig.run(plan)
    assert caught.value.effect_possible
    assert len(rig.sent()) == 1
    assert (await rig.verify(plan, None)).holds is True


async def test_verification_sees_when_it_is_not_so(rig: Rig) -> None:
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    verification = await rig.verify(plan, None)
    assert verification.holds is False
    assert f"{BAD} 100 %" in verification.text


async def test_a_rehearsal_that_the_server_cannot_answer_is_said_and_does_not_stop_the_operator(rig: Rig) -> None:
    async def overloaded(request: Request) -> Response | None:
        return Response(503, b"{}") if request.query.get("validateOnly") else None

    rig.fault = overloaded
    plan = await rig.plan("revisions.rollback", revision=GOOD)
    assert plan.refusals == ()
    assert plan.dry_run.startswith("not known")


async def test_promotion_to_latest_unpins_and_to_a_tag_does_not(rig: Rig) -> None:
    await rig.run(await rig.plan("revisions.rollback", revision=GOOD))
    choices = await rig.handlers["revisions.promote"].choices("to")
    assert [(choice.value, choice.recommended) for choice in choices] == [("latest", True), ("canary", False)]
    plan = await rig.plan("revisions.promote", to="latest")
    assert plan.equivalent[0].startswith("gcloud run services update-traffic shop --to-latest --region=")
    assert ("new deployments", "get none until promoted", "get traffic") in [
        (change.what, change.before, change.after) for change in plan.changes
    ]
    await rig.run(plan)
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"
    assert "already so" in reasons(await rig.plan("revisions.promote", to="latest"))
    await rig.run(await rig.plan("revisions.promote", to="canary"))
    assert rig.traffic() == f"{GOOD}=100,tag:canary@{GOOD}=0"
    assert "no tag 'beta'" in reasons(await rig.plan("revisions.promote", to="beta"))


async def test_a_split_gives_a_share_and_the_rest_shrinks(rig: Rig) -> None:
    plan = await rig.plan("revisions.split", revision=GOOD, percent="10")
    assert plan.affected == "10 % of the requests to shop change their revision"
    assert f"--to-revisions={GOOD}=10,LATEST=90" in plan.equivalent[0]
    assert not any("pinned" in warning for warning in plan.warnings)
    result = await rig.run(plan)
    assert (await rig.verify(plan, result)).holds
    assert rig.traffic() == f"{GOOD}=10,latest=90,tag:canary@{GOOD}=0"
    await rig.run(await rig.plan("revisions.split", revision=GOOD, percent="0"))
    assert rig.traffic() == f"latest=100,tag:canary@{GOOD}=0"
    assert "no other revision" in reasons(await rig.plan("revisions.split", revision=BAD, percent="50"))
    assert "0 to 99" in reasons(await rig.plan("revisions.split", revision=GOOD, percent="100"))
    assert "no revision was named" in reasons(await rig.plan("revisions.split", percent="5"))


async def test_an_undo_is_refused_once_somebody_else_changed_the_traffic(rig: Rig) -> None:
    result = await rig.run(await rig.plan("revisions.rollback", revision=GOOD))
    await rig.run(await rig.plan("revisions.split", revision=BAD, percent="5"))
    assert "was changed since" in reasons(await rig.undo(result.undo.request))
    with pytest.raises(Refused, match="not 100"):
        await rig.plan("revisions.restore", traffic="latest=90")


async def test_limits_go_to_the_service_and_back_to_exactly_what_they_were(rig: Rig) -> None:
    plan = await rig.plan("revisions.scale", min="2", max="20")
    assert [(change.what, change.before, change.after) for change in plan.changes] == [
        ("least instances", "unset", "2"),
        ("most instances", "unset", "20"),
    ]
    assert plan.operation[0].endswith("?updateMask=scaling")
    assert plan.equivalent == (
        "gcloud beta run services update shop --min=2 --max=20 --region=europe-west1 --project=demo-shop",
    )
    result = await rig.run(plan)
    assert (await rig.verify(plan, result)).holds
    assert rig.sent()[0].json() == json.loads(plan.operation[1])
    smaller = await rig.plan("revisions.scale", max="5")
    assert any("fewer instances" in warning for warning in smaller.warnings)
    back = await rig.undo(result.undo.request)
    assert back.equivalent[0].startswith("curl -X PATCH ")
    assert json.loads(shlex.split(back.equivalent[0])[-1]) == {"etag": back.identity["etag"], "scaling": {}}
    await rig.run(back)
    scaling = rig.plane.run.services["shop"].scaling
    assert (scaling.min_instances, scaling.max_instances) == (0, 0)
    assert "changed since" in reasons(await rig.undo(result.undo.request))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"max": "0"}, "not a stop"),
        ({"min": "7", "max": "3"}, "at most 3 is below at least 7"),
        ({"max": "1"}, "at most 1 is below at least 2"),
        ({"min": "-1"}, "cannot be negative"),
        ({}, "neither min nor max"),
        ({"min": "2"}, "already so"),
    ],
)
async def test_limits_that_make_no_sense_are_refused(rig: Rig, params: dict[str, str], reason: str) -> None:
    await rig.run(await rig.plan("revisions.scale", min="2"))
    sent = len(rig.patches)
    assert reason in reasons(await rig.plan("revisions.scale", **params))
    assert len(rig.patches) == sent


async def test_manual_scaling_is_kept_and_said(rig: Rig) -> None:
    service = rig.plane.run.services["shop"]
    service.scaling = type(service.scaling)(mode="MANUAL", manual_instances=3)
    plan = await rig.plan("revisions.scale", max="5")
    assert any("manual" in warning for warning in plan.warnings)
    assert json.loads(plan.operation[1])["scaling"] == {
        "maxInstanceCount": 5,
        "scalingMode": "MANUAL",
        "manualInstanceCount": 3,
    }


async def test_a_service_that_cannot_be_read_raises(rig: Rig) -> None:
    rig.plane.run.services.clear()
    with pytest.raises(CockpitError, match="does not exist"):
        await rig.plan("revisions.rollback", revision=GOOD)


@pytest.fixture
def gcloud(rig: Rig, tmp_path: Path) -> Callable[[str], Awaitable[None]]:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed here")
    token = tmp_path / "token"
    token.write_text(rig.plane.tokens.issue())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": rig.adapter._run.base_url.rpartition(":")[2],
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "http://run.googleapis.com/",
    }

    async def paste(line: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(line),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()

    return paste


async def test_the_equivalent_commands_do_the_same_with_the_real_gcloud(
    rig: Rig, gcloud: Callable[[str], Awaitable[None]]
) -> None:
    """Each command is pasted into gcloud, against the same control plane."""
    for action, params in (
        ("revisions.rollback", {"revision": GOOD}),
        ("revisions.promote", {"to": "latest"}),
        ("revisions.split", {"revision": GOOD, "percent": "10"}),
    ):
        plan = await rig.plan(action, **params)
        assert plan.refusals == ()
        (line,) = plan.equivalent
        await gcloud(line)
        assert sorted(rig.traffic().split(",")) == sorted(compact(plan.basis["targets"]).split(","))
    plan = await rig.plan("revisions.scale", min="2", max="20")
    await gcloud(plan.equivalent[0])
    scaling = rig.plane.run.services["shop"].scaling
    assert (scaling.min_instances, scaling.max_instances) == (2, 20)
    plan = await rig.plan("revisions.restore_scale", min="0", max="20")
    await gcloud(plan.equivalent[0])
    scaling = rig.plane.run.services["shop"].scaling
    assert (scaling.min_instances, scaling.max_instances) == (0, 20)
    assert len(rig.plane.run.services["shop"].revisions) == 2


names = st.sampled_from(("", "shop-00001-a", "shop-00002-b", "shop-00003-c", "shop-00004-d"))


@st.composite
def traffic(draw: st.DrawFn) -> tuple[TrafficTarget, ...]:
    chosen = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(chosen) - 1, max_size=len(chosen) - 1)))
    shares = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    tags = draw(st.lists(st.tuples(names, st.sampled_from(("canary", "beta"))), max_size=2, unique_by=lambda t: t[1]))
    entries = [TrafficTarget(name, share) for name, share in zip(chosen, shares, strict=True)]
    return (*entries, *(TrafficTarget(name, 0, tag) for name, tag in tags))


def service_with(targets: tuple[TrafficTarget, ...]) -> ServiceStatus:
    return ServiceStatus(
        "p", "r", "shop", "n", "u", "e", 1, False, "ready", "", "shop-00004-d", "shop-00004-d", "image", Scaling(),
        targets, (), (), None, None,
    )  # fmt: skip


@given(traffic(), names.filter(bool), st.integers(0, 99))
def test_a_split_always_makes_a_hundred_and_keeps_tags_and_proportions(
    targets: tuple[TrafficTarget, ...], revision: str, percent: int
) -> None:
    status = service_with(targets)
    before = shares_of(targets, status.latest_ready)
    others = {name: share for name, share in before.items() if name != revision}
    if not others:
        with pytest.raises(ValueError, match="no other revision"):
            split_to(revision, percent, status)
        return
    made = split_to(revision, percent, status)
    after = shares_of(made, status.latest_ready)
    assert sum(target.percent for target in made) == 100
    assert after.get(revision, 0) == percent
    assert set(tags_of(made)) == set(tags_of(targets))
    for name, share in others.items():
        assert abs(after.get(name, 0) - share * (100 - percent) / sum(others.values())) <= 2
    assert moved(before, after) == sum(abs(after.get(n, 0) - before.get(n, 0)) for n in {*before, *after}) / 2


@given(traffic(), st.randoms())
def test_order_and_joined_tags_make_no_difference(targets: tuple[TrafficTarget, ...], chance: Any) -> None:
    shuffled = list(targets)
    chance.shuffle(shuffled)
    assert same(targets, shuffled)
    heaviest = max(targets, key=lambda target: target.percent)
    joined = [TrafficTarget(t.revision, t.percent, "extra") if t is heaviest else t for t in targets]
    assert not same(targets, joined)
    assert same(joined, [*targets, TrafficTarget(heaviest.revision, 0, "extra")])


@given(traffic())
def test_the_compact_text_says_everything(targets: tuple[TrafficTarget, ...]) -> None:
    assert parse_compact(compact(targets)) == targets


@pytest.mark.parametrize(
    "text", ["", "a=50", "a=101", "a", "A=100", "a=100;b=0", "tag:@a=100", "a=-1,b=101", "a=100,"]
)
def test_a_compact_text_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|percents"):
        parse_compact(text)
