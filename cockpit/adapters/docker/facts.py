"""An engine's JSON -> containers, with the reason that a person needs. Pure; any field may be missing or nonsense.

Fields of ContainerList and ContainerInspect (moby/moby docs/api/v1.47.yaml: ContainerSummary, ContainerState); labels
are those of Compose. Podman gives the same, with some of them empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from cockpit.adapters.raw import Json, moment, number, part, parts, text
from cockpit.model.containers import Container
from cockpit.model.severity import Severity
from cockpit.text import clean_lines

LABEL = "com.docker.compose."
RESTARTED_S = 300.0  # a container that was restarted is worth a look for so long
MEMORY_SHARE = 0.9
JOB_S = 900.0  # what ran for longer than this and ended was no job that is done
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
            11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"}  # fmt: skip
_CODES = {125: "the engine could not start it", 126: "its command may not be run", 127: "its command is not there"}
_KEEPS = ("always", "unless-stopped")
_NEVER = datetime(1971, 1, 1, tzinfo=UTC)  # "0001-01-01T00:00:00Z" and 0 stand for never
_STATES = frozenset(("created", "running", "paused", "restarting", "removing", "exited", "dead"))


def labels_of(listed: Json) -> Json:
    """Of an element of the list; {} for none."""
    return part(listed, "Labels")


def service_of(labels: Mapping[str, object]) -> str:
    """Name of the Compose service, "" for none."""
    return text(labels.get(f"{LABEL}service"), 100)


def is_oneoff(labels: Mapping[str, object]) -> bool:
    """Made by `docker compose run`."""
    return str(labels.get(f"{LABEL}oneoff", "")).lower() == "true"


def container_of(listed: Json, inspected: Json | None, now: datetime, *, named: bool = False) -> Container:
    """One container; `inspected` is None where only the list tells of it. `named`: the profile names its service."""
    labels, state = labels_of(listed), part(inspected, "State")
    told = text(state.get("Status"), 20).lower() or text(listed.get("State"), 20).lower()
    names = listed.get("Names")
    name = text(names[0], 200) if isinstance(names, list) and names else text(listed.get("Name"), 200)
    started, finished = past(state.get("StartedAt")), past(state.get("FinishedAt"))
    running = told in ("running", "paused")
    limit = number(part(inspected, "HostConfig").get("Memory"))
    code = state.get("ExitCode")
    made = Container(
        id=text(listed.get("Id"), 64),
        name=name.removeprefix("/"),
        service=service_of(labels),
        number=_count(labels.get(f"{LABEL}container-number")),
        severity=Severity.UNKNOWN,
        state=told if told in _STATES else "unknown",
        reason="",
        said=text(state.get("Error"), 300),
        oneoff=is_oneoff(labels),
        health=_health(state),
        restarts=max(0, number(part(inspected).get("RestartCount"))),
        policy=text(part(inspected, "HostConfig", "RestartPolicy").get("Name"), 20),
        exit_code=number(code) if isinstance(code, int) and not running and finished else None,
        oom_killed=state.get("OOMKilled") is True,
        image=text(part(inspected, "Config").get("Image"), 300) or text(listed.get("Image"), 300),
        image_id=text(part(inspected).get("Image"), 80) or text(listed.get("ImageID"), 80),
        created=past(part(inspected).get("Created")) or _epoch(listed.get("Created")),
        started=started,
        finished=finished,
        uptime_s=max(0.0, (now - started).total_seconds()) if running and started else None,
        memory_limit=limit if limit > 0 else None,
        command=_command(listed, inspected),
        ports=ports_of(listed),
        tty=part(inspected, "Config").get("Tty") is True,
        config_hash=text(labels.get(f"{LABEL}config-hash"), 80),
        log_driver=text(part(inspected, "HostConfig", "LogConfig").get("Type"), 40),
    )
    return judged(made, seen=inspected is not None, named=named, unhealthy_said=_health_said(state))


def judged(found: Container, *, seen: bool = True, named: bool = False, unhealthy_said: str = "") -> Container:
    """The same with severity, reason and the engine's words."""
    if not seen:
        return replace(found, severity=Severity.UNKNOWN, reason=f"{found.state}, and it could not be looked at")
    severity, reason = _verdict(found, named=named)
    if found.oneoff and severity is Severity.CRIT:
        severity = Severity.WARN
    said = found.said or (unhealthy_said if found.health == "unhealthy" else "")
    return replace(found, severity=severity, reason=reason, said=said)


def _verdict(found: Container, *, named: bool) -> tuple[Severity, str]:
    match found.state:
        case "running":
            return _running(found)
        case "paused":
            return Severity.WARN, "paused"
        case "restarting":
            ended = f", ended with {said_code(found.exit_code)}" if found.exit_code else ""
            cause = ", out of memory" if found.oom_killed else ended
            return Severity.CRIT, f"restarting again and again ({found.restarts}){cause}"
        case "exited" | "dead":
            return _ended(found, named=named)
        case "created":
            failed = f" with {said_code(found.exit_code)}" if found.exit_code else ""
            if found.said or failed:
                return Severity.CRIT, f"could not be started{failed}"
            return Severity.WARN, "made, never started"
        case "removing":
            return Severity.WARN, "being removed"
    return Severity.UNKNOWN, f"in a state that is not known: {found.state}"


def _running(found: Container) -> tuple[Severity, str]:
    if found.health == "unhealthy":
        return Severity.CRIT, "unhealthy: its check fails"
    if found.memory and found.memory_limit and found.memory > MEMORY_SHARE * found.memory_limit:
        return Severity.WARN, f"memory at {found.memory / found.memory_limit:.0%} of its limit".replace("%", " %")
    if found.restarts and found.uptime_s is not None and found.uptime_s < RESTARTED_S:
        times = "once" if found.restarts == 1 else f"{found.restarts} times"
        return Severity.WARN, f"restarted {times}, last {found.uptime_s:.0f} s ago"
    if found.health == "starting":
        return Severity.WARN, "running, its check has not passed yet"
    return Severity.OK, "running, healthy" if found.health == "healthy" else "running"


def _ended(found: Container, *, named: bool) -> tuple[Severity, str]:
    if found.oom_killed:
        return Severity.CRIT, f"out of memory, killed ({said_code(found.exit_code)})"
    word = "dead" if found.state == "dead" else "exited"
    if found.exit_code:
        return Severity.CRIT, f"{word} with {said_code(found.exit_code)}"
    if found.state == "dead":
        return Severity.CRIT, "dead: the engine could not remove it"
    if found.policy in _KEEPS:
        return Severity.CRIT, "stopped by hand"  # else the engine would have started it again
    ran = (found.finished - found.started).total_seconds() if found.finished and found.started else 0.0
    if named or ran > JOB_S:
        return Severity.WARN, "ended with code 0"
    return Severity.OK, "done (code 0)"


def said_code(code: int | None) -> str:
    """ "code 137 (SIGKILL)"."""
    if code is None:
        return "no code"
    name = _SIGNALS.get(code - 128) or _CODES.get(code)
    return f"code {code} ({name})" if name else f"code {code}"


def ports_of(listed: Json) -> tuple[str, ...]:
    """ "0.0.0.0:8080->80/tcp", as docker ps writes them; each once."""
    found: dict[str, None] = {}
    for each in parts(listed, "Ports"):
        inside = f"{number(each.get('PrivatePort'))}/{text(each.get('Type'), 8) or 'tcp'}"
        outside = number(each.get("PublicPort"))
        found[f"{text(each.get('IP'), 45)}:{outside}->{inside}" if outside else inside] = None
    return tuple(found)


def past(value: object) -> datetime | None:
    """A time of the engine, None for never."""
    at = moment(value)
    return at if at is not None and at > _NEVER else None


def _epoch(value: object) -> datetime | None:
    seconds = number(value)
    return datetime.fromtimestamp(seconds, UTC) if 31_536_000 < seconds < 1 << 36 else None


def _count(value: object) -> int:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 7 else 0


def _health(state: Json) -> str:
    told = text(part(state, "Health").get("Status"), 20).lower()
    return told if told in ("healthy", "unhealthy", "starting") else ""


def _health_said(state: Json) -> str:
    """The last output of the check."""
    found = list(parts(state, "Health", "Log"))
    output = found[-1].get("Output") if found else None
    lines = [line.strip() for line in clean_lines(output, 200, 20) if line.strip()] if isinstance(output, str) else []
    return " / ".join(lines[-2:])


def _command(listed: Json, inspected: Json | None) -> str:
    words = [part(inspected).get("Path"), *(args if isinstance(args := part(inspected).get("Args"), list) else ())]
    told = " ".join(word for word in words if isinstance(word, str))
    return text(listed.get("Command"), 300) or text(told, 300)
