"""Manifests on this machine: what is taken of a file, and what is too odd or too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.adapters.kube import manifests
from cockpit.adapters.kube.applying import desired, only_kubectl, owners_in, restored
from cockpit.adapters.kube.discovery import Resource
from cockpit.adapters.kube.manifests import read_manifests
from cockpit.adapters.kube.terms import Json
from cockpit.errors import Misconfigured

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def written(folder: Path, content: str | bytes) -> str:
    path = folder / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_documents_and_lists_are_taken_apart_and_dates_stay_texts(tmp_path: Path) -> None:
    listed = "kind: List\napiVersion: v1\nitems: [{kind: X}]\n"
    text = f"---\n{MAP}data: {{day: 2026-01-02}}\n---\n---\n{listed}"
    found = read_manifests(written(tmp_path, text))
    assert [each["kind"] for each in found.objects] == ["ConfigMap", "X"]
    assert found.objects[0]["data"]["day"] == "2026-01-02"
    assert found.digest != read_manifests(written(tmp_path, MAP)).digest


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no object"),
        ("a: [", "is no YAML"),
        ("- 1", "without apiVersion and kind"),
        ("kind: 3\napiVersion: v1", "without apiVersion and kind"),
        (f"{MAP}data: {'[' * 100}{']' * 100}", "cannot be understood"),
        (f"{MAP}data: &a [*a]", "cannot be understood"),
        (f"{MAP}base: &b {{x: 1}}\ndata: {{<<: *b}}", "merge keys"),
        (f"{MAP}data: {{1: a}}", "cannot be understood"),
        (f"{MAP}data: !!python/object/apply:os.getcwd []", "is no YAML"),
        (f"{MAP}data: !!binary aGFsbG8=", "cannot be understood"),
        (b"\xff\xfe\x00", "file.yaml"),
        ("---\n".join([MAP] * 201), "201 objects, more than 200"),
        (MAP + "x: " + "y" * (4 << 20), "larger than 4 MB"),
    ],
)
def test_what_is_no_manifest_or_too_much(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        read_manifests(written(tmp_path, content))


def test_a_few_lines_that_stand_for_gigabytes(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(Misconfigured, match="too much"):
        read_manifests(written(tmp_path, MAP + "\n".join(lines)))


def test_a_folder_without_any_and_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"holds no \.yaml"):
        read_manifests(str(tmp_path))
    with pytest.raises(Misconfigured, match="there is no file"):
        read_manifests(str(tmp_path / "none.yaml"))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_rubbish_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "rubbish.yaml"
    path.write_bytes(content)
    try:
        found = manifests.read_manifests(str(path))
    except Misconfigured:
        return
    assert all(isinstance(each, dict) for each in found.objects)


SERVICE = Resource("", "v1", "services", "Service", True)


def test_what_the_server_wrote_is_left_out_and_protocols_are_said() -> None:
    given_: Json = {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "a", "uid": "u", "resourceVersion": "3", "managedFields": [], "ownerReferences": []},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]},
        "status": {"x": 1},
    }
    assert desired(SERVICE, given_, "shop") == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]},
    }


def test_owners_of_fields_are_found_in_the_words_of_the_server() -> None:
    words = 'conflict with "robot" using v1: .data.a; conflicts with "kubectl-client-side-apply" using v1: .data.b'
    assert owners_in(words) == ("robot", "kubectl-client-side-apply")
    assert only_kubectl(("kubectl-client-side-apply", "kubectl", "kubectl edit"))
    assert not only_kubectl(owners_in(words)) and not only_kubectl(())


def test_the_way_back_tests_what_it_replaces_and_leaves_the_number_of_the_rollout() -> None:
    number = "deployment.kubernetes.io/revision"
    before: Json = {"metadata": {"uid": "u", "annotations": {number: "1", "a": "1"}}, "spec": {"x": 1}}
    now: Json = {
        "metadata": {"uid": "u", "annotations": {number: "2", "a": "1"}},
        "spec": {"x": 2},
        "data": {"k": "v"},
    }
    change = restored("/p", now, before)
    assert change is not None and change.body == [
        {"op": "test", "path": "/metadata/uid", "value": "u"},
        {"op": "test", "path": "/spec", "value": {"x": 2}},
        {"op": "test", "path": "/data", "value": {"k": "v"}},
        {"op": "add", "path": "/spec", "value": {"x": 1}},
        {"op": "remove", "path": "/data"},
    ]
    assert restored("/p", before, before) is None
