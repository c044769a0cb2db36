"""Lists in pages, metadata alone, and watches with bookmarks that can be taken up again.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from cockpit.sandbox.kube.kinds import Kind
from cockpit.sandbox.kube.selectors import Test, by_fields, by_labels
from cockpit.sandbox.kube.statuses import ApiError, Object, bad_request, expired, not_found
from cockpit.sandbox.kube.store import Change, Store

_BOOKMARK_S = 5.0
_MOST_S = 1800.0


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody looks at, and how they want to see it."""

    kind: Kind
    version: str
    namespace: str | None  # None: all of them
    query: Mapping[str, str]
    partial: bool = False  # the metadata alone

    def test(self) -> Test:
        """By labels and fields. Raises ApiError."""
        labels = by_labels(self.query.get("labelSelector", ""))
        fields = by_fields(self.kind, self.query.get("fieldSelector", ""))
        return lambda obj: self.namespace in (None, obj["metadata"].get("namespace")) and labels(obj) and fields(obj)

    def seen(self, obj: Object) -> Object:
        """An object in the version asked for."""
        if self.partial:
            return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
        return {"kind": self.kind.kind, "apiVersion": self.kind.api_version(self.version), **_rest(obj)}


def _rest(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}


def got(store: Store, looked: Looked, name: str) -> Object:
    """One object. Raises ApiError."""
    found = store.get(looked.kind, looked.namespace or "", name)
    if found is None:
        raise not_found(looked.kind, name)
    return looked.seen(found)


def listed(store: Store, looked: Looked) -> Object:
    """One page. Raises ApiError."""
    test, query = looked.test(), looked.query
    found = [obj for obj in store.all(looked.kind, looked.namespace) if test(obj)]
    version = store.version
    if token := query.get("continue", ""):
        version, after = _continued(store, token)
        found = [obj for obj in found if _key(obj) > after]
    limit = int(query.get("limit") or 0)
    meta: Object = {"resourceVersion": str(version)}
    if limit and len(found) > limit:
        meta["continue"] = _token(version, found[limit - 1])
        meta["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    items = [looked.seen(obj) for obj in found]
    if looked.partial:
        return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": items}
    for item in items:  # as the real one: what a list holds is said once
        item.pop("kind")
        item.pop("apiVersion")
    api_version = looked.kind.api_version(looked.version)
    return {"kind": f"{looked.kind.kind}List", "apiVersion": api_version, "metadata": meta, "items": items}


def _key(obj: Object) -> list[str]:
    return [obj["metadata"].get("namespace", ""), obj["metadata"]["name"]]


def _token(version: int, last: Object) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, _key(last)]).encode()).decode()


def _continued(store: Store, token: str) -> tuple[int, list[str]]:
    try:
        version, after = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise bad_request("continue key is not valid") from None
    if version < store.oldest:
        raise expired("The provided continue parameter is too old to display a consistent list result.")
    return version, after


async def watched(store: Store, looked: Looked) -> AsyncGenerator[bytes]:
    """Events as lines, until the time asked for is over. Raises ApiError before the first one only."""
    test, query = looked.test(), looked.query
    end = asyncio.get_running_loop().time() + min(float(query.get("timeoutSeconds") or _MOST_S), _MOST_S)
    marks = query.get("allowWatchBookmarks") in ("true", "1")
    asked = query.get("resourceVersion", "")
    if asked in ("", "0"):
        at = store.version
        for obj in store.all(looked.kind, looked.namespace):
            if test(obj):
                yield _line("ADDED", looked.seen(obj))
    else:
        at = int(asked)
        if at < store.oldest:
            refusal = expired(f"too old resource version: {at} ({store.oldest})")
            yield _line("ERROR", refusal.body)
            return
    marked = at
    while (left := end - asyncio.get_running_loop().time()) > 0:
        if at < store.oldest:
            yield _line("ERROR", expired(f"too old resource version: {at} ({store.oldest})").body)
            return
        newest = store.version
        for change in store.since(at, looked.kind):
            if (event := _event(change, test)) is not None:
                marked = change.version
                yield _line(event, looked.seen(change.last))
        at = newest
        if store.version != at:
            continue
        try:
            async with asyncio.timeout(min(left, _BOOKMARK_S)):
                await store.wait()
        except TimeoutError:
            if marks and at > marked:
                marked = at
                yield _line("BOOKMARK", _bookmark(looked, at))


def _event(change: Change, test: Test) -> str | None:
    """An object that comes to match is added, one that no longer does is deleted, for who watches by a selector."""
    was = change.before is not None and test(change.before)
    is_now = change.after is not None and test(change.after)
    if is_now:
        return "MODIFIED" if was else "ADDED"
    return "DELETED" if was else None


def _bookmark(looked: Looked, version: int) -> Object:
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return looked.seen({"metadata": meta})


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def checked(query: Mapping[str, str]) -> None:
    """Raises ApiError for numbers that are none."""
    for name in ("limit", "timeoutSeconds"):
        value = query.get(name, "")
        if value and not value.isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    version = query.get("resourceVersion", "")
    if version and not version.isdigit():
        raise ApiError(400, "BadRequest", f'Invalid value: "{version}": strconv.ParseUint: invalid syntax')
