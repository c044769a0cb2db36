"""The local Cloud SQL Admin API: both dialects over one state, and the behaviour that Google documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cockpit.sandbox.gcp.server import ControlPlane

DIALECTS = ("/v1", "/sql/v1beta4")
Ask = Callable[..., Any]


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    control = ControlPlane(settle_s=0.02)
    control.sql.seed("shop-db", databases=["postgres", "shop"])
    control.sql.seed("shop-db-replica", primary="shop-db", availability="ZONAL")
    control.sql.seed_backup("shop-db", datetime.now(UTC) - timedelta(hours=3))
    await control.start()
    yield control
    await control.close()


@pytest.fixture
async def ask(plane: ControlPlane) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(base_url=plane.url, trust_env=False) as client:

        async def asked(method: str, path: str, body: object = None, *, dialect: str = "/v1") -> httpx.Response:
            headers = {"Authorization": f"Bearer {plane.tokens.issue()}"}
            url = f"{dialect}/projects/demo-shop/{path}"
            return await client.request(method, url, json=body, headers=headers)

        yield asked


async def ended(ask: Ask, begun: httpx.Response) -> dict[str, Any]:
    """The operation at its end."""
    assert begun.status_code == 200, begun.text
    operation: dict[str, Any] = begun.json()
    async with asyncio.timeout(5):
        while operation["status"] != "DONE":
            await asyncio.sleep(0.005)
            operation = (await ask("GET", f"operations/{operation['name']}")).json()
    return operation


async def test_both_dialects_see_one_state(ask: Ask) -> None:
    shown = [(await ask("GET", "instances/shop-db", dialect=each)).json() for each in DIALECTS]
    assert [each.pop("selfLink").rpartition("/projects")[0] for each in shown] == [
        f"https://127.0.0.1{each}" for each in DIALECTS
    ]
    assert shown[0] == shown[1] and shown[0]["replicaNames"] == ["shop-db-replica"]
    patch = {"settings": {"tier": "db-custom-4-16384"}}
    await ended(ask, await ask("PATCH", "instances/shop-db", patch, dialect="/sql/v1beta4"))
    after = (await ask("GET", "instances/shop-db")).json()["settings"]
    assert (after["tier"], after["settingsVersion"]) == ("db-custom-4-16384", "8")


async def test_an_operation_is_pending_then_done_and_listed_newest_first(ask: Ask, plane: ControlPlane) -> None:
    plane.sql.seed_operation("shop-db", "BACKUP_VOLUME", datetime.now(UTC) - timedelta(hours=1))
    begun = await ask("POST", "instances/shop-db/restart")
    assert (begun.json()["status"], begun.json()["operationType"]) == ("PENDING", "RESTART")
    done = await ended(ask, begun)
    assert "error" not in done and done["endTime"] >= done["startTime"] >= done["insertTime"]
    listed = (await ask("GET", "operations?instance=shop-db&maxResults=1")).json()["items"]
    assert [each["name"] for each in listed] == [done["name"]]
    assert (await ask("GET", "operations?instance=shop-db-replica")).json() == {"kind": "sql#operationsList"}


async def test_one_operation_at_a_time_on_an_instance(ask: Ask) -> None:
    begun = await ask("POST", "instances/shop-db/restart")
    second = await ask("POST", "instances/shop-db/backupRuns", {"description": "x"})
    assert second.status_code == 409
    assert second.json()["error"]["errors"][0]["reason"] == "operationInProgress"
    other = await ask("POST", "instances/shop-db-replica/restart")
    assert other.status_code == 200, "another instance is another matter"
    await ended(ask, begun)
    assert (await ask("POST", "instances/shop-db/restart")).status_code == 200


async def test_a_failover_with_other_settings_is_refused(ask: Ask, plane: ControlPlane) -> None:
    context = {"failoverContext": {"kind": "sql#failoverContext", "settingsVersion": "6"}}
    assert (await ask("POST", "instances/shop-db/failover", context)).status_code == 412
    context["failoverContext"]["settingsVersion"] = "7"
    assert (await ask("POST", "instances/shop-db-replica/failover", context)).status_code == 400
    await ended(ask, await ask("POST", "instances/shop-db/failover", context))
    assert plane.sql.instances["shop-db"].zone == "europe-west1-c"


async def test_operations_fail_and_never_end_when_told_so(ask: Ask, plane: ControlPlane) -> None:
    plane.sql.fail_next = ("ERROR_RDBMS", "out of disk")
    done = await ended(ask, await ask("POST", "instances/shop-db/restart"))
    assert done["error"]["errors"][0]["message"] == "out of disk" and plane.sql.instances["shop-db"].restarts == 0
    plane.sql.endless = True
    begun = (await ask("POST", "instances/shop-db/restart")).json()
    async with asyncio.timeout(5):
        status = "PENDING"
        while status != "RUNNING":
            await asyncio.sleep(0.005)
            status = (await ask("GET", f"operations/{begun['name']}")).json()["status"]
    assert plane.sql.running("shop-db") is not None


async def test_a_stopped_instance_is_runnable_and_does_nothing(ask: Ask) -> None:
    await ended(ask, await ask("PATCH", "instances/shop-db", {"settings": {"activationPolicy": "NEVER"}}))
    shown = (await ask("GET", "instances/shop-db")).json()
    assert (shown["state"], shown["settings"]["activationPolicy"]) == ("RUNNABLE", "NEVER")
    assert (await ask("POST", "instances/shop-db/restart")).status_code == 400
    assert (await ask("GET", "instances/shop-db/databases")).status_code == 400


async def test_of_a_password_only_a_hash_is_kept_and_nothing_is_answered(ask: Ask, plane: ControlPlane) -> None:
    body = {"name": "postgres", "password": "tr0ub4dor"}
    done = await ended(ask, await ask("PUT", "instances/shop-db/users?name=postgres", body))
    user = plane.sql.instances["shop-db"].users[0]
    assert user.accepts("tr0ub4dor") and not user.accepts("tr0ub4dor ")
    listed = (await ask("GET", "instances/shop-db/users")).text
    assert "tr0ub4dor" not in f"{done}{listed}{user}{plane.logs._entries}"
    assert (await ask("PUT", "instances/shop-db/users?name=nobody", body)).status_code == 404


async def test_an_export_does_not_overwrite_and_an_import_needs_its_file(ask: Ask, plane: ControlPlane) -> None:
    export = {"exportContext": {"uri": "gs://b-b/x.sql", "databases": ["shop"], "fileType": "SQL"}}
    first = await ended(ask, await ask("POST", "instances/shop-db/export", export))
    again = await ended(ask, await ask("POST", "instances/shop-db/export", export))
    assert "error" not in first and "already exists" in again["error"]["errors"][0]["message"]
    gone = {"importContext": {"uri": "gs://b-b/none.sql", "database": "shop"}}
    assert "does not exist" in str((await ended(ask, await ask("POST", "instances/shop-db/import", gone)))["error"])
    assert (await ask("POST", "instances/shop-db/export", {"exportContext": {"uri": "x"}})).status_code == 400


async def test_a_restore_takes_what_was_then(ask: Ask, plane: ControlPlane) -> None:
    backup = plane.sql.instances["shop-db"].backups[0]
    body = {"restoreBackupContext": {"backupRunId": backup.id, "instanceId": "shop-db"}}
    assert (await ask("POST", "instances/shop-db/restoreBackup", body)).status_code == 400, "it has a replica"
    await ended(ask, await ask("POST", "instances/shop-db-replica/promoteReplica"))
    await ended(ask, await ask("POST", "instances/shop-db/restoreBackup", body))
    assert plane.sql.instances["shop-db"].content == backup.content


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "instances/none", 404),
        ("GET", "operations/none", 404),
        ("GET", "instances/shop-db/backupRuns/17", 404),
        ("POST", "instances/shop-db/explode", 404),
        ("POST", "instances/shop-db/failover", 400),
        ("DELETE", "operations/none", 400),
    ],
)
async def test_what_there_is_not_is_refused(ask: Ask, method: str, path: str, status: int) -> None:
    assert (await ask(method, path, {} if method == "POST" else None)).status_code == status


async def test_permissions_and_projects_are_checked(ask: Ask, plane: ControlPlane) -> None:
    plane.permissions.revoke("cloudsql.instances.restart")
    answer = await ask("POST", "instances/shop-db/restart")
    assert answer.status_code == 403 and "cloudsql.instances.restart" in answer.text
    async with httpx.AsyncClient(base_url=plane.url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {plane.tokens.issue()}"}
        other = await client.get("/v1/projects/elsewhere/instances", headers=headers)
    assert other.status_code == 403


async def test_who_did_it_is_in_the_admin_activity_log(ask: Ask, plane: ControlPlane) -> None:
    await ended(ask, await ask("POST", "instances/shop-db/restart"))
    found = [each for each in plane.logs._entries if "cloudsql" in str(each["protoPayload"].get("serviceName"))]
    assert [each["protoPayload"]["methodName"] for each in found] == ["cloudsql.instances.restart"] * 2
    assert [each["operation"].get("last") for each in found] == [None, True]
    assert found[0]["resource"]["labels"]["database_id"] == "demo-shop:shop-db"
