"""The objects of a namespace put together, again and again: what changed is judged anew, what did not is the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cockpit.adapters.kube.assembling import Assembler, Held
from cockpit.adapters.kube.packed import Packed, pack
from cockpit.model.severity import Severity

Json = dict[str, Any]
NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
BORN = {"creationTimestamp": "2026-11-21T01:00:00Z"}


def deployment(colour: str, available: int) -> Json:
    labels = {"app": "api", "colour": colour}
    told = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    status = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": available, "availableReplicas": available}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "r.test/api:v1"}]}}
    return {
        "metadata": {"name": f"api-{colour}", "uid": colour, **BORN},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        "status": {**status, "conditions": [] if available else [told]},
    }


def service(colour: str) -> Json:
    return {"metadata": {"name": "api", "uid": "s", **BORN}, "spec": {"selector": {"app": "api", "colour": colour}}}


def pod(ready: bool = True) -> Json:
    owner = {"kind": "ReplicaSet", "name": "api-blue-1", "uid": "r", "controller": True}
    status = {"name": "app", "ready": ready, "state": {"running": {}}, "restartCount": 0}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": "api-blue-1-x", "uid": "p", "ownerReferences": [owner], **BORN},
        "spec": {"containers": [{"name": "app", "image": "r.test/api:v1"}]},
        "status": {"phase": "Running", "containerStatuses": [status], "conditions": conditions},
    }


def held(metrics: dict[str, Json] | None = None, **objects: Packed) -> Held:
    return Held({name: each.now() for name, each in objects.items()}, metrics or {})


def packed(**objects: Json) -> Packed:
    found = Packed()
    for uid, each in objects.items():
        found.put(uid, pack(each))
    return found


async def test_a_colour_that_nobody_is_served_by_is_a_warning_at_most() -> None:
    both = packed(blue=deployment("blue", 1), green=deployment("green", 0))
    assembler = Assembler()
    for live, severity in (("blue", Severity.WARN), ("green", Severity.CRIT)):
        made = await assembler.assemble(held(deployments=both, services=packed(s=service(live))), NOW)
        assert {each.name: each.severity for each in made.workloads}["api-green"] is severity


async def test_a_pod_is_judged_anew_when_it_changed_or_its_use_did() -> None:
    owner = {"kind": "Deployment", "name": "api-blue", "uid": "blue", "controller": True}
    sets = packed(r={"metadata": {"name": "api-blue-1", "uid": "r", "ownerReferences": [owner]}})
    pods, assembler = packed(p=pod()), Assembler()

    async def one(metrics: dict[str, Json] | None = None, now: datetime = NOW) -> Any:
        (found,) = (await assembler.assemble(held(metrics, pods=pods, replicasets=sets), now)).pods
        return found

    first = await one()
    assert (first.workload, first.severity, first.usage.cpu) == ("deployment/api-blue", Severity.OK, None)
    assert await one(now=NOW + timedelta(hours=1)) is first, "time alone makes nothing else of it"
    use = {"api-blue-1-x": {"containers": [{"name": "app", "usage": {"cpu": "5m", "memory": "1Mi"}}]}}
    assert (await one(use)).usage.cpu == 5
    assert (await one()).usage.cpu is None, "nobody tells it any more"
    pods.put("p", pack(pod(ready=False)))
    assert (await one()).severity is Severity.WARN


async def test_history_follows_its_workload() -> None:
    owner = {"kind": "Deployment", "name": "api-blue", "uid": "blue", "controller": True}
    template = deployment("blue", 1)["spec"]["template"]
    notes = {"deployment.kubernetes.io/revision": "1"}
    sets = packed(
        r={"metadata": {"name": "r", "uid": "r", "ownerReferences": [owner], "annotations": notes, **BORN},
           "spec": {"template": template}}
    )  # fmt: skip
    workloads, assembler = packed(blue=deployment("blue", 1)), Assembler()

    async def current() -> bool:
        (found,) = (await assembler.assemble(held(deployments=workloads, replicasets=sets), NOW)).workloads
        return found.history[0].current

    assert await current()
    changed = deployment("blue", 1)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "r.test/api:v2"
    workloads.put("blue", pack(changed))
    assert not await current()
