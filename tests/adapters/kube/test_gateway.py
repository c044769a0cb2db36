"""Reads against the real API server."""

from __future__ import annotations

import json

import pytest

from cockpit.adapters.kube.gateway import Right
from cockpit.errors import Misconfigured, NotFound, PermissionDenied, Refused

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace
from .conftest import Opener


async def test_an_object_comes_as_it_is(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.configmap("flags", mode="on"))
    gateway = opened(namespace.kubeconfig()).gateway
    found = await gateway.get(namespace.path("configmaps/flags"))
    assert found["data"] == {"mode": "on"}
    assert gateway.place.namespace == namespace.name


async def test_a_list_longer_than_a_page_is_whole_and_carries_one_version(
    namespace: Namespace, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace.apply(*(things.configmap(f"c{number}", n=str(number)) for number in range(7)))
    monkeypatch.setattr("cockpit.adapters.kube.gateway.PAGE", 3)
    gateway = opened(namespace.kubeconfig()).gateway
    found = await gateway.listed(namespace.path("configmaps"))
    names = {item["metadata"]["name"] for item in found.items}
    assert names >= {f"c{number}" for number in range(7)}
    assert found.version.isdigit()


async def test_a_selector_reaches_the_server_as_it_is_written(namespace: Namespace, opened: Opener) -> None:
    one = things.configmap("one")
    one["metadata"]["labels"] = {"tier": "web", "colour": "blue+green_x"[:4]}
    namespace.apply(one, things.configmap("two"))
    gateway = opened(namespace.kubeconfig()).gateway
    found = await gateway.listed(namespace.path("configmaps"), {"labelSelector": "tier in (web, api),colour!=red"})
    assert [item["metadata"]["name"] for item in found.items] == ["one"]


async def test_of_secrets_only_metadata_is_asked_for_and_no_annotation_is_kept(
    namespace: Namespace, opened: Opener
) -> None:
    made = things.secret("login", password="hunter2-hunter2")
    made["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(made)}
    namespace.apply(made)
    kube = opened(namespace.kubeconfig())
    found = await kube.gateway.metadata(namespace.path("secrets"))
    assert "login" in {item["metadata"]["name"] for item in found.items}
    secrets = kube.resource("secrets")
    await secrets.ready()
    namespace.client.patch(namespace.path("secrets/login"), {"stringData": {"password": "hunter2-changed"}})
    before = {uid: item["metadata"]["resourceVersion"] for uid, item in secrets.items.items()}
    await secrets.until(
        lambda: any(item["metadata"]["resourceVersion"] != before.get(uid) for uid, item in secrets.items.items())
    )
    text = json.dumps([found.items, list(secrets.items.values())])
    assert "hunter2" not in text and "annotations" not in text and '"data"' not in text


async def test_the_value_of_a_secret_cannot_be_asked_for(namespace: Namespace, opened: Opener) -> None:
    gateway = opened(namespace.kubeconfig()).gateway
    for path in (namespace.path("secrets"), namespace.path("secrets/login"), "/api/v1/secrets"):
        with pytest.raises(Refused, match="values of secrets"):
            await gateway.get(path)
        with pytest.raises(Refused, match="values of secrets"):
            await gateway.listed(path)


async def test_one_without_rights_is_told_which_is_missing(namespace: Namespace, opened: Opener) -> None:
    gateway = opened(namespace.kubeconfig("viewer")).gateway
    with pytest.raises(PermissionDenied) as refused:
        await gateway.listed(namespace.path("deployments", "apps/v1"))
    assert refused.value.missing == "list deployments.apps"
    assert "context test" in str(refused.value) and namespace.name in str(refused.value)
    with pytest.raises(PermissionDenied) as wide:
        await gateway.get("/api/v1/nodes")
    assert "whole cluster" in wide.value.hint


async def test_rights_are_asked_for_one_by_one(namespace: Namespace, opened: Opener) -> None:
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]
    namespace.apply(*things.rights("deployer", "responder", rules))
    gateway = opened(namespace.kubeconfig("responder")).gateway
    held = Right("patch", "deployments", "apps", namespace=namespace.name)
    scale = Right("patch", "deployments", "apps", "scale", namespace.name)
    evict = Right("create", "pods", subresource="eviction", namespace=namespace.name)
    for _ in range(100):  # the authorizer learns of a binding a moment later
        lacking = await gateway.may([held, scale, evict])
        if lacking == (scale, evict):
            return
    raise AssertionError(lacking)


async def test_what_is_not_there_is_told_apart_from_an_api_that_is_not_there(
    namespace: Namespace, opened: Opener
) -> None:
    gateway = opened(namespace.kubeconfig()).gateway
    with pytest.raises(NotFound, match='pods "gone" not found'):
        await gateway.get(namespace.path("pods/gone"))
    with pytest.raises(NotFound, match="does not know /apis/policy/v9"):
        await gateway.get("/apis/policy/v9/poddisruptionbudgets")


async def test_a_path_with_a_hostile_name_is_not_sent(namespace: Namespace, opened: Opener) -> None:
    gateway = opened(namespace.kubeconfig()).gateway
    for name in ("../secrets/login", "x?watch=true", "x#y", "a b", "x\r\nHost: y", "..", "\x1b[31m"):
        with pytest.raises(Misconfigured, match="no path"):
            await gateway.get(namespace.path(f"pods/{name}"))


async def test_versions_come_from_the_server(namespace: Namespace, opened: Opener) -> None:
    gateway = opened(namespace.kubeconfig()).gateway
    found = await gateway.versions()
    assert found.prefers("policy", "PodDisruptionBudget") == "/apis/policy/v1beta1"
    assert found.prefers("apps", "Deployment") == "/apis/apps/v1"
    assert found.prefers("", "Pod") == "/api/v1"
    assert found.prefers("autoscaling", "HorizontalPodAutoscaler", "v2", "v2beta2") == "/apis/autoscaling/v2beta2"
    assert found.prefers("nothing.example", "Thing") == ""
    deployments = found.named("deployments")
    assert deployments is not None and "scale" in deployments.subresources and deployments.namespaced
    nodes = found.named("nodes")
    assert nodes is not None and nodes.path("shop", "n1") == "/api/v1/nodes/n1"
    assert await gateway.versions() is found


async def test_logs_come_as_text_and_as_a_stream(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.workload("api", replicas=1))
    namespace.rolled_out("api")
    gateway = opened(namespace.kubeconfig()).gateway
    name = namespace.pods("app=api")[0]["metadata"]["name"]
    path = namespace.path(f"pods/{name}/log")
    text = await gateway.text(path, {"tailLines": "3"})
    streamed = b"".join([chunk async for chunk in gateway.stream(path, {"tailLines": "3"}, 10.0)])
    assert text and streamed
    with pytest.raises(Misconfigured, match="container nope is not valid"):
        await gateway.text(path, {"container": "nope"})
