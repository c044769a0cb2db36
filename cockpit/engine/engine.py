"""The composition root: a profile in, live sources, findings and guarded actions out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from cockpit.actions.catalogue import Catalogue
from cockpit.actions.executor import Executor
from cockpit.actions.handler import Scene
from cockpit.actions.station import Station
from cockpit.audit.actor import Actor
from cockpit.audit.approvals import Approvals
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog
from cockpit.clock import Clock, SystemClock
from cockpit.collecting import held_off
from cockpit.engine import compose, google
from cockpit.engine.changes import change_markers, deployments
from cockpit.engine.places import audit_path, state_folder
from cockpit.findings.rules import cause_chain, find
from cockpit.findings.symptoms import symptoms
from cockpit.looks.book import LookBook
from cockpit.model.credentials import Credentials
from cockpit.model.finding import Finding
from cockpit.model.reading import Marker
from cockpit.polling.hub import Hub
from cockpit.polling.poller import Poller
from cockpit.profile.schema import Profile

if TYPE_CHECKING:
    from cockpit.adapters.capabilities import Closing
    from cockpit.engine.guide import GuideDesk
    from cockpit.engine.part import Parts
    from cockpit.model.action import ActionSpec
    from cockpit.model.look import LookSpec
    from cockpit.polling.logring import LogRing

CLOSE_DEADLINE_S = 2.0
_CANCELS = 3  # a library may lose one: Python 3.11 and its friends do where it meets the end of a wait
_log = logging.getLogger(__name__)


class Engine:
    """An async context manager: entering starts the polling, leaving ends everything it started."""

    def __init__(self, profile: Profile, *, state_dir: Path | None = None, clock: Clock | None = None) -> None:
        self.profile = profile
        self.state_dir = state_dir or state_folder()
        self.clock: Clock = clock or SystemClock()
        self.hub = Hub(self.clock)
        self.rings: dict[str, LogRing] = {}
        self.audit = AuditLog(audit_path(self.state_dir), Actor.current())
        self.catalogue: Catalogue
        self.executor: Executor
        self.looks: LookBook
        self.names: dict[str, dict[str, str]] = {}  # source id -> where it is
        self.guide: GuideDesk | None = None  # of the profile's runbook; it reads once the polling began
        self.parts: tuple[compose.Part, ...] = ()
        self._closing: list[Closing] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Engine:
        await self.prepare()
        for part in self.parts:
            poller = Poller(
                part.source,
                part.kind,
                part.title,
                part.probe,
                interval_s=part.interval_s,
                timeout_s=part.timeout_s,
                hub=self.hub,
                clock=self.clock,
                asleep=part.asleep,
            )
            self._tasks.append(asyncio.create_task(poller.run(), name=f"poll {part.source}"))
        if self.guide is not None:
            self._tasks.append(asyncio.create_task(self.guide.run(), name="read the runbook"))
        return self

    async def prepare(self) -> None:
        """Import the adapters and build the parts in a thread, without polling: a quarter of a second of imports."""
        built, specs, looks = await asyncio.to_thread(self._built)
        self.parts, self.rings, self._closing = tuple(built.parts), built.rings, list(built.closing)
        actor = Actor.current()
        station = Station(
            scene=Scene(self.profile.system, self.profile.environment),
            who=f"{actor.login}@{actor.host}" + (f" from {actor.origin}" if actor.origin else ""),
            arming=self.profile.arming,
            limits=self.profile.limits,
            read_only=self.profile.read_only,
            source_state=self.hub.state,
            symptoms=lambda: symptoms(self.hub.states(), self.clock.now().timestamp()),
            audit=self.audit,
            locks=Locks(self.state_dir / "locks"),
            approvals=Approvals(Path(self.profile.limits.approvals) if self.profile.limits.approvals else None),
            clock=self.clock,
        )
        self.catalogue = Catalogue(specs, built.handlers)
        self.executor = Executor(self.catalogue, station)
        self.looks = LookBook(looks, built.lookers)
        self.names = built.names
        if self.profile.runbook is not None and built.shelf is not None:
            from cockpit.engine.guide import GuideDesk

            self.guide = GuideDesk(self, self.profile.runbook, built.shelf, station.who)

    def _built(self) -> tuple[Parts, tuple[ActionSpec, ...], tuple[LookSpec, ...]]:
        with held_off():  # modules live on; a walk through all that there is would stop the event loop as well
            compose.load_adapters(self.profile)
            built = compose.compose(self.profile, self.state_dir, self.clock, self.hub.state)
            return built, compose.specs(), compose.look_specs()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End actions, polling and connections; each within a deadline."""
        with contextlib.suppress(AttributeError):
            await self.executor.close()
        if self.guide is not None:
            await self.guide.close()
        left: set[asyncio.Task[None]] = set(self._tasks)
        for _ in range(_CANCELS):
            for task in left:
                task.cancel()
            if left:
                _, left = await asyncio.wait(left, timeout=CLOSE_DEADLINE_S)
        for task in left:
            _log.warning("%s does not end", task.get_name())
        closers = [self._close(adapter) for adapter in self._closing]
        await asyncio.gather(*closers)

    @staticmethod
    async def _close(adapter: Closing) -> None:
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await adapter.close()
        except Exception as error:
            # Closing is a courtesy to the other side; its failure must not keep the operator.
            _log.warning("closing %s failed: %s", type(adapter).__name__, type(error).__name__)

    def notices(self) -> tuple[str, ...]:
        """What is to be told once, at the start. Blocking: reads small files."""
        return google.notices(self.profile)

    def credentials(self) -> Credentials | None:
        """How those for Google stand, None before they were asked for."""
        return google.credentials(self.profile)

    def findings(self) -> tuple[Finding, ...]:
        """What the rules say now, worst first."""
        return find(self.hub.states(), self.clock.now().timestamp())

    def cause_chain(self) -> tuple[Finding, ...]:
        """The likely story, cause first."""
        return cause_chain(self.findings())

    def markers(self) -> tuple[Marker, ...]:
        """Deployments, own actions and what others changed, oldest first, for the timeline."""
        found = [
            Marker(record.ended.timestamp(), "⚑", f"{record.plan.title}: {record.outcome.value}")
            for record in self.executor.records
            if record.audited or record.outcome.value != "refused"
        ]
        found += deployments(self.hub.states())
        found += change_markers(self.hub.states(), self.executor.records)
        return tuple(sorted(found, key=lambda marker: marker.at))
