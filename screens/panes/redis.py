"""Redis pane: memory, hits and clients as meters, rates as sparklines, the keyspace, the slow log."""

from __future__ import annotations

from typing import ClassVar

from cockpit.model.cache import CacheStatus
from cockpit.model.reading import History, SourceState
from cockpit.model.severity import Severity, SourceKind
from screens import figures
from screens.paint import SEVERITY_STYLE, Cell, Column, Meter, Row, Spark, blank, header, note, spans
from screens.panes.base import NO_HISTORY, Detail, Pane, Scenery, values

GAUGE = (Column("", 8), Column("", 0, least=8), Column("", 15, right=True))
_SLOW = (
    Column("slow commands", 0),
    Column("took", 9, right=True),
    Column("ago", 5, right=True, drop=1),
    Column("client", 21, drop=3),
)
_KEYS = (
    Column("keyspace", 0),
    Column("keys", 11, right=True),
    Column("with expiry", 11, right=True, drop=1),
)


def level(share: float, warn: float, critical: float) -> str:
    """The style of a share that is bad when high."""
    if share >= critical:
        return SEVERITY_STYLE[Severity.CRIT]
    return SEVERITY_STYLE[Severity.WARN if share >= warn else Severity.OK]


def gauge(name: str, cell: Cell, text: str, style: str = "") -> Row:
    """A label, a bar or sparkline, a number."""
    return Row("", ((name, "muted"), cell, (text, style)), GAUGE)


def _memory(cache: CacheStatus) -> Row:
    limit = cache.limit
    if not limit:
        return gauge("memory", Meter(0.0, "success"), f"{figures.bytes_(cache.used_memory)}, no limit")
    share = cache.used_memory / limit
    style = level(share, 0.8, 0.95)
    text = f"{figures.bytes_(cache.used_memory).split()[0]}/{figures.bytes_(limit)}"
    if figures.bytes_(cache.used_memory).split()[1] != figures.bytes_(limit).split()[1]:
        text = f"{figures.bytes_(cache.used_memory)}/{figures.bytes_(limit)}"
    return gauge("memory", Meter(share, style), text)


def _rates(cache: CacheStatus, history: History) -> list[Row]:
    rows: list[Row] = []
    if cache.hit_ratio is not None:
        style = level(1 - cache.hit_ratio, 0.2, 0.5)
        rows.append(gauge("hits", Meter(cache.hit_ratio, style), figures.percent(cache.hit_ratio, 1)))
    else:
        rows.append(gauge("hits", Meter(0.0, "muted"), "–"))
    clients = cache.clients / max(1, cache.max_clients)
    blocked = f", {cache.blocked_clients} blocked" if cache.blocked_clients else ""
    rows.append(gauge("clients", Meter(clients, level(clients, 0.8, 0.95)), f"{cache.clients}{blocked}"))
    evicting = bool(cache.evictions_per_s)
    evicted = "–" if cache.evictions_per_s is None else f"{figures.count(cache.evictions_per_s)}/s"
    rows.append(
        gauge(
            "evicted",
            Spark(values(history, "evictions_per_s"), "warning"),
            evicted,
            "warning bold" if evicting else "",
        )
    )
    rows.append(gauge("ops", Spark(values(history, "ops_per_s"), "primary"), f"{figures.count(cache.ops_per_s)}/s"))
    return rows


def _facts(cache: CacheStatus) -> Row:
    parts: list[tuple[str, str]] = [("policy ", "muted"), (cache.policy or "–", "")]
    if cache.fragmentation is not None:
        odd = cache.fragmentation >= 1.5
        parts += [("  frag ", "muted"), (f"{cache.fragmentation:.2f}", "warning bold" if odd else "")]
    if cache.expirations_per_s is not None:
        parts += [("  expired ", "muted"), (f"{figures.count(cache.expirations_per_s)}/s", "")]
    role = cache.role
    if cache.master_link:
        role += f", link {cache.master_link}"
    elif cache.replicas:
        role += f", {cache.replicas} replicas"
    down = cache.master_link == "down"
    parts += [("  role ", "muted"), (role, "error bold" if down else "")]
    parts += [("  up ", "muted"), (figures.age(cache.uptime_s), "")]
    return spans(*parts)


class RedisPane(Pane):
    """A cache or queue."""

    NUMBER: ClassVar[int] = 4
    LABEL: ClassVar[str] = "Redis"
    SHORT: ClassVar[str] = "Redis"
    KIND: ClassVar[SourceKind] = SourceKind.REDIS

    def rows(self, states: tuple[SourceState, ...], scenery: Scenery) -> list[Row]:
        """Meters first, what can be looked into after."""
        state = states[0]
        cache = state.reading.payload if state.reading else None
        if not isinstance(cache, CacheStatus):
            return []
        history = scenery.histories.get(state.source, NO_HISTORY)
        rows = [_memory(cache), *_rates(cache, history), _facts(cache)]
        rows += [note(text, "warning") for text in cache.notes]
        if cache.slowlog:
            rows += [blank(), header(_SLOW)]
            rows += [
                Row(
                    f"slow/{entry.id}",
                    (
                        (entry.command, ""),
                        (figures.millis(entry.duration_ms), "warning" if entry.duration_ms >= 50 else ""),
                        (figures.age(scenery.now - entry.at), "muted"),
                        (entry.client, "muted"),
                    ),
                    _SLOW,
                )
                for entry in cache.slowlog
            ]
        if cache.keyspace:
            rows += [blank(), header(_KEYS)]
            rows += [
                Row(
                    f"db/{space.index}",
                    (
                        (f"db{space.index}" + ("  ◂ profile" if space.index == cache.database else ""), ""),
                        (figures.grouped(space.keys), ""),
                        (figures.grouped(space.expires), "muted"),
                    ),
                    _KEYS,
                )
                for space in cache.keyspace
            ]
        return rows

    def identity(self) -> dict[str, str]:
        """The server process that was looked at."""
        state = self._shown(self.scenery.states)[0] if self.scenery and self.scenery.states else None
        cache = state.reading.payload if state and state.reading else None
        return {"run_id": cache.run_id} if isinstance(cache, CacheStatus) and cache.run_id else {}

    def detail(self) -> Detail:
        """The server, or the slow command under the cursor."""
        state = self._shown(self.scenery.states)[0] if self.scenery and self.scenery.states else None
        cache = state.reading.payload if state and state.reading else None
        if state is None or not isinstance(cache, CacheStatus):
            return (self.LABEL, [])
        for entry in cache.slowlog:
            if self.key == f"slow/{entry.id}":
                return (
                    "Slow command",
                    [
                        ("command", entry.command),
                        ("took", figures.millis(entry.duration_ms)),
                        ("at", f"{figures.clock(entry.at)} UTC"),
                        ("client", entry.client),
                    ],
                )
        return (
            f"{self.LABEL} · {state.title}",
            [
                ("server", f"{cache.product} {cache.version} at {cache.server}"),
                ("run id", cache.run_id),
                ("role", cache.role),
                ("memory", f"{figures.bytes_(cache.used_memory)}, peak {figures.bytes_(cache.peak_memory)}"),
                ("limit", figures.bytes_(cache.limit) if cache.limit else "none"),
                ("policy", cache.policy),
                ("evicted", f"{figures.grouped(cache.evicted)} since the start"),
                ("clients", f"{cache.clients} of {cache.max_clients}, {cache.blocked_clients} blocked"),
                *(("note", text) for text in cache.notes),
            ],
        )
