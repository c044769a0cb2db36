"""A SOCKS 5 proxy carries what HTTPS is; gRPC cannot use one, and says so. Unverified TLS is not an offer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from cockpit.adapters.gcp import auth
from cockpit.adapters.gcp.answers import no_answer
from cockpit.adapters.gcp.auth import Token
from cockpit.adapters.gcp.googleauth import _requests
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery, filter_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.adapters.gcp.settings import Settings, proxy_of, said_of, socks_of, unfollowed
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import SystemClock
from cockpit.engine.google import ground, notices
from cockpit.errors import Misconfigured, Unreachable
from cockpit.profile.google import MetricsSource
from cockpit.profile.schema import CloudRunSource, Profile
from cockpit.profile.secrets import Secret

COUNT = MetricQuery("a.b/c", filter_of("a.b/c", "", {}), "ALIGN_RATE", "REDUCE_SUM", (), (Cut("k", "t", (0, 0)),))


class Socks:
    """Takes a user and a password, hears where to, and hangs up on what comes then (RFC 1928, RFC 1929)."""

    def __init__(self) -> None:
        self.port = 0
        self.login = b""
        self.wanted: list[tuple[str, int]] = []
        self.rest = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            _, count = await reader.readexactly(2)
            method = 2 if 2 in await reader.readexactly(count) else 0
            writer.write(bytes((5, method)))
            if method:
                for _ in range(2):
                    length = (await reader.readexactly(2 if not self.login else 1))[-1]
                    self.login += await reader.readexactly(length) + b" "
                writer.write(b"\x01\x00")
            head = await reader.readexactly(4)
            assert head[3] == 3, "a name: it is looked up over there"
            name = await reader.readexactly((await reader.readexactly(1))[0])
            self.wanted.append((name.decode(), int.from_bytes(await reader.readexactly(2))))
            writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            await writer.drain()
            self.rest += await reader.read(64 * 1024)
        writer.close()


@pytest.fixture
async def socks() -> AsyncIterator[Socks]:
    socks = Socks()
    server = await asyncio.start_server(socks.serve, "127.0.0.1", 0)
    socks.port = server.sockets[0].getsockname()[1]
    yield socks
    server.close()
    await server.wait_closed()


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    async def token() -> Token:
        return Token(Secret("ya29.secret"), "test", 4e9)

    monkeypatch.setattr(auth, "_google_token", token)


def proxied(kind: str, port: int = 1080, **more: str) -> dict[str, str]:
    said = {"type": kind, "address": "127.0.0.1", "port": str(port), **more}
    return {f"CLOUDSDK_PROXY_{name.upper()}": value for name, value in said.items()}


@pytest.mark.parametrize("by", ["gcloud", "environment"])
async def test_the_name_goes_to_the_socks_proxy_and_the_token_does_not(
    socks: Socks, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ: dict[str, str] = {}
    if by == "gcloud":
        environ = proxied("socks5", socks.port, username="me", password="hush")
    else:
        monkeypatch.setenv("ALL_PROXY", f"socks5://me:hush@127.0.0.1:{socks.port}")
    api = GoogleApi("run", None, 5.0, SystemClock(), environ)
    with pytest.raises(Unreachable) as caught:
        await api.change("PATCH", "/v2/projects/p/locations/r/services/s", {}, {})
    await api.close()
    assert not caught.value.effect_possible, "no TLS, nothing sent"
    assert socks.wanted == [("run.googleapis.com", 443)]
    assert socks.login == b"me hush "
    assert socks.rest[:1] == b"\x16" and b"run.googleapis.com" in socks.rest, "the hello of TLS"
    assert b"ya29" not in socks.rest


def test_the_login_goes_the_same_way() -> None:
    settings = Settings(proxied("socks5", username="me", password="hush"))
    proxy = proxy_of(settings)
    assert proxy is not None and str(proxy.url) == "socks5://127.0.0.1:1080" and proxy.auth == ("me", "hush")
    assert said_of(settings) == "through gcloud's SOCKS 5 proxy 127.0.0.1"
    with _requests(settings) as made:
        assert made is not None


def test_a_proxy_that_the_login_cannot_use_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks4://127.0.0.1:1")
    with pytest.raises(Misconfigured, match="HTTPS_PROXY or ALL_PROXY names cannot be used"), _requests(Settings({})):
        pass


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        (proxied("socks5"), "proxy/type"),
        (proxied("http"), ""),
        ({**proxied("http"), "ALL_PROXY": "socks5://p:1"}, ""),
        ({"ALL_PROXY": "socks5h://p:1"}, "ALL_PROXY"),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "socks5://p:1"}, ""),
        ({"ALL_PROXY": "socks5://p:1", "NO_PROXY": ".googleapis.com"}, ""),
        ({}, ""),
    ],
)
def test_which_setting_names_a_socks_proxy(environ: dict[str, str], named: str) -> None:
    assert socks_of(Settings(environ), "monitoring.googleapis.com") == named


@pytest.mark.parametrize(
    ("environ", "named"), [(proxied("socks5"), "proxy/type"), ({"all_proxy": "socks5://p:1"}, "all_proxy")]
)
async def test_the_metrics_pane_says_in_one_sentence_why_it_shows_none(
    environ: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    board = MetricsBoard(MetricsSource(name="m", project="of-this-test"), (COUNT,), SystemClock())
    with pytest.raises(Misconfigured) as caught:
        await board.probe()
    await board.close()
    assert caught.value.message == (
        f"metrics come over gRPC, which cannot use the SOCKS proxy that {named} names: none are shown"
    )


@pytest.mark.parametrize(("value", "followed"), [("true", False), ("1", False), ("Yes", False), ("false", True)])
async def test_a_token_goes_over_verified_tls_whatever_gcloud_is_told(
    value: str, followed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_AUTH_DISABLE_SSL_VALIDATION", value)
    api = GoogleApi("run", None, 1.0, SystemClock())
    client = await api._connection()
    context = client._transport._pool._ssl_context  # type: ignore[attr-defined]  # httpx shows it nowhere else
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    await api.close()
    service = CloudRunSource(name="shop", project="p", region="r1-west", service="shop")
    profile = Profile(system="shop", environment="test", cloud_run=(service,))
    said = notices(profile)
    assert [each.startswith("gcloud's auth/disable_ssl_validation is not followed") for each in said] == (
        [] if followed else [True]
    )
    assert [each.detail for each in ground(profile, SystemClock()) if "disable_ssl" in each.detail] == list(said)
    assert unfollowed(Settings({})) == ""


def test_a_certificate_that_cannot_be_verified_names_the_way_out() -> None:
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")
    told = no_answer("run", "https://run.googleapis.com", error, read=False)
    assert "its certificate cannot be verified" in told.message and not told.effect_possible
    assert "core/custom_ca_certs_file" in told.hint and "auth/disable_ssl_validation is not followed" in told.hint
