"""Rows of a repository: what runs now, runs of the workflow with their jobs, pull requests, deployments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cockpit.model.delivery import SHORT, DeliveryStatus, Deployment, Job, PullBrief, Released, Run
from cockpit.model.look import LookRequest
from cockpit.model.reading import SourceState
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Layout, Row, Span, header, note, spans

Lines = list[tuple[str, str]]
Key = Callable[[str], str]  # part of a source -> key of its row
TITLE = "GitHub"
_RUNS, _PULLS, _MERGED, _DEPLOYMENTS = 10, 8, 5, 5
_CONCLUSIONS = {
    "success": ("●", "success"),
    "failure": ("✖", "error bold"),
    "timed_out": ("✖", "error bold"),
    "startup_failure": ("✖", "error bold"),
    "cancelled": ("○", "warning"),
    "skipped": ("○", "muted"),
    "neutral": ("○", "muted"),
}
_UNDER_WAY = {"in_progress": ("▲", "warning bold"), "waiting": ("▲", "accent bold")}
_RUN: Layout = (
    Column("", 1),
    Column("run", 7),
    Column("state", 12),
    Column("commit", 8),
    Column("branch", 18, drop=3),
    Column("by", 14, drop=4),
    Column("event", 17, drop=6),
    Column("took", 9, right=True, drop=2),
    Column("age", 5, right=True),
    Column("what", 0, least=16),
)
_JOB: Layout = (Column("", 1), Column("", 7), Column("", 1), Column("", 24), Column("", 0, least=20))
_PULL: Layout = (
    Column("", 1),
    Column("pull", 7),
    Column("state", 12),
    Column("commit", 8),
    Column("branch", 18, drop=3),
    Column("by", 14, drop=2),
    Column("age", 5, right=True),
    Column("what", 0, least=16),
)
_DEPLOYMENT: Layout = (
    Column("", 1),
    Column("to", 20),
    Column("commit", 8),
    Column("state", 12),
    Column("by", 20, drop=3),
    Column("age", 5, right=True),
    Column("what", 0, least=10),
)


def rows(state: SourceState, status: DeliveryStatus, key: Key, now: float) -> list[Row]:
    """Head, what runs, runs, pull requests, deployments; a section only where it has something."""
    found = [_head(state, status)]
    found += _released(status, key, now)
    found.append(header(_RUN))
    for run in status.runs[:_RUNS]:
        found.append(_run(run, status, key, now))
        found += [_job(job) for job in run.jobs if job.failed or run.running]
    if len(status.runs) > _RUNS:
        found.append(note(f"   and {len(status.runs) - _RUNS} runs before these"))
    if status.pulls or status.merged:
        found.append(header(_PULL))
        found += [_pull(each, status, key, now) for each in status.pulls[:_PULLS]]
        if len(status.pulls) > _PULLS:
            found.append(note(f"   and {len(status.pulls) - _PULLS} more are open"))
        found += [_pull(each, status, key, now) for each in status.merged[:_MERGED]]
    if status.deployments:
        found.append(header(_DEPLOYMENT))
        found += [_deployment(each, key, now) for each in status.deployments[:_DEPLOYMENTS]]
    found += [note(f"   {text}", "warning") for text in status.notes]
    return found


def _head(state: SourceState, status: DeliveryStatus) -> Row:
    quota = ""
    if status.quota_left is not None and status.quota is not None:
        quota = f"   {figures.grouped(status.quota_left)} of {figures.grouped(status.quota)} requests left"
    summary = state.reading.summary if state.reading is not None else ""
    style = SEVERITY_STYLE[state.severity]
    where = status.repository if status.host == "github.com" else f"{status.repository} at {status.host}"
    return spans(
        (f"{GLYPH[state.severity]} ", style),
        (f"{where}  ", "bold"),
        (summary, style),
        (f"   {status.workflow or 'all workflows'} of {status.branch}", ""),
        (quota, "muted"),
    )


def _released(status: DeliveryStatus, key: Key, now: float) -> list[Row]:
    found: list[Row] = []
    for glyph, word, each in (("▶", "running", status.running), ("◁", "before", status.previous)):
        if each is not None:
            found.append(_version(glyph, word, each, key, now))
    if status.running is None:
        found.append(note("   what runs now is not known: no deployment or run of the branch succeeded", "accent"))
    elif status.head and status.head != status.running.sha:
        told = f"   {status.branch} is at {status.head[:SHORT]}, which is not what runs"
        found.append(note(told, "warning"))
    return found


def _version(glyph: str, word: str, each: Released, key: Key, now: float) -> Row:
    style = "primary bold" if word == "running" else "muted"
    since = f"since {figures.age(now - each.at.timestamp())}"
    return spans(
        (f"{glyph} {word:<8}", style), (f"{each.sha[:SHORT]}  ", "bold"), (f"{since:<12}", ""),
        (each.evidence, "muted"), key=key(f"{word}/{each.sha}"),
    )  # fmt: skip


def mark(run: Run) -> Span:
    """Glyph and style of how it stands."""
    if run.running:
        return _UNDER_WAY.get(run.status, ("·", "muted"))
    return _CONCLUSIONS.get(run.conclusion, ("?", "accent bold"))


def _run(run: Run, status: DeliveryStatus, key: Key, now: float) -> Row:
    glyph = mark(run)
    attempt = f"·{run.attempt}" if run.attempt > 1 else ""
    mine = status.marks(run.sha)
    took = run.seconds(now)
    return Row(
        key(f"run/{run.id}"),
        (
            glyph,
            (f"#{run.number}{attempt}", "bold" if run.running else ""),
            (run.state, glyph[1]),
            (run.sha[:SHORT], "primary bold" if mine == "running" else "accent"),
            (run.branch, "" if run.branch == status.branch else "warning"),
            (run.actor, ""),
            (run.event, "muted"),
            (figures.span(took) if took is not None else "–", ""),
            (figures.age(now - run.created.timestamp()), ""),
            (run.title, ""),
        ),
        _RUN,
    )


def _job(job: Job) -> Row:
    ended = job.conclusion or job.status
    glyph, style = _CONCLUSIONS.get(ended) or _UNDER_WAY.get(ended, ("·", "muted"))
    step = job.step
    where = f"step {step.number} of {len(job.steps)}: {step.name}" if step is not None else ended.replace("_", " ")
    return Row("", (("", ""), ("", ""), (glyph, style), (job.name, ""), (where, style)), _JOB)


def _pull(pull: PullBrief, status: DeliveryStatus, key: Key, now: float) -> Row:
    at = pull.merged or pull.updated
    if pull.merged is not None:
        live = status.marks(pull.merge_sha)
        state: Span = ("merged", "muted")
        glyph: Span = ("▶", "primary bold") if live == "running" else ("●", "muted")
        sha = pull.merge_sha
    else:
        state, glyph = (("draft", "muted"), ("○", "muted")) if pull.draft else (("open", ""), ("○", "primary bold"))
        sha = pull.sha
    return Row(
        key(f"pull/{pull.number}"),
        (
            glyph,
            (f"#{pull.number}", ""),
            state,
            (sha[:SHORT], "accent"),
            (pull.branch, ""),
            (pull.author, ""),
            (figures.age(now - at.timestamp()) if at is not None else "–", ""),
            (pull.title, ""),
        ),
        _PULL,
    )


def _deployment(each: Deployment, key: Key, now: float) -> Row:
    styles = {"success": ("●", "success"), "inactive": ("○", "muted")}
    styles |= dict.fromkeys(("failure", "error"), ("✖", "error bold"))
    glyph, style = styles.get(each.state, ("▲", "warning bold"))
    return Row(
        key(f"deployment/{each.id}"),
        (
            (glyph, style),
            (each.environment, ""),
            (each.sha[:SHORT], "accent"),
            (each.state.replace("_", " ") or "no state", style),
            (each.creator, "muted"),
            (figures.age(now - each.created.timestamp()), ""),
            (each.said or each.ref, ""),
        ),
        _DEPLOYMENT,
    )


def named(status: DeliveryStatus, what: str, name: str) -> dict[str, str]:
    """Identity of the row: {"run", "attempt", "sha"}, {"pull", "head"}; {"pull", "merged"} of one that was merged."""
    if what == "run" and (run := status.run(int(name))) is not None:
        return {"run": name, "attempt": str(run.attempt), "sha": run.sha}
    if what == "pull" and (pull := status.pull(int(name))) is not None:
        if pull.merged is not None:
            return {"pull": name, "merged": pull.merge_sha}
        return {"pull": name, "head": pull.sha}
    return {}


def question(source: str, status: DeliveryStatus, what: str, name: str) -> LookRequest | None:
    """What there is beside the reading: difference of a commit, steps of a run, checks of a pull request."""
    if what in ("run", "pull"):
        return LookRequest(f"github.{what}", source, {what: name})
    if what == "running" and status.previous is not None:
        return LookRequest("github.diff", source, {"base": status.previous.sha, "head": name})
    if what == "before" and status.running is not None:
        return LookRequest("github.diff", source, {"base": status.running.sha, "head": name})
    if what == "deployment" and (each := status.deployment(int(name))) is not None and status.running is not None:
        return LookRequest("github.diff", source, {"base": status.running.sha, "head": each.sha})
    return None


def detail(status: DeliveryStatus, what: str, name: str, now: float) -> tuple[str, Lines]:
    """What the reading has of the row."""
    title, lines = status.repository, Lines()
    if what == "run" and (run := status.run(int(name))) is not None:
        title, lines = f"run #{run.number} of {run.workflow}", _run_lines(run, status, now)
    elif what == "pull" and (pull := status.pull(int(name))) is not None:
        title, lines = f"pull request {pull.number}", _pull_lines(pull, status)
    elif what == "deployment" and (each := status.deployment(int(name))) is not None:
        title, lines = f"deployment to {each.environment}", _deployment_lines(each)
    elif what in ("running", "before"):
        found = status.running if what == "running" else status.previous
        if found is not None:
            other = status.previous if what == "running" else status.running
            title = "what runs now" if what == "running" else "what ran before"
            lines = [("commit", found.sha), ("since", _moment(found.at)), ("known by", found.evidence)]
            lines.append(("compared with", other.sha if other is not None else "nothing: none is known"))
    lines += [
        ("repository", f"{status.repository} at {status.host}"),
        ("environments", ", ".join(status.environments)),
    ]
    return title, [line for line in lines if line[1]]


def _run_lines(run: Run, status: DeliveryStatus, now: float) -> Lines:
    took = run.seconds(now)
    lines = [
        ("state", run.state),
        ("what", run.title),
        ("commit", f"{run.sha}  {status.marks(run.sha)}".strip()),
        ("branch", run.branch),
        ("begun by", f"{run.actor}, {run.event}"),
        ("attempt", str(run.attempt)),
        ("took", figures.span(took) if took is not None else ""),
        ("created", _moment(run.created)),
        ("file", run.path),
        ("see", run.url),
    ]
    for job in run.jobs:
        where = f", at {job.step.name}" if job.step is not None else ""
        lines.append((job.name, f"{(job.conclusion or job.status).replace('_', ' ')}{where}"))
    return lines


def _pull_lines(pull: PullBrief, status: DeliveryStatus) -> Lines:
    return [
        ("what", pull.title),
        ("by", pull.author),
        ("branches", f"{pull.branch} into {pull.base}"),
        ("head", pull.sha),
        ("draft", "yes" if pull.draft else ""),
        ("merged", _moment(pull.merged)),
        ("as", f"{pull.merge_sha}  {status.marks(pull.merge_sha)}".strip()),
    ]


def _deployment_lines(each: Deployment) -> Lines:
    return [
        ("state", each.state),
        ("commit", each.sha),
        ("ref", each.ref),
        ("by", each.creator),
        ("says", each.said),
        ("created", _moment(each.created)),
        ("since", _moment(each.changed)),
        ("log", each.url),
    ]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""
