"""The four kinds of PATCH: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch, apply.

https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/. Of the strategic one:
lists merged by their key, `$patch: delete` and `replace`, `$setElementOrder` and `$deleteFromPrimitiveList` ignored.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.sandbox.kube.statuses import Object, bad_request, rejected

# List field -> the key by which its elements are merged; the same in every object that the cockpit changes.
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "conditions": "type",
    "ownerReferences": "uid",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "addresses": "type",
    "podIPs": "ip",
    "taints": "key",
}
_STATUSES = {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}  # atomic in the API


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects are merged, everything else is replaced."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def strategic(target: Any, patch: Any, field: str = "") -> Any:
    """As `merged`, with lists merged by their key."""
    if isinstance(patch, Mapping):
        if patch.get("$patch") == "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        found = dict(target) if isinstance(target, Mapping) else {}
        for key, value in patch.items():
            if key.startswith("$"):
                continue
            if value is None:
                found.pop(key, None)
            else:
                found[key] = strategic(found.get(key), value, key)
        return found
    name = _KEYS.get(field, "")
    if isinstance(patch, list) and name and field not in _STATUSES and all(isinstance(x, dict) for x in patch):
        return _by_key(target if isinstance(target, list) else [], patch, _key_of(name, patch))
    return patch


def _key_of(name: str, patch: Sequence[Object]) -> str:
    """Ports of a service are merged by `port`, those of a container by `containerPort`."""
    return "port" if name == "containerPort" and all("port" in each for each in patch) else name


def _by_key(target: Sequence[Any], patch: Sequence[Object], name: str) -> list[Any]:
    if any(each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if "$patch" not in each]
    found = list(target)
    for each in patch:
        at = next(
            (i for i, old in enumerate(found) if isinstance(old, dict) and old.get(name) == each.get(name)), None
        )
        if each.get("$patch") == "delete":
            if at is not None:
                del found[at]
        elif at is None:
            found.append(strategic({}, each))
        else:
            found[at] = strategic(found[at], each)
    return found


def json_patch(target: Object, operations: Any) -> Object:
    """RFC 6902. Raises ApiError: 422 for a test that fails or a path that is not there."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    found = copy.deepcopy(target)
    for each in operations:
        found = _operation(found, each)
    return found


def _operation(found: Any, each: Mapping[str, Any]) -> Any:
    path, what = _parts(each.get("path")), each.get("op")
    match what:
        case "test":
            if _get(found, path, missing=None) != each.get("value"):
                raise rejected()
        case "add":
            found = _set(found, path, copy.deepcopy(each.get("value")), insert=True)
        case "replace":
            _get(found, path)
            found = _set(found, path, copy.deepcopy(each.get("value")), insert=False)
        case "remove":
            _remove(found, path)
        case "copy" | "move":
            value = copy.deepcopy(_get(found, _parts(each.get("from"))))
            if what == "move":
                _remove(found, _parts(each.get("from")))
            found = _set(found, path, value, insert=True)
        case _:
            raise rejected()
    return found


_MISSING = object()


def _parts(path: object) -> list[str]:
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise rejected()
    return [each.replace("~1", "/").replace("~0", "~") for each in path.split("/")[1:]]


def _step(holder: Any, key: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(key, _MISSING)
    if isinstance(holder, list) and key.isdigit() and int(key) < len(holder):
        return holder[int(key)]
    return _MISSING


def _get(found: Any, path: Sequence[str], missing: Any = _MISSING) -> Any:
    for key in path:
        found = _step(found, key)
        if found is _MISSING:
            if missing is _MISSING:
                raise rejected()
            return missing
    return found


def _set(found: Any, path: Sequence[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    holder, key = _get(found, path[:-1]), path[-1]
    if isinstance(holder, dict):
        holder[key] = value
    elif isinstance(holder, list) and key == "-":
        holder.append(value)
    elif isinstance(holder, list) and key.isdigit() and int(key) <= len(holder):
        if insert:
            holder.insert(int(key), value)
        else:
            holder[int(key)] = value
    else:
        raise rejected()
    return found


def _remove(found: Any, path: Sequence[str]) -> None:
    _get(found, path)
    holder, key = _get(found, path[:-1]), path[-1]
    if isinstance(holder, dict):
        del holder[key]
    else:
        del holder[int(key)]
