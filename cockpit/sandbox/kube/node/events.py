"""Events as a kubelet writes them: the same one again raises its count."""

from __future__ import annotations

import hashlib

from cockpit.sandbox.kube.node.terms import Api, Object, now


class Events:
    """Remembers what it wrote."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._counts: dict[tuple[str, str], int] = {}

    async def say(self, thing: Object, kind: str, reason: str, message: str, what: str = "Pod") -> None:
        """`kind` is Normal or Warning."""
        meta = thing["metadata"]
        namespace = meta.get("namespace", "default")
        mark = hashlib.sha256(f"{meta['uid']} {reason} {message}".encode()).hexdigest()[:16]
        name = f"{meta['name']}.{mark}"
        folder = f"/api/v1/namespaces/{namespace}/events"
        count = self._counts[namespace, name] = self._counts.get((namespace, name), 0) + 1
        if count > 1 and await self._api.patch(f"{folder}/{name}", {"count": count, "lastTimestamp": now()}) == 200:
            return
        involved = {"kind": what, "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
        if what == "Pod":
            involved["namespace"] = namespace
        body: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message,
            "count": count,
            "firstTimestamp": now(),
            "lastTimestamp": now(),
            "source": {"component": "kubelet", "host": thing.get("spec", {}).get("nodeName", meta["name"])},
        }
        await self._api.call("POST", folder, body)
