"""Starting a workflow by hand, with its inputs: a roll-back or a hotfix deployment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import cast

from cockpit.actions.github.ground import FOLLOW_S, GithubAction, run_in, short
from cockpit.actions.handler import RunControl
from cockpit.adapters.github import sending
from cockpit.adapters.raw import number
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
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.delivery import Workflow, WorkflowInput
from cockpit.model.severity import SourceKind

DISPATCH = ActionSpec(
    "github.dispatch",
    "Dispatch workflow",
    SourceKind.GITHUB,
    "D",
    Tier.T2,
    "Starts a workflow at a branch or tag with its inputs, finds the run that it made, and follows it to its end.",
    (
        Param("workflow", ParamKind.CHOICE, "file of the workflow, empty for the one that deploys", False),
        Param("ref", ParamKind.CHOICE, "branch or tag, empty for the branch that is deployed", False),
        Param("inputs", ParamKind.TEXT, "name=value, with spaces between; quotes as in a shell", False),
        Param("tip", ParamKind.TEXT, "the commit that ref was at", False, identity=True),
    ),
    scope=Scope.SOURCE,
)
_EVENT = "workflow_dispatch"
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class Dispatch(GithubAction):
    """github.dispatch."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Workflows; branches and tags."""
        table = self._ground.table
        if param == "workflow":
            found = [each for each in await self._desk.workflows() if each.state == "active"]
            return [Choice(each.file, f"{each.name} ({each.path})", each.file == table.workflow) for each in found]
        if param == "ref":
            return [Choice(each, each, each == table.branch) for each in await self._desk.refs()]
        return ()

    async def plan(self, request: ActionRequest) -> Plan:
        """What it is given, checked against the workflow file as it is at that commit."""
        table = self._ground.table
        name, ref = request.get("workflow") or table.workflow or "", request.get("ref") or table.branch
        if not name:
            raise Refused("parameters", "workflow is needed: the profile names none", hint="its file: deploy.yml")
        about, permission, refusals = await self.allowed()
        sha = await self._desk.head(ref)
        workflow = await self._desk.workflow(name, sha)
        given = parsed(request.get("inputs"))
        if request.get("tip") not in ("", sha):
            reason = f"SHA moved: {ref} is at {short(sha)}, not at {short(request.get('sha'))}"
            refusals.append(Refusal("identity", reason, "look at what came in since", ("tip",)))
        if _COMMIT.fullmatch(ref) and sha.startswith(ref):
            reason = f"GitHub starts a workflow at a branch or tag, and {ref} is a commit"
            refusals.append(Refusal("parameters", reason, "tag it, or run again what deployed it (github.rerun)"))
        refusals += lacking(workflow, given, ref)
        change = sending.dispatch(workflow.file, ref, given, details=self._desk.api.cloud)
        equivalent = ["workflow", "run", workflow.file, "--ref", shlex.quote(ref)]
        for key, value in given.items():
            equivalent += ["-f", shlex.quote(f"{key}={value}")]
        status = self._ground.reading()
        now = short(status.running.sha) if status is not None and status.running is not None else "unknown"
        return self.card(
            request,
            title=f"Dispatch {workflow.name} at {ref}",
            target=self._ground.named(f"{workflow.file} at {ref}"),
            identity=self.identity(about, workflow=str(workflow.id), ref=ref, sha=sha),
            permission=permission,
            undo=Undo("cannot be undone: dispatch it again with what was deployed before; it can be cancelled"),
            refusals=refusals,
            warnings=self._warnings(workflow, sha),
            changes=(Change("runs from", now, short(sha)), *_changes(workflow, given)),
            objects=(f"{workflow.path} at {ref} ({short(sha)})",),
            affected=f"whatever {workflow.name} deploys",
            operation=self.shown(change),
            equivalent=(self._ground.gh(*equivalent),),
            basis={"workflow": workflow, "ref": ref, "sha": sha, "change": change},
            deadline_s=FOLLOW_S,
            lock=f"{self.source}/workflow/{workflow.file}",
        )

    def _warnings(self, workflow: Workflow, sha: str) -> list[str]:
        status = self._ground.reading()
        if status is None:
            return []
        found = [
            f"#{each.number} of {each.workflow} is {each.state}: they may wait for or cancel each other"
            for each in status.runs
            if each.running and each.path == workflow.path
        ]
        if status.running is not None and status.running.sha == sha:
            found.append(f"{short(sha)} is what runs now")
        return found

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once; then the run that it made, to its end."""
        workflow, change = cast("Workflow", plan.basis["workflow"]), cast("sending.Sending", plan.basis["change"])
        ref, sha, until = str(plan.basis["ref"]), str(plan.basis["sha"]), self.until(plan)
        known = frozenset(each.id for each in await self._desk.runs(workflow.file, {"event": _EVENT}))
        answer = await self._desk.send(change)
        made, id_ = f"{workflow.name} was started at {ref}", number(answer.get("workflow_run_id"))
        if not id_:
            asked = {"event": _EVENT, "head_sha": sha}
            found = await self.appeared(known, control, workflow.file, asked)
            if len(found) != 1:
                ids = ", ".join(str(each.id) for each in found)
                which = f"which of runs {ids} is its own is not known" if found else "its run did not appear"
                return RunResult(Outcome.UNKNOWN, f"{made}; {which}: look at the runs", undo=plan.undo)
            id_ = found[0].id
        return self.came_of(made, await self.follow(id_, 0, control, until), plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The run that it made, by its id."""
        id_ = run_in(result.details)
        if not id_:
            workflow, sha = cast("Workflow", plan.basis["workflow"]), str(plan.basis["sha"])
            asked = {"event": _EVENT, "head_sha": sha, "created": f">={plan.planned_at:%Y-%m-%dT%H:%M:%SZ}"}
            runs = await self._desk.runs(workflow.file, asked)
            if len(runs) != 1:
                return Verification(None, f"{len(runs)} runs were started there since: look at them")
            id_ = runs[0].id
        run = await self._desk.run(id_)
        return Verification(None if run.running else run.conclusion == "success", f"#{run.number}: {run.state}")


def parsed(text: str) -> dict[str, str]:
    """ "a=b c='d e'" in words. Raises Refused."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Refused("parameters", f"inputs: {error}", hint="name=value, quotes as in a shell") from None
    wrong = [word for word in words if "=" not in word[1:]]
    if wrong:
        raise Refused("parameters", f"inputs: {wrong[0]} is not name=value", hint="as in: environment=production")
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def lacking(workflow: Workflow, given: Mapping[str, str], ref: str) -> list[Refusal]:
    """What GitHub would refuse, and what it would take and should not have been given."""
    if workflow.state != "active":
        return [Refusal("preconditions", f"{workflow.file} is {workflow.state.replace('_', ' ')}", "enable it first")]
    if workflow.inputs is None:
        reason = f"{workflow.file} at {ref} has no workflow_dispatch: it cannot be started by hand"
        return [Refusal("preconditions", reason, "re-run the run that deployed what you want (github.rerun)")]
    known = {each.name: each for each in workflow.inputs}
    takes = "; ".join(each.words for each in workflow.inputs) or "none"
    wrong = [f"{workflow.file} has no input {name}" for name in given if name not in known]
    wrong += [said for each in workflow.inputs if (said := _wrong(each, given.get(each.name)))]
    return [Refusal("parameters", each, f"inputs: {takes}") for each in wrong]


def _wrong(declared: WorkflowInput, value: str | None) -> str:
    name = declared.name
    if value is None or not value:
        return f"input {name} is required" if declared.required and not declared.default else ""
    if declared.kind == "choice" and value not in declared.options:
        return f"input {name} must be one of {', '.join(declared.options)}"
    if declared.kind == "boolean" and value not in ("true", "false"):
        return f"input {name} must be true or false"
    if declared.kind == "number" and not _is_number(value):
        return f"input {name} must be a number"
    return ""


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _changes(workflow: Workflow, given: Mapping[str, str]) -> list[Change]:
    return [
        Change(f"input {each.name}", f"default {each.default}" if each.default else "not set", given[each.name])
        if each.name in given
        else Change(f"input {each.name}", "not set", f"{each.default} (default)" if each.default else "not set")
        for each in workflow.inputs or ()
    ]
