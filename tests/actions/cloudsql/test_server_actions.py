"""Restart, failover, promotion and another machine: effect, refusals, what changed in between, and the way back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cockpit.model.action import Change, Grant, Outcome, Tier
from cockpit.sandbox.gcp.sql_state import Instance

REPLICA = "cloudsql/replica"


async def test_a_restart_says_whom_it_cuts_does_it_once_and_looks(rig: Any) -> None:
    plan = await rig.plan("cloudsql.restart")
    assert plan.tier is Tier.T3 and plan.permission.grant is Grant.GRANTED
    assert plan.target == "shop-db on Cloud SQL demo-shop/europe-west1"
    assert plan.changes == (Change("sessions", "as they are", "all cut; clients must connect again"),)
    assert plan.operation[0].startswith("POST http://127.0.0.1:") and plan.operation[0].endswith("/shop-db/restart")
    assert plan.equivalent == ("gcloud sql instances restart shop-db --project=demo-shop",)
    assert plan.undo.request is None and plan.undo.text.startswith("cannot be undone")
    result = await rig.run(plan)
    assert (result.outcome, rig.main.restarts) == (Outcome.SUCCEEDED, 1)
    assert len(rig.sent("/restart")) == 1
    (operation,) = rig.sql.operations.values()
    assert result.details == (f"operation {operation.id}",)
    assert any(f"operation {operation.id} (RESTART): " in note for note in rig.told)
    found = await rig.verify(plan, result)
    assert found.holds is True and "shop-db is running" in found.text


async def test_planned_twice_it_is_the_same_plan(rig: Any) -> None:
    for action, params in (
        ("cloudsql.restart", {}),
        ("cloudsql.failover", {}),
        ("cloudsql.backup", {"description": "x"}),
        ("cloudsql.tier", {"tier": "db-custom-4-16384"}),
        ("cloudsql.export", {"database": "shop"}),
        ("cloudsql.import", {"database": "shop", "uri": "a.sql"}),
    ):
        plan = await rig.plan(action, **params)
        assert (await rig.again(plan)).digest == plan.digest, action


async def test_a_failover_moves_it_to_the_other_zone_and_back(rig: Any) -> None:
    plan = await rig.plan("cloudsql.failover")
    assert plan.tier is Tier.T3
    assert plan.changes[0] == Change("serves from", "europe-west1-b", "europe-west1-c")
    assert '"settingsVersion": "7"' in "\n".join(plan.operation)
    result = await rig.run(plan)
    assert (rig.main.zone, rig.main.secondary) == ("europe-west1-c", "europe-west1-b")
    found = await rig.verify(plan, result)
    assert found.holds is True and "serves from europe-west1-c, before from europe-west1-b" in found.text
    back = await rig.again(replace(plan, request=plan.undo.request))
    await rig.run(back)
    assert rig.main.zone == "europe-west1-b"


async def test_a_replica_is_not_failed_over_but_promoted(rig: Any) -> None:
    plan = await rig.plan("cloudsql.failover", REPLICA)
    assert "shop-db-replica is a read replica of shop-db" in rig.reasons(plan)
    assert "cloudsql.promote" in rig.reasons(plan) and plan.operation == ()
    promote = await rig.plan("cloudsql.promote", REPLICA)
    assert promote.tier is Tier.T4 and promote.undo.request is None
    assert "replica_lag" in "".join(promote.warnings) and "both take writes" in "".join(promote.warnings)
    result = await rig.run(promote)
    assert rig.sql.instances["shop-db-replica"].primary == ""
    assert (await rig.verify(promote, result)).holds is True


async def test_what_is_no_replica_is_not_promoted_and_without_a_standby_nothing_fails_over(rig: Any) -> None:
    assert "no read replica" in rig.reasons(await rig.plan("cloudsql.promote"))
    rig.main.availability = "ZONAL"
    plan = await rig.plan("cloudsql.failover")
    assert "no standby (availabilityType ZONAL)" in rig.reasons(plan)


async def test_a_failover_that_changed_nothing_does_not_hold(rig: Any) -> None:
    plan = await rig.plan("cloudsql.failover")
    result = await rig.run(plan)
    rig.main.zone = "europe-west1-b"
    assert (await rig.verify(plan, result)).holds is False


async def test_another_machine_says_that_it_restarts_and_goes_back(rig: Any) -> None:
    plan = await rig.plan("cloudsql.tier", tier="db-custom-1-3840")
    assert plan.tier is Tier.T3
    before, after = "db-custom-2-8192 (2 vCPU, 8 GB)", "db-custom-1-3840 (1 vCPU, 3.75 GB)"
    assert plan.changes[0] == Change("machine type", before, after)
    assert "it restarts for this" in plan.warnings[0] and "smaller" in plan.warnings[1]
    result = await rig.run(plan)
    assert (rig.main.tier, rig.main.restarts) == ("db-custom-1-3840", 1)
    assert (await rig.verify(plan, result)).holds is True
    assert dict(plan.undo.request.params) == {"tier": "db-custom-2-8192", "expect": "db-custom-1-3840"}
    await rig.run(await rig.again(replace(plan, request=plan.undo.request)))
    assert rig.main.tier == "db-custom-2-8192"


async def test_a_machine_that_it_is_or_was_not_or_that_is_none_is_refused(rig: Any) -> None:
    assert "already db-custom-2-8192" in rig.reasons(await rig.plan("cloudsql.tier", tier="db-custom-2-8192"))
    unexpected = await rig.plan("cloudsql.tier", tier="db-custom-4-16384", expect="db-custom-8-32768")
    assert "changed since" in rig.reasons(unexpected)
    assert "no machine type" in rig.reasons(await rig.plan("cloudsql.tier", tier="huge --delete"))


async def test_a_stopped_instance_is_not_restarted_but_may_get_another_machine(rig: Any) -> None:
    rig.main.activation = "NEVER"
    plan = await rig.plan("cloudsql.restart")
    assert "stopped by its owner (activationPolicy NEVER)" in rig.reasons(plan)
    assert "cloudsql.start" in rig.reasons(plan)
    assert "stopped" in (await rig.plan("cloudsql.tier", tier="db-custom-4-16384")).warnings[0]


async def test_a_stopped_instance_is_started_and_a_running_one_is_not(rig: Any) -> None:
    assert "not stopped (activationPolicy ALWAYS)" in rig.reasons(await rig.plan("cloudsql.start"))
    rig.main.activation = "NEVER"
    plan = await rig.plan("cloudsql.start")
    assert plan.tier is Tier.T2 and plan.changes == (Change("activationPolicy", "NEVER", "ALWAYS"),)
    result = await rig.run(plan)
    assert rig.main.activation == "ALWAYS" and (await rig.verify(plan, result)).holds is True


@pytest.mark.parametrize("state", ["SUSPENDED", "MAINTENANCE", "FAILED"])
async def test_what_is_not_runnable_is_left_alone(rig: Any, state: str) -> None:
    rig.main.state = state
    for action in ("cloudsql.restart", "cloudsql.failover", "cloudsql.backup"):
        assert f"shop-db is {state}" in rig.reasons(await rig.plan(action))


async def test_a_second_operation_is_refused_and_the_first_is_named(rig: Any) -> None:
    rig.sql.endless = True
    first = rig.sql.begin(rig.main, "EXPORT", "bob@shop.example", lambda: None)
    plan = await rig.plan("cloudsql.restart")
    reason = rig.reasons(plan)
    assert f"operation {first.id} (EXPORT by bob@shop.example) is under way since" in reason
    assert f"gcloud sql operations wait {first.id} --project=demo-shop" in reason


async def test_a_row_of_another_instance_or_of_other_settings_is_refused(rig: Any) -> None:
    created = rig.main.created.isoformat()
    assert not (await rig.plan("cloudsql.restart", created=created, settings="7")).refusals
    assert "changed since" in rig.reasons(await rig.plan("cloudsql.restart", settings="6"))
    made_again = await rig.plan("cloudsql.restart", created="2025-01-01T00:00:00+00:00")
    assert "deleted and created again" in rig.reasons(made_again)


@pytest.mark.parametrize("action", ["cloudsql.restart", "cloudsql.failover", "cloudsql.tier"])
async def test_a_missing_permission_is_named_with_its_role(rig: Any, action: str) -> None:
    needed = rig.handlers[action, "cloudsql/main"].NEEDS[0]
    rig.plane.permissions.revoke(needed)
    plan = await rig.plan(action, **({"tier": "db-custom-4-16384"} if action == "cloudsql.tier" else {}))
    assert (plan.permission.grant, plan.permission.needs) == (Grant.DENIED, needed)
    assert "roles/cloudsql.editor" in plan.permission.how


async def test_deleted_and_created_again_between_plan_and_act_is_another_plan(rig: Any) -> None:
    plan = await rig.plan("cloudsql.restart")
    kept = rig.main
    rig.sql.instances["shop-db"] = Instance(
        "shop-db", kept.region, kept.created.replace(year=2027), zone=kept.zone, secondary=kept.secondary
    )
    assert (await rig.again(plan)).digest != plan.digest
    rig.sql.instances["shop-db"] = kept
    assert (await rig.again(plan)).digest == plan.digest
    kept.settings_version = 8
    assert (await rig.again(plan)).digest != plan.digest
