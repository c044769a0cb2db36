"""What an API server does, as far as the cockpit relies on it: asked of a real one, and of the one that is played."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ...servers.kube import things
from ...servers.kube.client import KubeError
from ...servers.kube.fixtures import Namespace, until

_TABLE = "application/json"


def refused(call: Callable[[], object]) -> KubeError:
    """How the server refuses."""
    with pytest.raises(KubeError) as refusal:
        call()
    return refusal.value


def deployment(world: Namespace, name: str = "api") -> Any:
    return world.get(f"deployments/{name}", "apps/v1")


def watched(world: Namespace, path: str, version: str, **query: str) -> list[tuple[str, Any]]:
    """Events of a watch that the server ends after a second."""
    said = world.client.request("GET", path, watch="1", resourceVersion=version, timeoutSeconds="1", **query)
    lines = [said] if isinstance(said, dict) else [json.loads(line) for line in str(said).splitlines()]
    return [(each["type"], each["object"]) for each in lines]


class Contract:
    """`world` is a namespace of the one or of the other."""

    def test_what_is_made_has_an_identity_and_a_version(self, world: Namespace) -> None:
        (made,) = world.apply(things.configmap("settings", LEVEL="info"))
        meta = made["metadata"]
        assert {"uid", "resourceVersion", "creationTimestamp", "namespace", "managedFields"} <= set(meta)
        assert world.get("configmaps/settings")["data"] == {"LEVEL": "info"}
        again = refused(lambda: world.client.request("POST", world.path("configmaps"), things.configmap("settings")))
        assert (again.code, str(again)) == (409, '409: configmaps "settings" already exists')

    def test_what_is_not_there_is_said_as_it_is(self, world: Namespace) -> None:
        assert str(refused(lambda: world.get("pods/x"))) == '404: pods "x" not found'
        assert str(refused(lambda: deployment(world, "x"))) == '404: deployments.apps "x" not found'
        said = str(refused(lambda: world.get("things")))
        assert said == "404: the server could not find the requested resource"
        nowhere = refused(lambda: world.client.request("POST", "/api/v1/namespaces/nowhere/configmaps",
                                                       things.configmap("x")))  # fmt: skip
        assert str(nowhere) == '404: namespaces "nowhere" not found'

    def test_a_list_comes_in_pages_and_by_labels(self, world: Namespace) -> None:
        for number in range(5):
            made = things.configmap(f"c{number}")
            made["metadata"]["labels"] = {"half": "first" if number < 2 else "second"}
            world.apply(made)
        path = world.path("configmaps")
        wanted = {"labelSelector": "half"}
        page = world.client.get(path, limit="2", **wanted)
        names = [each["metadata"]["name"] for each in page["items"]]
        while token := page["metadata"].get("continue"):
            page = world.client.get(path, limit="2", **wanted, **{"continue": token})
            names += [each["metadata"]["name"] for each in page["items"]]
        assert names == [f"c{number}" for number in range(5)]
        for selector, count in (("half=first", 2), ("half!=first,half", 3), ("half in (first, second)", 5),
                                ("half notin (first),half", 3)):  # fmt: skip
            assert len(world.client.items(path, labelSelector=selector)) == count, selector
        assert [each["metadata"]["name"] for each in world.client.items(path, fieldSelector="metadata.name=c3")] == [
            "c3"
        ]
        assert refused(lambda: world.client.items(path, fieldSelector="spec.x=1")).code == 400

    def test_a_json_patch_tests_first(self, world: Namespace) -> None:
        (made,) = world.apply(things.configmap("settings", LEVEL="info"))
        path = world.path("configmaps/settings")
        uid = {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}
        change = {"op": "replace", "path": "/data/LEVEL", "value": "debug"}
        assert world.client.patch(path, [uid, change], "json")["data"] == {"LEVEL": "debug"}
        before = world.get("configmaps/settings")
        failed = refused(lambda: world.client.patch(path, [uid | {"value": "another"}, change], "json"))
        missing = refused(lambda: world.client.patch(path, [{"op": "remove", "path": "/data/NONE"}], "json"))
        assert (failed.code, missing.code) == (422, 422)
        assert "the server rejected our request due to an error in our request" in str(failed)
        assert world.get("configmaps/settings") == before

    def test_merge_patches_remove_with_null_and_refuse_an_old_version(self, world: Namespace) -> None:
        (made,) = world.apply(things.configmap("settings", A="1", B="2"))
        path = world.path("configmaps/settings")
        assert world.client.patch(path, {"data": {"A": None, "C": "3"}})["data"] == {"B": "2", "C": "3"}
        old = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"B": "9"}}
        conflict = refused(lambda: world.client.patch(path, old))
        assert conflict.code == 409
        assert "the object has been modified; please apply your changes to the latest version" in str(conflict)
        assert refused(lambda: world.client.request("PUT", path, made)).code == 409

    def test_a_strategic_patch_merges_containers_by_name(self, world: Namespace) -> None:
        both = [things.container("app", "reg.test/app:v1"), things.container("side", "reg.test/side:v1")]
        world.apply(things.workload("api", replicas=0, containers=both))
        change = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "reg.test/side:v2"}]}}}}
        world.client.patch(world.path("deployments/api", "apps/v1"), change, "strategic-merge")
        found = deployment(world)["spec"]["template"]["spec"]["containers"]
        images = {each["name"]: each["image"] for each in found}
        assert images == {"app": "reg.test/app:v1", "side": "reg.test/side:v2"}

    def test_a_change_that_changes_nothing_has_no_version(self, world: Namespace) -> None:
        world.apply(things.configmap("settings", A="1"))
        before = world.get("configmaps/settings")["metadata"]["resourceVersion"]
        world.client.patch(world.path("configmaps/settings"), {"data": {"A": "1"}})
        assert world.get("configmaps/settings")["metadata"]["resourceVersion"] == before

    def test_a_rehearsal_changes_nothing(self, world: Namespace) -> None:
        world.apply(things.configmap("settings", A="1"))
        before = world.get("configmaps/settings")
        path, folder = world.path("configmaps/settings"), world.path("configmaps")
        kind = "application/merge-patch+json"
        told = world.client.request("PATCH", path, {"data": {"A": "2"}}, kind, dryRun="All")
        assert told["data"] == {"A": "2"}
        world.client.request("POST", folder, things.configmap("other"), dryRun="All")
        world.client.delete(path, {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]})
        assert world.get("configmaps/settings") == before
        assert refused(lambda: world.get("configmaps/other")).code == 404

    def test_a_deletion_with_a_body_takes_no_rehearsal_from_the_query(self, world: Namespace) -> None:
        world.apply(things.configmap("settings"))
        body = {"kind": "DeleteOptions", "apiVersion": "v1"}
        world.client.request("DELETE", world.path("configmaps/settings"), body, dryRun="All")
        assert refused(lambda: world.get("configmaps/settings")).code == 404

    def test_a_deletion_holds_to_the_identity_that_it_names(self, world: Namespace) -> None:
        world.apply(things.configmap("settings"))
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
        said = refused(lambda: world.client.delete(world.path("configmaps/settings"), options))
        assert said.code == 409
        assert "the UID in the precondition (another) does not match the UID in record" in str(said)
        assert world.get("configmaps/settings")
        path = world.path("configmaps/settings")
        other = refused(lambda: world.client.patch(path, {"metadata": {"uid": "another"}}))
        assert (other.code, 'metadata.uid: Invalid value: "another": field is immutable' in str(other)) == (422, True)

    def test_a_watch_goes_on_from_a_version_and_follows_a_selector(self, world: Namespace) -> None:
        path = world.path("configmaps")
        version = world.client.get(path)["metadata"]["resourceVersion"]
        made = things.configmap("one")
        made["metadata"]["labels"] = {"mine": "yes"}
        world.apply(made)
        world.client.patch(world.path("configmaps/one"), {"data": {"A": "1"}})
        world.client.patch(world.path("configmaps/one"), {"metadata": {"labels": {"mine": "no"}}})
        world.client.delete(world.path("configmaps/one"))
        ours = [kind for kind, obj in watched(world, path, version) if obj["metadata"]["name"] == "one"]
        assert ours == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
        chosen = watched(world, path, version, labelSelector="mine=yes")
        assert [kind for kind, _ in chosen] == ["ADDED", "MODIFIED", "DELETED"]
        later = chosen[0][1]["metadata"]["resourceVersion"]
        assert [kind for kind, _ in watched(world, path, later, labelSelector="mine=yes")] == ["MODIFIED", "DELETED"]

    def test_secrets_can_be_listed_without_what_they_hold(self, world: Namespace) -> None:
        world.apply(things.secret("key", value="hidden"))
        kind = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        said = world.client._http.get(world.path("secrets"), headers={"Accept": kind}).json()
        assert said["kind"] == "PartialObjectMetadataList"
        ours = next(each for each in said["items"] if each["metadata"]["name"] == "key")
        assert "data" not in ours
        assert world.get("secrets/key")["data"] == {"value": "aGlkZGVu"}

    def test_scale_leaves_zero_out_and_can_be_tested(self, world: Namespace) -> None:
        world.apply(things.workload("api", replicas=0))
        path = world.path("deployments/api/scale", "apps/v1")
        scale = world.client.get(path)
        assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {}, "app=api")
        change = [{"op": "test", "path": "/spec", "value": {}}, {"op": "add", "path": "/spec/replicas", "value": 1}]
        assert world.client.patch(path, change, "json")["spec"] == {"replicas": 1}
        assert deployment(world)["spec"]["replicas"] == 1
        wrong = refused(lambda: world.client.patch(path, {"spec": {"replicas": -1}}))
        assert (wrong.code, "must be greater than or equal to 0" in str(wrong)) == (422, True)

    def test_a_rollout_makes_a_revision_and_an_old_template_gets_a_new_number(self, world: Namespace) -> None:
        world.apply(things.workload("api"), things.service("api", {"app": "api"}))
        first = world.rolled_out("api")
        template = first["spec"]["template"]
        path = world.path("deployments/api", "apps/v1")
        change = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "reg.test/app:v2"}
        world.client.patch(path, [change], "json")
        second = world.rolled_out("api")
        assert second["metadata"]["generation"] == first["metadata"]["generation"] + 1
        world.client.patch(path, [{"op": "replace", "path": "/spec/template", "value": template}], "json")
        world.rolled_out("api")
        revision = "deployment.kubernetes.io/revision"
        until(lambda: deployment(world)["metadata"]["annotations"][revision] == "3")
        sets = world.client.items(world.path("replicasets", "apps/v1"))
        assert sorted((each["metadata"]["annotations"][revision], each["spec"]["replicas"]) for each in sets) == [
            ("2", 0),
            ("3", 2),
        ]
        conditions = {each["type"]: each for each in deployment(world)["status"]["conditions"]}
        assert conditions["Progressing"]["reason"] == "NewReplicaSetAvailable"
        assert conditions["Available"]["status"] == "True"
        addresses = until(lambda: world.get("endpoints/api")["subsets"][0]["addresses"])
        until(lambda: len(world.get("endpoints/api")["subsets"][0]["addresses"]) == 2)
        assert addresses[0]["targetRef"]["kind"] == "Pod"

    def test_a_bad_image_stops_the_rollout_while_pods_of_before_serve(self, world: Namespace) -> None:
        world.apply(things.workload("api"))
        world.rolled_out("api")
        world.apply(things.workload("api", "reg.test/app:crash"))

        def crashes() -> Any:
            states = [
                each["state"].get("waiting", {}).get("reason")
                for pod in world.pods()
                for each in pod["status"].get("containerStatuses", [])
            ]
            return "CrashLoopBackOff" in states

        until(crashes)
        status = until(lambda: deployment(world)["status"])
        assert status["availableReplicas"] == 2
        assert status["updatedReplicas"] < status["replicas"]
        name = next(
            pod["metadata"]["name"] for pod in world.pods() if "crash" in pod["spec"]["containers"][0]["image"]
        )
        said = until(lambda: world.client.request("GET", world.path(f"pods/{name}/log"), previous="true"))
        assert "ConnectionError" in said

    def test_a_paused_deployment_keeps_its_pods(self, world: Namespace) -> None:
        world.apply(things.workload("api", replicas=1))
        world.rolled_out("api")
        before = [pod["metadata"]["uid"] for pod in world.pods()]
        world.client.patch(world.path("deployments/api", "apps/v1"), {"spec": {"paused": True}})
        world.apply(things.workload("api", "reg.test/app:v2", replicas=1))
        until(
            lambda: deployment(world)["status"]["observedGeneration"] == deployment(world)["metadata"]["generation"]
        )
        assert [pod["metadata"]["uid"] for pod in world.pods()] == before
        world.client.patch(world.path("deployments/api", "apps/v1"), {"spec": {"paused": None}})
        world.rolled_out("api")
        assert [pod["spec"]["containers"][0]["image"] for pod in world.pods()] == ["reg.test/app:v2"]

    def test_a_budget_refuses_an_eviction_and_a_rehearsed_one_evicts_nothing(self, world: Namespace) -> None:
        world.apply(things.workload("api"), things.budget("api", {"app": "api"}, min_available=2))
        world.rolled_out("api")
        budget = "poddisruptionbudgets/api"
        until(lambda: world.get(budget, "policy/v1beta1")["status"]["currentHealthy"] == 2)
        name = world.pods()[0]["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": name}}
        path = world.path(f"pods/{name}/eviction")
        said = refused(lambda: world.client.request("POST", path, eviction))
        assert (said.code, "Cannot evict pod as it would violate the pod's disruption budget." in str(said)) == (
            429,
            True,
        )
        world.client.delete(world.path(budget, "policy/v1beta1"))
        rehearsed = eviction | {"deleteOptions": {"dryRun": ["All"]}}
        until(lambda: world.client.request("POST", path, rehearsed, dryRun="All")["status"] == "Success")
        assert "deletionTimestamp" not in world.get(f"pods/{name}")["metadata"]
        world.client.request("POST", path, eviction)
        until(lambda: len(world.pods()) == 2 and name not in [pod["metadata"]["name"] for pod in world.pods()])

    def test_a_quota_stops_pods_and_the_deployment_says_so(self, world: Namespace) -> None:
        world.apply(things.quota("few", pods="1"))
        until(lambda: "pods" in world.get("resourcequotas/few")["status"]["hard"])
        world.apply(things.workload("api"))

        def said() -> Any:
            conditions = {each["type"]: each for each in deployment(world)["status"]["conditions"]}
            return conditions["ReplicaFailure"]["message"]

        assert "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1" in until(said)
        assert len(world.pods()) == 1

    def test_a_pod_that_is_relabelled_is_let_go_and_replaced(self, world: Namespace) -> None:
        world.apply(things.workload("api", replicas=1))
        world.rolled_out("api")
        name = world.pods()[0]["metadata"]["name"]
        world.client.patch(world.path(f"pods/{name}"), {"metadata": {"labels": {"app": "apart"}}})
        until(lambda: len(world.pods("app=api")) == 1)
        until(lambda: not world.get(f"pods/{name}")["metadata"].get("ownerReferences"))

    def test_what_belongs_to_a_deployment_goes_with_it(self, world: Namespace) -> None:
        world.apply(things.workload("api"))
        world.rolled_out("api")
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        assert world.client.delete(world.path("deployments/api", "apps/v1"), body)["status"] == "Success"
        until(lambda: not world.client.items(world.path("replicasets", "apps/v1")))
        until(lambda: not world.client.items(world.path("pods")))

    def test_who_may_do_what_is_answered(self, world: Namespace) -> None:
        asked = {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": world.name}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": asked}}  # fmt: skip
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answers = [world.server.client(user).request("POST", path, body) for user in ("admin", "viewer")]
        assert [each["status"]["allowed"] for each in answers] == [True, False]
        world.apply(things.workload("api", replicas=0))
        viewer = world.server.client("viewer")
        said = refused(lambda: viewer.patch(world.path("deployments/api", "apps/v1"), {}))
        wanted = 'deployments.apps "api" is forbidden: User "viewer" cannot patch resource "deployments" '
        assert str(said) == f'403: {wanted}in API group "apps" in the namespace "{world.name}"'

    def test_an_invalid_object_is_refused_in_words(self, world: Namespace) -> None:
        broken = things.workload("api")
        broken["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
        said = refused(lambda: world.client.request("POST", world.path("deployments", "apps/v1"), broken))
        assert (said.code, "`selector` does not match template `labels`" in str(said)) == (422, True)
        named = refused(lambda: world.client.request("POST", world.path("configmaps"), things.configmap("Not_So")))
        assert (named.code, "metadata.name" in str(named)) == (422, True)

    def test_use_is_told_of_nodes_and_pods(self, world: Namespace) -> None:
        world.apply(things.workload("api", replicas=1))
        world.rolled_out("api")
        found = until(lambda: world.client.items(f"/apis/metrics.k8s.io/v1beta1/namespaces/{world.name}/pods"))
        assert set(found[0]["containers"][0]["usage"]) == {"cpu", "memory"}
        assert world.client.items("/apis/metrics.k8s.io/v1beta1/nodes")
