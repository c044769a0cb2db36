"""A statement of a runbook that changes rows: planned from the rows that it would meet, run once, rolled back when it
hits more. Maintenance is in `upkeep`, sessions are in `database`."""

from __future__ import annotations

import re

from cockpit.actions.bound import BoundAction
from cockpit.actions.endings import named
from cockpit.actions.guards import raised
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.capabilities import QueryResult, RowSurvey, SqlRunning
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, Refused
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
from cockpit.model.sql import NotOne, RowChange, one_line, row_change
from cockpit.profile.schema import Limits

EXECUTE_DEADLINE_S = 45.0

EXECUTE = ActionSpec(
    id="database.execute",
    title="Execute statement",
    short="Execute",
    pane=SourceKind.DATABASE,
    key="",
    tier=Tier.T3,
    summary="Runs one UPDATE, DELETE, INSERT, TRUNCATE or DROP TABLE in a transaction, rolled back where it hits "
    "more rows than planned.",
    params=(
        Param("sql", ParamKind.TEXT, "one statement on one table"),
        Param("at_most", ParamKind.INTEGER, "rolled back above this many rows", required=False, identity=True),
    ),
    scope=Scope.SOURCE,
)
SPECS = (EXECUTE,)

_AFTER = {
    "UPDATE": "changed as the statement says",
    "DELETE": "deleted",
    "INSERT": "added to the table",
    "TRUNCATE": "deleted, all of them",
    "DROP TABLE": "deleted with the table",
}
_WHOLE = ("TRUNCATE", "DROP TABLE")
_TIME_BOUND = re.compile(
    r"\b(now|current_timestamp|current_date|localtimestamp|clock_timestamp|statement_timestamp|interval)\b"
    r"|'\d{4}-\d\d-\d\d",
    re.IGNORECASE,
)


def _understood(call: Call) -> Intent | None:
    """One plain change of one table without placeholders; never one that only reads."""
    statement = call.statement
    if statement is None or statement.reads_only or call.redirects:
        return None
    try:
        sql = one_line(statement.text)
        change = row_change(sql)
    except NotOne:
        return None
    if change is None or any(mark.spelled in sql for mark in call.placeholders):
        return None
    differs = "It is rolled back where it hits over a tenth more rows than counted when planned."
    return Intent(EXECUTE.id, SourceKind.DATABASE, named(call), {"sql": sql}, differs=differs, tier=tier_of(change))


REPLACES = (Replacement(EXECUTE.id, "sql", EXECUTE.tier, _understood),)


def handlers(source_id: str, adapter: SqlRunning, scene: Scene, limits: Limits, clock: Clock) -> list[ActionHandler]:
    """One for one source."""
    return [ExecuteStatement(source_id, adapter, scene, limits, clock)]


def tier_of(change: RowChange) -> Tier:
    """T4 where all rows of a table are meant."""
    everything = change.verb in _WHOLE or (change.verb in ("UPDATE", "DELETE") and not change.where)
    return Tier.T4 if everything else Tier.T3


def statement_of(request: ActionRequest) -> str:
    """The parameter `sql` in one line. Raises Refused for what is not one statement."""
    try:
        return one_line(request.get("sql"))
    except NotOne as error:
        raise Refused("parameters", f"sql is not one statement: {error}", hint="give them one by one") from None


class ExecuteStatement(BoundAction):
    """One change of rows, in a transaction.

    The rows that match come and go, so their number and the sample are shown, but are not what is agreed to. Agreed
    are the statement, the table and a ceiling (`at_most`, captured when it is first planned): what matched, and a
    tenth. A run that hits more is rolled back.
    """

    def __init__(self, source: str, adapter: SqlRunning, scene: Scene, limits: Limits, clock: Clock) -> None:
        super().__init__(EXECUTE, source)
        self._adapter = adapter
        self._scene = scene
        self._limits = limits
        self._clock = clock

    async def plan(self, request: ActionRequest) -> Plan:
        """Explains and counts in a READ ONLY transaction. Raises Refused, NotFound, CockpitError."""
        sql = statement_of(request)
        change = _change(sql)
        found = await self._adapter.survey(sql)
        at_most = int(request.get("at_most") or found.matched + found.matched // 10)
        over = self._over(found, change)
        tier = raised(tier_of(change)) if over else tier_of(change)
        return Plan(
            request=ActionRequest(EXECUTE.id, self._source, {"sql": sql, "at_most": str(at_most)}),
            title=f"{change.verb} {found.table}",
            tier=tier,
            target=f"{found.table} on {self._adapter.server} "
            f"({self._source}, {self._scene.system}/{self._scene.environment})",
            identity={"table": found.table, "server": self._adapter.server},
            changes=(Change(f"rows of {found.table}", _before(change), _AFTER[change.verb]),),
            objects=_objects(found, change),
            count=found.matched,
            population=0 if change.verb == "INSERT" else found.population,
            affected=f"everything that reads {found.table}",
            operation=(
                "BEGIN",
                sql,
                f"COMMIT, or ROLLBACK where it hits more than {at_most:,} rows",
            ),
            equivalent=self._by_hand(sql, change),
            permission=found.permission,
            undo=Undo(
                "none: rows do not come back. Keep them first"
                + (" (the second command by hand writes them to a file)" if change.verb != "INSERT" else "")
            ),
            planned_at=self._clock.now(),
            deadline_s=EXECUTE_DEADLINE_S,
            refusals=tuple(_objections(found, change, at_most)),
            warnings=tuple(_warnings(found, change, over, tier)),
            dry_run="; ".join(line.strip() for line in found.explained[:3]),
            symptoms=(self._source,),
            basis={"at_most": at_most, "sql": sql, "population": found.population},
            moving=True,
        )

    def _over(self, found: RowSurvey, change: RowChange) -> str:
        limits, count = self._limits, found.matched
        if count > limits.rows:
            return f"{count:,} rows are over the cap of {limits.rows:,}"
        share = count / found.population if found.population and change.verb != "INSERT" else 0.0
        if share > limits.rows_share:
            return f"{100 * share:.0f} % of the table is over the cap of {100 * limits.rows_share:.0f} %"
        return ""

    def _by_hand(self, sql: str, change: RowChange) -> tuple[str, ...]:
        if change.verb == "INSERT":
            return (self._adapter.by_hand(sql),)
        items = f"{change.table} AS {change.alias}" if change.alias else change.table
        items += f", {change.others}" if change.others else ""
        where = f" WHERE {change.where}" if change.where else ""
        rows = f"SELECT {change.alias or change.table}.* FROM {items}{where}"  # noqa: S608  # shown, never sent
        keep = f"\\copy ({rows}) TO 'before.csv' CSV HEADER"
        return (self._adapter.by_hand(sql), self._adapter.by_hand(keep))

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once. Raises CockpitError, `effect_possible` only where the commit was not answered."""
        at_most, sql = plan.basis["at_most"], plan.basis["sql"]
        if not isinstance(at_most, int) or not isinstance(sql, str):
            raise Refused("identity", "the plan names no statement")
        if control.aborted():
            return RunResult(Outcome.FAILED, "stopped before anything was sent", 0, plan.count)
        rows, committed = await self._adapter.execute(sql, at_most)
        if not committed:
            text = f"rolled back, nothing changed: it hit {rows:,} rows, more than {at_most:,}"
            return RunResult(Outcome.FAILED, text, 0, plan.count)
        if not rows and plan.count:
            return RunResult(Outcome.FAILED, "no row matched any more: nothing changed", 0, plan.count)
        return RunResult(Outcome.SUCCEEDED, f"{rows:,} rows {_AFTER[_change(sql).verb]}", rows, max(rows, plan.count))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Looks once more how many rows match. The server has said that it committed: what matches now may be new."""
        sql = str(plan.basis["sql"])
        change = _change(sql)
        if change.verb == "INSERT":
            return Verification(True, f"the server committed {result.done:,} rows")
        try:
            left = (await self._adapter.survey(sql)).matched
        except NotFound:
            return Verification(change.verb == "DROP TABLE", f"{change.table} is gone")
        except CockpitError as error:
            return Verification(None, f"committed, but cannot see what matches now: {error.message}")
        if change.verb == "DROP TABLE":
            return Verification(False, f"{change.table} is still there")
        if not left:
            return Verification(True, "no row matches the statement any more")
        if change.verb == "UPDATE" and left >= result.done:
            return Verification(None, f"{left:,} rows match: the condition does not tell changed rows from others")
        return Verification(None, f"{left:,} rows match: new ones, or still to be changed")


def _change(sql: str) -> RowChange:
    try:
        found = row_change(sql)
    except NotOne as error:
        raise Refused("parameters", f"sql is not one statement: {error}") from None
    if found is None:
        raise Refused(
            "parameters",
            "only a plain UPDATE, DELETE, INSERT, TRUNCATE or DROP TABLE of one table is run",
            hint="run anything else by hand",
        )
    return found


def _before(change: RowChange) -> str:
    if change.verb == "INSERT":
        return "not there"
    return f"those that match {change.where}" if change.where else "all of them"


def _objects(found: RowSurvey, change: RowChange) -> tuple[str, ...]:
    of = f" of {'about ' if found.estimated else ''}{found.population:,}" if change.verb != "INSERT" else ""
    more = f", the first {len(found.sample.rows)}:" if found.sample.rows else ""
    return (f"{found.matched:,} rows{of}{more}", *_rows(found.sample))


def _rows(sample: QueryResult) -> list[str]:
    return [
        "  " + ", ".join(f"{name}={value[:40]}" for name, value in zip(sample.columns, row, strict=True))[:200]
        for row in sample.rows
    ]


def _objections(found: RowSurvey, change: RowChange, at_most: int) -> list[Refusal]:
    refusals = []
    if found.read_only:
        refusals.append(Refusal("precondition", "the server is a standby and takes no changes", "Act on its primary"))
    if not found.matched and change.verb != "DROP TABLE" and found.permission.grant.value != "denied":
        refusals.append(Refusal("precondition", "no row matches: there is nothing to change", "Check the condition"))
    if found.matched > at_most:
        more = f"{found.matched:,} rows match, more than when it was planned (at most {at_most:,})"
        refusals.append(Refusal("precondition", more, "Plan again"))
    return refusals


def _warnings(found: RowSurvey, change: RowChange, over: str, tier: Tier) -> list[str]:
    warnings = [f"{over}: needs {tier.name}"] if over else []
    if change.verb in ("UPDATE", "DELETE"):
        if not change.where:
            warnings.append("it has no WHERE: every row of the table is hit")
        elif not _TIME_BOUND.search(change.where):
            warnings.append("no time bound: rows that came a moment ago are hit too")
    if found.triggers:
        warnings.append(f"triggers fire: {', '.join(found.triggers[:5])}")
    if found.cascades and change.verb in ("DELETE", "TRUNCATE", "DROP TABLE"):
        warnings.append(f"rows of {', '.join(found.cascades[:5])} refer to these and follow or lose their reference")
    if found.estimated:
        warnings.append("the table is too large to count: its size is the server's estimate")
    return warnings
