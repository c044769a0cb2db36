"""Every kind of Google credentials, against endpoints on this machine; what is said of them, and what never is."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cockpit.adapters.gcp import auth, googleauth, identity
from cockpit.adapters.gcp.auth import Token
from cockpit.adapters.gcp.identity import act_as, chain_of, standing
from cockpit.adapters.gcp.settings import Settings
from cockpit.clock import ManualClock
from cockpit.errors import AuthenticationFailed, CockpitError, Misconfigured, PermissionDenied, TimedOut, Unreachable
from cockpit.model.credentials import Credentials
from cockpit.model.severity import Severity
from cockpit.profile.secrets import Secret
from cockpit.sandbox.http import HttpServer, Request, Response

ACCOUNT = "oncall@shop.iam.gserviceaccount.com"
MACHINE = "vm@shop.iam.gserviceaccount.com"
SECRETS = ("hush-client-secret", "1//hush-refresh", "ya29.hush-token", "hush-subject-token")


class Google:
    """Token endpoint, STS, metadata server and IAM Credentials, all on one port of this machine."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.fault: Response | None = None
        self.url = ""

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if self.fault is not None:
            return self.fault
        if request.path.endswith(":generateAccessToken"):
            ends = datetime.now(UTC) + timedelta(hours=1)
            return Response.of({"accessToken": "ya29.acting", "expireTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
        if request.path in ("/", "") or request.path.startswith("/computeMetadata"):
            return self._metadata(request)
        if request.path == "/subject":
            return Response.text(SECRETS[3])
        kind = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        return Response.of({"access_token": "ya29.hush-token", "expires_in": 3600, "token_type": "Bearer", **kind})

    def _metadata(self, request: Request) -> Response:
        flavour = (("metadata-flavor", "Google"), ("content-type", "application/json"))
        if request.path.endswith("/token"):
            body: Any = {"access_token": "ya29.machine", "expires_in": 3000, "token_type": "Bearer"}
        elif "service-accounts" in request.path:
            body = {"email": MACHINE, "scopes": [googleauth.SCOPE], "aliases": ["default"]}
        else:
            return Response(200, b"shop", (("metadata-flavor", "Google"), ("content-type", "text/plain")))
        return Response(200, json.dumps(body).encode(), flavour)

    def asked(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.path]


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    google = Google()
    async with await HttpServer.start(google.handle) as server:
        google.url = server.url
        yield google


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    act_as("")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


Writer = Callable[[dict[str, Any]], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    def write(content: dict[str, Any]) -> None:
        (tmp_path / "adc.json").write_text(json.dumps(content))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))

    return write


@pytest.fixture
def user(google: Google, write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"type": "authorized_user", "client_id": "id", "client_secret": SECRETS[0], "refresh_token": SECRETS[1]}
    write({**content, "account": "ana@example.com"})
    monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{google.url}/token")


def key() -> str:
    made = rsa.generate_private_key(65537, 2048)
    plain = serialization.NoEncryption()
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


async def test_a_user(user: None) -> None:
    token = await auth._default_credentials({})
    assert (token.value, token.origin) == (
        Secret("ya29.hush-token"),
        "ana@example.com by application default credentials",
    )


async def test_a_service_account_by_its_key(google: Google, write: Writer) -> None:
    private = key()
    content = {"type": "service_account", "client_email": ACCOUNT, "private_key": private, "private_key_id": "k1"}
    write({**content, "token_uri": f"{google.url}/token"})
    token = await auth._default_credentials({})
    assert token.origin == f"{ACCOUNT} by a key file"
    google.fault = Response.of({"error": "invalid_grant", "error_description": f"bad key {private[:200]}"}, 400)
    with pytest.raises(AuthenticationFailed) as caught:
        await auth._default_credentials({})
    assert "BEGIN" not in str(caught.value) and private[60:90] not in str(caught.value)


async def test_workload_identity(google: Google, write: Writer) -> None:
    pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
    write(
        {
            "type": "external_account",
            "audience": pool,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{google.url}/v1/token",
            "credential_source": {"url": f"{google.url}/subject"},
        }
    )
    token = await auth._default_credentials({})
    assert (token.value, token.origin) == (Secret("ya29.hush-token"), "workload identity federation")
    (asked,) = google.asked("/v1/token")
    assert asked.form()["subject_token"] == SECRETS[3]


async def test_the_metadata_server_of_a_machine(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("NO_GCE_CHECK")
    host = google.url.removeprefix("http://")
    monkeypatch.setenv("GCE_METADATA_HOST", host)
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", host)
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", False)
    monkeypatch.setenv("GCE_METADATA_IP", host)
    token = await auth._default_credentials({})
    assert token.value == Secret("ya29.machine")
    assert token.origin == f"{MACHINE} of this machine"


async def test_acting_as_a_service_account_through_others(google: Google, user: None) -> None:
    environ = {
        "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": f"first@shop.example,second@shop.example, {ACCOUNT}",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": f"{google.url}/",
    }
    token = await auth._default_credentials(environ)
    assert token.value == Secret("ya29.acting")
    assert token.origin == (
        f"ana@example.com by application default credentials, as {ACCOUNT}"
        " through first@shop.example, second@shop.example"
    )
    (asked,) = google.asked(":generateAccessToken")
    assert asked.path == f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    assert asked.headers["authorization"] == "Bearer ya29.hush-token"
    assert [name.rpartition("/")[2] for name in asked.json()["delegates"]] == [
        "first@shop.example",
        "second@shop.example",
    ]
    act_as("other@shop.example")
    assert (await auth._default_credentials(environ)).origin.endswith(", as other@shop.example"), "the profile wins"


async def test_a_token_of_a_file_can_act_too(google: Google, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ya29.hush-token\n")
    environ = {
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": google.url,
    }
    act_as(ACCOUNT)
    token = await auth._token_file(environ)
    assert (token.value, token.origin) == (Secret("ya29.acting"), f"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE, as {ACCOUNT}")


async def test_who_may_not_act_is_told_the_role(google: Google, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ya29.hush-token")
    said = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource; token ya29.hush-token"
    google.fault = Response.of({"error": {"code": 403, "message": said, "status": "PERMISSION_DENIED"}}, 403)
    environ = {
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": google.url,
        "PATH": str(tmp_path),
    }
    act_as(ACCOUNT)
    with pytest.raises(PermissionDenied, match=f"may not act as {ACCOUNT}: Permission") as caught:
        await auth._token_file(environ)
    assert caught.value.missing == "iam.serviceAccounts.getAccessToken"
    assert "roles/iam.serviceAccountTokenCreator" in caught.value.hint
    assert "hush" not in str(caught.value)
    google.fault = Response.of({"accessToken": "ya29.hush-token", "expireTime": "soon"})
    with pytest.raises(AuthenticationFailed) as garbled:
        await auth._token_file(environ)
    assert "hush" not in str(garbled.value)


@pytest.mark.parametrize("chain", ["x", "a@b/../c@d.e", "a@b.c:generateIdToken?", "a b@c.de", "a@b.example,,x"])
def test_what_is_no_account_is_not_put_into_an_address(chain: str) -> None:
    with pytest.raises(Misconfigured, match="no e-mail address"):
        chain_of(Settings({"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": chain}))


FAULTS = [
    Response.of({"error": "invalid_grant", "error_description": f"Token {SECRETS[1]} expired", "x": SECRETS[2]}, 400),
    Response.of({"error": "invalid_client", "client_secret": SECRETS[0], "error_description": SECRETS[2]}, 401),
    Response.of({"token": SECRETS[2]}),
    Response(200, b"<html>" + SECRETS[2].encode()),
    Response.of({"error": {"code": 500, "message": SECRETS[2]}}, 500),
]


@pytest.mark.parametrize("fault", FAULTS, ids=["grant", "client", "no token", "HTML", "500"])
async def test_no_error_of_google_auth_shows_a_secret(
    google: Google, user: None, fault: Response, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    google.fault = fault
    with pytest.raises(CockpitError) as caught:
        await auth._default_credentials({})
    error = caught.value
    told = f"{error} {error.args} {error.__cause__!r}"
    assert not any(secret in told for secret in SECRETS), told
    assert "application default credentials" in error.message and error.hint


async def test_a_refresh_token_is_not_sent_in_the_clear(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"type": "authorized_user", "client_id": "id", "client_secret": SECRETS[0], "refresh_token": SECRETS[1]}
    write(content)
    monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", "http://192.0.2.1/token")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(Unreachable, match="neither https nor on this machine: no credential is sent there"):
        await auth._default_credentials({})


async def test_google_auth_gets_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(auth, "ADC_S", 0.05)
    monkeypatch.setattr(googleauth, "default_token", lambda settings, chain: released.wait(30))
    try:
        with pytest.raises(TimedOut, match=r"gave no token within 0\.05 s"):
            await auth._default_credentials({})
    finally:
        released.set()


async def test_gcloud_says_who_and_is_told_as_whom(tmp_path: Path) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    core = {"core": {"account": "ana@example.com"}}
    answer = {
        "credential": {"access_token": "ya29.g", "token_expiry": ends},
        "configuration": {"properties": core},
    }
    tool = tmp_path / "gcloud"
    told = f"[ \"$CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT\" = '{ACCOUNT}' ]"
    tool.write_text(f"#!/bin/sh\n{told} && echo '{json.dumps(answer)}'\n")
    tool.chmod(0o755)
    act_as(ACCOUNT)
    token = await auth._gcloud_token({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert token.origin == f"ana@example.com by gcloud, as {ACCOUNT}"
    act_as("")
    tool.write_text(
        "#!/bin/sh\necho 'WARNING: something' >&2\necho 'ERROR: Reauthentication required.' >&2\nexit 1\n"
    )
    with pytest.raises(AuthenticationFailed, match="Reauthentication required") as caught:
        await auth._gcloud_token({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert caught.value.hint == "run: gcloud auth login"


class Chain:
    """What the chain of credentials gives: tokens of an hour, until it fails."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.walks = 0
        self.failure: AuthenticationFailed | None = None
        self.renews = True

    async def __call__(self) -> Token:
        self.walks += 1
        if self.failure is not None:
            raise self.failure
        ends = self.clock.now().timestamp() + 3600 - auth.EARLY_S
        return Token(Secret(f"ya29.{self.walks}"), "ana@example.com by gcloud", ends, renews=self.renews)


Fetch = Callable[[], Coroutine[Any, Any, Token]]


async def test_a_login_that_ends_is_told_a_quarter_of_an_hour_before() -> None:
    clock = ManualClock()
    chain = Chain(clock)
    tokens = auth._Renewing(chain, clock, auth.FAILURE_S)
    first = await tokens.token()
    known = standing()
    assert known is not None and (known.origin, known.problem) == ("ana@example.com by gcloud", "")
    assert known.said(clock.now()) == (Severity.OK, "Google login 60 min, renews")
    chain.failure = AuthenticationFailed("gcloud: Reauthentication required.", hint="run: gcloud auth login")
    await clock.advance(2000)
    assert await tokens.token() is first and chain.walks == 1, "nothing is asked while there is time"
    await clock.advance(3600 - 2000 - 720)
    assert await tokens.token() is first, "nobody waits for the next one"
    await clock.advance(0)
    known = standing()
    assert known is not None and known.problem == "gcloud: Reauthentication required."
    assert known.said(clock.now()) == (Severity.WARN, "Google login ends in 12 min")
    await tokens.token()
    await clock.advance(0)
    assert chain.walks == 2, "once a minute is enough"
    await clock.advance(720)
    assert known.said(clock.now()) == (Severity.CRIT, "credentials: expired, run gcloud auth login")
    with pytest.raises(AuthenticationFailed):
        await tokens.token()
    chain.failure = None
    await clock.advance(auth.FAILURE_S)
    await tokens.token()
    well = standing()
    assert well is not None and not well.problem, "after the login all is well again"
    await tokens.close()


async def test_the_next_token_is_there_before_the_last_has_ended() -> None:
    clock = ManualClock()
    chain = Chain(clock)
    tokens = auth._Renewing(chain, clock, auth.FAILURE_S)
    first = await tokens.token()
    await clock.advance(3000)
    assert await tokens.token() is first
    await clock.advance(0)
    second = await tokens.token()
    assert second is not first and chain.walks == 2
    await tokens.close()


async def test_a_token_that_nobody_renews_is_told_once_it_is_refused() -> None:
    clock = ManualClock()
    chain = Chain(clock)
    chain.renews = False
    tokens = auth._Renewing(chain, clock, auth.FAILURE_S)
    await tokens.token()
    tokens.forget()
    known = standing()
    assert known is not None
    assert known.said(clock.now()) == (Severity.CRIT, "credentials: expired, write a new one to the file")
    await tokens.close()


async def test_a_simulated_api_has_nothing_to_say(front: Any) -> None:
    identity.tell(Credentials("before"))
    clock = ManualClock()
    tokens = auth._Renewing(Chain(clock), clock)
    await tokens.token()
    assert standing() == Credentials("before")
    await tokens.close()
