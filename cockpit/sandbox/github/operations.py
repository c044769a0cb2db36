"""What each request does to the repository, with the status codes that GitHub documents for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cockpit.sandbox.github import shapes
from cockpit.sandbox.github.repository import Json, Pull, Repository, Run

Query = Mapping[str, str]
_INPUTS = {"environment": ("staging", "production"), "version": (), "dry_run": ("true", "false")}


@dataclass(frozen=True, slots=True)
class Answer:
    """A value, or a list to be paged, alone or under `key`; of an error the message."""

    value: Any = None
    status: int = 200
    listed: list[Json] | None = None
    key: str = ""
    errors: list[Json] | None = None


NOT_FOUND = Answer("Not Found", 404)


class Operations:
    """By the names of the server's table. Every one takes `query`, `body` and `login`."""

    def __init__(self, repository: Repository) -> None:
        self._repo = repository

    def repository(self, **_: Any) -> Answer:
        """repos/get"""
        return Answer(shapes.repository(self._repo))

    def environments(self, **_: Any) -> Answer:
        """repos/get-all-environments"""
        return Answer(listed=[{"id": 1, "name": "production"}, {"id": 2, "name": "staging"}], key="environments")

    def workflows(self, **_: Any) -> Answer:
        """actions/list-repo-workflows"""
        return Answer(listed=[shapes.workflow(self._repo)], key="workflows")

    def workflow(self, workflow: str, **_: Any) -> Answer:
        """actions/get-workflow"""
        return Answer(shapes.workflow(self._repo)) if self._is_ours(workflow) else NOT_FOUND

    def runs(self, query: Query, workflow: str = "deploy.yml", **_: Any) -> Answer:
        """actions/list-workflow-runs, actions/list-workflow-runs-for-repo"""
        if not self._is_ours(workflow):
            return NOT_FOUND
        found = sorted(self._repo.runs.values(), key=lambda each: -each.id)
        shown = [shapes.run(self._repo, each) for each in found]
        for asked, key in (("event", "event"), ("branch", "head_branch"), ("head_sha", "head_sha")):
            shown = [each for each in shown if query.get(asked) in (None, each[key])]
        if since := query.get("created", "").removeprefix(">="):
            shown = [each for each in shown if each["created_at"] >= since]
        return Answer(listed=shown, key="workflow_runs")

    def run(self, run: str, **_: Any) -> Answer:
        """actions/get-workflow-run"""
        found = self._run(run)
        return Answer(shapes.run(self._repo, found)) if found is not None else NOT_FOUND

    def jobs(self, run: str, **_: Any) -> Answer:
        """actions/list-jobs-for-workflow-run"""
        found = self._run(run)
        return Answer(listed=shapes.jobs(self._repo, found), key="jobs") if found is not None else NOT_FOUND

    def rerun(self, run: str, login: str, **_: Any) -> Answer:
        """actions/re-run-workflow"""
        return self._again(run, login, everything=True)

    def rerun_failed(self, run: str, login: str, **_: Any) -> Answer:
        """actions/re-run-workflow-failed-jobs"""
        return self._again(run, login, everything=False)

    def _again(self, run: str, login: str, *, everything: bool) -> Answer:
        found = self._run(run)
        if found is None:
            return NOT_FOUND
        status, conclusion = self._repo.state_of(found)
        if status != "completed":
            return Answer("This workflow is already running", 403)
        if conclusion == "success" and not everything:
            return Answer("This workflow run cannot be retried", 403)
        self._repo.again(found, everything=everything, actor=login)
        return Answer({}, 201)

    def cancel(self, run: str, **_: Any) -> Answer:
        """actions/cancel-workflow-run"""
        found = self._run(run)
        if found is None:
            return NOT_FOUND
        if self._repo.state_of(found)[0] == "completed":
            return Answer("Cannot cancel a workflow run that is completed.", 409)
        found.attempts[-1].cancelled = self._repo.now()
        return Answer({}, 202)

    def dispatch(self, workflow: str, body: Json, login: str, **_: Any) -> Answer:
        """actions/create-workflow-dispatch"""
        if not self._is_ours(workflow):
            return NOT_FOUND
        ref, inputs = body.get("ref", ""), body.get("inputs") or {}
        sha = self._repo.branches.get(ref) or self._repo.tags.get(ref)
        if not sha:
            return Answer(f"No ref found for: {ref}", 422)
        if "workflow_dispatch" not in self._repo.workflow_file:
            return Answer("Workflow does not have 'workflow_dispatch' trigger", 422)
        unexpected = [name for name in inputs if name not in _INPUTS]
        if unexpected:
            return Answer(f"Unexpected inputs provided: {unexpected}", 422)
        if not inputs.get("version"):
            return Answer("Required input 'version' not provided", 422)
        made = self._repo.run(ref, sha, "workflow_dispatch", login, **inputs)
        if not body.get("return_run_details"):
            return Answer(None, 204)
        url = f"https://api.github.com/repos/{self._repo.name}/actions/runs/{made.id}"
        return Answer({"workflow_run_id": made.id, "run_url": url, "html_url": url})

    def deployments(self, query: Query, **_: Any) -> Answer:
        """repos/list-deployments"""
        wanted = query.get("environment")
        shown = [each for each in self._repo.deployments if wanted in (None, each["environment"])]
        return Answer(listed=[{key: value for key, value in each.items() if key != "statuses"} for each in shown])

    def statuses(self, deployment: str, **_: Any) -> Answer:
        """repos/list-deployment-statuses"""
        found = next((each for each in self._repo.deployments if str(each["id"]) == deployment), None)
        return Answer(listed=found["statuses"]) if found is not None else NOT_FOUND

    def pulls(self, query: Query, **_: Any) -> Answer:
        """pulls/list"""
        state, base = query.get("state", "open"), query.get("base")
        found = [each for each in self._repo.pulls.values() if state in ("all", each.state)]
        found = [each for each in found if base in (None, each.base)]
        found.sort(key=lambda each: (each.updated or each.created, each.number), reverse=True)
        return Answer(listed=[shapes.pull(self._repo, each) for each in found])

    def propose(self, body: Json, login: str, **_: Any) -> Answer:
        """pulls/create"""
        head, base = body.get("head", ""), body.get("base", "")
        if head not in self._repo.branches or base not in self._repo.branches:
            wrong = "head" if head not in self._repo.branches else "base"
            return Answer("Validation Failed", 422, errors=[{"resource": "PullRequest", "field": wrong,
                                                             "code": "invalid"}])  # fmt: skip
        if any(each.branch == head and each.state == "open" for each in self._repo.pulls.values()):
            said = f"A pull request already exists for {self._repo.name.partition('/')[0]}:{head}."
            return Answer("Validation Failed", 422, errors=[{"resource": "PullRequest", "code": "custom",
                                                             "message": said}])  # fmt: skip
        made = self._repo.pull(head, body.get("title", ""), login, draft=bool(body.get("draft")))
        made.body = body.get("body") or ""
        return Answer(shapes.pull(self._repo, made, whole=True), 201)

    def pull(self, pull: str, **_: Any) -> Answer:
        """pulls/get"""
        found = self._pull(pull)
        return Answer(shapes.pull(self._repo, found, whole=True)) if found is not None else NOT_FOUND

    def change(self, pull: str, body: Json, **_: Any) -> Answer:
        """pulls/update"""
        found = self._pull(pull)
        if found is None:
            return NOT_FOUND
        found.state, found.updated = body.get("state", found.state), self._repo.now()
        return Answer(shapes.pull(self._repo, found, whole=True))

    def reviews(self, pull: str, **_: Any) -> Answer:
        """pulls/list-reviews"""
        found = self._pull(pull)
        if found is None:
            return NOT_FOUND
        listed = [{"id": at, "user": {"login": who}, "state": state} for at, (who, state) in enumerate(found.reviews)]
        return Answer(listed=listed)

    def merge(self, pull: str, body: Json, **_: Any) -> Answer:
        """pulls/merge"""
        found = self._pull(pull)
        if found is None:
            return NOT_FOUND
        if found.state != "open" or found.draft or found.standing in ("dirty", "blocked"):
            return Answer("Pull Request is not mergeable", 405)
        if body.get("sha") not in (None, self._repo.head(found)):
            return Answer("Head branch was modified. Review and try the merge again.", 409)
        method = body.get("merge_method", "merge")
        allowed = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
        if not self._repo.methods[allowed[method]]:
            return Answer(f"{method.title()} merges are not allowed on this repository.", 405)
        sha = self._repo.merge(found)
        return Answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})

    def commits(self, query: Query, **_: Any) -> Answer:
        """repos/list-commits"""
        sha = self._repo.resolve(query.get("sha", "main"))
        if not sha:
            return NOT_FOUND
        return Answer(listed=[shapes.commit(each) for each in self._repo.history(sha)])

    def commit(self, ref: str, **_: Any) -> Answer:
        """repos/get-commit"""
        sha = self._repo.resolve(ref)
        if not sha:
            return Answer(f"No commit found for SHA: {ref}", 422)
        return Answer(shapes.commit(self._repo.commits[sha]))

    def check_runs(self, ref: str, **_: Any) -> Answer:
        """checks/list-for-ref"""
        checks = next((each.checks for each in self._repo.pulls.values() if self._repo.head(each) == ref), [])
        open_ = ("queued", "in_progress")
        listed = [
            {"id": at, "name": name, "status": state if state in open_ else "completed",
             "conclusion": None if state in open_ else state}
            for at, (name, state) in enumerate(checks)
        ]  # fmt: skip
        return Answer(listed=listed, key="check_runs")

    def status(self, ref: str, **_: Any) -> Answer:
        """repos/get-combined-status-for-ref"""
        return Answer({"state": "pending", "sha": ref, "total_count": 0, "statuses": []})

    def compare(self, basehead: str, **_: Any) -> Answer:
        """repos/compare-commits"""
        base, _dots, head = basehead.partition("...")
        if not (self._repo.resolve(base) and self._repo.resolve(head)):
            return NOT_FOUND
        return Answer(shapes.comparison(self._repo, base, head))

    def content(self, path: str, query: Query, **_: Any) -> Answer:
        """repos/get-content"""
        there = path == ".github/workflows/deploy.yml" and self._repo.resolve(query.get("ref", "main"))
        return Answer(shapes.content(self._repo)) if there else NOT_FOUND

    def branches(self, **_: Any) -> Answer:
        """repos/list-branches"""
        return Answer(listed=[{"name": name, "commit": {"sha": sha}} for name, sha in self._repo.branches.items()])

    def tags(self, **_: Any) -> Answer:
        """repos/list-tags"""
        return Answer(listed=[{"name": name, "commit": {"sha": sha}} for name, sha in self._repo.tags.items()])

    def graphql(self, body: Json, login: str, **_: Any) -> Answer:
        """Mutation revertPullRequest: a branch with one commit that takes the merged one back, and a pull request."""
        node = str(body.get("variables", {}).get("id", ""))
        found = self._pull(node.removeprefix("PR_")) if "revertPullRequest" in str(body.get("query")) else None
        if found is None:
            error = {"type": "NOT_FOUND", "message": f"Could not resolve to a node with the global id of '{node}'."}
            return Answer({"data": None, "errors": [error]})
        if found.merged is None:
            error = {"type": "UNPROCESSABLE", "message": "Pull request is not merged"}
            return Answer({"data": {"revertPullRequest": None}, "errors": [error]})
        branch = f"revert-{found.number}-{found.branch}"
        lines = {name: (b, a) for name, (a, b) in self._repo.commits[found.merge_sha].files.items()}
        sha = self._repo.commit(branch, f'Revert "{found.title}"', login, lines)
        made = self._repo.pull(branch, f'Revert "{found.title}"', login, checks=[("tests", "success")])
        told = {"number": made.number, "url": "", "headRefName": branch, "headRefOid": sha}
        return Answer({"data": {"revertPullRequest": {"revertPullRequest": told}}})

    def _is_ours(self, workflow: str) -> bool:
        return workflow in ("deploy.yml", str(shapes.WORKFLOW_ID))

    def _run(self, run: str) -> Run | None:
        return self._repo.runs.get(int(run)) if run.isdigit() else None

    def _pull(self, pull: str) -> Pull | None:
        return self._repo.pulls.get(int(pull)) if pull.isdigit() else None
