"""Which look a docker or docker compose line that only reads amounts to; an unknown flag means none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement, Word
from cockpit.model.severity import SourceKind

LIST, ONE, USE, EVENTS = "containers.list", "containers.container", "containers.use", "containers.events"
LOGS, PROCESSES, IMAGES = "containers.logs", "containers.processes", "containers.images"
DISK, ENGINE = "containers.disk", "containers.engine"
PROGRAMS = ("docker", "docker-compose", "podman")

# Where Compose looks: the profile says it too.
_PLACE = frozenset((
    "-p", "--project-name", "-f", "--file", "--project-directory", "--ansi", "--env-file", "--profile", "--progress",
))  # fmt: skip
_SHOWING = frozenset(
    ("--no-trunc", "-q", "--quiet", "--no-color", "--no-log-prefix", "--format", "-t", "--timestamps")
)
_DURATION = re.compile(r"\d+[smhd]")
_LAST = "It shows the last reading, which the cockpit keeps up to date."
_OURS = "Only containers of the Compose project are shown."
_ONCE = "It is asked once; the command would go on printing. The log pane follows."
_WHOLE = "All that is known of the container is shown, not only what the format chooses."
_ALL = "The first lines of it are of this machine's engine; the variables of the command line are not shown."


def _plain(call: Call) -> bool:
    """It runs here, against the engine that everything else goes to, and is shown to somebody."""
    quiet = all(each.operator in ("2>&1", "2>") for each in call.redirects)
    return quiet and not (call.within or call.assigned or call.substituted or any(word.globs for word in call.args))


def understood(call: Call) -> Intent | None:
    """The look that answers the same, or None."""
    if call.program not in PROGRAMS or not _plain(call):
        return None
    composed = call.program == "docker-compose"
    verb = call.verb.removeprefix("container ") if not composed else call.verb
    own = call.flags.keys() - _SHOWING - (_PLACE if composed else frozenset())
    read = _VERBS.get((composed, verb))
    return read(call, own) if read is not None else None


def _ps(call: Call, own: set[str]) -> Intent | None:
    """docker ps [-a] [--filter name=X], docker compose ps [-a] [SERVICE]."""
    composed = call.program == "docker-compose"
    said = _LAST if composed else f"{_OURS} {_LAST}"
    own = own - {"-a", "--all", "-n", "--last", "-l", "--latest", "-s", "--size"}
    params: dict[str, str] = {}
    if "--filter" in own and not composed:
        name, _, value = call.flags["--filter"][-1].partition("=")
        if len(call.flags["--filter"]) != 1 or name != "name" or not re.fullmatch(r"[\w.-]+", value):
            return None
        params, own = {"contains": value}, own - {"--filter", "-f"}
    if own or (call.args and not composed):
        return None
    return _about(call, LIST, "service", call.args, said, params)


def _inspect(call: Call, own: set[str]) -> Intent | None:
    """docker inspect NAME, docker port NAME."""
    if own - {"-f", "-s", "--size", "--type"} or len(call.args) != 1:
        return None
    return _about(call, ONE, "container", call.args, _WHOLE if call.has("--format", "-f") else _LAST)


def _stats(call: Call, own: set[str]) -> Intent | None:
    """docker stats [--no-stream] [NAME], docker compose stats."""
    if own - {"--no-stream", "-a", "--all"} or len(call.args) > 1:
        return None
    return _about(call, USE, "container", call.args, f"{_OURS} {_LAST}")


def _logs(call: Call, own: set[str]) -> Intent | None:
    """docker logs NAME, docker compose logs [SERVICE ...]."""
    own = own - {"-f", "--follow", "-n", "--tail", "--since", "--details"}
    composed = call.program == "docker-compose"
    if own or (not composed and len(call.args) != 1):
        return None
    params: dict[str, str] = {}
    tail, since = call.flag("--tail", "-n"), call.flag("--since")
    if tail is not None and tail != "all":
        if not tail.isdecimal():
            return None
        params["tail"] = tail
    if since is not None:
        if not _DURATION.fullmatch(since):
            return None
        params["since"] = since
    said = _ONCE if call.has("-f", "--follow") and (composed or call.flag("--follow") is not None) else ""
    return _about(call, LOGS, "service" if composed else "container", call.args, said, params)


def _top(call: Call, own: set[str]) -> Intent | None:
    """docker top NAME, docker compose top [SERVICE]."""
    composed = call.program == "docker-compose"
    if own or len(call.args) > 1 or (not composed and not call.args):
        return None
    return _about(call, PROCESSES, "service" if composed else "container", call.args, "")


def _events(call: Call, own: set[str]) -> Intent | None:
    if own - {"--since", "--until", "--json"} or call.args:
        return None
    return _about(call, EVENTS, "", (), f"{_OURS} What the cockpit has kept is shown; it does not go on printing.")


def _simple(look: str, said: str, allowed: frozenset[str], call: Call, own: set[str]) -> Intent | None:
    return None if own - allowed or call.args else _about(call, look, "", (), said)


def _about(
    call: Call, look: str, param: str, words: Sequence[Word], said: str, params: dict[str, str] | None = None
) -> Intent | None:
    values, asks = dict(params or {}), dict[str, Placeholder]()
    target: dict[str, str] = {}
    if call.program == "docker-compose" and (project := call.flag("--project-name")):
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", project):
            return None
        target["compose_project"] = project
    if all(word.literal for word in words):
        values |= {param: " ".join(word.text for word in words)} if words else {}
    elif len(words) == 1 and [each.spelled for each in words[0].placeholders] == [words[0].text]:
        asks[param] = words[0].placeholders[0]
    else:
        return None
    return Intent(look, SourceKind.CONTAINERS, target, values, asks, said)


_IMAGES_TOO = frozenset(("-a", "--all", "--digests"))
_images = partial(_simple, IMAGES, "", _IMAGES_TOO)
_engine = partial(_simple, ENGINE, _ALL, frozenset(("-f", "--short")))
_VERBS: Mapping[tuple[bool, str], Callable[[Call, set[str]], Intent | None]] = {
    (False, "ps"): _ps, (False, "ls"): _ps, (False, "list"): _ps, (True, "ps"): _ps,
    (False, "inspect"): _inspect, (False, "port"): _inspect,
    (False, "stats"): _stats, (True, "stats"): _stats,
    (False, "logs"): _logs, (True, "logs"): _logs,
    (False, "top"): _top, (True, "top"): _top,
    (False, "events"): _events, (True, "events"): _events, (False, "system events"): _events,
    (False, "images"): _images, (False, "image ls"): _images, (False, "image list"): _images,
    (True, "images"): _images,
    (False, "system df"): partial(_simple, DISK, "", frozenset(("-v", "--volume", "--verbose"))),
    (False, "version"): _engine, (False, "info"): _engine, (False, "system info"): _engine,
    (True, "version"): _engine,
}  # fmt: skip


def _only(look: str, call: Call) -> Intent | None:
    intent = understood(call)
    return intent if intent is not None and intent.name == look else None


REPLACES = tuple(
    Replacement(look, program, Tier.T0, partial(_only, look))
    for look in (LIST, ONE, USE, EVENTS, LOGS, PROCESSES, IMAGES, DISK, ENGINE)
    for program in PROGRAMS
)
