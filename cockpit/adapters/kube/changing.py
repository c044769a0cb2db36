"""The exact requests that change workloads and services. Pure: objects as they were read in, requests out.

Every JSON patch tests the uid and the field that it changes, so that it does nothing to an object that was made anew
or that somebody else changed. Not the resourceVersion and not the generation: status, annotations and the controllers
raise those. https://kubernetes.io/docs/reference/using-api/api-concepts/ and RFC 6902.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cockpit.adapters.kube.discovery import path_of
from cockpit.adapters.kube.fields import part, uid_of
from cockpit.adapters.kube.templates import containers, masked, plain
from cockpit.adapters.kube.terms import Json, PatchKind

if TYPE_CHECKING:
    from cockpit.adapters.kube.gateway import Gateway

MANAGER = "cockpit"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
CHANGE_CAUSE = "kubernetes.io/change-cause"
REVISION = "deployment.kubernetes.io/revision"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
WORKLOADS = {"deployment": "deployments", "statefulset": "statefulsets", "daemonset": "daemonsets"}
APPS = "/apis/apps/v1"
CORE = "/api/v1"
_OWN_LINE = 160

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KubeChange:
    """One request that changes something."""

    method: str
    path: str
    body: object
    kind: PatchKind | None = None

    async def send(self, gateway: Gateway, *, dry_run: bool = False) -> Json:
        """Once. Raises CockpitError, with `effect_possible` where no answer came."""
        return await gateway.change(self.method, self.path, self.body, kind=self.kind, dry_run=dry_run)

    def shown(self, server: str) -> str:
        """As text, values that may be secret hidden."""
        manager = f"?fieldManager={MANAGER}&fieldValidation=Strict" if self.method != "DELETE" else ""
        kind = self.kind.value if self.kind is not None else "application/json"
        return "\n".join(
            (f"{self.method} {server}{self.path}{manager}", f"Content-Type: {kind}", *_lines(masked(self.body)))
        )


def _lines(body: object) -> list[str]:
    if isinstance(body, list):
        return [line for each in body for line in _lines(each)]
    compact = json.dumps(body, ensure_ascii=False)
    return [compact] if len(compact) <= _OWN_LINE else json.dumps(body, ensure_ascii=False, indent=1).splitlines()


def workloads_path(kind: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """Of deployments, stateful sets and daemon sets. KeyError for another kind."""
    return path_of(APPS, WORKLOADS[kind], namespace, name, subresource)


def services_path(namespace: str, name: str = "") -> str:
    """Of services."""
    return path_of(CORE, "services", namespace, name)


def patch(path: str, operations: Sequence[Operation]) -> KubeChange:
    """A JSON patch."""
    return KubeChange("PATCH", path, list(operations), PatchKind.JSON)


def escaped(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def guarded(obj: Json, *path: str) -> list[Operation]:
    """The tests: this object, and this field as it was read. Nothing tests a field that is not there."""
    tests: list[Operation] = [_test("/metadata/uid", uid_of(obj))]
    holder = part(obj, *path[:-1])
    if path and path[-1] in holder:
        tests.append(_test("/" + "/".join(map(escaped, path)), holder[path[-1]]))
    return tests


def _test(pointer: str, value: object) -> Operation:
    return {"op": "test", "path": pointer, "value": value}


def cause(obj: Json, text: str) -> list[Operation]:
    """One annotation that says why there is a new revision. Nothing where the object has no annotations: to add the
    first would take away what another adds at that moment.
    """
    if not part(obj, "metadata", "annotations"):
        return []
    return [{"op": "add", "path": f"/metadata/annotations/{escaped(CHANGE_CAUSE)}", "value": text}]


def undo(path: str, obj: Json, template: Json, why: str) -> KubeChange:
    """Another template in the place of the one that was read."""
    replace = {"op": "replace", "path": "/spec/template", "value": plain(template)}
    return patch(path, [*guarded(obj, "spec", "template"), replace, *cause(obj, why)])


def restart(path: str, obj: Json, at: str) -> KubeChange:
    """The annotation of kubectl rollout restart: other pods of the same template. `at`: RFC 3339."""
    pointer = "/spec/template/metadata/annotations"
    annotations = part(obj, "spec", "template", "metadata", "annotations")
    operation: Operation = {"op": "add", "path": pointer, "value": {RESTARTED_AT: at}}
    if annotations:
        operation = {"op": "add", "path": f"{pointer}/{escaped(RESTARTED_AT)}", "value": at}
    elif not part(obj, "spec", "template", "metadata"):
        operation = {"op": "add", "path": "/spec/template/metadata", "value": {"annotations": {RESTARTED_AT: at}}}
    return patch(path, [*guarded(obj, "spec", "template"), operation])


def image(path: str, obj: Json, container: str, wanted: str, why: str) -> KubeChange:
    """Another image for one container. KeyError where there is none of that name."""
    template = part(obj, "spec", "template")
    places = {each.get("name"): (group, index) for group, index, each in reversed(list(containers(template)))}
    group, index = places[container]
    replace = {"op": "replace", "path": f"/spec/template/spec/{group}/{index}/image", "value": wanted}
    return patch(path, [*guarded(obj, "spec", "template"), replace, *cause(obj, why)])


def scale(path: str, obj: Json, replicas: int) -> KubeChange:
    """`obj` is the scale subresource that was read. It leaves 0 replicas out, and no patch can test what is not
    there: then the whole of its spec is tested, which is empty.
    """
    if "replicas" in part(obj, "spec"):
        tests = guarded(obj, "spec", "replicas")
    else:
        tests = [_test("/metadata/uid", uid_of(obj)), _test("/spec", part(obj, "spec"))]
    return patch(path, [*tests, {"op": "add", "path": "/spec/replicas", "value": replicas}])


def pause(path: str, obj: Json) -> KubeChange:
    """No rollout goes on from here."""
    return patch(path, [*guarded(obj, "spec", "template"), {"op": "add", "path": "/spec/paused", "value": True}])


def resume(path: str, obj: Json) -> KubeChange:
    """What was held back goes on, as it was read."""
    tests = [*guarded(obj, "spec", "template"), _test("/spec/paused", True)]
    return patch(path, [*tests, {"op": "remove", "path": "/spec/paused"}])


def select(path: str, obj: Json, selector: Mapping[str, str]) -> KubeChange:
    """A service with another selector, as a whole."""
    replace = {"op": "replace", "path": "/spec/selector", "value": dict(selector)}
    return patch(path, [*guarded(obj, "spec", "selector"), replace])


def deletion(path: str, obj: Json) -> KubeChange:
    """Exactly the object that was read, its pods with it. A DELETE with a body takes dryRun from the body alone."""
    body: Json = {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": "Background",
        "preconditions": {
            "uid": uid_of(obj),
            "resourceVersion": part(obj, "metadata").get("resourceVersion", ""),
        },
    }
    return KubeChange("DELETE", path, body)


def manifest(obj: Json) -> Json:
    """What makes the object again: without what the server and the controllers wrote."""
    found: Json = {key: copy.deepcopy(value) for key, value in obj.items() if key != "status"}
    metadata = part(found, "metadata")
    for key in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"):
        metadata.pop(key, None)
    annotations = part(metadata, "annotations")
    annotations.pop(REVISION, None)
    if not annotations:
        metadata.pop("annotations", None)
    template = part(found, "spec").get("template")
    if isinstance(template, dict):
        found["spec"]["template"] = plain(template)
    return found


def creation(path: str, body: Json) -> KubeChange:
    """POST to the list."""
    return KubeChange("POST", path, body)
