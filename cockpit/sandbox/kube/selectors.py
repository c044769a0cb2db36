"""labelSelector and fieldSelector of a query.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api, field-selectors/ beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cockpit.sandbox.kube.kinds import Kind
from cockpit.sandbox.kube.statuses import Object, bad_request

Test = Callable[[Object], bool]

_SET = re.compile(r"\s*([^\s=!,()]+)\s+(in|notin)\s*\(([^)]*)\)\s*")
_COMMA = re.compile(r",(?![^(]*\))")
_FIELDS = {
    "pods": {"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"},
    "events": {
        *(f"involvedObject.{key}" for key in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")),
        "reason",
        "type",
        "source",
    },
    "nodes": {"spec.unschedulable"},
    "namespaces": {"status.phase"},
    "secrets": {"type"},
}


def matches(chosen: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """A LabelSelector of an object's spec; an empty one selects everything, none nothing."""
    if chosen is None:
        return False
    if any(labels.get(key) != value for key, value in (chosen.get("matchLabels") or {}).items()):
        return False
    return all(_expression(each, labels) for each in chosen.get("matchExpressions") or ())


def _expression(each: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(each["key"])
    match each["operator"]:
        case "In":
            return value in each["values"]
        case "NotIn":
            return value not in each["values"]
        case "Exists":
            return value is not None
    return value is None


def by_labels(text: str) -> Test:
    """ "app=x,tier!=y,!z,w,v in (a,b)". Raises ApiError."""
    tests = [_label(each) for each in _COMMA.split(text) if each.strip()]
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _label(text: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.fullmatch(text):
        key, values = found[1], {each.strip() for each in found[3].split(",")}
        if found[2] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    for sign in ("!=", "==", "="):
        if sign in text:
            key, value = (each.strip() for each in text.split(sign, 1))
            if sign == "!=":
                return lambda labels: labels.get(key) != value
            return lambda labels: labels.get(key) == value
    key = text.strip()
    if " " in key or "(" in key:
        raise bad_request(f"unable to parse requirement: found '{text}'")
    if key.startswith("!"):
        return lambda labels: key[1:].strip() not in labels
    return lambda labels: key in labels


def by_fields(kind: Kind, text: str) -> Test:
    """ "metadata.name=x,status.phase!=Failed". Raises ApiError for a field that this kind cannot be asked by."""
    tests: list[Test] = []
    known = {"metadata.name", "metadata.namespace"} | (_FIELDS.get(kind.plural, set()) if not kind.custom else set())
    for each in filter(None, text.split(",")):
        sign = "!=" if "!=" in each else "=="
        field, _, value = each.replace("==", "=").partition("!=" if sign == "!=" else "=")
        if field not in known:
            raise bad_request(
                f'Unable to find "{kind.api_version(kind.versions[0])}, Resource={kind.plural}" that match label '
                f'selector "", field selector "{text}": field label not supported: {field}'
            )
        tests.append(_field(field.split("."), value, equal=sign == "=="))
    return lambda obj: all(test(obj) for test in tests)


def _field(path: list[str], value: str, *, equal: bool) -> Test:
    def test(obj: Object) -> bool:
        found: Any = obj
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        written = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
        return (written == value) is equal

    return test
