"""gcloud's own settings: a variable wins over the active configuration, and the way to Google follows from them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cockpit.adapters.gcp import auth
from cockpit.adapters.gcp.auth import Token
from cockpit.adapters.gcp.settings import (
    Settings,
    grpc_proxy_of,
    override_of,
    proxy_of,
    said_of,
    settings_of,
    trust_of,
)
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import SystemClock
from cockpit.errors import Misconfigured, Unreachable
from cockpit.profile.secrets import Secret


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "gcloud"
    (folder / "configurations").mkdir(parents=True)
    (folder / "active_config").write_text("work\n")
    (folder / "configurations" / "config_default").write_text("[core]\naccount = other@example.com\n")
    (folder / "configurations" / "config_work").write_text(
        "[core]\naccount = ana@example.com\nproject = shop\n[proxy]\ntype = http\naddress = 10.1.2.3\nport = 3128\n"
        "[api_endpoint_overrides]\nsql = https://sql.example.com/\n"
        "[auth]\nimpersonate_service_account = sa@shop.iam.gserviceaccount.com\n"
    )
    return folder


def test_the_active_configuration_is_read_and_a_variable_wins(config: Path) -> None:
    environ = {"CLOUDSDK_CONFIG": str(config)}
    found = settings_of(environ)
    assert found.get("core", "project") == "shop"
    assert found.get("auth", "impersonate_service_account") == "sa@shop.iam.gserviceaccount.com"
    assert found.get("auth", "access_token_file") == ""
    assert override_of(found, "sql") == "https://sql.example.com/"
    assert GoogleApi("sqladmin", None, 1.0, SystemClock(), environ).base_url == "https://sql.example.com"
    with_variable = settings_of({**environ, "CLOUDSDK_CORE_PROJECT": "other", "CLOUDSDK_PROXY_ADDRESS": ""})
    assert with_variable.get("core", "project") == "other"
    assert with_variable.get("proxy", "address") == "", "an empty variable is one too"
    assert settings_of({**environ, "CLOUDSDK_ACTIVE_CONFIG_NAME": "default"}).get("core", "project") == ""
    assert settings_of({"HOME": str(config)}).properties == {}


@pytest.mark.parametrize("text", ["[core\nproject=x", "no section", "\x00\xff", ""])
def test_a_configuration_that_is_none_says_nothing(config: Path, text: str) -> None:
    (config / "configurations" / "config_work").write_bytes(text.encode("latin-1"))
    assert settings_of({"CLOUDSDK_CONFIG": str(config)}).get("core", "project") == ""
    (config / "active_config").write_text("../../etc/passwd")
    assert settings_of({"CLOUDSDK_CONFIG": str(config)}).properties == {}


def proxied(**said: str) -> Settings:
    return Settings({f"CLOUDSDK_PROXY_{name.upper()}": value for name, value in said.items()})


def test_gclouds_proxy_is_used_and_its_password_not_told() -> None:
    settings = proxied(type="http", address="proxy.example", port="3128", username="me", password="hush")
    proxy = proxy_of(settings)
    assert isinstance(proxy, httpx.Proxy) and str(proxy.url) == "http://proxy.example:3128"
    assert proxy.auth == ("me", "hush")
    assert said_of(settings) == "through gcloud's proxy proxy.example" and "hush" not in repr(proxy)
    tunnelled = proxy_of(proxied(type="http_no_tunnel", address="::1", port="1"))
    assert isinstance(tunnelled, httpx.Proxy) and tunnelled.url.host == "::1"
    assert proxy_of(Settings({})) is None
    assert (
        said_of(Settings({"HTTPS_PROXY": "http://me:hush@p.example:1"}))
        == "through the proxy p.example:1 (HTTPS_PROXY)"
    )
    assert said_of(Settings({})) == ""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": "http", "address": "p"}, "some are set and some are not"),
        ({"type": "carrier", "address": "p", "port": "1"}, "neither the cockpit nor gcloud knows it"),
        ({"type": "http", "address": "p/../x@y", "port": "1"}, "are no address"),
        ({"type": "http", "address": "p", "port": "99999999"}, "are no address"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_said_and_nothing_is_sent(said: dict[str, str], why: str) -> None:
    settings = proxied(**said)
    with pytest.raises(Misconfigured, match=why):
        proxy_of(settings)
    api = GoogleApi("run", None, 1.0, SystemClock(), settings.environ)
    with pytest.raises(Misconfigured, match=why):
        await api._connection()


@pytest.mark.parametrize("address", ["socks6://127.0.0.1:1", "socks5://", "socks4://p:99999999", "carrier://p:1"])
async def test_a_proxy_of_the_environment_that_is_none_is_said_too(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    api = GoogleApi("run", None, 1.0, SystemClock(), {"HTTPS_PROXY": address})
    with pytest.raises(Misconfigured, match=r"HTTPS_PROXY.* names cannot be used"):
        await api._connection()


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, ""),
        (proxied(type="http", address="proxy.example", port="3128").environ, "http://proxy.example:3128"),
        (
            proxied(type="http_no_tunnel", address="p", port="1", username="a@b", password="c:d").environ,
            "http://a%40b:c%3Ad@p:1",
        ),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "socks5://p:1"}, "http://p:1"),
        ({"ALL_PROXY": "p:1"}, "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "all_proxy": "http://q:1"}, "http://q:1"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": ".googleapis.com"}, ""),
        ({"ALL_PROXY": "socks5://p:1", "no_proxy": ".googleapis.com"}, ""),
        ({**proxied(type="http", address="p", port="1").environ, "ALL_PROXY": "socks5://p:1"}, "http://p:1"),
    ],
)
def test_metrics_over_grpc_go_through_the_same_http_proxy(environ: dict[str, str], proxy: str) -> None:
    assert grpc_proxy_of(Settings(environ), "monitoring.googleapis.com") == proxy


def test_own_authorities_are_trusted_or_it_is_said_why_not(tmp_path: Path) -> None:
    assert trust_of(Settings({})) is True
    for path, why in ((tmp_path / "none.pem", "No such file"), (tmp_path / "bad.pem", "cannot be used")):
        (tmp_path / "bad.pem").write_text("no certificate")
        with pytest.raises(Misconfigured, match=why):
            trust_of(Settings({"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(path)}))


class Proxy:
    """Remembers what it was asked, and opens no tunnel."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    yield proxy
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("by", ["gcloud", "environment"])
async def test_a_proxy_is_asked_for_a_tunnel_and_never_sees_the_token(
    proxy: Proxy, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def token() -> Token:
        return Token(Secret("ya29.secret"), "test", 4e9)

    monkeypatch.setattr(auth, "_google_token", token)
    environ: dict[str, str] = {}
    if by == "gcloud":
        environ = {
            "CLOUDSDK_PROXY_TYPE": "http_no_tunnel",
            "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
            "CLOUDSDK_PROXY_PORT": str(proxy.port),
        }
    else:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    api = GoogleApi("run", None, 5.0, SystemClock(), environ)
    with pytest.raises(Unreachable) as caught:
        await api.change("PATCH", "/v2/projects/p/locations/r/services/s", {}, {})
    await api.close()
    assert not caught.value.effect_possible, "the proxy refused: nothing was sent"
    assert [head.split("\r\n")[0] for head in proxy.heads] == ["CONNECT run.googleapis.com:443 HTTP/1.1"]
    assert "ya29" not in "".join(proxy.heads)


async def test_loopback_is_spoken_to_directly_whatever_proxy_there_is(
    front: object, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    api = GoogleApi("run", front.url, 3.0, SystemClock())  # type: ignore[attr-defined]  # the fixture's
    await api.get("/v2/projects/demo-shop/locations/europe-west1/services/shop")
    await api.close()
    assert proxy.heads == []


async def test_an_address_that_is_none_is_said_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async def token() -> Token:
        return Token(Secret("ya29.sécret"), "test", 4e9)

    monkeypatch.setattr(auth, "_google_token", token)
    api = GoogleApi("run", "https://run.example.com", 1.0, SystemClock(), {})
    with pytest.raises(Misconfigured) as caught:
        await api.get("/v2/projects/p")
    assert "ya29" not in str(caught.value)
    assert isinstance(await api._connection(), httpx.AsyncClient)
    await api.close()
