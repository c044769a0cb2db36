"""The Node objects: registered, kept alive by their leases, down or under pressure when told so."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

from cockpit.sandbox.kube.node.events import Events
from cockpit.sandbox.kube.node.life import note
from cockpit.sandbox.kube.node.pods import Nodes
from cockpit.sandbox.kube.node.terms import STRATEGIC, Api, Object, now

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_HEARTBEAT_S = 8.0
_CAPACITY = {"cpu": "4", "memory": "8Gi", "pods": "5000", "ephemeral-storage": "100Gi"}
_PRESSURES = {
    "memory": ("MemoryPressure", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    "disk": ("DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    "pid": ("PIDPressure", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
}


class NodeObjects:
    """Writes what `nodes` says, and reads from the objects' annotations what is to be played."""

    def __init__(self, api: Api, events: Events, nodes: Nodes, port: int, back: Callable[[str], None]) -> None:
        self._api = api
        self._events = events
        self._nodes = nodes
        self._port = port
        self._back = back
        self._said: dict[str, tuple[bool, str]] = {}

    async def register(self) -> None:
        """All of them, ready."""
        for name in self._nodes.names:
            labels = {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": f"zone-{name[-1]}",
                "node.kubernetes.io/instance-type": "test-4",
            }
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
            await self._api.call("POST", "/api/v1/nodes", node)
            _, node = await self._api.call("GET", f"/api/v1/nodes/{name}")
            await self._see(node)
            await self._renew(name)

    async def heartbeats(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            for name in self._nodes.names:
                if name not in self._nodes.down:
                    await self._renew(name)

    async def run(self) -> None:
        """For ever."""
        async for kind, node in self._api.follow("/api/v1/nodes"):
            if kind != "DELETED" and node["metadata"]["name"] in self._nodes.names:
                await self._see(node)

    async def _see(self, node: Object) -> None:
        name = node["metadata"]["name"]
        (self._nodes.cordoned.add if node["spec"].get("unschedulable") else self._nodes.cordoned.discard)(name)
        played = (note(node, "down") == "true", note(node, "pressure"))
        if self._said.get(name) == played:
            return
        first = name not in self._said
        was_down = self._said.get(name, (False, ""))[0]
        self._said[name] = played
        down, pressure = played
        (self._nodes.down.add if down else self._nodes.down.discard)(name)
        await self._api.patch(f"/api/v1/nodes/{name}/status", self._status(name, down, pressure), STRATEGIC)
        if down != was_down or first:
            kind, reason = ("Warning", "NodeNotReady") if down else ("Normal", "NodeReady")
            await self._events.say(node, kind, reason, f"Node {name} status is now: {reason}", "Node")
        if was_down and not down:
            await self._renew(name)
            self._back(name)
        if pressure in _PRESSURES:
            _, reason, _ = _PRESSURES[pressure]
            await self._events.say(node, "Normal", reason, f"Node {name} status is now: {reason}", "Node")

    def _status(self, name: str, down: bool, pressure: str) -> Object:
        ready = (
            ("KubeletNotReady", "container runtime is down") if down else ("KubeletReady", "kubelet is posting ready")
        )
        conditions = [_condition("Ready", not down, *ready)]
        for word, (kind, reason, message) in _PRESSURES.items():
            holds = word == pressure
            fine = "KubeletHasSufficient" + kind.removesuffix("Pressure")
            conditions.append(_condition(kind, holds, reason if holds else fine, message if holds else "sufficient"))
        info = {
            "kubeletVersion": "v1.20.2",
            "kubeProxyVersion": "v1.20.2",
            "osImage": "none",
            "operatingSystem": "linux",
            "architecture": "amd64",
            "containerRuntimeVersion": "fake://0",
            "kernelVersion": "0",
            "machineID": name,
            "systemUUID": name,
            "bootID": name,
        }
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}]
        return {
            "status": {
                "capacity": _CAPACITY,
                "allocatable": _CAPACITY,
                "addresses": addresses,
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
                "nodeInfo": info,
                "conditions": conditions,
            }
        }

    async def _renew(self, name: str) -> None:
        time = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": time},
        }
        await self._api.put(_LEASES, name, lease)


def _condition(kind: str, holds: bool, reason: str, message: str) -> Object:
    time = now()
    return {
        "type": kind,
        "status": "True" if holds else "False",
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": time,
        "lastTransitionTime": time,
    }
