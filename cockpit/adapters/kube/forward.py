"""A port-forward into a cluster: a unix socket in a folder that only we may enter, each connection to it a WebSocket
to a pod. No port is opened on this machine, which other users of a jump host could reach as well.

https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.35/#-strong-misc-operations-pod-v1-core-strong-: of
the two channels of a port, 0 is data and 1 says errors; the first message of each is the port, two bytes, little end
first. A service leads to one ready pod behind it, as with kubectl.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import conditions, created_of, labels, name_of, number, part, parts, text
from cockpit.adapters.kube.kube import Kube
from cockpit.adapters.kube.terms import Json, Right
from cockpit.adapters.kube.websocket import Socket
from cockpit.errors import CockpitError, Misconfigured, NotFound, PermissionDenied, Unreachable
from cockpit.text import clean

PROTOCOLS = ("v4.channel.k8s.io",)
_CHUNK = 1 << 15
_DATA, _ERROR = 0, 1
_WANTED = re.compile(r"(?P<kind>[a-z]+)/(?P<name>[a-z0-9]([-a-z0-9.]*[a-z0-9])?):(?P<port>[a-z0-9-]{1,15})")
_KINDS = {"svc": "service", "po": "pod", "deploy": "deployment", "sts": "statefulset"}


@dataclass(frozen=True, slots=True)
class Target:
    """What it leads to at the moment."""

    pod: str
    port: int


class Forward:
    """Opens nothing before the first question. `wanted`: "service/prometheus:9090", "pod/prometheus-0:web"."""

    def __init__(self, kube: Kube, wanted: str, namespace: str | None = None) -> None:
        self._kube = kube
        self._wanted = wanted
        self._namespace = namespace
        self._target: Target | None = None
        self._broken: CockpitError | None = None
        self._opening = asyncio.Lock()
        self._folder: Path | None = None
        self._listener: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def server(self) -> str:
        """What it leads to, as the profile says it."""
        return f"{clean(self._wanted, 200)}{f' in {self._namespace}' if self._namespace else ''}"

    @property
    def said(self) -> str:
        """ "through a port-forward to pod/prometheus-0:9090 in monitoring, context gke-shop"."""
        target = self._target
        to = f"pod/{target.pod}:{target.port}" if target is not None else clean(self._wanted, 200)
        try:
            place = self._kube.place
        except CockpitError:
            return f"through a port-forward to {to}"
        return f"through a port-forward to {to} in {self._where(place.namespace)}, context {place.context}"

    @property
    def connections(self) -> int:
        """Open at the moment."""
        return len(self._running)

    async def open(self) -> Path:
        """The socket; what it leads to is looked for where that is not known. Raises CockpitError."""
        async with self._opening:
            if self._closed:
                raise Unreachable(f"{self.said}: closed")
            if self._target is None:
                self._target = await self._found()
            if self._folder is None or self._listener is None:
                self._folder = await asyncio.to_thread(_private_folder)
                self._listener = await self._listening(self._folder / "s")
            return self._folder / "s"

    def broken(self) -> CockpitError | None:
        """Why the last connection failed; the pod is chosen anew afterwards."""
        found, self._broken = self._broken, None
        self._target = None
        return found

    async def close(self) -> None:
        """End all connections and remove the socket. Safe to call twice."""
        self._closed = True
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=3.0)
        folder, self._folder = self._folder, None
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    # What it leads to

    def _where(self, otherwise: str) -> str:
        return self._namespace or otherwise

    async def _found(self) -> Target:
        match = _WANTED.fullmatch(self._wanted)
        kind = _KINDS.get(match["kind"], match["kind"]) if match is not None else ""
        if match is None or kind not in ("service", "pod", "deployment", "statefulset"):
            raise Misconfigured(
                f"{clean(self._wanted, 200)!r} is nothing that a port-forward leads to",
                hint='write "service/prometheus:9090" or "pod/prometheus-0:9090"',
            )
        gateway, name, port = self._kube.gateway, match["name"], match["port"]
        place = await asyncio.to_thread(lambda: gateway.place)
        namespace = self._where(place.namespace)
        if kind == "pod":
            pod = await gateway.get(path_of("/api/v1", "pods", namespace, name))
            return Target(name, self._number(pod, port))
        base = "/api/v1" if kind == "service" else "/apis/apps/v1"
        thing = await gateway.get(path_of(base, f"{kind}s", namespace, name))
        spec = part(thing, "spec")
        selector = labels(spec.get("selector") if kind == "service" else part(spec, "selector", "matchLabels"))
        if not selector:
            raise Misconfigured(f"{self._wanted} selects no pods", hint="name the pod itself, or use url")
        chosen = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
        pods = (await gateway.listed(path_of("/api/v1", "pods", namespace), {"labelSelector": chosen})).items
        pod = self._ready(pods)
        if kind == "service":
            port = self._behind(spec, port)
        return Target(name_of(pod), self._number(pod, port))

    def _ready(self, pods: Iterable[Json]) -> Json:
        found = list(pods)
        ready = [each for each in found if is_ready(each)]
        if not ready:
            raise NotFound(
                f"{self.said}: none of its {len(found)} pods is ready" if found else f"{self.said}: it has no pod",
                hint="look at its pods",
            )
        return min(ready, key=lambda pod: (created_of(pod), name_of(pod)))

    def _behind(self, spec: Json, port: str) -> str:
        """The port of the pods behind a port of the service."""
        for each in parts(spec, "ports"):
            if port in (str(number(each.get("port"))), text(each.get("name"), 63)):
                own = str(number(each.get("port")))
                if text(spec.get("clusterIP"), 20) == "None":
                    return own
                leads = each.get("targetPort")
                return leads if isinstance(leads, str) and leads else str(number(leads) or own)
        there = ", ".join(str(number(each.get("port"))) for each in parts(spec, "ports")) or "none"
        raise Misconfigured(f"{self.said}: the service has no port {port}", hint=f"its ports: {there}")

    def _number(self, pod: Json, port: str) -> int:
        if port.isdecimal():
            if 0 < int(port) < 65536:
                return int(port)
        else:
            for each in parts(part(pod, "spec"), "containers"):
                for opened in parts(each, "ports"):
                    if text(opened.get("name"), 63) == port:
                        return number(opened.get("containerPort"))
        raise Misconfigured(f"{self.said}: the pod has no port {port}", hint="name it by its number")

    # Connections

    async def _listening(self, path: Path) -> asyncio.Server:
        try:
            return await asyncio.start_unix_server(self._came, path)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"no socket can be made in {path.parent}: {clean(str(error), 120)}", hint="set TMPDIR to a short path"
            ) from None

    def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        socket: Socket | None = None
        try:
            socket = await self._connected()
            there = asyncio.ensure_future(_there(reader, socket))
            back = asyncio.ensure_future(self._back(socket, writer))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (there, back):
                    task.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        except CockpitError as error:
            self._broken = error
        finally:
            writer.close()
            if socket is not None:
                await socket.close()

    async def _connected(self) -> Socket:
        target = self._target
        if target is None:
            async with self._opening:
                target = self._target = self._target or await self._found()
        gateway = self._kube.gateway
        namespace = self._where(gateway.place.namespace)
        path = path_of("/api/v1", "pods", namespace, target.pod, "portforward")
        try:
            return await gateway.websocket(path, {"ports": str(target.port)}, PROTOCOLS)
        except PermissionDenied as error:
            raise await self._denied(error, namespace) from None
        except NotFound:
            raise NotFound(f"{self.said}: the pod is gone", hint="the next question looks for another one") from None

    async def _denied(self, error: PermissionDenied, namespace: str) -> PermissionDenied:
        """Old servers want `get` for a WebSocket, new ones `create` as well: which of them is missing."""
        wanted = [Right(verb, "pods", subresource="portforward", namespace=namespace) for verb in ("create", "get")]
        missing = await self._kube.gateway.may(wanted)
        if not missing:
            return error
        names = " and ".join(each.verb for each in missing) + " pods/portforward"
        return PermissionDenied(
            f"{self.said}: not permitted to open it",
            missing=names,
            hint=f"ask for a Role with: {names} in namespace {namespace}",
        )

    async def _back(self, socket: Socket, writer: asyncio.StreamWriter) -> None:
        """From the pod to us, until either ends; what the kubelet says of the port is kept."""
        begun: set[int] = set()
        with contextlib.suppress(ConnectionError):
            while (message := await socket.receive()) is not None:
                channel, data = message
                if channel not in begun:
                    begun.add(channel)  # the port
                elif channel == _ERROR:
                    said = clean(data, 300).strip()
                    self._broken = Unreachable(f"{self.said}: {said}", hint="does anything in the pod listen there?")
                    return
                elif channel == _DATA:
                    writer.write(data)
                    await writer.drain()


async def _there(reader: asyncio.StreamReader, socket: Socket) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            await socket.send(_DATA, data)


def is_ready(pod: Json) -> bool:
    """It would get requests of a service."""
    ready = text(conditions(pod).get("Ready", {}).get("status"), 10) == "True"
    return ready and "deletionTimestamp" not in part(pod, "metadata")


def _private_folder() -> Path:
    """Of mode 0700; paths of sockets are short by law, so not every TMPDIR will do."""
    folder = Path(tempfile.mkdtemp(prefix="cockpit-"))
    if len(str(folder)) > 90:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="cockpit-", dir="/tmp"))  # 0700 and a random name
    return folder
