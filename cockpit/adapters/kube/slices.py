"""Work on large answers in slices, so that nothing else on the event loop waits for more than a few milliseconds."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

BUDGET_S = 0.004
MOST_LINE = 32 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_DROPPED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"

Object = dict[str, Any]
Keep = Callable[[Object], Object]


class Pace:
    """Gives the loop away once a slice of work was long enough."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def step(self) -> None:
        """Between two pieces of work."""
        if time.perf_counter() - self._began > BUDGET_S:
            await asyncio.sleep(0)
            self._began = time.perf_counter()

    def restart(self) -> None:
        """Others have just had their turn."""
        self._began = time.perf_counter()


def trimmed(item: Object) -> Object:
    """An object without managedFields and without kubectl's copy of itself."""
    metadata = item.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict):
            annotations.pop(_DROPPED_ANNOTATION, None)
    return item


def dated(item: Object) -> Object:
    """As `trimmed`, with who changed the object itself last, and when: one entry of its managed fields."""
    metadata = item.get("metadata")
    fields = metadata.get("managedFields") if isinstance(metadata, dict) else None
    held = [each for each in fields if isinstance(each, dict)] if isinstance(fields, list) else []
    own = [each for each in held if each.get("subresource") != "status" and isinstance(each.get("time"), str)]
    newest = max(own, key=lambda each: str(each["time"]), default=None)
    found = trimmed(item)
    if newest is not None:
        found["metadata"]["managedFields"] = [{key: newest.get(key) for key in ("manager", "time")}]
    return found


def whole(item: Object) -> Object:
    """An object as it came."""
    return item


async def items_of(text: str, keep: Keep) -> tuple[Object, list[Object]]:
    """A list as the API sends it: everything but its items, and the items, each already through `keep`.

    Raises ValueError for what is no such list.
    """
    pace = Pace()
    rest: Object = {}
    items: list[Object] = []
    at = _past(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("no object")
    at = _past(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _past(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            raise ValueError("no object")
        at = _past(text, at + 1)
        if key == "items" and text[at : at + 1] == "[":
            at = await _elements(text, at + 1, keep, items, pace)
        else:
            rest[key], at = _DECODER.raw_decode(text, at)
        at = _past(text, at)
        if text[at : at + 1] == ",":
            at = _past(text, at + 1)
        elif text[at : at + 1] != "}":
            raise ValueError("an object that does not end")
    if _past(text, at + 1) != len(text):
        raise ValueError("something after the end")
    return rest, items


async def _elements(text: str, at: int, keep: Keep, items: list[Object], pace: Pace) -> int:
    at = _past(text, at)
    while text[at : at + 1] != "]":
        item, at = _DECODER.raw_decode(text, at)
        if isinstance(item, dict):
            items.append(keep(item))
        await pace.step()
        at = _past(text, at)
        if text[at : at + 1] == ",":
            at = _past(text, at + 1)
        elif text[at : at + 1] != "]":
            raise ValueError("a list that does not end")
    return at + 1


def _past(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at
