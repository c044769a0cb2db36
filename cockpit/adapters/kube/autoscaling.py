"""What limits how many pods there are: autoscalers (autoscaling/v2, v2beta2, v1) and disruption budgets.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from cockpit.adapters.kube.fields import name_of, number, part, parts, text, texts
from cockpit.adapters.kube.terms import Json
from cockpit.model.workloads import Autoscaler, Budget

_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"  # where v1 keeps them


def autoscalers_of(objects: Iterable[Json]) -> dict[str, Autoscaler]:
    """Workload ("deployment/api") -> its autoscaler."""
    found: dict[str, Autoscaler] = {}
    for obj in objects:
        target = part(obj, "spec", "scaleTargetRef")
        kind, name = text(target.get("kind"), 80).lower(), text(target.get("name"), 253)
        found[f"{kind}/{name}"] = autoscaler_of(obj)
    return found


def autoscaler_of(obj: Json) -> Autoscaler:
    """One of them."""
    spec, status = part(obj, "spec"), part(obj, "status")
    low = spec.get("minReplicas")
    return Autoscaler(
        name=name_of(obj),
        minimum=number(low) if low is not None else 1,
        maximum=number(spec.get("maxReplicas")),
        current=number(status.get("currentReplicas")),
        desired=number(status.get("desiredReplicas")),
        said="; ".join(_complaints(obj)),
    )


def _complaints(obj: Json) -> list[str]:
    said: list[str] = []
    for each in _conditions(obj):
        kind, holds = each.get("type"), each.get("status")
        bad = (
            holds == "False"
            if kind in ("AbleToScale", "ScalingActive")
            else kind == "ScalingLimited" and holds == "True"
        )
        reason = text(each.get("reason"), 80)
        if bad and reason != "ScalingDisabled":
            said.append(f"{reason}: {text(each.get('message'), 300)}".removesuffix(": "))
        elif bad:
            said.append("off while there are 0 replicas")
    return said


def _conditions(obj: Json) -> list[Json]:
    found = list(parts(obj, "status", "conditions"))
    written = part(obj, "metadata", "annotations").get(_CONDITIONS)
    if found or not isinstance(written, str) or len(written) > 20_000:
        return found
    try:
        return list(parts(json.loads(written)))
    except (ValueError, RecursionError):
        return []


def budgets_for(objects: Iterable[Json], labels: Mapping[str, str]) -> tuple[Budget, ...]:
    """The budgets whose selector chooses pods of these labels."""
    return tuple(budget_of(obj) for obj in objects if _chooses(obj, labels))


def budget_of(obj: Json) -> Budget:
    """One of them."""
    status = part(obj, "status")
    return Budget(
        name=name_of(obj),
        allowed=number(status.get("disruptionsAllowed")),
        healthy=number(status.get("currentHealthy")),
        wanted=number(status.get("desiredHealthy")),
        expected=number(status.get("expectedPods")),
    )


def _chooses(obj: Json, labels: Mapping[str, str]) -> bool:
    selector = part(obj, "spec", "selector")
    if not selector:  # chooses nothing in v1beta1, everything in v1; absent: nothing
        return "selector" in part(obj, "spec") and obj.get("apiVersion") == "policy/v1"
    return selects(selector, labels)


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) chooses these labels."""
    if any(labels.get(key) != value for key, value in part(selector, "matchLabels").items()):
        return False
    return all(_holds(each, labels) for each in parts(selector, "matchExpressions"))


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    key, values = text(expression.get("key"), 320), texts(expression.get("values"), 80)
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
