"""Changes against the real API server: sent once, rehearsed where nothing may happen, refused when too late."""

from __future__ import annotations

import json

import pytest

from cockpit.adapters.kube.gateway import PatchKind
from cockpit.errors import Conflict, NotFound, PermissionDenied, RateLimited, Refused

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace, until_async
from .conftest import Opener


async def test_a_rehearsed_deletion_deletes_nothing(namespace: Namespace, opened: Opener) -> None:
    made = namespace.apply(things.configmap("flags"))[0]
    gateway = opened(namespace.kubeconfig()).gateway
    path = namespace.path("configmaps/flags")
    body = {"preconditions": {"uid": made["metadata"]["uid"]}, "propagationPolicy": "Background"}
    await gateway.change("DELETE", path, body, dry_run=True)
    await gateway.change("DELETE", path, None, dry_run=True)
    assert namespace.get("configmaps/flags")["metadata"]["uid"] == made["metadata"]["uid"]
    await gateway.change("DELETE", path, body)
    with pytest.raises(NotFound):
        await gateway.get(path)


async def test_a_rehearsed_patch_shows_what_would_be_and_changes_nothing(
    namespace: Namespace, opened: Opener
) -> None:
    namespace.apply(things.configmap("flags", mode="off"))
    gateway = opened(namespace.kubeconfig()).gateway
    answer = await gateway.change(
        "PATCH", namespace.path("configmaps/flags"), {"data": {"mode": "on"}}, kind=PatchKind.MERGE, dry_run=True
    )
    assert answer["data"] == {"mode": "on"}
    assert namespace.get("configmaps/flags")["data"] == {"mode": "off"}


async def test_a_rehearsed_eviction_evicts_nobody(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.workload("api", replicas=1))
    namespace.rolled_out("api")
    gateway = opened(namespace.kubeconfig()).gateway
    pod = namespace.pods("app=api")[0]["metadata"]["name"]
    body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": pod}}
    await gateway.change("POST", namespace.path(f"pods/{pod}/eviction"), body, dry_run=True)
    assert "deletionTimestamp" not in namespace.get(f"pods/{pod}")["metadata"]


async def test_a_patch_means_what_its_kind_says(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.configmap("flags", mode="off", tint="red"))
    gateway = opened(namespace.kubeconfig()).gateway
    path = namespace.path("configmaps/flags")
    for kind, body in (
        (PatchKind.MERGE, {"data": {"mode": "a", "tint": None}}),
        (PatchKind.STRATEGIC, {"data": {"mode": "b"}}),
        (PatchKind.JSON, [{"op": "replace", "path": "/data/mode", "value": "c"}]),
    ):
        await gateway.change("PATCH", path, body, kind=kind)
    found = namespace.get("configmaps/flags")
    assert found["data"] == {"mode": "c"}
    assert "cockpit" in {each["manager"] for each in found["metadata"]["managedFields"]}
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}, "data": {"a": "1"}}
    answer = await gateway.change("PATCH", namespace.path("configmaps/other"), applied, kind=PatchKind.APPLY)
    assert answer["data"] == {"a": "1"}


async def test_a_failed_test_of_a_json_patch_says_that_it_changed_meanwhile(
    namespace: Namespace, opened: Opener
) -> None:
    made = namespace.apply(things.configmap("flags", mode="off"))[0]
    gateway = opened(namespace.kubeconfig()).gateway
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]},
        {"op": "test", "path": "/data/mode", "value": "off"},
        {"op": "replace", "path": "/data/mode", "value": "on"},
    ]
    namespace.client.patch(namespace.path("configmaps/flags"), {"data": {"mode": "half"}})
    with pytest.raises(Conflict, match="changed since it was planned") as late:
        await gateway.change("PATCH", namespace.path("configmaps/flags"), patch, kind=PatchKind.JSON)
    assert not late.value.effect_possible
    assert namespace.get("configmaps/flags")["data"] == {"mode": "half"}


async def test_an_old_resource_version_is_a_conflict_and_so_is_another_uid(
    namespace: Namespace, opened: Opener
) -> None:
    made = namespace.apply(things.configmap("flags", mode="off"))[0]
    namespace.client.patch(namespace.path("configmaps/flags"), {"data": {"mode": "half"}})
    gateway = opened(namespace.kubeconfig()).gateway
    path = namespace.path("configmaps/flags")
    old = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"mode": "on"}}
    with pytest.raises(Conflict, match="modified"):
        await gateway.change("PATCH", path, old, kind=PatchKind.MERGE)
    with pytest.raises(Conflict, match="UID"):
        await gateway.change("DELETE", path, {"preconditions": {"uid": "another"}})
    with pytest.raises(Conflict, match="already exists"):
        await gateway.change("POST", namespace.path("configmaps"), things.configmap("flags"))


async def test_what_the_server_finds_wrong_is_said_in_its_words(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.workload("api", replicas=1))
    gateway = opened(namespace.kubeconfig()).gateway
    patch = [{"op": "replace", "path": "/spec/replicas", "value": -1}]
    with pytest.raises(Refused, match="must be greater than or equal to 0") as wrong:
        await gateway.change("PATCH", namespace.path("deployments/api", "apps/v1"), patch, kind=PatchKind.JSON)
    assert "context test" in str(wrong.value)


async def test_a_disruption_budget_refuses_with_its_own_numbers(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.workload("api", replicas=2), things.budget("api", {"app": "api"}, min_available=2))
    namespace.rolled_out("api")
    budget = namespace.path("poddisruptionbudgets/api", "policy/v1beta1")
    await until_async(lambda: namespace.client.get(budget)["status"]["currentHealthy"] == 2)
    gateway = opened(namespace.kubeconfig()).gateway
    pod = namespace.pods("app=api")[0]["metadata"]
    body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": pod["name"]}}
    with pytest.raises(RateLimited, match="disruption budget") as full:
        await gateway.change("POST", namespace.path(f"pods/{pod['name']}/eviction"), body)
    assert "needs 2 healthy pods and has 2" in str(full.value)


async def test_a_quota_is_no_missing_right(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.quota("small", configmaps="1"))
    small = namespace.path("resourcequotas/small")
    await until_async(lambda: namespace.client.get(small)["status"]["used"])
    gateway = opened(namespace.kubeconfig()).gateway
    with pytest.raises(PermissionDenied, match="exceeded quota") as refused:
        await gateway.change("POST", namespace.path("configmaps"), things.configmap("more"))
    assert refused.value.missing == "" and "quota" in refused.value.hint


async def test_a_missing_right_names_the_subresource(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.workload("api", replicas=1))
    gateway = opened(namespace.kubeconfig("responder")).gateway
    with pytest.raises(PermissionDenied) as refused:
        await gateway.change(
            "PATCH",
            namespace.path("deployments/api/scale", "apps/v1"),
            {"spec": {"replicas": 3}},
            kind=PatchKind.MERGE,
        )
    assert refused.value.missing == "patch deployments/scale.apps"


async def test_a_patch_without_a_kind_is_a_mistake_of_the_caller(namespace: Namespace, opened: Opener) -> None:
    gateway = opened(namespace.kubeconfig()).gateway
    for method, body, kind in (("PATCH", {}, None), ("POST", {}, PatchKind.MERGE), ("PATCH", {}, PatchKind.JSON)):
        with pytest.raises(ValueError, match=r"PATCH|POST|list"):
            await gateway.change(method, namespace.path("configmaps/x"), json.loads(json.dumps(body)), kind=kind)
