"""Resizing a Memorystore for Redis instance, and failing it over to its replica.

What each does to clients is Google's word: https://cloud.google.com/memorystore/docs/redis/about-scaling-instances
and https://cloud.google.com/memorystore/docs/redis/initiate-manual-failover.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, cast

from cockpit.actions.google import GoogleAction, GoogleGround, PermissionTesting, preflight
from cockpit.actions.handler import ActionHandler, RunControl
from cockpit.adapters.gcp.commandline import RunCall, cloud_call
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
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.severity import SourceKind

LIMITED, FORCE = "LIMITED_DATA_LOSS", "FORCE_DATA_LOSS"
LARGEST_GB = 300
READ_REPLICAS_GB = 5  # the least that read replicas need
_GIB = 1024**3
_CREATED = Param("created", ParamKind.TEXT, "when the instance was created (ISO 8601)", False, identity=True)

RESIZE = ActionSpec(
    "memorystore.resize",
    "Resize instance",
    SourceKind.MEMORYSTORE,
    "Z",
    Tier.T2,
    "Gives the instance another size in GB; connections break for a moment, and it is T3 where it shrinks.",
    (
        Param("size", ParamKind.INTEGER, "GB of memory that it is to have"),
        Param("expect", ParamKind.INTEGER, "GB that it must have now, empty for any", False, identity=True),
        _CREATED,
    ),
    scope=Scope.SOURCE,
    reversible=True,
    short="Size",
)
FAILOVER = ActionSpec(
    "memorystore.failover",
    "Fail over",
    SourceKind.MEMORYSTORE,
    "F",
    Tier.T3,
    "Makes the replica the primary: all connections break, and what was not replicated yet is lost.",
    (Param("mode", ParamKind.CHOICE, f"{LIMITED} or {FORCE}", default=LIMITED), _CREATED),
    scope=Scope.SOURCE,
    short="Failover",
)
SPECS = (RESIZE, FAILOVER)

_MODES = {
    LIMITED: "give up rather than lose more than 30 MB of writes that the replica has not got yet",
    FORCE: "fail over whatever the replica lacks: all writes that it has not got yet are lost",
}
_INTERRUPTION = {
    True: "connections break once, when the resized replica takes over; data stays, the latest writes may be lost",
    False: "no replica: nobody is served for up to some minutes while it is resized; data stays, says Google, and"
    " earlier documentation said that it is flushed: be ready for an empty cache",
}
_FELT = {True: "it has to connect again", False: "it is not served while the instance is resized"}
Used = Callable[[MemorystoreStatus], tuple[int, str] | None]
Waited = Callable[[float], None]


class Instance(PermissionTesting, Protocol):
    """One Memorystore instance that can be changed."""

    async def read(self) -> MemorystoreStatus:
        """The instance now."""

    async def resize(self, size_gb: int, waited: Waited) -> MemorystoreStatus:
        """Change its size and wait until it is READY; `waited` is told the seconds."""

    async def failover(self, mode: str, waited: Waited) -> MemorystoreStatus:
        """Fail over and wait until it is READY; Conflict where it is busy or the mode does not allow it."""

    def resize_request(self, size_gb: int) -> str:
        """The exact HTTP request as text."""

    def failover_request(self, mode: str) -> str:
        """The exact HTTP request as text."""


def unknown_use(_status: MemorystoreStatus) -> tuple[int, str] | None:
    """Nothing here knows how much memory is in use."""
    return None


class _OnInstance(GoogleAction):
    """What both have in common: identity, state, progress."""

    DEADLINE_S = 16 * 60.0  # the operation has a quarter of an hour

    def __init__(self, spec: ActionSpec, ground: GoogleGround, instance: Instance) -> None:
        super().__init__(spec, ground)
        self._instance = instance

    def same(self, request: ActionRequest, status: MemorystoreStatus) -> list[Refusal]:
        """Refusals where it is another instance than the row's, or not READY."""
        found: list[Refusal] = []
        if request.get("created") not in ("", _created(status)):
            reason = f"{status.instance} was deleted and created again"
            found.append(Refusal("identity", reason, "look at it before acting"))
        if status.state != "READY":
            reason = f"{status.instance} is {status.state}: one change at a time"
            found.append(Refusal("preconditions", reason, "wait until it is READY, then plan again"))
        return found

    def waiting(self, control: RunControl, what: str) -> Waited:
        """Tells the operator how long it has been."""
        control.progress(0, 1, f"{what} was sent")
        return lambda seconds: control.progress(0, 1, f"{what} has been going on for {seconds:.0f} s")

    def gcloud(self, status: MemorystoreStatus, verb: str, option: str) -> tuple[str, ...]:
        """The same by hand."""
        place = f"--region={status.region} --project={status.project}"
        return (f"gcloud redis instances {verb} {status.instance} {place} {option}",)


class Resize(_OnInstance):
    """memorystore.resize."""

    NEEDS = ("redis.instances.update",)

    def __init__(self, ground: GoogleGround, instance: Instance, used: Used) -> None:
        super().__init__(RESIZE, ground, instance)
        self._used = used

    async def plan(self, request: ActionRequest) -> Plan:
        """Before and after, what it does to this tier, and whether what is stored fits."""
        status = await self._instance.read()
        size, now = int(request.get("size")), status.size_gb
        refusals = [*self.same(request, status), *_wrong_size(request, status)]
        shrinks = size < now
        warnings = [_INTERRUPTION[status.highly_available]]
        if shrinks:
            refusal, warning = self._fits(size, status)
            refusals += refusal
            warnings += warning
        limit = dict(status.configs).get("maxmemory-gb", "")
        if limit and size > now:
            warnings.append(f"maxmemory-gb is set to {limit}: Redis uses no more than that, however large it is")
        undo = Undo(
            f"resize it to {now} GB again, with the same interruption",
            ActionRequest(RESIZE.id, request.source, {"size": str(now), "expect": str(size)}),
        )
        return self.card(
            request,
            title=f"Resize {status.instance} from {now} to {size} GB",
            target=_target(status),
            identity=_identity(status),
            permission=await preflight(self._ground, self.NEEDS),
            undo=undo,
            refusals=refusals,
            warnings=warnings,
            changes=(Change("memory", f"{now} GB", f"{size} GB"),),
            objects=(status.name,),
            affected=f"every client of {status.instance}: {_FELT[status.highly_available]}",
            operation=self._instance.resize_request(size),
            equivalent=self.gcloud(status, "update", f"--size={size}"),
            basis={"undo": undo},
            tier=Tier.T3 if shrinks else Tier.T2,
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send it once and wait for the operation."""
        size = int(plan.request.get("size"))
        status = await self._instance.resize(size, self.waiting(control, "the resize"))
        control.progress(1, 1, "done")
        found = _resized(status, size)
        if found.holds is False:
            return RunResult(Outcome.FAILED, found.text, done=0)
        return RunResult(Outcome.SUCCEEDED, found.text, undo=cast("Undo", plan.basis["undo"]))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look at the instance again."""
        return _resized(await self._instance.read(), int(plan.request.get("size")))

    def _fits(self, size: int, status: MemorystoreStatus) -> tuple[list[Refusal], list[str]]:
        known = self._used(status)
        if known is None:
            text = "how much is stored is not known here: the resize fails where it is not less than the new size"
            return [], [f"{text} (metric redis.googleapis.com/stats/memory/usage)"]
        used, source = known
        said = f"{used / _GIB:.1f} GB are in use, as {source} reads it"
        if used >= size * _GIB:
            return [Refusal("preconditions", f"{said}: that does not fit into {size} GB", "delete keys first")], []
        warning = [f"{said}: little is left of {size} GB"] if used > 0.8 * size * _GIB else []
        return [], warning


class Failover(_OnInstance):
    """memorystore.failover."""

    NEEDS = ("redis.instances.failover",)

    def __init__(self, ground: GoogleGround, instance: Instance) -> None:
        super().__init__(FAILOVER, ground, instance)

    async def choices(self, param: str) -> Sequence[Choice]:
        """Both modes in plain words."""
        if param != "mode":
            return ()
        return [Choice(mode, f"{mode}: {meaning}", mode == LIMITED) for mode, meaning in _MODES.items()]

    async def plan(self, request: ActionRequest) -> Plan:
        """Where the primary is and where it may go, and what the mode risks."""
        status = await self._instance.read()
        mode = request.get("mode") or LIMITED
        refusals = self.same(request, status)
        if mode not in _MODES:
            refusals.append(Refusal("parameters", f"there is no mode {mode!r}", f"{LIMITED} or {FORCE}"))
        if not status.highly_available:
            reason = f"{status.instance} is of the tier {status.tier or 'unknown'}: it has no replica to fail over to"
            refusals.append(Refusal("preconditions", reason, "only STANDARD_HA can fail over"))
        others = [zone for zone in status.zones if zone != status.zone]
        return self.card(
            request,
            title=f"Fail over {status.instance} to its replica",
            target=_target(status),
            identity={**_identity(status), "primary in": status.zone or "unknown"},
            permission=await preflight(self._ground, self.NEEDS),
            undo=Undo(
                f"cannot be undone: writes that were not replicated are lost; a further failover brings the primary"
                f" back to {status.zone or 'its zone'} and breaks all connections again"
            ),
            refusals=refusals,
            warnings=(
                f"{mode}: {_MODES.get(mode, 'unknown')}",
                "the metric redis.googleapis.com/replication/offset_diff says how far the replica lags",
            ),
            changes=(Change("primary in", status.zone or "unknown", " or ".join(others) or "its replica's zone"),),
            objects=(status.name,),
            affected=f"every client of {status.instance}: all connections break, and reads may be older than before",
            operation=self._instance.failover_request(mode),
            equivalent=self.gcloud(status, "failover", f"--data-protection-mode={mode.lower().replace('_', '-')}"),
            basis={"zone": status.zone},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send it once and wait for the operation."""
        mode = plan.request.get("mode") or LIMITED
        status = await self._instance.failover(mode, self.waiting(control, "the failover"))
        control.progress(1, 1, "done")
        found = _moved(status, str(plan.basis["zone"]))
        if found.holds is False:
            return RunResult(Outcome.FAILED, found.text, done=0)
        return RunResult(Outcome.SUCCEEDED, found.text)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look at the instance again."""
        return _moved(await self._instance.read(), str(plan.basis["zone"]))


def _wrong_size(request: ActionRequest, status: MemorystoreStatus) -> list[Refusal]:
    size, expected = int(request.get("size")), request.get("expect")
    if not 1 <= size <= LARGEST_GB:
        return [Refusal("parameters", f"{size} GB is no size of an instance", f"1 to {LARGEST_GB} GB")]
    if expected and int(expected) != status.size_gb:
        return [Refusal("preconditions", f"it was resized since: it has {status.size_gb} GB", "plan it anew")]
    if size == status.size_gb:
        return [Refusal("preconditions", f"it has {size} GB already", "nothing has to be done")]
    if status.read_endpoint and size < READ_REPLICAS_GB:
        reason = f"its read replicas need at least {READ_REPLICAS_GB} GB"
        return [Refusal("preconditions", reason, "read replicas cannot be switched off again")]
    return []


def _resized(status: MemorystoreStatus, size: int) -> Verification:
    said = f"{status.instance} has {status.size_gb} GB and is {status.state}"
    if status.state != "READY":
        return Verification(None, said)
    return Verification(status.size_gb == size, said)


def _moved(status: MemorystoreStatus, former: str) -> Verification:
    said = f"the primary of {status.instance} is in {status.zone or 'an unknown zone'}, it is {status.state}"
    if status.state != "READY" or not status.zone or not former:
        return Verification(None, said)
    return Verification(status.zone != former, said)


def _created(status: MemorystoreStatus) -> str:
    return status.created.isoformat() if status.created is not None else ""


def _identity(status: MemorystoreStatus) -> dict[str, str]:
    return {"instance": status.name, "created": _created(status), "tier": status.tier}


def _target(status: MemorystoreStatus) -> str:
    return f"{status.instance} on Memorystore {status.project}/{status.region}"


_PLACES = {"--region": "region", "--project": "project"}
_SIZE = re.compile(r"\d{1,3}")


def _instance_call(call: Call, verb: str) -> RunCall | None:
    found = cloud_call(call, f"redis instances {verb}", "instance", _PLACES)
    return found if found is not None and not found.given else None


def _resizing(call: Call) -> Intent | None:
    """gcloud redis instances update NAME --size=N."""
    found = _instance_call(call, "update")
    if found is None or set(found.options) != {"--size"}:
        return None
    size = found.value(found.options["--size"])
    if isinstance(size, Placeholder):
        return Intent(RESIZE.id, SourceKind.MEMORYSTORE, found.target, asks={"size": size})
    if not _SIZE.fullmatch(size):
        return None
    return Intent(RESIZE.id, SourceKind.MEMORYSTORE, found.target, {"size": size})


def _failing_over(call: Call) -> Intent | None:
    """gcloud redis instances failover NAME."""
    found = _instance_call(call, "failover")
    if found is None or set(found.options) - {"--data-protection-mode"}:
        return None
    spelled = found.options.get("--data-protection-mode", "limited-data-loss")
    mode = spelled.upper().replace("-", "_")
    if mode not in _MODES:
        return None
    return Intent(FAILOVER.id, SourceKind.MEMORYSTORE, found.target, {"mode": mode})


REPLACES = (
    Replacement(RESIZE.id, "gcloud", Tier.T2, _resizing),
    Replacement(FAILOVER.id, "gcloud", Tier.T3, _failing_over),
)


def handlers(ground: GoogleGround, instance: Instance, used: Used = unknown_use) -> list[ActionHandler]:
    """Both on one instance. `used` tells the bytes in use and who says so, None where nobody does."""
    ground = replace(ground, rights=instance)
    return [Resize(ground, instance, used), Failover(ground, instance)]
