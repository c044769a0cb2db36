"""A Compose project: a service that dies of its memory, one that is missing, one of three containers unhealthy."""

from __future__ import annotations

from cockpit.model.containers import ComposeService, Container, ContainerEvent, ContainersStatus, Engine
from cockpit.model.severity import Severity, SourceKind

from .engine import SampleEngine
from .moment import START, ago
from .namespace import SampleLooks

SOURCE = "containers/shop"
MIB = 1 << 20
ENGINE = Engine("Docker", "27.3.1", "1.47", "ssh://ops@shop-1.example", "profile", "linux/amd64")


def _container(
    service: str,
    number: int,
    severity: Severity,
    state: str,
    reason: str,
    image: str,
    up: float | None,
    **more: object,
) -> Container:
    mark = f"{service[1].encode().hex()}{number}"
    return Container(
        (mark * 32)[:64], f"shop-{service}-{number}", service, number, severity, state, reason, image=image,
        image_id=f"sha256:{mark * 16}", digest=f"{image.partition(':')[0]}@sha256:{mark * 16}", uptime_s=up,
        created=ago(9 * 86400), started=ago(up or 4000), policy="unless-stopped", pids=12 if up else None, **more,
    )  # type: ignore[arg-type]  # fmt: skip  # of the samples


def containers() -> tuple[Container, ...]:
    registry = "registry.example/shop"
    return (
        _container("web", 1, Severity.OK, "running", "running, healthy", "nginx:1.27", 9 * 86400.0, health="healthy",
                   cpu=4, memory=11 * MIB, ports=("0.0.0.0:443->443/tcp",)),
        _container("api", 1, Severity.OK, "running", "running, healthy", f"{registry}/api:2.14.1", 3120.0,
                   health="healthy", cpu=184, memory=310 * MIB, memory_limit=512 * MIB),
        _container("api", 2, Severity.CRIT, "running", "unhealthy: its check fails", f"{registry}/api:2.14.1", 3120.0,
                   health="unhealthy", cpu=1004, memory=489 * MIB, memory_limit=512 * MIB,
                   said="curl: (28) Operation timed out after 2001 milliseconds"),
        _container("api", 3, Severity.OK, "running", "running, healthy", f"{registry}/api:2.14.0", 86400.0,
                   health="healthy", cpu=170, memory=301 * MIB, memory_limit=512 * MIB),
        _container("worker", 1, Severity.CRIT, "restarting", "restarting again and again (7), out of memory",
                   f"{registry}/worker:2.14.1", None, restarts=7, exit_code=137, oom_killed=True,
                   memory_limit=256 * MIB),
        _container("migrate", 1, Severity.OK, "exited", "done (code 0)", f"{registry}/api:2.14.1", None, exit_code=0,
                   finished=ago(3000)),
        _container("api", 0, Severity.OK, "running", "running", f"{registry}/api:2.14.1", 95.0, oneoff=True, cpu=2,
                   memory=64 * MIB),
    )  # fmt: skip


def _service(name: str, severity: Severity, reason: str, *, named: bool = True) -> ComposeService:
    mine = [each for each in containers() if each.service == name and not each.oneoff]
    running = sum(each.state == "running" for each in mine)
    images = tuple(dict.fromkeys(each.image for each in mine))
    return ComposeService(name, severity, reason, tuple(each.id for each in mine), running, images, named)


def project() -> ContainersStatus:
    """What the pane and its detail show."""
    at = START.timestamp()
    worker, api = containers()[4], containers()[2]
    return ContainersStatus(
        engine=ENGINE,
        project="shop",
        services=(
            _service("web", Severity.OK, "1 running"),
            _service("api", Severity.CRIT, "1 of 3: unhealthy: its check fails"),
            _service("worker", Severity.CRIT, "restarting again and again (7), out of memory"),
            _service("mailer", Severity.CRIT, "no container"),
            _service("migrate", Severity.OK, "done (code 0)", named=False),
        ),
        containers=containers(),
        directory="/srv/shop",
        files=("/srv/shop/docker-compose.yml", "/srv/shop/docker-compose.prod.yml"),
        events=(
            ContainerEvent(at - 3120, "create", api.id, api.name, "api"),
            ContainerEvent(at - 400, "health_status: unhealthy", api.id, api.name, "api"),
            ContainerEvent(at - 62, "oom", worker.id, worker.name, "worker"),
            ContainerEvent(at - 61, "die", worker.id, worker.name, "worker", "exit code 137 (SIGKILL)"),
            ContainerEvent(at - 52, "start", worker.id, worker.name, "worker"),
        ),
        notes=("CPU and memory of 1 of 5 containers did not come in time",),
        hidden=2,
    )


def composed(engine: SampleEngine) -> SampleEngine:
    """The engine with a project that was read."""
    engine.looks = SampleLooks()
    engine.add(SOURCE, SourceKind.CONTAINERS, 2.0)
    engine.say(SOURCE, Severity.CRIT, "api: unhealthy: its check fails, +2", project())
    return engine
