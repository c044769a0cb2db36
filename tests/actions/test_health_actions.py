"""health.call as a handler over a real HTTP service that can be switched."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import pytest

from cockpit.actions import health
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.http.action import HttpActionClient
from cockpit.clock import Clock, ManualClock, SystemClock
from cockpit.errors import Refused, TimedOut
from cockpit.model.action import ActionRequest, Grant, Outcome, Tier
from cockpit.profile.schema import HttpAction, Limits

CONTROL = RunControl(lambda done, total, note: None, lambda: False)


class Shop:
    """PUT /mode/on and /mode/off; GET /mode says which."""

    def __init__(self) -> None:
        self.port = 0
        self.maintenance = False
        self.switched = 0
        self.status = 200
        self.silent = False
        self.lagging = 0  # answers of GET /mode that still say what was before
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            if method == "PUT":
                self.switched += 1
                self.maintenance = path.endswith("/on")
                if self.silent:
                    await asyncio.Event().wait()
                body, status = "switched", self.status
            else:
                was = self.maintenance if not self.lagging else not self.maintenance
                self.lagging = max(0, self.lagging - 1)
                body, status = json.dumps({"maintenance": "on" if was else "off"}), 200
            answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
            writer.write(answer.encode())
            await writer.drain()
        writer.close()

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    made = Shop()
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await made.stop()
    await server.wait_closed()


def handler_for(shop: Shop, clock: Clock | None = None, **options: object) -> ActionHandler:
    def declare(name: str, undo: str) -> HttpActionClient:
        facts: dict[str, object] = {
            "name": f"maintenance-{name}",
            "title": f"Maintenance mode {name}",
            "url": shop.url(f"/mode/{name}"),
            "method": "PUT",
            "verify_url": shop.url("/mode"),
            "verify_path": "maintenance",
            "verify_equals": name,
            "undo": f"maintenance-{undo}",
            "timeout": 0.5,
            **options,
        }
        return HttpActionClient(HttpAction.model_validate(facts), clock or SystemClock())

    clients = [declare("on", "off"), declare("off", "on")]
    [made] = health.handlers("health/api", clients, Scene("shop", "staging"), Limits(), clock or SystemClock())
    return made


def call(name: str) -> ActionRequest:
    return ActionRequest("health.call", "health/api", {"name": name})


async def test_the_plan_shows_the_request_and_what_changes(shop: Shop) -> None:
    handler = handler_for(shop)
    assert handler.unavailable() == ""
    assert [choice.value for choice in await handler.choices("name")] == ["maintenance-on", "maintenance-off"]
    plan = await handler.plan(call("maintenance-on"))
    assert (plan.title, plan.tier, plan.refusals, plan.warnings) == ("Maintenance mode on", Tier.T2, (), ())
    [change] = plan.changes
    assert (change.what, change.before, change.after) == ("maintenance", "off", "on")
    assert plan.operation[0] == f"PUT {shop.url('/mode/on')}"
    assert plan.equivalent[0].startswith("curl -sS -X PUT")
    assert plan.undo.request == call("maintenance-off")
    assert plan.permission.grant is Grant.UNKNOWN
    assert plan.affected == "all users of the system"
    assert (await handler.plan(plan.request)).digest == plan.digest
    assert shop.switched == 0


async def test_switching_seeing_it_and_switching_back(shop: Shop) -> None:
    handler = handler_for(shop)
    plan = await handler.plan(call("maintenance-on"))
    result = await handler.run(plan, CONTROL)
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, "HTTP 200: switched")
    assert shop.maintenance
    found = await handler.verify(plan, result)
    assert (found.holds, found.text) == (True, "maintenance is on")
    assert plan.undo.request is not None
    back = await handler.plan(plan.undo.request)
    await handler.run(back, CONTROL)
    assert not shop.maintenance
    assert shop.switched == 2


async def test_a_switch_that_takes_a_moment_is_waited_for(shop: Shop) -> None:
    handler = handler_for(shop)
    plan = await handler.plan(call("maintenance-on"))
    result = await handler.run(plan, CONTROL)
    shop.lagging = 1
    assert (await handler.verify(plan, result)).holds is True


async def test_a_switch_that_did_not_happen_is_seen(shop: Shop) -> None:
    clock = ManualClock()
    handler = handler_for(shop, clock)
    plan = await handler.plan(call("maintenance-on"))
    result = await handler.run(plan, CONTROL)
    shop.maintenance = False
    looking = asyncio.create_task(handler.verify(plan, result))
    while not looking.done():
        await clock.advance(1)
        await asyncio.sleep(0)
    found = looking.result()
    assert (found.holds, found.text) == (False, "maintenance is off, not on")


async def test_what_is_so_already_is_a_warning_and_a_state_that_changed_is_another_plan(shop: Shop) -> None:
    handler = handler_for(shop)
    before = await handler.plan(call("maintenance-on"))
    shop.maintenance = True
    again = await handler.plan(call("maintenance-on"))
    assert again.warnings == ("it is on already",)
    assert again.digest != before.digest


@pytest.mark.parametrize(
    ("status", "outcome", "words"),
    [
        (403, Outcome.FAILED, "expected 200"),
        (302, Outcome.FAILED, "not followed"),
        (502, Outcome.UNKNOWN, "may have happened"),
        (204, Outcome.SUCCEEDED, "HTTP 204"),
    ],
)
async def test_each_answer_has_its_outcome(shop: Shop, status: int, outcome: Outcome, words: str) -> None:
    shop.status = status
    handler = handler_for(shop)
    result = await handler.run(await handler.plan(call("maintenance-on")), CONTROL)
    assert result.outcome is outcome
    assert words in result.summary
    assert shop.switched == 1


async def test_no_answer_in_time_is_an_effect_that_is_possible_and_never_sent_again(shop: Shop) -> None:
    handler = handler_for(shop)
    plan = await handler.plan(call("maintenance-on"))
    shop.silent = True
    with pytest.raises(TimedOut) as caught:
        await handler.run(plan, CONTROL)
    assert caught.value.effect_possible
    assert (shop.switched, shop.maintenance) == (1, True)


async def test_the_tier_is_the_declared_one(shop: Shop) -> None:
    assert (await handler_for(shop, tier="T3").plan(call("maintenance-on"))).tier is Tier.T3
    assert (await handler_for(shop, tier="T4").plan(call("maintenance-on"))).tier is Tier.T4


async def test_a_missing_secret_is_a_refusal_in_the_plan(shop: Shop) -> None:
    plan = await handler_for(shop, bearer="env:NOT_SET_ANYWHERE", verify_url=None).plan(call("maintenance-on"))
    assert [refusal.step for refusal in plan.refusals] == ["permission"]
    assert "NOT_SET_ANYWHERE" in plan.refusals[0].reason


async def test_without_a_way_to_look_the_plan_and_the_verification_say_so(shop: Shop) -> None:
    handler = handler_for(shop, verify_url=None, undo=None)
    plan = await handler.plan(call("maintenance-on"))
    assert "cannot be read back" in plan.warnings[0]
    assert plan.undo.request is None
    result = await handler.run(plan, CONTROL)
    assert (await handler.verify(plan, result)).holds is None


async def test_a_state_that_cannot_be_read_is_a_warning_and_no_obstacle(shop: Shop) -> None:
    plan = await handler_for(shop, verify_url="http://127.0.0.1:1/mode").plan(call("maintenance-on"))
    assert plan.changes[0].before == "not readable"
    assert "connection refused" in plan.warnings[0]
    assert plan.refusals == ()


async def test_a_name_that_is_not_declared_is_refused(shop: Shop) -> None:
    with pytest.raises(Refused, match="declares no http_action 'rate-limit'") as caught:
        await handler_for(shop).plan(call("rate-limit"))
    assert "maintenance-on" in caught.value.hint


def test_without_declared_actions_it_says_why_it_is_not_there() -> None:
    make: Callable[..., list[ActionHandler]] = health.handlers
    [handler] = make("health/api", [], Scene("shop", "staging"), Limits(), ManualClock())
    assert "http_action" in handler.unavailable()
