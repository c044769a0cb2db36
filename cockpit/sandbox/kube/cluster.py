"""The whole played cluster: API, controllers, nodes; started and ended together."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import time
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from cockpit.sandbox.kube.access import ADMIN
from cockpit.sandbox.kube.around import Around
from cockpit.sandbox.kube.kinds import KINDS, of_kind
from cockpit.sandbox.kube.node.events import Events
from cockpit.sandbox.kube.node.externalsecrets import ExternalSecrets
from cockpit.sandbox.kube.node.metrics import Metrics
from cockpit.sandbox.kube.node.nodes import NodeObjects
from cockpit.sandbox.kube.node.pods import Nodes, Pace, Pods
from cockpit.sandbox.kube.node.terms import Object, drawn, say
from cockpit.sandbox.kube.rollouts import Rollouts, moment_of
from cockpit.sandbox.kube.server import KubeApi, LocalApi

_NAMESPACES = ("default", "kube-system", "kube-node-lease")
_TICK_S = 1.0  # deadlines pass without a change
_YOUNG_S = 3600.0
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class KubeCluster:
    """In memory."""

    def __init__(
        self, nodes: tuple[str, ...] = ("node-1", "node-2"), pace: Pace | None = None, lines: int = 0
    ) -> None:
        self.api = KubeApi()
        self._admin = LocalApi(self.api, "sandbox")
        node = LocalApi(self.api, "kubelet")
        self._nodes = Nodes(nodes)
        self.events = Events(node)
        self.pods = Pods(node, self.events, self._nodes, pace or Pace(), lines)
        self.api.pods = self.pods
        self._objects = NodeObjects(node, self.events, self._nodes, 10250, self.pods.look_again)
        self._metrics = Metrics(node, self.pods, self._nodes)
        self._secrets = ExternalSecrets(LocalApi(self.api, "external-secrets"), self.events)
        self._rollouts = Rollouts(self.api.store, self.api.writing)
        self._around = Around(self.api.store, self.api.writing)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, with nodes that are ready."""
        await self.api.start()
        for name in _NAMESPACES:
            await self.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        await self._objects.register()
        self._own("pods", self.pods.run())
        self._own("nodes", self._objects.run())
        self._own("heartbeats", self._objects.heartbeats())
        self._own("metrics", self._metrics.run())
        self._own("external secrets", self._secrets.run())
        self._own("controllers", self._control())

    async def close(self) -> None:
        """End everything. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pods.close()
        await self.api.close()

    async def make(self, obj: dict[str, Any], namespace: str = "") -> dict[str, Any]:
        """As its administrator, by kubectl. Raises RuntimeError where it is refused."""
        version, word = str(obj["apiVersion"]), str(obj["kind"])
        kind = of_kind(version.rpartition("/")[0], word)
        if kind is None:
            raise RuntimeError(f"there is no {word}")
        inside = f"/namespaces/{namespace}" if namespace else ""
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        code, made = await self._admin.call("POST", f"{base}{inside}/{kind.plural}", obj)
        if code != 201:
            raise RuntimeError(f"{word} {obj['metadata'].get('name')}: {made.get('message')}")
        return made

    def age(self, by: timedelta) -> None:
        """All that is young becomes that much older, and its events are forgotten: a system has a past."""
        store = self.api.store
        for kind in KINDS:
            for obj in store.all(kind):
                if kind.plural == "events":
                    store.remove(kind, obj)
                elif _is_young(obj) and not kind.custom:  # operators look again and again
                    store.put(kind, _older(obj, by))
        for life in self.pods.lives:
            if time.time() - life.since < _YOUNG_S:
                life.since -= by.total_seconds()
                life.started = drawn(dt.datetime.now(dt.UTC) - by)

    @property
    def admin(self) -> LocalApi:
        """For who changes things by hand."""
        return self._admin

    def kubeconfig(self, path: Path, context: str, namespace: str, user: str = ADMIN) -> Path:
        """Write one with this context alone; the user may read it, nobody else."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {"server": self.api.url}}],
            "users": [{"name": user, "user": {"token": self.api.tokens[user]}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": user, "namespace": namespace}}],
            "current-context": context,
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(config, file, indent=1)
        return path

    def _own(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        async def owned() -> None:
            try:
                await work
            except Exception as error:  # the cluster goes on without; the log says so
                say(f"{what} ended: {type(error).__name__} {error}")

        self._tasks.append(asyncio.ensure_future(owned()))

    async def _control(self) -> None:
        store = self.api.store
        while True:
            at = store.version
            self._rollouts.round()
            self._around.round()
            if store.version != at:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(_TICK_S):
                    await store.wait()
            except TimeoutError:
                continue


def _is_young(obj: Object) -> bool:
    return time.time() - moment_of(obj) < _YOUNG_S


def _older(value: Any, by: timedelta) -> Any:
    """With every moment in it that much earlier."""
    if isinstance(value, dict):
        return {key: _older(each, by) for key, each in value.items()}
    if isinstance(value, list):
        return [_older(each, by) for each in value]
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return drawn(dt.datetime.fromisoformat(value) - by)
    return value
