"""One declared HTTP action: shown with its secrets masked, sent once, read back."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping

from cockpit.adapters.http.body import read_json
from cockpit.adapters.http.bounds import lookup
from cockpit.adapters.http.wire import (
    Answer,
    BadCertificate,
    Call,
    Progress,
    content_type,
    follow,
    headers_of,
    open_client,
    shown,
)
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Malformed, TimedOut, Unreachable
from cockpit.profile.schema import HttpAction
from cockpit.profile.secrets import SecretRef
from cockpit.text import clean

_EXCERPT = 200
_TOKEN = re.compile(r"[A-Za-z0-9-]+")


class HttpActionClient:
    """HttpCalling. Every exchange has a connection of its own, so that none is sent into a dead one."""

    def __init__(self, action: HttpAction, clock: Clock) -> None:
        self._action = action
        self._clock = clock

    @property
    def action(self) -> HttpAction:
        """The profile's declaration."""
        return self._action

    async def close(self) -> None:
        """Nothing is kept open."""

    def request(self) -> tuple[str, ...]:
        """Method, URL, headers and body as they will be sent, secrets as ***."""
        action = self._action
        lines = [f"{action.method} {shown(action.url)}"]
        if action.bearer is not None:
            lines.append("Authorization: Bearer ***")
        lines += [
            f"{clean(name, 100)}: {'***' if isinstance(value, SecretRef) else clean(value, 200)}"
            for name, value in self._headers().items()
        ]
        if action.body is not None:
            lines.append(clean(action.body))
        return tuple(lines)

    def curl(self) -> tuple[str, ...]:
        """One line; secrets as variables of the shell that runs it."""
        action = self._action
        words = ["curl", "-sS", "-X", action.method]
        if action.bearer is not None:
            words += ["-H", f'"Authorization: Bearer ${_variable(action.bearer, "TOKEN")}"']
        for name, value in self._headers().items():
            if isinstance(value, SecretRef) and _TOKEN.fullmatch(name):
                words += ["-H", f'"{name}: ${_variable(value, re.sub("[^A-Z0-9]", "_", name.upper()))}"']
            elif isinstance(value, str):
                words += ["-H", shlex.quote(clean(f"{name}: {value}"))]
        if action.body is not None:
            words += ["--data-raw", shlex.quote(clean(action.body))]
        return (" ".join([*words, shlex.quote(shown(action.url))]),)

    async def prepare(self) -> None:
        """Fetch the secrets, to see that they are there. Raises Misconfigured, TimedOut."""
        await headers_of(self._action.headers, self._action.bearer, self._action.body)

    async def read_back(self) -> str | None:
        """GET verify_url and look at verify_path; without that the first line of the answer, or only its status.

        Secrets go there only where it is the same origin as the action. Raises CockpitError.
        """
        action = self._action
        if action.verify_url is None:
            return None
        headers: dict[str, str] = {}
        if _origin(action.verify_url) == _origin(action.url):
            headers = await headers_of(action.headers, action.bearer)
        progress = Progress.within(action.timeout)
        answer = await self._exchange(Call("GET", action.verify_url, headers), progress, redirects=True)
        if not 200 <= answer.status < 300:
            raise Malformed(
                f"{shown(action.verify_url)} answers HTTP {answer.status}", hint="check verify_url in the profile"
            )
        if action.verify_path is not None:
            path = action.verify_path
            return await read_json(answer.content, lambda body: lookup(path, body))
        if action.verify_equals is not None:
            return _excerpt(answer.content)
        return f"HTTP {answer.status}"

    async def send(self) -> tuple[int, str]:
        """Once, with `timeout` for all of it; a redirect is an answer. (status, first line of the answer).

        Raises CockpitError, `effect_possible` from the moment when the request began to leave.
        """
        action = self._action
        headers = await headers_of(action.headers, action.bearer, action.body)
        progress = Progress.within(action.timeout)
        call = Call(action.method, action.url, headers, action.body)
        try:
            answer = await self._exchange(call, progress, redirects=False)
        except CockpitError as error:
            error.effect_possible = progress.sent
            raise
        return answer.status, _excerpt(answer.content)

    async def _exchange(self, call: Call, progress: Progress, *, redirects: bool) -> Answer:
        client = await open_client(call.url)
        try:
            async with asyncio.timeout(self._action.timeout):
                return await follow(client, call, lambda _: not redirects, progress)
        except TimeoutError:
            raise TimedOut(f"{shown(call.url)}: {progress.sentence(self._action.timeout)}") from None
        except BadCertificate as bad:
            progress.sent = False  # at most a proxy was asked to connect
            raise Unreachable(
                f"the certificate of {clean(bad.host, 200)} is not accepted: {bad.reason}; nothing was sent",
                hint="renew it; actions are never sent to a host that cannot prove its name",
            ) from None
        finally:
            await client.aclose()

    def _headers(self) -> Mapping[str, str | SecretRef]:
        return {**content_type(self._action.headers, self._action.body), **self._action.headers}


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme.lower()}://{re.split('[/?#]', rest, maxsplit=1)[0].lower()}"


def _variable(secret: SecretRef, otherwise: str) -> str:
    return secret.locator if secret.scheme == "env" and secret.locator.isidentifier() else otherwise


def _excerpt(content: bytes) -> str:
    text = content[: 4 * _EXCERPT].decode("utf-8", "replace").strip()
    return clean(text.splitlines()[0] if text else "", _EXCERPT)
