"""Secrets of the local Secret Manager and a Cloud Run service that reads one, with all actions on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.actions import revisions, rotation, secretmanager
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.params import completed
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.adapters.gcp.secretmanager import SecretVault
from cockpit.adapters.payload import Payloads
from cockpit.clock import SystemClock
from cockpit.model.action import ActionRequest, Plan, RunResult, Verification
from cockpit.profile.google import SecretsSource
from cockpit.profile.schema import CloudRunSource, Limits
from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.secret_manager import StoredSecret
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response

SOURCE = "secrets/shop"
SHOP = "revisions/shop"
VALUE = "correct-horse-battery"
NOW = datetime.now(UTC)


class Rig:
    """The plane, both adapters, and the handlers."""

    def __init__(self, plane: ControlPlane, file: Path) -> None:
        self.plane = plane
        self.file = file
        self.changes: list[Request] = []
        self.fault: Callable[[Request], Awaitable[Response | None]] | None = None
        self.told: list[str] = []
        self.stop_at = ""  # the operator wishes to stop once this was told
        self.handlers: dict[str, ActionHandler] = {}

    @property
    def secret(self) -> StoredSecret:
        return self.plane.secrets.secrets["api-key"]

    @property
    def states(self) -> list[str]:
        """Of the versions, oldest first."""
        return [each.state for each in self.secret.versions.values()]

    async def answer(self, request: Request) -> Response:
        asks = ":test" in request.path or "validateOnly" in request.query or request.path == "/token"
        if request.method in ("PATCH", "POST") and not asks:
            self.changes.append(request)
        if self.fault is not None and (answer := await self.fault(request)) is not None:
            return answer
        return await self.plane.handle(request)

    async def plan(self, action: str, **params: str) -> Plan:
        handler = self.handlers[action]
        if action in ("secrets.add", "secrets.rotate"):
            params = {"from": f"file:{self.file}", **params}
        given = {"secret": "api-key", **params}
        return await handler.plan(completed(handler.spec, ActionRequest(action, SOURCE, given)))

    async def run(self, plan: Plan) -> RunResult:
        assert not plan.refusals, plan.refusals
        stopped: list[bool] = []

        def tell(done: int, total: int, note: str) -> None:
            self.told.append(f"{done}/{total} {note}")
            if self.stop_at and self.stop_at in note:
                stopped.append(True)

        return await self.handlers[plan.request.action].run(plan, RunControl(tell, lambda: bool(stopped)))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        return await self.handlers[plan.request.action].verify(plan, result)

    @staticmethod
    def reasons(plan: Plan) -> str:
        return "; ".join(f"{refusal.step}: {refusal.reason}" for refusal in plan.refusals)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    plane = ControlPlane(settle_s=0.02)
    template = Template("reg/shop:v1", secrets=(("API_KEY", "api-key", "latest"),))
    plane.run.seed("shop", template, created=NOW - timedelta(days=2), creator="ann@shop.example")
    plane.secrets.seed("api-key", NOW - timedelta(days=60), NOW - timedelta(days=30))
    file = tmp_path / "new-value"
    file.write_text(VALUE)
    file.chmod(0o600)
    rig = Rig(plane, file)
    async with await HttpServer.start(rig.answer) as server:
        run = CloudRunSource(
            name="shop", project="demo-shop", region="europe-west1", service="shop", endpoint=server.url, timeout=3,
            audit_log=False,
        )  # fmt: skip
        service = CloudRunService(run, None, SystemClock())
        vault = SecretVault(SecretsSource(name="shop", project="demo-shop", endpoint=server.url), SystemClock())
        scene, clock = Scene("shop", "demo"), SystemClock()
        ground = GoogleGround(SOURCE, "demo-shop", scene, Limits(), clock, vault)
        of_shop = {each.spec.id: each for each in revisions.handlers(SHOP, service, scene, Limits(), clock)}
        values = Payloads({"NEW_KEY": VALUE})
        made = [
            *secretmanager.handlers(ground, vault, values),
            rotation.Rotate(ground, vault, values, {SHOP: of_shop["revisions.restart"]}),
        ]
        rig.handlers = {**of_shop, **{handler.spec.id: handler for handler in made}}
        yield rig
        await vault.close()
        await service.close()
    await plane.close()
