"""The cluster as a platform of the sandbox: what its pods are decides what the shop's door serves."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from cockpit.sandbox.kube import seeds
from cockpit.sandbox.kube.cluster import KubeCluster
from cockpit.sandbox.kube.node.life import Life
from cockpit.sandbox.kube.node.pods import Pace
from cockpit.sandbox.kube.node.terms import Object
from cockpit.sandbox.kube.rollouts import DEPLOYMENTS, is_ready
from cockpit.sandbox.kube.seeds import Layout
from cockpit.sandbox.kube.selectors import matches
from cockpit.sandbox.platform import Serving
from cockpit.sandbox.prometheus.shop import ShopPrometheus
from cockpit.sandbox.shape import Document, Shape
from cockpit.sandbox.shop.front import LogLine
from cockpit.sandbox.shop.revision import GOOD_TAG

KUBECONFIG = "kubeconfig"
_BEFORE = "v1.41.2"
_READY_S = 30.0
_FIRST = timedelta(days=9)
_SECOND = timedelta(days=2, hours=3)
_LINES = 2000
_PACE = Pace(ready=0.4, terminate=0.3, backoff=4.0)
_ELSEWHERE = "shop"  # what is scraped where the shop does not run here
_NODES = ("pool-1-a", "pool-1-b", "pool-1-c")


class KubePlatform:
    """One cluster with the namespaces that the profile names."""

    def __init__(self) -> None:
        self.cluster = KubeCluster(_NODES, lines=_LINES)
        self._layout: Layout | None = None
        self._serving: Serving | None = None
        self._kubeconfig: Path | None = None
        self._task: asyncio.Task[None] | None = None
        self._modes: dict[str, bool] = {}  # uid of a pod -> whether it was started in maintenance
        self._served: tuple[Any, ...] = ()
        self._turns = itertools.count()
        self._prometheus = ShopPrometheus(self._targets)

    async def start(self, shape: Shape, serving: Serving, directory: Path) -> str:
        """A past of one deployment, then what is live."""
        layout = self._layout = Layout.of(shape.profile or {})
        await self.cluster.start()
        spaces = dict.fromkeys([layout.namespace, *_spaces(shape.profile or {})])
        for name in spaces:
            await self.cluster.make(seeds.namespace(name))
        if layout.runs:
            self._serving = serving
            for obj in seeds.objects(layout, GOOD_TAG, _BEFORE):
                await self.cluster.make(obj, layout.namespace)
            await self._rolled_out()
            self.cluster.age(_FIRST)
            await self._set_image(layout.live, GOOD_TAG)
            await self._rolled_out()
            self.cluster.age(_SECOND)
            self._look()
            self._task = asyncio.ensure_future(self._attend())
        for name in _spaces(shape.profile or {}):
            for obj in seeds.prometheus("prometheus"):
                await self.cluster.make(obj, name)
        await self._rolled_out()
        self.cluster.age(_SECOND)
        self.cluster.pods.pace = _PACE  # the past is made up quickly, the present takes its time
        if any(_placed_by_us(table, shape.profile or {}) for table in (shape.profile or {}).get("prometheus", ())):
            await self._prometheus.start()
        self._kubeconfig = self.cluster.kubeconfig(directory / KUBECONFIG, layout.context, layout.namespace)
        return f"Kubernetes on {self.cluster.api.url}, context {layout.context}"

    async def deploy(self, tag: str) -> None:
        """kubectl set image on what is live; returns when its pods run."""
        if self._layout is None or self._serving is None:
            return
        await self._set_image(self._live(), tag)
        await self._rolled_out()
        self._look()

    def logged(self, line: LogLine) -> None:
        """One of the pods that serve said it; a request is counted."""
        lives = self._lives()
        fitting = [life for life in lives if _tag(life.pod) == line.version] or lives
        life = fitting[next(self._turns) % len(fitting)] if fitting else None
        if life is not None and life.told is not None:
            life.told.append((line.at.timestamp(), line.text))
        if "status" in line.fields and (life is not None or self._serving is None):
            pod = life.pod["metadata"]["name"] if life is not None else _ELSEWHERE
            seconds = float(line.fields.get("latency_ms", 0.0)) / 1000
            self._prometheus.count(pod, str(line.fields.get("method", "")), line.fields["status"], seconds)

    def place(self, profile: Document) -> None:
        """The kubeconfig, and quick looks."""
        for table in profile.get("kubernetes", ()):
            table.update(kubeconfig=str(self._kubeconfig), interval="1s", timeout="5s")
        for table in profile.get("prometheus", ()):
            if _placed_by_us(table, profile):
                for key in ("cluster", "forward", "namespace"):
                    table.pop(key, None)
                table.update(url=self._prometheus.url, interval="5s", timeout="5s", window="30m")

    async def close(self) -> None:
        """End the cluster."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._prometheus.close()
        await self.cluster.close()

    # Inside

    def _targets(self) -> dict[str, str]:
        """Who is scraped; the shop itself, where it runs elsewhere."""
        lives = self._lives() if self._serving is not None else []
        found = {life.pod["metadata"]["name"]: life.pod["metadata"]["namespace"] for life in lives}
        return found if self._serving is not None else {_ELSEWHERE: "default"}

    async def _set_image(self, name: str, tag: str) -> None:
        layout = self._layout
        if layout is None:
            return
        container = {"name": seeds.CONTAINER, "image": f"{layout.image}:{tag}"}
        notes = {"kubernetes.io/change-cause": f"set image {tag}"}
        body = {"metadata": {"annotations": notes}, "spec": {"template": {"spec": {"containers": [container]}}}}
        path = f"/apis/apps/v1/namespaces/{layout.namespace}/deployments/{name}"
        await self.cluster.admin.patch(path, body, "application/strategic-merge-patch+json")

    async def _rolled_out(self) -> None:
        """Until every deployment is at its end."""
        store = self.cluster.api.store
        async with asyncio.timeout(_READY_S):
            while not all(map(_complete, store.all(DEPLOYMENTS))):
                await store.wait()

    async def _attend(self) -> None:
        store = self.cluster.api.store
        while True:
            await store.wait()
            if self._look() and self._serving is not None:
                await self._serving.restarted()

    def _live(self) -> str:
        """The deployment whose pods the service selects."""
        layout = self._layout
        if layout is None:
            return ""
        selector = self._selector()
        found = [
            each["metadata"]["name"]
            for each in self.cluster.api.store.all(DEPLOYMENTS, layout.namespace)
            if matches({"matchLabels": selector}, each["spec"]["template"]["metadata"].get("labels") or {})
        ]
        return next(iter(found), layout.live)

    def _selector(self) -> dict[str, str]:
        layout = self._layout
        service = self.cluster.api.store.get("services", layout.namespace, layout.service) if layout else None
        return dict(service["spec"].get("selector") or {}) if service else {}

    def _lives(self) -> list[Life]:
        """Of the pods behind the service that are ready."""
        layout, selector = self._layout, self._selector()
        if layout is None or not selector:
            return []
        return [
            life
            for life in self.cluster.pods.lives
            if life.pod["metadata"]["namespace"] == layout.namespace
            and matches({"matchLabels": selector}, life.pod["metadata"].get("labels") or {})
            and is_ready(life.pod)
            and not life.pod["metadata"].get("deletionTimestamp")
        ]

    def _look(self) -> bool:
        """Tell the door what serves now; whether the processes are others than before."""
        layout, serving = self._layout, self._serving
        if layout is None or serving is None:
            return False
        pods = [life.pod for life in self._lives()]
        for life in self.cluster.pods.lives:
            self._modes.setdefault(life.pod["metadata"]["uid"], self._maintenance())
        told: Counter[tuple[str, str, bool]] = Counter(
            (_tag(pod), _hash(pod), self._modes[pod["metadata"]["uid"]]) for pod in pods
        )
        served: tuple[Any, ...] = told.most_common(1)[0][0] if told else ()
        if served == self._served:
            return False
        self._served, before = served, self._served
        if not served:
            serving.stop()
            return False
        serving.serve(served[0])
        serving.maintain(served[2])
        return bool(before) and before[1] != served[1]

    def _maintenance(self) -> bool:
        """As the ConfigMap has it now."""
        layout = self._layout
        found = self.cluster.api.store.get("configmaps", layout.namespace, layout.configmap) if layout else None
        return bool(found and layout and layout.flag and (found.get("data") or {}).get(layout.flag) == layout.on)


def _complete(deployment: Object) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    return {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")} == {wanted}


def _tag(pod: Object) -> str:
    image: str = pod["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]


def _hash(pod: Object) -> str:
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get("pod-template-hash", ""))


def _placed_by_us(table: Document, profile: Document) -> bool:
    return table.get("cluster") in {each.get("name") for each in profile.get("kubernetes", ())}


def _spaces(profile: Document) -> list[str]:
    """Where Prometheus runs."""
    clusters = {table.get("name"): table for table in profile.get("kubernetes", ())}
    return [
        str(table.get("namespace") or clusters[table["cluster"]].get("namespace") or "default")
        for table in profile.get("prometheus", ())
        if table.get("cluster") in clusters
    ]
