"""What is done to the server of a Cloud SQL instance: restart, failover, promotion of a replica, another machine."""

from __future__ import annotations

import re
from typing import cast

from cockpit.actions.cloudsqlframe import IDENTITY, Goal, SqlAction, gcloud
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Param,
    ParamKind,
    Plan,
    Refusal,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.cloudsql import CloudSqlStatus, SqlOperation
from cockpit.model.severity import SourceKind
from cockpit.model.sqlchange import ChangeTier, Failover, Promote, Restart, Start

RESTART = ActionSpec(
    "cloudsql.restart",
    "Restart instance",
    SourceKind.CLOUDSQL,
    "R",
    Tier.T3,
    "Restarts the server: every session is cut, and nobody is served until it is up again.",
    IDENTITY,
    scope=Scope.SOURCE,
    short="Restart",
)
FAILOVER = ActionSpec(
    "cloudsql.failover",
    "Fail over",
    SourceKind.CLOUDSQL,
    "F",
    Tier.T3,
    "Lets the standby in the other zone take over: every session is cut, no committed data is lost.",
    IDENTITY,
    scope=Scope.SOURCE,
    reversible=True,
    short="Failover",
)
PROMOTE = ActionSpec(
    "cloudsql.promote",
    "Promote replica",
    SourceKind.CLOUDSQL,
    "",
    Tier.T4,
    "Makes a read replica an instance of its own that takes writes; it never follows its primary again.",
    IDENTITY,
    scope=Scope.SOURCE,
)
TIER = ActionSpec(
    "cloudsql.tier",
    "Change machine type",
    SourceKind.CLOUDSQL,
    "",
    Tier.T3,
    "Gives the instance another machine type; it restarts for that, and every session is cut.",
    (
        Param("tier", ParamKind.TEXT, "machine type such as db-custom-4-16384"),
        Param("expect", ParamKind.TEXT, "what it must be now, empty for any", False, identity=True),
        *IDENTITY,
    ),
    scope=Scope.SOURCE,
    reversible=True,
)
START = ActionSpec(
    "cloudsql.start",
    "Start instance",
    SourceKind.CLOUDSQL,
    "",
    Tier.T2,
    "Lets an instance that its owner stopped run again (activationPolicy ALWAYS).",
    IDENTITY,
    scope=Scope.SOURCE,
)
SPECS = (RESTART, FAILOVER, PROMOTE, TIER, START)

_TIER = re.compile(r"db-[a-z0-9]+(?:-[a-z0-9]+)*")
_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")


class RestartInstance(SqlAction):
    """cloudsql.restart."""

    KIND = "RESTART"
    NEEDS = ("cloudsql.instances.restart",)

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """A restart."""
        warnings = ["committed data stays; what transactions were doing is rolled back"]
        if status.highly_available:
            warnings.append("a failover serves again sooner where the server itself is at fault")
        return Goal(
            f"Restart {status.instance}",
            Restart(),
            warnings=tuple(warnings),
            changes=(Change("sessions", "as they are", "all cut; clients must connect again"),),
            affected=f"everybody who uses {status.instance}: nobody is served until it is up again",
            equivalent=(gcloud(status, "instances", "restart", status.instance),),
            undo=Undo("cannot be undone: sessions that were cut do not come back"),
        )

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """It serves again."""
        return serves(status, f"restarted by operation {operation.id}")


class FailOver(SqlAction):
    """cloudsql.failover: https://cloud.google.com/sql/docs/postgres/high-availability."""

    KIND = "FAILOVER"
    NEEDS = ("cloudsql.instances.failover",)

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """A failover of a primary that has a standby."""
        title = f"Fail {status.instance} over to its standby"
        undo = Undo("nothing to undo")
        if status.is_replica:
            reason = f"{status.instance} is a read replica of {status.primary}: a replica is not failed over"
            hint = f"cloudsql.promote makes it an instance of its own, for good; or fail over {status.primary}"
            return Goal(title, refusals=(Refusal("preconditions", reason, hint),), undo=undo)
        if not status.highly_available:
            reason = f"{status.instance} has no standby (availabilityType {status.availability or 'unknown'})"
            hint = "restart it, promote a replica, or restore a backup"
            return Goal(title, refusals=(Refusal("preconditions", reason, hint),), undo=undo)
        zone, standby = status.zone or "unknown", status.secondary_zone or "the zone of its standby"
        back = ActionRequest(FAILOVER.id, request.source)
        return Goal(
            title,
            Failover(status.settings_version),
            warnings=(
                "it takes about a minute; whether the standby can take over is not asked here:"
                " metric cloudsql.googleapis.com/database/available_for_failover",
                "clients keep the same address and must connect again",
            ),
            changes=(
                Change("serves from", zone, standby),
                Change("sessions", "as they are", "all cut; clients must connect again"),
            ),
            affected=f"everybody who uses {status.instance}: nobody is served until its standby is up",
            equivalent=(gcloud(status, "instances", "failover", status.instance),),
            undo=Undo("fail over again, which cuts every session once more", back),
        )

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """It serves, and from another zone than before."""
        before = cast("CloudSqlStatus", plan.basis["before"])
        if not status.zone or not before.zone:
            return serves(status, f"failed over by operation {operation.id}; its zone is not told")
        if status.zone == before.zone:
            return Verification(False, f"it still serves from {status.zone}")
        return serves(status, f"it serves from {status.zone}, before from {before.zone}")


class PromoteReplica(SqlAction):
    """cloudsql.promote: https://cloud.google.com/sql/docs/postgres/replication/manage-replicas."""

    KIND = "PROMOTE_REPLICA"
    NEEDS = ("cloudsql.instances.promoteReplica",)

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """A promotion of a replica."""
        title = f"Promote {status.instance} to an instance of its own"
        if not status.is_replica:
            reason = f"{status.instance} is no read replica"
            hint = "an instance with a standby fails over: cloudsql.failover"
            return Goal(title, refusals=(Refusal("preconditions", reason, hint),))
        return Goal(
            title,
            Promote(),
            warnings=(
                f"what {status.primary} has and the replica has not applied yet is lost to it:"
                " metric cloudsql.googleapis.com/database/replication/replica_lag",
                f"{status.primary} is not stopped by this: both take writes until the clients are pointed at"
                f" {status.instance} ({', '.join(status.addresses) or 'address unknown'})",
                "the promoted instance has no standby, no replicas and no backups of its own until they are set up",
            ),
            changes=(
                Change("follows", status.primary, "nobody, for good"),
                Change("takes writes", "no", "yes"),
            ),
            affected=f"who reads from {status.instance} (it restarts), and who is to write to it",
            equivalent=(gcloud(status, "instances", "promote-replica", status.instance),),
            undo=Undo("cannot be undone: a promoted replica never follows again, a new one has to be made"),
        )

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """It follows nobody."""
        if status.is_replica:
            return Verification(False, f"it still follows {status.primary}")
        return serves(status, f"{status.instance} follows nobody and takes writes")


class ChangeMachine(SqlAction):
    """cloudsql.tier."""

    KIND = "UPDATE"
    NEEDS = ("cloudsql.instances.update",)
    STOPPED = True

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """The machine type as asked for."""
        wanted, current, expected = request.get("tier"), status.tier, request.get("expect")
        title = f"Change {status.instance} to {wanted}"
        if not _TIER.fullmatch(wanted):
            listed = gcloud(status, "tiers", "list")
            reason = f"{wanted!r} is no machine type of Cloud SQL"
            hint = f"db-custom-CPUS-MEGABYTES, or one of {listed}"
            return Goal(title, refusals=(Refusal("parameters", reason, hint),))
        refusals: tuple[Refusal, ...] = ()
        if expected and expected != current:
            refusals = (Refusal("preconditions", f"it was changed since: {current}", "plan it anew"),)
        elif wanted == current:
            refusals = (Refusal("preconditions", f"it is already {current}", "nothing has to be done"),)
        running = status.running
        warnings = ["it restarts for this: some minutes without service"] if running else ["it is stopped"]
        if _smaller(wanted, current):
            warnings.append(
                "it becomes smaller: limits that follow the memory (max_connections, caches) sink with it"
            )
        if status.replicas:
            warnings.append(f"replicas keep their machines: {', '.join(status.replicas)}")
        former = {"tier": current, "expect": wanted}
        return Goal(
            title,
            ChangeTier(wanted, status.settings_version),
            refusals,
            tuple(warnings),
            (
                Change("machine type", _described(current), _described(wanted)),
                Change("sessions", "as they are", "all cut; clients must connect again" if running else "none"),
            ),
            affected=f"everybody who uses {status.instance}, while it restarts"
            if running
            else "nobody: it is stopped",
            equivalent=(gcloud(status, "instances", "patch", status.instance, f"--tier={wanted}"),),
            undo=Undo(
                f"change it to {current} again, which restarts it once more",
                ActionRequest(TIER.id, request.source, former),
            ),
        )

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """The instance says so."""
        holds = status.tier == plan.request.get("tier")
        return Verification(holds, f"{status.instance} is {_described(status.tier)}")


class StartInstance(SqlAction):
    """cloudsql.start."""

    KIND = "UPDATE"
    NEEDS = ("cloudsql.instances.update",)
    STOPPED = True

    async def goal(self, request: ActionRequest, status: CloudSqlStatus) -> Goal:
        """The activation policy ALWAYS, where it is NEVER."""
        start, stop = (
            gcloud(status, "instances", "patch", status.instance, f"--activation-policy={policy}")
            for policy in ("ALWAYS", "NEVER")
        )
        refusals: tuple[Refusal, ...] = ()
        if status.activation != "NEVER":
            reason = f"it is not stopped (activationPolicy {status.activation or 'unknown'})"
            refusals = (Refusal("preconditions", reason, "nothing has to be done"),)
        return Goal(
            f"Start {status.instance}",
            Start(status.settings_version),
            refusals,
            ("somebody stopped it on purpose: ask who, and why",),
            (Change("activationPolicy", status.activation or "unknown", "ALWAYS"),),
            affected="nobody; it is paid for while it runs",
            equivalent=(start,),
            undo=Undo(f"none: {stop} stops it again, which cuts every session"),
        )

    def seen(self, plan: Plan, status: CloudSqlStatus, operation: SqlOperation) -> Verification:
        """It runs."""
        return serves(status, f"started by operation {operation.id}")


def serves(status: CloudSqlStatus, text: str) -> Verification:
    """The text where it runs; else what it is instead."""
    if status.running:
        return Verification(True, f"{text}; {status.instance} is running")
    stopped = status.state == "RUNNABLE"
    return Verification(False, f"{status.instance} is {'stopped by its owner' if stopped else status.state}")


def _described(tier: str) -> str:
    match = _CUSTOM.fullmatch(tier)
    return f"{tier} ({match[1]} vCPU, {int(match[2]) / 1024:g} GB)" if match else tier or "unknown"


def _smaller(wanted: str, current: str) -> bool:
    after, before = _CUSTOM.fullmatch(wanted), _CUSTOM.fullmatch(current)
    if after is None or before is None:
        return False
    return int(after[1]) < int(before[1]) or int(after[2]) < int(before[2])
