"""Every action on Google Cloud names before it is done what it needs: it uses no right that its plan leaves out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.actions.handler import RunControl
from cockpit.actions.params import completed
from cockpit.adapters.gcp.roles import ROLES
from cockpit.clock import SystemClock
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Grant, Outcome, Plan
from cockpit.profile.load import load
from cockpit.sandbox.gcp.access import Permissions
from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
READING_POSTS = (":testIamPermissions", "/entries:list", "/wait", "/token")
GOOGLE = ("revisions", "cloudsql", "memorystore", "armor", "secrets")
PROFILE = """
system = "shop"
environment = "test"
[[cloud_run]]
name = "shop"
project = "demo-shop"
region = "europe-west1"
service = "shop"
audit_log = false
endpoint = "URL"
[[cloud_sql]]
name = "db"
project = "demo-shop"
instance = "db"
bucket = "gs://shop-backups/db"
endpoint = "URL"
[[cloud_sql]]
name = "replica"
project = "demo-shop"
instance = "db-replica"
endpoint = "URL"
[[memorystore]]
name = "cart"
project = "demo-shop"
region = "europe-west1"
instance = "cart"
endpoint = "URL"
[[armor]]
name = "edge"
project = "demo-shop"
policy = "edge"
endpoint = "URL"
[[secrets]]
name = "keys"
project = "demo-shop"
names = ["key"]
restarts = ["revisions/shop"]
endpoint = "URL"
"""


PLANES: list[ControlPlane] = []  # the one of this test


class QuickClock(SystemClock):
    """A sleep costs a millisecond, and counts as what was asked for."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(0.001)


class Watch:
    """Which permissions the control plane looks at for requests that change something, and for those that read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changing: set[str] = set()
        self.reading: set[str] = set()
        self._into: set[str] | None = None
        handle, allowed = ControlPlane.handle, Permissions.allowed

        async def watched(plane: ControlPlane, request: Request) -> Response:
            tests = request.path.endswith(":testIamPermissions")
            reads = request.method == "GET" or request.path.endswith(READING_POSTS)
            self._into = None if tests else self.reading if reads else self.changing
            return await handle(plane, request)

        def looked(permissions: Permissions, principal: str, permission: str) -> bool:
            if self._into is not None:
                self._into.add(permission)
            return allowed(permissions, principal, permission)

        monkeypatch.setattr(ControlPlane, "handle", watched)
        monkeypatch.setattr(Permissions, "allowed", looked)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.fixture
async def plane(watch: Watch) -> AsyncIterator[ControlPlane]:
    plane = ControlPlane(settle_s=0.0)
    one = plane.run.seed("shop", Template("r/shop:v1", revision="shop-00001-a"), created=STARTED, creator="a@b.c")
    later = STARTED + timedelta(hours=1)
    plane.run.seed_revision(one, Template("r/shop:v2", revision="shop-00002-b"), created=later, creator="a@b.c")
    plane.sql.seed("db", created=STARTED, databases=["shop"])
    plane.sql.seed("db-replica", created=STARTED, primary="db", availability="ZONAL")
    plane.sql.seed_backup("db", datetime.now(UTC) - timedelta(hours=2))
    plane.memorystore.seed("cart", "europe-west1", size_gb=4)
    plane.compute.seed("edge", Rule(500, "deny(403)", ("198.51.100.7/32",)), backends=("web",))
    plane.secrets.seed("key", STARTED, later)
    await plane.start()
    yield plane
    await plane.close()


@pytest.fixture
async def engine(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Engine]:
    file = tmp_path / "shop.toml"
    file.write_text(PROFILE.replace("URL", plane.url))
    engine = Engine(load(file), state_dir=tmp_path / "state", clock=QuickClock())
    await engine.prepare()
    yield engine
    await engine.close()


async def planned(engine: Engine, action: str, source: str, **params: str) -> Plan:
    handler = engine.catalogue.handler(action, source)
    return await handler.plan(completed(handler.spec, ActionRequest(action, source, params)))


async def done(engine: Engine, plan: Plan) -> None:
    assert not plan.refusals, plan.refusals
    handler = engine.catalogue.handler(plan.request.action, plan.request.source)
    result = await handler.run(plan, RunControl(lambda *_: None, lambda: False))
    assert result.outcome is Outcome.SUCCEEDED, result


async def taken_back(engine: Engine, action: str, **params: str) -> Plan:
    """The plan of the way back from an action that is done."""
    plan = await planned(engine, action, "revisions/shop", **params)
    await done(engine, plan)
    request = plan.undo.request
    assert request is not None
    handler = engine.catalogue.handler(request.action, request.source)
    return await handler.plan(completed(handler.spec, request))


def plain(action: str, source: str, **params: str) -> Callable[[Engine], Awaitable[Plan]]:
    return lambda engine: planned(engine, action, source, **params)


async def tag_removed(engine: Engine) -> Plan:
    await done(engine, await planned(engine, "revisions.tag", "revisions/shop", tag="blue", revision="shop-00001-a"))
    return await planned(engine, "revisions.untag", "revisions/shop", tag="blue")


async def enabled(engine: Engine) -> Plan:
    await done(engine, await planned(engine, "secrets.disable", "secrets/keys", secret="key", version="1"))
    return await planned(engine, "secrets.enable", "secrets/keys", secret="key", version="1")


async def promoted(engine: Engine) -> Plan:
    await done(engine, await planned(engine, "revisions.rollback", "revisions/shop", revision="shop-00001-a"))
    return await planned(engine, "revisions.promote", "revisions/shop", to="latest")


async def restored(engine: Engine) -> Plan:
    await done(engine, await planned(engine, "cloudsql.promote", "cloudsql/replica"))  # else it is in the way
    return await planned(
        engine, "cloudsql.restore", "cloudsql/db", backup=PLANES[0].sql.instances["db"].backups[0].id
    )


async def imported(engine: Engine) -> Plan:
    export = await planned(engine, "cloudsql.export", "cloudsql/db", database="shop", uri="gs://shop-backups/x.sql")
    await done(engine, export)
    return await planned(engine, "cloudsql.import", "cloudsql/db", uri="gs://shop-backups/x.sql", database="shop")


async def started(engine: Engine) -> Plan:
    PLANES[0].sql.instances["db"].activation = "NEVER"
    return await planned(engine, "cloudsql.start", "cloudsql/db")


RUN, SQL, KEYS = "revisions/shop", "cloudsql/db", "secrets/keys"
PLANS: dict[str, Callable[[Engine], Awaitable[Plan]]] = {
    "revisions.rollback": plain("revisions.rollback", RUN, revision="shop-00001-a"),
    "revisions.promote": promoted,
    "revisions.scale": plain("revisions.scale", RUN, min="1", max="7"),
    "revisions.split": plain("revisions.split", RUN, revision="shop-00001-a", percent="10"),
    "revisions.restore": lambda engine: taken_back(engine, "revisions.split", revision="shop-00001-a", percent="10"),
    "revisions.restore_scale": lambda engine: taken_back(engine, "revisions.scale", min="1", max="7"),
    "revisions.pin": plain("revisions.pin", RUN),
    "revisions.restart": plain("revisions.restart", RUN),
    "revisions.memory": plain("revisions.memory", RUN, memory="2Gi"),
    "revisions.deploy": plain("revisions.deploy", RUN, image="r/shop:v3"),
    "revisions.stop": plain("revisions.stop", RUN),
    "revisions.resume": lambda engine: taken_back(engine, "revisions.stop"),
    "revisions.ingress": plain("revisions.ingress", RUN, ingress="internal"),
    "revisions.tag": plain("revisions.tag", RUN, tag="blue", revision="shop-00001-a"),
    "revisions.untag": tag_removed,
    "cloudsql.restart": plain("cloudsql.restart", SQL),
    "cloudsql.failover": plain("cloudsql.failover", SQL),
    "cloudsql.promote": plain("cloudsql.promote", "cloudsql/replica"),
    "cloudsql.tier": plain("cloudsql.tier", SQL, tier="db-custom-8-30720"),
    "cloudsql.start": started,
    "cloudsql.backup": plain("cloudsql.backup", SQL),
    "cloudsql.restore": restored,
    "cloudsql.export": plain("cloudsql.export", SQL, database="shop"),
    "cloudsql.import": imported,
    "cloudsql.password": plain("cloudsql.password", SQL, user="postgres", secret="env:NEW_VALUE"),
    "memorystore.resize": plain("memorystore.resize", "memorystore/cart", size="5"),
    "memorystore.failover": plain("memorystore.failover", "memorystore/cart", mode="LIMITED_DATA_LOSS"),
    "armor.deny": plain("armor.deny", "armor/edge", address="198.51.100.200"),
    "armor.lift": plain("armor.lift", "armor/edge", priority="500"),
    "armor.adaptive": plain("armor.adaptive", "armor/edge", wanted="on"),
    "secrets.add": plain("secrets.add", KEYS, secret="key", **{"from": "env:NEW_VALUE"}),
    "secrets.disable": plain("secrets.disable", KEYS, secret="key", version="1"),
    "secrets.enable": enabled,
    "secrets.rotate": plain("secrets.rotate", KEYS, secret="key", **{"from": "env:NEW_VALUE"}),
}


def test_every_google_action_is_here() -> None:
    assert set(PLANS) == {spec.id for spec in compose.specs() if spec.id.split(".")[0] in GOOGLE}


@pytest.fixture(autouse=True)
def value(monkeypatch: pytest.MonkeyPatch, plane: ControlPlane) -> None:
    monkeypatch.setitem(os.environ, "NEW_VALUE", "not-told-to-anybody")
    PLANES[:] = [plane]


@pytest.mark.parametrize("action", PLANS)
async def test_a_plan_names_each_missing_permission_and_the_role_that_has_it(
    action: str, engine: Engine, plane: ControlPlane
) -> None:
    plan = await PLANS[action](engine)
    assert plan.request.action == action
    assert plan.permission.grant is Grant.GRANTED, plan.permission
    handler = engine.catalogue.handler(action, plan.request.source)
    needs = [each.strip() for each in plan.permission.needs.split(",")]
    assert needs and all(needs)
    for need in needs:
        plane.permissions.revoke(need)
        again = (await handler.plan(plan.request)).permission
        plane.permissions.restore(need)
        assert again.grant is Grant.DENIED, again
        assert need in again.needs
        assert ROLES[need] in again.how and "add-iam-policy-binding" in again.how


@pytest.mark.parametrize("action", PLANS)
async def test_no_right_is_used_that_the_plan_does_not_name(action: str, engine: Engine, watch: Watch) -> None:
    plan = await PLANS[action](engine)
    watch.changing.clear()
    watch.reading.clear()
    await done(engine, plan)
    needs = {each.strip() for each in plan.permission.needs.split(",")}
    assert watch.changing - {"run.services.get"} <= needs
    assert watch.changing
    assert watch.reading <= set(ROLES), "and where a read is refused, the role is told"
