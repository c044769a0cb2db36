"""Access tokens for Google's APIs: application default credentials, else gcloud's, else a token file; and for an API
that is simulated on this machine a token from there. A real credential never goes to a plain-http address.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from cockpit.clock import Clock
from cockpit.errors import AuthenticationFailed, CockpitError, Malformed, Misconfigured, TimedOut, Unreachable
from cockpit.profile.secrets import Secret
from cockpit.text import clean

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EARLY_S = 90.0  # a token is renewed this long before it ends
FILE_TOKEN_S = 300.0  # how long the token of a file is trusted without reading it again
GCLOUD_S = 15.0
REAP_S = 2.0
FAILURE_S = 20.0  # a chain that found nothing is not walked again before: gcloud costs half a second each time
_LOGIN = "run: gcloud auth application-default login (or gcloud auth login)"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, where it came from, until when (seconds since the epoch) and whose quota it uses."""

    value: Secret
    origin: str
    expires: float
    quota_project: str = ""


class TokenSource(Protocol):
    """Gives tokens."""

    async def token(self) -> Token:
        """One that is valid now; AuthenticationFailed when there is none."""

    def forget(self) -> None:
        """The last one was not accepted: the next is to be a new one."""

    async def close(self) -> None:
        """Stop a renewal that is under way."""


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine: localhost or a loopback address, nothing that a resolver could send away."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tokens_for(
    base_url: str, client: Callable[[], Coroutine[Any, Any, httpx.AsyncClient]], clock: Clock
) -> TokenSource:
    """The right source for an API address; Misconfigured for plain http to another machine."""
    if urlsplit(base_url).scheme == "https":
        return _Renewing(_google_token, clock, FAILURE_S)
    if not is_loopback(base_url):
        raise Misconfigured(
            f"{clean(base_url)} is neither https nor on this machine: no credential is sent there",
            hint="use https, or a loopback address for a simulated API",
        )

    async def simulated() -> Token:
        return await _loopback_token(base_url, await client(), clock)

    return _Renewing(simulated, clock)


class _Renewing:
    """Keeps a token until shortly before its end. A renewal outlives the poll that asked for it."""

    def __init__(
        self, fetch: Callable[[], Coroutine[Any, Any, Token]], clock: Clock, hold_failure_s: float = 0.0
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._renewal: asyncio.Task[Token] | None = None
        self._hold_failure_s = hold_failure_s
        self._failure: AuthenticationFailed | None = None
        self._failed_at = float("-inf")

    async def token(self) -> Token:
        if self._token is not None and self._clock.now().timestamp() < self._token.expires:
            return self._token
        if self._failure is not None and self._clock.monotonic() < self._failed_at + self._hold_failure_s:
            raise AuthenticationFailed(self._failure.message, hint=self._failure.hint)
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetch())
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        renewal = self._renewal
        try:
            token = await asyncio.shield(renewal)
        except AuthenticationFailed as error:
            self._failure, self._failed_at = error, self._clock.monotonic()
            raise
        finally:
            if renewal.done():
                self._renewal = None
        self._token, self._failure = token, None
        return token

    def forget(self) -> None:
        self._token = None

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
            self._renewal = None


async def _loopback_token(base_url: str, client: httpx.AsyncClient, clock: Clock) -> Token:
    url = f"{base_url}/token"
    try:
        answer = await client.post(url, data={"grant_type": "client_credentials"})
        body = answer.json() if answer.status_code == httpx.codes.OK else {}
        value, lifetime = str(body["access_token"]), float(body.get("expires_in", 3600))
    except httpx.TimeoutException as error:
        raise TimedOut(f"{url} gives no token in time") from error
    except httpx.HTTPError as error:
        said = clean(str(error), 200) or type(error).__name__
        raise Unreachable(
            f"{url} gives no token: {said[:1].lower()}{said[1:]}", hint="is the simulated API running there?"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AuthenticationFailed(f"{url} gives no token", hint="is the simulated API running there?") from error
    return Token(Secret(value), "simulated token endpoint", clock.now().timestamp() + max(1.0, lifetime - EARLY_S))


async def _google_token(environ: Mapping[str, str] = os.environ) -> Token:
    """ADC, else gcloud, else the file that CLOUDSDK_AUTH_ACCESS_TOKEN_FILE names."""
    reasons: list[str] = []
    steps: Sequence[Callable[[Mapping[str, str]], Coroutine[Any, Any, Token]]] = (
        _default_credentials,
        _gcloud_token,
        _token_file,
    )
    for step in steps:
        try:
            return await step(environ)
        except CockpitError as error:
            reasons.append(error.message)
    raise AuthenticationFailed(f"no Google credentials: {'; '.join(reasons)}", hint=_LOGIN)


async def _default_credentials(environ: Mapping[str, str]) -> Token:
    """google-auth's default chain; it blocks, so it gets a thread of its own, a daemon that nothing waits for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Token] = loop.create_future()

    def settle(result: Token | None, error: CockpitError | None) -> None:
        if future.done():
            return
        if result is not None:
            future.set_result(result)
        else:
            future.set_exception(error or AuthenticationFailed("application default credentials gave no token"))

    def run() -> None:
        result: Token | None = None
        failure: CockpitError | None = None
        try:
            result = _blocking_default_credentials()
        except CockpitError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True, name="google-auth").start()
    return await future


def _blocking_default_credentials() -> Token:
    import google.auth
    import google.auth.exceptions

    from cockpit.adapters.gcp.googleauth import HttpxRequest

    try:
        with httpx.Client(timeout=10.0) as client:
            request = HttpxRequest(client)
            credentials, _ = google.auth.default(scopes=[SCOPE], request=request)
            credentials.refresh(request)  # type: ignore[no-untyped-call]  # google-auth's own gap
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise AuthenticationFailed("no application default credentials") from error
    except google.auth.exceptions.GoogleAuthError as error:
        raise AuthenticationFailed(f"application default credentials: {clean(str(error), 200)}") from error
    except (OSError, ValueError, httpx.HTTPError, ImportError) as error:
        raise AuthenticationFailed(f"application default credentials are unusable: {type(error).__name__}") from error
    if not credentials.token:
        raise AuthenticationFailed("application default credentials gave no token")
    # google-auth's expiry is naive UTC.
    expiry = credentials.expiry.replace(tzinfo=UTC).timestamp() if credentials.expiry else 0.0
    expires = (expiry or datetime.now(UTC).timestamp() + FILE_TOKEN_S) - EARLY_S
    quota = getattr(credentials, "quota_project_id", None) or ""
    return Token(Secret(credentials.token), "application default credentials", expires, quota)


async def _gcloud_token(environ: Mapping[str, str]) -> Token:
    """`gcloud config config-helper`: the account of `gcloud auth login`."""
    try:
        process = await asyncio.create_subprocess_exec(
            "gcloud",
            "config",
            "config-helper",
            "--format=json",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
        )
    except OSError as error:
        raise AuthenticationFailed("gcloud is not installed") from error
    try:
        output, complaint = await asyncio.wait_for(process.communicate(), GCLOUD_S)
    except TimeoutError:
        raise TimedOut(f"gcloud gave no token within {GCLOUD_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Bounded: asyncio waits for the pipes too, and somebody else may hold them.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), REAP_S)
    if process.returncode != 0:
        lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["it failed"]
        raise AuthenticationFailed(f"gcloud: {clean(lines[0], 160)}")
    return _parse_config_helper(output)


def _parse_config_helper(output: bytes) -> Token:
    try:
        credential = json.loads(output)["credential"]
        value = str(credential["access_token"])
        expires = datetime.fromisoformat(credential["token_expiry"]).timestamp() - EARLY_S
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed("gcloud config config-helper answered something else than a credential") from error
    return Token(Secret(value), "gcloud", expires)


async def _token_file(environ: Mapping[str, str]) -> Token:
    name = environ.get("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "")
    if not name:
        raise AuthenticationFailed("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE is not set")
    try:
        value = (await asyncio.to_thread(Path(name).read_text)).strip()
    except (OSError, ValueError) as error:
        raise AuthenticationFailed("the file in CLOUDSDK_AUTH_ACCESS_TOKEN_FILE cannot be read") from error
    if not value:
        raise AuthenticationFailed("the file in CLOUDSDK_AUTH_ACCESS_TOKEN_FILE is empty")
    return Token(Secret(value), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", datetime.now(UTC).timestamp() + FILE_TOKEN_S)
