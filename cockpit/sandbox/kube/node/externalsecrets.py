"""External Secrets Operator in small: an ExternalSecret is synced when it is new, changed or annotated.

Annotation `fake-node/sync` of an ExternalSecret: "never" leaves it as it is; "error TEXT" fails with that text.
The synced value of each key is made up and differs each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json

from cockpit.sandbox.kube.node.events import Events
from cockpit.sandbox.kube.node.life import note
from cockpit.sandbox.kube.node.terms import Api, Object, now

_GROUP = "/apis/external-secrets.io/v1"
_TAKES_S = 0.3


class ExternalSecrets:
    """What triggers a sync is what triggers the real one: generation, labels and annotations (`force-sync`)."""

    def __init__(self, api: Api, events: Events) -> None:
        self._api = api
        self._events = events
        self._seen: dict[str, str] = {}
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            async for kind, wish in self._api.follow(f"{_GROUP}/externalsecrets"):
                uid, version = wish["metadata"]["uid"], _version(wish)
                if kind == "DELETED":
                    self._seen.pop(uid, None)
                elif self._seen.get(uid) != version:
                    self._seen[uid] = version
                    group.create_task(self._sync(wish, version))

    async def _sync(self, wish: Object, version: str) -> None:
        meta = wish["metadata"]
        told = note(wish, "sync")
        if told == "never":
            return
        await asyncio.sleep(_TAKES_S)
        failure = told.removeprefix("error").strip() or "could not get secret data from provider"
        fails = told.startswith("error")
        if not fails:
            await self._write(wish)
        before = {each["type"]: each for each in wish.get("status", {}).get("conditions", [])}.get("Ready", {})
        status = "False" if fails else "True"
        condition = {
            "type": "Ready",
            "status": status,
            "reason": "SecretSyncedError" if fails else "SecretSynced",
            "message": failure if fails else "secret synced",
            "lastTransitionTime": before["lastTransitionTime"] if before.get("status") == status else now(),
        }
        body: Object = {"conditions": [condition]}
        if not fails:
            body |= {"refreshTime": now(), "syncedResourceVersion": version, "binding": {"name": _target(wish)}}
        path = f"{_GROUP}/namespaces/{meta['namespace']}/externalsecrets/{meta['name']}/status"
        await self._api.patch(path, {"status": body})
        kind, reason = ("Warning", "UpdateFailed") if fails else ("Normal", "Updated")
        await self._events.say(wish, kind, reason, failure if fails else "Updated Secret", "ExternalSecret")

    async def _write(self, wish: Object) -> None:
        meta, number = wish["metadata"], next(self._numbers)
        owner = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        keys = [each["secretKey"] for each in wish["spec"].get("data", [])] or ["value"]
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": _target(wish), "namespace": meta["namespace"], "ownerReferences": [owner]},
            "stringData": {key: f"synced-{number}-{key}" for key in keys},
        }
        await self._api.put(f"/api/v1/namespaces/{meta['namespace']}/secrets", _target(wish), secret)


def _target(wish: Object) -> str:
    name: str = wish["spec"].get("target", {}).get("name") or wish["metadata"]["name"]
    return name


def _version(wish: Object) -> str:
    """As External Secrets writes it: the generation and a digest of labels and annotations."""
    meta = wish["metadata"]
    marks = json.dumps([meta.get("labels"), meta.get("annotations")], sort_keys=True)
    return f"{meta.get('generation', 1)}-{hashlib.sha224(marks.encode()).hexdigest()}"
