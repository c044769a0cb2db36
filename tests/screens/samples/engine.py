"""The reading side of an engine over a real hub: `say` and `fail` play the pollers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cockpit.clock import ManualClock
from cockpit.errors import CockpitError
from cockpit.model.action import ActionSpec, Param, ParamKind, Scope, Tier
from cockpit.model.credentials import Credentials
from cockpit.model.finding import Finding
from cockpit.model.reading import Marker, Observation
from cockpit.model.revisions import (
    ServiceStatus,
)
from cockpit.model.severity import Severity, SourceKind
from cockpit.polling.hub import Hub
from cockpit.polling.logring import LogRing

from .moment import START

PROD = SimpleNamespace(system="shop", environment="production", keys={}, theme=None)


IDENTITY = ("ip", "pid", "backend_start", "revision", "etag", "priority", "policy_id", "fingerprint")


def _spec(id_: str, title: str, pane: SourceKind, key: str, tier: Tier, scope: Scope = Scope.ROW) -> ActionSpec:
    named = tuple(Param(name, ParamKind.TEXT, name, False, identity=True) for name in IDENTITY)
    return ActionSpec(id_, title, pane, key, tier, title, named, scope)


SPECS = (
    _spec("health.call", "Call action", SourceKind.HEALTH, "M", Tier.T2, Scope.SOURCE),
    _spec("logs.block", "Block address", SourceKind.LOGS, "B", Tier.T3),
    _spec("database.cancel", "Cancel query", SourceKind.DATABASE, "C", Tier.T1),
    _spec("database.terminate", "Terminate session", SourceKind.DATABASE, "K", Tier.T2),
    _spec("database.terminate_idle", "Idle sessions", SourceKind.DATABASE, "I", Tier.T3, Scope.SOURCE),
    _spec("database.unblock", "Unblock", SourceKind.DATABASE, "U", Tier.T2, Scope.SOURCE),
    _spec("redis.delete", "Delete keys", SourceKind.REDIS, "D", Tier.T3, Scope.SOURCE),
    _spec("redis.flush", "Flush database", SourceKind.REDIS, "F", Tier.T3, Scope.SOURCE),
    _spec("revisions.rollback", "Roll back", SourceKind.REVISIONS, "R", Tier.T2),
    _spec("revisions.promote", "Promote", SourceKind.REVISIONS, "P", Tier.T2),
    _spec("revisions.scale", "Scale", SourceKind.REVISIONS, "S", Tier.T2, Scope.SOURCE),
)


class SampleCatalogue:
    specs = SPECS

    def offers(self, source: str | None = None) -> tuple[Any, ...]:
        return tuple(
            SimpleNamespace(
                spec=spec, source=source or "", available=spec.id != "health.call", reason="the profile declares none"
            )
            for spec in self.specs
        )

    def spec(self, action: str) -> ActionSpec | None:
        return next((spec for spec in self.specs if spec.id == action), None)

    def handler(self, action: str, source: str) -> Any:
        raise AssertionError("samples run no actions")


class SampleExecutor:
    def __init__(self) -> None:
        self.mode = SimpleNamespace(armed=False, reason="", remaining_s=0.0, idle_s=0.0, read_only=False)
        self.undo_offer: Any = None
        self.effect: Any = None
        self.running: tuple[Any, ...] = ()
        self.records: tuple[Any, ...] = ()
        self.catalogue = SampleCatalogue()
        self.touched = 0

    def touch(self) -> None:
        self.touched += 1

    def arm(self, remaining_s: float) -> None:
        self.mode = SimpleNamespace(armed=True, reason="test", remaining_s=remaining_s, idle_s=300.0, read_only=False)

    async def unresolved(self) -> tuple[Any, ...]:
        return ()

    def subscribe(self, callback: Any) -> Any:
        return lambda: None


class SampleEngine:
    """The engine's reading side over a real hub; `say` and `fail` play the pollers."""

    def __init__(self) -> None:
        self.profile: Any = PROD
        self.clock = ManualClock(START)
        self.hub = Hub(self.clock)
        self.rings: dict[str, LogRing] = {}
        self.catalogue: Any = SampleCatalogue()
        self.executor: Any = SampleExecutor()
        self.guide: Any = None
        self.looks: Any = None
        self.polls = 0
        self.found: tuple[Finding, ...] = ()
        self.login: Credentials | None = None
        self.extra_markers: tuple[Marker, ...] = ()

    def add(self, source: str, kind: SourceKind, interval_s: float = 1.0) -> None:
        def wake() -> None:
            self.polls += 1

        self.hub.register(source, kind, source.partition("/")[2], interval_s, 3.0, wake)
        if kind is SourceKind.LOGS:
            self.rings[source] = LogRing(200_000)

    def say(self, source: str, severity: Severity, summary: str, payload: Any) -> None:
        self.hub.poll_succeeded(source, Observation(severity, summary, payload), 0.02)

    def fail(self, source: str, error: CockpitError) -> None:
        self.hub.poll_failed(source, error)

    def credentials(self) -> Credentials | None:
        return self.login

    def findings(self) -> tuple[Finding, ...]:
        return self.found

    def cause_chain(self) -> tuple[Finding, ...]:
        return tuple(sorted(self.found, key=lambda finding: finding.rank))

    def markers(self) -> tuple[Marker, ...]:
        found = list(self.extra_markers)
        for state in self.hub.states():
            payload = state.reading.payload if state.reading else None
            if isinstance(payload, ServiceStatus):
                found += [Marker(revision.created.timestamp(), "▲", revision.name) for revision in payload.revisions]
        return tuple(sorted(found, key=lambda marker: marker.at))
