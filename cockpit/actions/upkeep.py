"""Maintenance of tables: VACUUM, ANALYZE and REINDEX, planned with sizes, locks and what is in the way."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.actions.bound import BoundAction
from cockpit.actions.endings import named
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.sql import statement_of
from cockpit.adapters.capabilities import SqlRunning, UpkeepSurvey
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.severity import SourceKind
from cockpit.model.sql import NotOne, one_line
from cockpit.model.upkeep import Upkeep, understood, upkeep
from cockpit.profile.schema import Limits, parse_duration

_MARGIN_S = 20.0  # beyond the statement's own limit: connecting, the answer's way back
_LONGEST_S = 6 * 3600.0

MAINTAIN = ActionSpec(
    id="database.maintain",
    title="Maintain tables",
    short="Maintain",
    pane=SourceKind.DATABASE,
    key="",
    tier=Tier.T2,
    summary="Runs VACUUM, ANALYZE or REINDEX; it gives up rather than queue for a lock, and ends at its time limit.",
    params=(
        Param("sql", ParamKind.TEXT, "one VACUUM, ANALYZE or REINDEX"),
        Param("within", ParamKind.DURATION, "the server ends it after so long", required=False, default="10m"),
    ),
    scope=Scope.SOURCE,
)
SPECS = (MAINTAIN,)


def _understood(call: Call) -> Intent | None:
    """VACUUM, ANALYZE or REINDEX with known options and nothing to fill in."""
    statement = call.statement
    work = understood(statement.text) if statement is not None else None
    if statement is None or work is None or call.redirects or call.placeholders:
        return None
    try:
        sql = one_line(statement.text)
    except NotOne:
        return None
    differs = "It gives up after 2 s of waiting for a lock, and ends at its time limit."
    tier = Tier.T3 if work.locks_out else Tier.T2
    return Intent(MAINTAIN.id, SourceKind.DATABASE, named(call), {"sql": sql}, differs=differs, tier=tier)


REPLACES = (Replacement(MAINTAIN.id, "sql", MAINTAIN.tier, _understood),)


def handlers(source_id: str, adapter: SqlRunning, scene: Scene, limits: Limits, clock: Clock) -> list[ActionHandler]:
    """One for one source."""
    return [MaintainTables(source_id, adapter, scene, clock)]


class MaintainTables(BoundAction):
    """VACUUM, ANALYZE, REINDEX on a session of its own, which the server itself ends."""

    def __init__(self, source: str, adapter: SqlRunning, scene: Scene, clock: Clock) -> None:
        super().__init__(MAINTAIN, source)
        self._adapter = adapter
        self._scene = scene
        self._clock = clock

    async def plan(self, request: ActionRequest) -> Plan:
        """Sizes, locks and what is in the way. Raises Refused, NotFound, CockpitError."""
        sql, work = statement_of(request), _upkeep(request)
        within_s = _within(request)
        found = await self._adapter.upkeep(work.relation or None)
        what = work.relation or "all tables of the database"
        refusals = []
        if found.read_only:
            refusals.append(Refusal("precondition", "the server is a standby", "Act on its primary"))
        if found.pooled:
            refusals.append(Refusal("precondition", "a pooler sits before the server", "Connect to it directly"))
        return Plan(
            request=ActionRequest(MAINTAIN.id, self._source, {"sql": sql, "within": request.get("within") or "10m"}),
            title=f"{work.verb} {what}",
            tier=Tier.T3 if work.locks_out else Tier.T2,
            target=f"{what} on {self._adapter.server} "
            f"({self._source}, {self._scene.system}/{self._scene.environment})",
            identity={"server": self._adapter.server, "relation": work.relation or "all"},
            changes=(Change(what, "as it is", f"after {work.verb}"),),
            objects=tuple(f"{table.name}: {_size(table.size)}, {table.dead:,} dead rows" for table in found.tables),
            count=found.total,
            population=0,
            affected=work.lock,
            operation=(
                "SET lock_timeout = '2s'",
                f"SET statement_timeout = '{within_s:g}s'",
                sql,
            ),
            equivalent=(self._adapter.by_hand(sql),),
            permission=found.permission,
            undo=Undo("none: no row changes. A stopped run leaves what was done so far"),
            planned_at=self._clock.now(),
            deadline_s=within_s + _MARGIN_S,
            refusals=tuple(refusals),
            warnings=tuple(_upkeep_warnings(work, found)),
            symptoms=(self._source,),
            basis={"sql": sql, "within_s": within_s, "size": found.size, "relation": work.relation},
            moving=True,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Run it to its end, its time limit, or the operator's wish to stop. Raises CockpitError."""
        sql, within_s = plan.basis["sql"], plan.basis["within_s"]
        if not isinstance(sql, str) or not isinstance(within_s, float):
            raise Refused("identity", "the plan names no statement")
        control.progress(0, 0, "running")
        if not await self._adapter.maintain(sql, within_s, control.aborted):
            return RunResult(Outcome.FAILED, "stopped on request: what was done so far stays", 0, plan.count)
        return RunResult(Outcome.SUCCEEDED, f"{plan.title}: done", plan.count, plan.count)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The server has said that it is done; the sizes before and after tell what it brought."""
        before, relation = plan.basis["size"], str(plan.basis["relation"])
        try:
            found = await self._adapter.upkeep(relation or None)
        except CockpitError as error:
            return Verification(None, f"done, but the sizes cannot be read: {error.message}")
        was = _size(before) if isinstance(before, int) else "unknown"
        return Verification(result.outcome is Outcome.SUCCEEDED, f"size {was} before, {_size(found.size)} now")


def _upkeep(request: ActionRequest) -> Upkeep:
    try:
        work = upkeep(request.get("sql"))
    except NotOne as error:
        raise Refused("parameters", f"sql is not one statement: {error}") from None
    if work is None:
        raise Refused(
            "parameters", "only VACUUM, ANALYZE and REINDEX with known options are run", hint="run it by hand"
        )
    return work


def _within(request: ActionRequest) -> float:
    try:
        seconds = parse_duration(request.get("within") or "10m")
    except ValueError as error:
        raise Refused("parameters", f"within {error}") from None
    if not 1.0 <= seconds <= _LONGEST_S:
        raise Refused("parameters", "within must be between 1s and 6h")
    return seconds


def _upkeep_warnings(work: Upkeep, found: UpkeepSurvey) -> Sequence[str]:
    warnings = []
    if work.locks_out:
        warnings.append(work.lock)
    if work.verb in ("VACUUM FULL", "REINDEX", "REINDEX CONCURRENTLY"):
        largest = found.tables[0] if found.tables else None
        room = _size(largest.size) if largest else "the table's size"
        warnings.append(f"it needs up to {room} of free disk for the copy of the largest table")
    if found.transactions:
        held = "hold it up, and it gives up" if work.locks_out else "keep it from removing dead rows"
        warnings.append(f"transactions that {held}: {'; '.join(found.transactions[:3])}")
    if found.total > len(found.tables):
        warnings.append(
            f"{found.total:,} tables, {_size(found.size)} in all; the largest {len(found.tables)} are shown"
        )
    return warnings


def _size(size: int) -> str:
    for unit, word in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {word}"
    return f"{size} B"
