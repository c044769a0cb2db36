"""The test cluster itself: a real API server, and nodes that play what they are told."""

from __future__ import annotations

from .kube import things
from .kube.client import KubeError
from .kube.fixtures import Namespace, until


def waiting_reason(namespace: Namespace) -> str:
    for pod in namespace.pods():
        for status in pod["status"].get("containerStatuses", []):
            if "waiting" in status["state"]:
                return str(status["state"]["waiting"]["reason"])
    return ""


def test_a_deployment_becomes_available_and_its_endpoints_fill(namespace: Namespace) -> None:
    namespace.apply(things.workload("api", replicas=3), things.service("api", {"app": "api"}))
    done = namespace.rolled_out("api")
    assert done["status"]["availableReplicas"] == 3
    addresses = until(lambda: namespace.get("endpoints/api")["subsets"][0]["addresses"])
    assert {each["targetRef"]["kind"] for each in addresses} == {"Pod"}


def test_what_an_image_tag_or_an_annotation_says_is_played(namespace: Namespace) -> None:
    namespace.apply(things.workload("api", "reg.test/app:v2-crash", replicas=1))
    until(lambda: waiting_reason(namespace) == "CrashLoopBackOff")
    name = namespace.pods()[0]["metadata"]["name"]
    namespace.annotate(f"pods/{name}", behaviour="oom")

    def last() -> str:
        return str(
            namespace.get(f"pods/{name}")["status"]["containerStatuses"][0]["lastState"]["terminated"]["reason"]
        )

    until(lambda: last() == "OOMKilled")
    namespace.annotate(f"pods/{name}", behaviour="ok")
    assert namespace.rolled_out("api")["status"]["availableReplicas"] == 1


def test_a_restricted_user_may_do_what_is_bound_and_nothing_else(namespace: Namespace) -> None:
    viewer = namespace.server.client("viewer")
    try:
        viewer.get(namespace.path("pods"))
        raise AssertionError("a user without rights was let in")
    except KubeError as refusal:
        assert refusal.code == 403
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    namespace.apply(*things.rights("reader", "viewer", rules))
    assert until(lambda: viewer.get(namespace.path("pods")))["items"] == []
