"""Re-running and cancelling a run of a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.github.ground import FOLLOW_S, Followed, GithubAction, How, run_in, short, whole
from cockpit.actions.handler import RunControl
from cockpit.adapters.github import sending
from cockpit.errors import NotFound
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.delivery import Run
from cockpit.model.severity import SourceKind

_IDENTITY = (
    Param("run", ParamKind.CHOICE, "id of the run", identity=True),
    Param("attempt", ParamKind.INTEGER, "its attempt, as it was seen", False, identity=True),
    Param("sha", ParamKind.TEXT, "the commit that it is of", False, identity=True),
)
RERUN = ActionSpec(
    "github.rerun",
    "Re-run",
    SourceKind.GITHUB,
    "R",
    Tier.T1,
    "Runs the failed jobs of a run again, with what depends on them, at the same commit, and follows it to its end.",
    (*_IDENTITY, Param("jobs", ParamKind.CHOICE, "failed, or all", False, default="failed")),
)
CANCEL = ActionSpec(
    "github.cancel",
    "Cancel run",
    SourceKind.GITHUB,
    "C",
    Tier.T2,
    "Stops a run that is under way, and waits until it has ended; what its steps did already stays done.",
    _IDENTITY,
)
_CANCEL_S = 360.0  # GitHub gives a job five minutes to end


class RunAction(GithubAction):
    """Base: a run by id, attempt and commit."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Runs that it is for, newest first."""
        if param == "jobs":
            return (Choice("failed", "failed jobs and what depends on them", True), Choice("all", "all jobs"))
        if param != "run":
            return ()
        runs = await self._desk.runs(self._ground.table.workflow or "")
        fitting = [each for each in runs if self.fits(each)]
        return [
            Choice(
                str(each.id), f"#{each.number} {each.state}, {each.branch} {short(each.sha)}, {each.title}", at == 0
            )
            for at, each in enumerate(fitting[:20])
        ]

    def fits(self, run: Run) -> bool:
        """It can be done to this run."""
        raise NotImplementedError

    def changed(self, request: ActionRequest, run: Run) -> list[Refusal]:
        """What is not as it was when the row was drawn."""
        attempt, sha = request.get("attempt"), request.get("sha")
        if sha not in ("", run.sha):
            reason = f"SHA moved: run {run.id} is of {short(run.sha)}, not of {short(sha)}"
            return [Refusal("identity", reason, "look at it before acting", ("sha",))]
        if attempt not in ("", str(run.attempt)):
            reason = f"#{run.number} was run again by {run.actor}: attempt {run.attempt}, not {attempt}"
            return [Refusal("identity", reason, "look at what that attempt does", ("attempt",))]
        return []

    def target(self, run: Run) -> str:
        """ "run #7 of Deploy (main a1b2c3d) in ..."."""
        return self._ground.named(f"run #{run.number} of {run.workflow} ({run.branch} {short(run.sha)})")


class Rerun(RunAction):
    """github.rerun."""

    def fits(self, run: Run) -> bool:
        """It ended, and not well."""
        return not run.running and run.conclusion not in ("success", "skipped", "neutral")

    async def plan(self, request: ActionRequest) -> Plan:
        """Which jobs, by whose attempt."""
        about, permission, refusals = await self.allowed()
        run = await self._desk.run(whole(request.get("run"), "run"))
        everything = request.get("jobs") == "all"
        refusals += self.changed(request, run)
        jobs = [job for job in run.jobs if everything or job.failed or job.conclusion == "cancelled"]
        if run.running:
            reason = f"#{run.number} is {run.state}: it is at work already"
            refusals.append(Refusal("preconditions", reason, "cancel it first (github.cancel), or wait"))
        elif not jobs:
            refusals.append(Refusal("preconditions", f"no job of #{run.number} failed", "set jobs to all"))
        change = sending.rerun(run.id, everything=everything)
        attempt = str(run.attempt)
        return self.card(
            request,
            title=f"Re-run #{run.number} of {run.workflow}",
            target=self.target(run),
            identity=self.identity(about, run=str(run.id), attempt=attempt, sha=run.sha),
            permission=permission,
            undo=Undo("cannot be undone: what its steps do stays done; while it runs it can be cancelled"),
            refusals=refusals,
            warnings=await self._warnings(run),
            changes=(Change("attempt", attempt, str(run.attempt + 1)),),
            objects=tuple(f"job {job.name}: {job.conclusion or job.status}" for job in jobs),
            population=len(run.jobs),
            affected=f"whatever {run.workflow} deploys, from {short(run.sha)}",
            operation=self.shown(change),
            equivalent=(self._ground.gh("run", "rerun", str(run.id), *([] if everything else ["--failed"])),),
            basis={"run": run, "change": change},
            deadline_s=FOLLOW_S,
            lock=f"{self.source}/run/{run.id}",
        )

    async def _warnings(self, run: Run) -> list[str]:
        status = self._ground.reading()
        newer = [
            each
            for each in (status.runs if status is not None else ())
            if each.path == run.path and each.branch == run.branch and each.number > run.number
        ]
        found = []
        if newer:
            found.append(f"#{newer[0].number} of {short(newer[0].sha)} came later: this would deploy what is older")
        if status is not None and status.head and run.branch == status.branch and status.head != run.sha:
            found.append(f"{run.branch} is at {short(status.head)} by now: this runs {short(run.sha)}")
        return found

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then to the end of the new attempt."""
        run, change = cast("Run", plan.basis["run"]), cast("sending.Sending", plan.basis["change"])
        until = self.until(plan)
        await self._desk.send(change)
        followed = await self.follow(run.id, run.attempt, control, until)
        return self.came_of(f"{run.workflow} was run again", followed, plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """There is a later attempt, and how it stands."""
        before = cast("Run", plan.basis["run"])
        run = await self._desk.run(before.id)
        if run.attempt <= before.attempt:
            return Verification(False, f"#{run.number} is still at attempt {run.attempt}")
        return Verification(None if run.running else run.conclusion == "success", _told(run))


class Cancel(RunAction):
    """github.cancel."""

    def fits(self, run: Run) -> bool:
        """It is under way."""
        return run.running

    async def plan(self, request: ActionRequest) -> Plan:
        """Where it is, and what is done already."""
        about, permission, refusals = await self.allowed()
        run = await self._desk.run(whole(request.get("run"), "run"))
        refusals += self.changed(request, run)
        if not run.running:
            refusals.append(
                Refusal("preconditions", f"#{run.number} ended already: {run.state}", "nothing to cancel")
            )
        change = sending.cancel(run.id)
        undo = ActionRequest("github.rerun", self.source, {"run": str(run.id), "jobs": "all"})
        return self.card(
            request,
            title=f"Cancel #{run.number} of {run.workflow}",
            target=self.target(run),
            identity=self.identity(about, run=str(run.id), attempt=str(run.attempt), sha=run.sha),
            permission=permission,
            undo=Undo("runs all its jobs again at the same commit; what its steps did stays done", undo),
            refusals=refusals,
            warnings=("a step that deploys may stop half way: look at what runs afterwards",),
            changes=(Change("run", "under way", "cancelled"),),
            objects=(f"run #{run.number} attempt {run.attempt} by {run.actor}",),
            affected=f"whatever {run.workflow} deploys: it may be left half done",
            operation=self.shown(change),
            equivalent=(self._ground.gh("run", "cancel", str(run.id)),),
            basis={"run": run, "change": change},
            deadline_s=_CANCEL_S,
            lock=f"{self.source}/run/{run.id}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until it has ended."""
        run, change = cast("Run", plan.basis["run"]), cast("sending.Sending", plan.basis["change"])
        until = self.until(plan)
        await self._desk.send(change)
        followed = await self.follow(run.id, run.attempt - 1, control, until)
        if followed.how in (How.DONE, How.FAILED) and followed.run is not None:
            cancelled = followed.run.conclusion == "cancelled"
            said = f"#{run.number} ended: {followed.run.state}"
            followed = Followed(How.DONE if cancelled else How.FAILED, said, followed.run)
        made = f"GitHub was asked to cancel {run.workflow}"
        return self.came_of(made, followed, plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is cancelled."""
        try:
            run = await self._desk.run(run_in(result.details) or cast("Run", plan.basis["run"]).id)
        except NotFound:
            return Verification(None, "the run is gone")
        return Verification(None if run.running else run.conclusion == "cancelled", _told(run))


def _told(run: Run) -> str:
    return f"#{run.number} attempt {run.attempt}: {run.state}"
