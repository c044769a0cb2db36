"""Certificates on real TLS servers: when they end, why they are refused, on every host of a redirect chain."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.adapters.http import certificate
from cockpit.adapters.http.health import HealthProbe
from cockpit.clock import ManualClock
from cockpit.errors import Malformed, Misconfigured
from cockpit.model.health import HealthStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity

ProbeFor = Callable[..., HealthProbe]
ServeWith = Callable[..., Awaitable[Any]]
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def seen(observation: Observation) -> HealthStatus:
    assert isinstance(observation.payload, HealthStatus)
    return observation.payload


@pytest.mark.parametrize(
    ("days", "severity", "summary"),
    [
        (90, Severity.OK, "200 in"),
        (10, Severity.WARN, "certificate ends in 10 days"),
        (1.5, Severity.CRIT, "ends in"),
    ],
)
async def test_a_valid_certificate_is_judged_by_the_days_left(
    days: float, severity: Severity, summary: str, serve_with: ServeWith, probe_for: ProbeFor, authority: Any
) -> None:
    server = await serve_with(authority.context(days))
    server.answers["/health"] = FINE
    found = await probe_for(server.url(host="localhost"), ca_file=str(authority.file)).probe()
    tls = seen(found).tls
    assert tls is not None
    assert (tls.host, tls.severity, tls.problem) == ("localhost", severity, "")
    assert tls.days_left == pytest.approx(days, abs=0.01)
    assert found.severity is severity
    assert summary in found.summary


async def refused(found: Observation, problem: str) -> HealthStatus:
    status = seen(found)
    assert found.severity is Severity.CRIT
    assert status.status is None
    assert status.tls is not None
    assert status.tls.problem == problem
    assert status.tls.expires is not None
    return status


async def test_an_expired_certificate_says_since_when(
    serve_with: ServeWith, probe_for: ProbeFor, authority: Any
) -> None:
    server = await serve_with(authority.context(-3))
    found = await probe_for(server.url(host="localhost"), ca_file=str(authority.file)).probe()
    status = await refused(found, "expired")
    assert found.summary == "certificate ended 3 days ago"
    assert status.tls is not None
    assert status.tls.days_left == pytest.approx(-3, abs=0.01)
    assert server.asked == []


async def test_a_certificate_of_an_unknown_authority_and_one_for_another_name(
    serve_with: ServeWith, probe_for: ProbeFor, authority: Any
) -> None:
    server = await serve_with(authority.context(30))
    found = await probe_for(server.url(host="localhost")).probe()
    await refused(found, "signed by an authority that is not trusted here")
    other = await serve_with(authority.context(30, "shop.example"))
    found = await probe_for(other.url(host="localhost"), ca_file=str(authority.file)).probe()
    await refused(found, "made for another host name")
    diagnosis = await probe_for(server.url(host="localhost")).diagnose()
    assert [(entry.check, entry.ok) for entry in diagnosis] == [("certificate", False)]


async def test_a_ca_file_that_cannot_be_read_is_misconfigured(probe_for: ProbeFor, tmp_path: Any) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for file in ("empty.pem", "none.pem"):
        with pytest.raises(Misconfigured, match="ca_file"):
            await probe_for("https://localhost:1/", ca_file=str(tmp_path / file)).probe()


async def test_a_self_signed_certificate(serve_with: ServeWith, probe_for: ProbeFor, tmp_path: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "self.pem"
    file.write_bytes(
        self_signed(key, datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)).public_bytes(
            serialization.Encoding.PEM
        )
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = await serve_with(context)
    await refused(await probe_for(server.url(host="localhost")).probe(), "self-signed")


async def test_without_verification_the_pane_says_so_and_the_rest_is_read(
    serve_with: ServeWith, probe_for: ProbeFor, authority: Any
) -> None:
    server = await serve_with(authority.context(-3))
    server.answers["/health"] = FINE
    found = await probe_for(server.url(host="localhost"), verify_tls=False).probe()
    tls = seen(found).tls
    assert tls is not None
    assert (found.severity, tls.problem) == (Severity.OK, "not verified (verify_tls = false)")
    assert tls.days_left == pytest.approx(-3, abs=0.01)


async def test_every_host_of_a_redirect_chain_is_looked_at_and_the_worst_is_told(
    serve_with: ServeWith, probe_for: ProbeFor, authority: Any
) -> None:
    last = await serve_with(authority.context(2, "127.0.0.1.nip.test"))
    first = await serve_with(authority.context(40))
    last.answers["/health"] = FINE
    target = last.url(host="localhost")
    first.answers["/health"] = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    found = await probe_for(first.url(host="localhost"), ca_file=str(authority.file)).probe()
    assert found.severity is Severity.CRIT  # the second host's certificate is for another name
    assert seen(found).tls is not None
    loose = seen(await probe_for(first.url(host="127.0.0.1"), verify_tls=False).probe())
    assert {state.host for state in loose.certificates} == {"127.0.0.1", "localhost"}


async def test_a_refused_certificate_is_fetched_again_only_after_ten_minutes(
    serve_with: ServeWith, probe_for: ProbeFor, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await serve_with(authority.context(-3))
    fetched: list[str] = []
    fetch = certificate.fetch

    async def counting(host: str, port: int) -> bytes | None:
        fetched.append(host)
        return await fetch(host, port)

    monkeypatch.setattr(certificate, "fetch", counting)
    clock = ManualClock(datetime.datetime.now(datetime.UTC))
    probe = probe_for(server.url(host="localhost"), clock, ca_file=str(authority.file))
    for _ in range(3):
        await probe.probe()
    assert fetched == ["localhost"]
    await clock.advance(601)
    await probe.probe()
    assert fetched == ["localhost", "localhost"]


async def test_a_renewed_certificate_is_seen_although_the_old_connection_lives(
    serve_with: ServeWith, probe_for: ProbeFor, authority: Any
) -> None:
    context = authority.context(2)
    server = await serve_with(context)
    server.answers["/health"] = FINE
    clock = ManualClock(datetime.datetime.now(datetime.UTC))
    probe = probe_for(server.url(host="localhost"), clock, ca_file=str(authority.file))
    assert (await probe.probe()).severity is Severity.CRIT
    authority.context(80)
    context.load_cert_chain(authority.file.parent / "localhost-80.pem")
    assert (await probe.probe()).severity is Severity.CRIT
    await clock.advance(601)
    assert (await probe.probe()).severity is Severity.OK
    assert server.connections == 2


def self_signed(key: ec.EllipticCurvePrivateKey, ends: datetime.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )


@settings(deadline=None)
@given(ends=st.datetimes(datetime.datetime(1981, 1, 1), datetime.datetime(2199, 1, 1)))
def test_the_end_is_read_as_it_was_written(ends: datetime.datetime) -> None:
    ends = ends.replace(microsecond=0, tzinfo=datetime.UTC)
    made = self_signed(_KEY, ends).public_bytes(serialization.Encoding.DER)
    assert certificate.not_after(made) == ends


@settings(deadline=None)
@given(noise=st.binary(max_size=200), cut=st.integers(1, 300))
def test_a_damaged_certificate_is_not_understood_and_never_crashes(noise: bytes, cut: int) -> None:
    made = self_signed(_KEY, datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    whole = made.public_bytes(serialization.Encoding.DER)
    for damaged in (noise, whole[:-cut]):
        with pytest.raises(Malformed):
            certificate.not_after(damaged)
    assert certificate.judge("h", noise, datetime.datetime.now(datetime.UTC)).severity is Severity.UNKNOWN


_KEY = ec.generate_private_key(ec.SECP256R1())
