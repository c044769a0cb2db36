"""The requests that change a workload or a service, before any server sees them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cockpit.adapters.kube import changing
from cockpit.adapters.kube.templates import MASKED
from cockpit.adapters.kube.terms import PatchKind

PATH = changing.workloads_path("deployment", "shop", "api")
UID = {"op": "test", "path": "/metadata/uid", "value": "u-1"}


def deployment(**spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "api"}, "creationTimestamp": None},
        "spec": {
            "containers": [
                {
                    "name": "api",
                    "image": "reg/api:v1",
                    "env": [{"name": "KEY", "value": "hidden"}],
                    "args": ["hidden"],
                },
                {"name": "proxy", "image": "reg/proxy:v1"},
            ],
            "initContainers": [{"name": "wait", "image": "reg/wait:v1"}],
        },
    }
    metadata = {"name": "api", "uid": "u-1", "resourceVersion": "7", "annotations": {changing.REVISION: "2"}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"template": template, **spec}, "status": {"x": 1}}


def operations(change: changing.KubeChange) -> list[dict[str, Any]]:
    assert isinstance(change.body, list) and change.kind is PatchKind.JSON and change.method == "PATCH"
    return change.body


def test_paths_hold_one_object_whatever_its_name() -> None:
    assert PATH == "/apis/apps/v1/namespaces/shop/deployments/api"
    assert changing.workloads_path("statefulset", "shop", "a/../b", "scale").endswith(
        "/statefulsets/a%2F..%2Fb/scale"
    )
    with pytest.raises(KeyError):
        changing.workloads_path("job", "shop", "api")


def test_every_patch_tests_the_uid_and_the_field_before_it_changes_anything() -> None:
    obj = deployment(paused=True)
    template = {"op": "test", "path": "/spec/template", "value": obj["spec"]["template"]}
    for change in (
        changing.undo(PATH, obj, {"metadata": {}, "spec": {}}, "why"),
        changing.restart(PATH, obj, "2026-01-15T12:00:00Z"),
        changing.image(PATH, obj, "api", "reg/api:v2", "why"),
        changing.pause(PATH, obj),
        changing.resume(PATH, obj),
    ):
        assert operations(change)[:2] == [UID, template]
        assert all(each["op"] != "test" for each in operations(change)[3:])
    assert operations(changing.resume(PATH, obj))[2:] == [
        {"op": "test", "path": "/spec/paused", "value": True},
        {"op": "remove", "path": "/spec/paused"},
    ]


def test_the_object_that_was_read_stays_as_it_is() -> None:
    obj = deployment()
    kept = copy.deepcopy(obj)
    changing.undo(PATH, obj, obj["spec"]["template"], "why").shown("https://api")
    changing.manifest(obj)
    assert obj == kept


@pytest.mark.parametrize(
    ("metadata", "pointer", "value"),
    [
        ({"labels": {}, "annotations": {"a": "b"}}, "/annotations/kubectl.kubernetes.io~1restartedAt", "T"),
        ({"labels": {}}, "/annotations", {changing.RESTARTED_AT: "T"}),
        ({}, "", {"annotations": {changing.RESTARTED_AT: "T"}}),
    ],
)
def test_a_restart_adds_one_annotation_and_takes_none_away(metadata: Any, pointer: str, value: Any) -> None:
    obj = deployment()
    obj["spec"]["template"]["metadata"] = metadata
    added = operations(changing.restart(PATH, obj, "T"))[-1]
    assert added == {"op": "add", "path": f"/spec/template/metadata{pointer}", "value": value}


@pytest.mark.parametrize(
    ("container", "place"), [("api", "containers/0"), ("proxy", "containers/1"), ("wait", "initContainers/0")]
)
def test_an_image_is_set_in_its_container(container: str, place: str) -> None:
    replace, cause = operations(changing.image(PATH, deployment(), container, "reg/x:v2", "why"))[2:]
    assert replace == {"op": "replace", "path": f"/spec/template/spec/{place}/image", "value": "reg/x:v2"}
    assert cause == {"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": "why"}
    with pytest.raises(KeyError):
        changing.image(PATH, deployment(), "none", "reg/x:v2", "why")


def test_without_annotations_no_cause_is_added() -> None:
    obj = deployment()
    del obj["metadata"]["annotations"]
    assert len(operations(changing.image(PATH, obj, "api", "reg/x:v2", "why"))) == 3


def test_scaling_from_none_tests_the_whole_spec_for_a_patch_cannot_test_what_is_not_there() -> None:
    some = operations(changing.scale(PATH, {"metadata": {"uid": "u-1"}, "spec": {"replicas": 3}}, 5))
    none = operations(changing.scale(PATH, {"metadata": {"uid": "u-1"}, "spec": {}}, 5))
    add = {"op": "add", "path": "/spec/replicas", "value": 5}
    assert some == [UID, {"op": "test", "path": "/spec/replicas", "value": 3}, add]
    assert none == [UID, {"op": "test", "path": "/spec", "value": {}}, add]


def test_a_deletion_is_of_what_was_read_and_leaves_dry_run_to_the_gateway() -> None:
    body = changing.deletion(PATH, deployment()).body
    assert isinstance(body, dict) and "dryRun" not in body
    assert body["preconditions"] == {"uid": "u-1", "resourceVersion": "7"}


def test_a_manifest_makes_the_object_again_without_what_the_server_wrote() -> None:
    made = changing.manifest(deployment(replicas=2))
    assert made["metadata"] == {"name": "api"} and "status" not in made
    assert made["spec"]["replicas"] == 2 and "creationTimestamp" not in made["spec"]["template"]["metadata"]


def test_what_may_be_secret_is_not_shown() -> None:
    obj = deployment()
    obj["metadata"]["annotations"][changing.LAST_APPLIED] = "hidden"
    for change in (
        changing.restart(PATH, obj, "T"),
        changing.undo(PATH, obj, obj["spec"]["template"], "why"),
        changing.creation(PATH, changing.manifest(obj)),
    ):
        shown = change.shown("https://api.test:6443")
        assert "hidden" not in shown and MASKED in shown and "KEY" in shown and "reg/api:v1" in shown
        assert shown.startswith(f"{change.method} https://api.test:6443{PATH}?fieldManager=cockpit")
