"""What is asked of GitHub beside the polls: one run, one pull request, a comparison; and the changes, each sent once.

Every path is that of docs.github.com/en/rest: actions/workflow-runs, actions/workflows, pulls/pulls, pulls/reviews,
checks/runs, commits/statuses, commits/commits, repos/contents. Reverting by pull request is GraphQL's alone
(mutation revertPullRequest, github.blog/changelog/2023-01-27-api-for-reverting-a-pull-request).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cockpit.adapters.github import wire
from cockpit.adapters.github.client import GithubApi
from cockpit.adapters.github.sending import REVERT, Sending, segment
from cockpit.adapters.github.workflowfile import dispatch_inputs
from cockpit.adapters.raw import Json, number, part, text
from cockpit.errors import Malformed, NotFound
from cockpit.model.delivery import Check, Commit, Difference, PullBrief, PullRequest, Repository, Run, Workflow
from cockpit.text import clean_lines

_FILES = 300  # as many as a comparison lists
_METHODS = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}


class GithubDesk:
    """Questions and changes. Every method raises CockpitError."""

    def __init__(self, api: GithubApi) -> None:
        self.api = api

    async def send(self, change: Sending) -> Json:
        """Once. Raises with `effect_possible` where no answer came."""
        return await self.api.send(change.method, change.path, change.body)

    async def revert(self, node: str) -> PullBrief:
        """A pull request that takes another back; GitHub makes the commits. The new one, in short."""
        found = part(await self.api.mutate(REVERT, {"id": node}), "revertPullRequest", "revertPullRequest")
        if not number(found.get("number")):
            raise Malformed(
                "GitHub did not say which pull request reverts it", hint="look there", effect_possible=True
            )
        branch, sha = text(found.get("headRefName"), 255), wire.sha_of(found.get("headRefOid"))
        return PullBrief(number(found.get("number")), "", "", branch, "", sha)

    async def about(self) -> Repository:
        """Id, rights, ways to merge."""
        raw = await self.api.get("")
        methods = tuple(name for name, key in _METHODS.items() if raw.get(key) is not False)
        return Repository(
            number(raw.get("id")),
            text(raw.get("full_name"), 200),
            text(raw.get("default_branch"), 255),
            part(raw, "permissions").get("push") is True,
            raw.get("archived") is True,
            methods,
            self.api.scopes,
        )

    async def run(self, run: int) -> Run:
        """With the jobs of its last attempt."""
        raw = await self.api.get(f"/actions/runs/{run}")
        jobs, _ = await self.api.listed(f"/actions/runs/{run}/jobs", {"filter": "latest"}, key="jobs")
        return wire.run(raw, jobs)

    async def runs(self, workflow: str = "", asked: Mapping[str, str] | None = None, most: int = 30) -> list[Run]:
        """Newest first; `asked`: branch, event, head_sha, created."""
        path = f"/actions/workflows/{segment(workflow)}/runs" if workflow else "/actions/runs"
        found, _ = await self.api.listed(path, asked, key="workflow_runs", most=most)
        return [wire.run(each) for each in found]

    async def workflows(self) -> list[Workflow]:
        """All, without their inputs."""
        found, _ = await self.api.listed("/actions/workflows", key="workflows")
        return [_workflow(each) for each in found]

    async def workflow(self, name: str, ref: str) -> Workflow:
        """By file or id, with the inputs that it has at `ref`."""
        found = _workflow(await self.api.get(f"/actions/workflows/{segment(name)}"))
        path = "/".join(segment(each) for each in found.path.split("/"))
        raw = await self.api.get(f"/contents/{path}", {"ref": ref})
        try:
            content = base64.b64decode(str(raw.get("content") or ""))
        except ValueError:
            raise Malformed(f"{found.path} at {ref} came in an unknown encoding") from None
        return replace(found, inputs=dispatch_inputs(content, found.path))

    async def head(self, ref: str) -> str:
        """The commit of a branch, tag or id."""
        sha = wire.sha_of((await self.api.get(f"/commits/{segment(ref)}")).get("sha"))
        if not sha:
            raise NotFound(f"{ref} leads to no commit of {self.api.table.repository}")
        return sha

    async def refs(self) -> list[str]:
        """Branches, then tags: what a workflow can be started at."""
        names: list[str] = []
        for path in ("/branches", "/tags"):
            found, _ = await self.api.listed(path, most=50)
            names += [text(each.get("name"), 255) for each in found]
        return names

    async def commits(self, ref: str, most: int) -> list[Commit]:
        """Newest first."""
        found, _ = await self.api.listed("/commits", {"sha": ref}, most=most)
        return [wire.commit(each) for each in found]

    async def pulls(self, state: str, base: str = "", most: int = 30) -> list[PullBrief]:
        """Those changed last first."""
        asked = {"state": state, "sort": "updated", "direction": "desc", **({"base": base} if base else {})}
        found, _ = await self.api.listed("/pulls", asked, most=most)
        return [wire.pull(each) for each in found]

    async def pull(self, number_: int) -> PullRequest:
        """With checks and reviews."""
        raw = await self.api.get(f"/pulls/{number_}")
        brief = wire.pull(raw)
        body = raw.get("body")
        return PullRequest(
            brief=brief,
            node=text(raw.get("node_id"), 200),
            state=text(raw.get("state"), 30),
            mergeable=raw["mergeable"] if isinstance(raw.get("mergeable"), bool) else None,
            standing=text(raw.get("mergeable_state"), 30) or "unknown",
            body="\n".join(clean_lines(body, lines=40)) if isinstance(body, str) else "",
            commits=number(raw.get("commits")),
            files=number(raw.get("changed_files")),
            added=number(raw.get("additions")),
            removed=number(raw.get("deletions")),
            merged_by=wire.login(raw.get("merged_by")),
            checks=await self.checks(brief.sha) if brief.sha else (),
            reviews=await self._reviews(number_),
        )

    async def checks(self, sha: str) -> tuple[Check, ...]:
        """Check runs and statuses of a commit, by name."""
        runs, _ = await self.api.listed(f"/commits/{sha}/check-runs", key="check_runs")
        found = {text(each.get("name"), 120): text(each.get("conclusion") or each.get("status"), 30) for each in runs}
        statuses, _ = await self.api.listed(f"/commits/{sha}/status", key="statuses")
        found |= {text(each.get("context"), 120): text(each.get("state"), 30) for each in statuses}
        return tuple(Check(name, state) for name, state in sorted(found.items()))

    async def _reviews(self, number_: int) -> tuple[tuple[str, str], ...]:
        """Oldest first as GitHub lists them: the last word of each that decides something."""
        raws, _ = await self.api.listed(f"/pulls/{number_}/reviews")
        last: dict[str, str] = {}
        for each in raws:
            who, state = wire.login(each.get("user")), text(each.get("state"), 30)
            if state in ("APPROVED", "CHANGES_REQUESTED"):
                last[who] = state
            elif state == "DISMISSED":
                last.pop(who, None)
        return tuple(last.items())

    async def compare(self, base: str, head: str) -> Difference:
        """From the common ancestor of both to `head`; pull requests by the commits that they became."""
        raw = await self.api.get(f"/compare/{segment(base)}...{segment(head)}")
        commits = tuple(wire.commit(each) for each in raw["commits"]) if isinstance(raw.get("commits"), list) else ()
        files = tuple(wire.file_change(each) for each in raw["files"]) if isinstance(raw.get("files"), list) else ()
        total = number(raw.get("total_commits"))
        became = {each.sha for each in commits}
        pulls: Sequence[PullBrief] = await self.pulls("closed", most=100) if became else ()
        return Difference(
            base,
            head,
            text(raw.get("status"), 30),
            number(raw.get("ahead_by")),
            number(raw.get("behind_by")),
            commits,
            files,
            tuple(each for each in pulls if each.merge_sha in became),
            cut=total > len(commits) or len(files) >= _FILES,
        )


def _workflow(raw: Json) -> Workflow:
    path = text(raw.get("path"), 300).partition("@")[0]
    return Workflow(number(raw.get("id")), text(raw.get("name"), 120), path, text(raw.get("state"), 40))
