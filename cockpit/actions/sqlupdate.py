"""The changes of rows that a profile declares ([[database.update]]), run as `database.execute` runs any statement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cockpit.actions.guards import raised
from cockpit.actions.handler import ActionHandler, Scene
from cockpit.actions.sql import EXECUTE, ExecuteStatement
from cockpit.adapters.capabilities import SqlRunning
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, ActionSpec, Choice, Param, ParamKind, Plan, Scope, Tier, Undo
from cockpit.model.severity import SourceKind
from cockpit.model.sql import one_line, tokens
from cockpit.profile.database import SqlInput, SqlUpdateSpec
from cockpit.profile.schema import Limits
from cockpit.text import clean

_INTEGER = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?")
_OVER = re.compile(r": needs T\d$")
_KINDS = {"integer": ParamKind.INTEGER}
_NAME = Param("name", ParamKind.CHOICE, "name of a [[database.update]] of the profile")
_AT_MOST = Param("at_most", ParamKind.INTEGER, "rolled back above this many rows", required=False, identity=True)

UPDATE = ActionSpec(
    id="database.update",
    title="Declared change",
    short="Change",
    pane=SourceKind.DATABASE,
    key="W",
    tier=Tier.T3,
    summary="Runs one UPDATE, DELETE or INSERT that the profile declares, in a transaction, rolled back where it "
    "hits more rows than planned.",
    params=(_NAME, _AT_MOST),
    scope=Scope.SOURCE,
)
SPECS = (UPDATE,)


def handlers(
    source_id: str,
    declared: Sequence[SqlUpdateSpec],
    adapter: SqlRunning,
    scene: Scene,
    limits: Limits,
    clock: Clock,
) -> list[ActionHandler]:
    """One for one source, whatever the number of declared changes; none where there are none."""
    return [DeclaredUpdate(source_id, declared, adapter, scene, limits, clock)] if declared else []


class DeclaredUpdate(ExecuteStatement):
    """Which of them is the parameter `name`; tier, who feels it and the way back are as declared."""

    def __init__(
        self,
        source: str,
        declared: Sequence[SqlUpdateSpec],
        adapter: SqlRunning,
        scene: Scene,
        limits: Limits,
        clock: Clock,
    ) -> None:
        super().__init__(source, adapter, scene, limits, clock)
        self._declared = {each.name: each for each in declared}
        least = min(Tier[each.tier] for each in declared)
        self._spec = replace(UPDATE, params=(_NAME, *_asked(declared), _AT_MOST), tier=least)

    async def choices(self, param: str) -> Sequence[Choice]:
        """The declared changes."""
        if param != "name":
            return ()
        return [Choice(name, f"{clean(each.title, 100)} ({name})") for name, each in self._declared.items()]

    async def plan(self, request: ActionRequest) -> Plan:
        """As for any statement, with the values filled in. Raises Refused, NotFound, CockpitError."""
        name = request.get("name")
        if name not in self._declared:
            known = ", ".join(self._declared)
            raise Refused(
                "parameters",
                f"the profile declares no database.update {clean(name, 60)!r}",
                hint=f"Declared: {known}",
            )
        declared = self._declared[name]
        sql = filled(
            declared, {key: value for key, value in request.params.items() if key not in ("name", "at_most")}
        )
        inner = {"sql": sql, "at_most": request.get("at_most")}
        plan = await super().plan(ActionRequest(EXECUTE.id, self._source, inner))
        given = {key: value for key, value in request.params.items() if value}
        over = plan.tier > Tier.T3
        tier = Tier[declared.tier]
        return replace(
            plan,
            request=ActionRequest(UPDATE.id, self._source, {**given, "at_most": plan.request.get("at_most")}),
            title=clean(declared.title, 100),
            tier=raised(tier) if over else tier,
            affected=clean(declared.affects, 200),
            undo=Undo(clean(declared.undo, 300)),
            warnings=tuple(_OVER.sub(f": needs {raised(tier).name}", each) for each in plan.warnings),
        )


def filled(declared: SqlUpdateSpec, given: Mapping[str, str]) -> str:
    """The statement with literals in its places. Raises Refused for a value that is missing, or does not fit."""
    wanted = {each.name: each for each in declared.input}
    foreign = sorted(name for name, value in given.items() if value and name not in wanted)
    if foreign:
        raise Refused("parameters", f"{declared.name} asks for no {', '.join(clean(name, 40) for name in foreign)}")
    literals = [_literal(each, given.get(each.name, "")) for each in declared.input]
    made, end = "", 0
    for token in tokens(declared.statement):
        if token.kind == "parameter":
            made += f"{declared.statement[end : token.start]} {literals[int(token.text[1:]) - 1]} "
            end = token.end
    return one_line(made + declared.statement[end:])


def _literal(asked: SqlInput, value: str) -> str:
    """An SQL literal; a negative number in brackets, for two dashes begin a comment."""
    if not value:
        raise Refused("parameters", f"{asked.name} is needed", hint=clean(asked.help, 200))
    if asked.kind in ("integer", "number"):
        if not (_INTEGER if asked.kind == "integer" else _NUMBER).fullmatch(value) or not value.isascii():
            raise Refused(
                "parameters", f"{asked.name} must be {'a whole' if asked.kind == 'integer' else 'a'} number"
            )
        return f"({value})" if value.startswith("-") else value
    if clean(value, len(value) + 1) != value or "\\" in value or len(value) > 1000:
        raise Refused("parameters", f"{asked.name} must be plain text in one line, without \\")
    return "'" + value.replace("'", "''") + "'"


def _asked(declared: Sequence[SqlUpdateSpec]) -> list[Param]:
    """One parameter for each name; which change wants it is said, and is for the plan to check."""
    found: dict[str, Param] = {}
    for update in declared:
        for each in update.input:
            said = f"{clean(each.help, 100) or each.kind}; for {update.name}"
            kind = _KINDS.get(each.kind, ParamKind.TEXT)
            if (known := found.get(each.name)) is not None:
                said = f"{known.help} and {update.name}"
                kind = kind if kind is known.kind else ParamKind.TEXT
            found[each.name] = Param(each.name, kind, said, required=False)
    return list(found.values())
