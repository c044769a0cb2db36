"""The whole small system: servers, control planes, shop, customers, and one scenario; started and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cockpit.sandbox import postgres
from cockpit.sandbox.edge import seed_edge
from cockpit.sandbox.gcp.cloud import Audit
from cockpit.sandbox.gcp.model import Service, Template
from cockpit.sandbox.gcp.run_v2 import template_json
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.managed import READ_SECRET, seed_cache, seed_secrets, seed_sql
from cockpit.sandbox.measurements import Measurements, Subject
from cockpit.sandbox.platform import Platform, Serving, platforms_of
from cockpit.sandbox.postgres import PostgresServer
from cockpit.sandbox.process import NoBinary, password
from cockpit.sandbox.profile_file import Addresses, write_profile
from cockpit.sandbox.redis_server import RedisServer
from cockpit.sandbox.scenarios import (
    DEPLOYER,
    DESCRIPTIONS,
    NEEDS_DATABASE,
    NEEDS_REDIS,
    NEEDS_SYSTEM,
    Fault,
    Scenario,
    Site,
)
from cockpit.sandbox.server_load import DatabaseMeter, cache_load
from cockpit.sandbox.shape import Shape
from cockpit.sandbox.shop.database import APPLICATION_ROLE, BATCH_ROLE, ONCALL_ROLE, prepare
from cockpit.sandbox.shop.front import Front
from cockpit.sandbox.shop.load import Load
from cockpit.sandbox.shop.revision import GOOD_TAG, IMAGE, Backends

_POSTGRES_SETTINGS = {"max_connections": "30", "deadlock_timeout": "1s", "max_parallel_workers_per_gather": "0"}
_REDIS_SETTINGS = {"maxmemory": "8mb", "maxmemory-policy": "volatile-lru", "slowlog-log-slower-than": "2000"}


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing that was done on the way to a running system."""

    name: str
    message: str
    seconds: float  # since the start
    missing: bool = False  # this machine has no program for it; the system runs without


@dataclass(frozen=True, slots=True)
class Tempo:
    """How lively the system is."""

    requests_per_s: float = 25.0
    warm_up_s: float = 1.5  # of ordinary service before the fault
    settle_s: float = 0.5  # until a change of the service is in effect
    reads_per_minute: int = 60  # of the log
    statement_timeout_s: float = 8.0  # of the shop's database connections


class Unavailable(RuntimeError):
    """This scenario needs a server that this machine has no program for."""


@dataclass
class Sandbox:
    """A running system; made by `Sandbox.start` or `Sandbox.running`."""

    directory: Path
    scenario: Scenario
    tempo: Tempo
    plane: ControlPlane
    shape: Shape = field(default_factory=Shape)
    postgres: PostgresServer | None = None
    redis: RedisServer | None = None
    front: Front | None = None
    load: Load | None = None
    measurements: Measurements | None = None
    fault: Fault | None = None
    platforms: list[Platform] = field(default_factory=list)
    profile: Path | None = None
    stages: list[Stage] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    admin_token: str = field(default_factory=password, repr=False)
    _cache: Redis | None = None
    _database_meter: DatabaseMeter | None = None
    # The servers' leash is tied to the thread that starts them: this one lives as long as the system.
    _starter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "sandbox-servers"))

    @classmethod
    async def start(
        cls,
        directory: Path,
        scenario: Scenario = Scenario.NONE,
        *,
        tempo: Tempo | None = None,
        shape: Shape | None = None,
        on_stage: Callable[[Stage], None] = lambda stage: None,
    ) -> Sandbox:
        """Start everything in `directory`, about 3 s. On any failure all that was started is ended again.

        Raises Unavailable where the scenario needs a server that cannot be had.
        """
        tempo, shape = tempo or Tempo(), shape or Shape()
        # A project of its own: what a cockpit remembers of an earlier sandbox must not pass for this one's past.
        project = f"demo-{shape.system}-{token_hex(2)}"
        plane = ControlPlane(
            project, region=shape.region, settle_s=tempo.settle_s, reads_per_minute=tempo.reads_per_minute
        )
        system = cls(directory, scenario, tempo, plane, shape, platforms=platforms_of(shape.profile or {}))
        try:
            await system._start(on_stage)
        except BaseException:
            await system.close()
            raise
        return system

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls, directory: Path, scenario: Scenario = Scenario.NONE, *, tempo: Tempo | None = None
    ) -> AsyncIterator[Sandbox]:
        """As `start`, ended with the block."""
        system = await cls.start(directory, scenario, tempo=tempo)
        try:
            yield system
        finally:
            await system.close()

    async def close(self) -> None:
        """End everything; what was written in the directory stays. Safe to call twice."""
        for part in (self.measurements, self.load, self.fault, *self.platforms, self.front, self.plane):
            if part is not None:
                await part.close()
        if self._database_meter is not None:
            self._database_meter.close()
        if self._cache is not None:
            await self._cache.aclose()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(RuntimeError):  # the starter was shut down by an earlier close
            await loop.run_in_executor(self._starter, self._stop_servers)
        self._starter.shutdown(wait=False)

    def dsn(self, role: str) -> str | None:
        """DSN of the shop's database for one of its roles; None without a database."""
        return self.postgres.dsn(self.shape.database, role, self.passwords[role]) if self.postgres else None

    def _stop_servers(self) -> None:
        for server in (self.redis, self.postgres):
            if server is not None:
                server.stop()

    async def _start(self, on_stage: Callable[[Stage], None]) -> None:
        begun = time.monotonic()

        def report(name: str, message: str, missing: bool = False) -> None:
            self.stages.append(Stage(name, message, round(time.monotonic() - begun, 2), missing))
            on_stage(self.stages[-1])

        self.directory.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        starting = [
            (name, loop.run_in_executor(self._starter, start))
            for name, start in (("redis", self._start_redis), ("postgres", self._start_postgres))
        ]
        for name, future in starting:
            try:
                report(name, await future)
            except NoBinary as reason:
                report(name, str(reason), True)
        self._check_available()
        if self.postgres is not None:
            self.passwords = {role: password() for role in (APPLICATION_ROLE, BATCH_ROLE, ONCALL_ROLE)}
            await prepare(self.postgres.dsn(), str(self.dsn(APPLICATION_ROLE)), self.passwords, self.shape)
            report("database", "tables and rows of the shop")
        await self.plane.start()
        report("control-plane", f"Cloud Run and Cloud Logging on {self.plane.url}")
        await self._open_shop()
        report("shop", f"the shop on {self.front.url if self.front else ''}, open")
        for platform in self.platforms:
            report("platform", await platform.start(self.shape, self._serving(), self.directory))
            self._hear(platform)
        await self._warm_up()
        self.fault = Fault(
            Site(
                self.plane,
                self.shape.service,
                self.dsn(BATCH_ROLE),
                self.redis.url if self.redis else None,
                self._runner,
            )
        )
        await self.fault.inject(self.scenario)
        if self.scenario is Scenario.LOCK_PILEUP and self.load is not None:
            self.load.rush(20)
        report("scenario", f"{self.scenario.value}: {DESCRIPTIONS[self.scenario]}")
        self._measure()
        self.profile = write_profile(self.directory, self._addresses())
        report("profile", str(self.profile))

    async def _warm_up(self) -> None:
        end = time.monotonic() + self.tempo.warm_up_s
        revision = self.front.main_revision() if self.front else None
        if revision is not None:
            await revision.warm_cache()
        self.load = Load(self.front.url if self.front else "", self.tempo.requests_per_s)
        await self.load.start()
        await asyncio.sleep(max(0.0, end - time.monotonic()))

    def _start_postgres(self) -> str:
        settings = dict(_POSTGRES_SETTINGS)
        if int(postgres.find_installation().major) >= 16:
            settings["reserved_connections"] = "2"  # so that those on call get in when the shop has taken the rest
        self.postgres = PostgresServer.start(self.directory, settings=settings)
        return f"PostgreSQL {self.postgres.major} on port {self.postgres.port}"

    def _start_redis(self) -> str:
        self.redis = RedisServer.start(self.directory, settings=_REDIS_SETTINGS, password=password())
        return f"Redis on port {self.redis.port}"

    def _check_available(self) -> None:
        for needs, server, name in (
            (NEEDS_DATABASE, self.postgres, "PostgreSQL"),
            (NEEDS_REDIS, self.redis, "Redis"),
        ):
            if self.scenario in needs and server is None:
                raise Unavailable(f"the scenario {self.scenario.value} needs {name}, which this machine lacks")

        system = NEEDS_SYSTEM.get(self.scenario, self.shape.system)
        if system != self.shape.system:
            raise Unavailable(f"the scenario {self.scenario.value} is one of {system}: demo --as {system}")

    async def _open_shop(self) -> None:
        run = self.plane.run
        now = datetime.now(UTC)
        timeout = f"{self.tempo.statement_timeout_s:g}"
        env = (("DB_POOL_SIZE", "24"), ("DB_POOL_WAIT_S", "1.5"), ("DB_STATEMENT_TIMEOUT_S", timeout))
        templates = [
            (
                now - timedelta(days=9),
                Template(f"{IMAGE}:v1.41.2", env=env, secrets=(READ_SECRET,), max_instances=20),
            ),
            (
                now - timedelta(days=2, hours=3),
                Template(f"{IMAGE}:{GOOD_TAG}", env=env, secrets=(READ_SECRET,), max_instances=20),
            ),
        ]
        (created, template), *later = templates
        service = run.seed(self.shape.service, template, created=created, creator=DEPLOYER)
        self._record(service, created)
        for created, template in later:
            run.seed_revision(service, template, created=created, creator=DEPLOYER)
            self._record(service, created)
        if self.redis is not None:
            self._cache = Redis.from_url(
                self.redis.url, socket_timeout=0.5, socket_connect_timeout=0.5, max_connections=20,
                client_name="shop", retry=Retry(NoBackoff(), 0),
            )  # fmt: skip
        backends = Backends(self.dsn(APPLICATION_ROLE), self._cache)
        self.front = Front(run, service, self.plane.logs, backends, self.admin_token, self.shape)
        self._seed_managed()
        if self.shape.policy:
            self.front.edge = self.plane.compute.policies[self.shape.policy].verdict
        await self.front.start()

    def _seed_managed(self) -> None:
        shape = self.shape
        if shape.policy:
            seed_edge(self.plane, shape.service, shape.policy)
        seed_sql(self.plane, shape.sql)
        if shape.cache:
            seed_cache(self.plane, shape.cache)
        seed_secrets(self.plane, shape.secrets)

    @property
    def _runner(self) -> Platform | None:
        """What runs the shop; None where that is Cloud Run."""
        elsewhere = self.shape.profile is not None and "cloud_run" not in self.shape.profile
        return self.platforms[0] if elsewhere and self.platforms else None

    def _hear(self, platform: Platform) -> None:
        if self.front is not None:
            self.front.told.append(platform.logged)

    def _serving(self) -> Serving:
        if self.front is None:
            raise RuntimeError("the shop is not open")
        return Serving(self.front, self.plane.run, self.plane.run.service(self.shape.service), IMAGE)

    def _measure(self) -> None:
        """Begin to write time series; the servers are looked at once somebody asks for them."""
        front, run = self.front, self.plane.run
        revision = front.main_revision() if front else None
        if front is None or revision is None:
            return
        labels = {"project_id": run.project, "service_name": self.shape.service, "location": run.region}
        service = {f"resource.labels.{name}": value for name, value in labels.items()}
        instances = self.plane.sql.instances.values()
        instance = next((each.name for each in instances if not each.primary), "")
        replicas = [each.name for each in instances if each.primary]
        store = next(iter(self.plane.memorystore.instances), "")
        subject = Subject(
            {**service, "resource.labels.configuration_name": self.shape.service},
            {"resource.labels.database_id": f"{run.project}:{instance}"} if instance else {},
            {"resource.labels.instance_id": store} if store else {},
            tuple({"resource.labels.database_id": f"{run.project}:{name}"} for name in replicas),
        )
        self.measurements = Measurements(self.plane.monitoring.store, subject, front.meter, self.tempo.requests_per_s)
        if self.postgres is not None:
            self._database_meter = DatabaseMeter(self.postgres.dsn())
            self.measurements.database = self._database_meter.load
        if (cache := self._cache) is not None:
            self.measurements.cache = lambda: cache_load(cache)
        self.plane.monitoring.on_first = self.measurements.want
        self.measurements.start(revision.name)

    def _record(self, service: Service, at: datetime) -> None:
        """The audit entry of a deployment in the past."""
        run = self.plane.run
        request = {
            "@type": "type.googleapis.com/google.cloud.run.v2.UpdateServiceRequest",
            "service": {
                "name": f"projects/{run.project}/locations/{run.region}/services/{service.name}",
                "template": template_json(service.template),
                "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
            },
        }
        audit = Audit("google.cloud.run.v2.Services.UpdateService", DEPLOYER, "192.0.2.200", request)
        self.plane.logs.audit(run, service, audit, at=at)

    def _addresses(self) -> Addresses:
        run = self.plane.run
        return Addresses(
            shop=self.front.url if self.front else "",
            admin_token=self.admin_token,
            control_plane=self.plane.url,
            monitoring=self.plane.monitoring.url,
            project=run.project,
            region=run.region,
            service=self.shape.service,
            shape=self.shape,
            database_dsn=self.dsn(ONCALL_ROLE),
            redis_url=self.redis.url if self.redis else None,
            platforms=self.platforms,
        )
