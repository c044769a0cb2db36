"""The way to an engine behind ssh: one `ssh HOST docker system dial-stdio` a connection, as the docker command does.

No shell on this side, no terminal, no questions; every process has its own group and ends with its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpcore

from cockpit.adapters.docker.host import Host
from cockpit.errors import AuthenticationFailed, CockpitError, Misconfigured, Unreachable
from cockpit.text import clean_lines

GRACE_S = 1.0
_SAID_BYTES = 8192


class WayClosed(httpcore.ConnectError):
    """ssh ended before an answer came; `error` says why. `sent` is True where the request may have arrived."""

    def __init__(self, error: CockpitError, *, sent: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.sent = sent


class SshWay(httpcore.AsyncNetworkBackend):
    """Opens connections; `close` ends all that are left."""

    def __init__(self, host: Host, environ: Mapping[str, str]) -> None:
        self._host = host
        self._environ = environ
        self._open: set[_Pipe] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Start ssh. That it cannot log in shows when the first answer is read."""
        argv = self._host.ssh_argv
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                env=dict(self._environ),
                limit=1 << 18,
            )
        except OSError as error:
            said = "ssh is not installed" if isinstance(error, FileNotFoundError) else f"ssh: {error.strerror}"
            failed = Misconfigured(f"{self._host.url}: {said}", hint="install an OpenSSH client")
            raise WayClosed(failed, sent=False) from None
        pipe = _Pipe(process, self._host, self._open.discard)
        self._open.add(pipe)
        return pipe

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never asked for."""
        raise httpcore.ConnectError("not through ssh")

    async def sleep(self, seconds: float) -> None:
        """Between attempts to connect, of which there is one."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End every ssh that is left."""
        await asyncio.gather(*(pipe.aclose() for pipe in list(self._open)))


class _Pipe(httpcore.AsyncNetworkStream):
    def __init__(self, process: asyncio.subprocess.Process, host: Host, gone: Callable[[_Pipe], None]) -> None:
        self._process = process
        self._host = host
        self._gone = gone
        self._answered = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101  it was asked for
        try:
            async with asyncio.timeout(timeout):
                found = await stream.read(max_bytes)
        except TimeoutError:
            raise httpcore.ReadTimeout from None
        if not found and not self._answered:
            raise await self._why() from None
        self._answered = True
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        stream = self._process.stdin
        assert stream is not None  # noqa: S101  it was asked for
        try:
            async with asyncio.timeout(timeout):
                stream.write(buffer)
                await stream.drain()
        except TimeoutError:
            raise httpcore.WriteTimeout from None
        except (OSError, RuntimeError):
            raise await self._why() from None

    async def aclose(self) -> None:
        self._gone(self)
        await asyncio.shield(self._end())

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("ssh is encrypted already")

    def get_extra_info(self, info: str) -> Any:
        """httpcore asks whether an idle connection has been closed by the other side."""
        if info == "is_readable":
            stream = self._process.stdout
            return self._process.returncode is not None or stream is None or stream.at_eof()
        return None

    async def _end(self) -> None:
        process = self._process
        if process.stdin is not None:
            process.stdin.close()  # dial-stdio ends by itself then, on the other machine too
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_S)

    async def _why(self) -> WayClosed:
        """What ssh said as it ended."""
        process, said = self._process, b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                if process.stderr is not None:
                    said = await process.stderr.read(_SAID_BYTES)
                await process.wait()
        error, sent = _meant(self._host, process.returncode, said)
        return WayClosed(error, sent=sent)


def _meant(host: Host, status: int | None, said: bytes) -> tuple[CockpitError, bool]:
    """The error, and whether the request may have arrived."""
    lines = [line.strip() for line in clean_lines(said, 300) if line.strip()]
    words = " / ".join(lines[-2:]) or f"ssh ended with status {status}"
    message, text = f"{host.url}: {words}", words.lower()
    by_hand = f"try by hand: ssh {host.user + '@' if host.user else ''}{host.address} docker version"
    if "host key verification failed" in text or "identification has changed" in text:
        return AuthenticationFailed(message, hint=f"look at the host's key; {by_hand}"), False
    if "permission denied" in text and status == 255:
        return AuthenticationFailed(
            message, hint=f"the key must be in ssh-agent or without passphrase; {by_hand}"
        ), False
    if status == 127 or "command not found" in text:
        return Misconfigured(f"{host.url}: there is no docker command on that machine: {words}", hint=by_hand), False
    if status == 255 and any(each in text for each in ("resolve", "refused", "timed out", "no route", "unreachable")):
        return Unreachable(message, hint=by_hand), False
    return Unreachable(message, hint=by_hand), True
