"""Every Google adapter before the simulated control plane, and between them a gate that can break any answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from cockpit.adapters.gcp.access import AccessTrail
from cockpit.adapters.gcp.armor import ArmorPolicy
from cockpit.adapters.gcp.iam import ProjectRights
from cockpit.adapters.gcp.logging import CloudLog
from cockpit.adapters.gcp.memorystore import LIMITED, MemorystoreInstance
from cockpit.adapters.gcp.run import CloudRunService
from cockpit.adapters.gcp.secretmanager import SecretVault
from cockpit.adapters.gcp.sql import CloudSqlInstance
from cockpit.adapters.payload import Payload
from cockpit.clock import Clock, SystemClock
from cockpit.model.armor import ArmorRule
from cockpit.model.revisions import IngressChange, TemplateChange, TrafficTarget
from cockpit.model.sqlchange import BackUp, ChangeTier, Restart
from cockpit.profile.google import AccessSource, ArmorSource, CloudSqlSource, MemorystoreSource, SecretsSource
from cockpit.profile.schema import CloudRunSource, LogSource
from cockpit.sandbox.gcp.armor import Rule
from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

PROJECT, REGION = "demo-shop", "europe-west1"
STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
READING_POSTS = (":testIamPermissions", "/entries:list", "/wait", "/token")
RULE = ArmorRule(9000, "deny(403)", ("198.51.100.9",), description="by hand")

Break = Callable[[Request, Response], bytes | None]  # the bytes that go out; None for a connection that stays silent


class QuickClock(SystemClock):
    """A sleep costs a few milliseconds, and counts as what was asked for."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(min(seconds, 0.001))


def reads(request: Request) -> bool:
    """Whether it changes nothing."""
    return request.method == "GET" or request.path.endswith(READING_POSTS) or "validateOnly" in request.query


@dataclass
class Gate:
    """Answers what the control plane answers, unless `broken` says how `spoil` is to have it."""

    plane: ControlPlane
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[Request, Response]] = field(default_factory=list)
    broken: Break | None = None
    spoil: Callable[[Request], bool] = lambda request: True
    effects: bool = False  # whether a broken request reaches the control plane
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def changes(self) -> list[Request]:
        return [request for request in self.requests if not reads(request)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                answer = await self._answer(await read_request(reader))
                if answer is None:
                    await reader.read()  # until the client goes
                else:
                    writer.write(answer)
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, request: Request) -> bytes | None:
        self.requests.append(request)
        if self.broken is None or request.path == "/token" or not self.spoil(request):
            answer = await self.plane.handle(request)
            self.answers.append((request, answer))
            return self.raw(answer)
        return self.broken(request, await self.plane.handle(request) if self.effects else Response.of({}))

    @staticmethod
    def raw(answer: Response, *, length: int | None = None, cut: int | None = None) -> bytes:
        """An answer as bytes; with another length than it has, or less of it."""
        size = len(answer.body) if length is None else length
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in answer.headers)]
        head = "\r\n".join([*lines, f"content-length: {size}", "connection: close", "", ""])
        return head.encode() + answer.body[:cut]


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Request(method, "127.0.0.1", unquote(parts.path), dict(parse_qsl(parts.query)), headers, body, "127.0.0.1")


@pytest.fixture(autouse=True)
def as_documented() -> None:
    """The control plane answers here as it does in the other tests; what is broken is not Google's."""


@pytest.fixture
async def settled() -> AsyncIterator[ControlPlane]:
    """The control plane, with one of each thing."""
    plane = ControlPlane(settle_s=0.0, reads_per_minute=1_000_000)
    one = plane.run.seed("shop", Template("r/shop:v1", revision="shop-00001-a"), created=STARTED, creator="a@b.c")
    later = STARTED + timedelta(hours=1)
    plane.run.seed_revision(one, Template("r/shop:v2", revision="shop-00002-b"), created=later, creator="a@b.c")
    plane.sql.seed("db", created=STARTED, databases=["shop"])
    plane.sql.seed_backup("db", datetime.now(UTC) - timedelta(hours=2))
    plane.memorystore.seed("cart", REGION, size_gb=4)
    plane.compute.seed("edge", Rule(500, "allow", ("203.0.113.0/24",)), backends=("web",))
    plane.secrets.seed("key", STARTED, later)
    labels = {"service_name": "shop"}
    entry = {"severity": "INFO", "textPayload": "hello", "resource": {"type": "cloud_run_revision", "labels": labels}}
    change = {"type.googleapis.com": 1, "methodName": "x.Update", "authenticationInfo": {"principalEmail": "a@b.c"}}
    audit = {"severity": "NOTICE", "protoPayload": change, "resource": {"type": "project", "labels": labels}}
    plane.logs.write("cloudaudit.googleapis.com/activity", audit, at=datetime.now(UTC))
    plane.logs.write("run.googleapis.com/stdout", entry, at=datetime.now(UTC))
    yield plane
    await plane.close()


@pytest.fixture
async def gate(settled: ControlPlane) -> AsyncIterator[Gate]:
    gate = Gate(settled)
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    gate.port = server.sockets[0].getsockname()[1]
    yield gate
    server.close()
    await server.wait_closed()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> QuickClock:
    """Nothing is waited for longer than a few looks."""
    for place in ("transport.OPERATION", "run.OPERATION", "armor.OPERATION"):
        monkeypatch.setattr(f"cockpit.adapters.gcp.{place}_DEADLINE_S", 1.5)
    monkeypatch.setattr("cockpit.adapters.gcp.armor.UNSEEN_S", 5.0)
    monkeypatch.setattr("cockpit.adapters.gcp.memorystore.CHANGE_S", 3.0)
    return QuickClock()


Made = tuple[Any, Callable[[Any], Awaitable[object]], Mapping[str, Callable[[Any], Awaitable[object]]]]


def cloud_run(url: str, timeout: float, clock: Clock) -> Made:
    async def shift(adapter: CloudRunService) -> object:
        status = await adapter.read_service()
        return await adapter.shift_traffic([TrafficTarget("shop-00001-a", 100)], status.etag)

    async def scale(adapter: CloudRunService) -> object:
        return await adapter.scale(1, 7, (await adapter.read_service()).etag)

    async def ingress(adapter: CloudRunService) -> object:
        return await adapter.change(IngressChange("internal"), (await adapter.read_service()).etag)

    async def template(adapter: CloudRunService) -> object:
        return await adapter.change(TemplateChange(memory="2Gi"), (await adapter.read_service()).etag)

    source = CloudRunSource(
        name="shop", project=PROJECT, region=REGION, service="shop", endpoint=url, timeout=timeout, audit_log=False
    )
    changes = {"shift": shift, "scale": scale, "ingress": ingress, "template": template}
    return CloudRunService(source, None, clock), lambda adapter: adapter.probe(), changes


def cloud_log(url: str, timeout: float, clock: Clock) -> Made:
    source = LogSource(name="app", type="cloud_logging", project=PROJECT, endpoint=url, timeout=timeout)
    return CloudLog(source, clock), lambda adapter: adapter.read(), {}


def log_question(url: str, timeout: float, clock: Clock) -> Made:
    adapter, _, _ = cloud_log(url, timeout, clock)
    return adapter, lambda adapter: adapter.query("severity>=INFO", 10, 3600, True), {}


def access(url: str, timeout: float, clock: Clock) -> Made:
    source = AccessSource(name="who", project=PROJECT, failures="textPayload:hello", endpoint=url, timeout=timeout)
    return AccessTrail(source, clock), lambda adapter: adapter.probe(), {}


def cloud_sql(url: str, timeout: float, clock: Clock) -> Made:
    async def tier(adapter: CloudSqlInstance) -> object:
        status = await adapter.read_instance()
        return await adapter.begin(ChangeTier("db-custom-4-15360", status.settings_version))

    source = CloudSqlSource(name="db", project=PROJECT, instance="db", endpoint=url, timeout=timeout)
    changes = {
        "restart": lambda adapter: adapter.begin(Restart()),
        "back up": lambda adapter: adapter.begin(BackUp("before")),
        "tier": tier,
    }
    return CloudSqlInstance(source, clock), lambda adapter: adapter.probe(), changes


def memorystore(url: str, timeout: float, clock: Clock) -> Made:
    source = MemorystoreSource(
        name="cart", project=PROJECT, region=REGION, instance="cart", endpoint=url, timeout=timeout
    )
    changes = {"resize": lambda adapter: adapter.resize(5), "failover": lambda adapter: adapter.failover(LIMITED)}
    return MemorystoreInstance(source, clock), lambda adapter: adapter.probe(), changes


def armor(url: str, timeout: float, clock: Clock) -> Made:
    async def remove(adapter: ArmorPolicy) -> object:
        return await adapter.remove_rule((await adapter.read_policy()).rules[0])

    async def adaptive(adapter: ArmorPolicy) -> object:
        return await adapter.set_adaptive(True, (await adapter.read_policy()).fingerprint)

    source = ArmorSource(name="edge", project=PROJECT, policy="edge", endpoint=url, timeout=timeout)
    changes = {"add": lambda adapter: adapter.add_rule(RULE), "remove": remove, "adaptive": adaptive}
    return ArmorPolicy(source, clock), lambda adapter: adapter.probe(), changes


def secrets(url: str, timeout: float, clock: Clock) -> Made:
    async def disable(adapter: SecretVault) -> object:
        version = (await adapter.secret("key")).versions[-1]
        return await adapter.disable("key", version.number, version.etag)

    source = SecretsSource(name="keys", project=PROJECT, names=("key",), endpoint=url, timeout=timeout)
    changes = {"add": lambda adapter: adapter.add_version("key", Payload(b"hush-hush-hush")), "disable": disable}
    return SecretVault(source, clock), lambda adapter: adapter.probe(), changes


def rights(url: str, timeout: float, clock: Clock) -> Made:
    adapter = ProjectRights(PROJECT, url, timeout, clock)
    return adapter, lambda adapter: adapter.missing(["cloudsql.instances.get"]), {}


ADAPTERS: dict[str, Callable[[str, float, Clock], Made]] = {
    "cloud run": cloud_run,
    "log": cloud_log,
    "log question": log_question,
    "access": access,
    "cloud sql": cloud_sql,
    "memorystore": memorystore,
    "armor": armor,
    "secrets": secrets,
    "rights": rights,
}
SERVICES = {
    "cloud run": "run",
    "log": "logging",
    "log question": "logging",
    "access": "logging",
    "cloud sql": "sqladmin",
    "memorystore": "redis",
    "armor": "compute",
    "secrets": "secretmanager",
    "rights": "cloudresourcemanager",
}
CHANGES = [
    f"{name}: {change}"
    for name, make in ADAPTERS.items()
    for change in make("http://127.0.0.1:1", 1.0, SystemClock())[2]
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "polled" in metafunc.fixturenames:
        metafunc.parametrize("polled", ADAPTERS, indirect=True)
    if "changed" in metafunc.fixturenames:
        metafunc.parametrize("changed", CHANGES, indirect=True)


@dataclass
class Subject:
    """An adapter and what is done with it."""

    service: str
    adapter: Any
    deed: Callable[[Any], Awaitable[object]]

    async def do(self) -> object:
        return await self.deed(self.adapter)


Maker = Callable[..., Subject]


@pytest.fixture
async def polled(request: pytest.FixtureRequest, gate: Gate, clock: QuickClock) -> AsyncIterator[Maker]:
    """Makes the adapter; `do` polls it."""
    made: list[Any] = []

    def make(timeout: float = 5.0) -> Subject:
        adapter, poll, _ = ADAPTERS[request.param](gate.url, timeout, clock)
        made.append(adapter)
        return Subject(SERVICES[request.param], adapter, poll)

    yield make
    for adapter in made:
        await adapter.close()


@pytest.fixture
async def changed(request: pytest.FixtureRequest, gate: Gate, clock: QuickClock) -> AsyncIterator[Maker]:
    """Makes the adapter; `do` changes something with it."""
    made: list[Any] = []
    name, _, change = request.param.partition(": ")

    def make(timeout: float = 5.0) -> Subject:
        adapter, _, changes = ADAPTERS[name](gate.url, timeout, clock)
        made.append(adapter)
        return Subject(SERVICES[name], adapter, changes[change])

    yield make
    for adapter in made:
        await adapter.close()
