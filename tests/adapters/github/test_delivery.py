"""Reading a repository: runs, jobs, deployments, what runs now and before."""

from __future__ import annotations

import pytest

from cockpit.adapters.github import wire
from cockpit.adapters.github.delivery import judged
from cockpit.errors import NotFound, PermissionDenied
from cockpit.model.severity import Severity
from cockpit.sandbox.github.server import Token

from ...servers.github import Rig, rig


async def test_what_runs_now_is_the_last_deployment_that_succeeded_and_before_it_the_one_before(
    github: Rig,
) -> None:
    status = await github.read()
    merged = next(each for each in github.repo.pulls.values() if each.merged)
    assert status.running is not None and status.running.sha == merged.merge_sha
    assert status.running.evidence == "last successful deployment to production"
    assert status.previous is not None and status.previous.sha == github.repo.tags["v1.0"]
    assert [each.state for each in status.deployments] == ["success", "inactive"]
    assert status.head == github.repo.branches["main"] != status.running.sha


async def test_without_an_environment_the_last_successful_run_says_it() -> None:
    async with rig(environment=None) as github:
        status = await github.read()
        assert status.running is not None and status.running.evidence == "last successful run of Deploy"
        assert status.previous is not None and status.previous.sha == github.repo.tags["v1.0"]


async def test_a_failed_run_says_which_job_and_step_and_warns(github: Rig) -> None:
    observation = await github.probe.probe()
    status = await github.read()
    newest = status.runs[0]
    assert observation.severity is Severity.WARN
    assert observation.summary == f"Deploy #3 failure, {status.running.sha[:7]} runs"  # type: ignore[union-attr]
    failed = next(job for job in newest.jobs if job.failed)
    assert failed.name == "deploy" and failed.step is not None and failed.step.name == "Do it"
    assert newest.seconds(github.clock.now().timestamp()) == 22


async def test_a_run_under_way_shows_its_jobs_and_step_as_they_go_on(github: Rig) -> None:
    github.repo.run("main", github.repo.branches["main"], actor="eve")
    assert (await github.probe.probe()).summary == "Deploy #4 queued"
    github.clock.elapsed += 5
    observation = await github.probe.probe()
    assert observation.summary == "Deploy #4 in progress: build" and observation.severity is Severity.OK
    status = await github.read()
    job = status.runs[0].jobs[0]
    assert job.step is not None and job.step.name == "Do it"
    github.clock.elapsed += 60
    status = await github.read()
    assert not status.runs[0].running and status.running is not None and status.running.sha == status.head


async def test_unchanged_answers_are_304_and_cost_no_quota(github: Rig) -> None:
    await github.read()
    left = github.server.left
    first = await github.read()
    assert github.server.left == left and first.quota_left == left
    github.repo.commit("main", "One more", "ann")
    second = await github.read()
    assert second.head == github.repo.branches["main"] and github.server.left < left


async def test_runs_and_jobs_that_ended_are_not_asked_for_again(github: Rig) -> None:
    await github.read()
    asked = len(github.server.seen)
    await github.read()
    routes = [each.route for each in github.server.seen[asked:]]
    assert "/actions/runs/{run}/jobs" not in routes and "/environments" not in routes


async def test_what_the_token_may_not_read_is_a_note_and_the_rest_is_there(github: Rig) -> None:
    reads = dict.fromkeys(("metadata", "actions", "contents"), "read")
    github.server.tokens["t0ken"] = Token(scopes=None, permissions=reads)
    status = await github.read()
    assert status.runs and not status.deployments and not status.pulls
    told = " ".join(status.notes)
    assert "deployments: read" in told and "pull_requests: read" in told
    assert status.running is not None and "run of Deploy" in status.running.evidence


async def test_a_workflow_that_is_not_there_says_both_reasons() -> None:
    async with rig(workflow="gone.yml") as github:
        with pytest.raises(NotFound) as raised:
            await github.read()
        assert "404" not in raised.value.message and "check the name first" in raised.value.hint


async def test_doctor_says_what_the_token_may(github: Rig) -> None:
    github.repo.pushable = False
    found = {each.check: each for each in await github.probe.diagnose()}
    assert found["connect"].ok and found["rights"].ok is None and found["workflow"].ok
    assert "env:SHOP_GITHUB_TOKEN" in found["connect"].detail and "t0ken" not in found["connect"].detail


async def test_words_from_outside_are_cleaned(github: Rig) -> None:
    evil = "\x1b]52;c;aGk=\x07[/oops] \u202egnp.exe"
    github.repo.commit("main", f"{evil}\nsecond line", "ann")
    github.repo.pull("fix-prices", evil, "ann")
    run = github.repo.run("main", github.repo.branches["main"], actor=evil)
    status = await github.read()
    shown = [status.runs[0].title, status.runs[0].actor, status.pulls[0].title]
    assert all("\x1b" not in each and "\u202e" not in each for each in shown)
    assert status.runs[0].id == run.id and "second line" not in shown[0]
    commits = await github.desk.commits("main", 1)
    assert "\x1b" not in commits[0].subject


@pytest.mark.parametrize("rubbish", [{}, {"id": "x"}, {"head_sha": 5, "created_at": "soon"}, {"steps": 3}])
def test_objects_that_make_no_sense_become_values_that_say_little(rubbish: dict[str, object]) -> None:
    assert wire.run(rubbish).state == "unknown"
    assert wire.pull(rubbish).number == 0
    assert wire.deployment(rubbish, []).state == ""
    assert wire.commit(rubbish).subject == ""
    assert wire.job(rubbish).steps == ()


async def test_a_comparison_says_commits_files_and_the_pull_requests_that_went_in(github: Rig) -> None:
    status = await github.read()
    assert status.running is not None and status.previous is not None
    found = await github.desk.compare(status.previous.sha, status.running.sha)
    assert (found.status, found.ahead, found.behind, found.cut) == ("ahead", 1, 0, False)
    assert [(each.name, each.added, each.removed) for each in found.files] == [("app/cart.py", 14, 9)]
    assert [each.title for each in found.pulls] == ["Faster cart"]
    back = await github.desk.compare(status.running.sha, status.previous.sha)
    assert (back.status, back.behind) == ("behind", 1)


async def test_lists_of_several_pages_are_read_by_the_link_header(github: Rig) -> None:
    for index in range(130):
        github.repo.commit("main", f"Commit {index}", "ann")
    commits = await github.desk.commits("main", 120)
    assert len(commits) == 120 and commits[0].subject == "Commit 129"
    pages = [each.query.get("page") for each in github.server.seen if each.route == "/commits"]
    assert pages == [None, "2"]


async def test_nothing_is_judged_fine_where_nothing_is_known(github: Rig) -> None:
    github.repo.runs.clear()
    github.repo.deployments.clear()
    status = await github.read()
    assert judged(status) == (Severity.UNKNOWN, "what runs is not known")


async def test_a_token_without_the_right_gets_the_permission_named(github: Rig) -> None:
    github.server.tokens["t0ken"] = Token(scopes=None, permissions={"metadata": "read", "actions": "read"})
    with pytest.raises(PermissionDenied) as raised:
        await github.api.send("POST", "/actions/runs/9001/cancel")
    assert raised.value.missing == "actions: write" and "actions: write" in raised.value.hint
