"""Server-side apply of whole objects, and the way back from it. Pure: objects in, requests and differences out.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence

from cockpit.adapters.kube.changing import (
    LAST_APPLIED,
    REVISION,
    KubeChange,
    Operation,
    escaped,
    guarded,
    manifest,
    patch,
)
from cockpit.adapters.kube.discovery import Resource
from cockpit.adapters.kube.fields import part, parts
from cockpit.adapters.kube.preserve import applicable
from cockpit.adapters.kube.templates import differences
from cockpit.adapters.kube.terms import Json, PatchKind

_OWNERS = re.compile(r'conflicts? with "([^"]+)"')
_KUBECTL = re.compile(r"kubectl([- ].*)?|cockpit|before-first-apply")
_WRITTEN = ("apiVersion", "kind", "metadata", "status")


def desired(resource: Resource, obj: Json, namespace: str) -> Json:
    """What is to be applied: without what a server wrote into it, and with its namespace ("" for none)."""
    found = applicable(resource, obj)
    metadata = part(found, "metadata")
    metadata.pop("ownerReferences", None)
    if namespace:
        metadata["namespace"] = namespace
    _with_protocols(found.get("spec"))
    return found


def _with_protocols(value: object) -> None:
    """Ports with the protocol that they have without one: servers before 1.23 refuse to apply a port that says none.

    https://github.com/kubernetes/kubernetes/issues/92332
    """
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "ports":
                for port in parts(each):
                    if "containerPort" in port or "port" in port:
                        port.setdefault("protocol", "TCP")
            else:
                _with_protocols(each)
    elif isinstance(value, list):
        for each in value:
            _with_protocols(each)


def application(path: str, obj: Json, uid: str) -> KubeChange:
    """The PATCH. With a uid it does nothing to an object that was made anew."""
    body = copy.deepcopy(obj)
    if uid:
        body["metadata"]["uid"] = uid
    return KubeChange("PATCH", path, body, PatchKind.APPLY)


def owners_in(conflict: str) -> tuple[str, ...]:
    """The field managers that a refused apply names."""
    return tuple(dict.fromkeys(_OWNERS.findall(conflict)))


def only_kubectl(owners: Sequence[str]) -> bool:
    """Fields that kubectl set before, which kubectl apply would set again without a word."""
    return bool(owners) and all(_KUBECTL.fullmatch(each) for each in owners)


def told(before: Json, after: Json) -> tuple[tuple[str, str, str], ...]:
    """What an apply changes: field, before, after. Values of variables are hidden."""
    return differences(_compared(before), _compared(after))


def _compared(obj: Json) -> Json:
    found = manifest(obj)
    part(part(found, "metadata"), "annotations").pop(LAST_APPLIED, None)
    return found


def restored(path: str, now: Json, before: Json) -> KubeChange | None:
    """Back to what was read before, field by field at the top; None where nothing differs."""
    before = _kept_revision(before, now)
    operations: list[Operation] = []
    tests: list[Operation] = []
    for at in (*((key,) for key in dict.fromkeys((*now, *before)) if key not in _WRITTEN), *_NOTES):
        old, new = _at(before, at), _at(now, at)
        if old == new:
            continue
        pointer = "/" + "/".join(map(escaped, at))
        tests += guarded(now, *at)[1:]
        operations.append(
            {"op": "remove", "path": pointer} if old is None else {"op": "add", "path": pointer, "value": old}
        )
    return patch(path, [*guarded(now)[:1], *tests, *operations]) if operations else None


_NOTES = (("metadata", "labels"), ("metadata", "annotations"))


def _at(obj: Json, at: tuple[str, ...]) -> object:
    return part(obj, *at[:-1]).get(at[-1])


def _kept_revision(before: Json, now: Json) -> Json:
    """What stood there, with the number of the rollout as it is now: that is the controller's."""
    found = copy.deepcopy(before)
    number = part(now, "metadata", "annotations").get(REVISION)
    annotations = part(found, "metadata", "annotations")
    if number is not None and annotations:
        annotations[REVISION] = number
    return found
