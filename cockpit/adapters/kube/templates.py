"""Pod templates of workloads: whether two are the same, in what they differ, and how they may be shown.

A ReplicaSet's template has one label more than that of its deployment, and an API server may write
`creationTimestamp: null` or leave it out: neither makes another template.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping

from cockpit.adapters.kube.fields import part, parts, text
from cockpit.adapters.kube.terms import Json

HASH_LABEL = "pod-template-hash"
MASKED = "***"
_KEYS = ("name", "containerPort", "key", "mountPath", "ip")  # by which elements of a list are told apart
_SECRETIVE = ("args", "command")  # passwords stand on command lines, too
_HIDDEN = ("value", *_SECRETIVE)
_UNSET = "unset"


def plain(template: Json) -> Json:
    """A copy as the workload itself has it."""
    found: Json = {key: copy.deepcopy(value) for key, value in template.items() if key != "$patch"}
    metadata = part(found, "metadata")
    if metadata.get("creationTimestamp", "") is None:
        del metadata["creationTimestamp"]
    labels = part(metadata, "labels")
    labels.pop(HASH_LABEL, None)
    return found


def same(first: Json, second: Json) -> bool:
    """Whether pods of one are pods of the other."""
    return plain(first) == plain(second)


def mark(template: Json) -> str:
    """What tells this template from another, in 16 characters."""
    return hashlib.sha256(json.dumps(plain(template), sort_keys=True).encode()).hexdigest()[:16]


def containers(template: Json) -> Iterator[tuple[str, int, Json]]:
    """List ("containers", "initContainers"), index in it, and the container itself; those that serve first."""
    for group in ("containers", "initContainers"):
        for index, each in enumerate(parts(template, "spec", group)):
            yield group, index, each


def images(template: Json) -> dict[str, str]:
    """Image of each container by its name."""
    return {text(each.get("name")): text(each.get("image")) for _, _, each in containers(template)}


def differences(before: Json, after: Json) -> tuple[tuple[str, str, str], ...]:
    """What, before, after: "image api", "reg/api:v2", "reg/api:v1". Values that may be secret are hidden."""
    one, other = _flat(plain(before)), _flat(plain(after))
    found: list[tuple[str, str, str]] = []
    for path in dict.fromkeys((*one, *other)):
        old, new = one.get(path, _UNSET), other.get(path, _UNSET)
        if old == new:
            continue
        if path[-1] in _HIDDEN and _UNSET not in (old, new):
            old, new = MASKED, f"{MASKED} (another)"
        elif path[-1] in _HIDDEN:
            old, new = (each if each == _UNSET else MASKED for each in (old, new))
        found.append((_named(path), text(old, 300), text(new, 300)))
    return tuple(sorted(found, key=lambda each: not each[0].startswith("image ")))


def _flat(value: object, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    if at and at[-1] in _SECRETIVE:
        return {at: json.dumps(value)}
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            found |= _flat(each, (*at, str(key)))
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            found |= _flat(each, (*at, _key(each, index)))
    elif at:
        found[at] = value if isinstance(value, str) else json.dumps(value)
    return found


def _key(element: object, index: int) -> str:
    if isinstance(element, Mapping):
        for key in _KEYS:
            if isinstance(element.get(key), str | int):
                return str(element[key])
    return str(index)


def _named(path: tuple[str, ...]) -> str:
    """As a person says it: "image api", "variable LOG_LEVEL of api", "spec.volumes.data.emptyDir"."""
    match path:
        case ("spec", "containers" | "initContainers", container, "image"):
            return f"image {text(container)}"
        case ("spec", "containers" | "initContainers", container, "env", variable, "value"):
            return f"variable {text(variable)} of {text(container)}"
        case ("spec", "containers" | "initContainers", container, *rest):
            return f"{text('.'.join(rest))} of {text(container)}"
        case ("metadata", kind, *rest):
            return f"{text(kind).removesuffix('s')} {text('.'.join(rest))}"
    return text(".".join(path))


def masked(value: object) -> object:
    """A body as it may be shown: values of variables and headers, arguments and commands are hidden."""
    if isinstance(value, list):
        return [masked(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    shown = {
        key: masked(each) for key, each in value.items() if key != "kubectl.kubernetes.io/last-applied-configuration"
    }
    if "name" in value and isinstance(value.get("value"), str):
        shown["value"] = MASKED
    return shown | {key: [MASKED] for key in _SECRETIVE if value.get(key)}
