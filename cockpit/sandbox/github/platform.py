"""GitHub beside a system of the sandbox: its repository, with a past, and a token for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from cockpit.sandbox.github.repository import lived
from cockpit.sandbox.github.server import GithubServer
from cockpit.sandbox.platform import Serving
from cockpit.sandbox.shape import Document, Shape
from cockpit.sandbox.shop.front import LogLine

TOKEN_FILE = "github-token"  # noqa: S105  a file's name
_PLENTY = 100_000  # requests an hour: the demo polls more often than GitHub would like


class GithubPlatform:
    """The repository of the first [[github]] table."""

    def __init__(self) -> None:
        self._server = GithubServer(lived(lambda: datetime.now(UTC)))
        self._token = Path()

    async def start(self, shape: Shape, serving: Serving, directory: Path) -> str:
        """As Platform says."""
        repository = self._server.repository
        repository.name = str((shape.profile or {})["github"][0]["repository"])
        self._server.limit = self._server.left = _PLENTY
        self._token = directory / TOKEN_FILE
        await asyncio.to_thread(_write, self._token, next(iter(self._server.tokens)))
        await self._server.start()
        return f"GitHub's API on {self._server.url}: {repository.name}"

    async def deploy(self, tag: str) -> None:
        """GitHub runs no shop."""

    def logged(self, line: LogLine) -> None:
        """Nobody reads it here."""

    def place(self, profile: Document) -> None:
        """Endpoint and token."""
        for table in profile.get("github", ()):
            table.update(endpoint=self._server.url, token=f"file:{self._token}", interval="5s", timeout="5s")

    async def close(self) -> None:
        """As Platform says."""
        await self._server.close()


def _write(path: Path, token: str) -> None:
    path.touch(mode=0o600)
    path.write_text(token, encoding="utf-8")
