"""Looks at a repository: runs, deployments and pull requests from its last reading; one run or pull request, commits
and comparisons are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import ghreads as names
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.ghreads import REPLACES as REPLACES
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind
from cockpit.model.delivery import (
    SHORT,
    Commit,
    DeliveryStatus,
    Difference,
    Job,
    PullBrief,
    PullRequest,
    Run,
)
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import counted

if TYPE_CHECKING:
    from cockpit.adapters.github.desk import GithubDesk

_PANE = SourceKind.GITHUB
_MOST_COMMITS = 100
_FILES = 120

RUNS = LookSpec(
    names.RUNS,
    "Workflow runs",
    _PANE,
    "Runs of the workflow that deploys, newest first: branch, commit, who, what came of it.",
    (Param("branch", ParamKind.TEXT, "only of this branch", required=False),),
)
RUN = LookSpec(
    names.RUN,
    "Workflow run",
    _PANE,
    "One run with its jobs and the steps of those that are under way or failed.",
    (Param("run", ParamKind.CHOICE, "its id; empty for the one under way, else the newest", required=False),),
    live=False,
)
DEPLOYMENTS = LookSpec(
    names.DEPLOYMENTS, "Deployments", _PANE, "Deployments to the environments, newest first, and what runs now."
)
PULLS = LookSpec(names.PULLS, "Pull requests", _PANE, "Open pull requests to the branch that is deployed.")
PULL = LookSpec(
    names.PULL,
    "Pull request",
    _PANE,
    "One pull request: whether it can be merged, its checks and reviews.",
    (Param("pull", ParamKind.CHOICE, "its number; empty for the open one changed last", required=False),),
    live=False,
)
COMMITS = LookSpec(
    names.COMMITS,
    "Commits",
    _PANE,
    "The newest commits of a branch at GitHub.",
    (
        Param("ref", ParamKind.TEXT, "branch, tag or commit; empty for the branch that is deployed", required=False),
        Param("limit", ParamKind.INTEGER, "how many", required=False, default="20"),
    ),
    live=False,
)
DIFF = LookSpec(
    names.DIFF,
    "What changed",
    _PANE,
    "Commits, authors, pull requests and files between two commits: what ran before and what runs now.",
    (
        Param("base", ParamKind.TEXT, "from; empty for what ran before", required=False),
        Param("head", ParamKind.TEXT, "to; empty for what runs now", required=False),
    ),
    live=False,
)
SPECS = (RUNS, RUN, DEPLOYMENTS, PULLS, PULL, COMMITS, DIFF)


def lookers(source_id: str, state_of: StateOf, clock: Clock, desk: GithubDesk) -> list[Looker]:
    """All for one repository."""
    return [each(source_id, state_of, clock, desk) for each in _ALL]


class _Look(BoundLook):
    SPEC = RUNS

    def __init__(self, source: str, state_of: StateOf, clock: Clock, desk: GithubDesk) -> None:
        super().__init__(self.SPEC, source)
        self._state_of = state_of
        self._clock = clock
        self._desk = desk

    def _status(self) -> tuple[Reading, tuple[str, ...], DeliveryStatus]:
        reading, notes = reading_of(self._source, self._state_of)
        if not isinstance(reading.payload, DeliveryStatus):
            raise Unreachable(f"{self._source} has no reading of a repository")
        return reading, (*notes, *reading.payload.notes), reading.payload

    async def choices(self, param: str) -> Sequence[Choice]:
        """Runs and pull requests of the last reading."""
        status = self._status()[2]
        if param == "run":
            return [Choice(str(each.id), f"#{each.number} {each.state}, {each.title}") for each in status.runs]
        if param == "pull":
            return [Choice(str(each.number), _pull(each)) for each in (*status.pulls, *status.merged)]
        return ()

    async def look(self, request: LookRequest) -> Sight:
        """The answer."""
        raise NotImplementedError

    def _now(self, severity: Severity, summary: str, lines: Sequence[str], *, cut: bool = False) -> Sight:
        return Sight(severity, summary, self._clock.now(), tuple(lines[:LINES]), cut or len(lines) > LINES)


class Runs(_Look):
    """github.runs."""

    async def look(self, request: LookRequest) -> Sight:
        """One line a run."""
        reading, notes, status = self._status()
        runs = [each for each in status.runs if request.get("branch") in ("", each.branch)]
        return sight_of(reading, notes, [_run(each, self._clock.now()) for each in runs])


class Deployments(_Look):
    """github.deployments."""

    SPEC = DEPLOYMENTS

    async def look(self, request: LookRequest) -> Sight:
        """What runs now and before, then one line a deployment."""
        reading, notes, status = self._status()
        lines = [
            f"{word} {each.sha[:SHORT]} since {_moment(each.at)}: {each.evidence}"
            for word, each in (("running", status.running), ("before", status.previous))
            if each is not None
        ]
        lines += [
            f"{each.environment}  {each.state or 'no state'}  {each.sha[:SHORT]}  {each.ref}  by {each.creator}"
            f"  {_moment(each.created)}  {each.said}".rstrip()
            for each in status.deployments
        ]
        return sight_of(reading, notes, lines)


class Pulls(_Look):
    """github.pulls."""

    SPEC = PULLS

    async def look(self, request: LookRequest) -> Sight:
        """One line each."""
        reading, notes, status = self._status()
        return sight_of(reading, notes, list(map(_pull, status.pulls)), f"{len(status.pulls)} open")


class OneRun(_Look):
    """github.run."""

    SPEC = RUN

    async def look(self, request: LookRequest) -> Sight:
        """Jobs, and where those are that matter."""
        wanted = request.get("run")
        if not wanted:
            status = self._status()[2]
            best = next((each for each in status.runs if each.running), None) or next(iter(status.runs), None)
            if best is None:
                raise NotFound(f"{status.repository} has no run of {status.workflow or 'any workflow'}")
            wanted = str(best.id)
        if not wanted.isdigit():
            raise Refused("parameters", "run must be the number of a run", hint="github.runs lists them")
        run = await self._desk.run(int(wanted))
        lines = [_run(run, self._clock.now()), run.url]
        for job in run.jobs:
            lines += _job(job)
        return self._now(run.severity, f"{run.workflow} #{run.number} {run.state}", lines)


class OnePull(_Look):
    """github.pull."""

    SPEC = PULL

    async def look(self, request: LookRequest) -> Sight:
        """Standing, checks, reviews."""
        wanted = request.get("pull")
        if not wanted:
            status = self._status()[2]
            if not status.pulls:
                raise NotFound(f"{status.repository} has no open pull request to {status.branch}")
            wanted = str(status.pulls[0].number)
        if not wanted.isdigit():
            raise Refused("parameters", "pull must be the number of a pull request", hint="github.pulls lists them")
        pull = await self._desk.pull(int(wanted))
        bad = [each for each in pull.checks if each.bad]
        severity = Severity.WARN if bad or pull.standing in ("dirty", "blocked") else Severity.OK
        return self._now(severity, f"#{wanted} {pull.state}, {pull.standing}", _pull_lines(pull))


class Commits(_Look):
    """github.commits."""

    SPEC = COMMITS

    async def look(self, request: LookRequest) -> Sight:
        """One line each, with what runs marked."""
        ref = request.get("ref") or self._desk.api.table.branch
        limit = request.get("limit") or "20"
        most = max(1, min(_MOST_COMMITS, int(limit) if limit.isdigit() else 20))
        commits = await self._desk.commits(ref, most)
        state = self._state_of(self._source)
        payload = state.reading.payload if state is not None and state.reading is not None else None
        status = payload if isinstance(payload, DeliveryStatus) else None
        lines = [_commit(each, status.marks(each.sha) if status is not None else "") for each in commits]
        return self._now(Severity.OK, f"{counted(len(commits), 'commit')} of {ref}", lines)


class Diff(_Look):
    """github.diff."""

    SPEC = DIFF

    async def look(self, request: LookRequest) -> Sight:
        """Commits, pull requests, files."""
        base, head = request.get("base"), request.get("head")
        if not (base and head):
            status = self._status()[2]
            if status.running is None or (status.previous is None and not base):
                lack = "what runs now" if status.running is None else "what ran before"
                raise NotFound(f"{lack} is not known for {status.repository}", hint="give base and head")
            head = head or status.running.sha
            base = base or (status.previous.sha if status.previous is not None else "")
        found = await self._desk.compare(base, head)
        return self._now(Severity.OK, said_of(found), difference_lines(found), cut=found.cut)


_ALL: tuple[type[_Look], ...] = (Runs, OneRun, Deployments, Pulls, OnePull, Commits, Diff)


def said_of(found: Difference) -> str:
    """ "5 commits by 2 people, 12 files +120 -33"."""
    if found.status == "identical":
        return f"{found.base[:SHORT]} and {found.head[:SHORT]} are the same"
    added, removed = sum(each.added for each in found.files), sum(each.removed for each in found.files)
    people = len({each.author for each in found.commits})
    back = f", without {found.behind} of the other side" if found.behind else ""
    commits, files = counted(found.ahead, "commit"), counted(len(found.files), "file")
    return f"{commits} by {counted(people, 'person', 'people')}, {files} +{added} -{removed}{back}"


def difference_lines(found: Difference) -> list[str]:
    """Newest commits first; then pull requests, then the files with most lines."""
    lines = [f"{found.base[:SHORT]}...{found.head[:SHORT]}  {found.status}"]
    if found.behind and not found.ahead:
        lines.append(
            f"{found.head[:SHORT]} is {counted(found.behind, 'commit')} older than {found.base[:SHORT]}: a roll-back"
        )
    commits = list(reversed(found.commits))
    room = LINES - 12 - min(len(found.pulls), 30) - min(len(found.files), _FILES)
    lines += [_commit(each) for each in commits[:room]]
    if found.ahead > min(len(commits), room):
        lines.append(f"… and {found.ahead - min(len(commits), room)} commits before these")
    if found.pulls:
        lines += ["pull requests", *(f"  {_pull(each)}" for each in found.pulls[:30])]
    files = sorted(found.files, key=lambda each: -(each.added + each.removed))
    if files:
        lines.append("files")
        lines += [f"  +{each.added} -{each.removed}  {each.name}{_how(each.status)}" for each in files[:_FILES]]
        if len(files) > _FILES or found.cut:
            lines.append("  … and more: GitHub lists at most 300 of them")
    return lines


def _how(status: str) -> str:
    return "" if status in ("modified", "changed") else f"  {status}"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else ""


def _run(run: Run, now: datetime) -> str:
    took = run.seconds(now.timestamp())
    attempt = f" attempt {run.attempt}" if run.attempt > 1 else ""
    spent = f"{took:.0f} s" if took is not None else ""
    return "  ".join(
        filter(
            None,
            (f"#{run.number}{attempt}", run.state, run.branch, run.sha[:SHORT], run.event, f"by {run.actor}", spent,
             _moment(run.created), run.title),
        )
    )  # fmt: skip


def _job(job: Job) -> list[str]:
    state = (job.conclusion or job.status).replace("_", " ")
    lines = [f"{job.name}: {state}"]
    if job.failed or job.status == "in_progress":
        lines += [
            f"  {step.number}. {step.name}: {(step.conclusion or step.status).replace('_', ' ')}"
            for step in job.steps
        ]
    return lines


def _pull(pull: PullBrief) -> str:
    state = "draft  " if pull.draft else f"merged {_moment(pull.merged)}  " if pull.merged is not None else ""
    return f"#{pull.number}  {state}{pull.title}  {pull.branch} into {pull.base}  by {pull.author}"


def _pull_lines(pull: PullRequest) -> list[str]:
    return [
        _pull(pull.brief),
        f"head {pull.brief.sha[:SHORT]}: {counted(pull.commits, 'commit')}, {counted(pull.files, 'file')}"
        f" +{pull.added} -{pull.removed}",
        *(f"check {each.name}: {each.state}" for each in pull.checks),
        *(f"review {who}: {state.replace('_', ' ').lower()}" for who, state in pull.reviews),
        *pull.body.splitlines()[:20],
    ]


def _commit(commit: Commit, mark: str = "") -> str:
    said = f"  ({mark})" if mark else ""
    return f"{commit.sha[:SHORT]}  {_moment(commit.at)}  {commit.author}  {commit.subject}{said}"
