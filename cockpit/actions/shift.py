"""What all changes of traffic share: one whole traffic list, bound to the etag of the plan, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.service import IDENTITY, ServiceAction, rehearse
from cockpit.actions.traffic import compact, gcloud_traffic, moved, same, serving_shares, shares_of
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
from cockpit.model.revisions import ServiceStatus, TrafficTarget
from cockpit.model.severity import SourceKind

RESTORE = ActionSpec(
    "revisions.restore",
    "Restore traffic",
    SourceKind.REVISIONS,
    "",
    Tier.T2,
    "Sets an exact traffic list: how the traffic actions are taken back.",
    (
        Param("traffic", ParamKind.TEXT, 'the list, e.g. "shop-00001=90,latest=10,tag:canary@shop-00002=0"'),
        Param("expect", ParamKind.TEXT, "the list that must be in force now, empty for any", False),
        Param("latest", ParamKind.TEXT, "the revision that latest meant when the list was in force", False),
        Param("tags", ParamKind.TEXT, '"keep" to leave the tags as they are, beside the list', False, identity=True),
        *IDENTITY,
    ),
    reversible=True,
    listed=False,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an action wants: None as targets where a refusal says why there are none."""

    targets: tuple[TrafficTarget, ...] | None
    title: str
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    why: str = ""  # evidence for the choice


class TrafficAction(ServiceAction):
    """Plans, runs and verifies one traffic list; subclasses say which."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> Wish:
        """The list that this action wants."""
        raise NotImplementedError

    def by_hand(
        self, request: ActionRequest, status: ServiceStatus, targets: Sequence[TrafficTarget]
    ) -> tuple[str, ...]:
        """The command that does the same."""
        return gcloud_traffic(status, targets)

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact PATCH, before and after, permission and dry run."""
        ground = await self.ground(request)
        status = ground.status
        wish = self.wish(request, status)
        refusals = [*ground.refusals, *wish.refusals]
        targets = wish.targets
        if targets is None:
            return self.card(request, ground, title=wish.title, refusals=refusals, undo=Undo("nothing to undo"))
        before, after = serving_shares(status), shares_of(targets, status.latest_ready)
        refusals += _unservable(after, status)
        if before == after and same(targets, status.traffic):
            refusals.append(Refusal("preconditions", "the traffic is already so", "nothing has to be done"))
        share = moved(before, after)
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(
                self._adapter.shift_traffic(targets, status.etag, validate_only=True), "traffic list"
            )
            refusals += refused
        lines = _lines(before, after)
        affected = f"{share} % of the requests to {status.service} change their revision"
        return self.card(
            request,
            ground,
            title=wish.title,
            refusals=refusals,
            warnings=(*wish.warnings, *_standing_warnings(status, targets)),
            changes=(
                *(Change(f"traffic to {name}", f"{old} %", f"{new} %") for name, old, new in lines),
                *_target_changes(status, targets),
            ),
            objects=tuple(f"{name}: {old} % -> {new} %" for name, old, new in lines),
            affected=f"{affected}. {wish.why}" if wish.why else affected,
            operation=self._adapter.traffic_request(targets, status.etag),
            equivalent=self.by_hand(request, status, targets),
            undo=self._undo(request, status.traffic, targets, status.latest_ready),
            dry_run=dry_run,
            basis={"targets": targets, "former": status.traffic, "latest": status.latest_ready, "etag": status.etag},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send the list once and wait for the operation."""
        targets = cast("tuple[TrafficTarget, ...]", plan.basis["targets"])
        control.progress(0, 1, "waiting for Cloud Run")
        status = await self._adapter.shift_traffic(targets, str(plan.basis["etag"]))
        control.progress(1, 1, "done")
        now = ", ".join(f"{name} {percent} %" for name, percent in serving_shares(status).items())
        former = cast("tuple[TrafficTarget, ...]", plan.basis["former"])
        return RunResult(
            Outcome.SUCCEEDED,
            f"{status.service} serves {now}",
            undo=self._undo(plan.request, former, status.traffic, str(plan.basis["latest"])),
        )

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether trafficStatuses is what was asked for."""
        targets = cast("tuple[TrafficTarget, ...]", plan.basis["targets"])
        status = await self._adapter.read_service()
        wanted, found = shares_of(targets, status.latest_ready), serving_shares(status)
        shown = ", ".join(f"{name} {percent} %" for name, percent in found.items()) or "nothing"
        if found == wanted:
            return Verification(True, f"serving: {shown}")
        if status.reconciling:
            return Verification(None, f"still reconciling; serving now: {shown}")
        return Verification(False, f"serving: {shown}; {status.reason or 'not what was asked for'}")

    def _undo(
        self, request: ActionRequest, former: Sequence[TrafficTarget], after: Sequence[TrafficTarget], latest: str
    ) -> Undo:
        text = compact(former)
        params = {"traffic": text, "expect": compact(after)}
        if any(target.latest for target in former):
            params["latest"] = latest
        return Undo(f"restore {text}", ActionRequest(RESTORE.id, request.source, params))


def _unservable(after: dict[str, int], status: ServiceStatus) -> list[Refusal]:
    refusals: list[Refusal] = []
    for name in after:
        revision = status.revision(name)
        if revision is None:
            refusals.append(Refusal("preconditions", f"{name} does not exist (any more)", "choose another revision"))
        elif revision.state not in ("ready", "retired"):
            reason = f"{name} is {revision.state}" + (f": {revision.reason}" if revision.reason else "")
            refusals.append(Refusal("preconditions", reason, "it cannot serve: choose another revision"))
    return refusals


def _lines(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, int, int]]:
    names = sorted({*before, *after}, key=lambda name: (-after.get(name, 0), name))
    return [(name, before.get(name, 0), after.get(name, 0)) for name in names]


def _target_changes(status: ServiceStatus, targets: Sequence[TrafficTarget]) -> tuple[Change, ...]:
    follows = any(target.latest and target.percent > 0 for target in targets)
    if follows == (not status.pinned):
        return ()
    words = ("get traffic", "get none until promoted")
    return (Change("new deployments", words[status.pinned], words[not follows]),)


def _standing_warnings(status: ServiceStatus, targets: Sequence[TrafficTarget]) -> list[str]:
    """What stays dangerous after the change."""
    warnings: list[str] = []
    after = shares_of(targets, status.latest_ready)
    follows = any(target.latest and target.percent > 0 for target in targets)
    leaving = [name for name in serving_shares(status) if name not in after]
    if status.latest_created in leaving and not follows:
        warnings.append(
            f"the template still holds {status.template_image or status.latest_created}, the image that is left: "
            "a template change (memory, variables, --max-instances) would deploy it again"
        )
    if not follows:
        warnings.append("deployments are pinned: new ones get no traffic until it has LATEST again")
    if status.reconciling:
        warnings.append("the service is being changed at this moment: the etag guards against mixing both")
    return warnings
