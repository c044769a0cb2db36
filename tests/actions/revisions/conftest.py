"""A Cloud Run service on the sandbox control plane, with a good and a bad revision, and its actions."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions import revisions
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.params import completed
from cockpit.actions.traffic import compact
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Plan
from cockpit.model.revisions import TrafficTarget
from cockpit.profile.schema import CloudRunSource, Limits
from cockpit.sandbox.gcp.cloud import Audit
from cockpit.sandbox.gcp.model import Change, Target, Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

from ...gcloud import gcloud_itself

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

    def changed_by_somebody(self) -> None:
        audit = Audit("google.cloud.run.v2.Services.UpdateService", "eve@shop.example", "127.0.0.1", {})
        self.plane.run.apply("shop", Change(labels={"touched": "yes"}), audit)

    @staticmethod
    def reasons(plan: Plan) -> str:
        return "; ".join(f"{refusal.step}: {refusal.reason}" for refusal in plan.refusals)


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
        code, complaint = await gcloud_itself.run(shlex.split(line), environment, tmp_path)
        assert code == 0, complaint

    return paste
