"""What a row of a Compose project names for an action, and all that is known of it."""

from __future__ import annotations

from datetime import datetime

from cockpit.model.containers import ComposeService, Container, ContainersStatus
from screens import figures
from screens.panes.base import Detail
from screens.panes.containers import cpu_words, memory_words

Lines = list[tuple[str, str]]
_EVENTS = 20


def named(status: ContainersStatus, key: str) -> dict[str, str]:
    """Identity of the row: {"service"} of a service, with the "id" of its container where it has only one;
    {"service", "container", "id"} of a container.
    """
    what, _, rest = key.partition("/")
    if what == "service" and status.service(rest) is not None:
        mine = status.of_service(rest)
        return {"service": rest, **({"id": mine[0].id} if len(mine) == 1 else {})}
    found = status.container(rest) if what == "container" else None
    if found is None:
        return {}
    return {**({"service": found.service} if found.service else {}), "container": found.name, "id": found.id}


def log_of(status: ContainersStatus, key: str) -> dict[str, str]:
    """What to ask for the log of a row."""
    found = named(status, key)
    if "container" in found:
        return {"container": found["container"], "tail": "100"}
    return {"service": found["service"], "tail": "50"} if found else {}


def detail(status: ContainersStatus, key: str) -> Detail:
    """Everything known of the row, and where it is."""
    what, _, rest = key.partition("/")
    title, lines = status.project, list[tuple[str, str]]()
    if what == "service" and (service := status.service(rest)) is not None:
        title, lines = service.name, _service(service, status)
    elif what == "container" and (found := status.container(rest)) is not None:
        title, lines = found.name, [*_container(found), *_happened(status, found.id)]
    lines += [
        ("project", status.project),
        ("engine", f"{status.engine.said}, API {status.engine.api}, {status.engine.system}"),
        ("found by", status.engine.origin),
        ("directory", status.directory),
        ("files", ", ".join(status.files)),
    ]
    return (title, [line for line in lines if line[1]])


def _service(service: ComposeService, status: ContainersStatus) -> Lines:
    mine = status.of_service(service.name)
    lines: Lines = [("state", service.reason), ("severity", service.severity.word)]
    lines.append(("in profile", "yes" if service.named else ""))
    for each in mine:
        lines += [("", ""), ("container", each.name), *_container(each)]
    return [*lines, *_happened(status, "", service.name)]


def _container(each: Container) -> Lines:
    limit = f" of {memory_words(each.memory_limit)}" if each.memory_limit else ""
    code = "" if each.exit_code is None else str(each.exit_code)
    return [
        ("state", f"{each.state}: {each.reason}"),
        ("said", each.said),
        ("health", each.health),
        ("up", figures.span(each.uptime_s) if each.uptime_s is not None else ""),
        ("exit code", f"{code}{', out of memory' if each.oom_killed else ''}"),
        ("restarts", f"{each.restarts}, policy {each.policy or 'no'}"),
        ("use", f"CPU {cpu_words(each.cpu)}, memory {memory_words(each.memory)}{limit}, "
                f"{each.pids or '?'} processes" if each.uptime_s is not None else ""),
        ("image", each.image),
        ("digest", each.digest),
        ("image id", each.image_id),
        ("command", each.command),
        ("ports", ", ".join(each.ports)),
        ("started", _moment(each.started)),
        ("ended", _moment(each.finished) if not each.running else ""),
        ("created", _moment(each.created)),
        ("made by", "docker compose run" if each.oneoff else ""),
        ("logs", each.log_driver),
        ("id", each.id),
    ]  # fmt: skip


def _happened(status: ContainersStatus, container: str, service: str = "") -> Lines:
    mine = [each for each in status.events if each.container == container or (service and each.service == service)]
    told = [
        f"{datetime.fromtimestamp(each.at).astimezone():%H:%M:%S} {each.action} {each.name} {each.said}".rstrip()
        for each in reversed(mine[-_EVENTS:])
    ]
    return [("" if at else "happened", text) for at, text in enumerate(told)]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""
