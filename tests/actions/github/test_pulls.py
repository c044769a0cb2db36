"""Merging, reverting, opening and closing: effect, refusal, a head that moved, protections, lost answers."""

from __future__ import annotations

import json

import pytest

from cockpit.errors import Conflict, Malformed, NotFound, PermissionDenied, TimedOut
from cockpit.model.action import Grant, Outcome, Tier
from cockpit.sandbox.github.server import Token

from ...servers.github import Rig, rig


def open_pull(github: Rig) -> str:
    return str(next(each.number for each in github.repo.pulls.values() if each.state == "open"))


def merged_pull(github: Rig) -> str:
    return str(next(each.number for each in github.repo.pulls.values() if each.merged))


async def test_a_pull_request_is_merged_at_its_head_and_its_deployment_followed(github: Rig) -> None:
    head = github.repo.branches["fix-prices"]
    plan = await github.plan("github.merge", {"pull": open_pull(github), "head": head})
    assert plan.tier is Tier.T3 and not plan.refusals and not plan.warnings
    assert json.loads(plan.operation[1]) == {"sha": head, "merge_method": "squash"}
    assert "check tests: success" in plan.objects and "review eve: approved" in plan.objects
    handler = github.handler("github.merge")
    result = await handler.run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED and "ended: success" in result.summary
    assert (await handler.verify(plan, result)).holds is True
    status = await github.read()
    assert status.running is not None and status.running.sha == status.head == github.repo.branches["main"]
    assert plan.undo.request is not None and plan.undo.request.action == "github.revert"


async def test_a_merge_whose_deployment_fails_is_failed_with_the_way_back(github: Rig) -> None:
    plan = await github.plan("github.merge", {"pull": open_pull(github)})
    github.repo.next_fails = "build"
    result = await github.handler("github.merge").run(plan, github.control())
    assert result.outcome is Outcome.FAILED and "was merged into main" in result.summary
    assert result.undo is not None and result.undo.request is not None


async def test_without_a_workflow_a_merge_ends_with_itself() -> None:
    async with rig(workflow=None) as github:
        plan = await github.plan("github.merge", {"pull": open_pull(github)})
        handler = github.handler("github.merge")
        result = await handler.run(plan, github.control())
        assert result.outcome is Outcome.SUCCEEDED and (await handler.verify(plan, result)).holds is True


async def test_a_head_that_moved_is_refused_on_the_plan_and_by_github(github: Rig) -> None:
    head = github.repo.branches["fix-prices"]
    plan = await github.plan("github.merge", {"pull": open_pull(github), "head": head})
    github.repo.commit("fix-prices", "One more", "eve")
    again = await github.plan("github.merge", {"pull": open_pull(github), "head": head})
    assert again.refusals[0].reason.startswith("SHA moved") and again.digest != plan.digest
    with pytest.raises(Conflict, match="Head branch was modified"):
        await github.handler("github.merge").run(plan, github.control())
    assert github.repo.pulls[int(open_pull(github))].state == "open"


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        ("blocked", "protection is not satisfied (tests failure; nobody approved it)"),
        ("dirty", "conflicts"),
        ("behind", "its base went on"),
        ("unknown", "has not worked out"),
    ],
)
async def test_it_is_never_merged_past_what_stands_against_it(github: Rig, standing: str, said: str) -> None:
    pull = github.repo.pulls[int(open_pull(github))]
    pull.standing, pull.checks, pull.reviews = standing, [("tests", "failure")], []
    plan = await github.plan("github.merge", {"pull": open_pull(github)})
    assert said in plan.refusals[0].reason
    assert any("tests" in each for each in plan.warnings) and "nobody has reviewed it" in plan.warnings


async def test_a_draft_and_one_that_is_merged_are_refused(github: Rig) -> None:
    github.repo.pulls[int(open_pull(github))].draft = True
    assert "draft" in (await github.plan("github.merge", {"pull": open_pull(github)})).refusals[0].reason
    assert "merged already" in (await github.plan("github.merge", {"pull": merged_pull(github)})).refusals[0].reason


async def test_a_way_of_merging_that_is_not_allowed_is_refused(github: Rig) -> None:
    plan = await github.plan("github.merge", {"pull": open_pull(github), "method": "rebase"})
    assert "does not allow rebase" in plan.refusals[0].reason and plan.refusals[0].hint == "allowed: squash"
    assert [each.value for each in await github.handler("github.merge").choices("method")] == ["squash"]


async def test_checks_that_go_on_are_warned_of(github: Rig) -> None:
    pull = github.repo.pulls[int(open_pull(github))]
    pull.checks, pull.reviews, pull.standing = [("tests", "in_progress")], [("bob", "CHANGES_REQUESTED")], "unstable"
    plan = await github.plan("github.merge", {"pull": open_pull(github)})
    assert not plan.refusals
    assert plan.warnings == ("checks are not at their end: tests", "changes are asked for by bob")


async def test_a_dismissed_review_does_not_count(github: Rig) -> None:
    pull = github.repo.pulls[int(open_pull(github))]
    pull.reviews = [("bob", "CHANGES_REQUESTED"), ("eve", "APPROVED"), ("bob", "DISMISSED"), ("eve", "COMMENTED")]
    assert (await github.desk.pull(pull.number)).reviews == (("eve", "APPROVED"),)


async def test_a_lost_answer_to_a_merge_is_unknown_and_seen_afterwards() -> None:
    async with rig(timeout=0.5) as github:
        number = open_pull(github)
        plan = await github.plan("github.merge", {"pull": number})
        github.server.swallowed.add("PUT /pulls/{pull}/merge")
        handler = github.handler("github.merge")
        with pytest.raises(TimedOut) as raised:
            await handler.run(plan, github.control())
        assert raised.value.effect_possible and github.sent("PUT") == ["/pulls/{pull}/merge"]
        assert github.repo.pulls[int(number)].merged is not None


async def test_a_token_that_may_not_merge_is_told_which_permission_it_lacks(github: Rig) -> None:
    reads = dict.fromkeys(("metadata", "actions", "contents", "pull_requests", "checks", "statuses"), "read")
    github.server.tokens["t0ken"] = Token(scopes=None, permissions=reads)
    plan = await github.plan("github.merge", {"pull": open_pull(github)})
    assert plan.permission.grant is Grant.UNKNOWN and "contents: write" in plan.permission.how
    with pytest.raises(PermissionDenied) as raised:
        await github.handler("github.merge").run(plan, github.control())
    assert raised.value.missing == "contents: write"


async def test_a_pull_request_that_cannot_be_seen_says_what_may_be_missing(github: Rig) -> None:
    github.server.tokens["t0ken"] = Token(scopes=None, permissions={"metadata": "read"})
    with pytest.raises(NotFound) as raised:
        await github.plan("github.merge", {"pull": open_pull(github)})
    assert "pull_requests: read" in raised.value.hint


async def test_a_merged_pull_request_is_taken_back_by_another_that_can_be_closed_again(github: Rig) -> None:
    plan = await github.plan("github.revert", {"pull": merged_pull(github)})
    assert plan.tier is Tier.T2 and not plan.refusals and "revertPullRequest" in plan.operation[1]
    handler = github.handler("github.revert")
    before = dict(github.repo.branches)
    result = await handler.run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED and (await handler.verify(plan, result)).holds is True
    assert github.repo.branches["main"] == before["main"]  # nothing is deployed by it
    made = max(github.repo.pulls)
    assert github.repo.pulls[made].title == 'Revert "Faster cart"'
    found = await github.desk.compare("main", github.repo.pulls[made].branch)
    assert [(each.name, each.added, each.removed) for each in found.files] == [("app/cart.py", 9, 14)]
    assert result.undo is not None and result.undo.request is not None
    back = await github.plan(result.undo.request.action, result.undo.request.params)
    assert not back.refusals
    closed = await github.handler("github.close").run(back, github.control())
    assert closed.outcome is Outcome.SUCCEEDED and github.repo.pulls[made].state == "closed"
    assert (await github.handler("github.close").verify(back, closed)).holds is True


async def test_one_that_was_not_merged_is_not_taken_back(github: Rig) -> None:
    plan = await github.plan("github.revert", {"pull": open_pull(github)})
    assert "was not merged" in plan.refusals[0].reason
    with pytest.raises(Conflict, match="not merged"):
        await github.handler("github.revert").run(plan, github.control())


async def test_a_merge_commit_that_is_another_is_refused(github: Rig) -> None:
    plan = await github.plan("github.revert", {"pull": merged_pull(github), "merged": "1" * 40})
    assert plan.refusals[0].reason.startswith("SHA moved")


async def test_a_revert_whose_answer_is_lost_is_unknown() -> None:
    async with rig(timeout=0.5) as github:
        plan = await github.plan("github.revert", {"pull": merged_pull(github)})
        github.server.swallowed.add("POST /graphql")
        with pytest.raises(TimedOut) as raised:
            await github.handler("github.revert").run(plan, github.control())
        assert raised.value.effect_possible and github.sent("POST") == ["/graphql"]


async def test_graphql_that_knows_nothing_of_it_is_not_found_and_no_number_is_unknown(
    github: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        await github.desk.revert("PR_1")

    async def nothing(mutation: str, variables: object) -> dict[str, object]:
        return {"revertPullRequest": None}

    monkeypatch.setattr(github.api, "mutate", nothing)
    with pytest.raises(Malformed) as raised:
        await github.desk.revert("PR_1")
    assert raised.value.effect_possible


async def test_a_pull_request_is_opened_with_its_commits_on_the_card(github: Rig) -> None:
    github.repo.commit("hotfix", "Stop the bleeding", "ann")
    params = {"branch": "hotfix", "title": "HOTFIX: prices", "body": "as said", "draft": "yes"}
    plan = await github.plan("github.propose", params)
    assert plan.tier is Tier.T1 and not plan.refusals and "Stop the bleeding" in plan.objects[0]
    handler = github.handler("github.propose")
    result = await handler.run(plan, github.control())
    made = github.repo.pulls[max(github.repo.pulls)]
    assert (made.title, made.body, made.draft, made.base) == ("HOTFIX: prices", "as said", True, "main")
    assert (await handler.verify(plan, result)).holds is True
    assert result.undo is not None and result.undo.request is not None
    assert result.undo.request.get("pull") == str(made.number)


async def test_one_that_is_open_already_or_brings_nothing_is_refused(github: Rig) -> None:
    plan = await github.plan("github.propose", {"branch": "fix-prices", "title": "x"})
    assert "is open for fix-prices already" in plan.refusals[0].reason
    plan = await github.plan("github.propose", {"branch": "v1.0", "title": "x"})
    assert "no commit that main lacks" in plan.refusals[0].reason


async def test_closing_one_that_somebody_pushed_to_is_refused(github: Rig) -> None:
    head = github.repo.branches["fix-prices"]
    github.repo.commit("fix-prices", "One more", "eve")
    plan = await github.plan("github.close", {"pull": open_pull(github), "head": head})
    assert plan.refusals[0].reason.startswith("SHA moved")
    plan = await github.plan("github.close", {"pull": merged_pull(github)})
    assert "closed already" in plan.refusals[0].reason


async def test_choices_are_open_or_merged_ones(github: Rig) -> None:
    assert [each.value for each in await github.handler("github.merge").choices("pull")] == [open_pull(github)]
    assert [each.value for each in await github.handler("github.revert").choices("pull")] == [merged_pull(github)]
