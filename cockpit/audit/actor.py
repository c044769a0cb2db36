"""Who is at the keyboard: the real user behind sudo, the terminal, where the SSH connection comes from."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.text import clean


@dataclass(frozen=True, slots=True)
class Actor:
    """One person at one terminal. Empty where it cannot be told."""

    user: str  # the account that runs the cockpit
    login: str  # the person behind sudo or su
    host: str
    tty: str
    origin: str  # address the SSH connection comes from
    pid: int

    @classmethod
    def current(cls, environ: Mapping[str, str] | None = None) -> Actor:
        """As this process sees it."""
        environ = os.environ if environ is None else environ
        try:
            user = getpass.getuser()
        except (OSError, KeyError):
            user = str(os.getuid())
        connection = (environ.get("SSH_CONNECTION") or environ.get("SSH_CLIENT") or "").split()
        return cls(
            user=clean(user, 64),
            login=clean(environ.get("SUDO_USER") or _login() or user, 64),
            host=clean(socket.gethostname(), 255),
            tty=_tty(),
            origin=clean(connection[0], 64) if connection else "",
            pid=os.getpid(),
        )

    def as_facts(self) -> dict[str, str | int]:
        """For the audit line."""
        return {
            "user": self.user,
            "login": self.login,
            "host": self.host,
            "tty": self.tty,
            "origin": self.origin,
            "pid": self.pid,
        }


def _login() -> str:
    try:
        return os.getlogin()
    except OSError:
        return ""


def _tty() -> str:
    for descriptor in (0, 2, 1):
        try:
            return os.ttyname(descriptor)
        except OSError:
            continue
    return ""
