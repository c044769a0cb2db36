"""Scale, eviction and logs: what is asked of a part of an object.

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from cockpit.sandbox.kube.kinds import KINDS, Kind
from cockpit.sandbox.kube.node.logs import Wanted, refusal, streamed
from cockpit.sandbox.kube.node.pods import Pods
from cockpit.sandbox.kube.selectors import matches
from cockpit.sandbox.kube.shaping import Writer
from cockpit.sandbox.kube.statuses import ApiError, Object, bad_request, too_many
from cockpit.sandbox.kube.store import Store
from cockpit.sandbox.kube.writing import Writing, patched

PODS = next(kind for kind in KINDS if kind.key == "pods")
BUDGETS = next(kind for kind in KINDS if kind.plural == "poddisruptionbudgets")


def scale_of(obj: Object) -> Object:
    """The Scale of a workload; 0 replicas are left out, as the API leaves them out."""
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status", {})
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = spec.get("selector", {}).get("matchLabels") or {}
    wanted = spec.get("replicas", 1)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": wanted} if wanted else {},
        "status": {
            "replicas": status.get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def scale(writing: Writing, kind: Kind, place: tuple[str, str], body: Any, how: str, writer: Writer) -> Object:
    """PUT (`how` is "") or PATCH. Raises ApiError."""
    before = writing.found(kind, *place)
    old = scale_of(before)
    new = patched(kind, old, body, how) if how else body
    if not isinstance(new, dict) or not isinstance(new.get("spec", {}), dict):
        raise bad_request("the body is no Scale")
    meta = new.get("metadata") or {}
    held = {key: meta[key] for key in ("uid", "resourceVersion") if meta.get(key)}
    replicas = new.get("spec", {}).get("replicas", 0)
    after = {**before, "metadata": {**before["metadata"], **held}, "spec": {**before["spec"], "replicas": replicas}}
    return scale_of(writing.update(kind, *place, after, writer))


def evict(store: Store, writing: Writing, place: tuple[str, str], body: Mapping[str, Any], writer: Writer) -> Object:
    """Delete a pod where the budgets allow it. Raises ApiError, 429 where one does not."""
    pod = writing.found(PODS, *place)
    labels = pod["metadata"].get("labels") or {}
    mine = [each for each in store.all(BUDGETS, place[0]) if matches(each["spec"].get("selector"), labels)]
    if len(mine) > 1:
        said = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise ApiError(500, "InternalError", said)
    options = body.get("deleteOptions") or {}
    over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed", "Pending")
    if mine and not over:
        _spend(store, mine[0], dry_run=writer.dry_run)
    writing.delete(PODS, *place, options, writer)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _spend(store: Store, budget: Object, *, dry_run: bool) -> None:
    status, name = budget.get("status") or {}, budget["metadata"]["name"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
        raise too_many(name, "is still being processed by the server.")
    if status.get("disruptionsAllowed", 0) <= 0:
        wanted, have = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise too_many(name, f"needs {wanted} healthy pods and has {have} currently")
    if not dry_run:
        left = status["disruptionsAllowed"] - 1
        store.put(BUDGETS, {**budget, "status": {**status, "disruptionsAllowed": left}})


def logs(pods: Pods | None, pod: Object, query: Mapping[str, str]) -> AsyncGenerator[bytes]:
    """Of one container, as its node has it. Raises ApiError."""
    meta = pod["metadata"]
    names = [each["name"] for each in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))]
    container = query.get("container", "")
    if not container:
        if len(pod["spec"]["containers"]) > 1:
            listed = " ".join(each["name"] for each in pod["spec"]["containers"])
            said = f"a container name must be specified for pod {meta['name']}, choose one of: [{listed}]"
            raise bad_request(said)
        container = names[0]
    if container not in names:
        raise bad_request(f"container {container} is not valid for pod {meta['name']}")
    life = pods.find(meta["namespace"], meta["name"]) if pods is not None else None
    if pods is None or life is None:
        raise bad_request(f'container "{container}" in pod "{meta["name"]}" is waiting to start: ContainerCreating')
    try:
        wanted = Wanted.of(query)
    except ValueError as error:
        raise bad_request(str(error)) from None
    if why := refusal(life, container, wanted):
        raise bad_request(why)
    namespace, name, held = meta["namespace"], meta["name"], pods

    def there() -> bool:
        found = held.find(namespace, name)
        return found is life and not life.deleting

    return streamed(life, container, wanted, there)
