"""A system under Docker Compose: its engine, with a past, decides what the shop serves."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cockpit.sandbox.docker.engine import Engine, past
from cockpit.sandbox.docker.server import DockerServer
from cockpit.sandbox.docker.state import Box, Image, Json, nano_of
from cockpit.sandbox.platform import Serving
from cockpit.sandbox.shape import Document, Shape
from cockpit.sandbox.shop.documents import PAGES_A_BOOK
from cockpit.sandbox.shop.front import LogLine
from cockpit.sandbox.shop.jobs import Jobs
from cockpit.sandbox.shop.revision import GOOD_TAG

LABEL = "com.docker.compose."
OLD_TAG = "v1.41.2"
RATE_VARIABLE = "RATE_LIMIT_REQUESTS"
_EVERY_S = 1.0  # the workers' round
_CHECK = ["CMD", "curl", "-fsS", "http://localhost:8000/health"]


@dataclass(frozen=True, slots=True)
class Part:
    """One service of the Compose file."""

    service: str
    names: tuple[str, ...]  # of its containers
    image: str  # a tag
    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    volume: str = ""
    port: int = 0
    memory: int = 512 << 20
    used: tuple[float, int] = (0.02, 40 << 20)  # cores, bytes


class ComposePlatform:
    """The project of a profile's first [[docker]] table."""

    def __init__(self) -> None:
        self.engine = Engine(name="sandbox")
        self._server = DockerServer(self.engine)
        self._serving: Serving | None = None
        self._jobs: Jobs | None = None
        self._project = ""
        self._parts: dict[str, Part] = {}
        self._round: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: set[str] = set()

    async def start(self, shape: Shape, serving: Serving, directory: Path) -> str:
        """As the base says."""
        profile = shape.profile or {}
        table = profile["docker"][0]
        self._serving, self._project = serving, str(table["project"])
        repository = str((profile.get("github") or [{}])[0].get("repository", f"{shape.system}/{shape.system}"))
        self._parts = {part.service: part for part in _parts(f"ghcr.io/{repository}")}
        self._seed(f"ghcr.io/{repository}")
        self._jobs = Jobs(serving.backends)
        self._changed(self._boxes("api")[-1], "start")
        self.engine.heard.append(self._changed)
        await self._server.start()
        self._round = asyncio.ensure_future(self._work())
        return f"Docker's Engine API on {self._server.url}, project {self._project}"

    async def deploy(self, tag: str) -> None:
        """As `docker compose up -d` after a pull: the image gets the name, the container is made anew."""
        part = self._parts["api"]
        self.engine.add_image(_image(part, tag, datetime.now(UTC) - timedelta(seconds=20), part.image))
        for old in self._boxes("api"):
            name = old.name
            self.engine.rename(old, f"{old.id[:12]}_{name}")
            new = self.engine.create(name, self._body(part, old.labels[f"{LABEL}container-number"]))
            new.used = part.used
            await self.engine.stop(old)
            self.engine.start(new)
            await self.engine.remove(old, force=False)

    def logged(self, line: LogLine) -> None:
        """The log of the container that serves."""
        serves = [box for box in self._boxes("api") if box.running]
        if serves:
            serves[-1].write(line.text, error=line.error, at=line.at)
        if client := line.fields.get("client"):
            self._clients.add(str(client))

    def place(self, profile: Document) -> None:
        """Where the engine is."""
        for table in profile.get("docker", ()):
            table.update({"host": self._server.url, "interval": "1s", "timeout": "5s"})

    async def close(self) -> None:
        """As the base says."""
        tasks = [*self._tasks, *([self._round] if self._round else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._jobs is not None:
            await self._jobs.close()
        await self._server.close()

    def _boxes(self, service: str) -> list[Box]:
        """Of this service, oldest first; one-off ones are none of them."""
        wanted = {f"{LABEL}project": self._project, f"{LABEL}service": service, f"{LABEL}oneoff": "False"}
        found = [box for box in self.engine.boxes.values() if wanted.items() <= box.labels.items()]
        return sorted(found, key=lambda box: box.created)

    # What follows from the containers

    def _changed(self, box: Box, action: str) -> None:
        serving = self._serving
        if serving is None or box.labels.get(f"{LABEL}service") != "api" or action not in ("start", "die", "pause"):
            return
        live = [each for each in self._boxes("api") if each.status == "running"]
        if not live:
            serving.stop()
            return
        newest = live[-1]
        serving.serve(newest.image.version or GOOD_TAG)
        limit = newest.env.get(RATE_VARIABLE, "")
        serving.limit(int(limit) * PAGES_A_BOOK if limit.isdigit() else 0)
        if action == "start":
            task = asyncio.ensure_future(serving.restarted())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """The workers' rounds, as long as there are workers."""
        while self._jobs is not None:
            await asyncio.sleep(_EVERY_S)
            clients, self._clients = self._clients, set()
            await self._jobs.count(clients)
            await self._jobs.arrive()
            for box in [each for each in self._boxes("worker") if each.status == "running"]:
                for error, text in await self._jobs.work():
                    box.write(text, error=error)

    # The past

    def _seed(self, repository: str) -> None:
        engine = self.engine
        network = f"{self._project}_default"
        engine.network(network, {f"{LABEL}project": self._project, f"{LABEL}network": "default"})
        made = past(days=2, hours=3)
        for part in self._parts.values():
            own = part.image.startswith(repository)
            if own:
                engine.add_image(_image(part, OLD_TAG, past(days=9), f"{part.image.rpartition(':')[0]}:4e1b7aa"))
            name = part.image.rpartition(":")[0]
            image = _image(part, GOOD_TAG if own else "", made if own else past(days=41), part.image)
            if own:
                image.tags.append(f"{name}:b90c3de")
            engine.add_image(image)
            for number, name in enumerate(part.names, 1):
                box = engine.create(name, self._body(part, str(number)), at=made + timedelta(seconds=number))
                engine.start(box, at=made + timedelta(seconds=number + 1))
                box.used = part.used
                box.write(f"{part.command[0]}: ready", at=made + timedelta(seconds=number + 2))
        loose = _image(self._parts["api"], "v1.40.0", past(days=31), "")
        engine.add_image(replace(loose, tags=[], digests=[]))
        worker = self._boxes("worker")[-1]
        at = past(minutes=52)
        engine.tell(worker, "restart", at=at)
        worker.started = at
        worker.log.add(replace(worker.log.kept[-1], nano=nano_of(at)))

    def _body(self, part: Part, number: str) -> Json:
        """As Compose asks for it."""
        compose = {
            "project": self._project,
            "service": part.service,
            "container-number": number,
            "oneoff": "False",
            "config-hash": hashlib.sha256(repr(part).encode()).hexdigest(),
            "project.working_dir": f"/srv/{self._project}",
            "project.config_files": f"/srv/{self._project}/docker-compose.yml",
            "version": "2.32.4",
        }
        body: Json = {
            "Image": part.image,
            "Cmd": list(part.command),
            "Env": list(part.env),
            "Labels": {f"{LABEL}{name}": value for name, value in compose.items()},
            "HostConfig": {
                "NetworkMode": f"{self._project}_default",
                "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
                "Memory": part.memory,
                "Binds": [f"{self._project}_{part.volume}"] if part.volume else None,
                "PortBindings": {f"{part.port}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(part.port)}]}  # noqa: S104
                if part.port
                else {},
            },
            "NetworkingConfig": {"EndpointsConfig": {f"{self._project}_default": {"Aliases": [part.service]}}},
        }
        if part.check:
            body["Healthcheck"] = {"Test": list(part.check), "Interval": 10**10, "Timeout": 3 * 10**9, "Retries": 3}
        return body


def _parts(repository: str) -> tuple[Part, ...]:
    return (
        Part(
            "api",
            ("api-server",),
            f"{repository}/api:latest",
            ("uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"),  # noqa: S104  it is only told
            (f"{RATE_VARIABLE}=10", "RATE_LIMIT_WINDOW=60", "JOB_SLA_SECONDS=600", "LOG_LEVEL=info"),
            tuple(_CHECK),
            port=8000,
            used=(0.22, 190 << 20),
        ),
        Part(
            "worker",
            ("storybook-worker-1", "storybook-worker-2"),
            f"{repository}/worker:latest",
            ("celery", "-A", "app.worker", "worker", "--concurrency", "3"),
            ("IMAGE_MAX_CONCURRENT=3", "JOB_SLA_SECONDS=600"),
            used=(0.35, 310 << 20),
        ),
        Part(
            "postgres",
            ("postgres",),
            "postgres:16-alpine",
            ("postgres",),
            ("POSTGRES_USER=storybook", "POSTGRES_DB=storybook"),
            ("CMD-SHELL", "pg_isready -U storybook"),
            volume="pgdata:/var/lib/postgresql/data",
            memory=1 << 30,
            used=(0.08, 240 << 20),
        ),
        Part(
            "redis",
            ("redis",),
            "redis:7-alpine",
            ("redis-server", "--maxmemory", "8mb"),
            check=("CMD", "redis-cli", "ping"),
            volume="redisdata:/data",
            memory=128 << 20,
            used=(0.01, 9 << 20),
        ),
    )


def _image(part: Part, version: str, created: datetime, tag: str) -> Image:
    """One whose id and digest follow from what it is."""
    name = part.image.rpartition(":")[0]
    told = f"{name} {version}"
    digests = [f"{name}@sha256:{hashlib.sha256(f'digest {told}'.encode()).hexdigest()}"]
    labels = {"org.opencontainers.image.version": version} if version else {}
    id = f"sha256:{hashlib.sha256(told.encode()).hexdigest()}"
    env = ["PATH=/usr/local/bin:/usr/bin:/bin"]
    config: Json = {"Cmd": list(part.command), "Env": env, "Labels": labels, "WorkingDir": "/app"}
    return Image(id, [tag] if tag else [], digests, created, (184 << 20) + len(told) * 10**6, config)
