"""Looks at a Cloud SQL instance: what they say of a reading, and which commands they and the actions stand in for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.actions import cloudsql as actions
from cockpit.adapters.sqlinstance import InstanceBrief
from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import cloudsql as looks
from cockpit.looks.book import LookBook
from cockpit.model.action import Tier
from cockpit.model.cloudsql import CloudSqlStatus, SqlBackup, SqlOperation
from cockpit.model.command import Kind, Understanding
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.recognise import understand
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "cloudsql/main"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STATUS = CloudSqlStatus(
    project="pay-prod",
    instance="pay-db",
    state="RUNNABLE",
    activation="ALWAYS",
    version="POSTGRES_16",
    installed_version="POSTGRES_16_4",
    tier="db-custom-2-8192",
    settings_version="7",
    created=NOW - timedelta(days=300),
    availability="REGIONAL",
    region="europe-west1",
    zone="europe-west1-b",
    secondary_zone="europe-west1-c",
    replicas=("pay-db-replica",),
    disk_gb=50,
    disk_type="PD_SSD",
    disk_autoresize=True,
    backups_enabled=True,
    point_in_time=False,
    maintenance_at=NOW + timedelta(hours=20),
    maintenance_window="Sunday 03:00 UTC",
    addresses=("10.1.2.3 (private)",),
    databases=("postgres", "pay"),
    operations=(
        SqlOperation("op-2", "EXPORT", "RUNNING", NOW - timedelta(minutes=3), user="bob@pay.example"),
        SqlOperation("op-1", "UPDATE", "DONE", NOW - timedelta(days=2), NOW - timedelta(days=2), error="NO: quota"),
    ),
    backups=(
        SqlBackup("12", "AUTOMATED", "FAILED", NOW - timedelta(hours=1), error="no space"),
        SqlBackup("11", "ON_DEMAND", "SUCCESSFUL", NOW - timedelta(hours=5), description="before v9"),
    ),
)


class Project:
    """Lists instances."""

    async def instances(self) -> Sequence[InstanceBrief]:
        facts = ("POSTGRES_16", "db-custom-2-8192", "europe-west1", "europe-west1-b", "REGIONAL")
        return [
            InstanceBrief("pay-db", "RUNNABLE", "ALWAYS", *facts, "", ("10.1.2.3 (private)",)),
            InstanceBrief("pay-db-replica", "RUNNABLE", "NEVER", *facts, "pay-db"),
        ]


def book(status: CloudSqlStatus | None, freshness: Freshness = Freshness.FRESH) -> LookBook:
    reading = None
    if status is not None:
        reading = Reading(SOURCE, SourceKind.CLOUDSQL, NOW, 0.1, Severity.OK, "running", status)
    state = SourceState(SOURCE, SourceKind.CLOUDSQL, "main", 30.0, reading, freshness=freshness, age_s=40.0)
    made = looks.lookers(SOURCE, Project(), lambda _: state, ManualClock(NOW))  # type: ignore[arg-type]
    return LookBook(looks.SPECS, made)


async def ask(look: str, status: CloudSqlStatus | None = STATUS, **params: str) -> Sight:
    return await book(status).look(LookRequest(look, SOURCE, params))


async def test_the_state_has_what_matters_in_an_incident() -> None:
    sight = await ask("cloudsql.state")
    assert sight.lines[0] == "state: RUNNABLE (activation ALWAYS)"
    text = "\n".join(sight.lines)
    for part in (
        "high availability: serves from europe-west1-b, standby in europe-west1-c",
        "replicas: pay-db-replica",
        "version: POSTGRES_16_4, machine db-custom-2-8192",
        "disk: 50 GB PD_SSD, grows by itself",
        "under way: op-2  EXPORT  RUNNING  3 min ago  by bob@pay.example",
        "last good backup: 11, 5 h old",
        "no point-in-time recovery",
        "maintenance is scheduled for 2026-03-02 08:00 UTC",
        "databases: postgres, pay",
    ):
        assert part in text, part


async def test_stopped_is_said_although_it_is_runnable() -> None:
    sight = await ask("cloudsql.state", replace(STATUS, activation="NEVER"))
    assert sight.lines[0] == "state: RUNNABLE, but stopped by its owner (activation NEVER)"


async def test_a_replica_is_promoted_not_failed_over() -> None:
    replica = replace(STATUS, primary="pay-db", replicas=(), availability="ZONAL")
    text = "\n".join((await ask("cloudsql.state", replica)).lines)
    assert "read replica of pay-db: it is promoted, not failed over" in text and "backup" not in text


async def test_operations_name_the_one_under_way_and_the_one_that_failed() -> None:
    sight = await ask("cloudsql.operations")
    assert sight.summary == "2 operations, EXPORT under way"
    assert "FAILED (NO: quota)" in sight.lines[1]
    assert len((await ask("cloudsql.operations", limit="1")).lines) == 1
    one = await ask("cloudsql.operations", operation="op-1")
    assert one.summary == "UPDATE is FAILED (NO: quota)"
    with pytest.raises(NotFound, match="no operation op-9"):
        await ask("cloudsql.operations", operation="op-9")
    with pytest.raises(Refused):
        await ask("cloudsql.operations", limit="0")


async def test_backups_say_which_is_the_last_good_one() -> None:
    sight = await ask("cloudsql.backups")
    assert sight.summary == "2 backups, last good one 5 h old"
    assert sight.lines[0] == "12  1 h old  AUTOMATED  FAILED  no space"
    assert (await ask("cloudsql.backups", backup="11")).lines == ("11  5 h old  ON_DEMAND  SUCCESSFUL  before v9",)
    assert (await ask("cloudsql.backups", replace(STATUS, backups=()))).summary == "0 backups, no good one"
    with pytest.raises(NotFound):
        await ask("cloudsql.backups", backup="9")
    choices = await book(STATUS).looker("cloudsql.backups", SOURCE).choices("backup")
    assert [each.value for each in choices] == ["12", "11"]


async def test_databases_and_instances_are_listed() -> None:
    assert (await ask("cloudsql.databases")).lines == ("postgres", "pay")
    sight = await ask("cloudsql.instances")
    assert (sight.severity, sight.summary) == (Severity.WARN, "2 instances, not running: pay-db-replica")
    assert "stopped by its owner  replica of pay-db" in sight.lines[1]


async def test_what_is_not_fresh_says_so_and_what_was_not_read_is_no_answer() -> None:
    sight = await book(STATUS, Freshness.STALE).look(LookRequest("cloudsql.state", SOURCE))
    assert sight.severity is Severity.UNKNOWN and "40 s old" in sight.lines[0]
    with pytest.raises(Unreachable):
        await ask("cloudsql.state", None)


# -- commands

REPLACES = (*actions.REPLACES, *looks.REPLACES)


def meant(line: str) -> Understanding:
    (command,) = commands_of(line, language="bash", line=1)
    return understand(command, REPLACES)


@pytest.mark.parametrize(
    ("line", "name", "target", "params"),
    [
        ("instances describe d --project=p", "cloudsql.state", {"instance": "d", "project": "p"}, {}),
        ("instances list --filter=x", "cloudsql.instances", {}, {}),
        ("operations list --instance=d --limit=5", "cloudsql.operations", {"instance": "d"}, {"limit": "5"}),
        ("operations describe abc", "cloudsql.operations", {}, {"operation": "abc"}),
        ("backups list --instance d", "cloudsql.backups", {"instance": "d"}, {}),
        ("backups describe 7 --instance=d", "cloudsql.backups", {"instance": "d"}, {"backup": "7"}),
        ("databases list --instance=d", "cloudsql.databases", {"instance": "d"}, {}),
        ("instances restart d --quiet", "cloudsql.restart", {"instance": "d"}, {}),
        ("instances failover d --async", "cloudsql.failover", {"instance": "d"}, {}),
        ("instances promote-replica d", "cloudsql.promote", {"instance": "d"}, {}),
        ("instances patch d --tier=db-n1", "cloudsql.tier", {"instance": "d"}, {"tier": "db-n1"}),
        ("instances patch d --activation-policy=ALWAYS", "cloudsql.start", {"instance": "d"}, {}),
        ("backups create --instance=d", "cloudsql.backup", {"instance": "d"}, {}),
        ("backups restore 7 --restore-instance=d", "cloudsql.restore", {"instance": "d"}, {"backup": "7"}),
        (
            "backups restore 7 --restore-instance=d --backup-instance=o",
            "cloudsql.restore",
            {"instance": "d"},
            {"backup": "7", "origin": "o"},
        ),
        (
            "export sql d gs://b/x.gz --database=a --offload",
            "cloudsql.export",
            {"instance": "d"},
            {"uri": "gs://b/x.gz", "database": "a", "offload": "yes"},
        ),
        (
            "import sql d gs://b/x --database a",
            "cloudsql.import",
            {"instance": "d"},
            {"uri": "gs://b/x", "database": "a"},
        ),
        (
            "users set-password app --instance=d --host=% --prompt-for-password",
            "cloudsql.password",
            {"instance": "d"},
            {"user": "app", "host": "%"},
        ),
    ],
)
def test_a_command_is_a_look_or_an_action(
    line: str, name: str, target: dict[str, str], params: dict[str, str]
) -> None:
    found = meant(f"gcloud sql {line}")
    assert found.intent is not None, found.why
    assert (found.intent.name, dict(found.intent.target), dict(found.intent.params)) == (name, target, params)
    assert found.kind is (Kind.LIVE if found.tier is Tier.T0 else Kind.NATIVE)


@pytest.mark.parametrize(
    "line",
    [
        "instances restart d e",
        "instances delete d",
        "instances patch d --tier=x --cpu=2",
        "instances patch d --activation-policy=NEVER",
        "instances patch d --tier=x --database-flags=a=b",
        "instances promote-replica d --failover",
        "backups create --instance=d --location=eu",
        "backups create",
        "backups restore 7 --restore-instance=d --region=x",
        "backups restore projects/p/backups/7 --restore-instance=d",
        "export sql d gs://b/x --database=a --table=t",
        "export sql d gs://b/x --database=a,b",
        "export csv d gs://b/x --query=q",
        "import sql d gs://b/x --user=root",
        "import sql d gs://b/x -d a",
        "import csv d gs://b/x --table=t",
        "users set-password app --instance=d --discard-dual-password",
        "users create app --instance=d --password=x",
        "operations wait abc",
        "operations cancel abc",
        "instances restart $(gcloud sql instances list --format='value(name)')",
    ],
)
def test_what_says_more_stays_what_it_is(line: str) -> None:
    found = meant(f"gcloud sql {line}")
    assert found.kind is Kind.SCRIPT or not (found.intent and found.intent.target), (found.intent, found.why)


def test_what_runs_elsewhere_is_not_ours() -> None:
    assert meant("ssh bastion gcloud sql instances restart d").kind is Kind.SCRIPT


def test_what_is_to_be_filled_in_is_asked_for() -> None:
    found = meant("gcloud sql backups restore BACKUP_ID --restore-instance=<instance>")
    assert found.intent is not None and dict(found.intent.target) == {}
    assert found.intent.asks["backup"].name == "BACKUP_ID"


@pytest.mark.parametrize("password", ["hunter2", "NEW_PASSWORD", "$PGPASSWORD", "<new-password>"])
def test_the_password_of_a_command_is_never_a_parameter(password: str) -> None:
    found = meant(f"gcloud sql users set-password app --instance=d --password={password}")
    assert found.intent is not None and found.tier is Tier.T4
    assert dict(found.intent.params) == {"user": "app"} and dict(found.intent.asks) == {}
    assert "comes from a file or variable" in found.intent.differs


def test_operations_are_no_connections() -> None:
    found = meant("gcloud sql operations list --instance=d")
    assert found.intent is not None and "connections to the database are not among it" in found.intent.differs
