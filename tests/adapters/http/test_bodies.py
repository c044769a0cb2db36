"""Health bodies of several kinds as component trees, and comparisons."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.adapters.http.bounds import Bound, Bounds, lookup
from cockpit.adapters.http.components import MAX_COMPONENTS, MAX_DEPTH, component_tree, word_severity
from cockpit.errors import Misconfigured
from cockpit.model.health import Component
from cockpit.model.severity import Severity
from cockpit.profile.schema import Threshold

OK, WARN, CRIT, UNKNOWN = Severity.OK, Severity.WARN, Severity.CRIT, Severity.UNKNOWN


def outline(components: tuple[Component, ...]) -> list[Any]:
    return [
        (part.name, part.status, part.severity, *([outline(part.children)] if part.children else []))
        for part in components
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"services": {"redis": "healthy", "database": "degraded"}},
            [("redis", "healthy", OK), ("database", "degraded", WARN)],
        ),
        (
            {"status": "ok", "components": {"database": {"status": "down", "latency_ms": 12}}},
            [("status", "ok", OK), ("database", "down", CRIT)],
        ),
        (  # Spring Boot Actuator, one group inside another
            {
                "status": "UP",
                "components": {
                    "db": {"status": "UP", "details": {"database": "PostgreSQL", "validationQuery": "isValid()"}},
                    "queues": {"status": "UP", "components": {"orders": {"status": "OUT_OF_SERVICE"}}},
                },
            },
            [
                ("status", "UP", OK),
                ("db", "UP", OK),
                ("queues", "UP", CRIT, [("orders", "OUT_OF_SERVICE", CRIT)]),
            ],
        ),
        (  # health+json: draft-inadarei-api-health-check
            {
                "status": "warn",
                "version": "1",
                "checks": {
                    "cpu:utilization": [
                        {"componentId": "node-1", "status": "pass", "observedValue": 40},
                        {"componentId": "node-2", "status": "warn", "observedValue": 91},
                    ],
                    "uptime": [{"componentType": "system", "status": "pass"}],
                },
            },
            [
                ("status", "warn", WARN),
                ("cpu:utilization", "", WARN, [("node-1", "pass", OK), ("node-2", "warn", WARN)]),
                ("uptime", "pass", OK),
            ],
        ),
        (
            {"healthy": False, "checks": [{"name": "disk", "status": "fail"}, {"name": "dns", "ok": True}]},
            [("status", "false", CRIT), ("disk", "fail", CRIT), ("dns", "true", OK)],
        ),
        (
            {"database": "ok", "cache": {"status": "warning"}, "version": "1.2.3", "uptime": 12},
            [("database", "ok", OK), ("cache", "warning", WARN)],
        ),
        ({"services": {"mail": "wobbly"}}, [("mail", "wobbly", UNKNOWN)]),
        ({"orders": 12, "version": "1.2"}, []),
        (["ok"], []),
        ("ok", []),
        (None, []),
    ],
)
def test_bodies_that_look_like_a_tree_are_shown_as_one(body: object, expected: list[Any]) -> None:
    tree, cut = component_tree(body)
    assert outline(tree) == expected
    assert not cut


def test_the_facts_beside_a_status_are_kept_in_one_line() -> None:
    body = {"components": {"db": {"status": "UP", "latency_ms": 12, "details": {"version": "16.2"}, "list": [1]}}}
    assert component_tree(body)[0][0].detail == "latency_ms 12, version 16.2"


def test_a_tree_is_capped_in_number_and_depth() -> None:
    wide, cut = component_tree({"components": {f"c{number}": "ok" for number in range(5000)}})
    assert len(wide) == MAX_COMPONENTS
    assert cut
    body: dict[str, Any] = {"status": "down"}
    for _ in range(50):
        body = {"status": "ok", "components": {"inner": body}}
    deep, cut = component_tree(body)
    assert cut
    part, depth = deep[1], 1
    while part.children:
        part, depth = part.children[0], depth + 1
    assert depth == MAX_DEPTH


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("UP", OK),
        ("Green", OK),
        ("Degraded", WARN),
        ("out of service", CRIT),
        ("Out-Of-Service", CRIT),
        ("?", UNKNOWN),
    ],
)
def test_words_for_states(word: str, severity: Severity) -> None:
    assert word_severity(word) is severity


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from(["ok", "down"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "components", "checks", "details", "name", "services"]) | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@settings(deadline=None)
@given(body=JSON)
def test_no_json_body_breaks_the_tree_or_the_paths(body: object) -> None:
    component_tree(body)
    bounds = Bounds([Threshold.model_validate({"path": "checks[*].status | [0]", "warn": "== down"})])
    [check] = bounds.judge(bounds.find(body), 0.0)
    assert check.value


@pytest.mark.parametrize(
    ("bound", "value", "crossed"),
    [
        ("> 5", 6, True),
        ("> 5", 5, False),
        (">= 0.9", 0.9, True),
        ("< 1", "0.5", True),
        ("<= 1", True, None),
        ("> 5", "many", None),
        ("> 5", [1], None),
        ("== false", False, True),
        ("== false", 0, False),
        ("!= ok", "ok", False),
        ("!= ok", "OK", False),
        ("!= ok", "down", True),
        ("!= ok", {"a": 1}, None),
        ('== "two words"', "two words", True),
        ("== 5", 5.0, True),
        ("== 5", "5", True),
        ("== 1", True, False),
    ],
)
def test_comparisons(bound: str, value: object, crossed: bool | None) -> None:
    assert Bound.parse(bound).crossed(value) is crossed


@pytest.mark.parametrize("text", ["5", "=> 5", "> ", "~ 5", "> many", ">= true", ""])
def test_what_is_no_comparison_is_misconfigured(text: str) -> None:
    with pytest.raises(Misconfigured):
        Bound.parse(text)


def judge(body: object, **threshold: str) -> tuple[Severity, str, str]:
    bounds = Bounds([Threshold.model_validate(threshold)])
    [check] = bounds.judge(bounds.find(body), 0.0)
    return check.severity, check.value, check.threshold


def test_the_worse_bound_counts_and_a_missing_value_is_unknown() -> None:
    assert judge({"a": 7}, path="a", warn="> 5", critical="> 50") == (WARN, "7", "> 5")
    assert judge({"a": 70}, path="a", warn="> 5", critical="> 50") == (CRIT, "70", "> 50")
    assert judge({"a": 1}, path="a", warn="> 5", critical="> 50") == (OK, "1", "> 50")
    assert judge({"b": 1}, path="a", warn="> 5") == (UNKNOWN, "missing", "> 5")
    assert judge({"a": "x"}, path="length(a)", warn="> 5") == (OK, "1", "> 5")
    assert judge({"a": 1}, path="length(a)", warn="> 5")[0] is UNKNOWN
    assert judge({"a": [1, 2, 3]}, path="a", warn="> 5") == (UNKNOWN, "a list of 3", "> 5")


def test_a_path_finds_text() -> None:
    assert lookup("mode.on", {"mode": {"on": True}}) == "true"
    assert lookup("mode.off", {"mode": {"on": True}}) == "missing"
    with pytest.raises(Misconfigured, match="no JMESPath"):
        lookup("mode..", {})
