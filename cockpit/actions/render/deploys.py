"""Which deploy of a service is live: back to an earlier one, or anew.

https://render.com/docs/rollbacks and https://render.com/docs/deploys. A rollback by the API leaves autodeploys on.
Overlapping deploys: render.com/changelog/wait-for-an-in-progress-service-deploy-to-finish-before-starting-a-new-one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.actions.handler import RunControl
from cockpit.actions.render.ground import (
    LIVE,
    SERVICE,
    RenderGround,
    ServiceAction,
    checkless,
    deploy_words,
    detail_of,
    is_deploy,
)
from cockpit.adapters.render import asking
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
from cockpit.model.render import Deploy, RenderService
from cockpit.model.severity import SourceKind
from cockpit.text import clean

ROLLBACK = ActionSpec(
    "render.rollback",
    "Roll back",
    SourceKind.RENDER,
    "R",
    Tier.T2,
    "Makes an earlier deploy's build live again, as a new deploy, and waits until it is.",
    (
        SERVICE,
        Param("deploy", ParamKind.CHOICE, "id of the deploy to go back to; the one before without it", False),
        LIVE,
    ),
    reversible=True,
)
REDEPLOY = ActionSpec(
    "render.redeploy",
    "Deploy anew",
    SourceKind.RENDER,
    "D",
    Tier.T2,
    "Builds and deploys the newest commit of the branch, on demand without the build cache, and waits for it.",
    (
        SERVICE,
        Param("cache", ParamKind.CHOICE, "keep or clear the build cache", False, default="keep"),
        Param("commit", ParamKind.TEXT, "SHA to deploy instead of the newest of the branch", False),
        LIVE,
    ),
)
_OVERLAP = "Render cancels it, or this waits for it where the workspace's policy is Wait"
_AUTO = "autodeploy is on: the next push to {} deploys over this"


class _Deploying(ServiceAction):
    """What both have in common: a deploy is made and followed to its end."""

    DEADLINE_S = 20 * 60.0

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until the deploy that it makes has ended."""
        service = plan.request.get("service")
        made = await self.send(plan)
        if not is_deploy(made):
            made = await self._queued(service, str(plan.basis["newest"]), control)
        waited = self.control(control, f"deploy {made}")
        ended = await self._change.deployed(service, made, self.DEADLINE_S, waited)
        control.progress(1, 1, ended.status)
        undo = plan.undo
        if undo.request is not None:
            undo = Undo(undo.text, ActionRequest(ROLLBACK.id, self.source, {**undo.request.params, "live": ended.id}))
        return self.ended(ended, plan, undo)

    async def _queued(self, service: str, known: str, control: RunControl) -> str:
        """Accepted and not named (202, Queued): the first deploy newer than what was there when it was planned.

        https://api-docs.render.com/reference/create-deploy
        """
        newest = known

        async def look() -> tuple[bool, str]:
            nonlocal newest
            newest = next((each.id for each in await self._estate.deploys(service, 1)), known)
            return newest != known, "queued"

        await self._change.until(look, "the queued deploy", self.DEADLINE_S, self.control(control, "a deploy"))
        return newest

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The new deploy is the one that is live."""
        made = detail_of(result, "deploy")

        def so(service: RenderService) -> tuple[bool, str]:
            live = service.live
            running = "" if service.instances is None else f", {len(service.instances)} instances run"
            return live is not None and live.id == made, f"live is {deploy_words(live)}{running}"

        return await self.seen(plan.request.get("service"), so)

    def ended(self, deploy: Deploy, plan: Plan, undo: Undo) -> RunResult:
        """What came of it."""
        details = (f"deploy {deploy.id}",)
        if deploy.status == "live":
            return RunResult(Outcome.SUCCEEDED, f"{deploy_words(deploy)} is live", details=details, undo=undo)
        word = deploy.status.replace("_", " ")
        still = plan.identity["live deploy"]
        why = "another deploy came in between" if deploy.status in ("canceled", "deactivated") else "see its logs"
        return RunResult(Outcome.FAILED, f"deploy {deploy.id}: {word}; {still} is still live: {why}", 0, 1, details)


class Rollback(_Deploying):
    """render.rollback."""

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(ROLLBACK, ground)

    async def choices_among(self, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
        """Deploys of the service that were live before."""
        if param != "deploy" or not given.get("service"):
            return await self.choices(param)
        service = await self._estate.service(given["service"])
        before = service.previous
        return [
            Choice(
                each.id,
                f"{each.created:%m-%d %H:%M} {deploy_words(each)}",
                before is not None and each.id == before.id,
            )
            for each in service.deploys
            if each.was_live
        ]

    async def plan(self, request: ActionRequest) -> Plan:
        """From which deploy to which, and what will undo it."""
        service, refusals = await self.see(request)
        live, wanted = service.live, request.get("deploy")
        target = await self._target(service, wanted)
        refusals += _against(service, target, wanted)
        name = target.id if target is not None else clean(wanted, 60) or "none"
        asked = asking.rollback(service.id, name)
        back = {"service": service.id, "deploy": live.id if live is not None else ""}
        undo = Undo(
            f"roll back to {deploy_words(live)}, which is a deploy again",
            ActionRequest(ROLLBACK.id, request.source, back) if live is not None else None,
        )
        warnings = [_AUTO.format(service.branch or "the branch")] if service.auto_deploy else []
        if service.underway is not None:
            warnings.append(f"{deploy_words(service.underway)} is under way: {_OVERLAP}")
        same = live is not None and target is not None and live.version == target.version
        warnings.append(
            "it is of the same code: only the build is another"
            if same
            else "the database stays as the newer code has left it"
        )
        return self.card(
            self.asked(request, service, deploy=name),
            title=f"Roll {service.name} back to {target.version if target is not None else name}",
            target=self.named(service),
            identity=self.identity(service),
            permission=checkless("the right to roll the service back"),
            undo=undo,
            refusals=refusals,
            warnings=warnings,
            changes=(Change("live", deploy_words(live), f"{deploy_words(target)}, deployed again"),),
            objects=(service.id,),
            affected=f"{self.felt(service)}, from when it is live; instances are replaced one after the other",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked, "undo": undo, "newest": newest_of(service)},
            lock=self.lock(service),
        )

    async def _target(self, service: RenderService, wanted: str) -> Deploy | None:
        if not wanted:
            return service.previous
        known = service.deploy(wanted)
        if known is None and is_deploy(wanted):
            return await self._estate.deploy(service.id, wanted)
        return known


def newest_of(service: RenderService) -> str:
    """Id of its newest deploy, "" where it has none."""
    return service.deploys[0].id if service.deploys else ""


def _against(service: RenderService, target: Deploy | None, wanted: str) -> list[Refusal]:
    if service.suspended:
        return [Refusal("preconditions", f"{service.name} is suspended", "resume it first (render.resume)")]
    if target is None:
        reason = f"{service.name} has no deploy {clean(wanted, 60)}" if wanted else "no deploy of other code was live"
        return [Refusal("parameters", reason, "choose a deploy of the service that was live")]
    live = service.live
    if live is not None and target.id == live.id:
        return [Refusal("preconditions", f"{target.id} is live already", "nothing has to be done")]
    if not target.was_live:
        reason = f"{target.id} never served: {target.status.replace('_', ' ')}"
        return [Refusal("preconditions", reason, "choose one that was live")]
    return []


class Redeploy(_Deploying):
    """render.redeploy."""

    def __init__(self, ground: RenderGround) -> None:
        super().__init__(REDEPLOY, ground)

    async def choices(self, param: str) -> Sequence[Choice]:
        """Keep or clear."""
        if param == "cache":
            return [
                Choice("keep", "keep: the build is quicker", True),
                Choice("clear", "clear: everything is built anew"),
            ]
        return await super().choices(param)

    async def plan(self, request: ActionRequest) -> Plan:
        """What is built, and what it replaces."""
        service, refusals = await self.see(request)
        cache, commit = request.get("cache") or "keep", request.get("commit")
        if cache not in ("keep", "clear"):
            refusals.append(Refusal("parameters", f"cache is keep or clear, not {clean(cache, 40)}"))
        if service.suspended:
            refusals.append(Refusal("preconditions", f"{service.name} is suspended", "resume it (render.resume)"))
        live = service.live
        asked = asking.redeploy(service.id, clear=cache == "clear", commit=commit)
        new = commit or (f"the newest commit of {service.branch}" if service.branch else "its image, pulled anew")
        warnings = (
            ["nobody here has seen what that is: look at the branch first"] if not commit and service.branch else []
        )
        if service.underway is not None:
            warnings.append(f"{deploy_words(service.underway)} is under way: {_OVERLAP}")
        if live is not None and live.trigger == "rollback":
            warnings.append("live is a rollback: this deploys over it what was rolled back from")
        back = {"service": service.id, "deploy": live.id if live is not None else ""}
        undo = Undo(
            f"roll back to {deploy_words(live)}",
            ActionRequest(ROLLBACK.id, request.source, back) if live is not None else None,
        )
        return self.card(
            self.asked(request, service),
            title=f"Deploy {service.name} anew" + (" without the build cache" if cache == "clear" else ""),
            target=self.named(service),
            identity=self.identity(service),
            permission=checkless("the right to deploy the service"),
            undo=undo,
            refusals=refusals,
            warnings=warnings,
            changes=(Change("live", deploy_words(live), new), Change("build cache", "as it is", cache)),
            objects=(service.id,),
            affected=f"{self.felt(service)}, from when it is live",
            operation=self.operation(asked),
            equivalent=self.by_hand(asked),
            basis={"asked": asked, "newest": newest_of(service)},
            lock=self.lock(service),
        )
