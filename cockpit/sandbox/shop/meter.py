"""What the shop's door counted since somebody last asked: the stuff that metrics are made of."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

_LATENCIES = 40  # kept of one revision between two looks


@dataclass(slots=True)
class Counted:
    """Requests of one stretch of time."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict)  # (revision, status)
    latencies: dict[str, list[float]] = field(default_factory=dict)  # revision -> ms, a sample of them
    seen: dict[str, int] = field(default_factory=dict)  # revision -> how many there were
    busy_s: float = 0.0  # time that all requests took together


class Meter:
    """Counts requests until `take`."""

    def __init__(self) -> None:
        self._counted = Counted()
        self._dice = random.Random(3)  # noqa: S311  picks samples, keeps no secret

    def add(self, revision: str, status: int, latency_s: float) -> None:
        """One answered request."""
        counted = self._counted
        counted.requests[revision, status] = counted.requests.get((revision, status), 0) + 1
        counted.busy_s += latency_s
        kept = counted.latencies.setdefault(revision, [])
        count = counted.seen[revision] = counted.seen.get(revision, 0) + 1
        if len(kept) < _LATENCIES:
            kept.append(latency_s * 1000)
        elif (place := self._dice.randrange(count)) < _LATENCIES:
            kept[place] = latency_s * 1000

    def take(self) -> Counted:
        """What was counted since the last time."""
        counted, self._counted = self._counted, Counted()
        return counted
