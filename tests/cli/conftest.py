from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import exits
from cockpit.sandbox.postgres import PostgresServer
from screens.main import cockpit as command

DEADLINE_S = 30.0
PROGRAM = Path(sys.executable).with_name("cockpit")


@dataclass(frozen=True)
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Front:
    """A health endpoint that answers what the test sets."""

    url: str
    status: int = 200
    body: dict[str, object] = field(default_factory=lambda: {"status": "ok"})
    asked: threading.Event = field(default_factory=threading.Event)


Cockpit = Callable[..., Awaitable[Ran]]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
def front() -> Iterator[Front]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(state.body).encode()
            self.send_response(state.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            state.asked.set()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Front(f"http://127.0.0.1:{server.server_port}/health")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """The environment of the commands under test: nothing of the real user's files."""
    (tmp_path / "config" / "cockpit").mkdir(parents=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "COCKPIT", "PYTHON", "SSH", "XDG"))
    }
    return kept | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
async def start(surroundings: dict[str, str], tmp_path: Path) -> AsyncIterator[Start]:
    """Start the installed command; what is left of it at the end is killed."""
    started: list[asyncio.subprocess.Process] = []

    async def run(*words: str | Path, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
        started.append(
            await asyncio.create_subprocess_exec(
                PROGRAM,
                *map(str, words),
                env=surroundings | (env or {}),
                cwd=tmp_path,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # A shell starts what it puts in the background with ctrl+c ignored, and that is inherited.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
        )
        return started[-1]

    yield run
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def installed(start: Start) -> Cockpit:
    """Run the installed command to its end, in a process of its own."""

    async def run(*words: str | Path, env: dict[str, str] | None = None) -> Ran:
        process = await start(*words, env=env)
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate()
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return Ran(process.returncode, out.decode(), err.decode())

    return run


@pytest.fixture
def cockpit(
    surroundings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cockpit:
    """Run the same command in a thread of this process: without the start-up time of a new one."""

    async def run(*words: str | Path, env: dict[str, str] | None = None) -> Ran:
        with monkeypatch.context() as patch:
            for name in set(os.environ) - set(surroundings):
                patch.delenv(name)
            for name, value in (surroundings | (env or {})).items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            async with asyncio.timeout(DEADLINE_S):
                code = await asyncio.to_thread(exits.run, command, [str(word) for word in words])
        captured = capsys.readouterr()
        return Ran(int(code), captured.out, captured.err)

    return run


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> str:
    """The superuser's DSN of a database that all of these tests share."""
    return postgres_server.dsn()


@pytest.fixture
def profile(tmp_path: Path, front: Front, dsn: str, redis_url: str, surroundings: dict[str, str]) -> Path:
    """A profile of real servers, in the config folder under the name shop."""
    surroundings["SHOP_DSN"] = dsn
    surroundings["SHOP_REDIS"] = redis_url
    path = tmp_path / "config" / "cockpit" / "shop.toml"
    path.write_text(
        f"""
system = "shop"
environment = "testing"

[[health]]
name = "api"
url = "{front.url}"
interval = "1s"

[[database]]
name = "orders"
dsn = "env:SHOP_DSN"
interval = "1s"

[[redis]]
name = "cache"
url = "env:SHOP_REDIS"
interval = "1s"

[limits]
watch = "20s"
"""
    )
    return path


@pytest.fixture
def password(postgres_server: PostgresServer) -> str:
    """The secret that must never be printed."""
    from urllib.parse import urlsplit

    found = urlsplit(postgres_server.dsn()).password
    assert found
    return found
