"""Looks at the audit log and at refused logins, and which log questions of a runbook they answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.errors import Refused, Unreachable
from cockpit.looks import access, logs
from cockpit.looks.access import shown_by_pane
from cockpit.looks.book import LookBook
from cockpit.model.access import AccessFailure, AccessStatus, AdminChange
from cockpit.model.command import Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "access/pay"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAILURES = 'jsonPayload.kind="denied"'
NAMES = {SOURCE: {"project": "pay-prod", "failures": FAILURES}, "logs/pay": {"project": "pay-prod"}}
ACTIVITY = 'log_id("cloudaudit.googleapis.com/activity")'
RESIZE = AdminChange(
    NOW - timedelta(minutes=5),
    "ann@pay.example",
    "google.cloud.redis.v1.CloudRedis.UpdateInstance",
    "projects/pay-prod/locations/r/instances/cache",
    "redis.googleapis.com",
    "192.0.2.8",
)
DEPLOY = replace(
    RESIZE,
    at=NOW - timedelta(minutes=9),
    who="ci@pay.example",
    method="google.cloud.run.v2.Services.UpdateService",
    resource="namespaces/pay-prod/services/pay",
    service="run.googleapis.com",
    address="",
    failed="denied",
)
STATUS = AccessStatus(
    "pay-prod",
    NOW - timedelta(hours=6),
    (RESIZE, DEPLOY),
    (
        AccessFailure(NOW - timedelta(minutes=1), "admin", "198.51.100.7", "wrong password"),
        AccessFailure(NOW - timedelta(minutes=2), "", "198.51.100.7", "wrong password"),
        AccessFailure(NOW - timedelta(minutes=3), "eva", "192.0.2.9", "locked"),
    ),
    watched=True,
    notes=("a note",),
)


async def look(name: str, status: AccessStatus | None = STATUS, **params: str) -> Sight:
    reading = Reading(SOURCE, SourceKind.ACCESS, NOW, 0.1, Severity.OK, "2 changes", status)
    state = SourceState(SOURCE, SourceKind.ACCESS, "pay", 60, reading, freshness=Freshness.FRESH, age_s=1)
    book = LookBook(access.SPECS, access.lookers(SOURCE, lambda _: state))
    return await book.look(LookRequest(name, SOURCE, params))


async def test_changes_are_told_with_who_what_and_from_where() -> None:
    sight = await look("access.changes")
    assert sight.summary == "2 changes by 2 since 03-01 06:00 UTC"
    assert sight.lines == (
        "03-01 11:55:00  ann@pay.example  UpdateInstance  projects/pay-prod/locations/r/instances/cache"
        "  from 192.0.2.8",
        "03-01 11:51:00  ci@pay.example  UpdateService  namespaces/pay-prod/services/pay  REFUSED: denied",
        "a note",
    )


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"who": "ANN"}, 1),
        ({"service": "run.googleapis.com"}, 1),
        ({"service": "run"}, 0),
        ({"method": "update"}, 2),
        ({"limit": "1"}, 1),
    ],
)
async def test_changes_are_narrowed(params: dict[str, str], count: int) -> None:
    assert len((await look("access.changes", **params)).lines) == count + 1


async def test_refused_logins_begin_with_their_busiest_addresses() -> None:
    sight = await look("access.failures")
    assert sight.summary == "3 refused logins since 03-01 06:00 UTC"
    assert sight.lines[:4] == (
        "   2 from 198.51.100.7",
        "   1 from 192.0.2.9",
        "03-01 11:59:00  admin  198.51.100.7  wrong password",
        "03-01 11:58:00  -  198.51.100.7  wrong password",
    )
    alone = await look("access.failures", address="192.0.2.9")
    assert alone.summary.startswith("1 refused") and "eva" in alone.lines[1]
    unwatched = await look("access.failures", replace(STATUS, watched=False))
    assert unwatched.summary == "refused logins are not watched"


async def test_what_cannot_be_told_is_said() -> None:
    with pytest.raises(Unreachable):
        await look("access.changes", None)
    with pytest.raises(Refused):
        await look("access.changes", limit="0")


def asked(text: str) -> Intent:
    """The question as the look at logs understands it, then as the panes of this profile answer it."""
    (command,) = commands_of(text, language="bash", line=1)
    found = [intent for each in logs.REPLACES if (intent := each.understand(command.calls[0]))]
    assert len(found) == 1
    return shown_by_pane(found[0], NAMES)


@pytest.mark.parametrize(
    ("wanted", "params"),
    [
        (ACTIVITY, {}),
        ('logName="projects/pay-prod/logs/cloudaudit.googleapis.com%2Factivity"', {}),
        ("logName:cloudaudit.googleapis.com/activity", {}),
        (f'{ACTIVITY} AND protoPayload.serviceName="run.googleapis.com"', {"service": "run.googleapis.com"}),
        (f"{ACTIVITY} AND protoPayload.authenticationInfo.principalEmail:*", {}),
        (
            f'{ACTIVITY} AND protoPayload.authenticationInfo.principalEmail="ann@pay.example"',
            {"who": "ann@pay.example"},
        ),
        (f'protoPayload.methodName:"UpdateService" AND {ACTIVITY}', {"method": "UpdateService"}),
    ],
)
def test_a_question_about_admin_activity_is_answered_from_the_pane(wanted: str, params: dict[str, str]) -> None:
    intent = asked(f"gcloud logging read '{wanted}' --limit=20 --format=json")
    assert (intent.name, dict(intent.target)) == ("access.changes", {"project": "pay-prod"})
    assert dict(intent.params) == {**params, "limit": "20"} and "profile's window" in intent.differs


def test_the_very_filter_of_refused_logins_is_answered_from_the_pane() -> None:
    intent = asked(f"gcloud logging read '{FAILURES}' --freshness=1h --project=pay-prod")
    assert (intent.name, dict(intent.params)) == ("access.failures", {})


@pytest.mark.parametrize(
    "line",
    [
        "gcloud logging read 'protoPayload.authenticationInfo.principalEmail!=null'",
        "gcloud logging read 'protoPayload.authenticationInfo.principalEmail:*'",
        "gcloud logging read 'logName:cloudaudit.googleapis.com'",
        f"gcloud logging read '{ACTIVITY} AND protoPayload.methodName=\"x\"'",
        f"gcloud logging read '{ACTIVITY} AND protoPayload.serviceName:*'",
        f"gcloud logging read '{ACTIVITY} OR severity>=ERROR'",
        f"gcloud logging read '{ACTIVITY} AND severity>=ERROR'",
        f"gcloud logging read '{ACTIVITY}' --order=asc",
        f"gcloud logging read '{ACTIVITY}' --project=other",
        "gcloud logging read 'jsonPayload.kind=\"denied\" AND severity>=ERROR'",
        "gcloud logging read 'jsonPayload.kind=\"allowed\"'",
        "gcloud logging read",
    ],
)
def test_what_asks_for_more_or_something_else_is_asked_of_the_log(line: str) -> None:
    assert asked(line).name == "logs.query"


def test_without_an_audit_log_in_the_profile_nothing_changes() -> None:
    intent = Intent("logs.query", SourceKind.LOGS, {}, {"filter": ACTIVITY})
    assert shown_by_pane(intent, {"logs/pay": {"project": "pay-prod"}}) is intent
    bare = {SOURCE: {"project": "pay-prod"}}
    assert shown_by_pane(Intent("logs.query", SourceKind.LOGS, {}, {"filter": FAILURES}), bare).name == "logs.query"
