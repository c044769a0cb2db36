"""metrics.k8s.io as two custom resources: the paths and shapes of metrics-server, which `kubectl top` reads."""

from __future__ import annotations

import asyncio
import random
import re

from cockpit.sandbox.kube.node.life import note
from cockpit.sandbox.kube.node.pods import Nodes, Pods
from cockpit.sandbox.kube.node.terms import Api, Object, now

_BASE = "/apis/metrics.k8s.io/v1beta1"
_EVERY_S = 5.0
_SMALL = 200  # up to so many pods, all get a new time stamp each round; above that, only what changed is written


class Metrics:
    """Its custom resources are there before it runs."""

    def __init__(self, api: Api, pods: Pods, nodes: Nodes) -> None:
        self._api = api
        self._pods = pods
        self._nodes = nodes
        self._written: dict[tuple[str, str], Object] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._round()
            await asyncio.sleep(_EVERY_S)

    async def _round(self) -> None:
        time = now()
        totals = {name: [120, 900] for name in self._nodes.names}  # millicores and MiB of the system itself
        live = [life for life in self._pods.lives if life.pod["status"].get("phase") == "Running" and life.since]
        seen = set()
        for life in live:
            meta = life.pod["metadata"]
            key = (meta["namespace"], meta["name"])
            seen.add(key)
            containers = _usage(life.pod)
            total = totals.setdefault(life.pod["spec"]["nodeName"], [0, 0])
            for container in containers:
                total[0] += _millicores(container["usage"]["cpu"])
                total[1] += _mebibytes(container["usage"]["memory"])
            body: Object = {
                "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": meta.get("labels")}
            }
            body |= {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "containers": containers}
            if self._written.get(key) != body or len(live) <= _SMALL:
                self._written[key] = body
                folder = f"{_BASE}/namespaces/{meta['namespace']}/pods"
                await self._api.put(folder, meta["name"], body | {"timestamp": time, "window": "15s"})
        for namespace, name in self._written.keys() - seen:
            await self._api.call("DELETE", f"{_BASE}/namespaces/{namespace}/pods/{name}")
            del self._written[namespace, name]
        for name in set(self._nodes.names) - self._nodes.down:
            usage = {"cpu": f"{totals[name][0]}m", "memory": f"{totals[name][1]}Mi"}
            node = {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": {"name": name}}
            await self._api.put(f"{_BASE}/nodes", name, node | {"timestamp": time, "window": "15s", "usage": usage})


def _usage(pod: Object) -> list[Object]:
    """By annotation, else made up, the same for the same pod."""
    chance = random.Random(pod["metadata"]["uid"])  # noqa: S311  the same for the same pod, keeps no secret
    found = []
    for container in pod["spec"]["containers"]:
        cpu = note(pod, "cpu") or f"{chance.randint(5, 60)}m"
        memory = note(pod, "memory") or f"{chance.randint(60, 120)}Mi"
        found.append({"name": container["name"], "usage": {"cpu": cpu, "memory": memory}})
    return found


def _millicores(text: str) -> int:
    number = int(re.sub(r"\D", "", text) or 0)
    return number if text.endswith("m") else number * 1000


def _mebibytes(text: str) -> int:
    number = int(re.sub(r"\D", "", text) or 0)
    return number * 1024 if text.endswith("Gi") else number
