"""What comes in a 2xx answer: a JSON object, or a watch's events line by line; anything else is Malformed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from cockpit.adapters.kube.errors import LOOK, Asked, failure
from cockpit.adapters.kube.slices import MOST_LINE, Object, Pace
from cockpit.errors import Malformed, Unreachable
from cockpit.text import clean


def bare(item: Object) -> Object:
    """Of an object nothing but its metadata, and of that no annotations: kubectl keeps copies of secrets there."""
    metadata = item.get("metadata")
    facts = metadata if isinstance(metadata, dict) else {}
    kept = {key: value for key, value in facts.items() if key not in ("annotations", "managedFields")}
    return {"metadata": kept}


def no_json(asked: Asked) -> Malformed:
    """For an answer that is something else than a JSON object."""
    return Malformed(
        f"{asked.where}: {clean(asked.path, 160)} is answered with something that is no JSON object",
        hint="check server and proxy: is it an API server?" if asked.read else LOOK,
        effect_possible=not asked.read,
    )


def object_of(body: bytes, asked: Asked) -> Object:
    """The object in an answer."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise no_json(asked)
    return value


async def lines_of(coming: AsyncIterator[bytes], asked: Asked) -> AsyncIterator[bytes]:
    """Lines of a stream, each a piece of work for itself. A connection that ends inside a line has broken."""
    pace = Pace()
    left = bytearray()
    async for chunk in coming:
        pace.restart()
        left += chunk
        if len(left) > MOST_LINE:
            raise Malformed(f"{asked.where}: an event is larger than {MOST_LINE >> 20} MB")
        if b"\n" not in chunk:
            continue
        *lines, rest = left.split(b"\n")
        left = bytearray(rest)
        for line in lines:
            if line.strip():
                yield bytes(line)
                await pace.step()
    if left.strip():
        raise Unreachable(f"{asked.where}: the connection broke in the middle of an event")


def event_of(line: bytes, asked: Asked, *, metadata: bool) -> Object:
    """type and object of an event. An ERROR event is raised as what it says."""
    try:
        event = json.loads(line)
        kind, item = event["type"], event["object"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed(f"{asked.where}: a watch of {clean(asked.path, 160)} brings no events") from None
    if not isinstance(item, dict) or not isinstance(kind, str):
        raise Malformed(f"{asked.where}: a watch of {clean(asked.path, 160)} brings no events")
    if kind == "ERROR":
        code = item.get("code")
        raise failure(code if isinstance(code, int) else 500, item, asked)
    return {"type": kind, "object": bare(item) if metadata else item}
