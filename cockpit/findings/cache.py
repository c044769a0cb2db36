"""Rules on Redis: a full memory, evictions, a hit rate that fell."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.cache import CacheStatus
from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.severity import Severity

EVICTIONS_CRIT = 10.0  # a second
DOMINANT = 0.5  # share of sampled keys under one prefix that makes it worth naming


def cache_findings(view: View) -> Iterator[Finding]:
    """All of them, for every cache."""
    for state, cache in view.fresh(CacheStatus):
        yield from _memory(state, cache)
        yield from _refusing(state, cache)


def _memory(state: SourceState, cache: CacheStatus) -> Iterator[Finding]:
    share = cache.used_memory / cache.limit if cache.limit else 0.0
    evictions = cache.evictions_per_s or 0.0
    warn, critical = cache.bounds
    if evictions <= 0 and share < warn:
        return
    crit = evictions >= EVICTIONS_CRIT or (share >= critical and cache.policy == "noeviction")
    hits = f"hit rate {100 * cache.hit_ratio:.0f} %" if cache.hit_ratio is not None else "hit rate not known yet"
    lead = cache.prefixes[0] if cache.prefixes and cache.prefixes[0][1] >= DOMINANT else None
    pattern = f"{lead[0]}*" if lead else ""
    evicting = f"evicts {evictions:.0f} keys a second" if evictions > 0 else "is nearly full"
    yield Finding(
        rule="redis-evicting" if evictions > 0 else "redis-nearly-full",
        # Never milder than the pane beside it.
        severity=max(Severity.CRIT if crit else Severity.WARN, state.severity),
        text=f"{state.title} {evicting}: memory {100 * share:.0f} % of its limit, {hits}",
        short=f"redis evicting {evictions:.0f}/s" if evictions > 0 else f"redis memory {100 * share:.0f} %",
        evidence=(
            f"policy {cache.policy}, {hits}",
            f"{100 * lead[1]:.0f} % of sampled keys begin with {lead[0]}" if lead else "no prefix dominates the keys",
        ),
        source=state.source,
        action=ActionRequest("redis.delete", state.source, {"pattern": pattern}) if pattern else None,
        action_title=f"Delete keys {pattern}" if pattern else "",
        rank=25,
    )


def _refusing(state: SourceState, cache: CacheStatus) -> Iterator[Finding]:
    if cache.max_clients and cache.clients >= 0.9 * cache.max_clients:
        yield Finding(
            rule="redis-clients",
            severity=Severity.CRIT,
            text=f"{state.title}: {cache.clients} of {cache.max_clients} client connections are in use",
            short=f"redis clients {cache.clients}/{cache.max_clients}",
            evidence=(f"{cache.blocked_clients} of them wait in a blocking command",),
            source=state.source,
            rank=30,
        )
    if cache.master_link == "down":
        yield Finding(
            rule="redis-replica-cut-off",
            severity=Severity.CRIT,
            text=f"{state.title} is a replica that lost its master: it serves old data",
            short="redis replica cut off",
            evidence=("master_link_status is down",),
            source=state.source,
            rank=28,
        )
