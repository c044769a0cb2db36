"""Which gh and git commands actions and looks stand in for, and those that look alike and are something else."""

from __future__ import annotations

import pytest

from cockpit.engine.compose import replacements
from cockpit.model.action import Tier
from cockpit.model.command import Kind, Understanding
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of


def understood(line: str) -> Understanding:
    return understand(commands_of(f"{line}\n", language="bash", line=1)[0], replacements())


@pytest.mark.parametrize(
    ("line", "action", "params"),
    [
        ("gh run list", "github.runs", {}),
        ("gh run list --workflow deploy.yml -L 5 --branch main", "github.runs", {"branch": "main"}),
        ("gh run view 123", "github.run", {"run": "123"}),
        ("gh run watch", "github.run", {}),
        ("gh run watch 123 --exit-status", "github.run", {"run": "123"}),
        ("gh pr list", "github.pulls", {}),
        ("gh pr list --state open", "github.pulls", {}),
        ("gh pr view 12", "github.pull", {"pull": "12"}),
        ("gh pr checks 12 --watch", "github.pull", {"pull": "12"}),
        ("git log --oneline -10", "github.commits", {"limit": "10"}),
        ("git log -n 5 --oneline origin/main", "github.commits", {"limit": "5", "ref": "main"}),
        ("git log v1.0..main", "github.diff", {"base": "v1.0", "head": "main"}),
        ("git diff --stat v1.0 v1.1", "github.diff", {"base": "v1.0", "head": "v1.1"}),
        ("git diff v1.0...v1.1", "github.diff", {"base": "v1.0", "head": "v1.1"}),
        ("gh run rerun 123 --failed", "github.rerun", {"run": "123", "jobs": "failed"}),
        ("gh run rerun 123", "github.rerun", {"run": "123", "jobs": "all"}),
        ("gh run cancel 123", "github.cancel", {"run": "123"}),
        (
            "gh workflow run deploy.yml --ref main -f env=prod -f note='two words'",
            "github.dispatch",
            {"workflow": "deploy.yml", "ref": "main", "inputs": "env=prod 'note=two words'"},
        ),
        ("gh pr merge 12 --squash --delete-branch", "github.merge", {"pull": "12", "method": "squash"}),
        ("gh pr merge --admin --squash", "github.merge", {"method": "squash"}),
        ("gh pr merge 12 --rebase --match-head-commit abc1234", "github.merge",
         {"pull": "12", "method": "rebase", "head": "abc1234"}),
        ("gh pr revert 12", "github.revert", {"pull": "12"}),
        ("gh pr close #12", "github.close", {"pull": "12"}),
        ('gh pr create --title "HOTFIX: x" --body y -B main -H fix --draft', "github.propose",
         {"title": "HOTFIX: x", "body": "y", "base": "main", "branch": "fix", "draft": "yes"}),
        ("git revert abc1234", "github.revert", {}),
    ],
)  # fmt: skip
def test_commands_that_are_stood_in_for(line: str, action: str, params: dict[str, str]) -> None:
    found = understood(line.replace("#12", "12"))
    assert found.intent is not None, found.why
    assert (found.action, dict(found.intent.params)) == (action, params)
    assert found.kind in (Kind.LIVE, Kind.NATIVE)


@pytest.mark.parametrize(
    "line",
    [
        "gh run view 123 --log-failed",
        "gh run view 123 --web",
        "gh run list --json status -q '.[0]'",
        "gh run rerun 123 --job 7",
        "gh run list --user eve",
        "gh pr list --state all",
        "gh pr view my-branch",
        "gh pr merge my-branch --squash",
        "gh pr merge 12 --squash --rebase",
        "gh pr merge 12 --body x",
        "gh pr create --title x --reviewer eve",
        "gh workflow run deploy.yml -f file=@notes.txt",
        "gh workflow run deploy.yml --json",
        "gh api repos/a/b/actions/runs",
        "GH_TOKEN=x gh run list",
        "GH_HOST=git.example gh run list",
        "ssh box gh run list",
        "git log --author ann",
        "git log -- app.py",
        "git log main --since yesterday",
        "git log HEAD~3..HEAD",
        "git diff",
        "git diff main",
        "git diff --output=x a b",
        "git push origin main",
        "git checkout main",
        "git commit -m x",
        "git revert --continue",
        "git -C /srv/shop log --oneline",
        "docker exec box git log --oneline",
    ],
)
def test_commands_that_look_alike_and_are_something_else(line: str) -> None:
    found = understood(line)
    assert found.kind is Kind.SCRIPT and not found.action.startswith("github."), found.why


def test_what_is_not_done_is_said() -> None:
    found = " ".join(understood("gh pr merge --admin --auto --squash -d").why)
    for said in ("never does, it refuses", "--auto merges once", "not deleted", "here it is chosen"):
        assert said in found
    assert "Nothing has to be pushed" in " ".join(understood("git revert HEAD~2..HEAD").why)
    assert "does not wait" in " ".join(understood("gh run watch").why)


def test_the_repository_of_a_command_is_its_target_and_decides_the_source() -> None:
    found = understood("gh pr view 12 -R shop-team/shop")
    assert found.intent is not None
    assert dict(found.intent.target) == {"host": "github.com", "repository": "shop-team/shop"}
    found = understood("gh run list --repo git.shop.example/shop-team/shop")
    assert found.intent is not None
    assert dict(found.intent.target) == {"host": "git.shop.example", "repository": "shop-team/shop"}
    assert understood("gh run list -R nonsense").kind is Kind.SCRIPT
    found = understood("gh pr merge https://github.com/shop-team/shop/pull/12 --squash")
    assert found.intent is not None and found.intent.params["pull"] == "12"
    assert found.intent.target["repository"] == "shop-team/shop" and found.tier is Tier.T3


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = understood("gh run rerun <run-id> --failed")
    assert found.intent is not None and found.intent.asks["run"].name == "run-id"
    found = understood("gh pr merge PR_NUMBER --squash")
    assert found.intent is not None and found.intent.asks["pull"].name == "PR_NUMBER"
