"""Backup, restore, export and import: what they take away, where they write, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.model.action import Outcome, Tier

REPLICA = "cloudsql/replica"
FILE = "gs://shop-backups/dumps/shop.sql"


async def test_a_backup_is_taken_and_named(rig: Any) -> None:
    plan = await rig.plan("cloudsql.backup", description="before the migration")
    assert plan.tier is Tier.T1 and plan.undo.text.startswith("none")
    assert plan.equivalent == (
        "gcloud sql backups create --instance=shop-db '--description=before the migration' --project=demo-shop",
    )
    result = await rig.run(plan)
    made = rig.main.backups[-1]
    assert (made.kind, made.description, made.status) == ("ON_DEMAND", "before the migration", "SUCCESSFUL")
    assert made.id in result.summary
    found = await rig.verify(plan, result)
    assert (found.holds, found.text) == (True, f"backup {made.id} is SUCCESSFUL")


async def test_of_a_replica_no_backup_is_taken(rig: Any) -> None:
    assert "backups are taken of shop-db" in rig.reasons(await rig.plan("cloudsql.backup", REPLICA))


async def test_only_good_backups_are_offered_the_newest_first(alone: Any) -> None:
    choices = await alone.handlers["cloudsql.restore", "cloudsql/main"].choices("backup")
    older, newer, _ = alone.main.backups
    assert [(each.value, each.recommended) for each in choices] == [(newer.id, True), (older.id, False)]
    assert "automated" in choices[0].label


async def test_a_restore_says_what_is_lost_and_where_and_puts_it_there(alone: Any) -> None:
    older, newer, _ = alone.main.backups
    plan = await alone.plan("cloudsql.restore", backup=older.id)
    assert plan.tier is Tier.T4 and plan.undo.request is None
    said = " ".join(plan.warnings)
    assert "everything written to shop-db since" in said and "30 hours of work" in said
    assert "it overwrites shop-db in europe-west1: demo-shop:europe-west1:shop-db" in said
    assert f"a newer good backup: {newer.id}" in said and "instances clone --point-in-time" in said
    assert plan.objects == ("database postgres", "database shop")
    assert f"{older.started:%Y-%m-%d %H:%M:%S} UTC (shop-db)" in plan.changes[0].after
    result = await alone.run(plan)
    assert (result.outcome, alone.main.content) == (Outcome.SUCCEEDED, older.content)
    assert (await alone.verify(plan, result)).holds is True


async def test_a_backup_of_another_instance_says_so(alone: Any) -> None:
    alone.sql.seed("other-db")
    theirs = alone.sql.seed_backup("other-db", datetime.now(UTC) - timedelta(hours=2))
    plan = await alone.plan("cloudsql.restore", backup=theirs.id, origin="other-db")
    assert "becomes what other-db was" in plan.warnings[0]
    assert plan.equivalent[0].endswith("--backup-instance=other-db --project=demo-shop")
    await alone.run(plan)
    assert alone.main.content == theirs.content


async def test_what_cannot_be_restored_is_refused(rig: Any, alone: Any) -> None:
    failed = rig.main.backups[-1]
    assert f"backup {failed.id} is FAILED" in rig.reasons(await rig.plan("cloudsql.restore", backup=failed.id))
    assert "has no backup 17" in rig.reasons(await rig.plan("cloudsql.restore", backup="17"))


async def test_backups_that_may_not_be_listed_are_not_said_to_be_none(alone: Any) -> None:
    alone.plane.permissions.revoke("cloudsql.backupRuns.list")
    reason = alone.reasons(await alone.plan("cloudsql.restore", backup="17"))
    assert "backups not read" in reason and "has no backup" not in reason


async def test_sql_server_has_no_sql_files(rig: Any) -> None:
    rig.main.version = "SQLSERVER_2022_STANDARD"
    for action in ("cloudsql.export", "cloudsql.import"):
        assert "BAK files" in rig.reasons(await rig.plan(action, database="shop", uri=FILE))


async def test_with_replicas_or_onto_one_nothing_is_restored(rig: Any) -> None:
    good = rig.main.backups[0].id
    assert "has replicas (shop-db-replica)" in rig.reasons(await rig.plan("cloudsql.restore", backup=good))
    onto = await rig.plan("cloudsql.restore", REPLICA, backup=good, origin="shop-db")
    assert "nothing is restored to a replica" in rig.reasons(onto)


async def test_a_failed_instance_may_be_restored(alone: Any) -> None:
    alone.main.state = "FAILED"
    plan = await alone.plan("cloudsql.restore", backup=alone.main.backups[0].id)
    assert plan.refusals == ()


async def test_an_export_without_a_name_gets_one_that_stays(rig: Any) -> None:
    plan = await rig.plan("cloudsql.export", database="shop")
    uri = plan.request.get("uri")
    assert uri.startswith("gs://shop-backups/dumps/shop-db-shop-") and uri.endswith(".sql.gz")
    assert plan.objects == (uri,) and plan.tier is Tier.T2
    assert (await rig.again(plan)).digest == plan.digest
    result = await rig.run(plan)
    assert rig.sql.files == {uri: "now"} and uri in result.summary
    assert (await rig.verify(plan, result)).holds is True


async def test_an_export_may_be_spared_the_instance(rig: Any) -> None:
    plan = await rig.plan("cloudsql.export", database="shop", uri="x.sql", offload="yes")
    assert '"offload": true' in "\n".join(plan.operation)
    assert plan.equivalent[0].endswith("gs://shop-backups/dumps/x.sql --database=shop --offload --project=demo-shop")
    assert "loads shop-db" not in " ".join(plan.warnings)


async def test_a_file_that_is_there_fails_the_operation(rig: Any) -> None:
    rig.sql.files[FILE] = "older"
    result = await rig.run(await rig.plan("cloudsql.export", database="shop", uri=FILE))
    assert result.outcome is Outcome.FAILED and "already exists" in result.summary
    assert rig.sql.files[FILE] == "older"


@pytest.mark.parametrize("uri", ["gs://shop-backups/*.sql", "gs://x", "gs://Shop/a b"])
async def test_what_is_no_file_is_refused(rig: Any, uri: str) -> None:
    for action in ("cloudsql.export", "cloudsql.import"):
        assert "no file in Cloud Storage" in rig.reasons(await rig.plan(action, database="shop", uri=uri))


async def test_postgresql_needs_a_database_that_is_there(rig: Any) -> None:
    assert "one database" in rig.reasons(await rig.plan("cloudsql.export", uri=FILE))
    unknown = await rig.plan("cloudsql.import", uri=FILE, database="shpo")
    assert "has no database shpo" in rig.reasons(unknown) and "postgres, shop" in rig.reasons(unknown)
    choices = await rig.handlers["cloudsql.export", "cloudsql/main"].choices("database")
    assert [(each.value, each.recommended) for each in choices] == [("postgres", False), ("shop", True)]


async def test_an_import_runs_the_file_and_says_that_nothing_takes_it_back(rig: Any) -> None:
    rig.sql.files[FILE] = "dumped"
    plan = await rig.plan("cloudsql.import", uri="shop.sql", database="shop")
    assert plan.tier is Tier.T4 and plan.request.get("uri") == FILE
    assert "nothing is rolled back" in plan.warnings[0] and "last good backup is of" in plan.warnings[1]
    result = await rig.run(plan)
    assert rig.main.content == "dumped"
    assert (await rig.verify(plan, result)).holds is True


async def test_an_import_that_fails_half_way_says_so(rig: Any) -> None:
    rig.sql.fail_next = ("ERROR_RDBMS", "relation exists")
    plan = await rig.plan("cloudsql.import", uri=FILE, database="shop")
    result = await rig.run(plan)
    assert result.outcome is Outcome.FAILED
    assert "relation exists" in result.summary and "statements before the one that failed stand" in result.summary
    assert (await rig.verify(plan, result)).holds is False


async def test_nothing_is_imported_into_a_replica(rig: Any) -> None:
    plan = await rig.plan("cloudsql.import", REPLICA, uri=FILE, database="postgres")
    assert "read replica of shop-db" in rig.reasons(plan)
