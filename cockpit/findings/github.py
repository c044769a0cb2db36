"""Rules on deliveries: a deployment that failed, hangs or waits, and one shortly before errors began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median

from cockpit.findings.service import SKEW_S, SUSPECT_S
from cockpit.findings.view import View
from cockpit.model.action import ActionRequest
from cockpit.model.delivery import SHORT, DeliveryStatus, Run
from cockpit.model.finding import Finding
from cockpit.model.severity import Severity

_LONG_S = 600.0  # a run that takes less is not called slow
_SLOW = 2.0  # times as long as they usually take


def delivery_findings(view: View) -> Iterator[Finding]:
    """Of every repository, by the runs of the branch that is deployed."""
    onset = view.error_onset()
    for state, status in view.fresh(DeliveryStatus):
        runs = [each for each in status.runs if each.branch == status.branch and each.event != "pull_request"]
        if runs and runs[0].failed:
            yield _failed(state.source, status, runs[0])
        for run in runs:
            if run.running:
                yield from _under_way(state.source, runs, run, view.now)
        if onset is not None:
            yield from _errors_since(state.source, status, *onset)


def _failed(source: str, status: DeliveryStatus, run: Run) -> Finding:
    broken = next((job for job in run.jobs if job.failed), None)
    where = ""
    if broken is not None:
        where = f" at {broken.name}" + (f", {broken.step.name}" if broken.step is not None else "")
    still = f"{status.running.sha[:SHORT]} runs on" if status.running is not None else "what runs is not known"
    return Finding(
        rule="deploy-failed",
        severity=Severity.WARN,
        text=f"{run.workflow} #{run.number} of {run.sha[:SHORT]} by {run.actor} failed{where}; {still}",
        short=f"{run.workflow} #{run.number} failed",
        evidence=(run.title, f"attempt {run.attempt}, {run.state}"),
        source=source,
        action=ActionRequest("github.rerun", source, _named(run)),
        action_title=f"Re-run #{run.number}",
        since=run.updated.timestamp() if run.updated is not None else None,
        rank=45,
    )


def _under_way(source: str, runs: list[Run], run: Run, now: float) -> Iterator[Finding]:
    """One that waits for a person, or takes much longer than the others did."""
    took = run.seconds(now)
    usual = [each.seconds(now) or 0.0 for each in runs if each.conclusion == "success"]
    began = run.started.timestamp() if run.started is not None else None
    if run.status == "waiting":
        text = f"{run.workflow} #{run.number} of {run.sha[:SHORT]} waits to be approved at GitHub"
        yield Finding(
            "deploy-waits", Severity.WARN, text, f"#{run.number} waits", (run.title, f"begun by {run.actor}"), source,
            since=began, rank=46,
        )  # fmt: skip
    elif took is not None and usual and took > max(_LONG_S, _SLOW * median(usual)):
        minutes = f"{took / 60:.0f} min, usually {median(usual) / 60:.0f}"
        busy = next((job.name for job in run.jobs if job.status == "in_progress"), "")
        yield Finding(
            rule="deploy-slow",
            severity=Severity.WARN,
            text=f"{run.workflow} #{run.number} of {run.sha[:SHORT]} has been running for {minutes}",
            short=f"{run.workflow} #{run.number} hangs",
            evidence=(run.title, f"at {busy}" if busy else run.state),
            source=source,
            action=ActionRequest("github.cancel", source, _named(run)),
            action_title=f"Cancel #{run.number}",
            since=began,
            rank=45,
        )


def _errors_since(source: str, status: DeliveryStatus, began: float, share: str) -> Iterator[Finding]:
    """What runs now went out shortly before errors began."""
    now = status.running
    if now is None or not -SKEW_S <= began - now.at.timestamp() <= SUSPECT_S:
        return
    pull = next((each for each in status.merged if each.merge_sha == now.sha), None)
    since = f"{datetime.fromtimestamp(began, UTC):%H:%M:%S}"
    brought = f" ({pull.title}, #{pull.number} by {pull.author})" if pull is not None else ""
    before = (
        f"{status.previous.sha[:SHORT]} ran before" if status.previous is not None else "what ran before is unknown"
    )
    action = None
    if pull is not None:
        action = ActionRequest("github.revert", source, {"pull": str(pull.number), "merged": pull.merge_sha})
    yield Finding(
        rule="errors-after-delivery",
        severity=Severity.CRIT,
        text=f"{now.sha[:SHORT]}{brought} was deployed at {now.at:%H:%M:%S}, errors since {since}: {share}",
        short=f"{now.sha[:SHORT]} deployed {now.at:%H:%M}",
        evidence=(now.evidence, before),
        source=source,
        action=action,
        action_title=f"Revert #{pull.number}" if pull is not None else "",
        since=now.at.timestamp(),
        rank=11,
    )


def _named(run: Run) -> dict[str, str]:
    return {"run": str(run.id), "attempt": str(run.attempt), "sha": run.sha}
