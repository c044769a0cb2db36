"""Starting a workflow by hand: its inputs, the run that it makes, and what does not work."""

from __future__ import annotations

import json

import pytest

from cockpit.actions.github.dispatch import parsed
from cockpit.adapters.github.workflowfile import dispatch_inputs
from cockpit.errors import Malformed, Misconfigured, Refused, TimedOut
from cockpit.model.action import Outcome, Tier

from ...servers.github import Rig, rig

GOOD = {"ref": "main", "inputs": "version=v1.0 environment=production"}


async def test_it_is_started_found_and_followed_to_its_end(github: Rig) -> None:
    await github.read()
    plan = await github.plan("github.dispatch", GOOD)
    assert plan.tier is Tier.T2 and not plan.refusals
    body = json.loads(plan.operation[1])
    assert body == {"ref": "main", "inputs": {"version": "v1.0", "environment": "production"}}
    handler = github.handler("github.dispatch")
    result = await handler.run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED and "#4 attempt 1 ended: success" in result.summary
    made = github.repo.runs[max(github.repo.runs)]
    assert made.event == "workflow_dispatch" and made.inputs["version"] == "v1.0"
    assert (await handler.verify(plan, result)).holds is True
    status = await github.read()
    assert status.running is not None and status.running.sha == github.repo.branches["main"]


async def test_github_itself_names_the_run_where_it_is_asked_to(github: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(github.api), "cloud", property(lambda self: True))
    plan = await github.plan("github.dispatch", GOOD)
    assert json.loads(plan.operation[1])["return_run_details"] is True
    other = github.repo.run("main", github.repo.branches["main"], "workflow_dispatch", "eve")
    result = await github.handler("github.dispatch").run(plan, github.control())
    assert result.outcome is Outcome.SUCCEEDED and result.details[0] == f"run {other.id + 1}"


async def test_two_that_appear_at_once_are_not_guessed_at(github: Rig) -> None:
    plan = await github.plan("github.dispatch", GOOD)

    def another(route: str) -> None:
        if route.startswith("POST"):
            github.repo.run("main", github.repo.branches["main"], "workflow_dispatch", "eve")

    github.server.before = another
    result = await github.handler("github.dispatch").run(plan, github.control())
    assert result.outcome is Outcome.UNKNOWN and "which of runs" in result.summary


async def test_the_card_shows_each_input_with_its_default(github: Rig) -> None:
    plan = await github.plan("github.dispatch", {"inputs": "version=v2"})
    shown = {change.what: (change.before, change.after) for change in plan.changes}
    assert shown["input environment"] == ("not set", "production (default)")
    assert shown["input dry_run"] == ("not set", "false (default)")
    assert shown["input version"] == ("not set", "v2")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("", "input version is required"),
        ("version=v1 colour=red", "has no input colour"),
        ("version=v1 environment=moon", "must be one of staging, production"),
        ("version=v1 dry_run=maybe", "must be true or false"),
    ],
)
async def test_inputs_that_github_would_refuse_are_refused_on_the_plan(github: Rig, inputs: str, said: str) -> None:
    plan = await github.plan("github.dispatch", {"inputs": inputs})
    assert said in plan.refusals[0].reason
    assert "choice of staging, production" in plan.refusals[0].hint
    assert github.sent("POST") == []


async def test_a_ref_that_moved_since_is_refused(github: Rig) -> None:
    before = github.repo.branches["main"]
    plan = await github.plan("github.dispatch", {**GOOD, "tip": before})
    assert not plan.refusals
    github.repo.commit("main", "Meanwhile", "eve")
    moved = await github.plan("github.dispatch", {**GOOD, "tip": before})
    assert moved.refusals[0].reason.startswith("SHA moved") and moved.digest != plan.digest
    assert (await github.plan("github.dispatch", GOOD)).digest != plan.digest


async def test_a_tag_can_be_deployed_and_a_bare_commit_cannot(github: Rig) -> None:
    plan = await github.plan("github.dispatch", {"ref": "v1.0", "inputs": "version=v1.0"})
    assert not plan.refusals and plan.identity["sha"] == github.repo.tags["v1.0"]
    plan = await github.plan("github.dispatch", {"ref": github.repo.tags["v1.0"][:12], "inputs": "version=v1.0"})
    assert "at a branch or tag" in plan.refusals[0].reason
    with pytest.raises(Misconfigured, match="No commit found"):
        await github.plan("github.dispatch", {"ref": "nowhere", "inputs": "version=v1.0"})


async def test_a_workflow_without_the_trigger_or_switched_off_is_refused(github: Rig) -> None:
    github.repo.workflow_file = "on: push\njobs: {}\n"
    assert "cannot be started by hand" in (await github.plan("github.dispatch", GOOD)).refusals[0].reason
    github.repo.workflow_state = "disabled_manually"
    assert "disabled manually" in (await github.plan("github.dispatch", GOOD)).refusals[0].reason


async def test_without_a_workflow_in_the_profile_one_must_be_named() -> None:
    async with rig(workflow=None) as github:
        with pytest.raises(Refused, match="workflow is needed"):
            await github.plan("github.dispatch", {"inputs": "version=v1"})
        assert [each.value for each in await github.handler("github.dispatch").choices("workflow")] == ["deploy.yml"]


async def test_choices_are_branches_and_tags(github: Rig) -> None:
    found = await github.handler("github.dispatch").choices("ref")
    assert {"main", "v1.0"} <= {each.value for each in found}
    assert [each.value for each in found if each.recommended] == ["main"]


async def test_a_lost_answer_is_unknown_sent_once_and_looked_for_afterwards() -> None:
    async with rig(timeout=0.5) as github:
        plan = await github.plan("github.dispatch", GOOD)
        github.server.swallowed.add("POST /actions/workflows/{workflow}/dispatches")
        handler = github.handler("github.dispatch")
        with pytest.raises(TimedOut) as raised:
            await handler.run(plan, github.control())
        assert raised.value.effect_possible and len(github.sent("POST")) == 1


async def test_it_warns_of_another_run_under_way_and_of_what_runs_already(github: Rig) -> None:
    github.repo.run("main", github.repo.branches["main"])
    await github.read()
    plan = await github.plan("github.dispatch", GOOD)
    assert any("wait for or cancel" in each for each in plan.warnings)


def test_inputs_are_read_as_a_shell_reads_words() -> None:
    assert parsed("a=b c='d e' f=") == {"a": "b", "c": "d e", "f": ""}
    for wrong in ("a", "=b", "a='b"):
        with pytest.raises(Refused):
            parsed(wrong)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("on: workflow_dispatch", []),
        ("on: [push, workflow_dispatch]", []),
        ("on:\n  workflow_dispatch:", []),
        ("'on':\n  workflow_dispatch:\n    inputs:\n      a:\n      b: {type: number, default: 3}", ["a", "b"]),
        ("on: push", None),
        ("name: x", None),
    ],
)
def test_triggers_in_each_way_of_writing_them(text: str, names: list[str] | None) -> None:
    found = dispatch_inputs(text.encode(), "x.yml")
    assert (None if found is None else [each.name for each in found]) == names


@pytest.mark.parametrize("content", [b"on: [", b"\xff", b"- a", b"a: " + b"[" * 5000, b"x" * 600_000])
def test_a_file_that_is_no_workflow_is_said(content: bytes) -> None:
    with pytest.raises(Malformed):
        dispatch_inputs(content, "x.yml")
