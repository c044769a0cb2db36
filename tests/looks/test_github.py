"""Looks at a repository: from its reading, and asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import github as looks
from cockpit.model.delivery import Commit, Difference, FileChange
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind

from ..servers.github import Rig, rig

SOURCE = "github/shop"


@pytest_asyncio.fixture
async def github(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setenv("SHOP_GITHUB_TOKEN", "t0ken")
    async with rig() as made:
        yield made


async def ask(github: Rig, name: str, *, read: bool = True, **params: str) -> Sight:
    status = await github.read() if read else None
    reading = Reading(SOURCE, SourceKind.GITHUB, github.clock.now(), 0.1, Severity.OK, "said", status)
    state = SourceState(SOURCE, SourceKind.GITHUB, "shop", 9.0, reading, freshness=Freshness.FRESH, age_s=1.0)
    made = looks.lookers(SOURCE, lambda source: state if read else None, github.clock, github.desk)
    looker = next(each for each in made if each.spec.id == f"github.{name}")
    return await looker.look(LookRequest(f"github.{name}", SOURCE, params))


async def test_runs_are_listed_with_what_came_of_them(github: Rig) -> None:
    sight = await ask(github, "runs", branch="main")
    assert len(sight.lines) == 3 and sight.lines[0].startswith("#3  failure  main")
    assert "by cem" in sight.lines[0] and "22 s" in sight.lines[0]
    assert (await ask(github, "runs", branch="topic")).lines == ()


async def test_a_run_says_its_jobs_and_the_steps_of_the_one_that_failed(github: Rig) -> None:
    sight = await ask(github, "run")
    assert sight.summary == "Deploy #3 failure" and sight.severity is Severity.WARN
    assert "deploy: failure" in sight.lines and "  3. Do it: failure" in sight.lines
    assert not any("Check out" in line for line in sight.lines[: sight.lines.index("deploy: failure")])
    first = await ask(github, "run", run=str(min(github.repo.runs)))
    assert first.summary == "Deploy #1 success"


async def test_the_one_under_way_comes_before_the_newest(github: Rig) -> None:
    run = github.repo.run("main", github.repo.branches["main"])
    run.attempts[0].holds = True
    assert (await ask(github, "run")).summary == "Deploy #4 queued"


async def test_deployments_say_what_runs_now_and_before(github: Rig) -> None:
    sight = await ask(github, "deployments")
    assert sight.lines[0].startswith("running ") and sight.lines[1].startswith("before ")
    assert "production  success" in sight.lines[2] and "production  inactive" in sight.lines[3]


async def test_a_pull_request_says_checks_and_reviews(github: Rig) -> None:
    assert (await ask(github, "pulls")).summary == "1 open"
    sight = await ask(github, "pull")
    assert "check tests: success" in sight.lines and "review eve: approved" in sight.lines
    number = next(each.number for each in github.repo.pulls.values() if each.state == "open")
    github.repo.pulls[number].standing = "blocked"
    assert (await ask(github, "pull", pull=str(number))).severity is Severity.WARN


async def test_commits_mark_what_runs(github: Rig) -> None:
    sight = await ask(github, "commits", limit="10")
    assert sight.summary == "3 commits of main"
    assert [line.rpartition("  ")[2] for line in sight.lines][1].endswith("(running)")
    assert (await ask(github, "commits", ref="v1.0", limit="1")).lines[0].endswith("(previous)")


async def test_the_difference_is_that_of_what_runs_and_what_ran(github: Rig) -> None:
    sight = await ask(github, "diff")
    assert sight.summary == "1 commit by 1 person, 1 file +14 -9"
    assert "  +14 -9  app/cart.py" in sight.lines and any("Faster cart" in line for line in sight.lines)
    back = await ask(github, "diff", base="main", head="v1.0")
    assert any("a roll-back" in line for line in back.lines)
    assert (await ask(github, "diff", base="main", head="main")).summary.endswith("are the same")


async def test_what_cannot_be_asked_is_said(github: Rig) -> None:
    with pytest.raises(Refused):
        await ask(github, "run", run="../../x")
    with pytest.raises(Refused):
        await ask(github, "pull", pull="x")
    with pytest.raises(Unreachable):
        await ask(github, "diff", read=False)
    github.repo.runs.clear()
    github.repo.deployments.clear()
    github.repo.pulls.clear()
    for name in ("run", "pull", "diff"):
        with pytest.raises(NotFound):
            await ask(github, name)


def test_a_large_difference_is_cut_where_it_says_so() -> None:
    commits = tuple(Commit(f"{index:040x}", f"Change {index}", "ann") for index in range(250))
    files = tuple(FileChange(f"f{index}", "added", index, 0) for index in range(300))
    found = Difference("a" * 40, "b" * 40, "ahead", 900, 0, commits, files, cut=True)
    lines = looks.difference_lines(found)
    assert len(lines) <= 200
    assert lines[1].endswith("ann  Change 249") and "  +299 -0  f299  added" in lines
    assert any(line.startswith("… and") and "commits before these" in line for line in lines)
    assert lines[-1].startswith("  … and more")


async def test_choices_come_from_the_reading(github: Rig) -> None:
    status = await github.read()
    reading = Reading(SOURCE, SourceKind.GITHUB, github.clock.now(), 0.1, Severity.OK, "said", status)
    state = SourceState(SOURCE, SourceKind.GITHUB, "shop", 9.0, reading, freshness=Freshness.FRESH)
    made = {each.spec.id: each for each in looks.lookers(SOURCE, lambda source: state, github.clock, github.desk)}
    assert len(await made["github.run"].choices("run")) == 3
    assert len(await made["github.pull"].choices("pull")) == 2
