"""All that the cockpit asks of GitHub, and all that is played in its place, against recorded facts.

facts.tsv names the operation that each line is taken from: query parameters, fields of the body (* required), status
codes, and those properties of the answer's schema that are used. Source "description": compared, all of it, with
github/rest-api-description as npm's package @octokit/openapi 23.0.2 ships it (test_description.py). Source
"schema": mutation revertPullRequest, RevertPullRequestInput and what is selected of PullRequest, in schema.graphql of
npm's @octokit/graphql-schema 15.26.1; the codes and types of GraphQL's errors are in neither.

The description leaves out what "beyond" has: 422 of a dispatch (cli/cli#5246, benc-uk/workflow-dispatch#15). 403 is
also given to tokens without the right, and for a run that cannot be run again (cli/cli#9221 and
metabase/metabase#70916); 404 for what is not there or may not be seen; 401, 304 of a conditional read and the limits
are those of all operations (docs.github.com/en/rest/using-the-rest-api: troubleshooting-the-rest-api and
rate-limits-for-the-rest-api).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cockpit.sandbox.github.server import Seen, Token

from ...servers.github import Rig

EVERYWHERE = {200, 304, 401, 403, 404, 429}


@dataclass(frozen=True)
class Fact:
    query: set[str]
    body: set[str]
    required: set[str]
    statuses: set[int]
    key: str  # under which a list of things stands
    fields: set[str]
    beside: set[str]
    beyond: set[int]  # statuses that the description leaves out


def facts() -> dict[tuple[str, str], Fact]:
    found: dict[tuple[str, str], Fact] = {}
    for line in Path(__file__).with_name("facts.tsv").read_text().splitlines()[1:]:
        method, path, query, body, statuses, beyond, fields, _, _ = line.split("\t")
        head, colon, names = fields.partition(":")
        beside = set(head.split()) if colon else set()
        found[method, path] = Fact(
            set(query.split()),
            {each.removesuffix("*") for each in body.split()},
            {each.removesuffix("*") for each in body.split() if each.endswith("*")},
            set(map(int, (*statuses.split(), *beyond.split()))),
            head.split()[-1] if colon else "",
            set((names if colon else fields).split()),
            beside,
            set(map(int, beyond.split())),
        )
    return found


FACTS = facts()


def check(seen: Seen) -> None:
    where = f"{seen.method} {seen.route}"
    fact = FACTS.get((seen.method, seen.route))
    assert fact is not None, where
    assert set(seen.query) <= fact.query, where
    assert fact.required <= set(seen.body) <= fact.body, where
    if seen.status:
        assert seen.status in fact.statuses | EVERYWHERE, (where, seen.status)


def check_answer(method: str, route: str, value: Any) -> None:
    fact = FACTS[method, route]
    if fact.key:
        assert set(value) == fact.beside, route
        value = value[fact.key]
    for each in value if isinstance(value, list) else [value]:
        assert set(each) <= fact.fields, (route, set(each) - fact.fields)


async def everything(github: Rig) -> None:
    """One of each: all reads, all looks, all actions, and what is refused."""
    await github.read()
    await github.read()
    failed, merged = str(max(github.repo.runs)), next(each for each in github.repo.pulls.values() if each.merged)
    pull = str(next(each.number for each in github.repo.pulls.values() if each.state == "open"))
    github.repo.commit("hotfix", "Stop the bleeding", "ann")
    for action, params in (
        ("github.rerun", {"run": failed}),
        ("github.rerun", {"run": failed, "jobs": "all"}),
        ("github.dispatch", {"inputs": "version=v1.0"}),
        ("github.propose", {"branch": "hotfix", "title": "HOTFIX"}),
        ("github.merge", {"pull": pull}),
        ("github.revert", {"pull": str(merged.number)}),
    ):
        handler = github.handler(action)
        plan = await github.plan(action, params)
        assert not plan.refusals, (action, plan.refusals)
        result = await handler.run(plan, github.control())
        await handler.verify(plan, result)
        for param in handler.spec.params:
            await handler.choices(param.name)
    closing = max(github.repo.pulls)
    plan = await github.plan("github.close", {"pull": str(closing)})
    await github.handler("github.close").run(plan, github.control())
    running = github.repo.run("main", github.repo.branches["main"])
    plan = await github.plan("github.cancel", {"run": str(running.id)})
    await github.handler("github.cancel").run(plan, github.control())
    await github.desk.commits("main", 5)
    await github.desk.compare("v1.0", "main")
    await github.desk.runs()


async def test_everything_that_is_sent_and_answered_is_documented(github: Rig) -> None:
    await everything(github)
    for seen in github.server.seen:
        check(seen)
    assert {(seen.method, seen.route) for seen in github.server.seen} == set(FACTS)


PATHS = {
    "{workflow}": "deploy.yml",
    "{run}": "9001",
    "{ref}": "main",
    "{basehead}": "v1.0...main",
    "{path}": ".github/workflows/deploy.yml",
}


@pytest.mark.parametrize("route", sorted(path for method, path in FACTS if method == "GET"))
async def test_answers_have_documented_fields_alone(github: Rig, route: str) -> None:
    path = route.replace("{pull}", str(min(github.repo.pulls)))
    path = path.replace("{deployment}", str(github.repo.deployments[0]["id"]))
    for name, value in PATHS.items():
        path = path.replace(name, value)
    async with httpx.AsyncClient(headers={"Authorization": "Bearer t0ken"}) as client:
        answer = await client.get(f"{github.server.url}/repos/shop-team/shop{path}")
        assert answer.status_code == 200 and answer.headers["etag"] and answer.headers["x-ratelimit-remaining"]
        check_answer("GET", route, answer.json())
        again = await client.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304 and not again.content


CHANGES: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/actions/runs/{failed}/rerun-failed-jobs", {}, 201),
    ("POST", "/actions/runs/{good}/rerun-failed-jobs", {}, 403),
    ("POST", "/actions/runs/{good}/rerun", {}, 201),
    ("POST", "/actions/runs/{good}/cancel", {}, 409),
    ("POST", "/actions/runs/1/cancel", {}, 404),
    ("POST", "/actions/workflows/deploy.yml/dispatches", {"ref": "main", "inputs": {"version": "1"}}, 204),
    (
        "POST",
        "/actions/workflows/deploy.yml/dispatches",
        {"ref": "main", "inputs": {"version": "1"}, "return_run_details": True},
        200,
    ),
    ("POST", "/actions/workflows/deploy.yml/dispatches", {"ref": "nowhere"}, 422),
    ("POST", "/actions/workflows/deploy.yml/dispatches", {"ref": "main", "inputs": {"colour": "1"}}, 422),
    ("POST", "/actions/workflows/other.yml/dispatches", {"ref": "main"}, 404),
    ("PUT", "/pulls/{open}/merge", {"sha": "0" * 40, "merge_method": "squash"}, 409),
    ("PUT", "/pulls/{open}/merge", {"merge_method": "rebase"}, 405),
    ("PUT", "/pulls/{merged}/merge", {"merge_method": "squash"}, 405),
    ("PUT", "/pulls/{open}/merge", {"merge_method": "squash"}, 200),
    ("POST", "/pulls", {"title": "x", "head": "nowhere", "base": "main"}, 422),
    ("POST", "/pulls", {"title": "x", "head": "fix-prices", "base": "main"}, 422),
    ("PATCH", "/pulls/{open}", {"state": "closed"}, 200),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CHANGES)
async def test_changes_answer_with_documented_codes(
    github: Rig, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    names = {"failed": max(github.repo.runs), "good": min(github.repo.runs)}
    names["open"], names["merged"] = max(github.repo.pulls), min(github.repo.pulls)
    async with httpx.AsyncClient(headers={"Authorization": "Bearer t0ken"}) as client:
        url = f"{github.server.url}/repos/shop-team/shop{path.format(**names)}"
        answer = await client.request(method, url, json=body)
    assert answer.status_code == status, answer.text
    seen = github.server.seen[-1]
    assert status in FACTS[seen.method, seen.route].statuses | EVERYWHERE
    if 200 <= status < 300 and answer.content:
        check_answer(seen.method, seen.route, answer.json())
    if status >= 400:
        assert set(answer.json()) - {"errors"} == {"message", "documentation_url", "status"}


async def test_pages_follow_each_other_by_link(github: Rig) -> None:
    for index in range(7):
        github.repo.commit("main", f"Commit {index}", "ann")
    async with httpx.AsyncClient(headers={"Authorization": "Bearer t0ken"}) as client:
        answer = await client.get(f"{github.server.url}/repos/shop-team/shop/commits", params={"per_page": 4})
        assert len(answer.json()) == 4 and set(answer.links) == {"next", "last"}
        last = await client.get(answer.links["last"]["url"])
        assert len(last.json()) == 2 and "next" not in last.links


async def test_graphql_is_counted_by_itself(github: Rig) -> None:
    async with httpx.AsyncClient(headers={"Authorization": "Bearer t0ken"}) as client:
        answer = await client.post(f"{github.server.url}/graphql", json={"query": "mutation", "variables": {}})
    assert (answer.status_code, answer.headers["x-ratelimit-resource"]) == (200, "graphql")
    assert set(answer.json()) == {"data", "errors"}


@pytest.mark.parametrize(
    ("token", "status"),
    [(Token(scopes=()), 404), (Token(scopes=None), 404), (Token(), 200)],
    ids=["none", "fine", "ok"],
)
async def test_a_private_repository_is_404_to_whoever_may_not_see_it(github: Rig, token: Token, status: int) -> None:
    github.server.tokens["t0ken"] = token
    async with httpx.AsyncClient(headers={"Authorization": "Bearer t0ken"}) as client:
        answer = await client.get(f"{github.server.url}/repos/shop-team/shop/pulls")
    assert answer.status_code == status
    named = "x-oauth-scopes" if token.scopes is not None else "x-accepted-github-permissions"
    assert named in answer.headers
