"""Workloads as values: where a rollout stands, what it ran before, which service chooses it, what limits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cockpit.adapters.kube.autoscaling import autoscaler_of, autoscalers_of, budgets_for
from cockpit.adapters.kube.history import differences, from_controller_revision, from_replica_set, image_change
from cockpit.adapters.kube.services import (
    Behind,
    Candidate,
    behind_endpoints,
    behind_slices,
    deciding,
    endpoints_of,
    service_of,
    software_of,
)
from cockpit.adapters.kube.standing import workload_of
from cockpit.model.severity import Severity
from cockpit.model.workloads import Autoscaler, Budget, LiveService
from cockpit.text import UNSAFE

Json = dict[str, Any]


def template(image: str = "reg/api:v2", labels: Mapping[str, str] | None = None, **container: Any) -> Json:
    return {"metadata": {"labels": dict(labels or {"app": "api"})},
            "spec": {"containers": [{"name": "api", "image": image, **container}]}}  # fmt: skip


def deployment(
    name: str = "api", replicas: int = 3, *, conditions: list[Json] | None = None, spec: Json | None = None,
    made_of: Json | None = None, generation: int = 2, **status: Any,
) -> Json:  # fmt: skip
    full = {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
            "availableReplicas": replicas, "conditions": conditions or []} | status  # fmt: skip
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": generation,
                     "annotations": {"deployment.kubernetes.io/revision": "7"}},
        "spec": {"replicas": replicas, "template": made_of or template(), "selector": {"matchLabels": {"app": "api"}},
                 **(spec or {})},
        "status": full,
    }  # fmt: skip


LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
DONE = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
FULL = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": 'pods "api-x" is forbidden: exceeded quota: pods'}  # fmt: skip


@pytest.mark.parametrize(
    ("obj", "state", "severity", "said"),
    [
        (deployment(), "ready", Severity.OK, ""),
        (deployment(generation=3), "progressing", Severity.OK, "waiting for its controller to see the last change"),
        (deployment(updatedReplicas=1), "progressing", Severity.OK, "1 of 3 new pods have been made"),
        (deployment(availableReplicas=2), "progressing", Severity.WARN,
         "2 of 3 updated pods are available"),
        (deployment(conditions=[DONE], availableReplicas=2), "degraded", Severity.WARN,
         "2 of 3 updated pods are available"),
        (deployment(conditions=[DONE], availableReplicas=0), "degraded", Severity.CRIT,
         "0 of 3 updated pods are available"),
        (deployment(conditions=[LATE], updatedReplicas=1), "failed", Severity.CRIT,
         "no progress within 600 s (ProgressDeadlineExceeded)"),
        (deployment(spec={"paused": True}), "paused", Severity.WARN,
         "changes of its template wait until it is resumed"),
        (deployment(replicas=0), "stopped", Severity.OK, ""),
        (deployment(conditions=[FULL], updatedReplicas=2, availableReplicas=2), "progressing", Severity.WARN,
         'FailedCreate: pods "api-x" is forbidden: exceeded quota: pods; 2 of 3 new pods have been made'),
        (deployment(spec={"replicas": 2}, updatedReplicas=2), "progressing", Severity.OK,
         "1 pod of before still has to end"),
    ],
)  # fmt: skip
def test_a_deployment_stands_where_kubectl_rollout_status_says(
    obj: Json, state: str, severity: Severity, said: str
) -> None:
    found = workload_of(obj, "deployment")
    assert (found.state, found.severity, found.said) == (state, severity, said)
    assert (found.revision, found.ref, found.observed) == (7, "deployment/api", 2)


def stateful(strategy: str = "RollingUpdate", partition: int = 0, same: bool = False, **status: Any) -> Json:
    told = {"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1,
            "currentRevision": "a", "updateRevision": "a" if same else "b"} | status  # fmt: skip
    update: Json = {"type": strategy, "rollingUpdate": {"partition": partition}}
    return {"metadata": {"name": "db", "uid": "u", "generation": 1},
            "spec": {"replicas": 3, "updateStrategy": update, "template": template()}, "status": told}  # fmt: skip


@pytest.mark.parametrize(
    ("obj", "state", "said"),
    [
        (stateful(same=True), "ready", ""),
        (stateful(), "progressing", "1 of 3 pods are updated"),
        (stateful(partition=2), "ready", "only pods from number 2 on are updated (partition)"),
        (stateful(partition=1), "progressing", "1 of 2 pods from number 1 on are updated"),
        (stateful("OnDelete"), "progressing", "1 of 3 pods are updated, each once it is deleted by hand"),
        (stateful(same=True, readyReplicas=2), "degraded", "2 of 3 pods are available"),
    ],
)
def test_a_stateful_set_stands_as_its_strategy_has_it(obj: Json, state: str, said: str) -> None:
    found = workload_of(obj, "statefulset")
    assert (found.state, found.said) == (state, said)


def test_a_daemon_set_wants_one_pod_for_each_node_that_fits() -> None:
    status = {"observedGeneration": 1, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
              "updatedNumberScheduled": 1, "numberReady": 3, "numberAvailable": 3}  # fmt: skip
    obj = {
        "metadata": {"name": "logs", "uid": "u", "generation": 1},
        "spec": {"template": template()},
        "status": status,
    }
    found = workload_of(obj, "daemonset")
    assert (found.state, found.said, found.desired) == ("progressing", "1 of 3 pods are updated", 3)
    status["updatedNumberScheduled"] = 3
    assert workload_of(obj, "daemonset").state == "ready"


def test_what_the_template_reads_is_known() -> None:
    made = template(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}],
                    envFrom=[{"configMapRef": {"name": "settings"}}])  # fmt: skip
    made["spec"]["volumes"] = [
        {"name": "v", "projected": {"sources": [{"configMap": {"name": "ca"}}, {"secret": {"name": "token"}}]}},
        {"name": "w", "secret": {"secretName": "tls"}},
    ]
    found = workload_of(deployment(made_of=made), "deployment")
    assert found.configmaps == ("ca", "settings")
    assert found.secrets == ("db", "tls", "token")


def replica_set(made_of: Json, revision: str, **status: int) -> Json:
    made_of["metadata"]["labels"]["pod-template-hash"] = "5d"
    notes = {"deployment.kubernetes.io/revision": revision, "kubernetes.io/change-cause": f"release {revision}"}
    return {"metadata": {"name": f"api-{revision}", "uid": revision, "annotations": notes},
            "spec": {"template": made_of}, "status": status}  # fmt: skip


def test_history_says_what_an_entry_has_otherwise_and_hides_values() -> None:
    now = template("reg/api:v2", env=[{"name": "DB", "value": "postgres://u:secret@h/d"}], args=["--token=secret"])
    env, args = now["spec"]["containers"][0]["env"], ["--token=secret"]
    same = from_replica_set(
        replica_set(template("reg/api:v2", env=env, args=args), "7", replicas=3, readyReplicas=2), now
    )
    assert (same.current, same.differs, same.replicas, same.ready) == (True, (), 3, 2)
    limits = {"limits": {"memory": "64Mi"}}
    env = [{"name": "DB", "value": "other-secret"}]
    past = template("reg/api:v1", env=env, args=["--token=older"], resources=limits)
    old = from_replica_set(replica_set(past, "6"), now)
    assert (old.revision, old.change_cause, old.current) == (6, "release 6", False)
    assert old.differs[0] == "image api: v2 -> v1"
    assert "variable DB of api: another value" in old.differs
    assert any("limits.memory" in each and "64Mi" in each for each in old.differs)
    assert "secret" not in str(old.differs) and "older" not in str(old.differs)


def test_history_of_the_others_is_kept_in_controller_revisions() -> None:
    obj = {"metadata": {"name": "db-5f", "uid": "c", "labels": {"controller-revision-hash": "5f"}}, "revision": 4,
           "data": {"spec": {"template": {**template("reg/api:v1"), "$patch": "replace"}}}}  # fmt: skip
    found = from_controller_revision(obj, template("reg/api:v2"), [])
    assert (found.revision, found.images, found.differs) == (4, (("api", "reg/api:v1"),), ("image api: v2 -> v1",))
    assert from_controller_revision(obj, template("reg/api:v1"), []).current


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("reg:5000/a/api:v2", "reg:5000/a/api:v1", "v2 -> v1"),
        ("reg/api@sha256:" + "a" * 64, "reg/api@sha256:" + "b" * 64, f"sha256:{'a' * 12} -> sha256:{'b' * 12}"),
        ("reg/api:v2", "other/api:v2", "reg/api:v2 -> other/api:v2"),
        ("reg:5000/api", "reg:5000/api:v1", "reg:5000/api -> reg:5000/api:v1"),
    ],
)
def test_an_image_is_named_by_what_differs(before: str, after: str, said: str) -> None:
    assert image_change(before, after) == said
    assert differences(template(before), template(after)) == (f"image api: {said}",)


def candidate(name: str, image: str = "reg/api:v1", ready: int = 2, **labels: str) -> Candidate:
    obj = deployment(name, made_of=template(image, labels, ports=[{"containerPort": 8000}]))
    return Candidate(workload_of(obj, "deployment"), software_of(obj), ready)


def service(name: str = "api", **selector: str) -> Json:
    return {"metadata": {"name": name, "uid": "s"}, "spec": {"selector": selector, "ports": [{"port": 80}]}}


BLUE = candidate("api-sky", app="api", tone="sky")
GREEN = candidate("api-moss", "mirror.example/api:v2", app="api", tone="moss")
WORKER = candidate("worker", "reg/worker:v1", app="api", tone="none")


def test_the_selector_decides_what_is_live_whatever_the_colours_are_called() -> None:
    found = service_of(service(app="api", tone="sky"), [BLUE, GREEN, WORKER], Behind(2, 1), named=False)
    assert (found.ready, found.not_ready, found.backs, found.ports) == (2, 1, ("deployment/api-sky",), ("80/TCP",))
    assert [(each.workload, dict(each.labels), each.live) for each in found.colours] == [
        ("deployment/api-moss", {"tone": "moss"}, False),
        ("deployment/api-sky", {"tone": "sky"}, True),
    ]
    assert found.split


def test_a_selector_that_chooses_both_or_nobody_still_has_its_colours() -> None:
    both = service_of(service(app="api"), [BLUE, GREEN], Behind(4, 0), named=False)
    assert [(each.live, dict(each.labels)) for each in both.colours] == [
        (True, {"tone": "moss"}),
        (True, {"tone": "sky"}),
    ]
    nobody = service_of(service(app="api", tone="amber"), [BLUE, GREEN], Behind(0, 0), named=False)
    assert nobody.backs == () and [each.live for each in nobody.colours] == [False, False]


def test_what_runs_other_software_is_no_colour_unless_the_profile_names_the_service() -> None:
    alone = service_of(service(app="api", tone="sky"), [BLUE, WORKER], Behind(2, 0), named=False)
    assert alone.colours == ()
    named = service_of(service(app="api", tone="sky"), [BLUE, WORKER], Behind(2, 0), named=True)
    assert [each.workload for each in named.colours] == ["deployment/api-sky", "deployment/worker"]
    assert service_of({"metadata": {"name": "x"}, "spec": {}}, [BLUE], None, named=False).backs == ()


def test_without_endpoints_the_ready_pods_are_counted() -> None:
    assert service_of(service(app="api", tone="sky"), [BLUE, GREEN], None, named=False).ready == 2


def test_a_door_to_one_colour_does_not_decide_what_is_live() -> None:
    def made(name: str, tone: str) -> LiveService:
        return service_of(service(name, app="api", tone=tone), [BLUE, GREEN], Behind(2, 0), named=False)

    public, moss, preview = made("api", "sky"), made("api-moss", "moss"), made("api-preview", "moss")
    found = {each.name: each.split for each in deciding([public, moss, preview], ())}
    assert found == {"api": True, "api-moss": False, "api-preview": False}
    named = {each.name: each.split for each in deciding([public, moss, preview], ("api-preview",))}
    assert named == {"api": False, "api-moss": False, "api-preview": True}


def test_endpoints_are_counted_once_for_each_pod() -> None:
    def end(address: str, uid: str, **conditions: bool) -> Json:
        return {"addresses": [address], "targetRef": {"uid": uid}, "conditions": conditions}

    def slice_(*ends: Json) -> Json:
        return {"metadata": {"labels": {"kubernetes.io/service-name": "api"}}, "endpoints": list(ends)}

    told = map(
        endpoints_of,
        [slice_(end("10.0.0.1", "a", ready=True), end("10.0.0.2", "b", ready=False), end("10.0.0.3", "c")),
         slice_(end("fd00::1", "a", ready=True), end("10.0.0.4", "d", ready=False, terminating=True))],
    )  # fmt: skip
    assert behind_slices(told) == {"api": Behind(2, 1)}
    old = {"metadata": {"name": "api"}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}],
                                                     "notReadyAddresses": [{"ip": "10.0.0.2"}]}]}  # fmt: skip
    assert behind_endpoints([old]) == {"api": Behind(1, 1)}


def test_an_autoscaler_complains_in_every_version() -> None:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "maxReplicas": 5}
    blind = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"}
    new = {
        "metadata": {"name": "h"},
        "spec": spec,
        "status": {"currentReplicas": 2, "desiredReplicas": 2, "conditions": [blind]},
    }
    wanted = Autoscaler("h", 1, 5, 2, 2, "FailedGetResourceMetric: no metrics")
    assert autoscalers_of([new]) == {"deployment/api": wanted}
    full = '[{"type":"ScalingLimited","status":"True","reason":"TooManyReplicas","message":"at the maximum"}]'
    notes = {"autoscaling.alpha.kubernetes.io/conditions": full}
    old = autoscaler_of({"metadata": {"name": "h", "annotations": notes}, "spec": spec, "status": {}})
    assert old.said == "TooManyReplicas: at the maximum"
    assert autoscaler_of({"metadata": {"annotations": {next(iter(notes)): "{"}}, "spec": spec}).said == ""


@pytest.mark.parametrize(
    ("version", "selector", "chosen"),
    [
        ("policy/v1", {}, True),
        ("policy/v1beta1", {}, False),
        ("policy/v1", {"matchLabels": {"app": "api"}}, True),
        ("policy/v1", {"matchLabels": {"app": "web"}}, False),
        ("policy/v1", {"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
        ("policy/v1", {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["api"]}]}, False),
        ("policy/v1", {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        (
            "policy/v1",
            {"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "x", "operator": "??"}]},
            False,
        ),
    ],
)
def test_a_budget_belongs_to_the_pods_that_it_chooses(version: str, selector: Json, chosen: bool) -> None:
    status = {"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3}
    obj = {"apiVersion": version, "metadata": {"name": "b"}, "spec": {"selector": selector}, "status": status}
    wanted = (Budget("b", 1, 3, 2, 3),) if chosen else ()
    assert budgets_for([obj], {"app": "api"}) == wanted


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [None], {"x": [5]}])
def test_nothing_that_the_api_does_not_promise_breaks_a_reader(value: Any) -> None:
    for path in ("metadata", "spec", "status"):
        obj = {**deployment(), path: value}
        for kind in ("deployment", "statefulset", "daemonset"):
            assert workload_of(obj, kind).kind == kind
        assert from_replica_set(obj, template()).revision in (0, 7)
        assert isinstance(software_of(obj), tuple)
        assert service_of(obj, [BLUE], None, named=False).uid in ("", "uid-api")
        assert autoscaler_of(obj).current == 0
        assert behind_slices([endpoints_of(obj)]) == {} and budgets_for([obj], {}) == ()


def test_no_text_of_a_hostile_object_comes_through_uncleaned() -> None:
    evil = "\x1b[2J\x1b]0;x\x07\u202eapi\x00"
    obj = deployment(evil, conditions=[{**FULL, "message": evil}], made_of=template(evil, {evil: evil}))
    obj["metadata"]["annotations"] |= {"kubernetes.io/change-cause": evil, "meta.helm.sh/release-name": evil}
    chosen = service_of(service(evil, app=evil), [BLUE], None, named=False)
    past = from_replica_set(replica_set(template("reg/api:v1", {evil: "x"}), evil), template(evil))
    told = "".join(map(repr, (workload_of(obj, "deployment"), chosen, past, autoscaler_of(obj))))
    assert not UNSAFE.search(told) and "\\x1b" not in told and "\\u202e" not in told
