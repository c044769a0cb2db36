"""Ending the sessions that have been idle for long: a list that is agreed to, ended one by one, a canary first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cockpit.actions.bound import BoundAction
from cockpit.actions.endings import THIS_DATABASE
from cockpit.actions.guards import raised
from cockpit.actions.handler import RunControl
from cockpit.actions.sessions import Bench, counted, named, span, tally, until_gone
from cockpit.adapters.capabilities import Ending
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
from cockpit.model.database import Session, SessionIdentity
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import parse_duration

STEP = 5  # sessions between two looks whether the server keeps up
_SQL_SHOWN = 5
_REMEMBERED = 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TERMINATE_IDLE = ActionSpec(
    id="database.terminate_idle",
    title="Terminate idle sessions",
    short="End idle",
    pane=SourceKind.DATABASE,
    key="I",
    tier=Tier.T3,
    summary="Ends the sessions that have been idle (not in a transaction) for longer than a time.",
    params=(
        Param("older_than", ParamKind.DURATION, "idle for at least so long", required=False, default="10m"),
        Param("database", ParamKind.TEXT, "only of this database; all when empty", required=False),
        Param("sessions", ParamKind.TEXT, "the sessions that were agreed to", required=False, identity=True),
    ),
    scope=Scope.SOURCE,
)


@dataclass(slots=True)
class _Tally:
    ended: int = 0
    skipped: int = 0
    details: list[str] = field(default_factory=list)

    def text(self) -> str:
        return tally({"ended": self.ended, "no longer idle or gone": self.skipped})


class TerminateIdle(BoundAction):
    """pg_terminate_backend of each planned session that is still idle when its turn comes.

    The plan pins its sessions (`sessions`): those who become idle later are not touched, those who left are skipped.
    """

    def __init__(self, bench: Bench) -> None:
        super().__init__(TERMINATE_IDLE, bench.source)
        self._bench = bench
        self._lines: dict[SessionIdentity, str] = {}

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact sessions. Raises Refused for parameters that make no sense, CockpitError."""
        bench = self._bench
        idle_s = _duration(request)
        population = await bench.adapter.session_count()
        database = self._database(request)
        idle = {session.identity: session for session in await bench.adapter.idle_sessions(idle_s, database)}
        pinned = _unpinned(request.get("sessions")) if request.get("sessions") else sorted(idle, key=_order)
        left = [idle[identity] for identity in pinned if identity in idle]
        over = self._over(len(pinned), population)
        tier = raised(TERMINATE_IDLE.tier) if over else TERMINATE_IDLE.tier
        warnings = [f"{over}: needs {tier.name}"] if over else []
        if left and len(left) < len(pinned):
            warnings.append(f"{len(pinned) - len(left)} of them are no longer idle and will be skipped")
        where = f" of database {database}" if database else ""
        sql = [bench.adapter.ending_sql(Ending.TERMINATE_IDLE, identity, idle_s) for identity in pinned]
        more = (f"and {len(sql) - _SQL_SHOWN} more of the same form, one for each session",)
        return Plan(
            request=ActionRequest(
                TERMINATE_IDLE.id,
                bench.source,
                {"older_than": request.get("older_than") or "10m", "database": database, "sessions": _pinned(pinned)},
            ),
            title=f"Terminate {len(pinned)} idle sessions{where}",
            tier=tier,
            target=bench.target(f"sessions{where} idle for {span(idle_s)} or longer"),
            identity={"database": database or "all", "sessions": str(len(pinned))},
            changes=(
                Change("idle sessions", f"{len(pinned)} connected", "ended, if still idle when their turn comes"),
            ),
            objects=tuple(self._line(identity, idle.get(identity)) for identity in pinned),
            count=len(pinned),
            population=max(population, len(pinned)),
            affected=counted([session.application for session in left]) or "nobody",
            operation=(*sql[:_SQL_SHOWN], *(more if len(sql) > _SQL_SHOWN else ())),
            equivalent=tuple(bench.adapter.by_hand(text) for text in sql[:_SQL_SHOWN]),
            permission=await bench.adapter.may_end(left),
            undo=Undo("cannot be undone: each client sees 57P01 at its next use and must reconnect (pools do)"),
            planned_at=bench.clock.now(),
            deadline_s=30.0 + 2.0 * len(pinned),
            refusals=() if left else (self._nothing(idle_s, where),),
            warnings=tuple(warnings),
            symptoms=(bench.source,),
            basis={"sessions": tuple(pinned), "idle_s": idle_s},
        )

    def _database(self, request: ActionRequest) -> str:
        """By name; "@connected" is the one that the source is connected to, which is known by now."""
        name = request.get("database")
        return self._bench.adapter.server.rpartition("/")[2] if name == THIS_DATABASE else name

    @staticmethod
    def _nothing(idle_s: float, where: str) -> Refusal:
        reason = f"no session{where} has been idle for {span(idle_s)}"
        return Refusal("precondition", reason, "Sessions idle in a transaction are not meant: terminate those with K")

    def _over(self, count: int, population: int) -> str:
        limits = self._bench.limits
        if count > limits.sessions:
            return f"{count} sessions are over the cap of {limits.sessions}"
        if population and count / population > limits.sessions_share:
            share, cap = 100 * count / population, 100 * limits.sessions_share
            return f"{share:.0f} % of all sessions is over the cap of {cap:.0f} %"
        return ""

    def _line(self, identity: SessionIdentity, session: Session | None) -> str:
        """The same line for a pinned session for as long as anybody asks, also after it left."""
        if session is not None:
            while len(self._lines) >= _REMEMBERED:
                del self._lines[next(iter(self._lines))]
            self._lines.setdefault(identity, named(session))
        return self._lines.get(identity, f"pid {identity.pid}")

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One first, and when it is gone the others in steps; stops at the first failure and on abort.

        Never raises CockpitError: what was ended before a failure belongs into the result.
        """
        sessions, idle_s = plan.basis["sessions"], plan.basis["idle_s"]
        if not isinstance(sessions, tuple) or not isinstance(idle_s, float):
            raise Refused("identity", "the plan names no sessions")
        sofar, total = _Tally(), len(sessions)
        step: list[SessionIdentity] = []
        for number, identity in enumerate(sessions, 1):
            if control.aborted():
                text = f"stopped on request after {number - 1} of {total}: {sofar.text()}"
                return RunResult(Outcome.FAILED, text, sofar.ended, total, tuple(sofar.details))
            failure = await self._end(identity, idle_s, sofar, step)
            if failure is None and step and (sofar.ended == 1 or len(step) >= STEP or number == total):
                failure = await self._settle(step)
                step.clear()
            control.progress(number, total, sofar.text())
            if failure is not None:
                text = f"stopped at {number} of {total}: {failure.summary} ({sofar.text()})"
                return RunResult(failure.outcome, text, sofar.ended, total, tuple(sofar.details))
        outcome = Outcome.SUCCEEDED if sofar.ended else Outcome.REFUSED
        return RunResult(outcome, f"{sofar.text()} of {total}", sofar.ended, total, tuple(sofar.details))

    async def _end(
        self, identity: SessionIdentity, idle_s: float, sofar: _Tally, step: list[SessionIdentity]
    ) -> RunResult | None:
        """One session; the result only when the run must stop."""
        try:
            answer = await self._bench.adapter.terminate_idle(identity, idle_s)
        except CockpitError as error:
            outcome = Outcome.UNKNOWN if error.effect_possible else Outcome.FAILED
            sofar.details.append(f"pid {identity.pid}: {error.message}")
            return RunResult(outcome, f"pid {identity.pid}: {error}")
        if answer is None:
            sofar.skipped += 1
            sofar.details.append(f"pid {identity.pid}: no longer that session, or no longer idle: left alone")
        elif not answer:
            sofar.details.append(f"pid {identity.pid}: pg_terminate_backend answered false")
            return RunResult(Outcome.FAILED, f"the server could not signal pid {identity.pid}")
        else:
            sofar.ended += 1
            sofar.details.append(f"pid {identity.pid}: told to end")
            step.append(identity)
        return None

    async def _settle(self, step: Sequence[SessionIdentity]) -> RunResult | None:
        """Wait until all of the step are gone; the result only when they are not."""
        for identity in step:
            try:
                gone = await until_gone(self._bench, identity)
            except CockpitError as error:
                return RunResult(Outcome.UNKNOWN, f"cannot see whether pid {identity.pid} is gone: {error.message}")
            if not gone:
                return RunResult(Outcome.FAILED, f"pid {identity.pid} was told to end and is still there")
        return None

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """None of those that were told to end is there; the skipped ones are not looked for."""
        sessions, idle_s = plan.basis["sessions"], plan.basis["idle_s"]
        if not isinstance(sessions, tuple) or not isinstance(idle_s, float):
            return Verification(None, "the plan names no sessions")
        try:
            idle = await self._bench.adapter.idle_sessions(idle_s, plan.request.get("database"))
        except CockpitError as error:
            return Verification(None, f"cannot see which sessions are left: {error.message}")
        left = {session.identity for session in idle}.intersection(sessions)
        if left:
            pids = ", ".join(str(identity.pid) for identity in sorted(left, key=_order)[:10])
            return Verification(False, f"{len(left)} of {len(sessions)} are still there and idle: pid {pids}")
        return Verification(True, "none of the planned sessions is idle there any more")


def _duration(request: ActionRequest) -> float:
    try:
        return parse_duration(request.get("older_than") or "10m")
    except ValueError as error:
        raise Refused("parameters", f"older_than {error}") from None


def _order(identity: SessionIdentity) -> tuple[datetime, int]:
    return identity.backend_start, identity.pid


def _pinned(identities: Sequence[SessionIdentity]) -> str:
    """pid@microseconds since the epoch, with commas: exact, and short enough for thousands."""
    return ",".join(f"{i.pid}@{(i.backend_start - _EPOCH) // timedelta(microseconds=1)}" for i in identities)


def _unpinned(text: str) -> list[SessionIdentity]:
    try:
        parts = [part.split("@") for part in text.split(",")]
        return [SessionIdentity(int(pid), _EPOCH + timedelta(microseconds=int(start))) for pid, start in parts]
    except (ValueError, OverflowError):
        raise Refused("parameters", "sessions is filled in by the plan and not typed") from None
