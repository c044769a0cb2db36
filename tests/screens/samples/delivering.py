"""A repository that deploys: a run under way, one that failed, pull requests, and what runs now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cockpit.model.delivery import DeliveryStatus, Deployment, Job, PullBrief, Released, Run, Step
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.teamscripts import ScriptRun, ScriptStatus

from .engine import SampleEngine
from .moment import ago

A, B, C, D = "a1b2c3d4" * 5, "b2c3d4e5" * 5, "c3d4e5f6" * 5, "d4e5f6a7" * 5


def steps(at: int, state: str = "in_progress") -> tuple[Step, ...]:
    names = ("Set up job", "Check out", "Build image", "Push image", "Roll out", "Smoke test")
    ended = ("completed", state) if state != "in_progress" else ("in_progress", "")
    return tuple(
        Step(index, name, *(("completed", "success") if index < at else ended if index == at else ("queued", "")))
        for index, name in enumerate(names, 1)
    )


def run(number: int, sha: str, title: str, conclusion: str = "success", **more: object) -> Run:
    began = ago(more.pop("age", 3600.0))  # type: ignore[arg-type]
    ended = datetime.fromtimestamp(began.timestamp() + 262, began.tzinfo)
    made = Run(9000 + number, number, 1, "Deploy", ".github/workflows/deploy.yml", title, "main", sha, "ann", "push",
               "completed" if conclusion else "in_progress", conclusion, began, began, ended,
               f"https://github.com/shop-team/shop/actions/runs/{9000 + number}")  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def repository() -> DeliveryStatus:
    waiting = Job(1, "build", "completed", "success", ago(190), ago(80), steps(9))
    busy = Job(2, "deploy to production", "in_progress", "", ago(80), None, steps(5))
    broken = Job(3, "deploy to production", "completed", "failure", ago(800), ago(700), steps(5, "failure"))
    return DeliveryStatus(
        host="github.com",
        repository="shop-team/shop",
        repository_id=4711,
        branch="main",
        workflow="deploy.yml",
        environment="production",
        head=D,
        runs=(
            run(48, D, "Round prices as before (#112)", "", age=200, jobs=(waiting, busy)),
            run(47, C, "Try the new price list [/oops] (#110)", "failure", age=840, attempt=2, actor="cem",
                jobs=(waiting, broken)),
            run(46, B, "Faster cart (#108)", age=5 * 3600, actor="bob"),
            run(45, A, "Nightly rebuild", "cancelled", age=20 * 3600, event="schedule", actor="github-actions[bot]"),
            run(44, A, "Ship the new checkout page with all its pictures and a very long title", age=2 * 86400,
                event="workflow_dispatch", branch="hotfix/checkout-page"),
        ),
        deployments=(
            Deployment(5, "production", D, "main", "in_progress", ago(80), "github-actions[bot]"),
            Deployment(4, "production", C, "main", "failure", ago(700), "github-actions[bot]", "smoke test: 502"),
            Deployment(3, "production", B, "main", "success", ago(5 * 3600), "github-actions[bot]", succeeded=True),
            Deployment(2, "production", A, "main", "inactive", ago(2 * 86400), "ann", succeeded=True),
        ),
        environments=("production", "staging"),
        pulls=(
            PullBrief(113, "Retry the payment once", "eve", "retry", "main", "e5f6a7b8" * 5, updated=ago(900)),
            PullBrief(109, "Split the worker", "bob", "worker", "main", "f6a7b8c9" * 5, True, updated=ago(90_000)),
        ),
        merged=(
            PullBrief(112, "Round prices as before", "ann", "fix-prices", "main", D, merged=ago(210), merge_sha=D),
            PullBrief(108, "Faster cart", "bob", "faster-cart", "main", B, merged=ago(5 * 3600 + 60), merge_sha=B),
        ),
        running=Released(B, ago(5 * 3600), "last successful deployment to production"),
        previous=Released(A, ago(2 * 86400), "last successful deployment to production"),
        quota_left=4812,
        quota=5000,
    )  # fmt: skip


def add_scripts(engine: SampleEngine) -> SampleEngine:
    """`engine`, with commands of the team: one runs, one failed, one never ran, one is not here."""
    lines = ("shop 3 of 9", "[red]shop[/] 4 of 9")
    runs = {
        "backup": ScriptRun(ago(42), None, "running", lines[-1], lines, 2, "/home/ann/.local/state/backup.log"),
        "smoke": ScriptRun(
            ago(300), ago(280), "failed", "exit status 1: 2 failed", ("17 passed", "2 failed"), 2, "/x"
        ),
        "clean-up": None,
        "migrate": None,
    }
    for name, last in runs.items():
        missing = "scripts/migrate.sh is not there, or may not be run" if name == "migrate" else ""
        path = f"scripts/{name}.sh"
        status = ScriptStatus(
            name, f"Do the {name}", (path,), "/srv/shop", f"/srv/shop/{path}", missing, "T3", name == "backup", last
        )
        engine.add(f"scripts/{name}", SourceKind.SCRIPTS, 1.0)
        bad = missing or (last is not None and last.outcome == "failed")
        engine.say(f"scripts/{name}", Severity.WARN if bad else Severity.OK, missing or "can be run", status)
    return engine


def add_delivery(engine: SampleEngine) -> SampleEngine:
    """`engine`, with a repository beside what it watches."""
    engine.add("github/shop", SourceKind.GITHUB, 2.0)
    engine.say("github/shop", Severity.OK, "Deploy #48 in progress: deploy to production", repository())
    return engine
