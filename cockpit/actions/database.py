"""The four actions on database sessions: cancel, terminate, unblock, terminate the idle ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cockpit.actions.bound import BoundAction
from cockpit.actions.endings import REPLACES as REPLACES
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.idle import TERMINATE_IDLE, TerminateIdle
from cockpit.actions.sessions import (
    GONE_WITHIN_S,
    Bench,
    below,
    counted,
    cut,
    doing,
    exactly,
    identity_of,
    moment,
    named,
    objections,
    span,
    until,
    until_gone,
    wanted_start,
    who,
)
from cockpit.adapters.capabilities import Ending, SessionEnding
from cockpit.clock import Clock
from cockpit.errors import CockpitError, NotFound, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.database import BlockingNode, Session, SessionIdentity
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Limits

DEADLINE_S = 10.0
_PID = Param("pid", ParamKind.INTEGER, "process id of the session", identity=True)
_START = Param("backend_start", ParamKind.TEXT, "when that session began (ISO 8601)", required=False, identity=True)

CANCEL = ActionSpec(
    id="database.cancel",
    title="Cancel statement",
    pane=SourceKind.DATABASE,
    key="C",
    tier=Tier.T1,
    summary="Cancels the statement that a session is running (pg_cancel_backend); the session stays.",
    params=(_PID, _START),
)
TERMINATE = ActionSpec(
    id="database.terminate",
    title="Terminate session",
    pane=SourceKind.DATABASE,
    key="K",
    tier=Tier.T2,
    summary="Ends one session (pg_terminate_backend); its transaction rolls back.",
    params=(_PID, _START),
)
UNBLOCK = ActionSpec(
    id="database.unblock",
    title="Unblock",
    pane=SourceKind.DATABASE,
    key="U",
    tier=Tier.T2,
    summary="Ends the session at the root of the lock waits: of the selected session, else the one that blocks most.",
    params=(
        Param("pid", ParamKind.INTEGER, "a session that waits, or its blocker", required=False, identity=True),
        _START,
    ),
)
SPECS = (CANCEL, TERMINATE, TERMINATE_IDLE, UNBLOCK)

_CANCEL_UNDO = Undo("cannot be undone: the client sees 57014 (query_canceled) and its transaction fails")
_TERMINATE_UNDO = Undo("cannot be undone: the client sees 57P01 (admin_shutdown) and its transaction rolls back")


def handlers(
    source_id: str, adapter: SessionEnding, scene: Scene, limits: Limits, clock: Clock
) -> list[ActionHandler]:
    """All four for one source."""
    bench = Bench(source_id, adapter, scene, limits, clock)
    return [CancelStatement(bench), TerminateSession(bench), TerminateIdle(bench), Unblock(bench)]


class _OnSession(BoundAction):
    """What the actions on one session have in common."""

    declared: ActionSpec
    ending: Ending

    def __init__(self, bench: Bench) -> None:
        super().__init__(self.declared, bench.source)
        self._bench = bench

    async def choices(self, param: str) -> Sequence[Choice]:
        """The client sessions now, longest transaction first, where a runbook leaves the pid open."""
        if param != "pid":
            return ()
        sessions = await self._bench.adapter.client_sessions()
        ranked = sorted(sessions, key=lambda session: -(session.transaction_age_s or 0.0))
        return [Choice(str(session.pid), f"{who(session)}: {doing(session)}") for session in ranked[:100]]

    async def _selected(self, request: ActionRequest) -> Session:
        """The session that the request names, as it is now. Raises Refused, NotFound, CockpitError."""
        if not request.get("pid"):
            raise Refused("parameters", f"{self.declared.id} needs a pid", hint="--set pid=4411, or select a row")
        pid = int(request.get("pid"))
        session = await self._bench.adapter.find_session(pid) if pid > 0 else None
        if session is None:
            raise NotFound(
                f"there is no session with pid {pid} on {self._bench.adapter.server} (any more)",
                hint="it has ended by itself, or somebody else ended it",
            )
        return session

    async def _plan_for(self, request: ActionRequest, session: Session) -> Plan:
        """The plan to end this session, or what it does; the parts that differ are replaced by each action."""
        bench = self._bench
        identity = session.identity
        start = wanted_start(request)
        sql = bench.adapter.ending_sql(self.ending, identity)
        return Plan(
            request=ActionRequest(
                self.declared.id,
                bench.source,
                {"pid": request.get("pid"), "backend_start": moment(start or identity.backend_start)},
            ),
            title=f"{self.declared.title}: pid {session.pid}",
            tier=self.declared.tier,
            target=bench.target(f"pid {session.pid}"),
            identity=identity_of(session),
            changes=(Change(f"session of pid {session.pid}", "connected", "ended, its transaction rolled back"),),
            objects=(named(session), f"  {doing(session)}"),
            count=1,
            population=0,
            affected=f"{who(session)}, {doing(session)}",
            operation=(sql,),
            equivalent=(bench.adapter.by_hand(sql),),
            permission=await bench.adapter.may_end([session]),
            undo=_TERMINATE_UNDO,
            planned_at=bench.clock.now(),
            deadline_s=DEADLINE_S,
            refusals=tuple(objections(session, start)),
            symptoms=(bench.source,),
            basis={"identity": identity, "query": session.query},
            moving=True,
        )

    def _identity(self, plan: Plan) -> SessionIdentity:
        identity = plan.basis["identity"]
        if not isinstance(identity, SessionIdentity):
            raise Refused("identity", "the plan names no session")
        return identity

    def _result(self, pid: int, answer: bool | None, did: str) -> RunResult:
        """The boolean of the server is the outcome."""
        function = f"pg_{self.ending.value}_backend"
        if answer is None:
            text = f"pid {pid} was no longer that session: nothing was sent"
            return RunResult(Outcome.REFUSED, text, 0)
        if not answer:
            text = f"{function} answered false: the server could not signal pid {pid}, it may just have ended"
            return RunResult(Outcome.FAILED, text, 0)
        return RunResult(Outcome.SUCCEEDED, did)

    async def _verify_gone(self, plan: Plan) -> Verification:
        identity = self._identity(plan)
        try:
            gone = await until_gone(self._bench, identity)
        except CockpitError as error:
            return Verification(None, f"cannot see whether pid {identity.pid} is gone: {error.message}")
        if gone:
            return Verification(True, f"pid {identity.pid} is gone")
        return Verification(
            False,
            f"pid {identity.pid} is still there after {GONE_WITHIN_S:.0f} s: it has the signal, but is stuck "
            "(disk, network storage or a function that does not stop)",
        )


class CancelStatement(_OnSession):
    """pg_cancel_backend. The statement's text is part of what is agreed to: another statement is another plan."""

    declared = CANCEL
    ending = Ending.CANCEL

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._sent_at: float | None = None  # monotonic; a target has one run at a time

    async def plan(self, request: ActionRequest) -> Plan:
        """Raises Refused, NotFound, CockpitError."""
        session = await self._selected(request)
        plan = await self._plan_for(request, session)
        refusals = list(plan.refusals)
        if session.state not in ("active", "fastpath function call"):
            refusals.append(
                Refusal(
                    "precondition",
                    f"pid {session.pid} runs no statement: it is {session.state or 'in a hidden state'}",
                    "Terminate the session (K) if it is in the way",
                )
            )
        return replace(
            plan,
            changes=(
                Change(f"statement of pid {session.pid}", exactly(session.query), "cancelled; the session stays"),
            ),
            undo=_CANCEL_UNDO,
            refusals=tuple(refusals),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Cancel. Raises CockpitError."""
        identity = self._identity(plan)
        self._sent_at = self._bench.clock.monotonic()
        answer = await self._bench.adapter.cancel(identity)
        return self._result(identity.pid, answer, f"the statement of pid {identity.pid} was told to stop")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The statement ended: the session is gone, does something else, or began anew."""
        identity, query = self._identity(plan), plan.basis["query"]
        # A client that tries again at once has the same statement running before anybody looks.
        sent_at = self._bench.clock.monotonic() if self._sent_at is None else self._sent_at

        async def ended() -> bool:
            session = await self._bench.adapter.find_session(identity.pid)
            if session is None or session.identity != identity:
                return True
            elapsed = self._bench.clock.monotonic() - sent_at
            anew = session.query_age_s is not None and session.query_age_s < elapsed
            return session.state != "active" or session.query != query or anew

        try:
            holds = await until(self._bench, ended)
        except CockpitError as error:
            return Verification(None, f"cannot see whether the statement ended: {error.message}")
        if holds:
            return Verification(True, f"pid {identity.pid} no longer runs the statement")
        return Verification(
            False,
            f"pid {identity.pid} still runs it after {GONE_WITHIN_S:.0f} s; terminating the session (K) is next",
        )


class TerminateSession(_OnSession):
    """pg_terminate_backend of one session."""

    declared = TERMINATE
    ending = Ending.TERMINATE

    async def plan(self, request: ActionRequest) -> Plan:
        """Raises Refused, NotFound, CockpitError."""
        session = await self._selected(request)
        plan = await self._plan_for(request, session)
        warnings = []
        if session.application == "cockpit":
            warnings.append("this looks like a colleague's cockpit")
        if session.state == "active":
            warnings.append("it is working: cancelling its statement (C) may be enough")
        return replace(plan, warnings=tuple(warnings))

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Terminate. Raises CockpitError."""
        identity = self._identity(plan)
        answer = await self._bench.adapter.terminate(identity)
        return self._result(identity.pid, answer, f"pid {identity.pid} was told to end")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The session is gone."""
        return await self._verify_gone(plan)


class Unblock(_OnSession):
    """pg_terminate_backend of the root of a tree of lock waits, and of nothing else."""

    declared = UNBLOCK
    ending = Ending.TERMINATE

    async def plan(self, request: ActionRequest) -> Plan:
        """Raises Refused where nothing is blocked, CockpitError."""
        roots = await self._bench.adapter.blocking_tree()
        root = await self._root(request, roots)
        plan = await self._plan_for(
            ActionRequest(
                UNBLOCK.id,
                self._bench.source,
                {"pid": str(root.session.pid), "backend_start": moment(root.session.backend_start)},
            ),
            root.session,
        )
        freed = below(root)
        under = {root.session.pid, *(node.session.pid for _, node in freed)}
        elsewhere = [node for _, node in freed if not under.issuperset(node.session.blocked_by)]
        warnings = []
        if elsewhere:
            pids = ", ".join(str(node.session.pid) for node in elsewhere[:5])
            warnings.append(f"{len(elsewhere)} of them also wait for somebody else (pid {pids})")
        if len(roots) > 1:
            warnings.append(f"{len(roots) - 1} other blockers remain")
        if root.session.state == "active":
            warnings.append("the blocker is working: cancelling its statement (C) may be enough")
        names = counted([node.session.application for _, node in freed])
        return replace(
            plan,
            title=f"Unblock: end pid {root.session.pid}",
            objects=(*plan.objects, *(_branch(depth, node) for depth, node in freed)),
            affected=f"ends {plan.affected}; frees {len(freed)} waiting ({names})",
            warnings=tuple(warnings),
            basis={**plan.basis, "freed": tuple(node.session.identity for _, node in freed)},
        )

    async def _root(self, request: ActionRequest, roots: Sequence[BlockingNode]) -> BlockingNode:
        if not roots:
            raise Refused("precondition", "no session waits for a lock", hint="There is nothing to unblock")
        if not request.get("pid"):
            return roots[0]
        pid, start = int(request.get("pid")), wanted_start(request)
        for root in roots:
            for session in (root.session, *(node.session for _, node in below(root))):
                if session.pid != pid:
                    continue
                if start is not None and session.backend_start != start:
                    raise Refused(
                        "identity", f"pid {pid} is another session now: {named(session)}", hint="Look again"
                    )
                return root
        raise Refused(
            "precondition",
            f"pid {pid} neither waits for a lock nor blocks anyone",
            hint="Ending it would free nobody",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Look once more that it still blocks somebody, then end it. Raises CockpitError."""
        identity = self._identity(plan)
        roots = await self._bench.adapter.blocking_tree()
        if identity not in [root.session.identity for root in roots]:
            return RunResult(Outcome.REFUSED, f"pid {identity.pid} no longer blocks anyone: nothing was sent", 0)
        answer = await self._bench.adapter.terminate(identity)
        return self._result(identity.pid, answer, f"pid {identity.pid}, which blocked the others, was told to end")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The root is gone; how many of those it held up wait no more."""
        seen = await self._verify_gone(plan)
        freed = plan.basis["freed"]
        if not seen.holds or not isinstance(freed, tuple):
            return seen
        try:
            roots = await self._bench.adapter.blocking_tree()
        except CockpitError as error:
            return Verification(True, f"{seen.text}; cannot see who still waits: {error.message}")
        waiting = {node.session.identity for root in roots for _, node in below(root)}
        still = sum(1 for identity in freed if identity in waiting)
        return Verification(True, f"{seen.text}; {len(freed) - still} of {len(freed)} wait no more")


def _branch(depth: int, node: BlockingNode) -> str:
    session = node.session
    name = f"pid {session.pid} {session.application or 'unnamed'}"
    return f"{'  ' * depth}└ {name} waits {span(node.waiting_s)} for {node.lock}: {cut(session.query)}"
