"""How what the cockpit sent differs from what kubectl sent, as short words that `differences.toml` explains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .recorded import Sent

_REVIEW = "/selfsubjectaccessreviews"


def about(request: Sent) -> str:
    """What it is about: "deployments/web-blue/scale", "replicasets"; the cluster's own description is "discovery"."""
    path = re.sub(r"/namespaces/[^/]+(?=/)", "", request.path)
    parts = [each for each in path.split("/") if each]
    versioned = next((index for index, each in enumerate(parts) if re.fullmatch(r"v\d\w*", each)), None)
    if versioned is None or len(parts) == versioned + 1:
        return "discovery"
    one = request.query.get("fieldSelector", "").removeprefix("metadata.name=")  # the watch of one object
    return "/".join([*parts[versioned + 1 :], *([one] if request.query.get("watch") and one else [])])


def rehearses(request: Sent) -> bool:
    """It has dryRun, where the server looks for it."""
    in_body = isinstance(request.body, dict) and bool(request.body.get("dryRun"))
    return in_body if request.method == "DELETE" and request.body else request.query.get("dryRun") == "All"


def unrehearsed(request: Sent) -> Sent:
    """A rehearsal as the change that it is one of."""
    query = {name: value for name, value in request.query.items() if name != "dryRun"}
    body = request.body
    if isinstance(body, dict):
        options = body.get("deleteOptions")
        kept = {"deleteOptions": _without(options)} if isinstance(options, dict) else {}
        body = {**_without(body), **kept}
    return replace(request, query=query, body=body)


def _without(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "dryRun"}


def differences(kubectl: Sequence[Sent], cockpit: Sequence[Sent]) -> set[str]:
    """Every one, each once."""
    ours = [each for each in cockpit if not rehearses(each) and not each.path.endswith(_REVIEW)]
    found = {"rehearses"} if any(rehearses(each) for each in cockpit) else set()
    found |= {"asks for its rights"} if any(each.path.endswith(_REVIEW) for each in cockpit) else set()
    for word, one, other in (("reads", cockpit, kubectl), ("does not read", kubectl, cockpit)):
        if any(each.values_of_secrets for each in one) > any(each.values_of_secrets for each in other):
            found.add(f"{word} values of secrets")
    read, known = ({about(each) for each in some if each.reads} for some in (ours, kubectl))
    found |= {f"also reads {each}" for each in read - known}
    found |= {f"does not read {each}" for each in known - read}
    changes, theirs = ([each for each in some if not each.reads] for some in (ours, kubectl))
    for each in theirs:
        same = [other for other in changes if about(other) == about(each)]
        found |= set(_between(each, same[0])) if same else {f"does not change {about(each)}"}
    found |= {f"also changes {about(each)}" for each in changes if about(each) not in map(about, theirs)}
    if len(changes) > len(theirs):
        found.add("changes more than once")
    return found


def asked_for(requests: Sequence[Sent]) -> set[str]:
    """What is read, as kubectl calls it: "pods", "pods/log", "pods.metrics.k8s.io"; not which of them."""
    return {_resource(each) for each in requests if each.reads} - {"discovery"}


def _resource(request: Sent) -> str:
    if about(request) == "discovery":
        return "discovery"
    found = re.fullmatch(
        r"/apis?/(?:(?P<group>[^/]+)/)?v\d\w*(?:/namespaces/[^/]+)?/(?P<plural>[^/]+)(?:/[^/]+(?P<inside>/[^/]+)?)?",
        request.path,
    )
    assert found is not None, request.path
    group = f".{found['group']}" if found["group"] else ""
    return f"{found['plural']}{found['inside'] or ''}{group}"


def looked_for(kubectl: Sequence[Sent], look: Sequence[Sent], watched: Sequence[Sent]) -> set[str]:
    """How the resources that a look asks for, or has from the reading, differ from those that kubectl asks for."""
    theirs, ours, known = map(asked_for, (kubectl, look, watched))
    found = {f"also reads {each}" for each in ours - theirs}
    found |= {f"from the reading: {each}" for each in theirs - ours if each in known}
    return found | {f"does not read {each}" for each in theirs - ours - known}


def _between(theirs: Sent, ours: Sent) -> Iterator[str]:
    if theirs.method != ours.method:
        yield f"verb {theirs.method} {ours.method}"
    if theirs.content_type != ours.content_type:
        yield f"content {_kind(theirs)} {_kind(ours)}"
    for name in sorted(theirs.query.keys() | ours.query.keys()):
        if theirs.query.get(name) != ours.query.get(name):
            yield f"query {name}"
    tested, before = tests(ours), tests(theirs)
    yield from (f"tests {path}" for path in sorted(tested - before))
    yield from (f"does not test {path}" for path in sorted(before - tested))
    one, other = effects(theirs), effects(ours)
    yield from (f"body {path}" for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path))


def _kind(request: Sent) -> str:
    return request.content_type.rpartition("/")[2] or "none"


def tests(request: Sent) -> set[str]:
    """The fields that a JSON patch tests."""
    body = request.body if isinstance(request.body, list) else []
    return {_dotted(each["path"]) for each in body if each["op"] == "test"}


def effects(request: Sent) -> dict[str, Any]:
    """Field -> what it becomes, whatever the kind of the body; elements of lists by their index."""
    if not isinstance(request.body, list):
        return _flat({key: value for key, value in (request.body or {}).items() if value != {}}, "")
    found: dict[str, Any] = {}
    for each in request.body:
        if each["op"] != "test":
            found |= _flat(each.get("value"), _dotted(each["path"]))
    return found


def _dotted(pointer: str) -> str:
    return ".".join(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/") if part)


def _flat(value: Any, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(value, dict) and value:
        for key, each in value.items():
            found |= _flat(each, f"{at}.{key}" if at else key)
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            found |= _flat(each, f"{at}.{index}")
    else:
        found[at] = "a moment" if at.endswith("restartedAt") else value
    return found
