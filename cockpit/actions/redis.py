"""Deleting keys by pattern and flushing one logical database: how each is planned, run and looked at afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.actions.bound import BoundAction
from cockpit.actions.guards import raised
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.keycalls import REPLACES as REPLACES
from cockpit.adapters.capabilities import KeyDeleting
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Limits

COUNT_FOR_S = 5.0  # a plan counts that long; what it has not seen by then counts as over the cap
DELETE_DEADLINE_S = 900.0
FLUSH_DEADLINE_S = 30.0
_GONE = Undo("none: deleted keys do not come back; the application has to write them again")
_RUN_ID = Param("run_id", ParamKind.TEXT, "the server process that was looked at", required=False, identity=True)

DELETE = ActionSpec(
    id="redis.delete",
    title="Delete keys",
    pane=SourceKind.REDIS,
    key="D",
    tier=Tier.T3,
    summary="Deletes the keys that match a pattern, in batches (SCAN and UNLINK), abortable.",
    params=(
        Param("pattern", ParamKind.TEXT, "glob pattern such as session:*"),
        _RUN_ID,
        Param("at_most", ParamKind.INTEGER, "stop at this many keys", required=False, identity=True),
    ),
    scope=Scope.SOURCE,
)
FLUSH = ActionSpec(
    id="redis.flush",
    title="Flush database",
    pane=SourceKind.REDIS,
    key="F",
    tier=Tier.T3,
    summary="Deletes all keys of one logical database (FLUSHDB ASYNC).",
    params=(_RUN_ID,),
    scope=Scope.SOURCE,
)

SPECS = (DELETE, FLUSH)


def handlers(
    source_id: str, adapter: KeyDeleting, scene: Scene, limits: Limits, clock: Clock, *, shared: bool = False
) -> list[ActionHandler]:
    """Both actions for one source; `shared`: other systems use the server too."""
    bench = _Bench(source_id, adapter, scene, limits, clock, shared)
    return [DeleteKeys(bench), FlushDatabase(bench)]


@dataclass(frozen=True, slots=True)
class _Bench:
    source: str
    adapter: KeyDeleting
    scene: Scene
    limits: Limits
    clock: Clock
    shared: bool

    def target(self, identity: Mapping[str, str]) -> str:
        return (
            f"db{identity['database']} of {identity['server']} "
            f"({self.source}, {self.scene.system}/{self.scene.environment})"
        )

    def redis_cli(self) -> str:
        return shlex.join(self.adapter.client_command())


class _OnKeys(BoundAction):
    """What both actions have in common."""

    def __init__(self, bench: _Bench, spec: ActionSpec) -> None:
        super().__init__(spec, bench.source)
        self._bench = bench

    def _wrong_server(self, request: ActionRequest, identity: Mapping[str, str]) -> list[Refusal]:
        found = []
        if not identity["run_id"]:
            found.append(
                Refusal(
                    "identity",
                    "the server hides its run_id, so that a restart or failover could not be noticed",
                    "Do it by hand with the command shown",
                )
            )
        elif request.get("run_id") not in ("", identity["run_id"]):
            found.append(
                Refusal("identity", "the server was restarted or replaced since it was looked at", "Look at it again")
            )
        if identity["role"] != "master":
            found.append(Refusal("precondition", "the server is a replica and takes no writes", "Act on its master"))
        return found

    def _tier(self, over: Sequence[str]) -> tuple[Tier, tuple[str, ...]]:
        """The tier with the reasons that raise it, each as a warning. It is raised once, however many there are."""
        reasons = list(over)
        if self._bench.shared:
            reasons.append("other systems use this server too (shared = true in the profile)")
        tier = raised(self._spec.tier) if reasons else self._spec.tier
        return tier, tuple(f"{reason}: needs {tier.name}" for reason in reasons)


class DeleteKeys(_OnKeys):
    """UNLINK of what matches a pattern at the moment it runs.

    The keys of a live cache come and go, so the number and the names are shown but are not what is agreed to.
    Agreed are the pattern, the server process and a ceiling (`at_most`, captured when it is first planned): twice
    what matched, and a thousand. More than that refuses the plan, and stops the run.
    """

    def __init__(self, bench: _Bench) -> None:
        super().__init__(bench, DELETE)

    async def plan(self, request: ActionRequest) -> Plan:
        """Counts by SCAN for 5 s at most. Raises Refused for a pattern that means everything, and CockpitError."""
        pattern = request.get("pattern")
        _refuse_everything(pattern)
        bench = self._bench
        identity = await bench.adapter.server_identity()
        population = await bench.adapter.key_count()
        count, first, complete = await self._count(pattern)
        at_most = int(request.get("at_most") or 2 * (count if complete else max(count, population)) + 1000)
        tier, warnings = self._tier(self._over(count, population, complete))
        refusals = self._wrong_server(request, identity)
        if complete and not count:
            refusals.append(Refusal("precondition", f"no key matches {pattern}", "Check the pattern"))
        if count > at_most:
            more = f"{count:,} keys match, far more than when it was planned (at most {at_most:,})"
            refusals.append(Refusal("precondition", more, "Plan again"))
        return Plan(
            request=ActionRequest(
                DELETE.id,
                bench.source,
                {
                    "pattern": pattern,
                    "run_id": request.get("run_id") or identity["run_id"],
                    "at_most": str(at_most),
                },
            ),
            title=f"Delete the keys {pattern}",
            tier=tier,
            target=bench.target(identity),
            identity=identity,
            changes=(Change(f"keys matching {pattern} in db{identity['database']}", "present", "deleted"),),
            objects=tuple(first),
            count=count,
            population=max(population, count),
            affected="every client that reads these keys: it misses and goes to what is behind the cache",
            operation=(
                f"SCAN <cursor> MATCH {pattern} COUNT 1000",
                "UNLINK <keys of each page>: 10 first, then 500 at a time",
                f"stops at {at_most:,} keys",
            ),
            equivalent=(self._equivalent(pattern),),
            permission=await self._permission(first),
            undo=_GONE,
            planned_at=bench.clock.now(),
            deadline_s=DELETE_DEADLINE_S,
            refusals=tuple(refusals),
            warnings=warnings,
            symptoms=(bench.source,),
            basis={"at_most": at_most},
            moving=True,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Delete. What was left over by an abort or by the ceiling is FAILED, with the number that went."""
        at_most = int(plan.request.get("at_most"))
        done = 0
        left_over = False  # a stop that came after the last key left nothing over

        def progress(now: int, _total: int, note: str) -> None:
            nonlocal done
            done = now
            control.progress(now, plan.count, note)

        def halt() -> bool:
            nonlocal left_over
            left_over = left_over or control.aborted() or done >= at_most
            return left_over

        done = await self._bench.adapter.unlink_matching(
            plan.request.get("pattern"), dict(plan.identity), progress, halt
        )
        if left_over and control.aborted():
            text = f"stopped after {done:,} of about {plan.count:,} keys: the rest is still there"
            return RunResult(Outcome.FAILED, text, done, plan.count)
        if left_over:
            text = f"stopped at the ceiling after {done:,} keys: more match than was planned"
            return RunResult(Outcome.FAILED, text, done, plan.count)
        return RunResult(Outcome.SUCCEEDED, f"{done:,} keys deleted", done, max(done, plan.count))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """No key matches any more; those written meanwhile are named."""
        pattern = plan.request.get("pattern")
        count, first, complete = await self._count(pattern)
        if count:
            names = ", ".join(first[:3]) + (" …" if count > 3 else "")
            return Verification(False, f"{count:,} keys match {pattern} (written meanwhile, or left): {names}")
        if not complete:
            return Verification(None, f"no key was found in {COUNT_FOR_S:.0f} s of looking, but not all were seen")
        return Verification(True, f"no key matches {pattern} any more")

    async def _count(self, pattern: str) -> tuple[int, list[str], bool]:
        clock = self._bench.clock
        until = clock.monotonic() + COUNT_FOR_S
        stopped = False

        def late() -> bool:
            nonlocal stopped
            stopped = stopped or clock.monotonic() >= until
            return stopped

        count, first = await self._bench.adapter.sample_keys(pattern, lambda *_: None, late)
        return count, first, not stopped

    def _over(self, count: int, population: int, complete: bool) -> list[str]:
        limits = self._bench.limits
        if not complete:
            return [f"counting was stopped after {COUNT_FOR_S:.0f} s at {count:,} keys: more may match"]
        if count > limits.keys:
            return [f"{count:,} keys are over the cap of {limits.keys:,}"]
        if population and count / population > limits.keys_share:
            return [
                f"{100 * count / population:.0f} % of all keys is over the cap of {100 * limits.keys_share:.0f} %"
            ]
        return []

    async def _permission(self, first: Sequence[str]) -> Permission:
        return await self._bench.adapter.may_run(
            [("scan", "0"), *(("unlink", key) for key in first[:3] or ("cockpit:none",))]
        )

    def _equivalent(self, pattern: str) -> str:
        cli = self._bench.redis_cli()
        return f"{cli} --scan --pattern {shlex.quote(pattern)} | xargs -r -d '\\n' -n 500 {cli} unlink"


class FlushDatabase(_OnKeys):
    """FLUSHDB ASYNC. All keys go by intention, so the cap on the share of keys does not apply; that on their number
    does."""

    def __init__(self, bench: _Bench) -> None:
        super().__init__(bench, FLUSH)

    async def plan(self, request: ActionRequest) -> Plan:
        """What goes. Raises CockpitError."""
        bench = self._bench
        identity = await bench.adapter.server_identity()
        count = await bench.adapter.key_count()
        over = f"{count:,} keys are over the cap of {bench.limits.keys:,}"
        tier, warnings = self._tier([over] if count > bench.limits.keys else [])
        database = f"db{identity['database']}"
        return Plan(
            request=ActionRequest(FLUSH.id, bench.source, {"run_id": request.get("run_id") or identity["run_id"]}),
            title=f"Flush {database}",
            tier=tier,
            target=bench.target(identity),
            identity=identity,
            changes=(Change(f"all keys of {database}", "present", "deleted"),),
            objects=(f"all {count:,} keys of {database}; other logical databases are not touched",),
            count=count,
            population=count,
            affected=f"every client of {database}: it starts with an empty cache, what is behind it takes all reads",
            operation=("FLUSHDB ASYNC",),
            equivalent=(f"{bench.redis_cli()} flushdb async",),
            permission=await bench.adapter.may_run([("flushdb", "async")]),
            undo=_GONE,
            planned_at=bench.clock.now(),
            deadline_s=FLUSH_DEADLINE_S,
            refusals=tuple(self._wrong_server(request, identity)),
            warnings=warnings,
            symptoms=(bench.source,),
            moving=True,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Flush."""
        await self._bench.adapter.flush(dict(plan.identity))
        return RunResult(Outcome.SUCCEEDED, f"about {plan.count:,} keys deleted", plan.count, plan.count)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """DBSIZE is 0, or what was written since."""
        left = await self._bench.adapter.key_count()
        if not left:
            return Verification(True, "the database is empty")
        if left < plan.count:
            return Verification(True, f"{left:,} keys: written since")
        return Verification(False, f"{left:,} keys are there, no fewer than before")


def _refuse_everything(pattern: str) -> None:
    if not pattern.strip():
        raise Refused("precondition", "no pattern was given", hint="Give one such as session:*")
    if not pattern.strip("*?"):
        raise Refused(
            "precondition", f"{pattern} means every key of the database", hint="Use redis.flush (F), which says so"
        )
