"""What only observes (T0) asks for a yes and nothing more; what no reading decided does not wait for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cockpit.actions import guards
from cockpit.actions.effect import Symptom
from cockpit.actions.guards import Confirmation
from cockpit.model.action import ActionRequest, Outcome, Plan, Tier
from cockpit.model.severity import Freshness, Severity

Rig = Any  # the fixture's class lives in conftest.py, which tests do not import
ON = ActionRequest("switch.set", "database/main", {"to": "on"})


async def plan_of(rig: Rig, **changes: Any) -> Plan:
    plan: Plan = await rig.switch.plan(ON)
    return replace(plan, **changes)


def situation(**changes: Any) -> guards.Situation:
    return replace(guards.Situation(False, False, Freshness.FRESH, "", 0.0, ""), **changes)


@pytest.mark.parametrize("read_only", [False, True])
async def test_observing_needs_no_arming_and_is_no_breach_of_read_only(rig: Rig, read_only: bool) -> None:
    plan = await plan_of(rig, tier=Tier.T0)
    assert guards.refusals(plan, situation(read_only=read_only)) == ()
    assert guards.requirement(plan, "production", 30.0).phrase == "y"


@pytest.mark.parametrize("tier", [Tier.T1, Tier.T2, Tier.T3, Tier.T4])
async def test_everything_above_needs_both(rig: Rig, tier: Tier) -> None:
    plan = await plan_of(rig, tier=tier)
    assert [refusal.step for refusal in guards.refusals(plan, situation())] == ["mode"]
    (refusal,) = guards.refusals(plan, situation(armed=True, read_only=True))
    assert "read-only" in refusal.reason


@pytest.mark.parametrize("freshness", [Freshness.WAITING, Freshness.STALE, Freshness.FAILED])
async def test_only_what_rests_on_a_reading_asks_how_fresh_it_is(rig: Rig, freshness: Freshness) -> None:
    now = situation(armed=True, freshness=freshness, stale_because="old")
    assert [refusal.step for refusal in guards.refusals(await plan_of(rig), now)] == ["freshness"]
    assert [refusal.step for refusal in guards.refusals(await plan_of(rig, tier=Tier.T0), now)] == ["freshness"]
    assert guards.refusals(await plan_of(rig, rests_on_reading=False), now) == ()


async def test_observing_is_still_asked_for_locked_and_as_old_as_any_other(rig: Rig) -> None:
    plan = await plan_of(rig, tier=Tier.T0)
    found = guards.refusals(plan, situation(locked_by="bob", plan_age_s=500.0))
    assert [refusal.step for refusal in found] == ["lock", "confirm"]
    needed = guards.requirement(plan, "production", 30.0)
    assert guards.confirmation_refusals(needed, Confirmation(""), 0.0)[0].step == "confirm"


@pytest.mark.parametrize("read_only", [False, True])
async def test_the_executor_runs_it_in_observe_with_intent_and_outcome_on_disk(
    make_rig: Callable[..., Rig], read_only: bool
) -> None:
    rig = make_rig(tier=Tier.T0, read_only=read_only)
    rig.symptoms["health/api"] = Symptom("health/api", "slow", Severity.CRIT, 0.0)
    planned = await rig.executor.plan(ON)
    assert not planned.needs_arming and not planned.refusals
    refused = await rig.executor.execute(planned, Confirmation(""))
    assert refused.outcome is Outcome.REFUSED and rig.switch.runs == 0
    record = await rig.executor.execute(planned, Confirmation("y"))
    await rig.executor.close()
    assert record.outcome is Outcome.SUCCEEDED and rig.switch.runs == 1
    assert rig.events() == ["refused", "intent", "outcome"]
    assert rig.executor.undo_offer is None and rig.executor.effect is None, "nothing was done: no undo, no watch"


async def test_a_plan_may_hold_less_than_its_source(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, held = rig.switch.plan, list[str]()
    take = rig.executor._at.locks.take

    async def narrow(request: ActionRequest) -> Plan:
        return replace(await plan(request), lock="database/main one row")

    def taken(name: str, holder: Any) -> Any:
        held.append(name)
        return take(name, holder)

    monkeypatch.setattr(rig.switch, "plan", narrow)
    monkeypatch.setattr(rig.executor._at.locks, "take", taken)
    await rig.executor.arm("incident 7")
    record = await rig.executor.execute(await rig.executor.plan(ON), Confirmation("y"))
    await rig.executor.close()
    assert record.outcome is Outcome.SUCCEEDED
    assert held == ["shop/production/database/main one row"]


async def test_everybody_hears_of_a_refusal_and_of_whose_run_it_is(rig: Rig) -> None:
    heard: list[tuple[int, tuple[ActionRequest | None, ...]]] = []
    rig.executor.subscribe(
        lambda: heard.append((len(rig.executor.records), tuple(run.request for run in rig.executor.running)))
    )
    planned = await rig.executor.plan(ON)
    await rig.executor.execute(planned, Confirmation("y"))
    assert heard[-1] == (1, ()), "the refusal is a record that subscribers see"
    await rig.executor.arm("incident 7")
    await rig.executor.execute(await rig.executor.plan(ON), Confirmation("y"))
    await rig.executor.close()
    assert any(requests and requests[0] == planned.plan.request for _, requests in heard)
