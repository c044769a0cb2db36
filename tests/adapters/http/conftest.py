"""Real HTTP servers with bad manners, and certificates made for the occasion."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cockpit.adapters.http.health import HealthProbe
from cockpit.clock import Clock, SystemClock
from cockpit.profile.schema import HealthSource


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def reply(body: bytes | str, status: int = 200, **headers: str) -> bytes:
    """A complete answer; underscores in header names become dashes."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class HttpServer:
    """Answers by path; keeps what it was asked. `answers[path]` is bytes or a coroutine function."""

    reply = staticmethod(reply)

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.port = 0
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self.arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/health", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
                while True:
                    await self._answer(await self._request(reader), writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        self.asked.append(Asked(method, path, headers, body))
        self.arrived.set()
        return self.asked[-1]

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        answer = self.answers.get(asked.path, reply("not here", 404))
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            await answer(asked, writer)
        await writer.drain()

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)


ServeWith = Callable[..., Awaitable[HttpServer]]


@pytest.fixture
async def serve_with() -> AsyncIterator[ServeWith]:
    """`await serve_with(ssl_context)`: a listening HttpServer."""
    servers: list[tuple[asyncio.Server, HttpServer]] = []

    async def listen(context: ssl.SSLContext | None = None) -> HttpServer:
        http = HttpServer("https" if context else "http")
        server = await asyncio.start_server(http.handle, "127.0.0.1", 0, ssl=context)
        http.port = server.sockets[0].getsockname()[1]
        servers.append((server, http))
        return http

    yield listen
    for server, http in servers:
        server.close()
        await http.stop()
        await server.wait_closed()


@pytest.fixture
async def server(serve_with: ServeWith) -> HttpServer:
    return await serve_with()


@pytest.fixture
async def probe_for() -> AsyncIterator[Callable[..., HealthProbe]]:
    """`probe_for(url, clock=..., **fields of HealthSource)`; closed afterwards."""
    made: list[HealthProbe] = []

    def make(url: str, clock: Clock | None = None, **options: object) -> HealthProbe:
        source = HealthSource.model_validate({"name": "web", "url": url, **options})
        made.append(HealthProbe(source, clock or SystemClock()))
        return made[-1]

    yield make
    for probe in made:
        await probe.close()


class Authority:
    """Signs certificates for `localhost`, valid for as long as a test wants."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.file = folder / "authority.pem"
        made = (
            self._builder(self._name, self._key, 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(self._key, hashes.SHA256())
        )
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def context(self, days: float, host: str = "localhost") -> ssl.SSLContext:
        """A server's context with a certificate that ends in that many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = (
            self._builder(subject, key, days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._folder / f"{host}-{days}.pem"
        file.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=400))
            .not_valid_after(now + datetime.timedelta(days=days))
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
