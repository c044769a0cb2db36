"""Who we are, as the cluster wants to hear it: a token, a file read again and again, or an exec plugin of the
kubeconfig. A plugin runs without a shell, without a terminal, one at a time, with a deadline; what it complains of is
shown (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cockpit.adapters.kube.kubeconfig import Place, Plugin
from cockpit.clock import Clock
from cockpit.errors import AuthenticationFailed, CockpitError, Misconfigured, TimedOut
from cockpit.profile.secrets import Secret
from cockpit.text import clean, clean_lines

PLUGIN_S = 30.0
GRACE_S = 1.0
EARLY_S = 60.0  # a credential is not used for this long before it ends
FAILURE_S = 5.0  # a plugin that failed is not run again before
FILE_S = 30.0  # how long a token of a file is used without reading it again
OUTPUT_BYTES = 1 << 20
_SECRETIVE = re.compile(r"ya29\.\S+|1//\S+|eyJ\S+|-----BEGIN.*|[A-Za-z0-9+/_=-]{60,}", re.DOTALL)

_COMPLAINS = re.compile(r"(?i)error|denied|failed|fatal|expired|log ?in")


@dataclass(frozen=True, slots=True)
class Credential:
    """What is sent. `ends` in seconds since the epoch, None for unknown."""

    token: Secret | None = None
    certificate: Secret | None = None  # PEM, with `key`
    key: Secret | None = None
    ends: float | None = None

    def headers(self) -> dict[str, str]:
        """The header with the token, none without one."""
        return {"Authorization": f"Bearer {self.token.reveal()}"} if self.token is not None else {}


class Credentials:
    """Gives the credential of a place; renews it shortly before it ends, and when it was not accepted."""

    def __init__(self, place: Place, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._place = place
        self._clock = clock
        self._environ = environ
        self._current: Credential | None = None
        self._read_at = float("-inf")
        self._use_until = float("-inf")
        self._renewal: asyncio.Task[Credential] | None = None
        self._failure: CockpitError | None = None
        self._failed_at = float("-inf")
        self._closed = False

    @property
    def renewable(self) -> bool:
        """Whether another credential can come after one that was refused."""
        login = self._place.login
        return login.token is None and bool(login.token_file or login.plugin)

    async def credential(self) -> Credential:
        """One that is valid now. Raises AuthenticationFailed, Misconfigured or TimedOut."""
        login = self._place.login
        if login.token is not None or not (login.token_file or login.plugin):
            return Credential(token=login.token)
        if self._current is not None and self._valid(self._current):
            return self._current
        if self._failure is not None and self._clock.monotonic() < self._failed_at + FAILURE_S:
            raise self._failure.with_traceback(None)
        return await self._renewed()

    def forget(self, refused: Credential) -> None:
        """That one was not accepted. A newer one, fetched meanwhile, stays."""
        if self._current is refused:
            self._current = None

    async def close(self) -> None:
        """End a plugin that runs, with all it has started."""
        self._closed = True
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
            self._renewal = None

    def _valid(self, credential: Credential) -> bool:
        if self._place.login.token_file:
            return self._clock.monotonic() < self._read_at + FILE_S
        return credential.ends is None or self._clock.now().timestamp() < self._use_until

    async def _renewed(self) -> Credential:
        if self._closed:
            raise AuthenticationFailed(f"context {self._place.context}: closed")
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetched())
            self._renewal.add_done_callback(self._came)
        return await asyncio.shield(self._renewal)

    def _came(self, task: asyncio.Task[Credential]) -> None:
        task.cancelled() or task.exception()
        if self._renewal is task:
            self._renewal = None

    async def _fetched(self) -> Credential:
        login = self._place.login
        try:
            if login.token_file:
                found = await asyncio.to_thread(_file_token, self._place.context, login.token_file)
            else:
                assert login.plugin is not None  # noqa: S101 - credential() asked before
                found = await run_plugin(login.plugin, self._place, self._environ)
        except CockpitError as error:
            self._failure, self._failed_at = error, self._clock.monotonic()
            raise
        if found.ends is not None and found.ends <= self._clock.now().timestamp():
            self._failure = AuthenticationFailed(
                f"context {self._place.context}: {login.said} gave credentials that have already expired",
                hint="log in again; check the clock of this machine",
            )
            self._failed_at = self._clock.monotonic()
            raise self._failure
        if found.ends is not None:
            # One that ends soon already is used for half of its time: a plugin may have no other for now.
            now = self._clock.now().timestamp()
            self._use_until = max(found.ends - EARLY_S, now + min((found.ends - now) / 2, EARLY_S))
        self._current, self._failure, self._read_at = found, None, self._clock.monotonic()
        return found


def _file_token(context: str, path: str) -> Credential:
    try:
        with Path(path).open("rb") as file:
            value = file.read(64 * 1024).decode("ascii").strip()
    except (OSError, ValueError) as error:
        reason = clean(str(getattr(error, "strerror", None) or "it holds no token"), 120)
        raise AuthenticationFailed(
            f"context {context}: the token file {clean(path, 200)} cannot be used: {reason}", hint="log in again"
        ) from None
    if not value or not value.isprintable():
        raise AuthenticationFailed(
            f"context {context}: the token file {clean(path, 200)} holds no token", hint="log in again"
        )
    return Credential(token=Secret(value))


async def run_plugin(
    plugin: Plugin, place: Place, environ: Mapping[str, str], deadline_s: float = PLUGIN_S
) -> Credential:
    """Run it once to its end. The whole process group is ended in every case, also when the caller is cancelled."""
    name = clean(plugin.command.rpartition("/")[2], 80)
    where = f"context {place.context}: the plugin {name}"
    if plugin.needs_terminal:
        raise AuthenticationFailed(
            f"{where} works only with a terminal (interactiveMode Always)",
            hint="use a token or another login for the cockpit",
        )
    told = {"KUBERNETES_EXEC_INFO": json.dumps(_exec_info(plugin, place))}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**environ, **dict(plugin.env), **told},
        )
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "is not installed" if missing else f"cannot be started: {getattr(error, 'strerror', 'it has a NUL')}"
        raise Misconfigured(f"{where} {reason}", hint=plugin.install or _advice(name)) from None
    try:
        async with asyncio.timeout(deadline_s):
            output, complaint = await asyncio.gather(_most(process.stdout), _most(process.stderr))
            status = await process.wait()
    except TimeoutError:
        raise TimedOut(
            f"{where} gave no credentials within {deadline_s:g} s and was ended",
            hint=f"run it by hand: {name} may wait for a login",
        ) from None
    finally:
        await asyncio.shield(_end(process))
    said = _complaint(complaint)
    if status != 0:
        raise AuthenticationFailed(
            f"{where} ended with status {status}{f': {said}' if said else ' and said nothing'}", hint=_advice(name)
        )
    return _parsed(output, plugin, where, said)


def _advice(name: str) -> str:
    if name == "gke-gcloud-auth-plugin":
        return "gcloud auth login, or: gcloud components install gke-gcloud-auth-plugin"
    return f"run {name} by hand, or log in again"


def _complaint(text: bytes) -> str:
    """What it wrote to stderr, from the first line that speaks of an error; a traceback says it in its last line.
    Nothing in it looks like a token any more.
    """
    lines = [line.strip() for line in clean_lines(text[-8192:], limit=600) if line.strip()]
    first = next((index for index, line in enumerate(lines) if _COMPLAINS.search(line)), max(0, len(lines) - 3))
    if lines and lines[0].startswith("Traceback"):
        first = len(lines) - 1
    told = " / ".join(lines[first : first + 3])
    told = told.rpartition("(err: ")[2] if "(err: " in told else told  # of gke-gcloud-auth-plugin: gcloud's own words
    return clean(_SECRETIVE.sub("***", told), 300).strip()


async def _most(stream: asyncio.StreamReader | None) -> bytes:
    kept = bytearray()
    if stream is not None:
        while chunk := await stream.read(65536):
            kept += chunk[: max(0, OUTPUT_BYTES - len(kept))]  # the rest is read and dropped
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what is left of the process group: gently first while the plugin itself still runs."""
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_S)
    _signal(process, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_S)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # ProcessLookupError: the group is empty. PermissionError: macOS says this for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _exec_info(plugin: Plugin, place: Place) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.wants_cluster:
        cluster: dict[str, Any] = {"server": place.server}
        if place.server_name:
            cluster["tls-server-name"] = place.server_name
        if not place.verified:
            cluster["insecure-skip-tls-verify"] = True
        if place.authority:
            cluster["certificate-authority-data"] = base64.b64encode(place.authority.encode()).decode()
        if place.proxy:
            cluster["proxy-url"] = place.proxy
        spec["cluster"] = cluster
    return {"apiVersion": plugin.api, "kind": "ExecCredential", "spec": spec}


def _parsed(output: bytes, plugin: Plugin, where: str, said: str) -> Credential:
    more = f": {said}" if said else ""
    try:
        answer = json.loads(output)
        kind, api, status = answer["kind"], answer["apiVersion"], answer["status"]
        token = status.get("token") or ""
        certificate, key = status.get("clientCertificateData") or "", status.get("clientKeyData") or ""
        ends = _moment(status.get("expirationTimestamp"))
        usable = kind == "ExecCredential" and all(isinstance(each, str) for each in (token, certificate, key))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        usable, api, token, certificate, key, ends = False, plugin.api, "", "", "", None
    if not usable:
        raise AuthenticationFailed(f"{where} printed no ExecCredential{more}", hint="update it, or log in again")
    if api != plugin.api:
        raise AuthenticationFailed(
            f"{where} answered with {clean(str(api), 80)}, the kubeconfig says {plugin.api}",
            hint="fetch the kubeconfig again, or update the plugin",
        )
    if bool(certificate) != bool(key) or not (token or certificate):
        raise AuthenticationFailed(
            f"{where} gave neither a token nor a client certificate with its key{more}", hint="log in again"
        )
    if not token.isascii() or not token.strip().isprintable():
        raise AuthenticationFailed(f"{where} gave a token that cannot be sent", hint="update it, or log in again")
    return Credential(
        Secret(token.strip()) if token else None,
        Secret(certificate) if certificate else None,
        Secret(key) if key else None,
        ends,
    )


def _moment(value: object) -> float | None:
    if not value:
        return None
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
