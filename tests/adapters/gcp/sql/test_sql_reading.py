"""A Cloud SQL instance as it is read: all of it, judged, and honest where a part could not be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp.sql import CloudSqlInstance
from cockpit.errors import CockpitError, Malformed, NotFound, PermissionDenied, RateLimited, TimedOut, Unreachable
from cockpit.model.cloudsql import CloudSqlStatus
from cockpit.model.severity import Severity
from cockpit.profile.google import CloudSqlSource
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.sql_state import CloudSql
from cockpit.sandbox.http import Request, Response

Says = Callable[..., Response]


async def test_all_of_it_is_read(instance: CloudSqlInstance, front: Any) -> None:
    found = await instance.probe()
    assert (found.severity, found.summary) == (Severity.OK, "running in europe-west1-b, HA")
    status = found.payload
    assert isinstance(status, CloudSqlStatus)
    assert (status.instance, status.state, status.activation, status.tier) == (
        "shop-db",
        "RUNNABLE",
        "ALWAYS",
        "db-custom-2-8192",
    )
    assert (status.zone, status.secondary_zone, status.replicas) == (
        "europe-west1-b",
        "europe-west1-c",
        ("shop-db-replica",),
    )
    assert (status.disk_gb, status.disk_autoresize, status.maintenance_window) == (50, True, "Sunday 03:00 UTC")
    assert status.databases == ("postgres", "shop") and status.addresses == ("10.1.2.3 (private)",)
    assert [each.status for each in status.backups] == ["SUCCESSFUL", "SUCCESSFUL"]
    assert status.backups[0].started > status.backups[1].started  # type: ignore[operator]
    assert all(
        request.path.startswith("/v1/projects/demo-shop/") for request in front.requests if "v1" in request.path
    )


async def test_a_second_poll_asks_only_for_what_can_have_changed(instance: CloudSqlInstance, front: Any) -> None:
    await instance.probe()
    front.requests.clear()
    await instance.probe()
    assert [request.path.rpartition("/")[2] for request in front.requests] == ["shop-db", "operations"]


async def test_a_new_operation_is_a_reason_to_read_the_backups_again(
    instance: CloudSqlInstance, front: Any, sql: CloudSql
) -> None:
    await instance.probe()
    sql.seed_backup("shop-db", datetime.now(UTC), kind="ON_DEMAND")
    sql.seed_operation("shop-db", "BACKUP_VOLUME", datetime.now(UTC))
    found = await instance.probe()
    assert isinstance(found.payload, CloudSqlStatus) and found.payload.backups[0].kind == "ON_DEMAND"


async def test_runnable_is_not_running(instance: CloudSqlInstance, sql: CloudSql) -> None:
    await instance.probe()
    sql.instances["shop-db"].activation = "NEVER"
    found = await instance.probe()
    assert (found.severity, found.summary) == (Severity.CRIT, "stopped by its owner")
    assert isinstance(found.payload, CloudSqlStatus) and not found.payload.running
    assert found.payload.databases == ("postgres", "shop"), "what was known before"


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ("FAILED", Severity.CRIT),
        ("SUSPENDED", Severity.CRIT),
        ("MAINTENANCE", Severity.WARN),
        ("SQL_INSTANCE_STATE_UNSPECIFIED", Severity.UNKNOWN),
    ],
)
async def test_states_are_judged(instance: CloudSqlInstance, sql: CloudSql, state: str, severity: Severity) -> None:
    sql.instances["shop-db"].state = state
    sql.instances["shop-db"].suspended = ("BILLING_ISSUE",) if state == "SUSPENDED" else ()
    found = await instance.probe()
    assert found.severity is severity and state in found.summary
    assert ("BILLING_ISSUE" in found.summary) is (state == "SUSPENDED")


@pytest.mark.parametrize(("hours", "severity"), [(23, Severity.WARN), (25, Severity.OK), (-1, Severity.OK)])
async def test_maintenance_within_a_day_is_a_warning(
    instance: CloudSqlInstance, sql: CloudSql, hours: int, severity: Severity
) -> None:
    sql.instances["shop-db"].maintenance_at = datetime.now(UTC) + timedelta(hours=hours)
    found = await instance.probe()
    assert found.severity is severity and ("maintenance at" in found.summary) is (severity is Severity.WARN)


async def test_an_old_last_good_backup_is_a_warning_only_where_backups_are_on(
    instance: CloudSqlInstance, sql: CloudSql
) -> None:
    now = datetime.now(UTC)
    sql.instances["shop-db"].backups.clear()
    sql.seed_backup("shop-db", now - timedelta(hours=27))
    sql.seed_backup("shop-db", now - timedelta(hours=1), status="FAILED")
    found = await instance.probe()
    assert found.severity is Severity.WARN and "last good backup" in found.summary
    assert isinstance(found.payload, CloudSqlStatus) and found.payload.backup_late == found.summary
    sql.instances["shop-db"].backups.clear()
    sql.seed_operation("shop-db", "UPDATE", now)
    assert (await instance.probe()).summary == "no good backup"
    sql.instances["shop-db"].backups_enabled = False
    assert (await instance.probe()).severity is Severity.OK


async def test_an_operation_that_failed_lately_is_a_warning(instance: CloudSqlInstance, sql: CloudSql) -> None:
    now = datetime.now(UTC)
    sql.seed_operation("shop-db", "EXPORT", now - timedelta(hours=2), ("ERROR", "bucket is gone"))
    assert (await instance.probe()).severity is Severity.OK
    sql.seed_operation("shop-db", "IMPORT", now - timedelta(minutes=5), ("ERROR", "bucket is gone"))
    found = await instance.probe()
    assert (found.severity, found.summary) == (Severity.WARN, "IMPORT failed")
    assert isinstance(found.payload, CloudSqlStatus)
    assert found.payload.operations[0].error == "ERROR: bucket is gone"


async def test_an_operation_under_way_is_said_and_is_no_fault(instance: CloudSqlInstance, sql: CloudSql) -> None:
    sql.endless = True
    sql.begin(sql.instances["shop-db"], "UPDATE", "bob@shop.example", lambda: None)
    found = await instance.probe()
    assert (found.severity, found.summary) == (Severity.OK, "running in europe-west1-b, HA, UPDATE under way")
    assert isinstance(found.payload, CloudSqlStatus) and found.payload.underway is not None
    assert found.payload.underway.user == "bob@shop.example"


async def test_a_replica_has_no_backups_and_none_is_missed(replica: CloudSqlInstance, front: Any) -> None:
    found = await replica.probe()
    assert (found.severity, found.summary) == (Severity.OK, "running, replica of shop-db")
    assert front.sent("GET", "backupRuns") == []


@pytest.mark.parametrize("part", ["backupRuns", "/databases"])
async def test_a_poll_that_was_given_up_half_way_leaves_nothing_taken_for_read(
    instance: CloudSqlInstance, front: Any, part: str
) -> None:
    await front.given_up(part, instance.probe())
    found = await instance.probe()
    assert (found.severity, found.summary) == (Severity.OK, "running in europe-west1-b, HA"), "not: no good backup"
    assert isinstance(found.payload, CloudSqlStatus)
    assert len(found.payload.backups) == 2 and found.payload.databases == ("postgres", "shop")


async def test_what_may_not_be_listed_is_a_note(instance: CloudSqlInstance, plane: ControlPlane) -> None:
    plane.permissions.revoke("cloudsql.backupRuns.list")
    plane.permissions.revoke("cloudsql.databases.list")
    found = await instance.probe()
    assert found.severity is Severity.OK
    assert isinstance(found.payload, CloudSqlStatus)
    assert [note.partition(":")[0] for note in found.payload.notes] == ["backups not read", "databases not read"]
    plane.permissions.restore("cloudsql.backupRuns.list")
    plane.permissions.restore("cloudsql.databases.list")
    again = (await instance.probe()).payload
    assert isinstance(again, CloudSqlStatus) and again.notes == () and again.databases and again.backups


async def test_text_of_others_is_cleaned(instance: CloudSqlInstance, sql: CloudSql) -> None:
    sql.seed_operation("shop-db", "IMPORT", datetime.now(UTC), ("ERROR", "gone\x1b[2J\u202e evil\n[/red]"))
    found = await instance.probe()
    assert isinstance(found.payload, CloudSqlStatus)
    error = found.payload.operations[0].error
    assert "\x1b" not in error and "\u202e" not in error and "\n" not in error


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(500, b"{}"), Unreachable),
        (Response(200, b'{"name": "shop-d'), Malformed),
        (Response(200, b'{"name": "shop-db"}'), Malformed),
        (Response(429, b"{}", (("retry-after", "30"),)), RateLimited),
        (Response(404, b"{}"), NotFound),
    ],
)
async def test_every_way_to_fail_has_its_error(
    instance: CloudSqlInstance, front: Any, answer: Response, error: type[CockpitError]
) -> None:
    front.fail("GET", "/instances/shop-db", answer)
    with pytest.raises(error):
        await instance.probe()


async def test_a_server_that_hangs_ends_at_the_deadline(front: Any, clock: Any, sql: CloudSql) -> None:
    async def hang(request: Request) -> Response | None:
        await asyncio.Event().wait()
        return None

    source = CloudSqlSource(name="db", project="demo-shop", instance="shop-db", endpoint=front.url, timeout=0.2)
    adapter = CloudSqlInstance(source, clock)
    await adapter._api.token()
    front.faults.append(hang)
    with pytest.raises(TimedOut):
        await adapter.probe()
    await adapter.close()


async def test_a_token_that_expires_between_polls_is_renewed_once(
    instance: CloudSqlInstance, plane: ControlPlane, front: Any
) -> None:
    await instance.probe()
    plane.tokens.expire_all()
    issued = plane.tokens.issued
    assert (await instance.probe()).severity is Severity.OK
    assert plane.tokens.issued == issued + 1


async def test_a_refusal_that_names_nothing_names_the_permission_and_the_role(
    instance: CloudSqlInstance, front: Any, says: Says
) -> None:
    front.fail(
        "GET", "/instances/shop-db", says(403, "The client is not authorized to make this request.", "notAuthorized")
    )
    with pytest.raises(PermissionDenied) as caught:
        await instance.probe()
    assert caught.value.missing == "cloudsql.instances.get" and "roles/cloudsql.viewer" in caught.value.hint


async def test_doctor_says_what_is_there_and_what_is_missing(instance: CloudSqlInstance, plane: ControlPlane) -> None:
    assert [each.ok for each in await instance.diagnose()] == [True, True, True, True]
    plane.permissions.revoke("cloudsql.instances.failover")
    plane.permissions.revoke("cloudsql.backupRuns.list")
    found = {each.check: each for each in await instance.diagnose()}
    assert found["cloudsql.backupRuns.list"].ok is None
    assert "roles/cloudsql.editor" in found["cloudsql.instances.failover"].fix
    plane.permissions.revoke("cloudsql.instances.get")
    last = (await instance.diagnose())[-1]
    assert last.ok is False and "--role=roles/cloudsql.viewer" in last.fix


async def test_the_instances_of_the_project_are_listed(instance: CloudSqlInstance, sql: CloudSql) -> None:
    sql.instances["shop-db-replica"].activation = "NEVER"
    found = {each.name: each for each in await instance.instances()}
    assert found["shop-db"].running and not found["shop-db-replica"].running
    assert found["shop-db-replica"].primary == "shop-db"
