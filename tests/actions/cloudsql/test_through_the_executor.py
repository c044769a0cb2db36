"""Operations by the executor: faults of every kind, operations that never end, and what is found again afterwards."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cockpit.model.action import Outcome
from cockpit.sandbox.http import Request, Response

NEVER_SENT, SENT_ONCE = 0, 1


def said(code: int, message: str, *headers: tuple[str, str]) -> Response:
    body = {"error": {"code": code, "message": message, "errors": [{"message": message, "reason": "x"}]}}
    return Response(code, json.dumps(body).encode(), (("content-type", "application/json"), *headers))


async def test_from_plan_to_verification_with_the_intent_first(rig: Any) -> None:
    planned = await rig.planned("cloudsql.restart")
    assert planned.requirement.phrase == "demo/main" and planned.requirement.reason
    record = await rig.execute(planned)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None and record.verification.holds is True
    assert [each.event for each in rig.audit.entries()] == ["armed", "intent", "outcome", "verified"]
    (operation,) = rig.sql.operations.values()
    assert tuple(rig.audit.entries())[2].facts["details"] == [f"operation {operation.id}"]


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (said(401, "Invalid Credentials"), Outcome.FAILED, "Invalid Credentials"),
        (said(403, "The client is not authorized"), Outcome.FAILED, "roles/cloudsql.editor contains"),
        (said(404, "The Cloud SQL instance does not exist"), Outcome.FAILED, "does not exist"),
        (said(409, "another operation was already in progress"), Outcome.REFUSED, "already in progress"),
        (said(412, "settings version"), Outcome.REFUSED, "settings version"),
        (said(429, "Quota exceeded", ("retry-after", "60")), Outcome.FAILED, "Quota exceeded"),
        (said(500, "Internal error"), Outcome.UNKNOWN, "gcloud sql operations list --instance=shop-db"),
        (Response(200, b'{"kind": "sql#opera'), Outcome.UNKNOWN, "gcloud sql operations list --instance=shop-db"),
    ],
    ids=["401", "403", "404", "409", "412", "429", "500", "truncated"],
)
async def test_each_fault_has_its_outcome_and_nothing_is_sent_again(
    rig: Any, answer: Response, outcome: Outcome, words: str
) -> None:
    planned = await rig.planned("cloudsql.restart")
    rig.answers("/restart", answer, answer)
    record = await rig.execute(planned)
    assert record.outcome is outcome and words in record.summary, record.summary
    assert len(rig.sent("/restart")) == SENT_ONCE and rig.main.restarts == 0
    assert record.undo is None or record.undo.request is None


async def test_what_was_not_answered_but_happened_is_seen_afterwards(rig: Any) -> None:
    planned = await rig.planned("cloudsql.restart")

    async def swallow(request: Request) -> Response | None:
        if not request.path.endswith("/restart"):
            return None
        await rig.plane.handle(request)
        return Response(502, b"<html>")

    rig.fault = swallow
    record = await rig.execute(planned)
    assert record.outcome is Outcome.UNKNOWN
    (operation,) = rig.sql.operations.values()
    assert record.verification is not None
    # Whether it is still under way or just ended is the server's business; that it is that one is not.
    assert operation.id in record.verification.text


async def test_an_operation_that_fails_is_failed_with_its_words(rig: Any) -> None:
    rig.sql.fail_next = ("ERROR_RDBMS", "the server did not come up")
    record = await rig.execute(await rig.planned("cloudsql.restart"))
    assert record.outcome is Outcome.FAILED
    assert "ERROR_RDBMS: the server did not come up" in record.summary and rig.main.restarts == 0


async def test_one_that_never_ends_is_unknown_after_ten_minutes_and_names_itself(rig: Any) -> None:
    planned = await rig.planned("cloudsql.failover")
    rig.sql.endless = True
    notes: list[str] = []
    rig.executor.subscribe(lambda: notes.extend(each.note for each in rig.executor.running))
    record = await rig.execute(planned)
    (operation,) = rig.sql.operations.values()
    assert record.outcome is Outcome.UNKNOWN
    assert "not at its end after 60" in record.summary
    assert f"gcloud sql operations describe {operation.id} --project=demo-shop" in record.summary
    assert record.verification is not None and record.verification.holds is None
    assert f"operation {operation.id} is RUNNING" in record.verification.text
    assert any("RUNNING for 300 s" in note for note in notes), "progress is told all the way"
    assert operation.ended is None, "it is not cancelled"

    again = await rig.planned("cloudsql.restart")
    reasons = " ".join(refusal.reason for refusal in again.refusals)
    assert f"operation {operation.id} (FAILOVER by oncall@shop.example) is under way" in reasons
    found = await rig.adapters["cloudsql/main"].probe()
    assert "FAILOVER under way" in found.summary and found.payload.underway.id == operation.id


async def test_who_leaves_the_screen_does_not_end_it(rig: Any) -> None:
    planned = await rig.planned("cloudsql.restart")
    waiting = asyncio.create_task(rig.execute(planned))
    await rig.until(lambda: rig.sent("/restart"))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await rig.until(lambda: rig.executor.records)
    assert rig.executor.records[-1].outcome is Outcome.SUCCEEDED and rig.main.restarts == 1


async def test_closing_the_cockpit_leaves_an_outcome_that_names_the_operation(rig: Any) -> None:
    planned = await rig.planned("cloudsql.restart")
    rig.sql.endless = True
    waiting = asyncio.create_task(rig.execute(planned))
    await rig.until(lambda: rig.sql.operations)
    await rig.executor.close()
    await asyncio.gather(waiting, return_exceptions=True)
    (operation,) = rig.sql.operations.values()
    outcome = next(each for each in rig.audit.entries() if each.event == "outcome")
    assert outcome.facts["outcome"] == "unknown" and operation.id in outcome.facts["summary"]
    assert "told to stop looking" in outcome.facts["summary"] and operation.ended is None


@pytest.mark.parametrize("change", ["settings", "created", "operation", "permission", "gone"])
async def test_what_changed_since_the_plan_is_refused_and_nothing_is_sent(rig: Any, change: str) -> None:
    planned = await rig.planned("cloudsql.failover")
    match change:
        case "settings":
            rig.main.settings_version = 8
        case "created":
            rig.main.created = rig.main.created.replace(year=2027)
        case "operation":
            rig.sql.endless = True
            rig.sql.begin(rig.main, "UPDATE", "bob@shop.example", lambda: None)
        case "permission":
            rig.plane.permissions.revoke("cloudsql.instances.failover")
        case "gone":
            del rig.sql.instances["shop-db"]
    record = await rig.execute(planned)
    assert record.outcome is Outcome.REFUSED and record.refusals
    assert len(rig.sent("/failover")) == NEVER_SENT


async def test_settings_changed_in_the_very_last_moment_are_refused_by_the_server(rig: Any) -> None:
    planned = await rig.planned("cloudsql.tier", tier="db-custom-4-16384")

    async def change(request: Request) -> Response | None:
        if request.method == "PATCH":
            rig.main.settings_version = 8
        return None

    rig.fault = change
    record = await rig.execute(planned)
    assert record.outcome is Outcome.REFUSED and "settings version" in record.summary
    assert rig.main.tier == "db-custom-2-8192"
