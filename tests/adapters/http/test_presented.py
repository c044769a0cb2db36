"""The look at a certificate, on real TLS servers; and which openssl commands it stands in for."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cockpit.adapters.http.asking import HealthAsker
from cockpit.clock import SystemClock
from cockpit.errors import TimedOut, Unreachable
from cockpit.looks import certificate
from cockpit.model.command import Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity
from cockpit.profile.schema import HealthSource
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

ServeWith = Callable[..., Awaitable[Any]]


def looker(url: str, **options: object) -> Any:
    source = HealthSource.model_validate({"name": "a", "url": url, "timeout": 5, **options})
    clock = SystemClock()
    (made,) = certificate.lookers("health/a", HealthAsker(source, clock), clock)
    return made


async def seen(url: str, **options: object) -> Sight:
    found: Sight = await looker(url, **options).look(LookRequest("health.certificate", "health/a"))
    return found


async def test_who_signed_what_for_whom_and_how_long_it_lasts(serve_with: ServeWith, authority: Any) -> None:
    server = await serve_with(authority.context(90.5))
    sight = await seen(server.url(host="localhost"), ca_file=str(authority.file))
    assert sight.severity is Severity.OK
    assert sight.summary == "the certificate of localhost ends in 90.5 days: accepted"
    assert sight.lines[:2] == ("subject   CN = localhost", "issuer    CN = Test authority")
    assert sight.lines[2].startswith("notBefore 20") and sight.lines[3].startswith("notAfter  20")
    assert sight.lines[4:] == ("days left 90.5", "verified  yes")
    assert server.asked == []


@pytest.mark.parametrize(
    ("days", "host", "trusted", "severity", "said"),
    [
        (10.5, "localhost", True, Severity.WARN, "ends in 10.5 days: accepted"),
        (-3.5, "localhost", True, Severity.CRIT, "ended 3.5 days ago: expired"),
        (30.5, "shop.example", True, Severity.CRIT, "ends in 30.5 days: made for another host name"),
        (30.5, "localhost", False, Severity.CRIT, "days: signed by an authority that is not trusted here"),
    ],
)
async def test_one_that_is_not_accepted_is_shown_all_the_same(
    days: float, host: str, trusted: bool, severity: Severity, said: str, serve_with: ServeWith, authority: Any
) -> None:
    server = await serve_with(authority.context(days, host))
    options = {"ca_file": str(authority.file)} if trusted else {}
    sight = await seen(server.url(host="localhost"), **options)
    assert sight.severity is severity and said in sight.summary
    assert sight.lines[0] == f"subject   CN = {host}"


async def test_a_host_without_tls_one_that_is_silent_and_one_that_is_not_there(serve_with: ServeWith) -> None:
    plain = await serve_with()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        port = silent.getsockname()[1]
        with pytest.raises(TimedOut, match="no TLS handshake"):
            await seen(f"https://127.0.0.1:{port}/", timeout=0.3)
    with pytest.raises(Unreachable, match="no TLS handshake"):
        await seen(f"https://127.0.0.1:{port}/")
    assert "has no certificate" in looker(plain.url()).unavailable()


async def test_without_verification_it_says_so(serve_with: ServeWith, authority: Any) -> None:
    server = await serve_with(authority.context(-3))
    sight = await seen(server.url(host="localhost"), verify_tls=False)
    assert sight.summary.endswith("not verified (verify_tls = false)") and sight.severity is Severity.OK


def stands_in(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    found = understand(command, certificate.REPLACES)
    return found.intent if found.action == "health.certificate" else None


@pytest.mark.parametrize(
    "text",
    [
        "openssl s_client -connect a.example:443",
        "openssl s_client -connect a.example:443 -servername a.example </dev/null 2>/dev/null",
        "echo | openssl s_client -servername a.example -connect a.example:443 2>&1 | openssl x509 -noout -dates",
        "openssl s_client -connect a.example:443 | openssl x509 -noout -subject -issuer -enddate",
    ],
)
def test_a_handshake_with_one_host_is_the_look(text: str) -> None:
    found = stands_in(text)
    assert found is not None and found.target == {"url": "https://a.example:443"} and found.differs == ""


@pytest.mark.parametrize(
    "text",
    [
        "openssl s_client -connect a.example",
        "openssl s_client -connect a.example:443 -servername b.example",
        "openssl s_client -starttls smtp -connect a.example:25",
        "echo GET / | openssl s_client -connect a.example:443",
        "openssl s_client -connect a.example:443 < request.txt",
        "openssl s_client -connect a.example:443 > answer.txt",
        "openssl x509 -in tls.pem -noout -dates",
    ],
)
def test_what_says_more_is_not(text: str) -> None:
    assert stands_in(text) is None


def test_a_host_to_fill_in_is_the_chosen_source() -> None:
    found = stands_in("openssl s_client -connect $HOST:443")
    assert found is not None and "$HOST is not looked up" in found.differs
