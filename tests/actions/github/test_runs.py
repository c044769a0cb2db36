"""Re-running and cancelling: effect, refusal, another's attempt, a lost answer, missing rights, limits."""

from __future__ import annotations

import pytest

from cockpit.actions.github.ground import run_in
from cockpit.errors import Conflict, NotFound, PermissionDenied, RateLimited, Refused, TimedOut
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.github.server import Token

from ...servers.github import Rig, rig


def failed(github: Rig) -> str:
    return str(max(github.repo.runs))


async def under_way(github: Rig) -> str:
    run = github.repo.run("main", github.repo.branches["main"], actor="eve")
    github.clock.elapsed += 4
    return str(run.id)


async def test_failed_jobs_run_again_and_are_followed_to_their_end(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github), "attempt": "1"})
    assert plan.tier is Tier.T1 and not plan.refusals and plan.objects == ("job deploy: failure",)
    assert plan.permission.grant is Grant.GRANTED
    handler = github.handler("github.rerun")
    result = await handler.run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED and "attempt 2 ended: success" in result.summary
    assert github.sent("POST") == ["/actions/runs/{run}/rerun-failed-jobs"]
    assert run_in(result.details) == int(failed(github))
    assert (await handler.verify(plan, result)).holds is True


async def test_all_jobs_run_again_where_that_is_asked_for(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github), "jobs": "all"})
    assert len(plan.objects) == 2 and "--failed" not in plan.equivalent[0]
    assert "/rerun\n" in f"{plan.operation[0]}\n"
    result = await github.handler("github.rerun").run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED


async def test_a_run_that_fails_again_is_failed_and_says_where(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github)})
    github.repo.next_fails = "deploy"
    handler = github.handler("github.rerun")
    result = await handler.run(plan, github.control())
    assert result.outcome is Outcome.FAILED and "deploy at Do it" in result.summary and result.undo is None
    assert (await handler.verify(plan, result)).holds is False


async def test_a_run_that_another_ran_again_is_refused(github: Rig) -> None:
    github.repo.again(github.repo.runs[int(failed(github))], everything=False, actor="eve")
    github.clock.elapsed += 60
    plan = await github.plan("github.rerun", {"run": failed(github), "attempt": "1"})
    assert "was run again by eve: attempt 2, not 1" in plan.refusals[0].reason
    assert plan.refusals[0].step == "identity" and plan.refusals[0].outdated == ("attempt",)


async def test_a_run_of_another_commit_than_was_seen_is_refused(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github), "sha": "0" * 40})
    assert plan.refusals[0].reason.startswith("SHA moved")


async def test_the_digest_changes_with_the_attempt(github: Rig) -> None:
    before = await github.plan("github.rerun", {"run": failed(github)})
    github.repo.next_fails = "deploy"
    github.repo.again(github.repo.runs[int(failed(github))], everything=False)
    github.clock.elapsed += 60
    assert (await github.plan("github.rerun", {"run": failed(github)})).digest != before.digest


async def test_one_that_is_under_way_or_went_well_is_not_run_again(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": await under_way(github)})
    assert "at work already" in plan.refusals[0].reason
    plan = await github.plan("github.rerun", {"run": str(min(github.repo.runs))})
    assert "no job" in plan.refusals[0].reason


async def test_begun_by_another_in_the_last_moment_is_refused_by_github(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github)})
    github.repo.again(github.repo.runs[int(failed(github))], everything=False, actor="eve")
    with pytest.raises(PermissionDenied, match="already running"):
        await github.handler("github.rerun").run(plan, github.control())


async def test_a_lost_answer_is_unknown_and_nothing_is_sent_again() -> None:
    async with rig(timeout=0.5) as github:
        plan = await github.plan("github.rerun", {"run": failed(github)})
        github.server.swallowed.add("POST /actions/runs/{run}/rerun-failed-jobs")
        with pytest.raises(TimedOut) as raised:
            await github.handler("github.rerun").run(plan, github.control())
        assert raised.value.effect_possible
        assert github.sent("POST") == ["/actions/runs/{run}/rerun-failed-jobs"]


async def test_whoever_stops_looking_leaves_it_running(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github)})
    result = await github.handler("github.rerun").run(plan, github.control(stop_after=1))
    assert result.outcome is Outcome.UNKNOWN and "goes on, no longer followed" in result.summary


async def test_a_run_longer_than_the_deadline_goes_on_by_itself(github: Rig) -> None:
    run = github.repo.runs[int(failed(github))]
    plan = await github.plan("github.rerun", {"run": failed(github)})

    def hold(route: str) -> None:
        run.attempts[-1].holds = len(run.attempts) > 1

    github.server.before = hold
    result = await github.handler("github.rerun").run(plan, github.control())
    assert result.outcome is Outcome.UNKNOWN and "goes on by itself" in result.summary


async def test_a_limit_while_following_is_waited_out(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github)})

    def busy(route: str) -> None:
        if route.endswith("rerun-failed-jobs"):
            github.server.slow_down = [(429, {"retry-after": "20"})]

    github.server.before = busy
    result = await github.handler("github.rerun").run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED


async def test_a_limit_on_the_change_itself_did_nothing(github: Rig) -> None:
    plan = await github.plan("github.rerun", {"run": failed(github)})
    github.server.slow_down = [(403, {"retry-after": "20"})]
    with pytest.raises(RateLimited) as raised:
        await github.handler("github.rerun").run(plan, github.control())
    assert not raised.value.effect_possible and "nothing was done" in raised.value.hint


async def test_a_reader_is_denied_on_the_plan(github: Rig) -> None:
    github.repo.pushable = False
    plan = await github.plan("github.rerun", {"run": failed(github)})
    assert plan.permission.grant is Grant.DENIED and "actions: write" in plan.permission.how


async def test_a_classic_token_without_its_scope_is_denied(github: Rig) -> None:
    github.server.tokens["t0ken"] = Token(scopes=("public_repo", "gist"))
    assert (await github.plan("github.rerun", {"run": failed(github)})).permission.grant is Grant.GRANTED
    github.api.scopes = ("gist",)
    about, permission, _ = await github.handler("github.rerun").allowed()  # type: ignore[attr-defined]
    assert about.may_push and permission.grant is Grant.GRANTED  # what the answer says counts, not what was


async def test_a_fine_grained_token_is_not_known_before_and_named_by_github_after(github: Rig) -> None:
    reads = {"metadata": "read", "actions": "read", "contents": "read"}
    github.server.tokens["t0ken"] = Token(scopes=None, permissions=reads)
    plan = await github.plan("github.rerun", {"run": failed(github)})
    assert plan.permission.grant is Grant.UNKNOWN
    with pytest.raises(PermissionDenied) as raised:
        await github.handler("github.rerun").run(plan, github.control())
    assert raised.value.missing == "actions: write"


async def test_an_archived_repository_refuses(github: Rig) -> None:
    github.repo.archived = True
    assert "archived" in (await github.plan("github.rerun", {"run": failed(github)})).refusals[0].reason


async def test_a_run_that_is_gone_or_no_number_is_said(github: Rig) -> None:
    with pytest.raises(NotFound):
        await github.plan("github.rerun", {"run": "77"})
    with pytest.raises(Refused):
        await github.plan("github.rerun", {"run": "../9"})


async def test_it_warns_that_something_newer_was_deployed_since(github: Rig) -> None:
    await github.read()
    plan = await github.plan("github.rerun", {"run": str(min(github.repo.runs)), "jobs": "all"})
    assert any("came later" in each for each in plan.warnings) and any("is at" in each for each in plan.warnings)


async def test_choices_are_runs_that_it_is_for(github: Rig) -> None:
    running = await under_way(github)
    assert [each.value for each in await github.handler("github.cancel").choices("run")] == [running]
    rerun = await github.handler("github.rerun").choices("run")
    assert [each.recommended for each in rerun] == [True] and rerun[0].value != running


async def test_a_run_is_cancelled_and_seen_to_end(github: Rig) -> None:
    plan = await github.plan("github.cancel", {"run": await under_way(github), "attempt": "1"})
    assert plan.tier is Tier.T2 and not plan.refusals
    handler = github.handler("github.cancel")
    result = await handler.run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED and result.summary.endswith("cancelled")
    assert (await handler.verify(plan, result)).holds is True
    assert plan.undo.request is not None
    back = await github.plan(plan.undo.request.action, plan.undo.request.params)
    again = await github.handler("github.rerun").run(back, github.control())
    assert again.outcome is Outcome.SUCCEEDED


async def test_one_that_ended_in_the_last_moment_is_a_conflict(github: Rig) -> None:
    plan = await github.plan("github.cancel", {"run": await under_way(github)})
    github.clock.elapsed += 60
    with pytest.raises(Conflict, match="completed"):
        await github.handler("github.cancel").run(plan, github.control())
    plan = await github.plan("github.cancel", {"run": failed(github)})
    assert "ended already" in plan.refusals[0].reason


async def test_a_cancelled_answer_that_is_lost_is_not_sent_again() -> None:
    async with rig(timeout=0.5) as github:
        plan = await github.plan("github.cancel", {"run": await under_way(github)})
        github.server.swallowed.add("POST /actions/runs/{run}/cancel")
        with pytest.raises(TimedOut) as raised:
            await github.handler("github.cancel").run(plan, github.control())
        assert raised.value.effect_possible and len(github.sent("POST")) == 1
