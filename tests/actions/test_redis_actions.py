"""redis.delete and redis.flush as handlers, on real servers: plan, refusals, effect, what is seen afterwards."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import redis

from cockpit.actions import redis as actions
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.cache.adapter import RedisAdapter
from cockpit.clock import ManualClock
from cockpit.errors import Conflict, Refused, Unreachable
from cockpit.model.action import ActionRequest, Grant, Outcome, Plan, Tier
from cockpit.profile.schema import Limits, RedisSource
from cockpit.sandbox.redis_server import RedisServer

SCENE = Scene("shop", "staging")
Handlers = Callable[..., dict[str, ActionHandler]]


@pytest.fixture
async def handlers_for() -> AsyncIterator[Handlers]:
    """`handlers_for(url, shared=..., limits=...)`: both handlers by id."""
    adapters: list[RedisAdapter] = []

    def make(url: str, *, shared: bool = False, limits: Limits | None = None) -> dict[str, ActionHandler]:
        source = RedisSource(name="main").model_copy(update={"url": url})
        adapters.append(RedisAdapter(source, ManualClock()))
        made = actions.handlers("redis/main", adapters[-1], SCENE, limits or Limits(), ManualClock(), shared=shared)
        return {handler.spec.id: handler for handler in made}

    yield make
    for adapter in adapters:
        await adapter.close()


def control(aborted: Callable[[], bool] = lambda: False) -> RunControl:
    return RunControl(lambda done, total, note: None, aborted)


def delete(pattern: str, **params: str) -> ActionRequest:
    return ActionRequest("redis.delete", "redis/main", {"pattern": pattern, **params})


FLUSH = ActionRequest("redis.flush", "redis/main")


def fill(url: str, **counts: int) -> None:
    with redis.Redis.from_url(url) as client:
        for prefix, count in counts.items():
            client.mset({f"{prefix}:{number}": "x" for number in range(count)})


def size(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.dbsize())


async def test_the_plan_says_what_goes_where_and_that_there_is_no_way_back(
    redis_url: str, handlers_for: Handlers
) -> None:
    fill(redis_url, session=40, cart=60)
    plan = await handlers_for(redis_url)["redis.delete"].plan(delete("session:*"))
    assert (plan.count, plan.population, plan.tier) == (40, 100, Tier.T3)
    assert len(plan.objects) == 40
    assert plan.refusals == ()
    assert plan.warnings == ()
    assert plan.permission.grant is Grant.GRANTED
    assert plan.undo.request is None
    assert plan.undo.text.startswith("none")
    assert set(plan.identity) == {"server", "run_id", "role", "database"}
    assert "shop/staging" in plan.target
    assert "SCAN <cursor> MATCH session:* COUNT 1000" in plan.operation
    assert size(redis_url) == 100


async def test_deleting_and_seeing_that_it_is_so(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=700, cart=900)
    handler = handlers_for(redis_url)["redis.delete"]
    plan = await handler.plan(delete("session:*"))
    seen: list[tuple[int, int]] = []
    result = await handler.run(plan, RunControl(lambda done, total, note: seen.append((done, total)), lambda: False))
    assert (result.outcome, result.done, result.total) == (Outcome.SUCCEEDED, 700, 700)
    assert seen[-1] == (700, 700)
    assert size(redis_url) == 900
    found = await handler.verify(plan, result)
    assert (found.holds, found.text) == (True, "no key matches session:* any more")


async def test_keys_that_were_written_meanwhile_are_named(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=5, cart=20)
    handler = handlers_for(redis_url)["redis.delete"]
    plan = await handler.plan(delete("session:*"))
    result = await handler.run(plan, control())
    fill(redis_url, session=1)
    found = await handler.verify(plan, result)
    assert found.holds is False
    assert "1 keys match" in found.text
    assert "session:0" in found.text


@pytest.mark.parametrize("pattern", ["", "  ", "*", "**", "?*", "*?*"])
async def test_a_pattern_that_means_everything_is_refused_with_the_way_to_say_so(
    pattern: str, redis_url: str, handlers_for: Handlers
) -> None:
    with pytest.raises(Refused) as caught:
        await handlers_for(redis_url)["redis.delete"].plan(delete(pattern))
    assert "flush" in caught.value.hint or "pattern" in caught.value.message


async def test_a_pattern_that_matches_nothing_is_refused(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, cart=3)
    plan = await handlers_for(redis_url)["redis.delete"].plan(delete("session:*"))
    assert [refusal.reason for refusal in plan.refusals] == ["no key matches session:*"]


async def test_a_live_cache_keeps_the_plan_s_digest_while_its_keys_come_and_go(
    redis_url: str, handlers_for: Handlers
) -> None:
    fill(redis_url, session=40, cart=100)
    handler = handlers_for(redis_url)["redis.delete"]
    first = await handler.plan(delete("session:*"))
    fill(redis_url, session=55)
    again = await handler.plan(first.request)
    assert again.count == 55
    assert again.digest == first.digest


async def test_many_more_keys_than_were_agreed_to_refuse_the_plan_and_stop_the_run(
    redis_url: str, handlers_for: Handlers
) -> None:
    fill(redis_url, session=40, cart=9000)
    handler = handlers_for(redis_url)["redis.delete"]
    plan = await handler.plan(delete("session:*"))
    fill(redis_url, session=4000)
    again = await handler.plan(plan.request)
    assert "far more than when it was planned (at most 1,080)" in again.refusals[0].reason
    result = await handler.run(plan, control())
    assert result.outcome is Outcome.FAILED
    assert 1080 <= result.done < 1080 + 500
    assert "stopped at the ceiling" in result.summary


async def test_over_a_cap_the_next_tier_is_asked_for_and_the_digest_changes(
    redis_url: str, handlers_for: Handlers
) -> None:
    fill(redis_url, session=40, cart=60)
    normal = await handlers_for(redis_url)["redis.delete"].plan(delete("session:*"))
    few = await handlers_for(redis_url, limits=Limits(keys=39))["redis.delete"].plan(normal.request)
    assert few.tier is Tier.T4
    assert "40 keys are over the cap of 39" in few.warnings[0]
    assert few.digest != normal.digest
    share = await handlers_for(redis_url, limits=Limits(keys_share=0.3))["redis.delete"].plan(normal.request)
    assert share.tier is Tier.T4
    assert "40 % of all keys" in share.warnings[0]


async def test_on_a_shared_server_both_need_the_next_tier_and_say_so(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=4, cart=60)
    shared = handlers_for(redis_url, shared=True, limits=Limits(keys=1))
    for plan in (await shared["redis.delete"].plan(delete("session:*")), await shared["redis.flush"].plan(FLUSH)):
        assert plan.tier is Tier.T4
        assert any("other systems use this server too" in warning for warning in plan.warnings)


async def test_counting_that_takes_too_long_is_said_and_counts_as_over_the_cap(
    redis_url: str, handlers_for: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(redis_url, session=5000)
    monkeypatch.setattr(actions, "COUNT_FOR_S", 0.0)
    plan = await handlers_for(redis_url)["redis.delete"].plan(delete("session:*"))
    assert plan.tier is Tier.T4
    assert "counting was stopped" in plan.warnings[0]
    assert plan.refusals == ()


async def test_an_abort_leaves_the_rest_and_says_how_many_went(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=3000, cart=4000)
    handler = handlers_for(redis_url)["redis.delete"]
    plan = await handler.plan(delete("session:*"))
    done = 0

    def progress(now: int, total: int, note: str) -> None:
        nonlocal done
        done = now

    result = await handler.run(plan, RunControl(progress, lambda: done > 0))
    assert result.outcome is Outcome.FAILED
    assert 0 < result.done < 3000
    assert "stopped after" in result.summary
    assert size(redis_url) == 7000 - result.done


async def test_a_stop_after_the_last_key_has_nothing_left_to_stop(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=10)
    handler = handlers_for(redis_url)["redis.delete"]
    plan = await handler.plan(delete("session:*"))
    done = 0

    def progress(now: int, total: int, note: str) -> None:
        nonlocal done
        done = now

    result = await handler.run(plan, RunControl(progress, lambda: done == 10))
    assert (result.outcome, result.done) == (Outcome.SUCCEEDED, 10)


async def test_a_server_that_was_restarted_since_the_key_press_is_refused(
    start_redis: Callable[..., RedisServer], handlers_for: Handlers
) -> None:
    server = start_redis()
    fill(server.url, session=3, cart=9)
    handlers = handlers_for(server.url)
    for plan in (
        await handlers["redis.delete"].plan(delete("session:*", run_id="of-before")),
        await handlers["redis.flush"].plan(ActionRequest("redis.flush", "redis/main", {"run_id": "of-before"})),
    ):
        assert [refusal.step for refusal in plan.refusals] == ["identity"]
        assert "restarted or replaced" in plan.refusals[0].reason


async def test_a_server_that_changes_between_plan_and_run_is_a_conflict_and_keeps_its_keys(
    redis_url: str, start_redis: Callable[..., RedisServer], handlers_for: Handlers
) -> None:
    fill(redis_url, session=3, cart=9)
    server = start_redis()
    fill(server.url, session=4, cart=9)
    planned = handlers_for(redis_url)
    other = handlers_for(server.url)
    for name, request in (("redis.delete", delete("session:*")), ("redis.flush", FLUSH)):
        plan = await planned[name].plan(request)
        with pytest.raises(Conflict) as caught:
            await other[name].run(plan, control())
        assert not caught.value.effect_possible
        assert (await other[name].plan(plan.request)).digest != plan.digest
    assert size(server.url) == 13


async def test_a_replica_is_refused(start_redis: Callable[..., RedisServer], handlers_for: Handlers) -> None:
    server = start_redis()
    fill(server.url, session=3)
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
    for name, request in (("redis.delete", delete("session:*")), ("redis.flush", FLUSH)):
        plan = await handlers_for(server.url)[name].plan(request)
        assert any("is a replica" in refusal.reason for refusal in plan.refusals)


async def test_a_missing_right_is_in_the_plan_with_how_to_grant_it(
    start_redis: Callable[..., RedisServer], handlers_for: Handlers
) -> None:
    server = start_redis()
    fill(server.url, session=3)
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "ops", "on", ">pw", "~*", "+@all", "-flushdb")
    handlers = handlers_for(f"redis://ops:pw@127.0.0.1:{server.port}/0")
    plan = await handlers["redis.flush"].plan(FLUSH)
    assert plan.permission.grant is Grant.DENIED
    assert "ACL SETUSER ops +flushdb" in plan.permission.how
    assert "pw" not in " ".join(plan.equivalent)
    assert (await handlers["redis.delete"].plan(delete("session:*"))).permission.grant is Grant.GRANTED


async def test_flushing_one_database_and_seeing_that_it_is_empty(
    redis_server: RedisServer, redis_url: str, handlers_for: Handlers
) -> None:
    fill(redis_url, session=30)
    fill(redis_server.url_of(1), other=5)
    handler = handlers_for(redis_url)["redis.flush"]
    plan = await handler.plan(FLUSH)
    assert (plan.count, plan.tier, plan.warnings) == (30, Tier.T3, ())
    assert "other logical databases are not touched" in plan.objects[0]
    assert plan.operation == ("FLUSHDB ASYNC",)
    result = await handler.run(plan, control())
    assert result.outcome is Outcome.SUCCEEDED
    assert (await handler.verify(plan, result)).holds is True
    assert (size(redis_url), size(redis_server.url_of(1))) == (0, 5)
    fill(redis_url, session=2)
    assert "2 keys: written since" in (await handler.verify(plan, result)).text
    fill(redis_url, session=40)
    assert (await handler.verify(plan, result)).holds is False


async def test_flushing_more_keys_than_the_cap_needs_the_next_tier(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=30)
    plan = await handlers_for(redis_url, limits=Limits(keys=29))["redis.flush"].plan(FLUSH)
    assert plan.tier is Tier.T4
    assert "30 keys are over the cap of 29" in plan.warnings[0]


async def test_a_server_that_is_gone_fails_the_run_without_an_effect(
    start_redis: Callable[..., RedisServer], handlers_for: Handlers
) -> None:
    server = start_redis()
    fill(server.url, session=3)
    handler = handlers_for(server.url)["redis.flush"]
    plan = await handler.plan(FLUSH)
    server.kill()
    with pytest.raises(Unreachable) as caught:
        await handler.run(plan, control())
    assert not caught.value.effect_possible


async def test_the_command_to_paste_is_quoted_for_the_shell(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=3)
    plan: Plan = await handlers_for(redis_url)["redis.delete"].plan(delete("sess* '$(id);x"))
    line = plan.equivalent[0]
    assert "--scan --pattern" in line
    assert shlex.split(line.split(" | ")[0])[-2:] == ["--pattern", "sess* '$(id);x"]
    assert "| xargs -r -d '\\n' -n 500 redis-cli " in line
    assert line.endswith(" unlink")


async def test_nothing_in_the_plan_depends_on_when_it_was_made(redis_url: str, handlers_for: Handlers) -> None:
    fill(redis_url, session=3, cart=9)
    handler = handlers_for(redis_url)["redis.delete"]
    plan = await handler.plan(delete("session:*"))
    again = await handler.plan(plan.request)
    assert plan.digest == again.digest
    assert replace(plan, count=99, objects=("other",)).digest == plan.digest
    assert replace(plan, moving=False).digest != replace(plan, moving=False, count=99).digest
