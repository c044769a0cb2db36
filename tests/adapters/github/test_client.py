"""The way to GitHub: addresses, tokens, limits, answers that do not come."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cockpit.adapters.github.client import GithubApi, base_of
from cockpit.adapters.github.quota import Quota
from cockpit.errors import (
    AuthenticationFailed,
    Misconfigured,
    PutOff,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.profile.delivery import GithubSource
from cockpit.sandbox.github.server import Token
from cockpit.sandbox.http import HttpServer, Request, Response

from ...servers.github import NOON, QuickClock, Rig, rig

CANCEL = "/actions/runs/9001/cancel"


def table(**given: object) -> GithubSource:
    return GithubSource.model_validate({"name": "shop", "repository": "shop-team/shop", **given})


@pytest.mark.parametrize(
    ("given", "rest", "graphql"),
    [
        ({}, "https://api.github.com", "https://api.github.com/graphql"),
        (
            {"host": "git.shop.example"},
            "https://git.shop.example/api/v3",
            "https://git.shop.example/api/graphql",
        ),
        ({"host": "shop.ghe.com"}, "https://api.shop.ghe.com", "https://api.shop.ghe.com/graphql"),
        ({"endpoint": "http://127.0.0.1:9/api/v3/"}, "http://127.0.0.1:9/api/v3", "http://127.0.0.1:9/api/graphql"),
    ],
)
def test_the_address_follows_from_the_host(given: dict[str, object], rest: str, graphql: str) -> None:
    assert base_of(table(**given)) == rest
    assert GithubApi(table(**given), QuickClock()).graphql_url == graphql


async def test_an_enterprise_server_is_read_and_changed_below_api_v3() -> None:
    async with rig(prefix="/api/v3", host="git.shop.example") as github:
        status = await github.read()
        assert status.host == "git.shop.example" and status.runs
        merged = next(each for each in github.repo.pulls.values() if each.merged)
        assert (await github.desk.revert(f"PR_{merged.number}")).number > merged.number
        plan = await github.plan("github.rerun", {"run": str(status.runs[0].id)})
        assert "-R git.shop.example/shop-team/shop" in plan.equivalent[0] and "/api/v3/repos/" in plan.operation[0]


async def test_a_token_never_goes_out_without_tls(github: Rig) -> None:
    api = GithubApi(table(endpoint="http://git.shop.example", token="env:SHOP_GITHUB_TOKEN"), github.clock)
    with pytest.raises(Misconfigured, match="not https"):
        await api.get("")


async def test_the_next_page_is_not_followed_to_another_host(github: Rig) -> None:
    assert github.api._next('<https://evil.example/x?page=2>; rel="next"') == ""
    assert github.api._next(f'<{github.server.url}/x?page=2>; rel="next"').endswith("page=2")


async def test_a_wrong_token_says_what_to_do_and_not_what_it_is(github: Rig) -> None:
    github.server.tokens = {"other": Token()}
    with pytest.raises(AuthenticationFailed) as raised:
        await github.read()
    assert "Bad credentials" in raised.value.message and "t0ken" not in str(raised.value)


async def test_a_token_that_was_renewed_is_fetched_again(github: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await github.read()
    github.server.tokens = {"renewed": Token()}
    monkeypatch.setenv("SHOP_GITHUB_TOKEN", "renewed")
    assert (await github.read()).runs


def fake_gh(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "gh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


async def test_without_a_reference_gh_is_asked_for_the_host_with_its_input_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gh(tmp_path, f'cat > {tmp_path}/input; echo "$@" > {tmp_path}/words; echo t0ken', monkeypatch)
    async with rig(token=None, host="git.shop.example") as github:
        assert (await github.read()).runs
    assert (tmp_path / "words").read_text() == "auth token --hostname git.shop.example\n"
    assert (tmp_path / "input").read_text() == ""


async def test_gh_that_knows_no_token_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gh(tmp_path, "echo 'no oauth token found' >&2; exit 1", monkeypatch)
    async with rig(token=None) as github:
        with pytest.raises(AuthenticationFailed, match="no oauth token found") as raised:
            await github.read()
        assert "gh auth login --hostname github.com" in raised.value.hint


async def test_gh_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gh(tmp_path, "exec sleep 60", monkeypatch)
    monkeypatch.setattr("cockpit.adapters.github.token.GH_S", 0.2)
    async with rig(token=None) as github:
        with pytest.raises(TimedOut, match="gave no token"):
            await github.read()


async def test_a_secondary_limit_stops_everything_for_as_long_as_it_says(github: Rig) -> None:
    github.server.slow_down = [(403, {"retry-after": "30"})]
    with pytest.raises(RateLimited, match="secondary rate limit") as raised:
        await github.read()
    assert raised.value.retry_after_s == 30
    asked = len(github.server.seen)
    with pytest.raises(RateLimited, match="not sent"):
        await github.api.send("POST", CANCEL)
    assert len(github.server.seen) == asked
    github.clock.elapsed += 31
    assert (await github.read()).runs


async def test_a_limit_that_says_no_time_is_a_minute_then_two(github: Rig) -> None:
    github.server.slow_down = [(429, {}), (403, {})]
    waits = []
    for _ in range(2):
        with pytest.raises(RateLimited) as raised:
            await github.read()
        waits.append(raised.value.retry_after_s)
        github.clock.elapsed += 600
    assert waits == [60, 120]


async def test_a_used_up_hour_is_waited_for_until_its_reset(github: Rig) -> None:
    github.server.left = 0
    with pytest.raises(RateLimited, match="API rate limit exceeded") as raised:
        await github.read()
    assert raised.value.retry_after_s == 1801


async def test_what_is_left_of_the_hour_is_kept_for_actions(github: Rig) -> None:
    await github.read()
    github.server.left = 190
    github.repo.commit("main", "Something new", "ann")
    await github.read()
    with pytest.raises(PutOff, match="kept for actions"):
        await github.read()
    run = max(github.repo.runs)
    plan = await github.plan("github.rerun", {"run": str(run)})
    assert not plan.refusals and not plan.rests_on_reading


async def test_an_answer_that_does_not_come_leaves_the_effect_open() -> None:
    async with rig(timeout=0.5) as github:
        run = github.repo.run("main", github.repo.branches["main"])
        github.server.swallowed.add("POST /actions/runs/{run}/cancel")
        with pytest.raises(TimedOut) as raised:
            await github.api.send("POST", f"/actions/runs/{run.id}/cancel")
        assert raised.value.effect_possible and github.sent("POST") == ["/actions/runs/{run}/cancel"]


async def test_what_was_never_sent_had_no_effect() -> None:
    async with rig(endpoint="http://127.0.0.1:9") as github:
        with pytest.raises(Unreachable) as raised:
            await github.api.send("POST", CANCEL)
        assert not raised.value.effect_possible


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [(502, b"<html>", "unreachable"), (200, b"<html>", "not understood"), (301, b"{}", "misconfigured")],
)
async def test_answers_of_something_in_between(status: int, body: bytes, word: str) -> None:
    async def answer(request: Request) -> Response:
        return Response(status, body)

    async with await HttpServer.start(answer) as http, rig(endpoint=http.url) as github:
        with pytest.raises(Exception) as raised:
            await github.api.send("POST", CANCEL)
        assert getattr(raised.value, "word", "") == word
        assert raised.value.effect_possible is (status != 301)  # type: ignore[attr-defined]


async def test_a_limit_is_shared_by_all_tables_of_a_host_and_token(github: Rig) -> None:
    other = GithubApi(github.api.table.model_copy(update={"name": "other"}), github.clock)
    assert other.quota is github.api.quota


def test_what_is_told_of_the_quota_is_read_and_rubbish_is_not() -> None:
    quota = Quota(QuickClock())
    reset = str(int(NOON.timestamp()) + 60)
    quota.told({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "7", "x-ratelimit-reset": reset})
    quota.told({"x-ratelimit-limit": "x", "x-ratelimit-remaining": "-1", "x-ratelimit-reset": "soon"})
    quota.told({"x-ratelimit-limit": "9", "x-ratelimit-remaining": "1", "x-ratelimit-reset": reset,
                "x-ratelimit-resource": "graphql"})  # fmt: skip
    assert (quota.limit, quota.left) == (60, 7)
    quota.may_poll()  # of few requests a tenth is kept
    quota.told({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "6", "x-ratelimit-reset": reset})
    with pytest.raises(PutOff):
        quota.may_poll()
