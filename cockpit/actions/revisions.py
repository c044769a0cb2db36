"""Traffic of a Cloud Run service: roll back, promote, split, restore. Each sends one whole traffic list, bound to the
etag of the plan. Limits on instances are in `scaling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions import scaling
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.actions.service import IDENTITY, Ground, ServiceAction, rehearse
from cockpit.actions.traffic import (
    all_to,
    compact,
    gcloud_traffic,
    moved,
    parse_compact,
    same,
    serving_shares,
    shares_of,
    split_to,
)
from cockpit.adapters.capabilities import TrafficShifting
from cockpit.clock import Clock
from cockpit.errors import Refused
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
from cockpit.model.revisions import ServiceStatus, TrafficTarget
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Limits

ROLLBACK = ActionSpec(
    "revisions.rollback",
    "Roll back",
    SourceKind.REVISIONS,
    "R",
    Tier.T2,
    "Gives all traffic to an earlier revision: the one under the cursor, or the one that served before.",
    (
        Param("revision", ParamKind.TEXT, "revision to serve, empty for the previous one", False, identity=True),
        *IDENTITY,
    ),
    reversible=True,
    short="Roll back",
)
PROMOTE = ActionSpec(
    "revisions.promote",
    "Promote",
    SourceKind.REVISIONS,
    "P",
    Tier.T2,
    "Gives all traffic to the latest revision, and to every later deployment, or to the revision behind a tag.",
    (Param("to", ParamKind.CHOICE, "latest, or a tag"), *IDENTITY),
    reversible=True,
)
SPLIT = ActionSpec(
    "revisions.split",
    "Split traffic",
    SourceKind.REVISIONS,
    "T",
    Tier.T2,
    "Gives a share of the traffic to the revision under the cursor; the others shrink in proportion.",
    (
        Param("revision", ParamKind.TEXT, "revision that gets the share", identity=True),
        Param("percent", ParamKind.INTEGER, "its share of the traffic, 0 to 99"),
        *IDENTITY,
    ),
    reversible=True,
)
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
        *IDENTITY,
    ),
    reversible=True,
)
SPECS = (ROLLBACK, PROMOTE, scaling.SCALE, SPLIT, RESTORE, scaling.RESTORE_SCALE)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What an action wants: None as targets where a refusal says why there are none."""

    targets: tuple[TrafficTarget, ...] | None
    title: str
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    why: str = ""  # evidence for the choice


class _TrafficAction(ServiceAction):
    """Plans, runs and verifies one traffic list; subclasses say which."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> _Wish:
        """The list that this action wants."""
        raise NotImplementedError

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
            equivalent=gcloud_traffic(status, targets),
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


class Rollback(_TrafficAction):
    """revisions.rollback."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> _Wish:
        """All traffic to the named or the previous revision."""
        name, why, warnings = request.get("revision"), "", []
        if not name:
            if status.previous is None:
                reason = "no revision is known that served before"
                return _Wish(None, "Roll back", (Refusal("preconditions", reason, "choose one in the list"),))
            name = status.previous.revision
            why = f"{name}: {status.previous.evidence}"
            if not status.previous.certain:
                warnings.append(f"{name} is {status.previous.evidence}: make sure that it was good")
        if serving_shares(status) == {name: 100}:
            already = Refusal("preconditions", f"{name} serves 100 % already", "choose another revision")
            return _Wish(None, f"Roll back to {name}", (already,))
        wanted, serving = status.revision(name), status.revision(status.serving_revision)
        if wanted is not None and serving is not None and wanted.digest and wanted.digest == serving.digest:
            warnings.append(f"{name} runs the same image as {serving.name}: only settings differ")
        if wanted is not None and serving is not None and wanted.created > serving.created:
            warnings.append(f"{name} is newer than {serving.name}: this goes forward, not back")
        return _Wish(all_to(name, status.traffic), f"Roll back to {name}", warnings=tuple(warnings), why=why)


class Promote(_TrafficAction):
    """revisions.promote."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Latest and the tags, each with its revision."""
        if param != "to":
            return ()
        status = await self._adapter.read_service()
        found = [Choice("latest", f"latest ({status.latest_ready}), follows new deployments", True)]
        for target in status.traffic:
            if target.tag:
                found.append(Choice(target.tag, f"tag {target.tag} ({target.revision or status.latest_ready})"))
        return found

    def wish(self, request: ActionRequest, status: ServiceStatus) -> _Wish:
        """All traffic to latest, or to the revision behind the tag."""
        to = request.get("to")
        if to == "latest":
            warnings = ["every new deployment then gets all traffic at once"]
            if status.latest_created != status.latest_ready:
                warnings.append(
                    f"the latest deployment {status.latest_created} is not ready: {status.latest_ready} would serve"
                )
            title = f"Promote latest ({status.latest_ready})"
            return _Wish(all_to("", status.traffic), title, warnings=tuple(warnings))
        tagged = next((target for target in status.traffic if target.tag == to), None)
        if tagged is None:
            tags = ", ".join(target.tag for target in status.traffic if target.tag) or "none"
            reason = Refusal("preconditions", f"there is no tag {to!r}", f"tags: {tags}")
            return _Wish(None, f"Promote {to}", (reason,))
        name = tagged.revision or status.latest_ready
        return _Wish(all_to(name, status.traffic), f"Promote {to} ({name})")


class Split(_TrafficAction):
    """revisions.split."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> _Wish:
        """A share for the revision, the rest in proportion."""
        name, percent = request.get("revision"), int(request.get("percent"))
        title = f"Give {percent} % to {name}"
        if not name:
            return _Wish(None, title, (Refusal("identity", "no revision was named", "set revision"),))
        if not 0 <= percent <= 99:
            hint = "use roll back for 100 %"
            return _Wish(None, title, (Refusal("preconditions", "the share must be 0 to 99 %", hint),))
        try:
            targets = split_to(name, percent, status)
        except ValueError as error:
            return _Wish(None, title, (Refusal("preconditions", str(error), "choose another revision"),))
        return _Wish(targets, title)


class Restore(_TrafficAction):
    """revisions.restore."""

    def wish(self, request: ActionRequest, status: ServiceStatus) -> _Wish:
        """The list as given, while nobody has changed it since."""
        try:
            targets = parse_compact(request.get("traffic"))
            expected = parse_compact(request.get("expect")) if request.get("expect") else None
        except ValueError as error:
            raise Refused("parameters", f"traffic or expect: {error}") from error
        if expected is not None and not same(expected, status.traffic):
            reason = f"the traffic was changed since: it is {compact(status.traffic)}, not {compact(expected)}"
            refusal = Refusal("preconditions", reason, "plan a roll-back or a split from what is now")
            return _Wish(None, "Restore traffic", (refusal,))
        meant, now = request.get("latest"), status.latest_ready
        warnings: tuple[str, ...] = ()
        if meant and meant != now and any(target.latest for target in targets):
            warnings = (f"latest is {now} now; it was {meant} when this list was in force: {now} takes its place",)
        return _Wish(targets, "Restore traffic", warnings=warnings)


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


def handlers(
    source_id: str,
    adapter: TrafficShifting,
    scene: Scene,
    limits: Limits,
    clock: Clock,
) -> list[ActionHandler]:
    """All actions on one Cloud Run service."""
    ground = Ground(source_id, adapter, scene, clock)
    return [
        Rollback(ROLLBACK, ground),
        Promote(PROMOTE, ground),
        scaling.Scale(scaling.SCALE, ground),
        Split(SPLIT, ground),
        Restore(RESTORE, ground),
        scaling.Scale(scaling.RESTORE_SCALE, ground),
    ]
