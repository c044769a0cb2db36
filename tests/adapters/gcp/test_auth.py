"""Where tokens come from, and where they never go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cockpit.adapters.gcp import auth
from cockpit.adapters.gcp.auth import Token, is_loopback, tokens_for
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.clock import ManualClock, SystemClock
from cockpit.errors import AuthenticationFailed, Misconfigured, PermissionDenied
from cockpit.profile.secrets import Secret
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com/", False),
        ("http://10.0.0.1", False),
        ("http://run.googleapis.com", False),
        ("https://run.googleapis.com", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) is local


@pytest.mark.parametrize("url", ["http://run.googleapis.com", "http://10.0.0.1:80", "ftp://127.0.0.1.x", "run"])
async def test_no_credential_goes_to_plain_http_elsewhere(url: str) -> None:
    api = GoogleApi("run", url, 1.0, SystemClock(), {})
    with pytest.raises(Misconfigured, match="no credential is sent there"):
        await api.get("/v2/x")
    await api.close()


async def test_a_simulated_api_gives_its_own_token_and_sees_no_other(
    front: Any, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def real() -> Token:
        pytest.fail("real credentials were asked for")

    monkeypatch.setattr(auth, "_google_token", real)
    api = GoogleApi("run", front.url, 3.0, SystemClock())
    await api.get("/v2/projects/demo-shop/locations/europe-west1/services/shop")
    (asked,) = front.sent("POST", "/token")
    assert asked.form() == {"grant_type": "client_credentials"}
    assert "authorization" not in asked.headers
    token = await api.token()
    assert "ya29" not in repr(token)
    plane.tokens.refuse = True
    plane.tokens.expire_all()
    with pytest.raises(AuthenticationFailed, match="gives no token"):
        await api.get("/v2/projects/demo-shop/locations/europe-west1/services/shop")
    await api.close()


async def test_a_token_is_kept_until_shortly_before_its_end(front: Any, client: httpx.AsyncClient) -> None:
    clock = ManualClock()

    async def connect() -> httpx.AsyncClient:
        return client

    tokens = tokens_for(front.url, connect, clock)
    first = await tokens.token()
    await clock.advance(3500)
    assert await tokens.token() is first
    await clock.advance(20)
    assert await tokens.token() is not first
    assert len(front.sent("POST", "/token")) == 2
    await tokens.close()


async def test_a_chain_that_found_nothing_is_not_walked_at_every_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = 0

    async def nothing() -> Token:
        nonlocal walks
        walks += 1
        raise AuthenticationFailed("nothing found")

    monkeypatch.setattr(auth, "_google_token", nothing)
    clock = ManualClock()
    api = GoogleApi("run", None, 3.0, clock, {})
    for _ in range(3):
        with pytest.raises(AuthenticationFailed, match="nothing found"):
            await api.get("/v2/x")
        await clock.advance(5)
    assert walks == 1
    await clock.advance(6)
    with pytest.raises(AuthenticationFailed):
        await api.get("/v2/x")
    assert walks == 2
    await api.close()


async def test_the_address_can_come_from_gclouds_own_setting() -> None:
    environ = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "https://run.example.com/"}
    assert GoogleApi("run", None, 1, SystemClock(), environ).url("/v2/a", {"updateMask": "traffic"}) == (
        "https://run.example.com/v2/a?updateMask=traffic"
    )
    assert GoogleApi("run", "https://mine.example", 1, SystemClock(), environ).base_url == "https://mine.example"
    assert GoogleApi("logging", None, 1, SystemClock(), environ).base_url == "https://logging.googleapis.com"


async def test_the_quota_project_of_the_credentials_is_sent(front: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = GoogleApi("run", front.url, 3.0, SystemClock())
    real = await api.token()

    class Fixed:
        async def token(self) -> Token:
            return Token(Secret(real.value.reveal()), "test", 0.0, "billing-project")

        def forget(self) -> None: ...

        async def close(self) -> None: ...

    api._tokens = Fixed()
    await api.get("/v2/projects/demo-shop/locations/europe-west1/services/shop")
    assert front.requests[-1].headers["x-goog-user-project"] == "billing-project"
    await api.close()


Step = Callable[[Any], Awaitable[Token]]


def refusing(reason: str) -> Step:
    async def step(_: object) -> Token:
        raise AuthenticationFailed(reason)

    return step


async def test_the_chain_tries_adc_then_gcloud_then_the_file_and_names_all_reasons(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(auth, "_default_credentials", refusing("no adc"))
    monkeypatch.setattr(auth, "_gcloud_token", refusing("no gcloud"))
    with pytest.raises(AuthenticationFailed) as caught:
        await auth._google_token({})
    assert "no adc; no gcloud; CLOUDSDK_AUTH_ACCESS_TOKEN_FILE is not set" in caught.value.message
    assert "gcloud auth application-default login" in caught.value.hint
    file = tmp_path / "token"
    file.write_text("ya29.file\n")
    token = await auth._google_token({"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(file)})
    assert (token.value, token.origin) == (Secret("ya29.file"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE")
    file.write_text("")
    with pytest.raises(AuthenticationFailed, match="is empty"):
        await auth._google_token({"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(file)})


async def test_gclouds_account_is_used_through_config_helper(tmp_path: Path) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    answer = {"credential": {"access_token": "ya29.gcloud", "token_expiry": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    tool = tmp_path / "gcloud"
    asked = "[ \"$*\" = 'config config-helper --format=json --min-expiry=900s' ]"
    tool.write_text(f"#!/bin/sh\n{asked} && echo '{json.dumps(answer)}'\n")
    tool.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    token = await auth._gcloud_token(environ)
    assert token.value == Secret("ya29.gcloud")
    assert token.expires == pytest.approx(ends.timestamp() - auth.EARLY_S, abs=2)
    tool.write_text("#!/bin/sh\necho 'ERROR: no account is active' >&2\nexit 1\n")
    with pytest.raises(AuthenticationFailed, match="no account is active"):
        await auth._gcloud_token(environ)


async def test_application_default_credentials_are_refreshed_over_httpx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []

    async def endpoint(request: Request) -> Response:
        asked.append(request)
        return Response.of({"access_token": "ya29.adc", "expires_in": 3600, "token_type": "Bearer"})

    async with await HttpServer.start(endpoint) as server:
        file = tmp_path / "adc.json"
        file.write_text(
            json.dumps(
                {
                    "type": "authorized_user",
                    "client_id": "id",
                    "client_secret": "secret",
                    "refresh_token": "refresh",
                    "token_uri": f"{server.url}/token",
                    "quota_project_id": "billing-project",
                }
            )
        )
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{server.url}/token")
        token = await auth._default_credentials({})
    assert (token.value, token.quota_project) == (Secret("ya29.adc"), "billing-project")
    assert token.origin == "application default credentials"
    assert asked[0].form()["refresh_token"] == "refresh"


async def test_broken_default_credentials_are_said_without_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "adc.json"
    file.write_text('{"type": "authorized_user", "client_secret": "hush')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(AuthenticationFailed) as caught:
        await auth._default_credentials({})
    assert "hush" not in str(caught.value)


async def test_a_disabled_api_says_how_to_enable_it(front: Any) -> None:
    detail = {"reason": "SERVICE_DISABLED", "metadata": {"consumer": "projects/demo-shop"}}
    body = {"error": {"code": 403, "message": "not used before", "status": "PERMISSION_DENIED", "details": [detail]}}
    front.fail("GET", "", Response.of(body, 403), Response.of({"error": "text"}, 403))
    api = GoogleApi("run", front.url, 3.0, SystemClock())
    with pytest.raises(Misconfigured) as caught:
        await api.get("/v2/x")
    assert caught.value.hint == "gcloud services enable run.googleapis.com --project=demo-shop"
    with pytest.raises(PermissionDenied):
        await api.get("/v2/x")
    await api.close()


def test_importing_the_adapters_imports_no_google_library() -> None:
    code = (
        "import sys, cockpit.adapters.gcp.run, cockpit.adapters.gcp.logging, cockpit.adapters.files.tail\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('google', 'grpc')])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
