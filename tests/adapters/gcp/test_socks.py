"""A SOCKS proxy carries what HTTPS is, as with gcloud; gRPC cannot, and says so. Unverified TLS is not an offer."""

from __future__ import annotations

import ssl

import httpx
import pytest

from cockpit.adapters.gcp import auth
from cockpit.adapters.gcp.answers import no_answer
from cockpit.adapters.gcp.auth import Token
from cockpit.adapters.gcp.googleauth import _requests
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery, filter_of
from cockpit.adapters.gcp.monitoring import MetricsBoard
from cockpit.adapters.gcp.settings import Settings, SocksProxy, proxy_of, said_of, unfollowed
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import SystemClock
from cockpit.engine.google import ground, notices
from cockpit.errors import Misconfigured
from cockpit.profile.google import MetricsSource
from cockpit.profile.schema import CloudRunSource, Profile
from cockpit.profile.secrets import Secret

COUNT = MetricQuery("a.b/c", filter_of("a.b/c", "", {}), "ALIGN_RATE", "REDUCE_SUM", (), (Cut("k", "t", (0, 0)),))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    async def token() -> Token:
        return Token(Secret("ya29.secret"), "test", 4e9)

    monkeypatch.setattr(auth, "_google_token", token)


def proxied(kind: str, port: int = 1080, **more: str) -> dict[str, str]:
    said = {"type": kind, "address": "127.0.0.1", "port": str(port), **more}
    return {f"CLOUDSDK_PROXY_{name.upper()}": value for name, value in said.items()}


def test_the_login_goes_the_same_way() -> None:
    settings = Settings(proxied("socks5", username="me", password="hush"))
    proxy = proxy_of(settings)
    assert (
        isinstance(proxy, SocksProxy) and (proxy.user, proxy.password) == ("me", "hush") and "hush" not in repr(proxy)
    )
    assert said_of(settings) == "through gcloud's SOCKS 5 proxy 127.0.0.1"
    with _requests(settings) as made:
        assert made is not None


def test_a_proxy_that_the_login_cannot_use_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "carrier://127.0.0.1:1")
    with pytest.raises(Misconfigured, match="HTTPS_PROXY or ALL_PROXY names cannot be used"), _requests(Settings({})):
        pass


@pytest.mark.parametrize(
    ("environ", "version", "rdns", "port"),
    [
        (proxied("socks4"), 4, True, 1080),
        (proxied("socks5", rdns="true"), 5, True, 1080),
        *(
            (proxied("socks5", rdns=value), 5, value == "YES", 1080)
            for value in ("false", "0", "no", "", "none", "YES")
        ),
        ({"ALL_PROXY": "socks4://p"}, 4, False, 1080),
        ({"HTTPS_PROXY": "SOCKS4A://p:9"}, 4, True, 9),
        ({"https_proxy": "socks5://u:w%40@p:9", "HTTPS_PROXY": "http://q:1"}, 5, False, 9),
        ({"all_proxy": "socks5h://p:9", "HTTPS_PROXY": ""}, 5, True, 9),
    ],
)
def test_settings_are_read_as_gcloud_reads_them(environ: dict[str, str], version: int, rdns: bool, port: int) -> None:
    proxy = proxy_of(Settings(environ))
    assert isinstance(proxy, SocksProxy)
    assert (proxy.version, proxy.rdns, proxy.port) == (version, rdns, port)
    assert proxy.password in ("", "w@")


def test_rdns_of_the_active_configuration_counts() -> None:
    said = {
        ("proxy", "type"): "socks4",
        ("proxy", "address"): "::1",
        ("proxy", "port"): "9",
        ("proxy", "rdns"): "off",
    }
    proxy = proxy_of(Settings({}, said))
    assert isinstance(proxy, SocksProxy) and not proxy.rdns
    assert proxy.where == "the SOCKS 4 proxy [::1]:9"


@pytest.mark.parametrize(
    ("environ", "kind", "named"),
    [
        (proxied("socks4"), "SOCKS", "proxy/type"),
        (proxied("socks5"), "SOCKS", "proxy/type"),
        ({"all_proxy": "socks5://p:1"}, "SOCKS", "all_proxy"),
        ({"HTTPS_PROXY": "https://p:1"}, "https", "HTTPS_PROXY"),
    ],
)
async def test_the_metrics_pane_says_in_one_sentence_why_it_shows_none(
    environ: dict[str, str], kind: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    board = MetricsBoard(MetricsSource(name="m", project="of-this-test"), (COUNT,), SystemClock())
    with pytest.raises(Misconfigured) as caught:
        await board.probe()
    await board.close()
    assert caught.value.message == (
        f"metrics come over gRPC, which cannot use the {kind} proxy that {named} names: none are shown"
    )


@pytest.mark.parametrize(("value", "followed"), [("true", False), ("1", False), ("Yes", False), ("false", True)])
async def test_a_token_goes_over_verified_tls_whatever_gcloud_is_told(
    value: str, followed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_AUTH_DISABLE_SSL_VALIDATION", value)
    for environ in ({}, proxied("socks4")):
        for name, said in environ.items():
            monkeypatch.setenv(name, said)
        api = GoogleApi("run", None, 1.0, SystemClock())
        client = await api._connection()
        context = client._transport._pool._ssl_context  # type: ignore[attr-defined]  # httpx shows it nowhere else
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
        await api.close()
    service = CloudRunSource(name="shop", project="p", region="r1-west", service="shop")
    profile = Profile(system="shop", environment="test", cloud_run=(service,))
    told = notices(profile)
    assert [each.startswith("gcloud's auth/disable_ssl_validation is not followed") for each in told] == (
        [] if followed else [True]
    )
    assert [each.detail for each in ground(profile, SystemClock()) if "disable_ssl" in each.detail] == list(told)
    assert unfollowed(Settings({})) == ""


def test_a_certificate_that_cannot_be_verified_names_the_way_out() -> None:
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")
    told = no_answer("run", "https://run.googleapis.com", error, read=False)
    assert "its certificate cannot be verified" in told.message and not told.effect_possible
    assert "core/custom_ca_certs_file" in told.hint and "auth/disable_ssl_validation is not followed" in told.hint
