"""Blocking an address: what is refused, what is only offered, what runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cockpit.actions import logs
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.capabilities import CommandResult
from cockpit.adapters.files.command import CommandRunner
from cockpit.clock import ManualClock
from cockpit.errors import Refused, TimedOut
from cockpit.model.action import ActionRequest, Outcome, Tier
from cockpit.profile.schema import BlockAction, Limits

SOURCE = "logs/app"
CONTROL = RunControl(lambda *_: None, lambda: False)


def offered(run: bool = True, **fields: Any) -> dict[str, ActionHandler]:
    settings = {"command": ("printf", "block %s", "{ip}"), "undo": ("printf", "lift %s", "{ip}"), "run": run}
    block = BlockAction(**{**settings, **fields})
    made = logs.handlers(SOURCE, block, Scene("shop", "demo"), Limits(), ManualClock())
    return {handler.spec.id: handler for handler in made}


def request(ip: str, action: str = "logs.block") -> ActionRequest:
    return ActionRequest(action, SOURCE, {"ip": ip})


async def test_the_command_runs_with_the_address_and_can_be_taken_back() -> None:
    handlers = offered()
    block = handlers["logs.block"]
    plan = await block.plan(request("203.0.113.7"))
    assert (plan.tier, plan.refusals, plan.operation) == (Tier.T3, (), ("printf 'block %s' 203.0.113.7",))
    assert plan.equivalent == plan.operation
    result = await block.run(plan, CONTROL)
    assert (result.outcome, result.details) == (Outcome.SUCCEEDED, ("block 203.0.113.7",))
    assert (await block.verify(plan, result)).holds is None
    assert plan.undo.request == request("203.0.113.7", "logs.unblock")
    lift = await handlers["logs.unblock"].plan(request("203.0.113.7", "logs.unblock"))
    assert lift.refusals == ()
    assert (await handlers["logs.unblock"].run(lift, CONTROL)).details == ("lift 203.0.113.7",)
    assert (await block.plan(request("203.0.113.7"))).digest == plan.digest


async def test_a_profile_that_does_not_run_it_offers_the_command_to_copy() -> None:
    plan = await offered(run=False)["logs.block"].plan(request("203.0.113.7"))
    assert [refusal.reason for refusal in plan.refusals] == ["this profile only offers the command to copy"]
    assert plan.equivalent == ("printf 'block %s' 203.0.113.7",)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "::1", "0.0.0.0", "10.1.2.3", "172.20.0.1", "192.168.1.1", "fd00::1", "169.254.169.254",
        "fe80::1", "224.0.0.1", "ff02::1", "255.255.255.255", "100.64.1.1", "::ffff:10.0.0.1", "198.51.100.9",
        "2001:db8:1::5", "35.191.0.1",
    ],
)  # fmt: skip
async def test_own_ground_is_never_blocked(ip: str) -> None:
    plan = await offered(never=("198.51.100.0/24", "2001:db8:1::/48"))["logs.block"].plan(request(ip))
    assert [refusal.step for refusal in plan.refusals] == ["preconditions"]
    assert plan.refusals[0].hint == "blocking it would hit ourselves"


@pytest.mark.parametrize("ip", ["", "203.0.113.0/24", "203.0.113.1-9", "host", "1.2.3", "fe80::1%eth0", "1.2.3.4;id"])
async def test_what_is_not_one_address_is_refused(ip: str) -> None:
    with pytest.raises(Refused):
        await offered()["logs.block"].plan(request(ip))


async def test_the_address_is_filled_in_in_its_canonical_form() -> None:
    plan = await offered(command=("tool", "--range={ip}"))["logs.block"].plan(request("2001:0DB8:0::0007"))
    assert plan.operation == ("tool --range=2001:db8::7",)
    mapped = await offered(command=("tool", "{ip}"))["logs.block"].plan(request("::ffff:203.0.113.7"))
    assert mapped.operation == ("tool 203.0.113.7",)


async def test_a_failed_command_is_a_failure_with_its_last_words() -> None:
    handler = offered(command=("sh", "-c", "echo 'quota exceeded' >&2; exit 4", "{ip}"))["logs.block"]
    result = await handler.run(await handler.plan(request("203.0.113.7")), CONTROL)
    assert (result.outcome, result.summary) == (
        Outcome.FAILED,
        "the command ended with status 4: quota exceeded",
    )


async def test_a_command_that_hangs_leaves_the_outcome_open() -> None:
    class Impatient:
        async def run(self, argv: Sequence[str], deadline_s: float) -> CommandResult:
            assert deadline_s == 60.0
            return await CommandRunner().run(argv, 0.2)

    block = BlockAction(command=("sh", "-c", "sleep 60", "{ip}"), run=True)
    handler = logs.handlers(SOURCE, block, Scene("shop", "demo"), Limits(), ManualClock(), Impatient())[0]
    plan = await handler.plan(request("203.0.113.7"))
    assert plan.undo.request is None
    with pytest.raises(TimedOut) as caught:
        await handler.run(plan, CONTROL)
    assert caught.value.effect_possible


async def test_without_a_command_it_is_not_offered() -> None:
    (block, lift) = logs.handlers(SOURCE, None, Scene("shop", "demo"), Limits(), ManualClock())
    assert block.unavailable() == "the profile has no [block]"
    with pytest.raises(Refused):
        await block.plan(request("203.0.113.7"))
    assert lift.unavailable()
    assert "no undo" in offered(undo=None)["logs.unblock"].unavailable()
