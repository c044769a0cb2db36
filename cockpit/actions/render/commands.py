"""Which commands of a runbook the actions at Render stand in for: its tool, and requests to its API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cockpit.adapters.render.commandline import RenderCall, is_id, request_call, tool_call
from cockpit.model.action import ActionSpec
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_FOLLOWS = "It waits until the deploy has ended, and says where it failed; the command returns at once."
_WAITS = "It looks whether it is so afterwards; the command returns at once."
_SUPERSEDED = "It refuses where another deploy went live since it was planned."


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each action, for the tool and for requests."""
    found: list[Replacement] = []
    for spec in specs:
        if spec.id in _OF_TOOL:
            found.append(Replacement(spec.id, "render", spec.tier, _only(spec.id, _of_tool)))
        found.append(Replacement(spec.id, "http", spec.tier, _only(spec.id, _of_request)))
    return tuple(found)


def _only(action: str, understand: Callable[[Call], Intent | None]) -> Callable[[Call], Intent | None]:
    def only(call: Call) -> Intent | None:
        found = understand(call)
        return found if found is not None and found.name == action else None

    return only


def _intent(found: RenderCall, action: str, key: str, params: Mapping[str, str], differs: str) -> Intent:
    """`key` is the parameter that holds the id, which is also where it is."""
    values = {name: found.value(text) for name, text in params.items()}
    literal = {name: value for name, value in values.items() if isinstance(value, str)}
    target = {"render": literal[key]} if key in literal else {}
    if action == "render.maintenance":
        literal.pop("service", None)
        values.pop("service", None)
    asks = {name: value for name, value in values.items() if isinstance(value, Placeholder)}
    return Intent(action, SourceKind.RENDER, target, literal, asks, differs)


def _of_tool(call: Call) -> Intent | None:
    restart = tool_call(call, "restart")
    if restart is not None and len(restart.words) == 1 and not restart.options:
        if not is_id(restart.value(restart.words[0]), "srv"):
            return None
        return _intent(restart, "render.restart", "service", {"service": restart.words[0]}, _WAITS)
    made = tool_call(call, "deploys create")
    if made is None or len(made.words) != 1 or set(made.options) - {"--clear-cache", "--commit"}:
        return None
    if not is_id(made.value(made.words[0]), "srv|crn"):
        return None
    params = {"service": made.words[0], "cache": "clear" if "--clear-cache" in made.options else "keep"}
    params |= {"commit": made.options["--commit"]} if made.options.get("--commit") else {}
    return _intent(made, "render.redeploy", "service", params, _FOLLOWS)


def _of_request(call: Call) -> Intent | None:
    found = request_call(call)
    if found is None or found.options or not found.words:
        return None
    if found.verb == "HOOK":
        hook = found.words[1]
        if not is_id(found.value(hook), "srv|crn"):
            return None
        return _intent(found, "render.redeploy", "service", {"service": hook, "cache": "keep"}, _FOLLOWS)
    if len(found.words) < 2 or not is_id(found.value(found.words[1]), "srv|crn|dpg"):
        return None
    understand = _REQUESTS.get((found.verb, found.words[0], found.words[2] if len(found.words) > 2 else ""))
    return understand(found) if understand is not None and len(found.words) <= 3 else None


def _plain(action: str, differs: str = _WAITS, key: str = "service") -> Callable[[RenderCall], Intent | None]:
    def understand(found: RenderCall) -> Intent | None:
        return None if found.body else _intent(found, action, key, {key: found.words[1]}, differs)

    return understand


def _rollback(found: RenderCall) -> Intent | None:
    deploy = found.body.get("deployId")
    if set(found.body) != {"deployId"} or not isinstance(deploy, str) or not is_id(found.value(deploy), "dep"):
        return None
    params = {"service": found.words[1], "deploy": deploy}
    return _intent(found, "render.rollback", "service", params, f"{_FOLLOWS} {_SUPERSEDED}")


def _redeploy(found: RenderCall) -> Intent | None:
    cache, commit = found.body.get("clearCache", "do_not_clear"), found.body.get("commitId", "")
    if set(found.body) - {"clearCache", "commitId"} or not isinstance(commit, str):
        return None
    if cache not in ("clear", "do_not_clear"):
        return None
    params = {"service": found.words[1], "cache": "clear" if cache == "clear" else "keep"}
    return _intent(found, "render.redeploy", "service", params | ({"commit": commit} if commit else {}), _FOLLOWS)


def _scale(found: RenderCall) -> Intent | None:
    count = found.body.get("numInstances")
    if set(found.body) != {"numInstances"} or isinstance(count, bool) or not isinstance(count, int):
        return None
    return _intent(found, "render.scale", "service", {"service": found.words[1], "instances": str(count)}, _WAITS)


def _maintenance(found: RenderCall) -> Intent | None:
    details = found.body.get("serviceDetails")
    mode = (
        details.get("maintenanceMode") if isinstance(details, dict) and set(details) == {"maintenanceMode"} else None
    )
    if set(found.body) != {"serviceDetails"} or not isinstance(mode, dict):
        return None
    on = mode.get("enabled")
    if set(mode) - {"enabled", "uri"} or not isinstance(on, bool):
        return None
    differs = "It shows the page that the profile names."
    params = {"service": found.words[1], "mode": "on" if on else "off"}
    return _intent(found, "render.maintenance", "service", params, differs)


def _recover(found: RenderCall) -> Intent | None:
    at, name = found.body.get("restoreTime"), found.body.get("restoreName", "")
    if set(found.body) - {"restoreTime", "restoreName"} or not isinstance(at, str) or not isinstance(name, str):
        return None
    params = {"postgres": found.words[1], "at": at} | ({"name": name} if name else {})
    return _intent(found, "render.recover", "postgres", params, "It waits until the new database is available.")


_OF_TOOL = ("render.restart", "render.redeploy")
_REQUESTS: Mapping[tuple[str, str, str], Callable[[RenderCall], Intent | None]] = {
    ("POST", "services", "restart"): _plain("render.restart"),
    ("POST", "services", "rollback"): _rollback,
    ("POST", "services", "deploys"): _redeploy,
    ("POST", "services", "scale"): _scale,
    ("POST", "services", "suspend"): _plain("render.suspend"),
    ("POST", "services", "resume"): _plain("render.resume", _FOLLOWS),
    ("PATCH", "services", ""): _maintenance,
    ("POST", "postgres", "export"): _plain("render.backup", "It waits until the export is ready.", "postgres"),
    ("POST", "postgres", "recovery"): _recover,
}
