"""Events, those that say the same of siblings taken together, newest first.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/: an event that comes again raises
`count` (core) or `series.count`; which of the times is set depends on who wrote it.
"""

from __future__ import annotations

import heapq
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import is_

from cockpit.adapters.kube.fields import created_of, moment, number, part, text
from cockpit.adapters.kube.packed import Kept
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.terms import Json
from cockpit.model.cluster import EventGroup

_MOST = 200
_OBJECTS = 20
# What differs between events that mean the same: generated names, hashes, addresses, numbers.
_OWN = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|-[a-z0-9]{5}\b|[0-9a-f]{8,}|\d+(\.\d+)*")


# One event: kind and name of what it is about, whether it is normal, reason, message, the message without what
# differs between siblings, source, first, last, how often: a tuple, for the collector has nothing to walk over in it.
_Said = tuple[str, str, bool, str, str, str, str, datetime, datetime, int]


@dataclass(slots=True)
class _Gathered:
    message: str
    source: str
    first: datetime
    last: datetime
    count: int = 0
    objects: dict[str, None] = field(default_factory=dict)


def span_of(event: Json) -> tuple[datetime, datetime, int]:
    """First, last, how often."""
    made = created_of(event)
    series = part(event, "series")
    last = (
        moment(series.get("lastObservedTime")) or moment(event.get("lastTimestamp")) or moment(event.get("eventTime"))
    )
    first = moment(event.get("firstTimestamp")) or moment(event.get("eventTime"))
    count = max(number(series.get("count")), number(event.get("count")), 1)
    return first or made, last or first or made, count


class Events:
    """Those of a namespace: each is read once, and all are grouped again only where one changed."""

    def __init__(self) -> None:
        self._read = Kept(_said)
        self._before: tuple[list[_Said], Mapping[str, str]] = ([], {})
        self._groups: tuple[EventGroup, ...] = ()

    async def grouped(self, events: Mapping[str, Json], workload_of: Mapping[str, str]) -> tuple[EventGroup, ...]:
        """`workload_of`: name of a pod or ReplicaSet -> "deployment/api"."""
        pace = Pace()
        said = list((await self._read.of(events, pace)).values())
        await pace.step()
        before, owners = self._before
        if owners is workload_of and len(before) == len(said) and all(map(is_, before, said)):
            return self._groups
        found: dict[tuple[bool, str, str, str], _Gathered] = {}
        for each in said:
            _gather(found, each, workload_of)
            await pace.step()
        newest = heapq.nlargest(_MOST, found.items(), key=lambda pair: pair[1].last)
        self._before, self._groups = (said, workload_of), tuple(_group(key, held) for key, held in newest)
        return self._groups


def _said(event: Json) -> _Said:
    about, source = part(event, "involvedObject"), part(event, "source")
    message = text(event.get("message"), 400)
    first, last, count = span_of(event)
    who = text(source.get("component"), 63) or text(event.get("reportingComponent"), 63)
    return (
        text(about.get("kind"), 64).casefold(),
        text(about.get("name"), 253),
        event.get("type") == "Normal",
        text(event.get("reason"), 100),
        message,
        _OWN.sub("*", message),
        ", ".join(filter(None, (who, text(source.get("host"), 253)))),
        first,
        last,
        count,
    )


def _gather(found: dict[tuple[bool, str, str, str], _Gathered], said: _Said, workload_of: Mapping[str, str]) -> None:
    kind, name, normal, reason, message, pattern, source, first, last, count = said
    owner = workload_of.get(name, "") if kind in ("pod", "replicaset") else ""
    about = f"{kind}/{name}"
    key = (normal, reason, owner or about, pattern)
    held = found.get(key)
    if held is None:
        held = found[key] = _Gathered(message, source, first, last)
    held.count += count
    held.first = min(held.first, first)
    if last >= held.last:
        held.last, held.message, held.source = last, message, source
    held.objects[about] = None


def _group(key: tuple[bool, str, str, str], held: _Gathered) -> EventGroup:
    normal, reason, whose, _ = key
    objects = tuple(held.objects)
    if len(objects) > 1:
        kinds = {each.partition("/")[0] for each in objects}
        word = f"{kinds.pop()}s" if len(kinds) == 1 else "objects"
        about = f"{len(objects)} {word} of {whose}"
    else:
        about = objects[0]
    return EventGroup(
        key=f"{reason}/{whose}/{zlib.crc32('/'.join(map(str, key)).encode()):08x}",
        warning=not normal,
        reason=reason,
        about=about,
        said=held.message,
        count=held.count,
        first=held.first,
        last=held.last,
        objects=objects[:_OBJECTS],
        source=held.source,
    )
