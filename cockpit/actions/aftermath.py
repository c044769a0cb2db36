"""What follows an action: the record kept, the undo on offer, the effect watched; and what a crash left open."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cockpit.actions.effect import EffectWatch, Symptom, Symptoms
from cockpit.actions.handler import Scene
from cockpit.actions.record import Record, UndoOffer, Unresolved, process_of, unresolved_of
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog
from cockpit.clock import Clock
from cockpit.model.action import Effect, Outcome, Plan, RunResult, Undo
from cockpit.model.severity import Severity
from cockpit.text import clean

UNDO_VALID_S = 1800.0
RECORDS_KEPT = 200


class Aftermath:
    """Records of this session, newest last; the last undo; the last watch."""

    def __init__(self, watch_s: float, symptoms: Symptoms, clock: Clock) -> None:
        self._watch_s = watch_s
        self._symptoms = symptoms
        self._clock = clock
        self._undo: tuple[str, str, Undo, float] | None = None  # source, title, way back, until
        self._watch: tuple[str, EffectWatch] | None = None
        self.records: tuple[Record, ...] = ()

    def keep(self, record: Record) -> None:
        """Remember an attempt."""
        self.records = (*self.records, record)[-RECORDS_KEPT:]

    def decide(self, run: str, effect: Effect) -> None:
        """Put the verdict on its record."""
        self.records = tuple(
            replace(record, verdict=effect.verdict) if record.run == run else record for record in self.records
        )

    def offer_undo(self, record: Record) -> None:
        """Remember the way back, where there is one. An older one from a source that was changed since is void."""
        source = record.plan.request.source
        if record.undo is not None and record.undo.request is not None:
            self._undo = (source, record.plan.title, record.undo, self._clock.monotonic() + UNDO_VALID_S)
        elif self._undo is not None and self._undo[0] == source:
            self._undo = None

    @property
    def undo_offer(self) -> UndoOffer | None:
        """The way back from the last action, while it is valid."""
        if self._undo is None:
            return None
        _, title, undo, until = self._undo
        remaining = until - self._clock.monotonic()
        return UndoOffer(title, undo, remaining) if remaining > 0 else None

    def watch(self, record: Record, before: Mapping[str, Symptom]) -> EffectWatch | None:
        """A watch on what was wrong before, and on what the plan names; None where there is nothing to see.

        The watch of the action before it ends: from now on two actions would share its verdict.
        """
        if self._watch is not None:
            self._watch[1].overtake()
        wanted = {
            name for name, symptom in before.items() if symptom.severity > Severity.OK or name in record.plan.symptoms
        }
        if not wanted or self._watch_s <= 0:
            return None
        watch = EffectWatch(before, wanted, self._symptoms, self._watch_s, self._clock)
        self._watch = (record.run, watch)
        return watch

    @property
    def effect(self) -> tuple[str, Effect] | None:
        """The run id and the latest look."""
        return None if self._watch is None else (self._watch[0], self._watch[1].now)


def way_back(plan: Plan, result: RunResult) -> Undo | None:
    """None for what changed nothing. A failure that left a change behind gives its way back itself: a rollout whose
    pods crash.
    """
    if result.outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN):
        return result.undo or plan.undo
    return result.undo if result.undo is not None and result.undo.request is not None else None


def verdict_facts(effect: Effect) -> dict[str, Any]:
    """What the audit log keeps of the watch."""
    return {
        "verdict": effect.verdict.value if effect.verdict else "",
        "scores": [[score.name, score.before, score.after] for score in effect.scores],
    }


def find_unresolved(audit: AuditLog, locks: Locks, scene: Scene) -> tuple[Unresolved, ...]:
    """Intents without outcome that no living process is busy with. Blocking."""
    found = _open_intents(audit, scene)
    busy = locks.runs_in_flight()
    left = [run for run in found if run not in busy]
    if not left:
        return ()
    # A run writes its outcome before it lets go: one that ended between the two looks has it by now.
    still = _open_intents(audit, scene)
    return tuple(found[run] for run in left if run in still)


def _open_intents(audit: AuditLog, scene: Scene) -> dict[str, Unresolved]:
    found: dict[str, Unresolved] = {}
    here = clean(socket.gethostname(), 255)  # as the audit log names it
    for entry in audit.entries():
        if (entry.system, entry.environment) != (scene.system, scene.environment):
            continue
        if entry.event == "intent":
            found[entry.run] = unresolved_of(entry.run, entry.at, entry.actor, entry.facts)
        elif entry.event == "began" and entry.run in found:
            where = process_of(str(entry.actor.get("host", "")), here, entry.facts)
            found[entry.run] = replace(found[entry.run], process=where)
        elif entry.event in ("outcome", "checked"):
            found.pop(entry.run, None)
    return found
