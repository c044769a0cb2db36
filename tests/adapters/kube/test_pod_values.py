"""Pods as values: the reason that a person needs, whatever state the API tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.kube.containers import added
from cockpit.adapters.kube.owners import owner_of, workload_ref
from cockpit.adapters.kube.pods import pod_of, serves, settled, with_usage
from cockpit.model.severity import Severity
from cockpit.model.workloads import Owner, Usage
from cockpit.text import UNSAFE

NOW = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
RUNNING = {"running": {"startedAt": "2026-11-21T21:00:00Z"}}
OOM = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-21T21:29:08Z"}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def container(state: dict[str, Any], last: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "name": "api",
        "state": state,
        "lastState": last or {},
        "ready": "running" in state,
        "restartCount": 0,
        **more,
    }


def pod(*containers: dict[str, Any], phase: str = "Running", **status: Any) -> dict[str, Any]:
    limits = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    ready = all(each["ready"] for each in containers)
    told = {"type": "Ready", "status": "True" if ready and containers else "False", "message": "not ready: [api]"}
    return {
        "metadata": {"name": "api-5d-x", "uid": "u1", "creationTimestamp": "2026-11-21T21:00:00Z",
                     "labels": {"app": "api", "pod-template-hash": "5d"}},
        "spec": {"nodeName": "node-1", "containers": [{"name": "api", "image": "reg/api:v2", "resources": limits}]},
        "status": {"phase": phase, "containerStatuses": list(containers), "conditions": [told], **status},
    }  # fmt: skip


CRASH = waiting("CrashLoopBackOff", "back-off 2m40s restarting failed container=api pod=api-5d-x_shop(u1)")
ERROR = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-21T21:28:00Z"}}


@pytest.mark.parametrize(
    ("obj", "severity", "reason", "said"),
    [
        (pod(container(RUNNING)), Severity.OK, "Running", ""),
        (pod(container(CRASH, ERROR)), Severity.CRIT, "CrashLoopBackOff",
         "last run: Error, exit 1 at 21:28:00; next start after 2m40s"),
        (pod(container(CRASH, OOM)), Severity.CRIT, "OOMKilled",
         "last run: OOMKilled, exit 137, limit 128 MiB at 21:29:08; next start after 2m40s"),
        (pod(container(waiting("ImagePullBackOff", "Back-off pulling image")), phase="Pending"), Severity.CRIT,
         "ImagePullBackOff", "reg/api:v2: Back-off pulling image"),
        (pod(container(waiting("CreateContainerConfigError", 'secret "db" not found')), phase="Pending"),
         Severity.CRIT, "CreateContainerConfigError", 'secret "db" not found'),
        (pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."), Severity.WARN,
         "Evicted", "The node was low on resource: memory."),
        (pod(container(RUNNING, OOM, restartCount=3)), Severity.WARN, "Running",
         "last run: OOMKilled, exit 137, limit 128 MiB at 21:29:08"),
        (pod(container(RUNNING, ready=False), startTime="2026-11-21T21:00:01Z"), Severity.WARN, "NotReady",
         "not ready: [api]"),
        (pod(container({"terminated": {"exitCode": 0}}), phase="Succeeded"), Severity.OK, "Completed", ""),
        (pod(container(ERROR), phase="Failed"), Severity.WARN, "Error", "last run: Error, exit 1 at 21:28:00"),
        (pod(phase="Unknown"), Severity.UNKNOWN, "Unknown", "its node does not answer"),
        (pod(phase="Running", reason="NodeLost", message="gone"), Severity.UNKNOWN, "Unknown", "gone"),
    ],
)  # fmt: skip
def test_the_reason_is_what_a_person_needs(obj: dict[str, Any], severity: Severity, reason: str, said: str) -> None:
    found = pod_of(obj, "deployment/api", NOW)
    assert (found.severity, found.reason, found.said) == (severity, reason, said)


def test_a_pod_without_a_node_says_why() -> None:
    obj = pod(phase="Pending")
    del obj["spec"]["nodeName"]
    assert pod_of(obj, "", NOW).said == "no scheduler has looked at it yet"
    message = "0/2 nodes are available: 2 Insufficient cpu."
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    obj["status"]["conditions"] = [refused]
    found = pod_of(obj, "", NOW)
    assert (found.reason, found.said, found.severity) == ("Pending", message, Severity.WARN)


def test_starting_is_no_trouble_for_a_minute() -> None:
    obj = pod(container(waiting("ContainerCreating")), phase="Pending")
    obj["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
    soon = pod_of(obj, "", datetime(2026, 11, 21, 21, 0, 30, tzinfo=UTC))
    late = pod_of(obj, "", NOW)
    assert (soon.severity, soon.reason, soon.said) == (Severity.OK, "ContainerCreating", "")
    assert late.severity is Severity.WARN and "the image is being pulled" in late.said
    assert not settled(soon)


def test_an_init_container_that_fails_is_named() -> None:
    obj = pod(container(waiting("PodInitializing")), phase="Pending")
    obj["spec"]["initContainers"] = [{"name": "migrate", "image": "reg/migrate:1"}]
    obj["status"]["initContainerStatuses"] = [{**container(CRASH, ERROR), "name": "migrate"}]
    found = pod_of(obj, "", NOW)
    assert found.reason == "Init:CrashLoopBackOff" and found.said.startswith("migrate: last run: Error, exit 1")
    obj["status"]["initContainerStatuses"] = [{**container(RUNNING), "name": "migrate"}]
    obj["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
    assert (pod_of(obj, "", NOW).reason, pod_of(obj, "", NOW).said) == ("Init:0/1", "migrate has to end first")


def test_a_sidecar_among_the_init_containers_counts_as_one_of_the_others() -> None:
    obj = pod(container(RUNNING))
    obj["spec"]["initContainers"] = [{"name": "proxy", "image": "reg/proxy:1", "restartPolicy": "Always"}]
    obj["status"]["initContainerStatuses"] = [{**container(RUNNING), "name": "proxy"}]
    found = pod_of(obj, "", NOW)
    assert (found.ready, found.total, found.reason) == (2, 2, "Running")


def test_a_pod_that_does_not_end_is_trouble_only_after_its_time() -> None:
    obj = pod(container(RUNNING))
    obj["metadata"] |= {"deletionTimestamp": "2026-11-21T21:29:50Z", "finalizers": ["shop.example/drain"]}
    ending = pod_of(obj, "", NOW)
    stuck = pod_of(obj, "", NOW + timedelta(minutes=5))
    assert (ending.reason, ending.severity, ending.deleting) == ("Terminating", Severity.OK, True)
    assert stuck.said == "should have ended at 21:29:50; waits for the finalizers shop.example/drain"
    assert not serves(ending)


def test_use_stands_against_what_is_asked_for_and_a_limit_is_one_only_where_all_have_it() -> None:
    found = with_usage(
        pod_of(pod(container(RUNNING)), "", NOW),
        {"containers": [{"name": "api", "usage": {"cpu": "41m", "memory": "80Mi"}}]},
    )
    assert found.usage == Usage(41, 80 << 20, 100, 64 << 20, None, 128 << 20)
    assert found.containers[0].usage == found.usage
    both = added([found.usage, Usage(cpu=9)])
    assert (both.cpu, both.memory, both.memory_limit) == (50, 80 << 20, None)
    assert pod_of(pod(container(RUNNING)), "", NOW).usage.cpu is None


def test_a_pod_belongs_to_its_workload_through_the_replica_set() -> None:
    obj = pod(container(RUNNING))
    assert workload_ref(obj, {}, seen=True) == ""
    owner = {"kind": "ReplicaSet", "name": "api-5d", "uid": "rs", "controller": True}
    obj["metadata"]["ownerReferences"] = [owner]
    above = {"metadata": {"ownerReferences": [{"kind": "Deployment", "name": "api", "uid": "d", "controller": True}]}}
    assert workload_ref(obj, {"rs": above}, seen=True) == "deployment/api"
    assert workload_ref(obj, {}, seen=True) == "replicaset/api-5d"
    assert workload_ref(obj, {}, seen=False) == "deployment/api"
    owner |= {"kind": "StatefulSet", "name": "db"}
    assert workload_ref(obj, {}, seen=True) == "statefulset/db"


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({}, None),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/api"}},
         Owner("Argo CD", "shop", True)),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
         Owner("Flux", "flux/apps", True)),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
          "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}, Owner("Flux", "apps", False)),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"},
          "annotations": {"meta.helm.sh/release-name": "shop"}}, Owner("Helm", "shop", False)),
        ({"ownerReferences": [{"kind": "Rollout", "name": "api", "uid": "r", "controller": True}]},
         Owner("Rollout", "api", True)),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "shop"}},
         Owner("Flux HelmRelease", "shop", False)),
    ],
)  # fmt: skip
def test_whoever_would_undo_a_change_is_known_by_its_marks(metadata: dict[str, Any], owner: Owner | None) -> None:
    assert owner_of({"metadata": metadata}) == owner


def test_no_text_of_a_hostile_pod_moves_the_cursor() -> None:
    evil = "\x1b]0;owned\x07\u202eapi\x00\r\n"
    obj = pod(container(waiting(evil, evil), OOM))
    obj["metadata"] |= {"name": evil, "labels": {evil: evil}}
    obj["spec"]["containers"][0]["image"] = evil
    obj["status"]["podIP"] = evil
    found = repr(pod_of(obj, "", NOW))
    assert not UNSAFE.search(found) and "\\x1b" not in found


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [None, 5], {"x": None}])
def test_no_type_that_the_api_does_not_promise_breaks_the_reader(value: object) -> None:
    for path in ("metadata", "spec", "status"):
        assert pod_of({**pod(container(RUNNING)), path: value}, "", NOW).total >= 0
    for key in ("containerStatuses", "conditions", "phase", "initContainerStatuses"):
        obj = pod(container(RUNNING))
        obj["status"][key] = value
        assert pod_of(obj, "", NOW).reason
