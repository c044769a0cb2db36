"""CPU and memory of containers out of GET /containers/ID/stats, one shot each: CPU between two looks.

Memory is counted as `docker stats` does, without the page cache that can be given back
(https://docs.docker.com/reference/cli/docker/container/stats/).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cockpit.adapters.docker.facts import past
from cockpit.adapters.raw import Json, number, part

_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Used:
    """At one moment; None while unknown."""

    cpu: int | None = None  # thousandths of a core
    memory: int | None = None  # bytes
    pids: int | None = None


class Meter:
    """Remembers the last look at each container."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, int]] = {}

    def read(self, id: str, stats: Json) -> Used:
        """What it uses now."""
        at, total = past(stats.get("read")), number(part(stats, "cpu_stats", "cpu_usage").get("total_usage"))
        cpu = _of_two(stats)
        if at is not None and total > 0:
            when, (then, was) = at.timestamp(), self._before.get(id, (0.0, 0))
            if then and when > then and total >= was:
                cpu = round((total - was) / (when - then) / 1e6)
            self._before[id] = (when, total)
        pids = number(part(stats, "pids_stats").get("current"))
        return Used(cpu, _memory(stats), pids if pids > 0 else None)

    def forget(self, present: Collection[str]) -> None:
        """All but these."""
        for id in [id for id in self._before if id not in present]:
            del self._before[id]


def _of_two(stats: Json) -> int | None:
    """Engines without one-shot answer with two looks of their own."""
    now, before = part(stats, "cpu_stats"), part(stats, "precpu_stats")
    system = number(now.get("system_cpu_usage")) - number(before.get("system_cpu_usage"))
    used = number(part(now, "cpu_usage").get("total_usage")) - number(part(before, "cpu_usage").get("total_usage"))
    if number(before.get("system_cpu_usage")) <= 0 or system <= 0 or used < 0:
        return None
    cores = number(now.get("online_cpus")) or _cores_of_old(now)
    return round(used / system * cores * 1000)


def _cores_of_old(now: Json) -> int:
    """Engines that do not say online_cpus tell of each core (moby/moby docs/api/v1.47.yaml, ContainerStats)."""
    each = part(now, "cpu_usage").get("percpu_usage")
    return len(each) if isinstance(each, list) and each else 1


def _memory(stats: Json) -> int | None:
    found = part(stats, "memory_stats")
    used = number(found.get("usage"))
    if used <= 0 or used > _NO_LIMIT:
        return None
    detail = part(found, "stats")
    cache = number(detail.get("total_inactive_file")) or number(detail.get("inactive_file"))
    return used - cache if 0 < cache < used else used
