"""What the nodes need of the API server: one request, and a resource followed for ever."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from cockpit.sandbox.kube.node.terms import MERGE, Object, say

_AGAIN_S = 0.2


class Api:
    """Used within `async with`."""

    def __init__(self, server: str, token: str, ca: Path) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "fake-node"}
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Api:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=24)
        self._session = aiohttp.ClientSession(
            self._server, headers=self._headers, connector=connector, read_bufsize=1 << 24
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None, "used outside of `async with`"
        return self._session

    async def call(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> tuple[int, Object]:
        """Status and answer. Asked again while the server cannot be reached: it may be restarting."""
        data = None if body is None else json.dumps(body).encode()
        while True:
            try:
                async with self.session.request(
                    method, path, data=data, headers={"Content-Type": kind}, timeout=aiohttp.ClientTimeout(30)
                ) as answer:
                    raw = await answer.read()
                    return answer.status, json.loads(raw) if raw[:1] == b"{" else {}
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(_AGAIN_S)

    async def patch(self, path: str, body: object, kind: str = MERGE) -> int:
        return (await self.call("PATCH", path, body, kind))[0]

    async def put(self, folder: str, name: str, body: Object) -> None:
        """Change it, or make it where there is none."""
        if await self.patch(f"{folder}/{name}", body) == 404:
            await self.call("POST", folder, body)

    async def follow(self, path: str) -> AsyncIterator[tuple[str, Object]]:
        """("MODIFIED" | "DELETED", object), everything that there is first; over lost connections and restarts."""
        known: dict[str, Object] = {}
        while True:
            status, listing = await self.call("GET", path)
            if status != 200:
                await asyncio.sleep(_AGAIN_S)
                continue
            fresh = {item["metadata"]["uid"]: item for item in listing["items"]}
            gone = [item for uid, item in known.items() if uid not in fresh]
            known = fresh
            for item in gone:
                yield "DELETED", item
            for item in list(fresh.values()):
                yield "MODIFIED", item
            async for kind, item in self._watch(path, listing["metadata"]["resourceVersion"]):
                if kind == "DELETED":
                    known.pop(item["metadata"]["uid"], None)
                else:
                    known[item["metadata"]["uid"]] = item
                yield ("DELETED" if kind == "DELETED" else "MODIFIED"), item

    async def _watch(self, path: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        """Until the connection or the version ends."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "600"}
        try:
            async with self.session.get(path, params=query, timeout=aiohttp.ClientTimeout(620)) as answer:
                if answer.status != 200:
                    return
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            say(f"watch of {path}: {type(error).__name__} {error}")
            await asyncio.sleep(_AGAIN_S)
