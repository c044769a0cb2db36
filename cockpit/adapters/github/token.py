"""The token: by the profile's reference, else that which gh keeps for the host (`gh auth token --hostname HOST`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from cockpit.errors import AuthenticationFailed, Misconfigured, TimedOut
from cockpit.profile.delivery import GithubSource
from cockpit.profile.secrets import Secret
from cockpit.text import clean

GH_S = 5.0
_REAP_S = 2.0
_MOST = 4096
# gh takes a token out of these first: whoever set one for another host would send it to this.
# https://cli.github.com/manual/gh_help_environment
_QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}


async def token_of(table: GithubSource) -> Secret:
    """Fetched now. Raises AuthenticationFailed, Misconfigured or TimedOut; none of them holds the value."""
    found = await table.token.resolve() if table.token is not None else await _of_gh(table.host)
    if not _sendable(found):
        raise Misconfigured(
            f"the token for {table.host} cannot be sent: it has spaces or characters that no token has",
            hint="look at what token in [[github]] leads to",
        )
    return found


def origin_of(table: GithubSource) -> str:
    """Where it comes from, in words, without it."""
    return str(table.token) if table.token is not None else f"gh auth token --hostname {table.host}"


def _sendable(token: Secret) -> bool:
    value = token.reveal()
    return value.isascii() and value.isprintable() and " " not in value


async def _of_gh(host: str) -> Secret:
    login = f"set token in [[github]], or run: gh auth login --hostname {host}"
    try:
        process = await asyncio.create_subprocess_exec(
            "gh",
            "auth",
            "token",
            "--hostname",
            host,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **_QUIET},
        )
    except OSError:
        raise AuthenticationFailed(f"there is no token for {host}: gh is not installed", hint=login) from None
    try:
        output, complaint = await asyncio.wait_for(process.communicate(), GH_S)
    except TimeoutError:
        raise TimedOut(f"gh gave no token for {host} within {GH_S:g} s", hint=login) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _REAP_S)
    value = output.decode("utf-8", "replace").strip() if len(output) <= _MOST else ""
    if process.returncode != 0 or not value:
        told = complaint.decode("utf-8", "replace").strip().splitlines() or ["it gave nothing"]
        raise AuthenticationFailed(f"gh has no token for {host}: {clean(told[0], 160)}", hint=login)
    return Secret(value)
