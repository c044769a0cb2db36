"""What the played API says that it serves: group by group, or all at once (aggregated discovery).

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

from cockpit.sandbox.kube.kinds import GROUPS, KINDS, VERSION, Kind, versions_of
from cockpit.sandbox.kube.statuses import Object, no_such_path

_SUB_VERBS = {
    "status": ["get", "patch", "update"],
    "scale": ["get", "patch", "update"],
    "log": ["get"],
    "eviction": ["create"],
    "binding": ["create"],
}
_SUB_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "eviction": ("policy", "v1", "Eviction"),
    "binding": ("", "v1", "Binding"),
}


def version() -> Object:
    """GET /version."""
    major, minor, _ = VERSION.removeprefix("v").split(".")
    return {"major": major, "minor": minor, "gitVersion": VERSION, "platform": "linux/amd64"}


def answer(path: str, accept: str) -> Object:
    """GET of /api, /apis, /api/v1, /apis/GROUP, /apis/GROUP/VERSION. Raises ApiError."""
    parts = path.strip("/").split("/")
    if parts in (["api"], ["apis"]) and "as=APIGroupDiscoveryList" in accept:
        return _aggregated([""] if parts == ["api"] else [each for each in GROUPS if each])
    match parts:
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(each) for each in GROUPS if each]}
        case ["apis", group] if group in GROUPS:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["api", "v1"]:
            return _resources("", "v1")
        case ["apis", group, served] if served in versions_of(group):
            return _resources(group, served)
    raise no_such_path()


def _group(group: str) -> Object:
    versions = [{"groupVersion": f"{group}/{each}", "version": each} for each in versions_of(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _of(group: str, served: str) -> list[Kind]:
    return [kind for kind in KINDS if kind.group == group and served in kind.versions]


def _resources(group: str, served: str) -> Object:
    found: list[Object] = []
    for kind in _of(group, served):
        short = {"shortNames": list(kind.short)} if kind.short else {}
        common = {"singularName": kind.kind.lower(), "namespaced": kind.namespaced}
        found.append({"name": kind.plural, **common, "kind": kind.kind, "verbs": list(kind.verbs), **short})
        for sub in kind.subresources:
            _, _, word = _SUB_KINDS.get(sub, ("", "", kind.kind))
            names = {"name": f"{kind.plural}/{sub}", "singularName": "", "namespaced": kind.namespaced}
            found.append({**names, "kind": word, "verbs": _SUB_VERBS[sub]})
    named = f"{group}/{served}" if group else served
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": named, "resources": found}


def _aggregated(groups: list[str]) -> Object:
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {"version": served, "resources": [_resource(kind, served) for kind in _of(group, served)],
                 "freshness": "Current"}
                for served in versions_of(group)
            ],
        }
        for group in groups
    ]  # fmt: skip
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2beta1", "metadata": {},
            "items": items}  # fmt: skip


def _resource(kind: Kind, served: str) -> Object:
    subs = []
    for sub in kind.subresources:
        group, made, word = _SUB_KINDS.get(sub, (kind.group, served, kind.kind))
        of = {"group": group, "version": made, "kind": word}
        subs.append({"subresource": sub, "responseKind": of, "verbs": _SUB_VERBS[sub]})
    return {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": served, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.kind.lower(),
        "verbs": list(kind.verbs),
        **({"shortNames": list(kind.short)} if kind.short else {}),
        **({"subresources": subs} if subs else {}),
    }
