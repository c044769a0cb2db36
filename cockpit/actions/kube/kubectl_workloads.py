"""Which `kubectl` commands of a runbook the actions on workloads stand in for, and where the commands are wrong.

What kubectl does with each is known from what version 1.32 really sends. An option that is not named here means that
the command is not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from cockpit.actions.kube.colours import text_of_labels
from cockpit.adapters.kube.changing import WORKLOADS
from cockpit.adapters.kube.commandline import KubeCall, kube_call
from cockpit.model.action import ActionSpec, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_NUMBER = re.compile(r"\d{1,4}")
_WAITS = ("--wait", "--timeout")
_SELECTED = "/spec/selector/"

_TOGGLES = (
    "It names the revision and what it changes before anything happens; the command takes the one before, whichever"
    " that is: done twice, it brings the bad one back."
)
_NO_TEST = "It does nothing where the template was changed since it was planned; the command overwrites that."
_WAITS_FOR = "It waits until all pods are new; the command returns at once."
_TAKEN_BACK = (
    "It says whether an autoscaler takes the number back and a quota allows it; the command succeeds where neither"
    " lets it last."
)
_TO_NOTHING = (
    "The command ends every pod at once, with what they hold in memory and their logs, and switches an autoscaler"
    " off; this asks for a reason first."
)
_UNREADY = (
    "It refuses while no pod of the new selector is ready, and keeps the old selector; the command switches all the"
    " same, and then nobody is served."
)
_WAY_BACK = (
    "It refuses the colour that a service needs, and keeps the manifest; the command deletes the way back with its"
    " history."
)
_MOVES = "It sets the digest where the pods here tell it, and waits; with the command a tag may mean another image."


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions that a command can mean."""
    return tuple(Replacement(spec.id, "kubectl", spec.tier, _only(spec.id)) for spec in specs if spec.id in _MEANT)


def _only(action: str) -> Callable[[Call], Intent | None]:
    def understand(call: Call) -> Intent | None:
        found = intent_of(call)
        return found if found is not None and found.name == action else None

    return understand


def intent_of(call: Call) -> Intent | None:
    """What a command that changes a workload amounts to."""
    understand = _VERBS.get(call.verb)
    found = kube_call(call, call.verb) if understand else None
    if understand is None or found is None or found.everywhere or not found.name:
        return None
    return understand(found)


def _intent(
    found: KubeCall, action: str, params: Mapping[str, str], differs: str = "", tier: Tier | None = None
) -> Intent:
    values = {name: found.value(text) for name, text in params.items()}
    return Intent(
        action,
        SourceKind.WORKLOADS,
        found.target,
        {name: value for name, value in values.items() if isinstance(value, str)},
        {name: value for name, value in values.items() if isinstance(value, Placeholder)},
        differs,
        tier,
    )


def _workload(found: KubeCall, kinds: Sequence[str] = tuple(WORKLOADS)) -> str:
    """ "deployment/api", "" for another kind."""
    return f"{found.kind}/{found.name}" if found.kind in kinds else ""


def _undo(found: KubeCall) -> Intent | None:
    workload = _workload(found)
    if not workload or found.given or not set(found.options) <= {"--to-revision"}:
        return None
    revision = found.options.get("--to-revision", "0")
    if isinstance(found.value(revision), str) and not _NUMBER.fullmatch(revision):
        return None
    if revision == "0":
        return _intent(found, "workloads.undo", {"workload": workload}, _TOGGLES)
    return _intent(found, "workloads.undo", {"workload": workload, "revision": revision}, _NO_TEST)


def _restart(found: KubeCall) -> Intent | None:
    return _plain(found, "workloads.restart", tuple(WORKLOADS), _WAITS_FOR)


def _pause(found: KubeCall) -> Intent | None:
    return _plain(found, "workloads.pause", ("deployment",))


def _resume(found: KubeCall) -> Intent | None:
    return _plain(found, "workloads.resume", ("deployment",), _WAITS_FOR)


def _plain(found: KubeCall, action: str, kinds: Sequence[str], differs: str = "") -> Intent | None:
    workload = _workload(found, kinds)
    return (
        None
        if not workload or found.options or found.given
        else _intent(found, action, {"workload": workload}, differs)
    )


def _scale(found: KubeCall) -> Intent | None:
    workload, options = _workload(found, ("deployment", "statefulset")), found.options
    if not workload or found.given or not set(options) <= {"--replicas", "--current-replicas", "--timeout"}:
        return None
    wanted, expected = options.get("--replicas", ""), options.get("--current-replicas", "")
    for each in (wanted, *([expected] if expected else [])):
        if isinstance(found.value(each), str) and not _NUMBER.fullmatch(each):
            return None
    params = {"workload": workload, "replicas": wanted, **({"expect": expected} if expected else {})}
    if wanted.isdigit() and int(wanted) == 0:
        return _intent(found, "workloads.scale", params, _TO_NOTHING, Tier.T3)
    return _intent(found, "workloads.scale", params, _TAKEN_BACK)


def _image(found: KubeCall) -> Intent | None:
    workload = _workload(found)
    if not workload or found.options or len(found.given) != 1:
        return None
    container, _, image = found.given[0].partition("=")
    if not image or not container or container == "*":
        return None
    params = {"workload": workload, "container": container, "image": image}
    return _intent(found, "workloads.image", params, "" if "@sha256:" in image else _MOVES)


def _patch(found: KubeCall) -> Intent | None:
    """Of a service, and of its selector alone."""
    options = dict(found.options)
    body = options.pop("-p", "")
    body = options.pop("--patch", body)
    kind = options.pop("--type", "strategic")
    spelled = any(each.spelled in body for each in found.placeholders)
    if found.kind != "service" or found.given or options or spelled or not body:
        return None
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError):
        return None  # YAML, or a mistake
    selector = _operations(wanted) if kind == "json" else _merged(wanted) if kind in ("strategic", "merge") else None
    if not selector or not all(_is_label(key, value) for key, value in selector.items()):
        return None
    params = {"service": found.name, "selector": text_of_labels(selector)}
    return _intent(found, "workloads.switch", params, _UNREADY)


def _is_label(key: object, value: object) -> bool:
    plain = isinstance(key, str) and key and not set(key) & set(",= ")
    return bool(plain) and (value is None or (isinstance(value, str) and not set(value) & set(",= ")))


def _merged(body: object) -> dict[str, str | None] | None:
    match body:
        case {"spec": {"selector": dict() as selector, **rest}, **others} if not rest and not others:
            return selector
    return None


def _operations(body: object) -> dict[str, str | None] | None:
    """Of a JSON patch; its tests are left out, because the action tests the whole selector."""
    found: dict[str, str | None] = {}
    for each in body if isinstance(body, list) else ():
        match each:
            case {"op": "test", "path": str() as path} if path.startswith(_SELECTED):
                continue
            case {"op": "replace" | "add", "path": str() as path, "value": str() as value, **rest} if not rest:
                key = path.removeprefix(_SELECTED)
                if key == path:
                    return None
                found[key.replace("~1", "/").replace("~0", "~")] = value
            case _:
                return None
    return found or None


def _delete(found: KubeCall) -> Intent | None:
    workload = _workload(found, ("deployment",))
    if not workload or found.given or not set(found.options) <= set(_WAITS):
        return None
    return _intent(found, "workloads.delete", {"workload": workload}, _WAY_BACK)


_VERBS: Mapping[str, Callable[[KubeCall], Intent | None]] = {
    "rollout undo": _undo,
    "rollout restart": _restart,
    "rollout pause": _pause,
    "rollout resume": _resume,
    "scale": _scale,
    "set image": _image,
    "patch": _patch,
    "delete": _delete,
}
_MEANT = {
    "workloads.undo",
    "workloads.restart",
    "workloads.pause",
    "workloads.resume",
    "workloads.scale",
    "workloads.image",
    "workloads.switch",
    "workloads.delete",
}
