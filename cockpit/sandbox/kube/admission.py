"""What may not be made: pods above a quota.

https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cockpit.adapters.kube.fields import quantity
from cockpit.sandbox.kube.kinds import KINDS, Kind
from cockpit.sandbox.kube.statuses import Object, forbidden
from cockpit.sandbox.kube.store import Store

QUOTAS = next(kind for kind in KINDS if kind.key == "resourcequotas")
_ASKED = {"requests.cpu": ("requests", "cpu"), "requests.memory": ("requests", "memory"),
          "limits.cpu": ("limits", "cpu"), "limits.memory": ("limits", "memory"),
          "cpu": ("requests", "cpu"), "memory": ("requests", "memory")}  # fmt: skip


def admit(store: Store, kind: Kind, obj: Object) -> None:
    """Raises ApiError 403 where a quota of the namespace is used up."""
    if kind.key != "pods":
        return
    namespace = obj["metadata"]["namespace"]
    for quota in store.all(QUOTAS, namespace):
        hard = quota["spec"].get("hard") or {}
        there = [pod for pod in store.all("pods", namespace) if counted(pod)]
        used, more = usage(hard, there), usage(hard, [obj])
        over = [name for name in hard if more[name] and used[name] + more[name] > (quantity(hard[name]) or 0.0)]
        if over:
            told = [",".join(f"{name}={written(name, values[name])}" for name in over) for values in (more, used)]
            limited = ",".join(f"{name}={hard[name]}" for name in over)
            why = f"exceeded quota: {quota['metadata']['name']}, requested: {told[0]}, used: {told[1]}, "
            raise forbidden(kind, obj["metadata"]["name"], f"{why}limited: {limited}")


def counted(pod: Object) -> bool:
    """Pods that ended count no more."""
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def usage(hard: Mapping[str, object], pods: Iterable[Object]) -> dict[str, float]:
    """What the pods use of each resource that a quota names."""
    pods = list(pods)
    found: dict[str, float] = {}
    for name in hard:
        if name in ("pods", "count/pods"):
            found[name] = float(len(pods))
            continue
        group, key = _ASKED.get(name, ("", ""))
        asked = [
            each.get("resources", {}).get(group, {}).get(key) for pod in pods for each in pod["spec"]["containers"]
        ]
        found[name] = sum(quantity(each) or 0.0 for each in asked if each is not None)
    return found


def written(name: str, value: float) -> str:
    """As a quantity."""
    if "memory" in name:
        return f"{value / (1 << 20):.0f}Mi" if value else "0"
    if "cpu" in name and value != int(value):
        return f"{value * 1000:.0f}m"
    return f"{value:.0f}"
