"""Which look a kubectl line that only reads workloads, pods or services amounts to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cockpit.adapters.kube.commandline import KubeCall, kube_call, singular
from cockpit.looks.labelselector import requirements
from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.severity import SourceKind

LIST, WORKLOAD, HISTORY = "workloads.list", "workloads.workload", "workloads.history"
PODS, POD, USE, EVERYWHERE = "workloads.pods", "workloads.pod", "workloads.use", "workloads.everywhere"
SERVICES, LIMITS = "workloads.services", "workloads.limits"

_WORKLOADS = ("deployment", "statefulset", "daemonset")
_LIMITS = ("resourcequota", "horizontalpodautoscaler", "poddisruptionbudget")
_SERVICES = ("service", "endpoints", "endpointslice")
_LISTED = frozenset((*_WORKLOADS, *_LIMITS, *_SERVICES, "pod", "replicaset", "all"))
_SELECTORS = ("-l", "--selector")
_PLAIN = ("wide", "name")
_OF_SERVICE = "kubernetes.io/service-name"

_WHOLE = "All of them are shown: the selector is not applied."
_LAST = "It shows the last reading, which the cockpit keeps up to date."
_NO_WAIT = "It says how they are now and does not wait; with no pod chosen it says so."
_NOW = "It says where the rollout stands now and does not wait for its end."
_ALL = "Workloads, pods in trouble, services and limits are shown; jobs are not among them."
_LIMITED = "Quotas, autoscalers and budgets are shown together."
_SEVERAL = "One line for each service with its ready endpoints and what it chooses, not each address."
_COUNTED = "Pods in trouble are listed, with their namespaces; the others are counted."
_NO_FORWARD = "No port is opened on this machine: it says whether what the forward would lead to is ready."
_SETS = "It shows the ReplicaSets as the history of their deployments."


def _plain(call: Call) -> bool:
    """It asks for a table: what -o yaml, json or jsonpath shows of an object, no reading holds."""
    form = call.flag("-o", "--output")
    return form is None or form in _PLAIN


def _got(call: Call) -> Intent | None:
    """kubectl get KIND [NAME ...] [-l SELECTOR] [--field-selector ...] [-A]."""
    found = kube_call(call, "get", quiet=frozenset(("--chunk-size", "--ignore-not-found", "-L", "--label-columns")))
    if found is None or not _plain(call) or len(found.names) > 1:
        return None
    kinds = _kinds(found)
    if not kinds or not kinds <= _LISTED or set(found.options) - {*_SELECTORS, "--field-selector"}:
        return None
    if found.everywhere:
        return _everywhere(found, kinds)
    if kinds == {"pod"}:
        return _one_pod(found) if found.names else _pods(found)
    if "--field-selector" in found.options:
        return None
    if len(kinds) > 1 or "all" in kinds:
        return None if found.names else _intent(found, LIST, differs=_ALL)
    kind = next(iter(kinds))
    if kind in _SERVICES:
        return _service(found, _SEVERAL if kind != "service" else "")
    if kind in _LIMITS:
        return _intent(found, LIMITS, differs=_LIMITED)
    if kind == "replicaset":
        return None if found.names else _intent(found, HISTORY, differs=_SETS)
    if found.names:
        return _workload(found)
    return _intent(found, LIST, {"kind": kind}, differs=_WHOLE if _selector(found) is not None else "")


def _kinds(found: KubeCall) -> set[str]:
    """Kinds that are asked for: one, or several joined by commas."""
    if found.kind:
        return set() if found.given else {found.kind}
    if len(found.given) != 1:
        return set()
    return {singular(each) for each in found.given[0].split(",")}


def _everywhere(found: KubeCall, kinds: set[str]) -> Intent | None:
    if kinds != {"pod"} or found.names or found.options:
        return None
    context = {"context": found.target["context"]} if "context" in found.target else {}
    return Intent(EVERYWHERE, SourceKind.WORKLOADS, context, differs=_COUNTED)


def _selector(found: KubeCall) -> str | None:
    return next((found.options[name] for name in _SELECTORS if name in found.options), None)


def _pods(found: KubeCall, look: str = PODS, differs: str = "") -> Intent | None:
    params: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    selector = _selector(found)
    if selector is not None and not _take(found, "selector", selector, params, asks):
        return None
    field = found.options.get("--field-selector")
    if field is not None:
        name, sign, phase = field.replace("==", "=").partition("=")
        if name.removesuffix("!") != "status.phase" or not sign or not phase.isalpha():
            return None
        params["phase"] = f"!{phase}" if name.endswith("!") else phase
    return _intent(found, look, params, asks, differs)


def _take(found: KubeCall, name: str, text: str, params: dict[str, str], asks: dict[str, Placeholder]) -> bool:
    """A value goes to the parameters, or is asked for; False for a selector that cannot be read."""
    value = found.value(text)
    if isinstance(value, Placeholder):
        asks[name] = value
        return True
    if name == "selector" and not requirements(value):
        return False
    params[name] = value
    return True


def _one_pod(found: KubeCall) -> Intent | None:
    return None if found.options else _named(found, POD, "pod", found.name)


def _workload(found: KubeCall, look: str = WORKLOAD, differs: str = "") -> Intent | None:
    name = found.value(found.name)
    if isinstance(name, Placeholder):
        return _intent(found, look, asks={"workload": name}, differs=differs)
    return _intent(found, look, {"workload": f"{found.kind}/{name}"}, differs=differs)


def _service(found: KubeCall, differs: str) -> Intent | None:
    selector = _selector(found)
    if selector is not None:
        key, sign, name = selector.partition("=")
        if key != _OF_SERVICE or not sign or found.names:
            return _intent(found, SERVICES, differs=_WHOLE) if not found.names else None
        return _named(found, SERVICES, "service", name)
    if not found.names:
        return _intent(found, SERVICES, differs=differs)
    return None if found.kind == "endpointslice" else _named(found, SERVICES, "service", found.name, differs)


def _named(found: KubeCall, look: str, param: str, text: str, differs: str = "") -> Intent | None:
    params: dict[str, str] = {}
    asks: dict[str, Placeholder] = {}
    _take(found, param, text, params, asks)
    return _intent(found, look, params, asks, differs)


def _intent(
    found: KubeCall,
    look: str,
    params: Mapping[str, str] | None = None,
    asks: Mapping[str, Placeholder] | None = None,
    differs: str = "",
) -> Intent:
    return Intent(look, SourceKind.WORKLOADS, found.target, params or {}, asks or {}, differs)


def _described(call: Call) -> Intent | None:
    """kubectl describe pod|deployment|service|resourcequota ... NAME."""
    found = kube_call(call, "describe", quiet=frozenset(("--show-events",)))
    if found is None or found.given or found.everywhere or len(found.names) > 1:
        return None
    if found.kind in _LIMITS and not found.options:
        return _intent(found, LIMITS, differs=_LIMITED)
    if found.kind in _SERVICES and not found.options:
        return _service(found, "")
    if found.kind == "pod" and not found.names and not set(found.options) - set(_SELECTORS):
        return _pods(found, differs="One line a pod; all that is known of one is asked for by its name.")
    if found.options or not found.names:
        return None
    if found.kind == "pod":
        return _one_pod(found)
    return _workload(found) if found.kind in _WORKLOADS else None


def _rollout(call: Call) -> Intent | None:
    """kubectl rollout status|history KIND/NAME."""
    status = kube_call(call, "rollout status", quiet=frozenset(("--timeout", "--watch", "-w")))
    if status is not None:
        fits = status.kind in _WORKLOADS and status.name and not status.given and not status.options
        return _workload(status, WORKLOAD, _NOW) if fits else None
    history = kube_call(call, "rollout history")
    if history is None or history.kind not in _WORKLOADS or not history.name or history.given:
        return None
    options = dict(history.options)
    revision = options.pop("--revision", "")
    intent = _workload(history, HISTORY) if not options else None
    if intent is None or not revision:
        return intent
    if not revision.isdecimal():
        return None
    return Intent(HISTORY, intent.pane, intent.target, {**intent.params, "revision": revision}, intent.asks)


def _waited(call: Call) -> Intent | None:
    """kubectl wait --for=condition=Ready pod -l SELECTOR."""
    found = kube_call(call, "wait", quiet=frozenset(("--timeout",)))
    if (
        found is None
        or found.everywhere
        or found.given
        or found.options.get("--for", "").casefold() != "condition=ready"
    ):
        return None
    if found.kind != "pod" or set(found.options) - {"--for", "--all", *_SELECTORS} or len(found.names) > 1:
        return None
    return _named(found, POD, "pod", found.name, _NO_WAIT) if found.names else _pods(found, differs=_NO_WAIT)


def _topped(call: Call) -> Intent | None:
    """kubectl top pods [-l SELECTOR] [--sort-by=cpu|memory]."""
    found = next(
        (each for verb in ("top pods", "top pod", "top po") if (each := kube_call(call, verb, objects=False))), None
    )
    given = found.given if found is not None else ()
    if found is None:
        found = kube_call(call, "top")
        if found is None or found.kind != "pod":
            return None
        given = found.names
    if found.everywhere or len(given) > 1 or set(found.options) - {*_SELECTORS, "--containers"}:
        return None
    if given:
        return _named(found, POD, "pod", given[0])
    intent = _pods(found, USE)
    order = call.flag("--sort-by") or ""
    if intent is None or order not in ("", "cpu", "memory"):
        return None
    return Intent(
        USE, intent.pane, intent.target, {**intent.params, **({"sort": order} if order else {})}, intent.asks
    )


def _forwarded(call: Call) -> Intent | None:
    """kubectl port-forward KIND/NAME|POD [LOCAL:]PORT ...: is there something at the other end."""
    quiet = frozenset(("--address", "--pod-running-timeout"))
    found = kube_call(call, "port-forward", objects=False, quiet=quiet)
    if found is None or found.options or found.everywhere or len(found.given) < 2:
        return None
    kind, slash, name = found.given[0].rpartition("/")
    kind = singular(kind) if slash else "pod"
    if kind == "service":
        return _named(found, SERVICES, "service", name, _NO_FORWARD)
    if kind == "pod":
        return _named(found, POD, "pod", name, _NO_FORWARD)
    if kind not in ("deployment", "statefulset"):
        return None
    return _workload(replace(found, kind=kind, names=(name,)), WORKLOAD, _NO_FORWARD)


def _only(look: str, understand: Callable[[Call], Intent | None]) -> Callable[[Call], Intent | None]:
    def named(call: Call) -> Intent | None:
        found = understand(call)
        return found if found is not None and found.name == look else None

    return named


REPLACES = tuple(
    Replacement(look, "kubectl", Tier.T0, _only(look, understand))
    for understand, looks in (
        (_got, (LIST, PODS, POD, WORKLOAD, HISTORY, SERVICES, LIMITS, EVERYWHERE)),
        (_described, (PODS, POD, WORKLOAD, SERVICES, LIMITS)),
        (_rollout, (WORKLOAD, HISTORY)),
        (_waited, (PODS, POD)),
        (_topped, (USE, POD)),
        (_forwarded, (SERVICES, POD, WORKLOAD)),
    )
    for look in looks
)
