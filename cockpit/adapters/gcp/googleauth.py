"""google-auth's transport interface over httpx, so that it needs no further HTTP library. Imported lazily."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import google.auth.exceptions
import google.auth.transport
import httpx


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
    """google.auth.transport.Request with one httpx client."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

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
        limit = timeout if isinstance(timeout, int | float) else 10.0
        try:
            return _Response(
                self._client.request(method, url, content=body, headers=dict(headers or {}), timeout=limit)
            )
        except httpx.HTTPError as error:
            failure: Exception = google.auth.exceptions.TransportError(str(error))  # type: ignore[no-untyped-call]  # theirs
            raise failure from error
