"""Pod templates: the same or not, in what they differ, and what they were before."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.kube import rollback
from cockpit.adapters.kube.templates import MASKED, differences, images, mark, plain, same


def template(image: str = "reg/api:v1", **more: Any) -> dict[str, Any]:
    container = {"name": "api", "image": image, "env": [{"name": "KEY", "value": "one"}], **more}
    return {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [container]}}


def replica_set(revision: str, image: str, *, owner: str = "u-1", created: str = "2026-01-15T12:00:00Z") -> Any:
    own = template(image)
    own["metadata"]["labels"]["pod-template-hash"] = "abc"
    notes = {"deployment.kubernetes.io/revision": revision}
    owners = [{"kind": "Deployment", "name": "api", "uid": owner, "controller": True}]
    metadata = {
        "name": f"api-{revision}",
        "annotations": notes,
        "ownerReferences": owners,
        "creationTimestamp": created,
    }
    return {"metadata": metadata, "spec": {"template": own}, "status": {"replicas": 1}}


def test_what_controllers_and_servers_add_makes_no_other_template() -> None:
    other = copy.deepcopy(template())
    other["metadata"] |= {"creationTimestamp": None, "labels": {"app": "api", "pod-template-hash": "abc"}}
    other["$patch"] = "replace"
    assert same(template(), other) and mark(template()) == mark(other) and plain(other) == template()
    assert not same(template(), template("reg/api:v2")) and mark(template()) != mark(template("reg/api:v2"))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (template("reg/api:v2"), ("image api", "reg/api:v1", "reg/api:v2")),
        (template(env=[{"name": "KEY", "value": "two"}]), ("variable KEY of api", MASKED, f"{MASKED} (another)")),
        (template(env=[]), ("variable KEY of api", MASKED, "unset")),
        (template(args=["--password=one"]), ("args of api", "unset", MASKED)),
        (template(resources={"limits": {"memory": "1Gi"}}), ("resources.limits.memory of api", "unset", "1Gi")),
        (template(tty=True), ("tty of api", "unset", "true")),
    ],
)
def test_differences_are_named_as_a_person_names_them_and_show_no_value(other: Any, found: Any) -> None:
    assert found in differences(template(), other)
    assert "one" not in repr(differences(template(), other)) and "two" not in repr(differences(template(), other))
    assert differences(other, other) == ()


def test_an_image_comes_first_and_a_container_is_found_by_its_name() -> None:
    one, other = template(), template("reg/api:v2", tty=True)
    other["spec"]["containers"].insert(0, {"name": "proxy", "image": "reg/proxy:v1"})
    other["spec"]["initContainers"] = [{"name": "wait", "image": "reg/wait:v1"}]
    whats = [what for what, _, _ in differences(one, other)]
    assert set(whats[:3]) == {"image api", "image proxy", "image wait"} and "tty of api" in whats
    assert images(other) == {"proxy": "reg/proxy:v1", "api": "reg/api:v2", "wait": "reg/wait:v1"}


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(_ANY, _ANY)
def test_any_shape_is_compared_and_said_on_one_line_each(one: Any, other: Any) -> None:
    first, second = {"spec": one}, {"spec": other}
    found = differences(first, second)
    assert differences(first, first) == ()
    assert all("\n" not in word and "\x1b" not in word for each in found for word in each)


def test_the_previous_revision_is_the_newest_with_another_template_than_now() -> None:
    found = [
        replica_set("1", "v1"),
        replica_set("3", "v3"),
        replica_set("2", "v2"),
        replica_set("9", "x", owner="u-2"),
    ]
    found.append({"metadata": {"name": "without", "ownerReferences": found[0]["metadata"]["ownerReferences"]}})
    pasts = rollback.of_replicasets("u-1", found)
    assert [past.revision for past in pasts] == [3, 2, 1]
    before = rollback.previous(pasts, template("v3"))
    assert before is not None and before.revision == 2
    unmade = rollback.previous(pasts, template("v4"))
    assert unmade is not None and unmade.revision == 3, "the controller has not made the newest one yet"
    assert rollback.current(pasts, template("v4")) is None and rollback.previous((), template()) is None


def test_controller_revisions_hold_the_template_as_a_patch() -> None:
    owners = [{"kind": "StatefulSet", "name": "db", "uid": "u-1", "controller": True}]
    own = {**template("v1"), "$patch": "replace"}
    found = [
        {"metadata": {"name": "db-1", "ownerReferences": owners}, "revision": 1, "data": {"spec": {"template": own}}},
        {"metadata": {"name": "db-2", "ownerReferences": owners}, "revision": 2, "data": {}},
    ]
    (past,) = rollback.of_controller_revisions("u-1", found)
    assert past.revision == 1 and past.template == template("v1")
