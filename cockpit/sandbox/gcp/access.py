"""Who may do what at the control planes: tokens that expire or are refused, revocable permissions, read quota."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cockpit.sandbox.gcp.errors import ApiError, info
from cockpit.sandbox.http import Request, Response

DEFAULT_PRINCIPAL = "oncall@shop.example"
_QUOTA_METRIC = "logging.googleapis.com/read_requests"


@dataclass(frozen=True, slots=True)
class Token:
    """One access token."""

    principal: str
    expires: float  # monotonic seconds


class Tokens:
    """Issues and checks OAuth 2 access tokens (RFC 6749, client credentials)."""

    def __init__(self, lifetime_s: float = 3600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.lifetime_s = lifetime_s
        self.refuse = False  # the token endpoint answers 401
        self.issued = 0
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    def issue(self, principal: str = DEFAULT_PRINCIPAL) -> str:
        """A new token for this principal."""
        token = f"ya29.sandbox-{secrets.token_urlsafe(24)}"
        self._tokens[token] = Token(principal, self._clock() + self.lifetime_s)
        self.issued += 1
        return token

    def expire_all(self) -> None:
        """Every token issued so far stops working."""
        self._tokens.clear()

    def principal(self, request: Request) -> str:
        """Who sends this; UNAUTHENTICATED without a valid token."""
        token = self._tokens.get(request.bearer)
        if token is None or token.expires <= self._clock():
            raise ApiError(
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                "other valid authentication credential. See "
                "https://developers.google.com/identity/sign-in/web/devconsole-project.",
                info("ACCESS_TOKEN_EXPIRED" if request.bearer else "CREDENTIALS_MISSING", "googleapis.com"),
            )
        return token.principal

    async def endpoint(self, request: Request) -> Response:
        """POST /token with grant_type=client_credentials; client_id, if any, is the principal."""
        form = request.form()
        if request.method != "POST":
            return Response.of({"error": "invalid_request", "error_description": "use POST"}, 405)
        if self.refuse:
            return Response.of({"error": "invalid_grant", "error_description": "Bad Request"}, 401)
        if form.get("grant_type") != "client_credentials":
            return Response.of({"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}, 400)
        return Response.of(
            {
                "access_token": self.issue(form.get("client_id") or DEFAULT_PRINCIPAL),
                "expires_in": int(self.lifetime_s),
                "token_type": "Bearer",
            }
        )


class Permissions:
    """Everybody may do everything, less what was revoked."""

    def __init__(self) -> None:
        self._revoked: set[tuple[str, str]] = set()

    def revoke(self, permission: str, principal: str = DEFAULT_PRINCIPAL) -> None:
        """Take one permission, e.g. run.services.update, from a principal."""
        self._revoked.add((principal, permission))

    def restore(self, permission: str, principal: str = DEFAULT_PRINCIPAL) -> None:
        """Give it back."""
        self._revoked.discard((principal, permission))

    def allowed(self, principal: str, permission: str) -> bool:
        """Whether the principal has it."""
        return (principal, permission) not in self._revoked

    def check(self, principal: str, permission: str, resource: str) -> None:
        """PERMISSION_DENIED unless allowed."""
        if not self.allowed(principal, permission):
            raise ApiError(
                "PERMISSION_DENIED",
                f"Permission '{permission}' denied on resource '{resource}' (or resource may not exist).",
                info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission, resource=resource),
            )


class ReadQuota:
    """Reads of the log a minute, for the whole project, as Cloud Logging counts them."""

    def __init__(self, per_minute: int = 60, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.reads = 0
        self._clock = clock
        self._recent: deque[float] = deque()

    def take(self, project: str) -> None:
        """Count one read; RESOURCE_EXHAUSTED when the minute is used up."""
        now = self._clock()
        while self._recent and self._recent[0] <= now - 60.0:
            self._recent.popleft()
        if len(self._recent) >= self.per_minute:
            raise ApiError(
                "RESOURCE_EXHAUSTED",
                f"Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of service "
                f"'logging.googleapis.com' for consumer 'project_number:{project}'.",
                info(
                    "RATE_LIMIT_EXCEEDED",
                    "googleapis.com",
                    service="logging.googleapis.com",
                    quota_metric=_QUOTA_METRIC,
                    quota_limit="ReadRequestsPerMinutePerProject",
                    quota_limit_value=str(self.per_minute),
                ),
            )
        self._recent.append(now)
        self.reads += 1
