"""Over TLS the token and the project to bill go with every call, and only to a server whose certificate holds."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cockpit.adapters.gcp import monitoring
from cockpit.adapters.gcp.auth import Token
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery, filter_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import SystemClock
from cockpit.errors import Misconfigured, TimedOut, Unreachable
from cockpit.profile.google import MetricsSource
from cockpit.profile.secrets import Secret
from cockpit.sandbox.gcp.door import _both, _pour

COUNT = MetricQuery("a.b/c", filter_of("a.b/c", "", {}), "ALIGN_RATE", "REDUCE_SUM", (), (Cut("k", "t", (0, 0)),))


def certificate(folder: Path) -> tuple[bytes, bytes]:
    """Key and certificate of 127.0.0.1, signed by itself; the certificate also as a file."""
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
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    shown = made.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(shown)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, shown


class Server:
    """Answers every question with no series and remembers the metadata."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, str | bytes]] = []
        self.port = 0

    async def answer(self, request: bytes, context: Any) -> bytes:
        self.metadata.append(dict(context.invocation_metadata()))
        return b""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    import grpc

    made = Server()
    served = grpc.aio.server()
    methods = {"ListTimeSeries": grpc.unary_unary_rpc_method_handler(made.answer)}
    handler = grpc.method_handlers_generic_handler("google.monitoring.v3.MetricService", methods)
    served.add_generic_rpc_handlers((handler,))
    made.port = served.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([certificate(tmp_path)]))
    await served.start()
    yield made
    await served.stop(None)


@pytest.fixture
async def board(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MetricsBoard]:
    async def token(api: GoogleApi) -> Token:
        return Token(Secret("ya29.secret"), "a test", 4e9, "billed-project")

    monkeypatch.setattr(GoogleApi, "token", token)
    for name in monitoring._CA_FILES:
        monkeypatch.delenv(name, raising=False)
    source = MetricsSource(name="b", project="p", endpoint=f"https://127.0.0.1:{server.port}", timeout=3)
    made = MetricsBoard(source, (), SystemClock())
    yield made
    await made.close()


async def test_the_token_and_the_billed_project_go_along(
    board: MetricsBoard, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", str(tmp_path / "ca.pem"))
    panel = await board.ask(COUNT, 3600.0)
    assert panel.series == ()
    (sent,) = server.metadata
    assert (sent["authorization"], sent["x-goog-user-project"]) == ("Bearer ya29.secret", "billed-project")


async def test_an_unknown_authority_gets_no_token(board: MetricsBoard, server: Server) -> None:
    with pytest.raises((Unreachable, TimedOut)):
        await board.ask(COUNT, 3600.0)
    assert server.metadata == []


async def test_a_file_of_authorities_that_is_not_there(
    board: MetricsBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(Misconfigured) as caught:
        await board.ask(COUNT, 3600.0)
    assert "SSL_CERT_FILE cannot be read" in caught.value.message


async def test_the_proxy_that_gcloud_is_told_to_use(
    board: MetricsBoard, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _both(_pour(reader, back), _pour(there, writer))
        back.close()
        writer.close()

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    monkeypatch.setenv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("CLOUDSDK_PROXY_TYPE", "http")
    monkeypatch.setenv("CLOUDSDK_PROXY_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("CLOUDSDK_PROXY_PORT", str(proxy.sockets[0].getsockname()[1]))
    await board.ask(COUNT, 3600.0)
    assert asked and asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
    await board.close()
    proxy.close()
    await proxy.wait_closed()
