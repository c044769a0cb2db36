"""What an API server serves: groups, versions and resources, from its own discovery. Versions are never assumed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cockpit.errors import CockpitError, PermissionDenied
from cockpit.text import clean

_JSON = "application/json"
AGGREGATED = ", ".join(
    (*(f"{_JSON};g=apidiscovery.k8s.io;v={each};as=APIGroupDiscoveryList" for each in ("v2", "v2beta1")), _JSON)
)
AT_ONCE = 8  # questions in parallel
Ask = Callable[[str, str], Awaitable[dict[str, Any]]]  # path, Accept -> the answer
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9.]*")

GROUPS = {
    "deployments": "apps",
    "replicasets": "apps",
    "statefulsets": "apps",
    "daemonsets": "apps",
    "controllerrevisions": "apps",
    "jobs": "batch",
    "cronjobs": "batch",
    "horizontalpodautoscalers": "autoscaling",
    "poddisruptionbudgets": "policy",
    "ingresses": "networking.k8s.io",
    "networkpolicies": "networking.k8s.io",
    "endpointslices": "discovery.k8s.io",
    "storageclasses": "storage.k8s.io",
    "externalsecrets": "external-secrets.io",
    "secretstores": "external-secrets.io",
    "clustersecretstores": "external-secrets.io",
    "certificates": "cert-manager.io",
    "applications": "argoproj.io",
    "kustomizations": "kustomize.toolkit.fluxcd.io",
    "helmreleases": "helm.toolkit.fluxcd.io",
}
# Where the server prefers a version that says less than another one that it also serves.
NEWEST = {"horizontalpodautoscalers": ("v2", "v2beta2", "v2beta1", "v1")}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one version of a group."""

    group: str  # "" for the core
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """/api/v1, /apis/apps/v1."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def api_version(self) -> str:
        """apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of the resource, of one object, of a subresource; `namespace` is ignored where it has none."""
        return path_of(self.base, self.plural, namespace if self.namespaced else "", name, subresource)


def path_of(base: str, plural: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """A request path, each part quoted."""
    parts = [base]
    if namespace:
        parts.append(f"namespaces/{quote(namespace, safe='')}")
    parts.extend(quote(each, safe="") for each in (plural, name) if each)
    if subresource:
        parts.append(subresource)
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Discovery:
    """All resources, of each group in the order in which the server prefers its versions."""

    server: str = ""  # v1.20.2
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)  # group -> versions
    resources: Sequence[Resource] = ()
    failed: Sequence[str] = ()  # group/version that gave no list: an aggregated API that is down

    def find(self, group: str, kind: str, versions: Sequence[str] = ()) -> Resource | None:
        """The resource of that kind, or of that plural name. With `versions` the first of them that serves it."""
        found = {
            each.version: each for each in self.resources if each.group == group and kind in (each.kind, each.plural)
        }
        if versions:
            return next((found[version] for version in versions if version in found), None)
        order = self.groups.get(group, ())
        return next((found[version] for version in order if version in found), next(iter(found.values()), None))

    def prefers(self, group: str, kind: str, *versions: str) -> str:
        """ "/apis/policy/v1" for ("policy", "PodDisruptionBudget"); "" where it is not served."""
        found = self.find(group, kind, versions)
        return found.base if found is not None else ""

    def named(self, name: str) -> Resource | None:
        """By "pods", "deployments", "deployments.apps", "externalsecrets.external-secrets.io"."""
        plural, dot, group = name.partition(".")
        return self.find(group if dot else GROUPS.get(plural, ""), plural, NEWEST.get(plural, ()))

    @property
    def minor(self) -> tuple[int, int]:
        """(1, 20); (0, 0) where the server does not say."""
        match = re.match(r"v?(\d+)\.(\d+)", self.server)
        return (int(match[1]), int(match[2])) if match else (0, 0)


async def discovered(ask: Ask) -> Discovery:
    """Ask for everything: in two questions from 1.26 on, else in one for each version of each group."""
    try:
        server = clean(str((await ask("/version", _JSON)).get("gitVersion") or ""), 80)
    except PermissionDenied:
        server = ""  # some clusters do not tell everybody
    found = await _aggregated(ask, server) if Discovery(server).minor >= (1, 26) else None
    if found is not None:
        return found
    core = (await ask("/api", _JSON)).get("versions")
    groups = {"": [_name(each) for each in core] if isinstance(core, list) else ["v1"]}
    groups |= of_groups(await ask("/apis", _JSON))
    limit = asyncio.Semaphore(AT_ONCE)
    failed: list[str] = []

    async def resources(group: str, version: str) -> list[Resource]:
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        async with limit:
            try:
                return of_resources(group, version, await ask(base, _JSON))
            except CockpitError as error:
                failed.append(f"{group}/{version}: {error.word}")  # an aggregated API that is down
                return []

    parts = await asyncio.gather(*(resources(group, each) for group, listed in groups.items() for each in listed))
    return Discovery(server, groups, tuple(each for part in parts for each in part), tuple(failed))


async def _aggregated(ask: Ask, server: str) -> Discovery | None:
    """None where the server does not speak it after all."""
    groups: dict[str, list[str]] = {}
    resources: list[Resource] = []
    failed: list[str] = []
    for path in ("/api", "/apis"):
        answer = await ask(path, AGGREGATED)
        if answer.get("kind") != "APIGroupDiscoveryList":
            return None
        more, served, stale = of_aggregated(answer)
        groups |= more
        resources.extend(served)
        failed.extend(stale)
    return Discovery(server, groups, tuple(resources), tuple(failed))


def of_aggregated(answer: Mapping[str, Any]) -> tuple[dict[str, list[str]], list[Resource], list[str]]:
    """Groups, resources and what failed, of an APIGroupDiscoveryList."""
    groups: dict[str, list[str]] = {}
    resources: list[Resource] = []
    failed: list[str] = []
    for item in _objects(answer.get("items")):
        metadata = item.get("metadata")
        group = _name(metadata.get("name")) if isinstance(metadata, dict) else ""
        for each in _objects(item.get("versions")):
            version = _name(each.get("version"))
            if not version:
                continue
            groups.setdefault(group, []).append(version)
            if each.get("freshness") == "Stale":
                failed.append(f"{group}/{version}")
            resources.extend(_discovered(group, version, each))
    return groups, resources, failed


def _discovered(group: str, version: str, answer: Mapping[str, Any]) -> list[Resource]:
    found: list[Resource] = []
    for each in _objects(answer.get("resources")):
        answering = each.get("responseKind")
        kind = _name(answering.get("kind")) if isinstance(answering, dict) else ""
        plural = _name(each.get("resource"))
        if plural:
            found.append(
                Resource(
                    group,
                    version,
                    plural,
                    kind,
                    each.get("scope") == "Namespaced",
                    _names(each.get("verbs")),
                    tuple(_name(sub.get("subresource")) for sub in _objects(each.get("subresources"))),
                )
            )
    return found


def of_groups(answer: Mapping[str, Any]) -> dict[str, list[str]]:
    """Versions of each group of an APIGroupList, the preferred one first."""
    found: dict[str, list[str]] = {}
    for group in _objects(answer.get("groups")):
        name = _name(group.get("name"))
        versions = [_name(each.get("version")) for each in _objects(group.get("versions"))]
        preferred = group.get("preferredVersion")
        first = _name(preferred.get("version")) if isinstance(preferred, dict) else ""
        if name:
            found[name] = sorted((each for each in versions if each), key=lambda each: each != first)
    return found


def of_resources(group: str, version: str, answer: Mapping[str, Any]) -> list[Resource]:
    """The resources of an APIResourceList; "deployments/scale" is a subresource."""
    listed = [(each, str(each.get("name", ""))) for each in _objects(answer.get("resources"))]
    subs: dict[str, list[str]] = {}
    for _, name in listed:
        plural, slash, sub = name.partition("/")
        if slash and _name(sub):
            subs.setdefault(plural, []).append(sub)
    return [
        Resource(
            group,
            version,
            plural,
            _name(each.get("kind")),
            each.get("namespaced") is True,
            _names(each.get("verbs")),
            tuple(subs.get(plural, ())),
        )
        for each, name in listed
        if "/" not in name and (plural := _name(name))
    ]


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _names(value: object) -> tuple[str, ...]:
    return tuple(_name(each) for each in value) if isinstance(value, list) else ()


def _name(value: object) -> str:
    """A name of the API: these become parts of request paths."""
    return clean(value, 253) if isinstance(value, str) and _NAME.fullmatch(value) else ""
