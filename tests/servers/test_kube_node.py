"""The nodes of the test cluster: pods in trouble, logs, port-forward, exec, metrics, and the operators in small."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from cryptography import x509

from .kube import things
from .kube.client import KubeError, Object
from .kube.fixtures import Namespace, until, until_async


def status_of(namespace: Namespace, pod: str, container: int = 0) -> Object:
    found: Object = namespace.get(f"pods/{pod}")["status"]["containerStatuses"][container]
    return found


def log_of(namespace: Namespace, pod: str, **query: str) -> str:
    return str(namespace.get(f"pods/{pod}/log", **query))


def running(namespace: Namespace, pod: str, **more: object) -> None:
    """Make it, and wait until it runs."""
    namespace.apply(things.pod(pod, **more))  # type: ignore[arg-type]  # passed through
    until(lambda: status_of(namespace, pod)["ready"])


def test_a_pod_crashes_is_killed_and_recovers_as_its_annotation_says(namespace: Namespace) -> None:
    namespace.apply(things.pod("one", "reg.test/app:v2-crash"))
    until(lambda: status_of(namespace, "one")["state"]["waiting"]["reason"] == "CrashLoopBackOff")
    until(lambda: status_of(namespace, "one")["restartCount"] >= 2)
    assert "ConnectionError" in log_of(namespace, "one", previous="true")
    namespace.annotate("pods/one", behaviour="oom")
    until(lambda: status_of(namespace, "one")["lastState"]["terminated"]["reason"] == "OOMKilled")
    namespace.annotate("pods/one", behaviour="ok")
    until(lambda: status_of(namespace, "one")["ready"])


def test_every_trouble_has_the_state_and_the_event_of_a_real_one(namespace: Namespace) -> None:
    told = {"nopull": "BackOff", "unready": "Unhealthy", "pending": "FailedScheduling", "evict": "Evicted"}
    for behaviour in told:
        namespace.apply(things.pod(behaviour, notes={"fake-node/behaviour": behaviour}))
    for behaviour, reason in told.items():
        query = f"involvedObject.name={behaviour},reason={reason}"
        until(lambda query=query: namespace.get("events", fieldSelector=query)["items"])
    assert status_of(namespace, "nopull")["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert not status_of(namespace, "unready")["ready"]
    assert "nodeName" not in namespace.get("pods/pending")["spec"]
    assert namespace.get("pods/evict")["status"]["reason"] == "Evicted"


def test_logs_by_container_and_by_what_is_asked_for(namespace: Namespace) -> None:
    containers = [things.container("app", "reg.test/app:v1"), things.container("proxy", "reg.test/proxy:v1")]
    notes = {"fake-node/log.app": "one\ntwo \x1b[31mred\nthree", "fake-node/log.proxy": "of the proxy"}
    init = [things.container("migrate", "reg.test/migrate:v1")]
    running(namespace, "one", containers=containers, notes=notes, initContainers=init)
    assert log_of(namespace, "one", container="app") == "one\ntwo \x1b[31mred\nthree\n"
    assert log_of(namespace, "one", container="app", tailLines="1") == "three\n"
    assert log_of(namespace, "one", container="app", limitBytes="5") == "one\nt"
    assert log_of(namespace, "one", container="proxy", timestamps="true").endswith("Z of the proxy\n")
    assert log_of(namespace, "one", container="proxy", sinceTime="2100-01-01T00:00:00Z") == ""
    assert "starting migrate" in log_of(namespace, "one", container="migrate")
    with pytest.raises(KubeError, match="a container name must be specified"):
        log_of(namespace, "one")


def connection(namespace: Namespace) -> aiohttp.ClientSession:
    """Past the cockpit, as admin."""
    tls = ssl.create_default_context(cafile=str(namespace.server.ca))
    headers = {"Authorization": f"Bearer {namespace.server.token()}"}
    connector = aiohttp.TCPConnector(ssl=tls)
    return aiohttp.ClientSession(namespace.server.url, headers=headers, connector=connector)


async def test_a_followed_log_goes_on_until_the_pod_is_gone(namespace: Namespace) -> None:
    await asyncio.to_thread(running, namespace, "one", notes={"fake-node/log": "first"})
    async with (
        connection(namespace) as session,
        session.get(namespace.path("pods/one/log"), params={"follow": "true"}) as answer,
    ):
        assert await answer.content.readline() == b"first\n"
        await asyncio.to_thread(namespace.annotate, "pods/one", log="first\nsecond")
        assert await answer.content.readline() == b"second\n"
        await asyncio.to_thread(namespace.client.delete, namespace.path("pods/one"))
        assert await answer.content.read() == b""


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """A loopback port that says back what it is told, in capitals."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_forwarded_port_carries_bytes_both_ways(namespace: Namespace) -> None:
    async with echoing() as port, connection(namespace) as session:
        await asyncio.to_thread(running, namespace, "one", notes={"fake-node/port-8000": str(port)})
        path, protocols = namespace.path("pods/one/portforward"), ("v4.channel.k8s.io",)
        async with session.ws_connect(path, params={"ports": "8000"}, protocols=protocols) as socket:
            number = (8000).to_bytes(2, "little")
            assert [await socket.receive_bytes() for _ in range(2)] == [b"\x00" + number, b"\x01" + number]
            sent = b"to the port " * 20_000
            for at in range(0, len(sent), 8192):
                await socket.send_bytes(b"\x00" + sent[at : at + 8192])
            got = b""
            while len(got) < len(sent):
                message = await socket.receive_bytes()
                assert message[:1] == b"\x00"
                got += message[1:]
            assert got == sent.upper()


async def test_a_port_where_nobody_listens_is_said_on_the_error_channel(namespace: Namespace) -> None:
    await asyncio.to_thread(running, namespace, "one")
    async with connection(namespace) as session:
        path, protocols = namespace.path("pods/one/portforward"), ("v4.channel.k8s.io",)
        async with session.ws_connect(path, params={"ports": "8000"}, protocols=protocols) as socket:
            messages = [message.data async for message in socket]
    assert messages[2].startswith(b"\x01error forwarding port 8000 to pod one")


def test_kubectl_executes_in_a_pod_where_it_speaks_websocket(
    namespace: Namespace, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    running(namespace, "one", notes={"fake-node/exec-output": "no such table\n", "fake-node/exec-exit": "3"})
    assert kubectl("exec", "one", "--", "echo", "hello").stdout == "hello\n"
    assert kubectl("exec", "-i", "one", "--", "cat", stdin="from here").stdout == "from here"
    failed = kubectl("exec", "one", "--", "psql", "-c", "select 1")
    assert (failed.returncode, failed.stdout) == (3, "no such table\n")


def test_metrics_say_what_the_annotations_do(
    namespace: Namespace, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    running(namespace, "one", notes={"fake-node/cpu": "250m", "fake-node/memory": "300Mi"})
    usage = until(lambda: namespace.get("pods/one", "metrics.k8s.io/v1beta1")["containers"][0]["usage"])
    assert usage == {"cpu": "250m", "memory": "300Mi"}
    assert until(lambda: kubectl("top", "pod", "one", "--no-headers").stdout).split() == ["one", "250m", "300Mi"]


def test_a_node_goes_down_and_comes_back(namespace: Namespace) -> None:
    def ready() -> str:
        conditions = namespace.client.get("/api/v1/nodes/node-2")["status"]["conditions"]
        return str({each["type"]: each["status"] for each in conditions}["Ready"])

    namespace.client.annotate("/api/v1/nodes/node-2", down="true")
    try:
        until(lambda: ready() != "True")
    finally:
        namespace.client.annotate("/api/v1/nodes/node-2", down=None)
    until(lambda: ready() == "True")


def condition_of(thing: Object, kind: str = "Ready") -> Object:
    found: Object = {each["type"]: each for each in thing["status"]["conditions"]}[kind]
    return found


async def test_external_secrets_are_synced_again_when_they_are_annotated(namespace: Namespace) -> None:
    group = "external-secrets.io/v1"

    def read() -> Object:
        thing: Object = namespace.get("externalsecrets/api", group)
        return thing

    namespace.apply(things.external_secret("api", "token"))
    await until_async(lambda: condition_of(read())["reason"] == "SecretSynced")
    first = namespace.get("secrets/api")["data"]["token"]
    merged = {"metadata": {"annotations": {"force-sync": "1"}}}
    namespace.client.patch(namespace.path("externalsecrets/api", group), merged)
    await until_async(lambda: namespace.get("secrets/api")["data"]["token"] != first)
    namespace.annotate("externalsecrets/api", group, sync="error access denied")
    await until_async(lambda: condition_of(read())["reason"] == "SecretSyncedError")
    assert condition_of(read())["message"] == "access denied"
    assert namespace.get("externalsecrets/api", "external-secrets.io/v1beta1")["spec"] == read()["spec"]


def test_certificates_are_issued_again_when_they_are_told_to(namespace: Namespace) -> None:
    path = namespace.path("certificates/web", "cert-manager.io/v1")

    def read() -> Object:
        thing: Object = namespace.client.get(path)
        return thing

    namespace.apply(things.certificate("web", "shop.example"))
    until(lambda: read()["status"]["revision"] == 1)
    pem = base64.b64decode(namespace.get("secrets/web-tls")["data"]["tls.crt"])
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["shop.example"]
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered"}
    told = {"status": {"conditions": [*read()["status"]["conditions"], issuing]}}
    namespace.client.patch(f"{path}/status", told)
    until(lambda: read()["status"]["revision"] == 2)
    assert [each["type"] for each in read()["status"]["conditions"]] == ["Ready"]
