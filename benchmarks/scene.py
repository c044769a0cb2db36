"""The system under observation, in a process of its own: PostgreSQL, Redis, health endpoints, Cloud Run, a log file.

Started by `python -m benchmarks.scene FOLDER`; prints one JSON line when it stands, then reads orders from standard
input, one a line: `rate N` (log lines a second), `written` (prints how many lines there are), end of file (stops).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import HttpServer, Request, Response
from cockpit.sandbox.postgres import PostgresServer
from cockpit.sandbox.redis_server import RedisServer

SESSIONS = 40
REST_RATE = 2.0
_WRITE_S = 0.02

PROFILE = """\
system = "shop"
environment = "benchmark"

[[health]]
name = "front"
url = "{health}/front"
interval = "1s"

[[health]]
name = "pay"
url = "{health}/pay"
interval = "1s"

[[database]]
name = "orders"
dsn = "file:{folder}/dsn"
interval = "1s"

[[redis]]
name = "cache"
url = "{redis}"
interval = "1s"

[[cloud_run]]
name = "shop"
project = "demo-shop"
region = "europe-west1"
service = "shop"
endpoint = "{cloud}"
interval = "1s"

[[logs]]
name = "shop"
type = "file"
path = "{folder}/shop.log"
interval = "1s"
"""


class Journal:
    """A JSON log that grows at a rate; each line has its number."""

    def __init__(self, path: Path) -> None:
        self.rate = REST_RATE
        self.written = 0
        self._file = path.open("ab", buffering=0)
        self._random = random.Random(7)

    async def write(self) -> None:
        """Write for ever, in small pieces, as many lines as are due."""
        due = 0.0
        last = time.monotonic()
        while True:
            await asyncio.sleep(_WRITE_S)
            now = time.monotonic()
            due += (now - last) * self.rate
            last = now
            count = int(due)
            due -= count
            if count:
                self._file.write(b"".join(self._line() for _ in range(count)))

    def _line(self) -> bytes:
        number = self.written
        self.written += 1
        bad = number % 17 == 0
        status = 502 if bad else 200
        entry = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "severity": "ERROR" if bad else "INFO",
            "message": f"n={number} GET /cart/{self._random.randrange(9999)} {status} in {number % 900} ms",
            "httpRequest": {"status": status, "remoteIp": f"198.51.100.{number % 250}"},
            "revision": "shop-00042-kux",
        }
        return json.dumps(entry).encode() + b"\n"


async def session(dsn: str, number: int) -> None:
    """One busy client of the database."""
    chance = random.Random(number)
    connection = await asyncpg.connect(dsn, server_settings={"application_name": f"shop-{number}"})
    try:
        for round_ in itertools.count():
            await connection.execute("update stock set left_over = left_over + 1 where item = $1", number)
            await connection.fetch(f"select pg_sleep($1) /* basket {round_ % 50} */", chance.uniform(0.2, 2.0))
    finally:
        connection.terminate()


async def health(request: Request) -> Response:
    """A component tree whose numbers move."""
    tick = int(time.time())
    return Response.of(
        {
            "status": "ok",
            "services": {
                "database": {"status": "ok", "latency_ms": 3 + tick % 7},
                "redis": {"status": "ok", "clients": 20 + tick % 5},
                "queue": {"status": "ok", "depth": tick % 40},
            },
        }
    )


async def main(folder: Path) -> None:
    """Start everything, say where it is, obey until standard input ends."""
    postgres = await asyncio.to_thread(PostgresServer.start, folder, settings={"max_connections": "120"})
    redis = await asyncio.to_thread(RedisServer.start, folder, settings={"maxmemory": "64mb"})
    cloud = ControlPlane(reads_per_minute=6000)
    await cloud.start()
    now = datetime.now(UTC)
    service = cloud.run.seed("shop", Template("shop:41"), created=now - timedelta(days=3), creator="ci@shop.example")
    for number in range(8):
        created = now - timedelta(hours=20 - 2 * number)
        cloud.run.seed_revision(service, Template(f"shop:{42 + number}"), created=created, creator="ci@shop.example")
    server = await HttpServer.start(health)
    (folder / "dsn").touch(mode=0o600)
    (folder / "dsn").write_text(postgres.dsn())
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute("create table stock (item int primary key, left_over int not null)")
    await admin.execute("insert into stock select n, 0 from generate_series(0, 999) n")
    await admin.close()
    profile = folder / "shop.toml"
    profile.write_text(PROFILE.format(health=server.url, folder=folder, redis=redis.url, cloud=cloud.url))
    journal = Journal(folder / "shop.log")
    tasks = [asyncio.create_task(session(postgres.dsn(), number)) for number in range(SESSIONS)]
    tasks.append(asyncio.create_task(journal.write()))
    say({"profile": str(profile), "dsn": postgres.dsn(), "host": postgres.host, "port": postgres.port})
    try:
        await obey(journal)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
        await cloud.close()
        await asyncio.to_thread(redis.stop)
        await asyncio.to_thread(postgres.stop)


async def obey(journal: Journal) -> None:
    """Carry out the orders on standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while order := (await reader.readline()).decode().split():
        if order[0] == "rate":
            journal.rate = float(order[1])
        say({"written": journal.written})


def say(value: object) -> None:
    """One line of JSON."""
    os.write(1, json.dumps(value).encode() + b"\n")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(place))
