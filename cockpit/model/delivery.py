"""What a repository's workflows deploy: runs, deployments, what runs now, and what is in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity

FAILED = frozenset(("failure", "timed_out", "startup_failure"))
SHORT = 7  # characters of a commit's id on screen


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job."""

    number: int
    name: str
    status: str  # queued, in_progress, completed
    conclusion: str = ""  # success, failure, cancelled, skipped ...; "" while it is not completed


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a run."""

    id: int
    name: str
    status: str
    conclusion: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    steps: tuple[Step, ...] = ()

    @property
    def failed(self) -> bool:
        """Ended badly."""
        return self.conclusion in FAILED

    @property
    def step(self) -> Step | None:
        """Where it is, or where it broke."""
        wrong = next((each for each in self.steps if each.conclusion in FAILED), None)
        return wrong or next((each for each in self.steps if each.status == "in_progress"), None)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow; re-running it makes another attempt of the same run."""

    id: int
    number: int
    attempt: int
    workflow: str  # its name
    path: str  # ".github/workflows/deploy.yml"
    title: str
    branch: str
    sha: str
    actor: str  # who began this attempt
    event: str  # push, workflow_dispatch, schedule ...
    status: str  # queued, waiting, pending, in_progress, completed
    conclusion: str  # success, failure, cancelled, ...; "" while it is not completed
    created: datetime
    started: datetime | None
    updated: datetime | None
    url: str = ""
    jobs: tuple[Job, ...] = ()  # of those under way, and of the newest that failed

    @property
    def running(self) -> bool:
        """Not at its end."""
        return self.status != "completed"

    @property
    def failed(self) -> bool:
        """Ended badly."""
        return self.conclusion in FAILED

    @property
    def state(self) -> str:
        """One word or two: what came of it, else where it is."""
        return (self.conclusion or self.status).replace("_", " ")

    @property
    def severity(self) -> Severity:
        """A run that waits for a person, or ended without having deployed, is to be looked at."""
        if self.failed:
            return Severity.WARN  # what ran before runs on, as far as anybody knows
        if self.status == "waiting" or self.conclusion in ("action_required", "stale"):
            return Severity.WARN
        return Severity.OK

    def seconds(self, now: float) -> float | None:
        """How long this attempt took, or has been going on."""
        if self.started is None:
            return None
        ended = now if self.running or self.updated is None else self.updated.timestamp()
        return max(0.0, ended - self.started.timestamp())


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment to an environment. `succeeded`: it did at some time, whatever took its place since."""

    id: int
    environment: str
    sha: str
    ref: str
    state: str  # success, failure, error, inactive, in_progress, queued, pending; "" for none told
    created: datetime
    creator: str = ""
    said: str = ""
    url: str = ""
    changed: datetime | None = None  # when it came into its state
    succeeded: bool = False
    live: datetime | None = None  # when it succeeded first


@dataclass(frozen=True, slots=True)
class Released:
    """A commit that runs, or ran, and how that is known."""

    sha: str
    at: datetime
    evidence: str  # "last successful deployment to production"


@dataclass(frozen=True, slots=True)
class PullBrief:
    """A pull request in one line."""

    number: int
    title: str
    author: str
    branch: str
    base: str
    sha: str  # of its head
    draft: bool = False
    merged: datetime | None = None
    merge_sha: str = ""  # of the commit that it became
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """A repository as it delivers."""

    host: str
    repository: str
    repository_id: int
    branch: str
    workflow: str  # "" for all
    environment: str  # "" where runs say what is deployed
    head: str = ""  # newest commit of the branch
    runs: tuple[Run, ...] = ()  # newest first
    deployments: tuple[Deployment, ...] = ()  # newest first
    environments: tuple[str, ...] = ()
    pulls: tuple[PullBrief, ...] = ()  # open, to the branch
    merged: tuple[PullBrief, ...] = ()  # into the branch, newest first
    running: Released | None = None
    previous: Released | None = None
    quota_left: int | None = None
    quota: int | None = None  # requests an hour
    notes: tuple[str, ...] = ()

    def run(self, number: int) -> Run | None:
        """By its id."""
        return next((each for each in self.runs if each.id == number), None)

    def pull(self, number: int) -> PullBrief | None:
        """By its number, open or merged."""
        return next((each for each in (*self.pulls, *self.merged) if each.number == number), None)

    def deployment(self, number: int) -> Deployment | None:
        """By its id."""
        return next((each for each in self.deployments if each.id == number), None)

    def marks(self, sha: str) -> str:
        """What a commit is here: "running", "previous" or ""."""
        if self.running is not None and sha == self.running.sha:
            return "running"
        return "previous" if self.previous is not None and sha == self.previous.sha else ""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit in one line."""

    sha: str
    subject: str
    author: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a comparison."""

    name: str
    status: str  # added, removed, modified, renamed ...
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What lies between two commits, as GitHub compares them from their common ancestor."""

    base: str
    head: str
    status: str  # ahead, behind, diverged, identical
    ahead: int
    behind: int
    commits: tuple[Commit, ...]  # oldest first, as far as they came
    files: tuple[FileChange, ...]
    pulls: tuple[PullBrief, ...] = ()  # that went in with these commits
    cut: bool = False  # more commits or files than are here


@dataclass(frozen=True, slots=True)
class Repository:
    """What the token may do there, and how pull requests may be merged."""

    id: int
    name: str
    default_branch: str
    may_push: bool
    archived: bool = False
    methods: tuple[str, ...] = ("merge", "squash", "rebase")
    scopes: tuple[str, ...] = ()  # of a classic token; empty where that is not told


@dataclass(frozen=True, slots=True)
class Check:
    """A check run or commit status on a commit."""

    name: str
    state: str  # success, failure, neutral, skipped, cancelled, queued, in_progress, pending, error ...

    @property
    def bad(self) -> bool:
        """Ended badly."""
        return self.state in FAILED or self.state in ("error", "cancelled", "action_required", "stale")

    @property
    def open(self) -> bool:
        """Not at its end."""
        return self.state in ("queued", "in_progress", "pending", "waiting", "requested", "expected")


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request with what decides whether it can be merged."""

    brief: PullBrief
    node: str  # its id in GraphQL
    state: str  # open, closed
    mergeable: bool | None  # None while GitHub works it out
    standing: str  # mergeable_state: clean, unstable, blocked, behind, dirty, draft, has_hooks, unknown
    body: str
    commits: int
    files: int
    added: int
    removed: int
    merged_by: str = ""
    checks: tuple[Check, ...] = ()
    reviews: tuple[tuple[str, str], ...] = ()  # who, and APPROVED or CHANGES_REQUESTED: the last word of each


@dataclass(frozen=True, slots=True)
class WorkflowInput:
    """One input of workflow_dispatch."""

    name: str
    kind: str = "string"  # string, choice, boolean, number, environment
    required: bool = False
    default: str = ""
    options: tuple[str, ...] = ()
    about: str = ""

    @property
    def words(self) -> str:
        """ "environment: choice of staging, production; required"."""
        kind = f"choice of {', '.join(self.options)}" if self.options else self.kind
        more = "required" if self.required and not self.default else f"default {self.default}" if self.default else ""
        return f"{self.name}: {'; '.join(filter(None, (kind, more, self.about)))}"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow, and what can be given to it by hand; `inputs` None: it cannot be started by hand."""

    id: int
    name: str
    path: str
    state: str  # active, disabled_manually ...
    inputs: tuple[WorkflowInput, ...] | None = None

    @property
    def file(self) -> str:
        """ "deploy.yml"."""
        return self.path.rpartition("/")[2]
