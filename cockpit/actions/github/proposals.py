"""Pull requests: opening one from a branch that is at GitHub already, and closing one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.github.ground import short, whole
from cockpit.actions.github.pulls import HEAD, PULL, PullAction, is_now
from cockpit.actions.handler import RunControl
from cockpit.adapters.github import sending
from cockpit.adapters.github.wire import sha_of
from cockpit.adapters.raw import number, part
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
from cockpit.model.delivery import Difference, PullRequest
from cockpit.model.severity import SourceKind
from cockpit.text import counted

PROPOSE = ActionSpec(
    "github.propose",
    "Open pull request",
    SourceKind.GITHUB,
    "",
    Tier.T1,
    "Opens a pull request from a branch that is at GitHub already.",
    (
        Param("branch", ParamKind.CHOICE, "branch with the changes"),
        Param("title", ParamKind.TEXT, "its title"),
        Param("base", ParamKind.CHOICE, "branch to change, empty for the one that is deployed", False),
        Param("body", ParamKind.TEXT, "what it says below its title", False),
        Param("draft", ParamKind.CHOICE, "yes or no", False, default="no"),
    ),
    scope=Scope.SOURCE,
    reversible=True,
)
CLOSE = ActionSpec(
    "github.close",
    "Close pull request",
    SourceKind.GITHUB,
    "",
    Tier.T1,
    "Closes a pull request without merging it.",
    (PULL, HEAD),
    listed=False,
)


class Propose(PullAction):
    """github.propose."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Branches."""
        if param == "draft":
            return (Choice("no", "ready for review", True), Choice("yes", "a draft"))
        if param not in ("branch", "base"):
            return ()
        base = self._ground.table.branch
        return [Choice(each, each, param == "base" and each == base) for each in await self._desk.refs()]

    async def plan(self, request: ActionRequest) -> Plan:
        """The commits that it would bring."""
        about, permission, refusals = await self.allowed()
        branch, base = request.get("branch"), request.get("base") or self._ground.table.branch
        difference = await self._desk.compare(base, branch)
        head = await self._desk.head(branch)
        refusals += await self._pointless(difference, branch, base)
        draft = request.get("draft") == "yes"
        change = sending.propose(request.get("title"), branch, base, request.get("body"), draft=draft)
        return self.card(
            request,
            title=f"Open a pull request: {request.get('title')}",
            target=self._ground.named(f"{branch} into {base}"),
            identity=self.identity(about, branch=branch, base=base, head=head),
            permission=permission,
            undo=Undo("it can be closed without being merged"),
            refusals=refusals,
            changes=(Change("pull request", "none", f"{counted(difference.ahead, 'commit')} into {base}"),),
            objects=tuple(f"{short(each.sha)} {each.subject} ({each.author})" for each in difference.commits[-40:]),
            affected="whoever is told of pull requests",
            operation=self.shown(change),
            basis={"change": change},
            lock=f"{self.source}/branch/{branch}",
        )

    async def _pointless(self, difference: Difference, branch: str, base: str) -> list[Refusal]:
        if not difference.ahead:
            return [Refusal("preconditions", f"{branch} has no commit that {base} lacks", "push it first")]
        there = next((each for each in await self._desk.pulls("open", base, 100) if each.branch == branch), None)
        if there is not None:
            return [Refusal("preconditions", f"#{there.number} is open for {branch} already", "merge that one")]
        return []

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once."""
        answer = await self._desk.send(cast("sending.Sending", plan.basis["change"]))
        made, sha = number(answer.get("number")), sha_of(part(answer, "head").get("sha"))
        request = ActionRequest("github.close", self.source, {"pull": str(made), "head": sha})
        said = f"#{made} is open: {plan.request.get('title')}"
        undo = Undo(f"closes #{made}", request)
        return RunResult(Outcome.SUCCEEDED, said, details=(f"pull {made}",), undo=undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is there, and open."""
        return await is_now(self, result, "open")


class Close(PullAction):
    """github.close."""

    async def plan(self, request: ActionRequest) -> Plan:
        """The pull request at its head."""
        about, permission, refusals = await self.allowed()
        pull = await self._desk.pull(whole(request.get("pull"), "pull"))
        brief = pull.brief
        if request.get("head") not in ("", brief.sha):
            reason = f"SHA moved: somebody pushed to #{brief.number} since"
            refusals.append(Refusal("identity", reason, "look at it first", ("head",)))
        if pull.state != "open":
            refusals.append(Refusal("preconditions", f"#{brief.number} is closed already", "nothing to do"))
        change = sending.close(brief.number)
        return self.card(
            request,
            title=f"Close #{brief.number}: {brief.title}",
            target=self.target(pull),
            identity=self.identity(about, pull=str(brief.number), head=brief.sha),
            permission=permission,
            undo=Undo("it can be opened again at GitHub"),
            refusals=refusals,
            changes=(Change("state", pull.state, "closed"),),
            objects=(f"pull request #{brief.number} by {brief.author}",),
            affected="whoever works on it",
            operation=self.shown(change),
            equivalent=(self._ground.gh("pr", "close", str(brief.number)),),
            basis={"pull": pull, "change": change},
            lock=f"{self.source}/pull/{brief.number}",
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once."""
        brief = cast("PullRequest", plan.basis["pull"]).brief
        await self._desk.send(cast("sending.Sending", plan.basis["change"]))
        return RunResult(Outcome.SUCCEEDED, f"#{brief.number} is closed", details=(f"pull {brief.number}",))

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """It is closed."""
        return await is_now(self, result, "closed")
