"""Which `kubectl` commands of a runbook the actions on ConfigMaps, pods and nodes stand in for, and how they differ.

An option that is not named here means that the command is not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cockpit.adapters.kube.commandline import KubeCall, kube_call
from cockpit.model.action import ActionSpec, Tier
from cockpit.model.command import Call, Command, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

_UNSEEN = (
    "It says who reads the key and that variables are read at the start only, and can restart those; the command"
    " changes the ConfigMap, and nothing else happens."
)
_EVICTS = (
    "It evicts the pod, which a disruption budget may refuse, and waits for the one that is made instead; deleting"
    " asks no budget."
)
_HARD = (
    "It lets the pod end in its own time and asks the budgets; the command kills it at once, and what it was doing is"
    " lost."
)
_LISTED = (
    "It shows every pod by name and uid before, and deletes just those; the command deletes what has failed by then."
)
_EVERYWHERE = (
    "It is about the namespace of the profile; the command is about all namespaces, takes any line with the word in"
    " it, and fails where there is none."
)
_DRAINS = (
    "It names what would be lost before anything happens, gives up at a deadline and tells what is left; the command"
    " without a timeout waits for ever."
)
_ALONE = (
    "It takes every label away, so that no service and no controller chooses the pod, and closes its network; the"
    " command adds a label, which cuts nothing off by itself."
)


def replacements(specs: Sequence[ActionSpec]) -> tuple[Replacement, ...]:
    """A declaration for each of these actions that a command can mean."""
    found = [Replacement(spec.id, "kubectl", spec.tier, _only(spec.id)) for spec in specs if spec.id in _MEANT]
    fed = [
        Replacement(spec.id, "kubectl", spec.tier, lambda _: None, whole=cleared)
        for spec in specs
        if spec.id == "workloads.clear_failed"
    ]
    return (*found, *fed)


def _only(action: str) -> Callable[[Call], Intent | None]:
    def understand(call: Call) -> Intent | None:
        found = intent_of(call)
        return found if found is not None and found.name == action else None

    return understand


def cleared(command: Command) -> Intent | None:
    """`kubectl get pods | grep Evicted | ... | xargs kubectl delete pod`: the evicted ones of a namespace."""
    get, *between, delete = command.calls
    listed = kube_call(get, "get")
    deleted = kube_call(replace(delete, within=()), "delete")
    if listed is None or deleted is None or listed.kind != "pod" or listed.names or listed.given:
        return None
    if deleted.kind != "pod" or deleted.names or deleted.given or deleted.everywhere:
        return None
    if set(listed.options) | set(deleted.options) - set(_NO_MATTER):
        return None
    sifted = [each for each in between if each.program == "grep"]
    plain = len(sifted) == 1 and [word.text for word in sifted[0].args] == ["Evicted"] and not sifted[0].flags
    if not plain or any(each.program not in ("grep", "awk", "cut") for each in between):
        return None
    where = {} if listed.everywhere else listed.target
    if not listed.everywhere and deleted.target != where:
        return None
    differs = f"{_EVERYWHERE} {_LISTED}" if listed.everywhere else _LISTED
    return Intent("workloads.clear_failed", SourceKind.WORKLOADS, where, {"only": "evicted"}, differs=differs)


def intent_of(call: Call) -> Intent | None:
    """What a command amounts to."""
    understand = _VERBS.get(call.verb)
    found = kube_call(call, call.verb, objects=understand not in (_cordon, _drain)) if understand else None
    return understand(found) if understand is not None and found is not None and not found.everywhere else None


def _intent(
    found: KubeCall,
    action: str,
    params: Mapping[str, str],
    differs: str,
    tier: Tier | None = None,
) -> Intent:
    values = {name: found.value(text) for name, text in params.items()}
    return Intent(
        action,
        SourceKind.CLUSTER if action.startswith("cluster.") else SourceKind.WORKLOADS,
        found.target,
        {name: value for name, value in values.items() if isinstance(value, str)},
        {name: value for name, value in values.items() if isinstance(value, Placeholder)},
        differs,
        tier,
    )


def _patch(found: KubeCall) -> Intent | None:
    """Of one key of a ConfigMap."""
    options = dict(found.options)
    body = options.pop("-p", "")
    body = options.pop("--patch", body)
    kind = options.pop("--type", "strategic")
    spelled = any(each.spelled in body for each in found.placeholders)
    if found.kind != "configmap" or not found.name or found.given or options or spelled or not body:
        return None
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError):
        return None  # YAML, or a mistake
    pair = _pair(wanted) if kind in ("strategic", "merge") else None
    if pair is None:
        return None
    key, value = pair
    params = {"configmap": found.name, "key": key}
    params |= {"exact": json.dumps(value)} if not value or not value.isprintable() else {"value": value}
    return _intent(found, "cluster.configmap", params, _UNSEEN)


def _pair(body: object) -> tuple[str, str | None] | None:
    match body:
        case {"data": dict() as data, **rest} if not rest and len(data) == 1:
            ((key, value),) = data.items()
            return (key, value) if value is None or isinstance(value, str) else None
    return None


def _delete(found: KubeCall) -> Intent | None:
    """Of one pod by its name, or of those that have failed."""
    if found.kind != "pod" or found.given:
        return None
    options = {name: value for name, value in found.options.items() if name not in _NO_MATTER}
    if found.name:
        hard = options.pop("--force", None) is not None or options.pop("--now", None) is not None
        hard = options.pop("--grace-period", "") in ("0", "1") or hard
        return None if options else _intent(found, "workloads.evict", {"pod": found.name}, _HARD if hard else _EVICTS)
    chosen = options.pop("--field-selector", "").replace("==", "=")
    if found.names or options or chosen != "status.phase=Failed":
        return None
    return _intent(found, "workloads.clear_failed", {}, _LISTED)


def _node(found: KubeCall) -> str:
    """Its name, "" where none or several are given."""
    if len(found.given) != 1:
        return ""
    kind, slash, name = found.given[0].rpartition("/")
    return name if not slash or kind in ("node", "nodes", "no") else ""


def _cordon(found: KubeCall) -> Intent | None:
    name = _node(found)
    return _intent(found, f"cluster.{found.verb}", {"node": name}, "") if name and not found.options else None


def _drain(found: KubeCall) -> Intent | None:
    name, options = _node(found), dict(found.options)
    params = {"node": name}
    options.pop("--ignore-daemonsets", "")  # theirs always stay
    for option, param in (
        ("--force", "alone"),
        ("--delete-emptydir-data", "scratch"),
        ("--delete-local-data", "scratch"),
    ):
        if option in options:
            params[param] = "no" if options.pop(option) == "false" else "yes"
    within = options.pop("--timeout", "")
    if within and isinstance(found.value(within), str):
        if not _TIME.fullmatch(within):
            return None
        params["within"] = within
    return None if not name or options else _intent(found, "cluster.drain", params, _DRAINS)


def _label(found: KubeCall) -> Intent | None:
    """Of a pod, where the label says that it shall be kept apart."""
    if found.kind != "pod" or not found.name or len(found.given) != 1 or set(found.options) - {"--overwrite"}:
        return None
    key, sign, value = found.given[0].partition("=")
    means = _APART.search(key.rpartition("/")[2]) or (_APART.search(value) and not key.endswith("-"))
    if not sign or not means or value.casefold() in ("false", "no", "off", "0", ""):
        return None
    return _intent(found, "workloads.isolate", {"pod": found.name}, _ALONE)


_APART = re.compile(r"quarantin|isolat", re.IGNORECASE)
_TIME = re.compile(r"[1-9]\d{0,4}[smh]")
_VERBS: Mapping[str, Callable[[KubeCall], Intent | None]] = {
    "patch": _patch,
    "delete": _delete,
    "cordon": _cordon,
    "uncordon": _cordon,
    "drain": _drain,
    "label": _label,
}
_MEANT = {
    "cluster.configmap",
    "cluster.cordon",
    "cluster.uncordon",
    "cluster.drain",
    "workloads.evict",
    "workloads.clear_failed",
    "workloads.isolate",
}
_NO_MATTER = ("--wait", "--timeout", "--ignore-not-found")
