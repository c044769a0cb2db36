"""Several services and regions in one profile: each source is its own, and a command means the one that it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.actions.guards import Confirmation
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.revisions import ServiceStatus
from cockpit.model.severity import Freshness
from cockpit.profile.load import load
from cockpit.sandbox.gcp.cloud import CloudRun
from cockpit.sandbox.gcp.model import Scaling, Template
from cockpit.sandbox.gcp.server import ControlPlane

HOME, FAR = "europe-west1", "us-east1"
SHOP, SHOP_US, PAY, OTHER = "revisions/shop", "revisions/shop-us", "revisions/pay", "revisions/other"
WHY = "too few of them"


class Scene:
    """Two projects, two regions, and an engine on four services."""

    def __init__(self, planes: tuple[ControlPlane, ControlPlane], engine: Engine) -> None:
        self.own, self.others = planes
        self.engine = engine

    def status(self, source: str) -> ServiceStatus:
        state = self.engine.hub.state(source)
        assert state is not None and state.reading is not None
        assert isinstance(state.reading.payload, ServiceStatus)
        return state.reading.payload

    async def fresh(self, source: str) -> None:
        self.engine.hub.poll_now(source)
        async with asyncio.timeout(10):
            while not self._is_fresh(source):  # noqa: ASYNC110  # a server is asked: nothing announces it
                await asyncio.sleep(0.01)

    def _is_fresh(self, source: str) -> bool:
        state = self.engine.hub.state(source)
        return state is not None and state.freshness is Freshness.FRESH

    @property
    def limits(self) -> dict[str, Scaling]:
        """Of each service, as the control planes have them."""
        clouds = (self.own.run, self.own.region(FAR), self.others.run)
        return {
            f"{cloud.project}/{cloud.region}/{service.name}": service.scaling
            for cloud in clouds
            for service in cloud.services.values()
        }


def seed(cloud: CloudRun, service: str, image: str) -> None:
    cloud.seed(service, Template(image), created=datetime.now(UTC) - timedelta(days=2), creator="ci@shop.example")


def table(name: str, plane: ControlPlane, region: str, service: str) -> str:
    place = f'project = "{plane.run.project}"\nregion = "{region}"\nservice = "{service}"'
    return f'[[cloud_run]]\nname = "{name}"\n{place}\nendpoint = "{plane.url}"\ninterval = "1s"\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("several-regions")
    own = ControlPlane("shop-one", region=HOME, settle_s=0.01)
    others = ControlPlane("shop-two", region=HOME, settle_s=0.01)
    seed(own.run, "shop", "reg/shop:v1")
    seed(own.run, "pay", "reg/pay:v3")
    seed(own.region(FAR), "shop", "reg/shop:v2")
    seed(others.run, "shop", "reg/shop:v4")
    await own.start()
    await others.start()
    tables = (
        table("shop", own, HOME, "shop"),
        table("shop-us", own, FAR, "shop"),
        table("pay", own, HOME, "pay"),
        table("other", others, HOME, "shop"),
    )
    profile = folder / "profile.toml"
    limits = 'limits = { watch = "0s" }'
    profile.write_text("\n".join(('system = "shop"', 'environment = "test"', limits, *tables)), encoding="utf-8")
    async with Engine(load(profile), state_dir=folder / "state") as engine:
        yield Scene((own, others), engine)
    await own.close()
    await others.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_each_source_is_the_service_of_its_region_and_project(scene: Scene) -> None:
    for source in (SHOP, SHOP_US, PAY, OTHER):
        await scene.fresh(source)
    found = {source: scene.status(source) for source in (SHOP, SHOP_US, PAY, OTHER)}
    assert {source: each.template_image for source, each in found.items()} == {
        SHOP: "reg/shop:v1", SHOP_US: "reg/shop:v2", PAY: "reg/pay:v3", OTHER: "reg/shop:v4",
    }  # fmt: skip
    assert [(each.project, each.region) for each in found.values()] == [
        ("shop-one", HOME), ("shop-one", FAR), ("shop-one", HOME), ("shop-two", HOME),
    ]  # fmt: skip
    assert len({each.name for each in found.values()}) == 4


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("source", "hit"),
    [(SHOP, f"shop-one/{HOME}/shop"), (SHOP_US, f"shop-one/{FAR}/shop"), (OTHER, f"shop-two/{HOME}/shop")],
)
async def test_an_action_changes_that_one_and_no_other(scene: Scene, source: str, hit: str) -> None:
    await scene.fresh(source)
    before = scene.limits
    wanted = str(before[hit].min_instances + 3)
    await scene.engine.executor.arm(WHY)
    planned = await scene.engine.executor.plan(ActionRequest("revisions.scale", source, {"min": wanted}))
    assert planned.refusals == ()
    project, region, service = hit.split("/")
    assert f"/projects/{project}/locations/{region}/services/{service}?" in planned.plan.operation[0]
    assert f"--region={region} --project={project}" in planned.plan.equivalent[0]
    record = await scene.engine.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    now = scene.limits
    assert {name for name in now if now[name] != before[name]} == {hit}
    assert str(now[hit].min_instances) == wanted
