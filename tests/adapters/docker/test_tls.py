"""An engine over tcp with TLS: who it is, and who asks."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cockpit.errors import AuthenticationFailed, CockpitError, Misconfigured
from tests.servers.kube.authority import Authority

from .conftest import answer

LOOPBACK = "127.0.0.1"


def _client(authority: Authority) -> tuple[bytes, bytes]:
    """Certificate and key of one that asks."""
    key, start = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(authority.name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(start).not_valid_after(start + dt.timedelta(days=1))
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    signed = made.add_extension(usage, critical=False).sign(authority.key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signed.public_bytes(pem), key.private_bytes(pem, *plain)


@pytest.fixture
def files(folder: Path) -> dict[str, str]:
    """PEM files by name: the engine's authority, another one, a client's certificate."""
    own, other = Authority.new("engines"), Authority.new("others")
    made = {"ca": own.certificate, "other": other.certificate}
    made["server"], made["server-key"] = own.issue([LOOPBACK])
    made["cert"], made["key"] = _client(own)
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in made}


@pytest.fixture
async def engine(files: dict[str, str]) -> AsyncIterator[str]:
    """One that wants a client's certificate."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(files["server"], files["server-key"])
    trust.load_verify_locations(files["ca"])
    trust.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(close=True))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=trust)
    yield f"tcp://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


async def test_both_sides_know_each_other(gateway, engine, files):
    made = gateway(engine, ca_file=files["ca"], cert_file=files["cert"], key_file=files["key"])
    assert (await made.engine()).api == "1.41"


async def test_another_engine_is_not_believed(gateway, engine, files):
    made = gateway(engine, ca_file=files["other"], cert_file=files["cert"], key_file=files["key"])
    with pytest.raises(AuthenticationFailed, match="certificate is not accepted"):
        await made.engine()


async def test_without_a_certificate_nobody_gets_in(gateway, engine, files):
    with pytest.raises(CockpitError) as raised:
        await gateway(engine, ca_file=files["ca"]).engine()
    assert "cert_file and key_file" in raised.value.hint


async def test_plain_words_to_an_engine_with_tls_are_told(gateway, engine):
    with pytest.raises(CockpitError):
        await gateway(engine).engine()


@pytest.mark.parametrize("lack", ["ca_file", "key_file"])
async def test_files_that_cannot_be_read_are_named(gateway, engine, files, lack):
    given = {"ca_file": files["ca"], "cert_file": files["cert"], "key_file": files["key"], lack: "/nowhere/x.pem"}
    with pytest.raises(Misconfigured, match="certificates cannot be read") as raised:
        await gateway(engine, **given).engine()
    assert "/nowhere/x.pem" in raised.value.hint
