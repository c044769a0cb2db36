"""Sends what gcloud sent, as recorded, to a control plane. A read-modify-replace carries identities and versions of
the recorder; those, and nothing else, are taken from the object that this plane answered last.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from cockpit.sandbox.gcp.model import stamp

from .recorded import MASKED, Recorded, Sent
from .world import World

_IDENTITY = ("uid", "resourceVersion", "selfLink", "namespace", "creationTimestamp", "generation")


class Replay:
    """The recorded requests of one command, one after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._read: dict[str, Any] = {}  # path -> the last answer
        self._operation = ""
        self._command: Recorded

    async def run(self, command: Recorded) -> list[int]:
        """Send all of them; their status codes."""
        self._command = command
        token = self._world.plane.tokens.issue("dev@example.com")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=self._world.url, headers=headers, trust_env=False) as client:
            statuses: list[int] = []
            for sent in command.requests:
                statuses.append(await self._send(client, sent))
                if statuses[-1] >= 400:
                    break  # so does gcloud
            return statuses

    async def _send(self, client: httpx.AsyncClient, sent: Sent) -> int:
        path = sent.path
        if "<" in path:  # the operation that the last change began: gcloud asks until it is done
            path = f"{path.rpartition('/operations/')[0]}/operations/{self._operation}"
            path += "/wait" if sent.path.endswith("/wait") else ""
            await self._world.settled()
        content = None if sent.body is None else json.dumps(self._fitted(sent))
        answer = await client.request(
            sent.method, quote(path, safe="/:"), params=dict(sent.query), content=content,
            headers={"content-type": "application/json"},
        )  # fmt: skip
        body = answer.json()
        if sent.method == "GET":
            self._read[sent.path] = body
        elif isinstance(body, dict) and "/operations/" not in path:
            self._operation = str(body.get("name", "")).rpartition("/")[2]
        return answer.status_code

    def _bounded(self, body: dict[str, Any]) -> dict[str, Any]:
        """With the bound that gcloud put there: what the command says, else one day."""
        argv = " ".join(self._command.argv)
        own, span = re.search(r'timestamp>="([^"]+)"', argv), re.search(r"--freshness=(\d+)h", argv)
        since = own[1] if own else stamp(datetime.now(UTC) - timedelta(hours=int(span[1]) if span else 24))
        return {**body, "filter": body["filter"].replace(f'timestamp>="{MASKED}"', f'timestamp>="{since}"')}

    def _fitted(self, sent: Sent) -> Any:
        if sent.service == "logging":
            return self._bounded(sent.body)
        current = self._read.get(sent.path)
        if not isinstance(current, dict) or not isinstance(sent.body, dict):
            return sent.body
        body = dict(sent.body)
        if "fingerprint" in body:
            body["fingerprint"] = current["fingerprint"]
        if sent.method == "PUT" and "metadata" in body:
            kept = {key: value for key, value in current["metadata"].items() if key in _IDENTITY}
            body["metadata"] = {**body["metadata"], **kept}
        return body
