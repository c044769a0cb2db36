"""One cluster as one table of the profile sees it: the gateway, and a reflector for each resource that anybody asks
for. Shared by all sources of that table.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from cockpit.adapters.kube.gateway import Gateway
from cockpit.adapters.kube.kubeconfig import ACCOUNT, Place
from cockpit.adapters.kube.reflector import Reflector
from cockpit.adapters.kube.slices import dated, trimmed
from cockpit.clock import Clock
from cockpit.errors import NotFound, PermissionDenied, TimedOut
from cockpit.profile.kube import KubernetesSource
from cockpit.text import clean

HEARD_S = 10.0
_ANSWER_S = 5.0
# Served like this by every version from 1.9 on: no need to ask. False: not in a namespace.
_CERTAIN = {
    "pods": ("/api/v1", True),
    "services": ("/api/v1", True),
    "endpoints": ("/api/v1", True),
    "configmaps": ("/api/v1", True),
    "secrets": ("/api/v1", True),
    "events": ("/api/v1", True),
    "resourcequotas": ("/api/v1", True),
    "limitranges": ("/api/v1", True),
    "persistentvolumeclaims": ("/api/v1", True),
    "nodes": ("/api/v1", False),
    "namespaces": ("/api/v1", False),
    "deployments": ("/apis/apps/v1", True),
    "replicasets": ("/apis/apps/v1", True),
    "statefulsets": ("/apis/apps/v1", True),
    "daemonsets": ("/apis/apps/v1", True),
    "controllerrevisions": ("/apis/apps/v1", True),
}


class Kube:
    """Opens nothing before it is asked for something."""

    def __init__(
        self,
        source: KubernetesSource,
        clock: Clock,
        environ: Mapping[str, str] = os.environ,
        account: Path = ACCOUNT,
    ) -> None:
        self.name = source.name
        self.gateway = Gateway(source, clock, environ, account)
        self._clock = clock
        self._answer_s = min(_ANSWER_S, source.timeout)
        self._answered = float("-inf")
        self._reflectors: dict[tuple[str, str | None], Reflector] = {}
        self._holders: dict[tuple[str, str | None], int] = {}
        self._closed = False

    @property
    def place(self) -> Place:
        """Where this is: context, server, namespace, user. Raises Misconfigured."""
        return self.gateway.place

    def resource(self, name: str, namespace: str | None = None) -> Reflector:
        """The reflector of "pods", "nodes", "externalsecrets.external-secrets.io", started: of the place's namespace,
        another one, or with "" of all. All who ask get the same one. Of secrets it holds the metadata only.

        Where the cluster does not have that resource, `ready` raises NotFound; it is looked for now and then.
        """
        key = (name, namespace)
        found = self._reflectors.get(key)
        if found is None:
            found = Reflector(
                self.gateway,
                lambda: self._path(name, namespace),
                keep=dated if name == "configmaps" else trimmed,
                metadata=name == "secrets",
            )
            self._reflectors[key] = found
        self._holders[key] = self._holders.get(key, 0) + 1
        if not self._closed:
            found.start()
        return found

    async def release(self, name: str, namespace: str | None = None) -> None:
        """Say that one who asked no longer looks; the last one ends the watch."""
        key = (name, namespace)
        left = self._holders.get(key, 0) - 1
        if left > 0:
            self._holders[key] = left
            return
        self._holders.pop(key, None)
        found = self._reflectors.pop(key, None)
        if found is not None:
            await found.close()

    async def answers(self) -> None:
        """Raises CockpitError where the server gives no answer: a watch on a connection that hangs is silent for
        minutes, and looks like one on which nothing happens. Asked again after ten seconds at most.
        """
        if self._clock.monotonic() - self._answered < HEARD_S:
            return
        try:
            async with asyncio.timeout(self._answer_s):
                await self.gateway.get("/version")
        except TimeoutError:
            raise TimedOut(
                f"{self.place.server} gives no answer within {self._answer_s:g} s",
                hint="what is shown is from before that; check the network and the control plane",
            ) from None
        except (PermissionDenied, NotFound):
            pass  # that is an answer
        self._answered = self._clock.monotonic()

    @property
    def stale(self) -> tuple[tuple[str, Reflector], ...]:
        """What is looked at and is not live, by name."""
        return tuple((name, each) for (name, _), each in self._reflectors.items() if not each.live)

    async def close(self) -> None:
        """End all watches, then the connections. Safe to call twice."""
        self._closed = True
        reflectors = list(self._reflectors.values())
        if reflectors:
            await asyncio.gather(*(each.close() for each in reflectors))
        await self.gateway.close()

    async def _path(self, name: str, namespace: str | None) -> str:
        certain = _CERTAIN.get(name)
        place = self.gateway.place
        wanted = place.namespace if namespace is None else namespace
        if certain is not None:
            base, inside = certain
            return f"{base}/namespaces/{wanted}/{name}" if inside and wanted else f"{base}/{name}"
        found = (await self.gateway.versions()).named(name) or (await self.gateway.versions(fresh=True)).named(name)
        if found is None:
            raise NotFound(
                f"context {place.context}: the cluster has no {clean(name, 120)}",
                hint="it comes with an operator or a newer version of Kubernetes",
            )
        return found.path(wanted)
