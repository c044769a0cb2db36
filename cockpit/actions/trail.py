"""The executor's pen: writes audit lines in a thread, and lets a line that was begun end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cockpit.actions.handler import Scene
from cockpit.actions.record import Record, intent_facts, outcome_facts
from cockpit.audit.log import AuditLog, Entry
from cockpit.clock import Clock
from cockpit.errors import Misconfigured

_log = logging.getLogger(__name__)


class Trail:
    """One scene's lines in the audit log."""

    def __init__(self, audit: AuditLog, scene: Scene, clock: Clock) -> None:
        self._audit = audit
        self._scene = scene
        self._clock = clock
        self._writes: set[asyncio.Task[Entry]] = set()
        self._order = asyncio.Lock()  # an outcome must never overtake its intent

    async def write(self, event: str, run: str, facts: Mapping[str, Any]) -> None:
        """One durable line. Raises Misconfigured when it cannot be. Cancelling the caller does not stop it."""
        entry = Entry(event, self._scene.system, self._scene.environment, run, facts)
        task = asyncio.create_task(self._append(entry))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        await asyncio.shield(task)

    async def _append(self, entry: Entry) -> Entry:
        now = self._clock.now()
        async with self._order:
            return await asyncio.to_thread(self._audit.append, entry, now)

    def beginning(self, run: str) -> Callable[[int], None]:
        """To be told the process group that does it: whoever finds the intent without an outcome can look for that.

        Nothing waits for the line: the intent is on disk, and the command runs already.
        """

        def began(process_group: int) -> None:
            facts = {"process_group": process_group}
            entry = Entry("began", self._scene.system, self._scene.environment, run, facts)
            task = asyncio.create_task(self._append(entry))
            self._writes.add(task)
            task.add_done_callback(self._began)

        return began

    def _began(self, task: asyncio.Task[Entry]) -> None:
        self._writes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("the process group of a run could not be recorded: %s", error)

    async def refused(self, record: Record) -> Record:
        """An attempt that no guard let through."""
        refusals = [[refusal.step, refusal.reason] for refusal in record.refusals]
        try:
            await self.write("refused", record.run, {**intent_facts(record.plan, "", ""), "refusals": refusals})
        except Misconfigured:
            return replace(record, audited=False)
        return record

    async def outcome(self, record: Record) -> Record:
        """What came of an intent; the record says so when even that could not be written."""
        try:
            await self.write("outcome", record.run, outcome_facts(record))
        except Misconfigured as error:
            return replace(record, audited=False, summary=f"{record.summary} ({error.message})")
        return record

    async def close(self) -> None:
        """Wait for the lines under way."""
        await asyncio.gather(*self._writes, return_exceptions=True)
