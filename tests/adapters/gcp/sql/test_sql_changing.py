"""A Cloud SQL instance as it is changed: sent once as it was shown, followed to its end, honest in doubt."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.adapters.gcp.sql import CloudSqlInstance
from cockpit.adapters.sqlinstance import Followed
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.cloudsql import SqlOperation
from cockpit.model.sqlchange import (
    BackUp,
    ChangeTier,
    Export,
    Failover,
    Import,
    InstanceChange,
    Promote,
    Restart,
    Restore,
    SetPassword,
)
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.gcp.sql_state import CloudSql
from cockpit.sandbox.http import Request, Response

Says = Callable[..., Response]
PASSWORD = "s3cr3t-Wörd-never-shown"
FILE = "gs://shop-backups/shop.sql"


async def carried(adapter: CloudSqlInstance, change: InstanceChange) -> SqlOperation:
    """Begin it and follow it to its end."""
    found = await adapter.follow(await adapter.begin(change), lambda *_: None, lambda: False)
    assert found.problem == "" and not found.operation.running
    return found.operation


CHANGES: dict[str, tuple[InstanceChange, Callable[[CloudSql], object], object]] = {
    "RESTART": (Restart(), lambda sql: sql.instances["shop-db"].restarts, 1),
    "FAILOVER": (Failover("7"), lambda sql: sql.instances["shop-db"].zone, "europe-west1-c"),
    "BACKUP_VOLUME": (BackUp("before"), lambda sql: sql.instances["shop-db"].backups[-1].description, "before"),
    "EXPORT": (Export(FILE, ("shop",)), lambda sql: sql.files.get(FILE), "now"),
    "UPDATE": (ChangeTier("db-custom-4-16384", "7"), lambda sql: sql.instances["shop-db"].tier, "db-custom-4-16384"),
}


@pytest.mark.parametrize("kind", CHANGES)
async def test_it_is_sent_once_as_it_was_shown_and_followed(
    instance: CloudSqlInstance, front: Any, sql: CloudSql, kind: str
) -> None:
    change, look, wanted = CHANGES[kind]
    shown = instance.request(change)
    done = await carried(instance, change)
    assert (done.kind, done.status, done.error) == (kind, "DONE", "")
    assert look(sql) == wanted
    (sent,) = [each for each in front.requests if each.method in ("POST", "PATCH") and each.path != "/token"
               and not each.path.endswith(":testIamPermissions")]  # fmt: skip
    content = f"\n{json.dumps(sent.json())}" if sent.body else ""  # a restart has none
    assert shown == f"{sent.method} {front.url}{sent.path}{content}"
    assert bool(sent.body) is (kind != "RESTART")


async def test_a_backup_says_which_one_it_made(instance: CloudSqlInstance, sql: CloudSql) -> None:
    assert (await carried(instance, BackUp("x"))).backup == sql.instances["shop-db"].backups[-1].id


async def test_a_backup_is_put_over_the_instance_and_a_file_into_a_database(
    instance: CloudSqlInstance, sql: CloudSql
) -> None:
    sql.instances.pop("shop-db-replica")
    first = sql.instances["shop-db"].backups[0]
    await carried(instance, Restore(first.id, "shop-db"))
    assert sql.instances["shop-db"].content == first.content
    sql.files[FILE] = "dumped"
    await carried(instance, Import(FILE, "shop"))
    assert sql.instances["shop-db"].content == "dumped"


async def test_a_replica_is_promoted(replica: CloudSqlInstance, sql: CloudSql) -> None:
    await carried(replica, Promote())
    assert sql.instances["shop-db-replica"].primary == ""


# -- following


async def test_it_looks_after_one_and_two_seconds_doubling_to_twenty_and_gives_up_after_ten_minutes(
    instance: CloudSqlInstance, front: Any, sql: CloudSql, clock: Any
) -> None:
    sql.endless = True
    begun = await instance.begin(Restart())
    front.requests.clear()
    looks: list[float] = []
    start = clock.monotonic()

    async def note(request: Request) -> Response | None:
        looks.append(clock.monotonic() - start)
        return None

    front.faults.append(note)
    told: list[str] = []
    found = await instance.follow(begun, lambda _, text: told.append(text), lambda: False)
    gaps = [round(after - before) for before, after in zip([0.0, *looks], looks, strict=False)]
    assert gaps[:6] == [1, 2, 4, 8, 16, 20] and max(gaps) == 20
    assert found.operation.running and found.operation.id == begun.id
    assert 600 <= found.seconds < 640 and "after 60" in found.problem
    assert told[0] == "PENDING for 0 s" and "RUNNING for 599 s" in told
    assert front.sent("DELETE") == [] and front.sent("POST", "cancel") == []


@pytest.mark.parametrize(
    "answers",
    [
        [Response(500, b"{}")] * 3,
        [Response(429, b"{}", (("retry-after", "7"),))],
        [Response(200, b'{"name": "')],
        [Response(401, b"{}")],
    ],
    ids=["500", "429", "truncated", "401 once"],
)
async def test_a_look_that_fails_does_not_end_it(
    instance: CloudSqlInstance, front: Any, answers: list[Response]
) -> None:
    begun = await instance.begin(Restart())
    front.fail("GET", "/operations/", *answers)
    found = await instance.follow(begun, lambda *_: None, lambda: False)
    assert (found.problem, found.operation.status) == ("", "DONE")
    assert len(front.sent("POST", "/restart")) == 1


async def test_a_look_that_may_not_be_had_ends_it_with_the_reason(
    instance: CloudSqlInstance, plane: ControlPlane
) -> None:
    begun = await instance.begin(Restart())
    plane.permissions.revoke("cloudsql.instances.get")
    found = await instance.follow(begun, lambda *_: None, lambda: False)
    assert found.operation.running and found.problem.startswith("it may not be looked at")


async def test_somebody_who_stops_it_stops_the_looking(instance: CloudSqlInstance, sql: CloudSql, clock: Any) -> None:
    sql.endless = True
    begun = await instance.begin(Restart())
    start = clock.monotonic()
    found: Followed = await instance.follow(begun, lambda *_: None, lambda: clock.monotonic() - start > 30)
    assert found.problem == "the cockpit was told to stop looking" and found.seconds < 33
    assert sql.running("shop-db") is not None, "nothing is cancelled"


async def test_an_operation_that_fails_is_done_with_an_error(instance: CloudSqlInstance, sql: CloudSql) -> None:
    sql.fail_next = ("ERROR_RDBMS", "the disk is full")
    done = await carried(instance, BackUp(""))
    assert (done.status, done.error) == ("DONE", "ERROR_RDBMS: the disk is full")


# -- refusals and doubt


async def test_another_operation_under_way_is_named(instance: CloudSqlInstance, front: Any, sql: CloudSql) -> None:
    sql.endless = True
    other = sql.begin(sql.instances["shop-db"], "EXPORT", "bob@shop.example", lambda: None)
    with pytest.raises(Conflict) as caught:
        await instance.begin(Restart())
    assert not caught.value.effect_possible
    assert f"operation {other.id} (EXPORT by bob@shop.example)" in caught.value.message
    assert f"gcloud sql operations wait {other.id}" in caught.value.hint
    assert len(front.sent("POST", "/restart")) == 1


async def test_an_older_way_to_say_so_is_understood(
    instance: CloudSqlInstance, front: Any, sql: CloudSql, says: Says
) -> None:
    busy = "Operation failed because another operation was already in progress."
    front.fail("POST", "/restart", says(403, busy, "operationInProgress"))
    sql.endless = True
    other = sql.begin(sql.instances["shop-db"], "EXPORT", "", lambda: None)
    with pytest.raises(Conflict, match=f"operation {other.id}"):
        await instance.begin(Restart())


@pytest.mark.parametrize("change", [Failover("6"), ChangeTier("db-custom-4-16384", "6")])
async def test_settings_that_changed_since_are_refused(
    instance: CloudSqlInstance, sql: CloudSql, change: InstanceChange
) -> None:
    with pytest.raises(Conflict, match="settings version"):
        await instance.begin(change)
    assert sql.instances["shop-db"].restarts == 0 and not sql.running("shop-db")


@pytest.mark.parametrize(
    ("answer", "error", "open_"),
    [
        (Response(401, b"{}"), AuthenticationFailed, False),
        (Response(404, b"{}"), NotFound, False),
        (Response(412, b"{}"), Conflict, False),
        (Response(429, b"{}", (("retry-after", "30"),)), RateLimited, False),
        (Response(500, b"{}"), Unreachable, True),
        (Response(200, b'{"name": "'), Malformed, True),
        (Response(200, b"{}"), Malformed, True),
    ],
    ids=["401", "404", "412", "429", "500", "truncated", "no name"],
)
async def test_nothing_is_sent_twice_and_doubt_says_where_to_look(
    instance: CloudSqlInstance, front: Any, answer: Response, error: type[CockpitError], open_: bool
) -> None:
    front.fail("POST", "/restart", answer, answer)
    with pytest.raises(error) as caught:
        await instance.begin(Restart())
    assert caught.value.effect_possible is open_
    assert len(front.sent("POST", "/restart")) == 1
    assert ("gcloud sql operations list --instance=shop-db" in caught.value.hint) is open_


async def test_no_answer_before_the_deadline_leaves_it_open(instance: CloudSqlInstance, front: Any) -> None:
    await instance.read_instance()
    instance._api._timeout_s = 0.2

    async def hang(request: Request) -> Response | None:
        if request.path.endswith("/restart"):
            await asyncio.Event().wait()
        return None

    front.faults.append(hang)
    with pytest.raises(TimedOut) as caught:
        await instance.begin(Restart())
    assert caught.value.effect_possible and "operations list" in caught.value.hint


async def test_a_missing_permission_is_named_with_its_role(
    instance: CloudSqlInstance, front: Any, says: Says
) -> None:
    front.fail("POST", "/restart", says(403, "The client is not authorized to make this request.", "notAuthorized"))
    with pytest.raises(PermissionDenied) as caught:
        await instance.begin(Restart())
    assert caught.value.missing == "cloudsql.instances.restart" and "roles/cloudsql.editor" in caught.value.hint


# -- the password


async def test_the_password_is_sent_and_shown_nowhere(
    instance: CloudSqlInstance,
    front: Any,
    sql: CloudSql,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NEW_PASSWORD", PASSWORD)
    change = SetPassword("postgres", "", "env:NEW_PASSWORD")
    assert instance.request(change).endswith('"password": "***", "project": "demo-shop"}')
    done = await carried(instance, change)
    assert sql.instances["shop-db"].users[0].accepts(PASSWORD)
    (sent,) = front.sent("PUT")
    assert sent.json()["password"] == PASSWORD and PASSWORD not in str(sent.query)
    status = await instance.read_instance()
    assert PASSWORD not in f"{change}{done}{status}{instance.request(change)}{vars(instance)}{caplog.text}"
    assert PASSWORD not in str(sql.instances["shop-db"].users)


@pytest.mark.parametrize("code", [400, 403, 409, 500])
async def test_no_error_repeats_the_password(
    instance: CloudSqlInstance, front: Any, says: Says, tmp_path: Path, code: int
) -> None:
    file = tmp_path / "new"
    file.write_text(f"{PASSWORD}\n")
    front.fail("PUT", "/users", says(code, f"password {PASSWORD} is too weak", "invalid"))
    with pytest.raises(CockpitError) as caught:
        await instance.begin(SetPassword("postgres", "", f"file:{file}"))
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert PASSWORD not in "".join(told.format()) and PASSWORD not in str(caught.value)
    assert "*** is too weak" in caught.value.message


@pytest.mark.parametrize("reference", ["env:NO_SUCH_VARIABLE_HERE", "file:/nowhere/at/all", "hunter2"])
async def test_a_reference_that_leads_nowhere_sends_nothing(
    instance: CloudSqlInstance, front: Any, reference: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        await instance.begin(SetPassword("postgres", "", reference))
    assert front.sent("PUT") == [] and "hunter2" not in str(caught.value)
