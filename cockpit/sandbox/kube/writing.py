"""Everything that changes an object: create, update, patch, apply, delete. Each can be rehearsed (dryRun=All).

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cockpit.sandbox.kube import patches
from cockpit.sandbox.kube.kinds import KINDS, Kind
from cockpit.sandbox.kube.node.terms import now
from cockpit.sandbox.kube.shaping import Writer, changed, fresh, later
from cockpit.sandbox.kube.statuses import (
    MODIFIED,
    ApiError,
    Object,
    bad_request,
    conflict,
    exists,
    forbidden,
    invalid,
    not_found,
    success,
)
from cockpit.sandbox.kube.store import Store

NAMESPACES = next(kind for kind in KINDS if kind.key == "namespaces")
Admit = Callable[[Store, Kind, Object], None]  # raises ApiError


class Writing:
    """Changes of one store. `admit` is asked before anything is made."""

    def __init__(self, store: Store, admit: Admit) -> None:
        self._store = store
        self._admit = admit

    def create(self, kind: Kind, namespace: str, sent: Object, writer: Writer) -> Object:
        """Raises ApiError."""
        if kind.namespaced:
            self._inside(kind, namespace, sent)
        obj = fresh(kind, sent, namespace, writer)
        name = obj["metadata"]["name"]
        if self._store.get(kind, namespace if kind.namespaced else "", name) is not None:
            raise exists(kind, name)
        self._admit(self._store, kind, obj)
        return self._kept(kind, obj, writer)

    def update(self, kind: Kind, namespace: str, name: str, sent: Object, writer: Writer) -> Object:
        """PUT. Raises ApiError."""
        before = self.found(kind, namespace, name)
        uid = (sent.get("metadata") or {}).get("uid")
        self._preconditions(kind, before, {"uid": uid} if uid else {})
        return self._changed(kind, before, sent, writer)

    def patch(self, kind: Kind, namespace: str, name: str, body: Any, how: str, writer: Writer) -> Object:
        """`how` is the content type. Raises ApiError."""
        before = self.found(kind, namespace, name)
        after = patched(kind, before, body, how)
        return self._changed(kind, before, after, writer)

    def apply(
        self, kind: Kind, namespace: str, name: str, body: Any, writer: Writer, *, force: bool
    ) -> tuple[Object, bool]:
        """Server-side apply; and whether that made it. Raises ApiError 409 where others hold other values."""
        if not isinstance(body, dict) or body.get("kind") != kind.kind:
            raise bad_request(f"the body is no {kind.kind}")
        writer = replace(writer, operation="Apply")
        before = self._store.get(kind, namespace, name)
        if before is None:
            body = {**body, "metadata": {**(body.get("metadata") or {}), "name": name}}
            return self.create(kind, namespace, body, writer), True
        clashes = [] if force else _clashes(before, body, writer.manager)
        if clashes:
            count = "1 conflict" if len(clashes) == 1 else f"{len(clashes)} conflicts"
            causes = [
                {"reason": "FieldManagerConflict", "field": field, "message": f'conflict with "{manager}"'}
                for field, manager in clashes
            ]
            listed = ", ".join(f'"{manager}": {field}' for field, manager in clashes)
            said = f"Apply failed with {count}: conflict with {listed}"
            raise ApiError(409, "Conflict", said, {"causes": causes})
        return self._changed(kind, before, patches.strategic(before, body), writer), False

    def delete(self, kind: Kind, namespace: str, name: str, options: Mapping[str, Any], writer: Writer) -> Object:
        """A Status where it is gone, the object where it is ending. Raises ApiError."""
        before = self.found(kind, namespace, name)
        meta = before["metadata"]
        self._recorded(kind, before, options.get("preconditions") or {})
        done = success(kind, name, meta["uid"])
        if writer.dry_run:
            return done
        if options.get("propagationPolicy") == "Orphan":
            self._orphan(meta["uid"])
        grace = self._grace(kind, before, options)
        if not grace and not meta.get("finalizers") and kind is not NAMESPACES:
            self._store.remove(kind, before)
            return done
        if meta.get("deletionTimestamp"):
            return before
        ending: Object = {**meta, "deletionTimestamp": later(grace)}
        if grace:
            ending["deletionGracePeriodSeconds"] = grace
        obj = {**before, "metadata": ending}
        if kind is NAMESPACES:
            obj["status"] = {"phase": "Terminating"}
        return self._store.put(kind, obj)

    def bind(self, kind: Kind, namespace: str, name: str, sent: Object) -> None:
        """A pod to a node. Raises ApiError."""
        before = self.found(kind, namespace, name)
        if before["spec"].get("nodeName"):
            raise conflict(kind, name, f'pod {name} is already assigned to node "{before["spec"]["nodeName"]}"')
        uid = (sent.get("metadata") or {}).get("uid")
        self._preconditions(kind, before, {"uid": uid} if uid else {})
        status = before.get("status", {})
        conditions = [each for each in status.get("conditions", ()) if each["type"] != "PodScheduled"]
        conditions.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": now()})
        spec = {**before["spec"], "nodeName": sent["target"]["name"]}
        self._store.put(kind, {**before, "spec": spec, "status": {**status, "conditions": conditions}})

    def found(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises ApiError 404."""
        found = self._store.get(kind, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    # Inside

    def _changed(self, kind: Kind, before: Object, after: Object, writer: Writer) -> Object:
        name, old, meta = before["metadata"]["name"], before["metadata"], after.get("metadata") or {}
        if meta.get("name", name) != name:
            raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
        if meta.get("resourceVersion", "") not in ("", old["resourceVersion"]):
            raise conflict(kind, name, MODIFIED)
        if meta.get("uid") not in (None, "", old["uid"]):
            raise invalid(kind, name, [("metadata.uid", f'Invalid value: "{meta["uid"]}": field is immutable')])
        obj = changed(kind, before, after, writer)
        if _bare(obj) == _bare(before):
            return before
        if old.get("deletionTimestamp") and not obj["metadata"].get("finalizers") and old.get("finalizers"):
            if not writer.dry_run:
                self._store.remove(kind, before)
            return obj
        return self._kept(kind, obj, writer)

    def _kept(self, kind: Kind, obj: Object, writer: Writer) -> Object:
        return obj if writer.dry_run else self._store.put(kind, obj)

    def _inside(self, kind: Kind, namespace: str, sent: Object) -> None:
        holder = self._store.get(NAMESPACES, "", namespace)
        if holder is None:
            raise not_found(NAMESPACES, namespace)
        if holder["metadata"].get("deletionTimestamp"):
            name = str((sent.get("metadata") or {}).get("name", ""))
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why)

    def _preconditions(self, kind: Kind, obj: Object, wanted: Mapping[str, Any]) -> None:
        meta = obj["metadata"]
        for key, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if wanted.get(key) not in (None, "", meta[key]):
                why = (
                    f"Precondition failed: {word} in precondition: {wanted[key]}, {word} in object meta: {meta[key]}"
                )
                raise conflict(kind, meta["name"], why)

    def _recorded(self, kind: Kind, obj: Object, wanted: Mapping[str, Any]) -> None:
        """As `_preconditions`, in the words that a deletion is refused with."""
        meta = obj["metadata"]
        for key, word, why in (("uid", "UID", "deleted and then recreated"),
                               ("resourceVersion", "ResourceVersion", "modified")):  # fmt: skip
            if wanted.get(key) not in (None, "", meta[key]):
                said = f"the {word} in the precondition ({wanted[key]}) does not match the {word} in record "
                said += f"({meta[key]})"
                raise conflict(kind, meta["name"], f"{said}. The object might have been {why}")

    def _grace(self, kind: Kind, obj: Object, options: Mapping[str, Any]) -> int:
        """Only pods that run somewhere take their time."""
        if kind.key != "pods" or not obj["spec"].get("nodeName"):
            return 0
        if obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        told = options.get("gracePeriodSeconds")
        return int(obj["spec"].get("terminationGracePeriodSeconds", 30) if told is None else told)

    def _orphan(self, uid: str) -> None:
        for kind in KINDS:
            for obj in self._store.all(kind):
                owners = obj["metadata"].get("ownerReferences") or []
                if any(each["uid"] == uid for each in owners):
                    kept = [each for each in owners if each["uid"] != uid]
                    self._store.put(kind, {**obj, "metadata": {**obj["metadata"], "ownerReferences": kept}})


def patched(kind: Kind, before: Object, body: Any, how: str) -> Object:
    """By the content type. Raises ApiError."""
    match how:
        case "application/json-patch+json":
            found: Object = patches.json_patch(before, body)
            return found
        case "application/merge-patch+json":
            found = patches.merged(before, body)
            return found
        case "application/strategic-merge-patch+json" if not kind.custom:
            found = patches.strategic(before, body)
            return found
    taken = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
    said = f"the body of the request was in an unknown format - accepted media types include: {', '.join(taken)}"
    raise ApiError(415, "UnsupportedMediaType", said)


def _bare(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    return {**obj, "metadata": meta}


def _clashes(before: Object, body: Object, manager: str) -> list[tuple[str, str]]:
    """Fields that another manager wrote with another value: path and who. Two levels deep, as they are told."""
    found: list[tuple[str, str]] = []
    for key, value in body.items():
        if key in ("apiVersion", "kind") or not isinstance(value, dict):
            continue
        for name, wanted in value.items():
            held = (before.get(key) or {}).get(name)
            if held is None or patches.strategic(held, wanted, name) == held:
                continue
            for each in before["metadata"].get("managedFields", ()):
                if each["manager"] != manager and f"f:{name}" in (each.get("fieldsV1", {}).get(f"f:{key}") or {}):
                    found.append((f".{key}.{name}", each["manager"]))
                    break
    return found
