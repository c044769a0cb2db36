"""What all actions on a Cloud SQL instance share: identity, what speaks against any operation, running and looking.

An operation is begun once and followed for ten minutes at most; it goes on without the cockpit, so what was not seen
to end is UNKNOWN and names the operation. One operation runs at a time on an instance: the one under way is named.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import cast

from cockpit.actions.google import GoogleAction, GoogleGround, preflight
from cockpit.actions.handler import RunControl
from cockpit.adapters.sqlinstance import Followed, InstanceChanging
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
    Tier,
    Undo,
    Verification,
)
from cockpit.model.cloudsql import CloudSqlStatus, SqlOperation
from cockpit.model.sqlchange import InstanceChange

IDENTITY = (
    Param("created", ParamKind.TEXT, "when the instance was created, as it was read", False, identity=True),
    Param("settings", ParamKind.TEXT, "settingsVersion of the instance as it was read", False, identity=True),
)
_SKEW = timedelta(seconds=10)  # between Google's clocks and ours


@dataclass(frozen=True, slots=True)
class Goal:
    """What an action wants of the instance: None as change where a refusal says why there is none."""

    title: str
    change: InstanceChange | None = None
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    objects: tuple[str, ...] = ()
    affected: str = "nobody"
    equivalent: tuple[str, ...] = ()
    undo: Undo = field(default_factory=lambda: Undo("nothing to undo"))
    tier: Tier | None = None
    pinned: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # parameters settled by the plan


class SqlAction(GoogleAction):
    """Plans, runs and verifies one operation; subclasses say which, and how its effect is seen."""

    DEADLINE_S = 650.0  # ten minutes for the operation, the rest for requests around it
    KIND = ""  # operationType
    STATES: tuple[str, ...] = ("RUNNABLE",)  # in which it can be begun
    STOPPED = False  # whether a stopped instance will do
    AFTER_FAILURE = "look at the instance before anything else"

    def __init__(self, spec: ActionSpec, ground: GoogleGround, adapter: InstanceChanging) -> None:
        super().__init__(spec, ground)
        self._adapter = adapter

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """The operation that this action wants."""
        raise NotImplementedError

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """What shows after the operation has ended well."""
        raise NotImplementedError

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact request, before and after, what speaks against it, and the permission."""
        status = await self._adapter.read_instance()
        goal = await self.goal(request, status)
        found = [*_identity(request, status), *self._condition(status), *goal.refusals]
        change = goal.change
        return self.card(
            replace(request, params={**request.params, **goal.pinned}) if goal.pinned else request,
            title=goal.title,
            target=f"{status.instance} on Cloud SQL {status.project}/{status.region}",
            identity={
                "instance": f"{status.project}/{status.instance}",
                "created": status.created.isoformat() if status.created else "",
                "settingsVersion": status.settings_version,
            },
            permission=await preflight(self._ground, self.NEEDS),
            undo=goal.undo,
            refusals=found,
            warnings=goal.warnings,
            changes=goal.changes,
            objects=goal.objects or ((status.instance,) if change is not None else ()),
            affected=goal.affected,
            operation=self._adapter.request(change) if change is not None else "",
            equivalent=goal.equivalent,
            basis={"change": change, "before": status, "undo": goal.undo},
            tier=goal.tier,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Begin it once and follow the operation."""
        change = cast("InstanceChange", plan.basis["change"])
        control.progress(0, 0, "waiting for Cloud SQL to accept it")
        begun = await self._adapter.begin(change)

        def tell(operation: SqlOperation, note: str) -> None:
            control.progress(0, 0, f"operation {operation.id} ({operation.kind}): {note}")

        return self._ended(plan, await self._adapter.follow(begun, tell, control.aborted))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look at the operation and the instance again."""
        status = await self._adapter.read_instance()
        operation = self._own(plan, result, status)
        if operation is None:
            return Verification(
                None, f"no {self.KIND} operation since the plan is in the list: it may not have begun"
            )
        if operation.running:
            return Verification(
                None, f"operation {operation.id} is {operation.status}: it goes on without the cockpit"
            )
        if operation.error:
            return Verification(False, f"operation {operation.id} failed: {operation.error}")
        return self.seen(plan, status, operation)

    def _ended(self, plan: Plan, followed: Followed) -> RunResult:
        operation = followed.operation
        name = f"operation {operation.id} ({operation.kind})"
        if followed.problem or operation.running:
            look = by_hand("sql", "operations", "describe", operation.id, f"--project={self._ground.project}")
            said = f"{followed.problem}; {name} goes on without the cockpit: look with {look}"
            return RunResult(Outcome.UNKNOWN, said, 0, details=(_detail(operation),))
        if operation.error:
            said = f"{name} failed: {operation.error}; {self.AFTER_FAILURE}"
            return RunResult(Outcome.FAILED, said, 0, details=(_detail(operation),))
        return RunResult(Outcome.SUCCEEDED, self.achieved(plan, operation), details=(_detail(operation),))

    def achieved(self, plan: Plan, operation: SqlOperation) -> str:
        """What is said of an operation that ended well."""
        return f"{plan.title}: operation {operation.id} is done"

    def _own(self, plan: Plan, result: RunResult, status: CloudSqlStatus) -> SqlOperation | None:
        """The plan's operation: by id where that is known, else the newest of its kind since then."""
        wanted = set(result.details)
        named = next((each for each in status.operations if _detail(each) in wanted), None)
        since = plan.planned_at - _SKEW
        return named or next(
            (
                each
                for each in status.operations
                if not wanted and each.kind == self.KIND and each.started is not None and each.started >= since
            ),
            None,
        )

    def _condition(self, status: CloudSqlStatus) -> list[Refusal]:
        """What keeps any operation of this kind from being begun now."""
        found: list[Refusal] = []
        underway = status.underway
        if underway is not None:
            since = f" since {underway.started:%H:%M:%S} UTC" if underway.started else ""
            by = f" by {underway.user}" if underway.user else ""
            wait = by_hand("sql", "operations", "wait", underway.id, f"--project={status.project}")
            reason = f"operation {underway.id} ({underway.kind}{by}) is under way{since}, and one runs at a time"
            found.append(Refusal("preconditions", reason, f"wait for it: {wait}"))
        if status.state not in self.STATES:
            why = f" ({', '.join(status.suspended)})" if status.suspended else ""
            reason = f"{status.instance} is {status.state}{why}"
            found.append(Refusal("preconditions", reason, "look at it in the console before anything else"))
        elif status.activation == "NEVER" and not self.STOPPED:
            reason = f"{status.instance} was stopped by its owner (activationPolicy NEVER)"
            found.append(Refusal("preconditions", reason, "start it first: cloudsql.start"))
        return found


def by_hand(*words: str) -> str:
    """A gcloud command line, quoted for a shell."""
    return shlex.join(["gcloud", *words])


def gcloud(status: CloudSqlStatus, *words: str) -> str:
    """A command of `gcloud sql` in the instance's project."""
    return by_hand("sql", *words, f"--project={status.project}")


def saved_before(status: CloudSqlStatus) -> str:
    """What could be gone back to: the last good backup, as a sentence of a warning."""
    last = status.last_backup
    at = None if last is None else last.started or last.ended
    if last is None or at is None:
        return "there is no good backup to go back to: cloudsql.backup takes one now"
    return f"the last good backup is of {at:%Y-%m-%d %H:%M} UTC ({last.id}): cloudsql.backup takes one now"


def _detail(operation: SqlOperation) -> str:
    return f"operation {operation.id}"


def _identity(request: ActionRequest, status: CloudSqlStatus) -> list[Refusal]:
    created = status.created.isoformat() if status.created else ""
    if request.get("created") not in ("", created):
        reason = f"{status.instance} was deleted and created again"
        return [Refusal("identity", reason, "look at it before acting")]
    if request.get("settings") not in ("", status.settings_version):
        reason = f"the settings of {status.instance} were changed since the row was drawn"
        return [Refusal("identity", reason, "look, then plan again", outdated=("settings",))]
    return []
