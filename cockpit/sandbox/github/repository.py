"""A repository that lives: commits, branches, pull requests, runs that go on with the clock, deployments.

Objects have the fields of github/rest-api-description (api.github.com.2022-11-28) that the cockpit reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]
JOB_S = 10.0  # how long a job takes
QUEUED_S = 2.0
JOBS = ("build", "deploy")
STEPS = ("Set up job", "Check out", "Do it", "Complete job")


def stamp(at: datetime) -> str:
    """As GitHub writes times."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(slots=True)
class Commit:
    """One commit; `files` are what it changed: name -> (added, removed)."""

    sha: str
    parent: str
    message: str
    author: str
    at: datetime
    files: dict[str, tuple[int, int]]


@dataclass(slots=True)
class Pull:
    """One pull request."""

    number: int
    title: str
    author: str
    branch: str
    base: str
    created: datetime
    state: str = "open"
    draft: bool = False
    merged: datetime | None = None
    merge_sha: str = ""
    head_sha: str = ""  # kept once its branch may go on
    standing: str = "clean"
    body: str = ""
    reviews: list[tuple[str, str]] = field(default_factory=list)
    checks: list[tuple[str, str]] = field(default_factory=list)
    updated: datetime | None = None


@dataclass(slots=True)
class Attempt:
    """One attempt of a run: which jobs it does, which of them fails, when it was cancelled."""

    number: int
    begun: datetime
    actor: str
    fails: str = ""  # name of the job that fails
    done: tuple[str, ...] = ()  # jobs that an earlier attempt did
    cancelled: datetime | None = None
    holds: bool = False  # stays queued


@dataclass(slots=True)
class Run:
    """One run of the workflow."""

    id: int
    number: int
    branch: str
    sha: str
    event: str
    created: datetime
    attempts: list[Attempt]
    inputs: dict[str, str] = field(default_factory=dict)
    deployed: int = 0  # attempt that was recorded as a deployment


WORKFLOW = """\
name: Deploy
on:
  push:
    branches: [main]
  workflow_dispatch:
    inputs:
      environment:
        description: where it goes
        type: choice
        options: [staging, production]
        required: true
        default: production
      version:
        description: commit or tag
        required: true
      dry_run:
        type: boolean
        default: false
jobs: {}
"""


class Repository:
    """shop-team/shop with a workflow deploy.yml; `now` is the clock that all goes on with."""

    def __init__(self, now: Callable[[], datetime], *, name: str = "shop-team/shop") -> None:
        self.now = now
        self.name = name
        self.id = 4711
        self.commits: dict[str, Commit] = {}
        self.branches: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.pulls: dict[int, Pull] = {}
        self.runs: dict[int, Run] = {}
        self.deployments: list[Json] = []
        self.workflow_file = WORKFLOW
        self.workflow_state = "active"
        self.archived = False
        self.pushable = True
        self.methods = {"allow_merge_commit": False, "allow_squash_merge": True, "allow_rebase_merge": False}
        self.next_fails = ""  # job of the next run that fails
        self._number = 100
        self._next_id = 9000

    # -- making

    def commit(
        self, branch: str, message: str, author: str = "ann", files: Mapping[str, tuple[int, int]] | None = None
    ) -> str:
        """One more commit on a branch; a branch that is not there begins at main."""
        parent = self.branches.get(branch) or self.branches.get("main", "")
        text = f"{parent} {message} {author} {len(self.commits)}"
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = Commit(sha, parent, message, author, self.now(), dict(files or {"app.py": (3, 1)}))
        self.branches[branch] = sha
        return sha

    def pull(self, branch: str, title: str, author: str = "ann", **kept: Any) -> Pull:
        """A new pull request from a branch into main."""
        self._number += 1
        made = Pull(self._number, title, author, branch, "main", self.now(), **kept)
        self.pulls[made.number] = made
        return made

    def run(self, branch: str, sha: str, event: str = "push", actor: str = "ann", **inputs: str) -> Run:
        """A new run of the workflow, begun now."""
        self._next_id += 1
        number = 1 + max((each.number for each in self.runs.values()), default=0)
        attempt = Attempt(1, self.now(), actor, self.next_fails)
        self.next_fails = ""
        made = Run(self._next_id, number, branch, sha, event, self.now(), [attempt], inputs)
        self.runs[made.id] = made
        return made

    def again(self, run: Run, *, everything: bool, actor: str = "ann") -> None:
        """Another attempt, which succeeds unless `next_fails` says otherwise."""
        last = run.attempts[-1]
        bad = [name for name, state in self.jobs_of(run) if state not in ("success",)]
        done = () if everything else tuple(name for name in JOBS if name not in bad)
        run.attempts.append(Attempt(last.number + 1, self.now(), actor, self.next_fails, done))
        self.next_fails = ""

    def merge(self, pull: Pull) -> str:
        """The base moves on by one commit, and the workflow runs."""
        lines = {name: lines for each in self.ahead(pull.base, self.head(pull)) for name, lines in each.files.items()}
        pull.head_sha = self.head(pull)
        pull.merge_sha = self.commit(pull.base, f"{pull.title} (#{pull.number})", pull.author, lines)
        pull.state, pull.merged, pull.updated = "closed", self.now(), self.now()
        self.run(pull.base, pull.merge_sha, actor=pull.author)
        return pull.merge_sha

    def head(self, pull: Pull) -> str:
        """The commit at its head."""
        return pull.head_sha or self.branches[pull.branch]

    # -- looking

    def resolve(self, ref: str) -> str:
        """The commit of a branch, tag or id; "" where there is none."""
        found = self.branches.get(ref) or self.tags.get(ref)
        if found:
            return found
        matching = [sha for sha in self.commits if len(ref) >= 7 and sha.startswith(ref)]
        return matching[0] if len(matching) == 1 else ""

    def history(self, sha: str) -> list[Commit]:
        """Newest first."""
        found: list[Commit] = []
        while sha:
            found.append(self.commits[sha])
            sha = self.commits[sha].parent
        return found

    def ahead(self, base: str, head: str) -> list[Commit]:
        """Commits that `head` has and `base` lacks, oldest first."""
        known = {each.sha for each in self.history(self.resolve(base))}
        return [each for each in reversed(self.history(self.resolve(head))) if each.sha not in known]

    def jobs_of(self, run: Run) -> list[tuple[str, str]]:
        """Name and state of each job of the last attempt: queued, in_progress, or how it ended."""
        attempt = run.attempts[-1]
        at = attempt.cancelled or self.now()
        begins = attempt.begun + timedelta(seconds=QUEUED_S)
        found: list[tuple[str, str]] = []
        broken = False
        for name in JOBS:
            ends = begins + timedelta(seconds=JOB_S)
            if name in attempt.done:
                found.append((name, "success"))
                continue
            if broken:
                state = "skipped"
            elif at >= ends and not attempt.holds:
                state = "failure" if name == attempt.fails else "success"
            elif attempt.cancelled is not None:
                state = "cancelled"
            elif at >= begins and not attempt.holds:
                state = "in_progress"
            else:
                state = "queued"
            broken = broken or state == "failure"
            found.append((name, state))
            begins = ends
        return found

    def state_of(self, run: Run) -> tuple[str, str]:
        """Status and conclusion; a deployment is recorded once it succeeded."""
        states = [state for _, state in self.jobs_of(run)]
        if any(state in ("queued", "in_progress") for state in states):
            return ("in_progress" if "in_progress" in states or "success" in states else "queued"), ""
        if "cancelled" in states:
            return "completed", "cancelled"
        if "failure" in states:
            return "completed", "failure"
        attempt = run.attempts[-1].number
        if run.deployed < attempt:
            run.deployed = attempt
            self.deployed(run.sha, run.branch, at=self.ended(run))
        return "completed", "success"

    def ended(self, run: Run) -> datetime:
        """When its last attempt is, or would be, at its end."""
        attempt = run.attempts[-1]
        busy = sum(name not in attempt.done for name in JOBS)
        return attempt.cancelled or attempt.begun + timedelta(seconds=QUEUED_S + busy * JOB_S)

    def deployed(self, sha: str, ref: str, state: str = "success", at: datetime | None = None) -> None:
        """A deployment to production, which makes the ones before inactive."""
        self._next_id += 10
        told = stamp(at or self.now())
        if state == "success":
            for each in self.deployments:
                if each["statuses"][0]["state"] == "success":
                    each["statuses"].insert(0, self._status("inactive", told))
        self.deployments.insert(
            0,
            {
                "id": self._next_id,
                "sha": sha,
                "ref": ref,
                "environment": "production",
                "task": "deploy",
                "creator": {"login": "github-actions[bot]"},
                "created_at": told,
                "updated_at": told,
                "statuses": [self._status(state, told)],
            },
        )

    def _status(self, state: str, at: str) -> Json:
        self._next_id += 1
        said = {"id": self._next_id, "state": state, "description": "", "created_at": at, "updated_at": at}
        return {**said, "environment": "production", "log_url": ""}


def lived(now: Callable[[], datetime]) -> Repository:
    """A repository with a past: two deployments, a failed run, an open and a merged pull request."""
    made = Repository(now)
    first = made.commit("main", "Ship the shop", "ann", {"app/main.py": (120, 0)})
    made.tags["v1.0"] = first
    earlier = made.run("main", first)
    _past(earlier, 7200)
    made.state_of(earlier)
    made.commit("faster-cart", "Count the cart once", "bob", {"app/cart.py": (14, 9)})
    pull = made.pull("faster-cart", "Faster cart", "bob", **_good())
    made.merge(pull)
    for run in made.runs.values():
        if run.sha == pull.merge_sha:
            _past(run, 3600)
            made.state_of(run)
    broken = made.commit("main", "Try the new price list", "cem", {"app/prices.py": (40, 2)})
    made.next_fails = "deploy"
    _past(made.run("main", broken, actor="cem"), 600)
    made.commit("fix-prices", "Round prices as before", "ann", {"app/prices.py": (2, 2)})
    made.pull("fix-prices", "Round prices as before", **_good())
    return made


def _past(run: Run, seconds: float) -> None:
    run.created -= timedelta(seconds=seconds)
    run.attempts[0].begun = run.created


def _good() -> Json:
    return {"reviews": [("eve", "APPROVED")], "checks": [("tests", "success")]}
