"""Resizing and failing over a Memorystore instance: what the plan says, what is sent, what is seen afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from cockpit.actions import memorystore
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.params import completed
from cockpit.adapters.gcp.memorystore import MemorystoreInstance
from cockpit.clock import SystemClock
from cockpit.errors import Conflict, NotFound, TimedOut
from cockpit.model.action import ActionRequest, Grant, Outcome, Plan, RunResult, Tier
from cockpit.model.command import Call, Intent
from cockpit.profile.google import MemorystoreSource
from cockpit.profile.schema import Limits
from cockpit.runbooks.shell.blocks import commands_of
from cockpit.sandbox.gcp.memorystore import Instance
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

SOURCE = "memorystore/cart"
GIB = 1024**3


class Rig:
    """An instance of the local API, and both actions on it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.cart: Instance = plane.memorystore.seed("cart", "europe-west1", size_gb=4)
        self.changes: list[Request] = []
        self.used: tuple[int, str] | None = None
        self.told: list[str] = []
        self.handlers: dict[str, ActionHandler] = {}

    async def answer(self, request: Request) -> Response:
        if request.method in ("PATCH", "POST") and "/instances/" in request.path:
            self.changes.append(request)
        return await self.plane.handle(request)

    def requested(self, action: str, **params: str) -> tuple[ActionHandler, ActionRequest]:
        handler = self.handlers[f"memorystore.{action}"]
        return handler, completed(handler.spec, ActionRequest(handler.spec.id, SOURCE, params))

    async def plan(self, action: str, **params: str) -> Plan:
        handler, request = self.requested(action, **params)
        return await handler.plan(request)

    async def run(self, plan: Plan) -> RunResult:
        assert not plan.refusals
        control = RunControl(lambda done, total, note: self.told.append(note), lambda: False)
        return await self.handlers[plan.request.action].run(plan, control)

    async def holds(self, plan: Plan, result: RunResult) -> bool | None:
        return (await self.handlers[plan.request.action].verify(plan, result)).holds


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig(ControlPlane(settle_s=0.02))
    async with await HttpServer.start(rig.answer) as server:
        source = MemorystoreSource(
            name="cart", project="demo-shop", region="europe-west1", instance="cart", endpoint=server.url, timeout=2
        )
        adapter = MemorystoreInstance(source, SystemClock())
        ground = GoogleGround(SOURCE, "demo-shop", Scene("shop", "demo"), Limits(), SystemClock(), adapter)
        made = memorystore.handlers(ground, adapter, lambda status: rig.used)
        rig.handlers = {handler.spec.id: handler for handler in made}
        yield rig
        await adapter.close()
    await rig.plane.close()


def said(plan: Plan) -> str:
    return "; ".join(f"{each.step}: {each.reason}" for each in plan.refusals)


async def test_growing_is_planned_run_seen_and_taken_back(rig: Rig) -> None:
    plan = await rig.plan("resize", size="6")
    assert (plan.tier, plan.refusals, plan.permission.grant) == (Tier.T2, (), Grant.GRANTED)
    assert [(each.what, each.before, each.after) for each in plan.changes] == [("memory", "4 GB", "6 GB")]
    assert plan.target == "cart on Memorystore demo-shop/europe-west1"
    assert plan.equivalent == (
        "gcloud redis instances update cart --region=europe-west1 --project=demo-shop --size=6",
    )
    assert "connections break once" in plan.warnings[0]
    assert not rig.changes, "a plan only reads"
    result = await rig.run(plan)
    (patch,) = rig.changes
    assert plan.operation[-1] == json.dumps(patch.json()) and plan.operation[0].endswith(
        f"{patch.path}?updateMask=memory_size_gb"
    )
    assert result.outcome is Outcome.SUCCEEDED and await rig.holds(plan, result) is True
    assert rig.told[0] == "the resize was sent" and "the resize has been going on" in rig.told[1]
    assert result.undo is not None and result.undo.request is not None
    back = await rig.plan("resize", **dict(result.undo.request.params))
    assert back.tier is Tier.T3, "the way back shrinks it"
    await rig.run(back)
    assert rig.cart.document["memorySizeGb"] == 4


async def test_the_same_plan_twice_has_one_digest_and_a_changed_instance_another(rig: Rig) -> None:
    first, again = await rig.plan("resize", size="6"), await rig.plan("resize", size="6")
    assert first.digest == again.digest
    rig.used = (GIB, "redis/cache")
    assert (await rig.plan("resize", size="6")).digest == first.digest, "what is in use moves by itself"
    rig.cart.document["createTime"] = "2026-01-01T00:00:00Z"
    assert (await rig.plan("resize", size="6")).digest != first.digest


async def test_a_basic_instance_is_said_to_serve_nobody_meanwhile(rig: Rig) -> None:
    rig.cart.document["tier"] = "BASIC"
    plan = await rig.plan("resize", size="6")
    assert "nobody is served" in plan.warnings[0] and "empty cache" in plan.warnings[0]
    assert "not served" in plan.affected


async def test_shrinking_weighs_more_and_is_refused_where_what_is_stored_does_not_fit(rig: Rig) -> None:
    plan = await rig.plan("resize", size="2")
    assert plan.tier is Tier.T3 and not plan.refusals
    assert any("not known here" in each for each in plan.warnings)
    rig.used = (int(2.5 * GIB), "redis/cache")
    plan = await rig.plan("resize", size="2")
    assert said(plan) == "preconditions: 2.5 GB are in use, as redis/cache reads it: that does not fit into 2 GB"
    plan = await rig.plan("resize", size="3")
    assert not plan.refusals and any("little is left of 3 GB" in each for each in plan.warnings)
    rig.used = (GIB // 2, "redis/cache")
    assert len((await rig.plan("resize", size="3")).warnings) == 1


async def test_a_resize_that_google_refuses_for_what_is_stored_changed_nothing(rig: Rig) -> None:
    rig.cart.used_gb = 3
    with pytest.raises(Conflict, match="smaller than") as caught:
        await rig.run(await rig.plan("resize", size="2"))
    assert not caught.value.effect_possible and rig.cart.document["memorySizeGb"] == 4


async def test_what_speaks_against_a_size(rig: Rig) -> None:
    assert "has 4 GB already" in said(await rig.plan("resize", size="4"))
    assert "no size" in said(await rig.plan("resize", size="0"))
    assert "no size" in said(await rig.plan("resize", size="301"))
    assert "was resized since" in said(await rig.plan("resize", size="8", expect="5"))
    assert "created again" in said(await rig.plan("resize", size="8", created="2020-01-01T00:00:00+00:00"))
    rig.cart.document["readEndpoint"] = "10.9.8.4"
    assert "read replicas" in said(await rig.plan("resize", size="3"))
    rig.cart.document["state"] = "UPDATING"
    assert "cart is UPDATING" in said(await rig.plan("resize", size="8"))


async def test_a_limit_of_redis_itself_is_named(rig: Rig) -> None:
    rig.cart.document["redisConfigs"] = {"maxmemory-gb": "3"}
    assert any("maxmemory-gb is set to 3" in each for each in (await rig.plan("resize", size="8")).warnings)


async def test_the_missing_right_and_its_role_are_named(rig: Rig) -> None:
    rig.plane.permissions.revoke("redis.instances.update")
    plan = await rig.plan("resize", size="6")
    assert plan.permission.grant is Grant.DENIED and plan.permission.needs == "redis.instances.update"
    assert "--role=roles/redis.editor" in plan.permission.how
    assert (await rig.plan("failover")).permission.grant is Grant.GRANTED


async def test_a_failover_moves_the_primary_and_is_seen(rig: Rig) -> None:
    plan = await rig.plan("failover")
    assert plan.tier is Tier.T3 and not plan.refusals
    assert [(each.before, each.after) for each in plan.changes] == [("europe-west1-b", "europe-west1-c")]
    assert "30 MB" in plan.warnings[0]
    assert plan.equivalent[0].endswith("--data-protection-mode=limited-data-loss")
    assert plan.undo.request is None and plan.undo.text.startswith("cannot be undone")
    result = await rig.run(plan)
    assert rig.changes[0].json() == {"dataProtectionMode": "LIMITED_DATA_LOSS"}
    assert result.outcome is Outcome.SUCCEEDED and await rig.holds(plan, result) is True
    assert rig.cart.document["currentLocationId"] == "europe-west1-c"


async def test_both_modes_are_offered_in_plain_words(rig: Rig) -> None:
    careful, forced = await rig.handlers["memorystore.failover"].choices("mode")
    assert careful.recommended and not forced.recommended
    assert "give up" in careful.label and "all writes" in forced.label
    plan = await rig.plan("failover", mode="FORCE_DATA_LOSS")
    assert "all writes that it has not got yet are lost" in plan.warnings[0]
    assert "there is no mode" in said(await rig.plan("failover", mode="NONE"))


async def test_an_instance_without_replica_cannot_fail_over(rig: Rig) -> None:
    rig.cart.document["tier"] = "BASIC"
    assert "it has no replica" in said(await rig.plan("failover"))


async def test_a_replica_that_lags_is_left_alone_and_the_other_way_named(rig: Rig) -> None:
    rig.cart.lag_bytes = 50 * 1024 * 1024
    with pytest.raises(Conflict) as caught:
        await rig.run(await rig.plan("failover"))
    assert "force-data-loss" in caught.value.hint


async def test_a_failover_after_which_the_primary_is_where_it_was_is_no_success(rig: Rig) -> None:
    rig.cart.document["alternativeLocationId"] = rig.cart.document["locationId"]
    plan = await rig.plan("failover")
    assert (await rig.run(plan)).outcome is Outcome.FAILED


async def test_an_operation_that_never_ends_is_not_called_done(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.adapters.gcp.memorystore.CHANGE_S", 0.2)
    rig.plane.memorystore.never_ends = True
    plan = await rig.plan("failover")
    with pytest.raises(TimedOut) as caught:
        await rig.run(plan)
    assert caught.value.effect_possible
    assert await rig.holds(plan, RunResult(Outcome.UNKNOWN, "")) is None


async def test_an_instance_that_is_gone_cannot_be_planned(rig: Rig) -> None:
    rig.plane.memorystore.instances.clear()
    with pytest.raises(NotFound):
        await rig.plan("failover")


def call_of(text: str) -> Call:
    (command,) = commands_of(text, language="bash", line=1)
    (call,) = command.calls
    return call


def meant(text: str) -> Intent | None:
    found = (each.understand(call_of(text)) for each in memorystore.REPLACES)
    return next((intent for intent in found if intent is not None), None)


@pytest.mark.parametrize(
    ("text", "action", "target", "params"),
    [
        (
            "gcloud redis instances update cart --region=r1 --size=5",
            "memorystore.resize",
            {"instance": "cart", "region": "r1"},
            {"size": "5"},
        ),
        (
            "gcloud redis instances update cart --size 12 --region r1 --project p --quiet",
            "memorystore.resize",
            {"instance": "cart", "region": "r1", "project": "p"},
            {"size": "12"},
        ),
        (
            "gcloud redis instances failover cart --region=r1",
            "memorystore.failover",
            {"instance": "cart", "region": "r1"},
            {"mode": "LIMITED_DATA_LOSS"},
        ),
        (
            "gcloud redis instances failover cart --region=r1 --data-protection-mode=force-data-loss",
            "memorystore.failover",
            {"instance": "cart", "region": "r1"},
            {"mode": "FORCE_DATA_LOSS"},
        ),
    ],
)
def test_commands_that_it_stands_in_for(
    text: str, action: str, target: dict[str, str], params: dict[str, str]
) -> None:
    found = meant(text)
    assert found is not None
    assert (found.name, dict(found.target), dict(found.params)) == (action, target, params)


def test_a_size_to_fill_in_is_asked_for_and_an_instance_to_fill_in_is_chosen() -> None:
    found = meant("gcloud redis instances update <instance> --region=r1 --size=<gb>")
    assert found is not None and not found.params
    assert found.asks["size"].name == "gb" and dict(found.target) == {"region": "r1"}


@pytest.mark.parametrize(
    "text",
    [
        "gcloud redis instances update cart --region=r1 --size=5 --display-name=x",
        "gcloud redis instances update cart --region=r1 --remove-redis-config=maxmemory-gb",
        "gcloud redis instances update cart --region=r1",
        "gcloud redis instances update cart --region=r1 --size=5gb",
        "gcloud redis instances update cart extra --region=r1 --size=5",
        "gcloud redis instances failover cart --region=r1 --data-protection-mode=careless",
        "gcloud redis instances upgrade cart --region=r1 --redis-version=redis_7_2",
        "gcloud redis clusters update cart --region=r1 --size=5",
        "gcloud redis instances failover cart --region=r1 --impersonate-service-account=a@b",
    ],
)
def test_commands_that_look_alike(text: str) -> None:
    assert meant(text) is None
