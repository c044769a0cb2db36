"""libpq's files: the connection service file and the password file. Blocking reads: call them in a thread."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from cockpit.adapters.postgres.conninfo import checked
from cockpit.errors import Misconfigured
from cockpit.profile.secrets import Secret
from cockpit.text import clean

# Where distributions compile in libpq's system configuration folder.
_SYSTEM_FOLDERS = ("/etc/postgresql-common", "/etc")
# Sockets in these folders count as "localhost" in the password file.
SOCKET_FOLDERS = ("/var/run/postgresql", "/run/postgresql", "/tmp")  # noqa: S108 - PostgreSQL's own default


def home_folder(environ: Mapping[str, str]) -> Path:
    """As libpq: $HOME, else the user database."""
    return Path(environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)


def read_service(name: str, file: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a service (https://www.postgresql.org/docs/current/libpq-pgservice.html).

    `file` "" means $PGSERVICEFILE, else ~/.pg_service.conf; then the system's pg_service.conf.
    Raises Misconfigured when no file defines it.
    """
    named = file or environ.get("PGSERVICEFILE", "")
    candidates = [Path(named) if named else home_folder(environ) / ".pg_service.conf"]
    folders = [environ["PGSYSCONFDIR"]] if environ.get("PGSYSCONFDIR") else _SYSTEM_FOLDERS
    candidates += [Path(folder) / "pg_service.conf" for folder in folders]
    for path in candidates:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            if named and path == candidates[0]:
                raise Misconfigured(f"the service file {clean(str(path))} does not exist") from None
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise Misconfigured(f"cannot read the service file {clean(str(path))}: {reason}") from None
        found = _section(lines, name, path)
        if found is not None:
            return checked(found, f"service {clean(name)} in {clean(str(path))}")
    searched = ", ".join(clean(str(path)) for path in candidates)
    raise Misconfigured(f"the service {clean(name)} is not defined", hint=f"looked in {searched}")


def _section(lines: list[str], name: str, path: Path) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            if line == f"[{name}]":
                found = {}
        elif found is not None:
            key, equals, value = line.partition("=")
            if not equals or key in ("service", "servicefile") or line.startswith("ldap"):
                raise Misconfigured(
                    f"line {number} of {clean(str(path))} is not a parameter=value that can be used here",
                    hint="nested services and LDAP lookups are not supported",
                )
            found.setdefault(key, value)
    return found


class PasswordFile:
    """A .pgpass file (https://www.postgresql.org/docs/current/libpq-pgpass.html), read once."""

    def __init__(self, path: Path) -> None:
        self.problem = ""  # why it was not used
        self._entries: list[list[str]] = []
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    self.problem = f"the password file {clean(str(path))} is not a plain file and was ignored"
                elif status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    self.problem = (
                        f"the password file {clean(str(path))} can be read by others and was ignored; "
                        f"chmod 600 {clean(str(path))}"
                    )
                else:
                    self._entries = [_fields(line.rstrip("\r\n")) for line in file if not line.startswith("#")]
        except FileNotFoundError:
            return
        except OSError as error:
            self.problem = f"the password file {clean(str(path))} cannot be read: {error.strerror}"

    def lookup(self, host: str, port: int, database: str, user: str) -> Secret | None:
        """The password of the first line that matches; a socket in a default folder is "localhost"."""
        wanted = ("localhost" if not host or host in SOCKET_FOLDERS else host, str(port), database, user)
        for entry in self._entries:
            if len(entry) == 5 and all(field in ("*", want) for field, want in zip(entry, wanted, strict=False)):
                return Secret(entry[4])
        return None


def _fields(line: str) -> list[str]:
    fields = [""]
    position = 0
    while position < len(line):
        char = line[position]
        if char == "\\" and position + 1 < len(line):
            position += 1
            fields[-1] += line[position]
        elif char == ":" and len(fields) < 5:
            fields.append("")
        else:
            fields[-1] += char
        position += 1
    return fields
