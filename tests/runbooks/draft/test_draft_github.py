"""A runbook with gh commands drafts the repository and the workflow that it names; what it does not is marked."""

from __future__ import annotations

import tomllib

import pytest

from cockpit.profile.delivery import GithubSource
from cockpit.runbooks.draft.profile import Draft, draft


def drafted(text: str) -> Draft:
    return draft([("seats.md", f"# Seats\n\n{text}\n")], ["seats.md"])


def test_what_commands_tell_is_in_the_table() -> None:
    found = drafted(
        "```bash\ngh run list --workflow checks.yml -R seat-team/seats\n"
        "gh workflow run deploy-prod.yml -R seat-team/seats --ref main\n```"
    )
    (table,) = tomllib.loads(found.text)["github"]
    assert table == {"name": "seats", "repository": "seat-team/seats", "workflow": "deploy-prod.yml"}
    GithubSource.model_validate(table)
    assert "seats.md:4" in found.text


def test_an_enterprise_host_is_kept() -> None:
    (table,) = tomllib.loads(drafted("```bash\ngh pr list -R git.seats.example/a/b\n```").text)["github"]
    assert (table["host"], table["repository"]) == ("git.seats.example", "a/b")


@pytest.mark.parametrize(
    "link",
    [
        "https://github.com/seat-team/seats/actions",
        "git@github.com:seat-team/seats.git",
        "<https://github.com/seat-team/seats>",
    ],
)
def test_a_link_tells_where_commands_do_not(link: str) -> None:
    found = drafted(f"See {link} and https://github.com/orgs/seat-team.\n\n```bash\ngh run watch\n```")
    (table,) = tomllib.loads(found.text)["github"]
    assert table["repository"] == "seat-team/seats"
    assert "guessed: the first that the runbook links to" in found.text


def test_what_nothing_names_is_missing() -> None:
    found = drafted("```bash\ngh pr merge --squash\n```")
    assert {each.what for each in found.missing} >= {"github deploys: repository", "github deploys: workflow"}
    GithubSource.model_validate(tomllib.loads(found.text)["github"][0])


def test_a_link_alone_makes_no_table() -> None:
    assert "github" not in tomllib.loads(drafted("See https://github.com/seat-team/seats.").text)
