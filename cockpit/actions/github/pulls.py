"""Pull requests: merging them, and taking a merged one back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.github.ground import FOLLOW_S, GithubAction, run_in, short, whole
from cockpit.actions.handler import RunControl
from cockpit.adapters.github import sending
from cockpit.adapters.github.wire import sha_of
from cockpit.errors import CockpitError, Malformed
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
from cockpit.model.delivery import PullRequest
from cockpit.model.severity import SourceKind
from cockpit.text import counted

PULL = Param("pull", ParamKind.CHOICE, "number of the pull request", identity=True)
HEAD = Param("head", ParamKind.TEXT, "the commit at its head, as it was seen", False, identity=True)
MERGE = ActionSpec(
    "github.merge",
    "Merge pull request",
    SourceKind.GITHUB,
    "M",
    Tier.T3,
    "Merges a pull request at exactly the head that was seen, never past a branch's protection.",
    (PULL, HEAD, Param("method", ParamKind.CHOICE, "merge, squash or rebase, empty for the first allowed", False)),
    reversible=True,
    short="Merge",
)
REVERT = ActionSpec(
    "github.revert",
    "Revert pull request",
    SourceKind.GITHUB,
    "V",
    Tier.T2,
    "Opens a pull request that takes a merged one back; it is then merged like any other.",
    (PULL, Param("merged", ParamKind.TEXT, "the commit that it became", False, identity=True)),
    reversible=True,
    short="Revert",
)
_STANDING = {
    "dirty": ("it conflicts with its base", "solve the conflicts first"),
    "blocked": (
        "the branch's protection is not satisfied",
        "what is missing stands on the card; it is never merged past a protection",
    ),
    "behind": ("its base went on, and the protection asks for what is there", "update its branch first"),
    "draft": ("it is a draft", "mark it as ready first"),
}


class PullAction(GithubAction):
    """Base: a pull request by number and head."""

    NEEDS = "contents: write, pull_requests: write"
    STATE = "open"

    async def choices(self, param: str) -> Sequence[Choice]:
        """Pull requests to the branch that is deployed, changed last first."""
        if param != "pull":
            return ()
        found = await self._desk.pulls(self.STATE, self._ground.table.branch)
        fitting = [each for each in found if self.STATE == "open" or each.merged is not None]
        return [Choice(str(each.number), f"#{each.number} {each.title}, by {each.author}") for each in fitting]

    async def look(self, wanted: int) -> PullRequest:
        """As it is now."""
        return await self._desk.pull(wanted)

    def target(self, pull: PullRequest) -> str:
        """ "pull request #12 (feature into main) in ..."."""
        return self._ground.named(f"pull request #{pull.brief.number} ({pull.brief.branch} into {pull.brief.base})")


class Merge(PullAction):
    """github.merge."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Pull requests; the ways that the repository allows."""
        if param == "method":
            methods = (await self._desk.about()).methods
            return [Choice(each, each, at == 0) for at, each in enumerate(methods)]
        return await super().choices(param)

    async def plan(self, request: ActionRequest) -> Plan:
        """Its checks, reviews and standing, and what it brings."""
        about, permission, refusals = await self.allowed()
        pull = await self._pull(whole(request.get("pull"), "pull"))
        brief = pull.brief
        method = request.get("method") or next(iter(about.methods), "merge")
        if method not in about.methods:
            allowed = ", ".join(about.methods)
            refusals.append(Refusal("parameters", f"{about.name} does not allow {method}", f"allowed: {allowed}"))
        if request.get("head") not in ("", brief.sha):
            reason = f"SHA moved: the head of #{brief.number} is {short(brief.sha)}, not {short(request.get('head'))}"
            refusals.append(Refusal("identity", reason, "look at what was pushed since", ("head",)))
        refusals += standing(pull)
        change = sending.merge(brief.number, brief.sha, method)
        brings = f"with {counted(pull.commits, 'commit')} of {brief.branch} ({method})"
        undo = ActionRequest("github.revert", self.source, {"pull": str(brief.number)})
        words = ("pr", "merge", str(brief.number), f"--{method}", "--match-head-commit", brief.sha)
        return self.card(
            request,
            title=f"Merge #{brief.number}: {brief.title}",
            target=self.target(pull),
            identity=self.identity(about, pull=str(brief.number), head=brief.sha, base=brief.base),
            permission=permission,
            undo=Undo("opens a pull request that takes it back, which has to be merged as well", undo),
            refusals=refusals,
            warnings=_doubts(pull),
            changes=(Change(brief.base, "without it", brings),),
            objects=(
                _size(pull),
                *(f"check {each.name}: {each.state}" for each in pull.checks[:40]),
                *(f"review {who}: {state.replace('_', ' ').lower()}" for who, state in pull.reviews[:20]),
            ),
            affected=f"everybody who works on {brief.base}, and whatever is deployed from it",
            operation=self.shown(change),
            equivalent=(self._ground.gh(*words),),
            basis={"pull": pull, "change": change},
            deadline_s=FOLLOW_S,
            lock=f"{self.source}/branch/{brief.base}",
        )

    async def _pull(self, wanted: int) -> PullRequest:
        """GitHub works out whether it can be merged once it is asked: asked again where that takes a moment."""
        pull = await self._desk.pull(wanted)
        for _ in range(3):
            if pull.state != "open" or pull.mergeable is not None:
                break
            await self._ground.clock.sleep(1.5)
            pull = await self._desk.pull(wanted)
        return pull

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once; then the run that deploys what it became, where there comes one."""
        pull, change = cast("PullRequest", plan.basis["pull"]), cast("sending.Sending", plan.basis["change"])
        until = self.until(plan)
        answer = await self._desk.send(change)
        sha = sha_of(answer.get("sha"))
        if answer.get("merged") is not True or not sha:
            raise Malformed(
                f"GitHub did not say that #{pull.brief.number} was merged", hint="look there", effect_possible=True
            )
        made = f"#{pull.brief.number} was merged into {pull.brief.base} as {short(sha)}"
        merged = f"merged as {sha}"
        workflow = self._ground.table.workflow or ""
        if not workflow:
            return RunResult(Outcome.SUCCEEDED, made, details=(merged,), undo=plan.undo)
        try:
            found = await self.appeared(frozenset(), control, workflow, {"head_sha": sha})
        except CockpitError as error:
            said = f"{made}; whether {workflow} deploys it cannot be seen: {error.message}"
            return RunResult(Outcome.SUCCEEDED, said, details=(merged,), undo=plan.undo)
        if not found:
            said = f"{made}; {workflow} has not begun to deploy it"
            return RunResult(Outcome.SUCCEEDED, said, details=(merged,), undo=plan.undo)
        return self.came_of(made, await self.follow(found[0].id, 0, control, until), plan.undo, plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is merged, and how its deployment stands."""
        brief = cast("PullRequest", plan.basis["pull"]).brief
        pull = await self._desk.pull(brief.number)
        if pull.brief.merged is None:
            return Verification(False, f"#{brief.number} is {pull.state}, not merged")
        said = f"#{brief.number} is {short(pull.brief.merge_sha)} on {brief.base}"
        if run := run_in(result.details):
            seen = await self._desk.run(run)
            said += f"; {seen.workflow} #{seen.number}: {seen.state}"
            return Verification(None if seen.running else seen.conclusion == "success", said)
        return Verification(True, said)


class Revert(PullAction):
    """github.revert: GitHub makes the branch, the commits and the pull request (GraphQL revertPullRequest)."""

    STATE = "closed"

    async def plan(self, request: ActionRequest) -> Plan:
        """What would be taken back."""
        about, permission, refusals = await self.allowed()
        pull = await self._desk.pull(whole(request.get("pull"), "pull"))
        brief = pull.brief
        if brief.merged is None:
            refusals.append(Refusal("preconditions", f"#{brief.number} was not merged", "nothing to take back"))
        if request.get("merged") not in ("", brief.merge_sha):
            reason = f"SHA moved: #{brief.number} became {short(brief.merge_sha)}"
            refusals.append(Refusal("identity", reason, "look at it before acting", ("merged",)))
        operation = f"POST {self._desk.api.graphql_url}\n{sending.REVERT}\nid: {pull.node}"
        return self.card(
            request,
            title=f"Revert #{brief.number}: {brief.title}",
            target=self.target(pull),
            identity=self.identity(about, pull=str(brief.number), node=pull.node, merged=brief.merge_sha),
            permission=permission,
            undo=Undo("the new pull request can be closed while it is not merged"),
            refusals=refusals,
            warnings=("nothing is deployed by this: the new pull request has to be merged (github.merge)",),
            changes=(Change("pull requests", "none that takes it back", f"one that takes #{brief.number} back"),),
            objects=(f"{_size(pull)}, merged as {short(brief.merge_sha)}",),
            affected="nobody, until it is merged",
            operation=operation,
            equivalent=(self._ground.gh("pr", "revert", str(brief.number)),),
            basis={"pull": pull},
            lock=f"{self.source}/pull/{brief.number}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once."""
        pull = cast("PullRequest", plan.basis["pull"])
        control.progress(0, 1, "GitHub makes the pull request")
        made = await self._desk.revert(pull.node)
        said = f"#{made.number} takes #{pull.brief.number} back, on {made.branch}: merge it to have an effect"
        request = ActionRequest("github.close", self.source, {"pull": str(made.number), "head": made.sha})
        undo = Undo(f"closes #{made.number}", request)
        return RunResult(Outcome.SUCCEEDED, said, details=(f"pull {made.number}",), undo=undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is there, and open."""
        return await is_now(self, result, "open")


def standing(pull: PullRequest) -> list[Refusal]:
    """Why it is not to be merged now: the branch's protection is for everybody, administrators too."""
    brief = pull.brief
    if brief.merged is not None or pull.state != "open":
        now = "merged" if brief.merged is not None else "closed"
        return [Refusal("preconditions", f"#{brief.number} is {now} already", "nothing to merge")]
    if brief.draft or pull.standing in _STANDING:
        reason, hint = _STANDING["draft" if brief.draft else pull.standing]
        lack = _lacks(pull) if pull.standing == "blocked" else ""
        return [Refusal("preconditions", f"#{brief.number}: {reason}{lack}", hint)]
    if pull.mergeable is None or pull.standing == "unknown":
        reason = f"GitHub has not worked out yet whether #{brief.number} can be merged"
        return [Refusal("preconditions", reason, "plan again in a moment")]
    if not pull.mergeable:
        return [Refusal("preconditions", f"#{brief.number} conflicts with {brief.base}", "solve the conflicts first")]
    return []


def _size(pull: PullRequest) -> str:
    commits, files = counted(pull.commits, "commit"), counted(pull.files, "file")
    return f"{commits} by {pull.brief.author}, {files}, +{pull.added} -{pull.removed}"


def _lacks(pull: PullRequest) -> str:
    found = [f"{each.name} {each.state}" for each in pull.checks if each.bad or each.open]
    found += [f"{who} asks for changes" for who, state in pull.reviews if state == "CHANGES_REQUESTED"]
    if not any(state == "APPROVED" for _, state in pull.reviews):
        found.append("nobody approved it")
    return f" ({'; '.join(found[:5])})"


def _doubts(pull: PullRequest) -> list[str]:
    bad = [each.name for each in pull.checks if each.bad]
    waiting = [each.name for each in pull.checks if each.open]
    against = [who for who, state in pull.reviews if state == "CHANGES_REQUESTED"]
    found = [f"checks failed: {', '.join(bad[:5])}"] if bad else []
    found += [f"checks are not at their end: {', '.join(waiting[:5])}"] if waiting else []
    found += [f"changes are asked for by {', '.join(against[:5])}"] if against else []
    if not pull.checks:
        found.append("no check has looked at this commit")
    if not pull.reviews:
        found.append("nobody has reviewed it")
    return found


async def is_now(action: PullAction, result: RunResult, state: str) -> Verification:
    """Whether the pull request that the details name is open, or closed."""
    made = result.details[0].removeprefix("pull ") if result.details else ""
    if not made.isdigit():
        return Verification(None, "which pull request it is, is not known: look at GitHub")
    pull = await action.look(int(made))
    return Verification(pull.state == state, f"#{pull.brief.number} is {pull.state}")
