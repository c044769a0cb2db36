"""Errors as Google's APIs send them: an HTTP status, a canonical code, a sentence, details."""

from __future__ import annotations

from typing import Any

from cockpit.sandbox.http import Response

_HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
}


class ApiError(Exception):
    """One refusal; `code` is a canonical google.rpc.Code name."""

    def __init__(self, code: str, message: str, *details: dict[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def response(self) -> Response:
        """The body as in https://google.aip.dev/193 over HTTP."""
        number = _HTTP[self.code]
        error: dict[str, Any] = {"code": number, "message": self.message, "status": self.code}
        if self.details:
            error["details"] = list(self.details)
        headers = (("www-authenticate", 'Bearer realm="https://accounts.google.com/"'),) if number == 401 else ()
        return Response.of({"error": error}, number, headers)


def info(reason: str, domain: str, **metadata: str) -> dict[str, Any]:
    """A google.rpc.ErrorInfo."""
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": domain,
        "metadata": metadata,
    }
