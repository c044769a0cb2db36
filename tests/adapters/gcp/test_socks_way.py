"""Requests through a real SOCKS server: the name or address that it is given, the login, and every way it fails."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cockpit.adapters.gcp import auth
from cockpit.adapters.gcp.auth import Token
from cockpit.adapters.gcp.googleauth import _explained, _requests
from cockpit.adapters.gcp.settings import settings_of
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import SystemClock
from cockpit.errors import Unreachable
from cockpit.profile.secrets import Secret
from cockpit.sandbox.gcp.door import _both, _pour

HOST = "shop.example"
GRANTED_4 = b"\x00\x5a\x00\x00\x00\x00\x00\x00"
GRANTED_5 = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@dataclass
class Socks:
    """Speaks 4, 4A and 5, remembers what it was asked, and pours into the server; an answer may be told to it."""

    behind: int = 0
    port: int = 0
    wanted: list[tuple[int, str, str]] = field(default_factory=list)  # version, address, user
    offered: list[bytes] = field(default_factory=list)
    login: bool = False
    answers: dict[str, bytes] = field(default_factory=dict)  # instead of the right ones, then it hangs up
    hang: asyncio.Event | None = None  # said nothing until then
    slowly: bool = False  # a byte at a time

    served: list[asyncio.Task[None]] = field(default_factory=list)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, EOFError):
            if self.hang is not None:
                await self.hang.wait()
                raise EOFError
            version = (await reader.readexactly(1))[0]
            await (self._four if version == 4 else self._five)(reader, writer)
            there, back = await asyncio.open_connection("127.0.0.1", self.behind)
            ends.append(back)
            await _both(_pour(reader, back), _pour(there, writer))
        for end in ends:
            end.close()
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()

    async def _say(self, what: str, right: bytes, writer: asyncio.StreamWriter) -> None:
        said = self.answers.get(what, right)
        for piece in [said[at : at + 1] for at in range(len(said))] if self.slowly else [said]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if said != right:
            raise EOFError

    async def _four(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(7)
        assert head[0] == 1 and int.from_bytes(head[1:3]) == self.behind
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        address = socket.inet_ntoa(head[3:])
        if head[3:6] == b"\0\0\0":
            address = (await reader.readuntil(b"\0"))[:-1].decode()
        self.wanted.append((4, address, user))
        await self._say("reply", GRANTED_4, writer)

    async def _five(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        self.offered.append(methods)
        await self._say("method", b"\x05\x02" if self.login else b"\x05\x00", writer)
        user = ""
        if self.login:
            await reader.readexactly(1)
            parts = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in range(2)]
            user = " ".join(parts)
            await self._say("login", b"\x01\x00", writer)
        kind = (await reader.readexactly(4))[3]
        if kind == 3:
            address = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            family, length = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            address = socket.inet_ntop(family, await reader.readexactly(length))
        await reader.readexactly(2)
        self.wanted.append((5, address, user))
        await self._say("reply", GRANTED_5, writer)


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context for HOST; its authority is in ca.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{"is":"ok"}')
        await writer.drain()
    writer.close()


@pytest.fixture
async def socks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Socks]:
    async def token() -> Token:
        return Token(Secret("ya29.secret"), "test", 4e9)

    monkeypatch.setattr(auth, "_google_token", token)
    socks = Socks()
    behind = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certificate(tmp_path))
    proxy = await asyncio.start_server(socks.serve, "127.0.0.1", 0)
    socks.behind, socks.port = (each.sockets[0].getsockname()[1] for each in (behind, proxy))
    monkeypatch.setenv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", str(tmp_path / "ca.pem"))
    yield socks
    if socks.hang is not None:
        socks.hang.set()
    await asyncio.gather(*socks.served)
    for server in (proxy, behind):
        server.close()
        await server.wait_closed()


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that this machine looks up; HOST has two addresses, IPv6 first."""
    names: list[str] = []
    real = socket.getaddrinfo

    def found(host: Any, port: Any, family: int = 0, *more: Any, **named: Any) -> Any:
        if host not in (HOST, "nowhere.example"):
            return real(host, port, family, *more, **named)
        names.append(host)
        if host != HOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", port, 0, 0))
        four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))
        return [four] if family == socket.AF_INET else [six, four]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return names


def tell(monkeypatch: pytest.MonkeyPatch, socks: Socks, kind: str, **more: str) -> None:
    if kind.endswith("://"):
        who = f"{more['username']}:{more['password']}@" if more else ""
        monkeypatch.setenv("ALL_PROXY", f"{kind}{who}127.0.0.1:{socks.port}")
        return
    said = {"type": kind, "address": "127.0.0.1", "port": str(socks.port), **more}
    for name, value in said.items():
        monkeypatch.setenv(f"CLOUDSDK_PROXY_{name.upper()}", value)


async def ask(socks: Socks, by: str, host: str = HOST, timeout_s: float = 20.0) -> str:
    """What a request says: by the asynchronous client of an API, or by the blocking one of google-auth."""
    url = f"https://{host}:{socks.behind}"
    if by == "api":
        api = GoogleApi("run", url, timeout_s, SystemClock())
        try:
            return str(await api.change("PATCH", "/v2/x", {}, {}))
        finally:
            await api.close()

    def blocking() -> str:
        with _explained("the login"), _requests(settings_of()) as request:
            return request(f"{url}/token", timeout=timeout_s).data.decode()

    return await asyncio.to_thread(blocking)


WAYS = [
    ("socks4", {}, (4, HOST, ""), []),
    ("socks4", {"username": "me", "password": "unused"}, (4, HOST, "me"), []),
    ("socks4", {"rdns": "false"}, (4, "192.0.2.7", ""), [HOST]),
    ("socks5", {}, (5, HOST, ""), []),
    ("socks5", {"rdns": "false"}, (5, "2001:db8::7", ""), [HOST]),
    ("socks5", {"username": "me", "password": "hush"}, (5, HOST, "me hush"), []),
    ("socks4://", {}, (4, "192.0.2.7", ""), [HOST]),
    ("socks4a://", {}, (4, HOST, ""), []),
    ("socks5://", {}, (5, "2001:db8::7", ""), [HOST]),
    ("socks5h://", {"username": "me", "password": "hush"}, (5, HOST, "me hush"), []),
]


@pytest.mark.parametrize("by", ["api", "login"])
@pytest.mark.parametrize(("kind", "more", "wanted", "names"), WAYS)
async def test_a_request_goes_through_and_names_are_looked_up_where_gcloud_has_them_looked_up(
    socks: Socks,
    looked_up: list[str],
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    kind: str,
    more: dict[str, str],
    wanted: tuple[int, str, str],
    names: list[str],
) -> None:
    tell(monkeypatch, socks, kind, **more)
    socks.login, socks.slowly = "me hush" in wanted, True
    assert "ok" in await ask(socks, by)
    assert socks.wanted == [wanted]
    assert looked_up == names
    assert socks.offered == ([] if wanted[0] == 4 else [b"\x00\x02" if socks.login else b"\x00"])


@pytest.mark.parametrize("bound", [b"\x03\x04name\x00\x01", b"\x04" + bytes(18), b"\x01" + bytes(6)])
async def test_whatever_address_version_5_answers_with_not_a_byte_of_tls_is_lost(
    socks: Socks, monkeypatch: pytest.MonkeyPatch, bound: bytes
) -> None:
    tell(monkeypatch, socks, "socks5")
    monkeypatch.setattr(f"{__name__}.GRANTED_5", b"\x05\x00\x00" + bound)
    assert "ok" in await ask(socks, "api")


async def test_hosts_of_no_proxy_are_spoken_to_directly(
    socks: Socks, looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, socks, "socks5h://")
    monkeypatch.setenv("NO_PROXY", f"other.example,{HOST}")
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **n: real("127.0.0.1" if host in (HOST, HOST.encode()) else host, *a, **n),
    )
    for by in ("api", "login"):
        assert "ok" in await ask(socks, by)
    assert socks.wanted == []


FAULTS = [
    (
        "socks4",
        {"reply": b"\x00\x5b" + bytes(6)},
        "opens no way to shop.example",
        "gcloud config set proxy/rdns false",
    ),
    ("socks4a://", {"reply": b"\x00\x5c" + bytes(6)}, "found no identd", "socks4:// in ALL_PROXY"),
    ("socks4", {"reply": b"\x05\x00" + bytes(6)}, "something that is not SOCKS 4", "gcloud config get proxy/type"),
    ("socks4", {"reply": b"\x00\x11" + bytes(6)}, "something that is not SOCKS 4", "gcloud config get proxy/type"),
    ("socks4", {"reply": b"HTTP/1.1 400 Bad Request\r\n"}, "something that is not SOCKS 4", "proxy/type"),
    ("socks4", {"reply": b"\x00\x5a\x00"}, "hung up before the way", "proxy/type"),
    ("socks4", {"reply": b""}, "hung up before the way", "proxy/type"),
    ("socks5", {"method": b"\x04\x00"}, "something that is not SOCKS 5", "proxy/type"),
    ("socks5", {"method": b"\x05\x07"}, "something that is not SOCKS 5", "proxy/type"),
    ("socks5", {"method": b"\x05\xff"}, "it wants user and password", "proxy/username and proxy/password"),
    ("socks5", {"method": b"\x05\x02"}, "it wants user and password", "proxy/username and proxy/password"),
    ("socks5h://", {"method": b"\x05\xff"}, "it wants user and password", "user:password in ALL_PROXY"),
    ("socks5", {"method": b"\x05"}, "hung up before the way", "proxy/type"),
    ("socks5", {"reply": b"\x05\x05\x00\x01" + bytes(6)}, "connection refused", "lets this machine through"),
    ("socks5", {"reply": b"\x05\x04\x00\x01" + bytes(6)}, "host unreachable", "gcloud config set proxy/rdns false"),
    ("socks5", {"reply": b"\x05\x63\x00\x01" + bytes(6)}, "something that is not SOCKS 5", "proxy/type"),
    ("socks5", {"reply": b"\x05\x00\x00\x09" + bytes(6)}, "something that is not SOCKS 5", "proxy/type"),
    ("socks5", {"reply": b"\x05\x00\x00\x03\xffshort"}, "hung up before the way", "proxy/type"),
]


@pytest.mark.parametrize("by", ["api", "login"])
@pytest.mark.parametrize(("kind", "answers", "why", "hint"), FAULTS)
async def test_a_proxy_that_refuses_or_talks_nonsense_is_named_with_what_to_do(
    socks: Socks,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    kind: str,
    answers: dict[str, bytes],
    why: str,
    hint: str,
) -> None:
    tell(monkeypatch, socks, kind)
    socks.answers = answers
    with pytest.raises(Unreachable) as caught:
        await ask(socks, by)
    assert f"the SOCKS {'4' if '4' in kind else '5'} proxy 127.0.0.1:{socks.port}" in caught.value.message
    assert why in caught.value.message
    assert hint in caught.value.hint
    assert not caught.value.effect_possible, "nothing was sent to Google"


@pytest.mark.parametrize("by", ["api", "login"])
async def test_a_login_that_is_not_accepted_is_said_without_the_password(
    socks: Socks, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    tell(monkeypatch, socks, "socks5", username="me", password="hush")
    socks.login, socks.answers = True, {"login": b"\x01\x01"}
    with pytest.raises(Unreachable, match="does not accept user and password") as caught:
        await ask(socks, by)
    assert "proxy/username and proxy/password" in caught.value.hint
    assert "hush" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("by", ["api", "login"])
async def test_a_proxy_that_says_nothing_has_a_deadline(
    socks: Socks, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr("cockpit.adapters.gcp.transport.CONNECT_S", 0.2)
    tell(monkeypatch, socks, "socks4")
    socks.hang = asyncio.Event()
    with pytest.raises(Unreachable, match=r"opened no way to shop.example:\d+ within 0.2 s") as caught:
        await ask(socks, by, timeout_s=0.2 if by == "login" else 20.0)
    assert "it hangs, or it is no SOCKS 4 proxy" in caught.value.hint
    assert not caught.value.effect_possible


@pytest.mark.parametrize("by", ["api", "login"])
async def test_a_name_that_this_machine_cannot_find_is_said(
    socks: Socks, looked_up: list[str], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    tell(monkeypatch, socks, "socks5", rdns="false")
    with pytest.raises(Unreachable, match=r"this machine finds none for nowhere\.example: Name or service") as caught:
        await ask(socks, by, "nowhere.example")
    assert "gcloud config unset proxy/rdns" in caught.value.hint
    assert looked_up == ["nowhere.example"] and socks.wanted == []


@pytest.mark.parametrize("by", ["api", "login"])
async def test_a_proxy_that_is_not_there_is_said(socks: Socks, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        tell(monkeypatch, Socks(port=taken.getsockname()[1]), "socks5")
        with pytest.raises(Unreachable, match=r"the SOCKS 5 proxy 127.0.0.1:\d+ cannot be reached") as caught:
            await ask(socks, by)
    assert "is it running? gcloud config get proxy/type" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "more", "host", "why"),
    [
        ("socks4", {}, "[2001:db8::1]", "version 4 knows no IPv6"),
        ("socks5", {"username": "x" * 256, "password": "y"}, HOST, "longer than 255 bytes"),
    ],
)
async def test_what_the_protocol_cannot_say_is_not_asked(
    socks: Socks, monkeypatch: pytest.MonkeyPatch, kind: str, more: dict[str, str], host: str, why: str
) -> None:
    tell(monkeypatch, socks, kind, **more)
    with pytest.raises(Unreachable, match=why):
        await ask(socks, "api", host)
