"""Events, those that say the same of siblings taken together, newest first.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/: an event that comes again raises
`count` (core) or `series.count`; which of the times is set depends on who wrote it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cockpit.adapters.kube.fields import created_of, moment, number, part, text
from cockpit.adapters.kube.slices import Pace
from cockpit.adapters.kube.terms import Json
from cockpit.model.cluster import EventGroup

_MOST = 200
_OBJECTS = 20
# What differs between events that mean the same: generated names, hashes, addresses, numbers.
_OWN = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|-[a-z0-9]{5}\b|[0-9a-f]{8,}|\d+(\.\d+)*")


@dataclass(slots=True)
class _Gathered:
    newest: Json
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


async def grouped(events: Iterable[Json], workload_of: Mapping[str, str]) -> tuple[EventGroup, ...]:
    """`workload_of`: name of a pod or ReplicaSet -> "deployment/api"."""
    found: dict[tuple[str, str, str, str], _Gathered] = {}
    pace = Pace()
    for event in events:
        await pace.step()
        about = part(event, "involvedObject")
        kind, name = text(about.get("kind"), 64).casefold(), text(about.get("name"), 253)
        owner = workload_of.get(name, "") if kind in ("pod", "replicaset") else ""
        message = text(event.get("message"), 400)
        key = (text(event.get("type"), 20), text(event.get("reason"), 100), owner or f"{kind}/{name}",
               _OWN.sub("*", message))  # fmt: skip
        first, last, count = span_of(event)
        held = found.setdefault(key, _Gathered(event, first, last))
        held.count += count
        held.first = min(held.first, first)
        if last >= held.last:
            held.last, held.newest = last, event
        held.objects[f"{kind}/{name}"] = None
    groups = [_group(key, held) for key, held in found.items()]
    return tuple(sorted(groups, key=lambda group: group.last, reverse=True)[:_MOST])


def _group(key: tuple[str, str, str, str], held: _Gathered) -> EventGroup:
    kind, reason, whose, _ = key
    objects = tuple(held.objects)
    if len(objects) > 1:
        kinds = {each.partition("/")[0] for each in objects}
        word = f"{kinds.pop()}s" if len(kinds) == 1 else "objects"
        about = f"{len(objects)} {word} of {whose}"
    else:
        about = objects[0]
    source = part(held.newest, "source")
    who = [text(source.get("component"), 63) or text(held.newest.get("reportingComponent"), 63)]
    who.append(text(source.get("host"), 253))
    return EventGroup(
        key=f"{reason}/{whose}/{zlib.crc32('/'.join(key).encode()):08x}",
        warning=kind != "Normal",
        reason=reason,
        about=about,
        said=text(held.newest.get("message"), 400),
        count=held.count,
        first=held.first,
        last=held.last,
        objects=objects[:_OBJECTS],
        source=", ".join(filter(None, who)),
    )
