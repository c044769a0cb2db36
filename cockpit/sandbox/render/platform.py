"""Render as what runs the shop: the deploy that is live decides which version the door serves."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from cockpit.sandbox.platform import Serving
from cockpit.sandbox.render.estate import PlayedService
from cockpit.sandbox.render.server import KEY, RenderPlane
from cockpit.sandbox.shape import Document, Shape
from cockpit.sandbox.shop.front import LogLine
from cockpit.sandbox.shop.revision import GOOD_TAG

KEY_FILE = "render-key"
_SETTLE_S = 1.0
_LOOK_EVERY_S = 0.2
_DEADLINE_S = 20.0
_KEPT_LINES = 5000
_EARLIER = "v1.41.2"


class RenderPlatform:
    """The played workspace; its first web service is the shop."""

    def __init__(self) -> None:
        self._plane = RenderPlane(_SETTLE_S)
        self._tags: dict[str, str] = {}  # commit -> version of the shop
        self._serving: Serving | None = None
        self._seen: tuple[object, ...] = ()
        self._instances: list[str] = []
        self._looking: asyncio.Task[None] | None = None
        self._folder = Path()

    @property
    def _web(self) -> PlayedService:
        return next(each for each in self._plane.estate.services.values() if each.type == "web_service")

    async def start(self, shape: Shape, serving: Serving, directory: Path) -> str:
        """As Platform says."""
        self._serving, self._folder = serving, directory
        for deploy in self._web.deploys:
            self._tags[_commit(deploy.commit)] = GOOD_TAG if deploy is self._web.live else _EARLIER
        key = directory / KEY_FILE
        await asyncio.to_thread(_write, key)
        await self._plane.start()
        self._plane.limits |= {"reads": 2000, "logs": 600}  # asked more often than a real workspace would allow
        await self._look()
        self._looking = asyncio.ensure_future(self._go_on())
        return f"Render's API on {self._plane.url}: {', '.join(s.name for s in self._plane.estate.services.values())}"

    async def deploy(self, tag: str) -> None:
        """A push to the branch, built and live."""
        commit = hashlib.sha1(tag.encode()).hexdigest()  # noqa: S324  as git names commits
        self._tags[commit] = tag
        made = self._plane.estate.deploy(self._web, None, "new_commit", commit)
        async with asyncio.timeout(_DEADLINE_S):
            while made.status != "live":
                await asyncio.sleep(_LOOK_EVERY_S)
                self._plane.estate.advance()
        await self._look()

    def logged(self, line: LogLine) -> None:
        """Lines of the service; requests carry their status."""
        estate, labels = self._plane.estate, {}
        if "status" in line.fields:
            labels = {"statusCode": str(line.fields["status"]), "method": str(line.fields["method"]),
                      "path": str(line.fields["path"])}  # fmt: skip
        estate.write(self._web.id, line.message, line.level.lower(), "request" if labels else "app", **labels)
        if len(estate.logs) > _KEPT_LINES:
            del estate.logs[: _KEPT_LINES // 5]

    def place(self, profile: Document) -> None:
        """Endpoint and key."""
        for table in profile.get("render", ()):
            table.update(endpoint=self._plane.url, token=f"file:{self._folder / KEY_FILE}", interval="2s")
        for table in profile.get("logs", ()):
            if table["type"] == "render":
                table["interval"] = "2s"

    async def close(self) -> None:
        """As Platform says."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._plane.close()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._plane.estate.advance()
            await self._look()

    async def _look(self) -> None:
        """Tell the door what changed."""
        web, serving = self._web, self._serving
        if serving is None:
            return
        live = web.live
        tag = self._tags.get(_commit(live.commit), GOOD_TAG) if live else ""
        maintained = bool(web.details.get("maintenanceMode", {}).get("enabled"))
        answers = bool(tag) and not web.suspended and bool(web.instances)
        if self._seen != (state := (tag, answers, maintained)):
            self._seen = state
            serving.maintain(maintained)
            if answers:
                serving.serve(tag)
            else:
                serving.stop()
        instances = [name for name, _ in web.instances]
        if self._instances and instances and not set(instances) & set(self._instances):
            await serving.restarted()
        self._instances = instances


def _commit(told: object) -> str:
    return str(told.get("id", "")) if isinstance(told, dict) else ""


def _write(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(KEY, encoding="utf-8")
