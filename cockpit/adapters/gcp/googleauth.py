"""google-auth, for tokens only: its transport over httpx, default credentials, impersonation. Blocking; loaded late.

A credential leaves this machine over https only. No message of google-auth is passed on as it is: some hold what a
token endpoint answered.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import google.auth
import google.auth.exceptions
import google.auth.transport
import httpx

from cockpit.adapters.gcp.settings import Settings, SocksProxy, bad_proxy, override_of, proxy_of, trust_of
from cockpit.errors import AuthenticationFailed, CockpitError, PermissionDenied, Unreachable
from cockpit.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_S = 10.0
LIFETIME_S = 3600
IAM = "https://iamcredentials.googleapis.com"
# Without a handler its warnings would be printed over the screen; what matters is in the errors.
logging.getLogger("google.auth").addHandler(logging.NullHandler())
_METADATA_HOSTS = ("metadata.google.internal", "metadata")
_LOGIN = "run: gcloud auth application-default login"
_CREATOR = "roles/iam.serviceAccountTokenCreator on it contains iam.serviceAccounts.getAccessToken"
# Tokens, keys and client secrets by their shape, and anything as long as one.
_SECRETIVE = re.compile(r"ya29\.\S+|1//\S+|GOCSPX-\S+|AIza\S+|eyJ\S+|-----BEGIN.*|[A-Za-z0-9+/_=.-]{60,}", re.DOTALL)


class _Response(google.auth.transport.Response):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.content


class HttpxRequest(google.auth.transport.Request):
    """google.auth.transport.Request with two httpx clients: one for Google, one for this machine and its metadata."""

    def __init__(self, client: httpx.Client, near: httpx.Client | None = None) -> None:
        self._client = client
        self._near = near or client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> _Response:
        """Make the request; TransportError for any failure to get an answer."""
        limit = min(timeout, TIMEOUT_S) if isinstance(timeout, int | float) else TIMEOUT_S
        client = self._client
        try:
            if urlsplit(url).scheme != "https":
                client = self._near_client(url, body, headers or {})
            return _Response(client.request(method, url, content=body, headers=dict(headers or {}), timeout=limit))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            plain = isinstance(error, _Plain | httpx.ProxyError)
            word = str(error) if plain else type(error).__name__
            hint = str(getattr(error.__cause__, "hint", ""))  # of a SOCKS proxy
            failure: Exception = google.auth.exceptions.TransportError(f"{_host(url)}: {word}", hint)  # type: ignore[no-untyped-call]  # theirs
            raise failure from None

    def _near_client(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> httpx.Client:
        """Without TLS only to this machine, or to read what the machine itself is told (metadata)."""
        host = urlsplit(url).hostname or ""
        named = host in (*_METADATA_HOSTS, os.environ.get("GCE_METADATA_HOST", "").partition(":")[0])
        sent = {name.lower() for name in headers}
        carries = "authorization" in sent or (body and "metadata-flavor" not in sent)
        if not _is_near(host, loopback=True) and (carries or not (named or _is_near(host, loopback=False))):
            raise _Plain("it is neither https nor on this machine: no credential is sent there")
        return self._near


class _WithoutProject(google.auth.transport.Request):
    """Nobody here wants the project's name, for which google-auth asks the Resource Manager."""

    def __init__(self, request: HttpxRequest) -> None:
        self._request = request

    def __call__(self, url: str, *args: Any, **kwargs: Any) -> _Response:
        """As HttpxRequest, but for that question."""
        if urlsplit(url).hostname == "cloudresourcemanager.googleapis.com":
            return _Response(httpx.Response(404, content=b"{}"))
        return self._request(url, *args, **kwargs)


class _Plain(ValueError):
    """Our own refusal: its words may be shown."""


def _is_near(host: str, *, loopback: bool) -> bool:
    if loopback and host == "localhost":
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return found.is_loopback if loopback else found.is_link_local


def _host(url: str) -> str:
    try:
        return clean(urlsplit(url).netloc.rpartition("@")[2], 120)
    except ValueError:
        return "an address that is none"


Granted = tuple[
    str, str, float, str
]  # token, origin, when it ends (seconds since the epoch, 0: unknown), quota project


def default_token(settings: Settings, chain: Sequence[str]) -> Granted:
    """Application default credentials: user, service account, workload identity, or those of the machine."""
    with _requests(settings) as request, _explained("application default credentials"):
        source, _ = google.auth.default(scopes=[SCOPE], request=_WithoutProject(request))
        if not chain:
            if not source.valid:
                source.refresh(request)  # type: ignore[no-untyped-call]  # google-auth's own gap
            return _granted(source, _origin(source))
        return _impersonated(source, _origin(source), chain, settings, request)


def token_acting_as(token: str, origin: str, chain: Sequence[str], settings: Settings) -> Granted:
    """With somebody's access token one of the service account at the end of the chain."""
    from google.oauth2.credentials import Credentials as Bare

    with _requests(settings) as request, _explained("impersonation"):
        return _impersonated(Bare(token), origin, chain, settings, request)  # type: ignore[no-untyped-call]  # theirs


def _impersonated(
    source: Credentials, origin: str, chain: Sequence[str], settings: Settings, request: HttpxRequest
) -> Granted:
    from google.auth import impersonated_credentials

    *delegates, target = chain
    base = (override_of(settings, "iamcredentials") or IAM).rstrip("/")
    acting = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]  # theirs
        source_credentials=source,
        target_principal=target,
        target_scopes=[SCOPE],
        delegates=delegates,
        lifetime=LIFETIME_S,
        iam_endpoint_override=f"{base}/v1/projects/-/serviceAccounts/{target}:generateAccessToken",
    )
    try:
        acting.refresh(request)  # type: ignore[no-untyped-call]  # theirs
    except google.auth.exceptions.RefreshError as error:
        if len(error.args) < 2 or "impersonated" not in str(error.args[0]):
            raise
        raise _not_impersonated(error.args[1], target) from None
    through = f" through {', '.join(delegates)}" if delegates else ""
    return _granted(acting, f"{origin}, as {target}{through}")


def _not_impersonated(body: object, target: str) -> CockpitError:
    """What the IAM Credentials API said; of an answer without an error in it nothing is repeated."""
    try:
        found = json.loads(str(body))["error"]
        said, code = f": {_harmless(str(found['message']))}", found.get("code")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said, code = "", 0
    if code == 403:
        missing = "iam.serviceAccounts.getAccessToken"
        return PermissionDenied(f"may not act as {target}{said}", missing=missing, hint=_CREATOR)
    return AuthenticationFailed(f"no token to act as {target}{said}", hint=_CREATOR)


def _granted(credentials: Any, origin: str) -> Granted:
    if not credentials.token:
        raise AuthenticationFailed(f"{origin}: no token was given", hint=_LOGIN)
    # google-auth's expiry is naive UTC.
    ends = credentials.expiry.replace(tzinfo=UTC).timestamp() if isinstance(credentials.expiry, datetime) else 0.0
    quota = getattr(credentials, "quota_project_id", None) or ""
    return str(credentials.token), origin, ends, str(quota)


def _origin(credentials: Any) -> str:
    """Who they are and what gives them: the module of google-auth tells the kind."""
    kind = type(credentials).__module__
    account = clean(str(getattr(credentials, "service_account_email", "") or ""), 120)
    if "compute_engine" in kind:
        return f"{account if '@' in account else 'the service account'} of this machine"
    if "service_account" in kind:
        return f"{account} by a key file"
    if any(each in kind for each in ("identity_pool", "aws", "pluggable", "external_account")):
        return f"{f'{account} by ' if account else ''}workload identity federation"
    if "impersonated" in kind:
        return f"application default credentials, as {account}"
    user = clean(str(getattr(credentials, "account", "") or ""), 120)
    return f"{user} by application default credentials" if user else "application default credentials"


@contextmanager
def _requests(settings: Settings) -> Iterator[HttpxRequest]:
    proxy, trust = proxy_of(settings), trust_of(settings)
    try:
        if isinstance(proxy, SocksProxy):
            from cockpit.adapters.gcp.socks import transport

            secure = httpx.Client(timeout=TIMEOUT_S, transport=transport(proxy, trust))
        else:
            secure = httpx.Client(timeout=TIMEOUT_S, proxy=proxy, verify=trust)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise bad_proxy() from None
    with secure as far, httpx.Client(timeout=TIMEOUT_S, trust_env=False, verify=False) as near:  # noqa: S501 - plain http only
        yield HttpxRequest(far, near)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Errors of google-auth in our words. Nothing that could be a secret is repeated."""
    failures = google.auth.exceptions
    try:
        yield
    except CockpitError:
        raise
    except failures.DefaultCredentialsError as error:
        said = str(error.args[0]) if error.args else ""
        none = not said or said.startswith("Your default credentials")
        why = f"no {what}" if none else f"{what}: {_harmless(said)}"
        raise AuthenticationFailed(why, hint=_LOGIN) from None
    except failures.ReauthFailError:
        raise AuthenticationFailed(f"{what}: the organisation wants a new login", hint=_LOGIN) from None
    except failures.TransportError as error:
        said = _harmless(str(error.args[0] if error.args else ""))
        hint = str(error.args[1]) if len(error.args) > 1 else ""
        raise Unreachable(f"{what}: {said}", hint=hint or "check network and proxy") from None
    except failures.GoogleAuthError as error:
        said = _harmless(str(error.args[0] if error.args else type(error).__name__))
        raise AuthenticationFailed(f"{what}: {said}", hint=_LOGIN) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, httpx.HTTPError, ImportError) as error:
        word = type(error).__name__
        raise AuthenticationFailed(f"{what} are unusable: {word}", hint=_LOGIN) from None


def _harmless(said: str) -> str:
    return clean(_SECRETIVE.sub("***", said), 200).rstrip(". ")
