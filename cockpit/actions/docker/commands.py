"""Which docker and docker compose commands of a runbook the actions stand in for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from cockpit.model.action import ActionSpec, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement, Word
from cockpit.model.severity import SourceKind

PROGRAMS = ("docker-compose", "docker")
# Where Compose looks: the profile says it too. What changes the meaning of a command otherwise is not among them.
_PLACE = frozenset(("-p", "--project-name", "-f", "--file", "--project-directory", "--ansi", "--env-file"))
_RESTART = _PLACE | {"-t", "--timeout", "--no-deps"}
_UP = _PLACE | {"-d", "--detach", "--no-recreate", "--no-deps", "--scale", "--wait"}
_UP_AS_IT_IS = frozenset(("-p", "--project-name", "--ansi", "-d", "--detach", "--wait"))
_PRUNE = frozenset(("-a", "--all", "-f", "--force", "--filter"))
_WAIT = "Each container is waited for until it runs and is healthy before the next is touched."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OWN_FILES = (
    "The Compose files are those of the profile, or of the containers; it waits until all run and are healthy."
)
_NO_DEPS = "Services that it depends on are left as they are."
_NOT_PULLED = (
    "Nothing is pulled, and no other service is touched: the service that the repository is named after is made anew "
    "from an image that the engine has, chosen by its digest; the `up` below it then finds nothing left to do, or "
    "brings the image of the Compose file back."
)
_EXACT = "Exactly what is listed on the plan goes, one by one; what is needed to roll a service back stays."


def understood(call: Call) -> Intent | None:
    """The action that does the same, or None."""
    if call.within or call.redirects or call.substituted or call.piped or call.assigned:
        return None
    if call.program == "docker":
        return _docker(call)
    target = {"compose_project": project[-1]} if (project := call.flags.get("--project-name")) else {}
    match call.verb:
        case "restart" | "stop" | "start" if len(call.args) == 1 and not call.flags.keys() - _RESTART:
            return _on(f"containers.{call.verb}", call.args[0], target, _WAIT)
        case "scale" if len(call.args) == 1 and not call.flags.keys() - _PLACE:
            return _scale(call.args[0].text, target)
        case "up" if call.flags.get("--scale") and not call.flags.keys() - _UP:
            return _up(call, target)
        case "up" if not call.flags.keys() - _UP_AS_IT_IS:
            return _brought_up(call, target)
    return None


def _up(call: Call, target: dict[str, str]) -> Intent | None:
    """Only where it scales one service, and is for no other."""
    scales = call.flags.get("--scale", ())
    named = [word.text for word in call.args]
    if len(scales) != 1 or not call.flags.keys() & {"-d", "--detach"} or named not in ([], scales[0].split("=")[:1]):
        return None
    return _scale(scales[0], target)


def _brought_up(call: Call, target: dict[str, str]) -> Intent | None:
    """In the background, all of the project or one service, from the files where Compose finds them."""
    if not call.has("-d", "--detach") or len(call.args) > 1:
        return None
    if call.args:
        return _on("containers.up", call.args[0], target, f"{_OWN_FILES} {_NO_DEPS}")
    return Intent("containers.up", SourceKind.CONTAINERS, target, differs=_OWN_FILES)


def pulled(call: Call) -> Intent | None:
    """`docker pull REPOSITORY/NAME:$TAG` where `up` follows: NAME goes back to an image that is chosen."""
    if call.verb != "pull" or len(call.args) != 1 or call.flags.keys() - {"-q", "--quiet"}:
        return None
    if call.within or call.redirects or call.substituted or call.piped or call.assigned:
        return None
    word = call.args[0]
    repository, colon, tag = word.text.rpartition(":")
    service = repository.rpartition("/")[2]
    mark = word.placeholders[0] if len(word.placeholders) == 1 else None
    if not colon or mark is None or mark.spelled != tag or not _NAME.fullmatch(service):
        return None
    asks = {"image": mark}
    return Intent("containers.rollback", SourceKind.CONTAINERS, {}, {"service": service}, asks, _NOT_PULLED)


def _scale(given: str, target: dict[str, str]) -> Intent | None:
    service, sign, count = given.partition("=")
    if not (service and sign and count.isascii() and count.isdigit()):
        return None
    said = "Other services, and settings changed in the Compose file meanwhile, are left as they are."
    params = {"service": service, "replicas": count}
    return Intent("containers.scale", SourceKind.CONTAINERS, target, params, differs=said)


def _docker(call: Call) -> Intent | None:
    if call.verb not in ("system prune", "image prune", "container prune") or call.args:
        return None
    older = _older(call)
    if call.flags.keys() - _PRUNE or older is None:
        return None
    images = "images" if call.has("-a", "--all") else "unnamed images"
    what = {"system prune": "all", "image prune": images, "container prune": "containers"}[call.verb]
    return Intent("containers.prune", SourceKind.CONTAINERS, {}, {"what": what, "older": older}, differs=_EXACT)


def _older(call: Call) -> str | None:
    """Of `--filter until=168h`; None for other filters."""
    given = call.flags.get("--filter", ())
    if not given:
        return "0s"
    name, _, value = given[0].partition("=")
    return value if len(given) == 1 and name == "until" and value else None


def _on(action: str, service: Word, target: dict[str, str], differs: str) -> Intent | None:
    if service.literal:
        return Intent(action, SourceKind.CONTAINERS, target, {"service": service.text}, differs=differs)
    asks: dict[str, Placeholder] = {}
    if len(service.placeholders) == 1 and service.placeholders[0].spelled == service.text:
        asks["service"] = service.placeholders[0]
        return Intent(action, SourceKind.CONTAINERS, target, {}, asks, differs)
    return None


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each action and program."""

    return (
        *(
            Replacement(each.id, program, each.tier, partial(_only, each.id))
            for each in specs
            for program in PROGRAMS
        ),
        Replacement("containers.rollback", "docker", Tier.T2, pulled, followed="docker-compose up"),
    )


def _only(action: str, call: Call) -> Intent | None:
    intent = understood(call)
    return intent if intent is not None and intent.name == action else None
