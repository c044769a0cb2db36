"""Port-forwards on the real API server: to a pod, a service, named ports; gone pods, refusals, what is left."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import yaml

import cockpit
from cockpit.adapters.kube.forward import Forward, Target
from cockpit.errors import AuthenticationFailed, Misconfigured, NotFound, PermissionDenied, Unreachable

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace, until, until_async
from .conftest import Opener


@pytest.fixture
async def website() -> AsyncIterator[int]:
    """The port of a server that says which paths it was asked, in as many bytes as they say."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            wanted = int(head.split(b" ")[1].strip(b"/") or b"0")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % wanted + b"x" * wanted)
            await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def with_pod(namespace: Namespace, name: str, port: int, *, ready: bool = True) -> None:
    """A pod whose port 9090, called "web", leads to that port here."""
    notes = {"fake-node/port-9090": str(port), "fake-node/behaviour": "ok" if ready else "unready"}
    web = things.container("app", "r/app:v1", ports=[{"name": "web", "containerPort": 9090}])
    namespace.apply(things.pod(name, labels={"app": "prometheus"}, notes=notes, containers=[web]))
    until(lambda: namespace.get(f"pods/{name}")["status"].get("phase") == "Running")
    if ready:
        until(
            lambda: any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in namespace.get(f"pods/{name}")["status"].get("conditions", [])
            )
        )


async def fetched(socket: Path, size: int) -> int:
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket)), timeout=20) as client:
        return len((await client.get(f"http://there/{size}")).content)


@pytest.mark.parametrize("wanted", ["pod/prometheus-0:9090", "pod/prometheus-0:web", "service/prometheus:80"])
async def test_it_leads_to_the_pod_whatever_it_is_called_by(
    namespace: Namespace, opened: Opener, website: int, wanted: str
) -> None:
    await asyncio.to_thread(with_pod, namespace, "prometheus-0", website)
    service = things.service("prometheus", {"app": "prometheus"})
    service["spec"]["ports"] = [{"name": "http", "port": 80, "targetPort": "web"}]
    await asyncio.to_thread(namespace.apply, service)
    kube = opened(namespace.kubeconfig())
    forward = Forward(kube, wanted)
    socket = await forward.open()
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert socket.is_socket()
    assert await fetched(socket, 3_000_000) == 3_000_000
    where = f"through a port-forward to pod/prometheus-0:9090 in {namespace.name}, context test"
    assert forward.said == where
    await forward.close()
    await forward.close()
    assert not socket.parent.exists()
    assert forward.connections == 0
    with pytest.raises(Unreachable, match="closed"):
        await forward.open()


async def test_a_service_leads_to_a_ready_pod_and_after_its_end_to_another(
    namespace: Namespace, opened: Opener, website: int
) -> None:
    await asyncio.to_thread(with_pod, namespace, "a-unready", website, ready=False)
    await asyncio.to_thread(namespace.apply, things.service("prometheus", {"app": "prometheus"}, 9090))
    forward = Forward(opened(namespace.kubeconfig()), "svc/prometheus:http", namespace.name)
    with pytest.raises(NotFound, match="none of its 1 pods is ready"):
        await forward.open()
    await asyncio.to_thread(with_pod, namespace, "first", website)
    assert await fetched(await forward.open(), 10) == 10
    assert "pod/first:9090" in forward.said
    await asyncio.to_thread(with_pod, namespace, "second", website)
    await asyncio.to_thread(namespace.client.delete, namespace.path("pods/first"))
    await until_async(lambda: [each["metadata"]["name"] for each in namespace.pods()] == ["a-unready", "second"])
    await until_async(lambda: "first" not in [
        each["metadata"]["name"] for each in namespace.client.items(namespace.path("pods"))
    ])  # fmt: skip
    with pytest.raises(httpx.HTTPError):
        await fetched(await forward.open(), 10)
    reason = forward.broken()
    assert isinstance(reason, NotFound) and "the pod is gone" in reason.message
    assert await fetched(await forward.open(), 10) == 10
    assert "pod/second:9090" in forward.said
    await forward.close()


async def test_what_the_kubelet_says_of_a_port_is_the_reason(namespace: Namespace, opened: Opener) -> None:
    await asyncio.to_thread(with_pod, namespace, "prometheus-0", 1)
    forward = Forward(opened(namespace.kubeconfig()), "pod/prometheus-0:9090")
    with pytest.raises(httpx.HTTPError):
        await fetched(await forward.open(), 10)
    reason = forward.broken()
    assert isinstance(reason, Unreachable)
    assert "error forwarding port 9090 to pod prometheus-0" in reason.message
    await forward.close()


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        ("service/none:80", NotFound, "none"),
        ("pod/none:80", NotFound, "none"),
        ("service/headless:81", Misconfigured, "no port 81"),
        ("secret/none:80", Misconfigured, "nothing that a port-forward leads to"),
        ("../../x:80", Misconfigured, "nothing that a port-forward leads to"),
    ],
)
async def test_what_leads_nowhere_is_said(
    namespace: Namespace, opened: Opener, website: int, wanted: str, error: type[Exception], said: str
) -> None:
    await asyncio.to_thread(namespace.apply, things.service("headless", {"app": "prometheus"}, 80))
    await asyncio.to_thread(with_pod, namespace, "prometheus-0", website)
    forward = Forward(opened(namespace.kubeconfig()), wanted)
    with pytest.raises(error, match=said):
        await forward.open()
    await forward.close()


async def test_the_right_that_is_missing_is_named(namespace: Namespace, opened: Opener, website: int) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    await asyncio.to_thread(with_pod, namespace, "prometheus-0", website)
    await asyncio.to_thread(namespace.apply, *things.rights("reading", "viewer", rules))
    kube = opened(namespace.kubeconfig("viewer"))

    async def leads() -> bool:
        try:
            await kube.gateway.get(namespace.path("pods/prometheus-0"))
        except PermissionDenied:
            return False
        return True

    for _ in range(200):  # the authorizer learns of a binding a moment later
        if await leads():
            break
        await asyncio.sleep(0.05)
    forward = Forward(kube, "pod/prometheus-0:9090")
    with pytest.raises(httpx.HTTPError):
        await fetched(await forward.open(), 10)
    reason = forward.broken()
    assert isinstance(reason, PermissionDenied)
    assert reason.missing == "create and get pods/portforward"
    assert namespace.name in reason.hint
    await forward.close()


async def test_the_documented_role_suffices(namespace: Namespace, opened: Opener, website: int) -> None:
    text = (Path(cockpit.__file__ or "").parent / "adapters" / "kube" / "role-forward.yaml").read_text("utf-8")
    role = list(yaml.safe_load_all(text.replace("NAMESPACE", namespace.name).replace("USER", "responder")))
    await asyncio.to_thread(with_pod, namespace, "prometheus-0", website)
    await asyncio.to_thread(namespace.apply, things.service("prometheus", {"app": "prometheus"}, 9090), *role)
    for wanted in ("service/prometheus:9090", "pod/prometheus-0:9090"):
        forward = Forward(opened(namespace.kubeconfig("responder")), wanted)
        for _ in range(200):  # the authorizer learns of a binding a moment later
            try:
                found = await fetched(await forward.open(), 7)
                break
            except (PermissionDenied, httpx.HTTPError):
                await asyncio.sleep(0.05)
        assert found == 7
        await forward.close()


async def test_a_login_that_is_renewed_opens_it_and_one_that_cannot_be_says_so(
    namespace: Namespace, opened: Opener, website: int
) -> None:
    await asyncio.to_thread(with_pod, namespace, "prometheus-0", website)
    config = namespace.kubeconfig()
    text = config.read_text()
    kube = opened(config)
    forward = Forward(kube, "pod/prometheus-0:9090")
    assert await fetched(await forward.open(), 7) == 7
    config.write_text(text.replace('"token": "', '"token": "old-'))
    stale = opened(config)
    late = Forward(stale, "pod/prometheus-0:9090")
    assert stale.place.context == "test"
    config.write_text(text)  # somebody has logged in again
    late._target = Target("prometheus-0", 9090)
    assert await fetched(await late.open(), 7) == 7
    config.write_text(text.replace('"token": "', '"token": "old-'))
    refused = opened(config)
    never = Forward(refused, "pod/prometheus-0:9090")
    never._target = Target("prometheus-0", 9090)
    with pytest.raises(httpx.HTTPError):
        await fetched(await never.open(), 7)
    assert isinstance(never.broken(), AuthenticationFailed)
    for each in (forward, late, never):
        await each.close()
    config.write_text(text)
