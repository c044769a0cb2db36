"""INFO and SLOWLOG as values: https://redis.io/docs/latest/commands/info/, .../commands/slowlog-get/."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.errors import Malformed
from cockpit.model.cache import CacheStatus, Keyspace, SlowCommand
from cockpit.text import clean

_MAX_DATABASES = 64
_COMMAND_LENGTH = 200
_MAX_PREFIXES = 5
_NEARLY_ALL = 0.95
_PREFIX = re.compile(rb"[^:|/.*?\[\]\\]{1,60}[:|/.]")  # nothing that SCAN's patterns give a meaning to


class Info:
    """The fields of one INFO answer; a missing or odd one reads as the default."""

    def __init__(self, answer: object) -> None:
        if not isinstance(answer, bytes):
            raise Malformed("the answer to INFO is no text")
        self.fields: dict[str, str] = {}
        for line in answer.decode("utf-8", "replace").splitlines():
            name, separator, value = line.partition(":")
            if separator and not line.startswith("#"):
                self.fields[name] = value

    def text(self, name: str, default: str = "") -> str:
        """As it stands, cleaned."""
        return clean(self.fields.get(name, default), 200)

    def integer(self, name: str) -> int:
        """0 where it is missing."""
        try:
            return int(self.fields.get(name, "0"))
        except ValueError:
            return 0

    def number(self, name: str) -> float | None:
        """None where it is missing."""
        try:
            return float(self.fields[name])
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Counters:
    """What rates are the differences of; `at` is monotonic seconds."""

    at: float
    run_id: str
    evicted: int
    expired: int
    hits: int
    misses: int

    @classmethod
    def of(cls, info: Info, at: float) -> Counters:
        """Those of one answer."""
        return cls(
            at=at,
            run_id=info.text("run_id"),
            evicted=info.integer("evicted_keys"),
            expired=info.integer("expired_keys"),
            hits=info.integer("keyspace_hits"),
            misses=info.integer("keyspace_misses"),
        )

    def comparable(self, before: Counters | None) -> bool:
        """Same server process, time passed, and nobody reset the counters (CONFIG RESETSTAT) in between."""
        return (
            before is not None
            and before.run_id == self.run_id
            and self.at > before.at
            and self.evicted >= before.evicted
            and self.expired >= before.expired
            and self.hits >= before.hits
            and self.misses >= before.misses
        )


def read_status(
    info: Info,
    now: Counters,
    before: Counters | None,
    *,
    server: str,
    database: int,
    slowlog: tuple[SlowCommand, ...],
    prefixes: tuple[tuple[str, float], ...],
    notes: tuple[str, ...],
) -> CacheStatus:
    """One poll as a value; rates need the counters of the poll before."""
    evictions = expirations = ratio = None
    if before is not None and now.comparable(before):
        seconds = now.at - before.at
        evictions = (now.evicted - before.evicted) / seconds
        expirations = (now.expired - before.expired) / seconds
        hits, misses = now.hits - before.hits, now.misses - before.misses
        ratio = hits / (hits + misses) if hits + misses else None
    valkey = info.text("server_name") == "valkey" or "valkey_version" in info.fields
    return CacheStatus(
        server=server,
        product="Valkey" if valkey else "Redis",
        version=info.text("valkey_version") if valkey else info.text("redis_version"),
        run_id=now.run_id,
        role=info.text("role"),
        database=database,
        uptime_s=info.integer("uptime_in_seconds"),
        used_memory=info.integer("used_memory"),
        peak_memory=info.integer("used_memory_peak"),
        max_memory=info.integer("maxmemory"),
        system_memory=info.integer("total_system_memory"),
        policy=info.text("maxmemory_policy"),
        fragmentation=info.number("mem_fragmentation_ratio"),
        evicted=now.evicted,
        evictions_per_s=evictions,
        expirations_per_s=expirations,
        hit_ratio=ratio,
        clients=info.integer("connected_clients"),
        max_clients=info.integer("maxclients"),
        blocked_clients=info.integer("blocked_clients"),
        ops_per_s=info.number("instantaneous_ops_per_sec") or 0.0,
        keyspace=read_keyspace(info.fields),
        slowlog=slowlog,
        replicas=info.integer("connected_slaves"),
        master_link=info.text("master_link_status"),
        prefixes=prefixes,
        notes=(*notes, *_state_notes(info)),
    )


def read_keyspace(fields: Mapping[str, str]) -> tuple[Keyspace, ...]:
    """The lines `db0:keys=3,expires=1,...`, in order of the index."""
    found = []
    for name, value in fields.items():
        if name[:2] != "db" or not name[2:].isdecimal():
            continue
        facts = dict(fact.split("=", 1) for fact in value.split(",") if "=" in fact)
        keys, expires = facts.get("keys", "0"), facts.get("expires", "0")
        if keys.isdecimal() and expires.isdecimal():
            found.append(Keyspace(int(name[2:]), int(keys), int(expires)))
    return tuple(sorted(found, key=lambda keyspace: keyspace.index)[:_MAX_DATABASES])


def read_prefixes(keys: Sequence[Any]) -> tuple[tuple[str, float], ...]:
    """Shares (0..1) of the keys' leading parts, separator included, most first.

    A part is lengthened while nearly all of its keys go on alike, so that a pattern made of it hits no more than
    it must. Keys without a separator, and those whose text cannot be shown as it is, are not counted.
    """
    named = [key for key in keys if isinstance(key, bytes)]
    parts = Counter(match.group() for key in named if (match := _PREFIX.match(key)))
    found = []
    for part, count in parts.most_common(_MAX_PREFIXES):
        longer, share = _lengthened(part, [key for key in named if key.startswith(part)])
        if clean(longer, 60) == longer.decode("utf-8", "replace"):
            found.append((clean(longer, 60), share * count / len(named)))
    return tuple(found)


def _lengthened(part: bytes, keys: Sequence[bytes]) -> tuple[bytes, float]:
    """The longest leading part of nearly all `keys`, and the share of them that has it."""
    held = float(len(keys))
    while True:
        rests = Counter(match.group() for key in keys if (match := _PREFIX.match(key, len(part))))
        rest, count = rests.most_common(1)[0] if rests else (b"", 0)
        if count < _NEARLY_ALL * held:
            return part, len(keys) / held if held else 0.0
        part += rest
        keys = [key for key in keys if key.startswith(part)]


def read_slowlog(answer: Sequence[Any]) -> tuple[SlowCommand, ...]:
    """Entries of SLOWLOG GET, newest first; an entry of another shape is left out."""
    return tuple(command for entry in answer if (command := _slow_command(entry)) is not None)


def _slow_command(entry: Any) -> SlowCommand | None:
    if not isinstance(entry, list) or len(entry) < 4 or not isinstance(entry[3], list):
        return None
    if not all(isinstance(number, int) for number in entry[:3]):
        return None
    words = [word for word in entry[3][:32] if isinstance(word, bytes)]
    client = entry[4] if len(entry) > 4 and isinstance(entry[4], bytes) else b""
    return SlowCommand(
        id=entry[0],
        at=float(entry[1]),
        duration_ms=entry[2] / 1000,
        command=clean(b" ".join(word[:_COMMAND_LENGTH] for word in words), _COMMAND_LENGTH),
        client=clean(client, 64),
    )


def _state_notes(info: Info) -> tuple[str, ...]:
    notes = []
    if info.text("cluster_enabled") == "1":
        notes.append("one node of a cluster: what is shown, and what actions reach, is this node only")
    if info.text("rdb_last_bgsave_status") == "err":
        notes.append("the last RDB save failed: writes may be refused (MISCONF)")
    if info.text("aof_last_write_status") == "err":
        notes.append("the last AOF write failed: writes are refused (MISCONF)")
    if info.text("role") == "slave" and info.text("master_link_status") == "down":
        notes.append(f"the link to the master has been down for {info.integer('master_link_down_since_seconds')} s")
    return tuple(notes)
