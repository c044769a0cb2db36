"""Discovery of servers that the test cluster is not; the way through proxies; lists taken apart in slices."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.adapters.kube.discovery import discovered
from cockpit.adapters.kube.proxy import proxy_of
from cockpit.adapters.kube.slices import items_of, whole
from cockpit.errors import Misconfigured, PermissionDenied, Unreachable


async def test_a_newer_server_is_asked_twice_and_its_stale_groups_are_named() -> None:
    served = [
        {"version": "v1", "resources": [{"resource": "poddisruptionbudgets", "scope": "Namespaced"}]},
        {"version": "v1beta1", "freshness": "Stale", "resources": []},
    ]
    served[0]["resources"][0]["responseKind"] = {"kind": "PodDisruptionBudget"}  # type: ignore[index]
    answers: dict[str, dict[str, Any]] = {
        "/version": {"gitVersion": "v1.33.1-gke.7"},
        "/api": {"kind": "APIGroupDiscoveryList", "items": []},
        "/apis": {
            "kind": "APIGroupDiscoveryList",
            "items": [{"metadata": {"name": "policy"}, "versions": served}, {"versions": "?"}, 7],
        },
    }
    asked: list[str] = []

    async def ask(path: str, accept: str) -> dict[str, Any]:
        asked.append(path)
        return answers[path]

    found = await discovered(ask)
    assert asked == ["/version", "/api", "/apis"] and found.minor == (1, 33)
    assert found.prefers("policy", "PodDisruptionBudget") == "/apis/policy/v1"
    assert found.failed == ("policy/v1beta1",)


async def test_one_group_that_is_down_hides_no_other() -> None:
    async def ask(path: str, accept: str) -> dict[str, Any]:
        if path == "/version":
            raise PermissionDenied("no")
        if path == "/apis":
            group = {"version": "v1beta1"}
            return {"groups": [{"name": "metrics.k8s.io", "versions": [group], "preferredVersion": group}]}
        if path == "/apis/metrics.k8s.io/v1beta1":
            raise Unreachable("down")
        return {"/api": {"versions": ["v1"]}}.get(path) or {
            "resources": [{"name": "pods", "kind": "Pod", "namespaced": True}, {"name": "../x", "kind": "Odd"}]
        }

    found = await discovered(ask)
    assert found.server == "" and found.failed == ("metrics.k8s.io/v1beta1: unreachable",)
    assert [each.plural for each in found.resources] == ["pods"]


@pytest.mark.parametrize(
    ("server", "environ", "way"),
    [
        ("https://api.example:6443", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://api.example", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:3128"}, ""),
        ("https://api.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "x, .example"}, ""),
        ("https://api.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "example"}, ""),
        ("https://api.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "ample"}, "http://p"),
        ("https://api.example:1", {"HTTPS_PROXY": "http://p", "NO_PROXY": "api.example:2"}, "http://p"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://11.1.2.3", {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8,*.x"}, "http://p"),
        ("https://api.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, ""),
    ],
)
def test_the_way_is_the_one_that_kubectl_takes(server: str, environ: dict[str, str], way: str) -> None:
    assert proxy_of(server, "", environ) == way
    assert proxy_of(server, "http://own:1", environ) == "http://own:1"


def test_a_proxy_that_cannot_be_used_is_said() -> None:
    with pytest.raises(Misconfigured, match="socks5"):
        proxy_of("https://api.example", "", {"HTTPS_PROXY": "socks5://p:1"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(max_size=6), VALUES, max_size=4),
    st.lists(st.dictionaries(st.text(), VALUES)),
    st.booleans(),
)
async def test_a_list_in_slices_is_what_json_says(rest: dict[str, Any], items: list[Any], spaced: bool) -> None:
    rest.pop("items", None)
    text = json.dumps({**rest, "items": items, "kind": "List"}, indent=1 if spaced else None)
    found, each = await items_of(text, whole)
    assert found == {**rest, "kind": "List"} and each == items


def test_the_command_line_starts_without_the_library() -> None:
    code = "import sys, cockpit.cli.exits, cockpit.engine.engine; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
