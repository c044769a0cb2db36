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

from cockpit.adapters.gcp.identity import chain_of, tell
from cockpit.adapters.gcp.settings import settings_of
from cockpit.clock import Clock
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    PermissionDenied,
    TimedOut,
    Unreachable,
)
from cockpit.model.credentials import Credentials
from cockpit.profile.secrets import Secret
from cockpit.text import clean

EARLY_S = 90.0  # a token is not used for this long before it ends
AHEAD_S = 900.0  # and a new one is asked for this long before: so a login that has ended is known in time
AGAIN_S = 60.0  # between two such attempts
ADC_S = 20.0
FILE_TOKEN_S = 300.0  # how long the token of a file is trusted without reading it again
GCLOUD_S = 15.0
REAP_S = 2.0
FAILURE_S = 20.0  # a chain that found nothing is not walked again before: gcloud costs half a second each time
LOGIN = "run: gcloud auth application-default login (or gcloud auth login)"
Granted = tuple[str, str, float, str]  # of googleauth: token, origin, end, quota project


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, where it came from, until when (seconds since the epoch) and whose quota it uses."""

    value: Secret
    origin: str
    expires: float
    quota_project: str = ""
    renews: bool = True  # the next one is another; a file has the same until somebody writes it


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
    try:
        host = urlsplit(url).hostname or ""
        if host == "localhost":
            return True
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
        self._hold_failure_s = hold_failure_s  # 0 for a simulated API, which the status bar has nothing to say of
        self._failure: AuthenticationFailed | PermissionDenied | None = None
        self._failed_at = float("-inf")
        self._tried_at = float("-inf")

    async def token(self) -> Token:
        if self._token is not None and self._clock.now().timestamp() < self._token.expires:
            self._ahead(self._token)
            return self._token
        if self._failure is not None and self._clock.monotonic() < self._failed_at + self._hold_failure_s:
            raise type(self._failure)(self._failure.message, hint=self._failure.hint)
        self._token = await self._renewed()
        return self._token

    async def _renewed(self) -> Token:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetched())
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        renewal = self._renewal
        try:
            return await asyncio.shield(renewal)
        finally:
            if renewal.done() and self._renewal is renewal:
                self._renewal = None

    async def _fetched(self) -> Token:
        """A new token; how it went is known to all."""
        try:
            token = await self._fetch()
        except CockpitError as error:
            if isinstance(error, AuthenticationFailed | PermissionDenied):
                self._failure, self._failed_at = error, self._clock.monotonic()
                self._tell(error)
            raise
        self._token, self._failure = token, None
        if self._hold_failure_s:
            tell(Credentials(token.origin, datetime.fromtimestamp(token.expires + EARLY_S, UTC)))
        return token

    def _ahead(self, token: Token) -> None:
        """Ask for the next token while this one lasts: nobody waits for it, and a login that has ended is seen."""
        now = self._clock.monotonic()
        soon = self._clock.now().timestamp() >= token.expires + EARLY_S - AHEAD_S
        if not self._hold_failure_s or not token.renews or not soon or now < self._tried_at + AGAIN_S:
            return
        if self._renewal is None:
            self._tried_at = now
            self._renewal = asyncio.create_task(self._fetched())
            self._renewal.add_done_callback(self._came)

    def _came(self, task: asyncio.Task[Token]) -> None:
        task.cancelled() or task.exception()
        if self._renewal is task:
            self._renewal = None

    def _tell(self, error: CockpitError) -> None:
        if not self._hold_failure_s:
            return
        ends = datetime.fromtimestamp(self._token.expires + EARLY_S, UTC) if self._token is not None else None
        origin = self._token.origin if self._token is not None else ""
        fix = error.hint.removesuffix(" (or gcloud auth login)").removeprefix("run: ")
        tell(Credentials(origin, ends, error.message, f"run {fix}" if fix.startswith("gcloud") else fix))

    def forget(self) -> None:
        """The next is to be a new one. One that does not renew, and is not accepted, has expired."""
        if self._token is not None and not self._token.renews and self._hold_failure_s:
            said = f"the token of {self._token.origin} is not accepted"
            tell(Credentials(self._token.origin, None, said, "write a new one to the file"))
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
    """ADC, else gcloud, else the file that CLOUDSDK_AUTH_ACCESS_TOKEN_FILE names; as whom the profile wants."""
    reasons: list[str] = []
    denied: PermissionDenied | None = None
    steps: Sequence[Callable[[Mapping[str, str]], Coroutine[Any, Any, Token]]] = (
        _default_credentials,
        _gcloud_token,
        _token_file,
    )
    for step in steps:
        try:
            return await step(environ)
        except Misconfigured:
            raise  # of the way there, or the account to act as: the next kind of credentials fares no better
        except CockpitError as error:
            reasons.append(error.message)
            denied = error if isinstance(error, PermissionDenied) else denied
    if denied is not None:  # there are credentials; they may not act as the account that is wanted
        raise denied
    raise AuthenticationFailed(f"no Google credentials: {'; '.join(reasons)}", hint=LOGIN)


async def _default_credentials(environ: Mapping[str, str]) -> Token:
    """google-auth's default chain, and on from there to the account that is wanted."""

    def ask() -> Granted:
        from cockpit.adapters.gcp.googleauth import default_token

        settings = settings_of(environ)
        return default_token(settings, chain_of(settings))

    return _token(await _in_thread(ask, "application default credentials"))


async def _in_thread(ask: Callable[[], Granted], what: str) -> Granted:
    """google-auth blocks, so it gets a thread of its own, a daemon that nothing waits for beyond a deadline."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Granted] = loop.create_future()

    def settle(result: Granted | None, error: Exception | None) -> None:
        if future.done():
            return
        if result is not None:
            future.set_result(result)
        else:
            future.set_exception(error or AuthenticationFailed(f"{what} gave no token", hint=LOGIN))

    def run() -> None:
        result: Granted | None = None
        failure: Exception | None = None
        try:
            result = ask()
        except CockpitError as error:
            failure = error
        except Exception as error:  # its words may hold a key
            failure = AuthenticationFailed(f"{what} are unusable: {type(error).__name__}", hint=LOGIN)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True, name="google-auth").start()
    try:
        return await asyncio.wait_for(future, ADC_S)
    except TimeoutError:
        raise TimedOut(f"{what} gave no token within {ADC_S:g} s", hint="check network and proxy") from None


def _token(granted: Granted) -> Token:
    value, origin, ends, quota = granted
    return Token(Secret(value), origin, (ends or datetime.now(UTC).timestamp() + FILE_TOKEN_S) - EARLY_S, quota)


async def _gcloud_token(environ: Mapping[str, str]) -> Token:
    """`gcloud config config-helper`: the account of `gcloud auth login`. It impersonates by itself."""
    chain = ",".join(chain_of(await asyncio.to_thread(settings_of, environ)))
    acting = {"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": chain} if chain else {}
    try:
        process = await asyncio.create_subprocess_exec(
            "gcloud",
            "config",
            "config-helper",
            "--format=json",
            f"--min-expiry={AHEAD_S:.0f}s",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**environ, **acting, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
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
        told = [line for line in lines if not line.startswith("WARNING:")] or lines
        raise AuthenticationFailed(f"gcloud: {clean(told[0], 160)}", hint="run: gcloud auth login")
    return _parse_config_helper(output, chain)


def _parse_config_helper(output: bytes, chain: str) -> Token:
    try:
        answer = json.loads(output)
        credential = answer["credential"]
        value = str(credential["access_token"])
        expires = datetime.fromisoformat(credential["token_expiry"]).timestamp() - EARLY_S
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed("gcloud config config-helper answered something else than a credential") from None
    try:
        account = clean(str(answer["configuration"]["properties"]["core"]["account"]), 120)
    except (KeyError, TypeError):
        account = ""
    origin = f"{account} by gcloud" if account else "gcloud"
    return Token(Secret(value), f"{origin}, as {chain.rpartition(',')[2]}" if chain else origin, expires)


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
    chain = chain_of(await asyncio.to_thread(settings_of, environ))
    if not chain:
        ends = datetime.now(UTC).timestamp() + FILE_TOKEN_S
        return Token(Secret(value), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", ends, renews=False)

    def ask() -> Granted:
        from cockpit.adapters.gcp.googleauth import token_acting_as

        return token_acting_as(value, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", chain, settings_of(environ))

    return _token(await _in_thread(ask, "impersonation"))
