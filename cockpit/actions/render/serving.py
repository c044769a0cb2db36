"""Whether and with how many instances a service serves: restart, scale, suspend, resume.

https://api-docs.render.com/reference/restart-service, /scale-service, /suspend-service, /resume-service.
"""

from __future__ import annotations

from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.render.ground import LIVE, SERVICE, Look, RenderGround, ServiceAction, checkless, deploy_words
from cockpit.adapters.render import asking
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
from cockpit.model.render import INSTANCED, RenderService
from cockpit.model.severity import SourceKind

MOST = 100  # instances of a service: https://render.com/docs/scaling

RESTART = ActionSpec(
    "render.restart",
    "Restart",
    SourceKind.RENDER,
    "T",
    Tier.T2,
    "Replaces all instances of a service by new ones of the same deploy, and waits until they run.",
    (SERVICE, LIVE),
)
SCALE = ActionSpec(
    "render.scale",
    "Scale",
    SourceKind.RENDER,
    "S",
    Tier.T2,
    "Sets how many instances a service has, and waits until they run.",
    (
        SERVICE,
        Param("instances", ParamKind.INTEGER, "how many, 1 to 100"),
        Param("expect", ParamKind.INTEGER, "how many there must be now", False, identity=True),
        LIVE,
    ),
    reversible=True,
)
SUSPEND = ActionSpec(
    "render.suspend",
    "Suspend",
    SourceKind.RENDER,
    "P",
    Tier.T3,
    "Ends all instances of a service: nobody is served until it is resumed.",
    (SERVICE, LIVE),
    reversible=True,
)
RESUME = ActionSpec(
    "render.resume",
    "Resume",
    SourceKind.RENDER,
    "U",
    Tier.T3,
    "Deploys a suspended service again, and waits until it is live.",
    (SERVICE, LIVE),
    reversible=True,
)


class Restart(ServiceAction):
    """render.restart."""

    DEADLINE_S = 10 * 60.0

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(RESTART, ground)

    async def plan(self, request: ActionRequest) -> Plan:
        """The instances that are replaced."""
        service, refusals = await self.see(request)
        refusals += _not_running(service)
        asked = asking.restart(service.id)
        held = service.instances or ()
        alone = len(held) < 2
        return self.card(
            self.asked(request, service),
            title=f"Restart {service.name}",
            target=self.named(service),
            identity=self.identity(service),
            permission=checkless("the right to restart the service"),
            undo=Undo("cannot be undone: what the instances held in memory is gone"),
            refusals=refusals,
            warnings=["it has one instance: with a disk, nobody is served meanwhile"] if alone else (),
            changes=(Change("instances", f"{len(held)} as they run", f"{service.held} new ones, same deploy"),),
            objects=tuple(name for name, _ in held),
            affected=f"{self.felt(service)}: requests under way may break",
            operation=self.operation(asked),
            equivalent=(f"render restart {service.id}", *self.by_hand(asked)),
            basis={"asked": asked, "before": frozenset(held), "told": service.instances is not None},
            lock=self.lock(service),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until all instances are others."""
        before = cast("frozenset[object]", plan.basis["before"])
        await self.send(plan)
        if not plan.basis["told"]:
            return RunResult(Outcome.SUCCEEDED, "Render accepted the restart; which instances run it does not tell")

        def so(service: RenderService) -> tuple[bool, str]:
            old = sum(each in before for each in service.instances or ())
            new = len(service.instances or ()) - old
            return old == 0 and new >= service.held, f"{new} of {service.held} instances are new, {old} old ones left"

        service = await self.until(plan.request.get("service"), so, "the restart", control)
        return RunResult(Outcome.SUCCEEDED, f"{service.name} runs {len(service.instances or ())} new instances")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """None of the instances from before is left."""
        before = cast("frozenset[object]", plan.basis["before"])
        if not plan.basis["told"]:
            return Verification(None, "which instances run is not told: look at the service's events")

        def so(service: RenderService) -> tuple[bool, str]:
            left = sum(each in before for each in service.instances or ())
            return not left and bool(
                service.instances
            ), f"{len(service.instances or ())} instances, {left} from before"

        return await self.seen(plan.request.get("service"), so)


class Scale(ServiceAction):
    """render.scale."""

    DEADLINE_S = 10 * 60.0

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(SCALE, ground)

    async def plan(self, request: ActionRequest) -> Plan:
        """Before and after."""
        service, refusals = await self.see(request)
        count, now = int(request.get("instances")), service.wanted
        refusals += _not_running(service) or _no_count(service, count, request.get("expect"))
        asked = asking.scale(service.id, count)
        back = {"service": service.id, "instances": str(now), "expect": str(count)}
        warnings = [f"{now - count} instances end: requests under way there may break"] if count < now else []
        if count == 1 and now > 1:
            warnings.append("one instance is left: nothing serves while it fails")
        return self.card(
            self.asked(request, service, expect=str(now)),
            title=f"Scale {service.name} from {now} to {count}",
            target=self.named(service),
            identity={**self.identity(service), "instances": str(now)},
            permission=checkless("the right to scale the service"),
            undo=Undo(f"scale it to {now} again", ActionRequest(SCALE.id, request.source, back)),
            refusals=refusals,
            warnings=warnings,
            changes=(Change("instances", str(now), str(count)),),
            objects=(service.id,),
            affected=self.felt(service) if count < now else "nobody; what more instances ask of the database grows",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked, "count": count},
            lock=self.lock(service),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until so many run."""
        await self.send(plan)
        service = await self.until(plan.request.get("service"), self._so(plan), "the scaling", control)
        return RunResult(Outcome.SUCCEEDED, f"{service.name} runs {len(service.instances or ())} instances")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """So many run."""
        return await self.seen(plan.request.get("service"), self._so(plan))

    def _so(self, plan: Plan) -> Look:
        count = plan.basis["count"]

        def so(service: RenderService) -> tuple[bool, str]:
            running = len(service.instances or ())
            said = f"{service.wanted} instances wanted, {running} run"
            return service.wanted == count and running == count, said

        return so


class Suspend(ServiceAction):
    """render.suspend."""

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(SUSPEND, ground)

    async def plan(self, request: ActionRequest) -> Plan:
        """What ends."""
        service, refusals = await self.see(request)
        if service.suspended:
            refusals.append(Refusal("preconditions", f"{service.name} is suspended already", "nothing is to be done"))
        asked = asking.suspend(service.id)
        back = ActionRequest(RESUME.id, request.source, {"service": service.id})
        held = service.instances or ()
        return self.card(
            self.asked(request, service),
            title=f"Suspend {service.name}",
            target=self.named(service),
            identity=self.identity(service),
            permission=checkless("the right to suspend the service"),
            undo=Undo("resume it: it is deployed again, which takes as long as a deploy", back),
            refusals=refusals,
            warnings=("pushes while it is suspended are not deployed", "maintenance mode keeps it running instead"),
            changes=(Change("state", service.state, "suspended"), Change("instances", str(len(held)), "none")),
            objects=tuple(name for name, _ in held) or (service.id,),
            affected=f"{self.felt(service)}: they are not served at all",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked},
            lock=self.lock(service),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until Render says so."""
        await self.send(plan)
        service = await self.until(plan.request.get("service"), _suspended, "the suspension", control)
        return RunResult(Outcome.SUCCEEDED, f"{service.name} is suspended")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is."""
        return await self.seen(plan.request.get("service"), _suspended)


class Resume(ServiceAction):
    """render.resume."""

    DEADLINE_S = 20 * 60.0

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(RESUME, ground)

    async def plan(self, request: ActionRequest) -> Plan:
        """What is deployed."""
        service, refusals = await self.see(request)
        others = [each for each in service.suspenders if each != "user"]
        if not service.suspended:
            refusals.append(Refusal("preconditions", f"{service.name} is not suspended", "nothing is to be done"))
        elif others:
            reason = f"{service.name} was suspended by {', '.join(others)}, which its users cannot take back"
            refusals.append(Refusal("preconditions", reason, "see Billing in the dashboard, or ask Render's support"))
        asked = asking.resume(service.id)
        back = ActionRequest(SUSPEND.id, request.source, {"service": service.id})
        newest = service.deploys[0] if service.deploys else None
        return self.card(
            self.asked(request, service),
            title=f"Resume {service.name}",
            target=self.named(service),
            identity=self.identity(service),
            permission=checkless("the right to resume the service"),
            undo=Undo("suspend it again", back),
            refusals=refusals,
            warnings=("what was pushed meanwhile is deployed with it",) if service.auto_deploy else (),
            changes=(Change("state", service.state, "live"), Change("deploy", deploy_words(newest), "a new one")),
            objects=(service.id,),
            affected=f"{self.felt(service)}: they are served again",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked, "newest": newest.id if newest is not None else ""},
            lock=self.lock(service),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until the deploy that it makes has ended."""
        newest = plan.basis["newest"]
        await self.send(plan)

        def so(service: RenderService) -> tuple[bool, str]:
            made = service.deploys[0] if service.deploys else None
            if service.suspended or made is None or made.id == newest:
                return False, "not resumed yet"
            return service.underway is None, made.status.replace("_", " ")

        service = await self.until(plan.request.get("service"), so, "the resumption", control)
        if service.failed is not None:
            said = f"{service.name} is resumed, but {service.said}"
            return RunResult(Outcome.FAILED, said, 0, undo=plan.undo)
        return RunResult(Outcome.SUCCEEDED, f"{service.name} is resumed: {deploy_words(service.live)} is live")

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It serves."""

        def so(service: RenderService) -> tuple[bool, str]:
            said = f"{service.state}, live is {deploy_words(service.live)}"
            return not service.suspended and service.live is not None and service.underway is None, said

        return await self.seen(plan.request.get("service"), so)


def _suspended(service: RenderService) -> tuple[bool, str]:
    return service.suspended, "suspended" if service.suspended else "not suspended yet"


def _not_running(service: RenderService) -> list[Refusal]:
    if service.type not in INSTANCED:
        kind = service.type.replace("_", " ") or "service of this kind"
        return [Refusal("preconditions", f"{service.name} is a {kind}: it has no instances")]
    if service.suspended:
        return [Refusal("preconditions", f"{service.name} is suspended", "resume it first (render.resume)")]
    return []


def _no_count(service: RenderService, count: int, expected: str) -> list[Refusal]:
    if not 1 <= count <= MOST:
        return [Refusal("parameters", f"{count} instances cannot be had", f"1 to {MOST}; render.suspend for none")]
    if service.autoscaling is not None:
        scaling = service.autoscaling
        reason = f"autoscaling is on ({scaling.least} to {scaling.most}): Render ignores any other number"
        return [Refusal("preconditions", reason, "change its bounds in the dashboard")]
    if expected and int(expected) != service.wanted:
        reason = f"it was scaled since: {service.wanted} instances are wanted"
        return [Refusal("preconditions", reason, "plan it anew", outdated=("expect",))]
    if count == service.wanted:
        return [Refusal("preconditions", f"it has {count} instances already", "nothing is to be done")]
    return []
