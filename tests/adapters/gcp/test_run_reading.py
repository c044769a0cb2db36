"""Cloud Run v2 as the cockpit reads it, against the simulated control plane."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cockpit.adapters.gcp.run import CloudRunService
from cockpit.adapters.gcp.runwire import (
    LATEST,
    conditions_of,
    facts_of,
    revision_of,
    secrets_of,
    serving_of,
    state_of_service,
    targets_of,
)
from cockpit.audit.journal import FileJournal
from cockpit.clock import SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    Malformed,
    RateLimited,
)
from cockpit.model.revisions import ServiceStatus, TemplateFacts, TrafficTarget
from cockpit.model.severity import Severity
from cockpit.profile.schema import CloudRunSource
from cockpit.sandbox.gcp.access import Tokens
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Request, Response

NAME = "projects/demo-shop/locations/europe-west1/services/shop"


GOOD = (TrafficTarget("shop-00001-good", 100), TrafficTarget("shop-00001-good", 0, "canary"))


async def status_of(adapter: CloudRunService) -> ServiceStatus:
    payload = (await adapter.probe()).payload
    assert isinstance(payload, ServiceStatus)
    return payload


def _get(path: str, plane: ControlPlane) -> Request:
    headers = {"authorization": f"Bearer {plane.tokens.issue()}"}
    return Request("GET", "127.0.0.1", path, {}, headers, b"", "127.0.0.1")


async def test_a_poll_says_what_serves_and_what_could(adapter: CloudRunService) -> None:
    observation = await adapter.probe()
    status = await status_of(adapter)
    assert (observation.severity, observation.summary) == (Severity.OK, "shop-00003-worse 100 %")
    assert [revision.name for revision in status.revisions] == [
        "shop-00003-worse",
        "shop-00002-bad",
        "shop-00001-good",
    ]
    newest = status.revisions[0]
    assert (newest.percent, newest.state, newest.deployed_by) == (100, "ready", "eve@shop.example")
    assert newest.digest.startswith("sha256:")
    assert status.revisions[2].tags == ("canary",)
    assert status.revisions[1].state == "retired"
    assert status.revisions[1].max_instances == 10
    assert status.template_image == "europe-docker.pkg.dev/demo/shop:v3"
    assert not status.pinned
    assert status.uid
    assert status.etag


async def test_the_service_is_read_each_time_and_its_revisions_only_when_it_changed(
    adapter: CloudRunService, front: Any
) -> None:
    for _ in range(4):
        await adapter.probe()
    requests = front.requests
    paths = [request.path for request in requests if request.method == "GET"]
    assert paths.count(f"/v2/{NAME}") == 4
    assert paths.count(f"/v2/{NAME}/revisions") == 1
    assert sum(request.path == "/v2/entries:list" for request in requests) == 1


async def test_a_read_is_asked_again_on_429_and_503_as_the_server_wishes(
    adapter: CloudRunService, front: Any
) -> None:
    busy = Response(429, b"{}", (("retry-after", "0"),))
    retry_info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.05s"}
    body = {"error": {"code": 503, "message": "later", "status": "UNAVAILABLE", "details": [retry_info]}}
    front.fail("GET", NAME, busy, Response.of(body, 429))
    assert (await adapter.read_service()).service == "shop"


async def test_a_read_gives_up_when_the_server_wants_longer_than_the_deadline(
    adapter: CloudRunService, front: Any
) -> None:
    front.fail("GET", NAME, Response(429, b"{}", (("retry-after", "30"),)))
    with pytest.raises(RateLimited) as caught:
        await adapter.probe()
    assert caught.value.retry_after_s == 30


async def test_an_expired_token_is_renewed_once(adapter: CloudRunService, front: Any, plane: ControlPlane) -> None:
    await adapter.read_service()
    plane.tokens.expire_all()
    before = plane.tokens.issued
    assert (await adapter.read_service()).service == "shop"
    assert plane.tokens.issued == before + 1
    plane.tokens.expire_all()
    with pytest.raises(AuthenticationFailed):
        await adapter.shift_traffic(GOOD, "etag")
    assert len(front.sent("PATCH")) == 1


async def test_a_token_that_is_never_accepted_ends_the_read(
    adapter: CloudRunService, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tokens, "issue", lambda *_: "ya29.wrong")
    with pytest.raises(AuthenticationFailed):
        await adapter.probe()


@pytest.mark.parametrize("body", [b'{"name": "x', b"[]", b"null", b"", b"\xff\xfe", b"{}", b'{"etag": "e"}'])
async def test_nonsense_is_not_understood(adapter: CloudRunService, front: Any, body: bytes) -> None:
    front.fail("GET", NAME, Response(200, body))
    with pytest.raises(Malformed):
        await adapter.probe()


async def test_hostile_text_is_cleaned(adapter: CloudRunService, plane: ControlPlane) -> None:
    plane.run.services["shop"].last_modifier = "eve\x1b]52;c;aGk=\x07\u202e@x"
    status = await adapter.read_service()
    assert "\x1b" not in status.last_modifier
    assert "\u202e" not in status.last_modifier


async def test_what_served_before_comes_from_the_journal_first(
    source: CloudRunSource, tmp_path: Path, plane: ControlPlane
) -> None:
    journal = FileJournal(tmp_path / "serving.jsonl")
    journal.observe(NAME, "shop-00001-good", datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    adapter = CloudRunService(source, journal, SystemClock())
    status = await status_of(adapter)
    assert status.previous is not None
    assert (status.previous.revision, status.previous.certain) == ("shop-00001-good", True)
    assert "2026-01-02 03:04 UTC" in status.previous.evidence
    # After a roll-back the bad one served before, in truth, but is nothing to go back to.
    await adapter.shift_traffic(GOOD, status.etag)
    assert (await status_of(adapter)).previous is None
    await adapter.close()


async def test_else_from_the_audit_log_at_the_second_poll(adapter: CloudRunService, plane: ControlPlane) -> None:
    status = await adapter.read_service()
    await adapter.shift_traffic(GOOD, status.etag)
    status = await adapter.read_service()
    await adapter.shift_traffic((TrafficTarget("shop-00003-worse", 100),), status.etag)
    first = await status_of(adapter)
    assert first.previous is not None
    assert not first.previous.certain
    second = await status_of(adapter)
    assert second.previous is not None
    assert (second.previous.revision, second.previous.certain) == ("shop-00001-good", True)
    assert "audit log" in second.previous.evidence
    assert "oncall@shop.example" in second.previous.evidence


async def test_else_it_is_a_guess_that_says_so(adapter: CloudRunService, plane: ControlPlane) -> None:
    plane.permissions.revoke("logging.logEntries.list")
    await adapter.probe()
    status = await status_of(adapter)
    assert status.previous is not None
    assert (status.previous.revision, status.previous.certain) == ("shop-00002-bad", False)
    assert "guess" in status.previous.evidence
    assert any("audit log not read" in note and "logging.logEntries.list" in note for note in status.notes)


async def test_an_unwritable_journal_is_a_note_and_no_failure(source: CloudRunSource, tmp_path: Path) -> None:
    adapter = CloudRunService(source, FileJournal(tmp_path), SystemClock())  # a directory
    status = await status_of(adapter)
    assert any(note.startswith("journal:") for note in status.notes)
    await adapter.close()


async def test_a_change_under_way_and_traffic_to_a_failed_revision_are_said(
    adapter: CloudRunService, front: Any, plane: ControlPlane
) -> None:
    good = (await front.plane.handle(_get(f"/v2/{NAME}", plane))).body
    service = json.loads(good)
    failed = {
        **service,
        "etag": '"2"',
        "terminalCondition": {"state": "CONDITION_FAILED", "reason": "X", "message": "m"},
    }
    front.fail("GET", "/services/shop", Response.of({**service, "reconciling": True}))
    observation = await adapter.probe()
    assert observation.summary == "shop-00003-worse 100 %, deploying"
    adapter._source = adapter._source.model_copy(update={"audit_log": False})
    front.fail("GET", "/services/shop", Response.of(failed))
    observation = await adapter.probe()
    assert (observation.severity, observation.summary) == (
        Severity.WARN,
        "shop-00003-worse 100 %, last change failed",
    )
    nothing = {**service, "etag": '"3"', "trafficStatuses": []}
    front.fail("GET", "/services/shop", Response.of(nothing))
    assert (await adapter.probe()).severity is Severity.CRIT


async def test_traffic_to_a_revision_that_failed_is_critical(
    adapter: CloudRunService, front: Any, plane: ControlPlane
) -> None:
    answer = await plane.handle(_get(f"/v2/{NAME}/revisions", plane))
    listed = json.loads(answer.body)
    for revision in listed["revisions"]:
        if revision["name"].endswith("worse"):
            revision["conditions"] = [{"type": "Ready", "state": "CONDITION_FAILED", "reason": "CRASH"}]
    front.fail("GET", "/revisions", Response.of(listed))
    observation = await adapter.probe()
    assert (observation.severity, observation.summary) == (
        Severity.CRIT,
        "shop-00003-worse 100 %: shop-00003-worse failed",
    )


def test_revisions_in_every_state_are_read() -> None:
    def made(**conditions: object) -> tuple[str, str]:
        entry = {"name": "a/revisions/r", "createTime": "2026-01-01T00:00:00.123456789Z", **conditions}
        revision = revision_of(entry, (), {})
        return revision.state, revision.reason

    ready = {"type": "Ready", "state": "CONDITION_SUCCEEDED"}
    broken = {"type": "Ready", "state": "CONDITION_FAILED", "revisionReason": "HEALTH_CHECK_CONTAINER_ERROR"}
    assert made(conditions=[ready]) == ("ready", "")
    assert made(conditions=[broken | {"message": "no port"}]) == ("failed", "HEALTH_CHECK_CONTAINER_ERROR: no port")
    assert made(conditions=[ready, {"type": "Active", "revisionReason": "RETIRED"}]) == ("retired", "")
    assert made(conditions=[{"type": "Ready", "state": "CONDITION_PENDING"}]) == ("deploying", "")
    assert made(reconciling=True) == ("deploying", "")
    assert made() == ("unknown", "")
    with pytest.raises(Malformed):
        revision_of({"name": "a/revisions/r"}, (), {})


def test_shapes_that_the_api_documents_are_read() -> None:
    assert targets_of({}) == (TrafficTarget("", 100),)
    shares = serving_of(
        {"latestReadyRevision": "a/revisions/r9", "trafficStatuses": [{"type": LATEST, "percent": "100"}]}
    )
    assert [(share.revision, share.percent, share.latest) for share in shares] == [("r9", 100, True)]
    assert state_of_service({"generation": "2", "observedGeneration": "1"})[0] == "deploying"
    assert state_of_service({})[0] == "unknown"


async def test_conditions_and_template_are_read_and_no_value_of_a_variable(adapter: CloudRunService) -> None:
    status = await adapter.read_service()
    assert [(each.kind, each.state) for each in status.conditions] == [
        ("Ready", "ok"), ("RoutesReady", "ok"), ("ConfigurationsReady", "ok"),
    ]  # fmt: skip
    assert (status.template.concurrency, status.template.timeout_s) == (80, 300.0)
    waiting = {"type": "RoutesReady", "state": "CONDITION_RECONCILING", "message": "revision \x1b[31m starts"}
    past = {"type": "Active", "state": "CONDITION_FAILED", "severity": "INFO"}
    told = conditions_of({"conditions": [waiting, past, {"state": "CONDITION_FAILED"}, {"type": "New", "state": 7}]})
    assert [(each.kind, each.state, each.said) for each in told] == [
        ("RoutesReady", "pending", "revision  starts"), ("New", "unknown", ""),
    ]  # fmt: skip
    container = {"env": [{"name": "KEY", "value": "never-shown"}, {"value": "never-shown"}]}
    facts = facts_of({"containers": [container], "timeout": "1e9s", "maxInstanceRequestConcurrency": "x"})
    assert facts == TemplateFacts(variables=("KEY",))


async def test_the_doctor_names_each_permission_and_the_way_to_get_it(
    adapter: CloudRunService, plane: ControlPlane
) -> None:
    found = {line.check: line for line in await adapter.diagnose()}
    assert [line.ok for line in found.values()] == [True] * 5
    plane.permissions.revoke("run.services.update")
    plane.permissions.revoke("run.revisions.list")
    plane.permissions.revoke("logging.logEntries.list")
    found = {line.check: line for line in await adapter.diagnose()}
    assert found["run.services.update"].ok is None
    assert "roles/run.developer" in found["run.services.update"].fix
    assert found["run.revisions.list"].ok is False
    assert "roles/run.viewer" in found["run.revisions.list"].fix
    assert "roles/logging.viewer" in found["audit log"].fix
    plane.permissions.revoke("run.services.get")
    assert (await adapter.diagnose())[-1].check == "run.services.get"


def test_the_secrets_that_a_template_reads_as_variables_and_files() -> None:
    template = {
        "containers": [
            {
                "env": [
                    {"name": "A", "value": "plain"},
                    {"name": "B", "valueSource": {"secretKeyRef": {"secret": "key", "version": "latest"}}},
                    {
                        "name": "C",
                        "valueSource": {"secretKeyRef": {"secret": "projects/1/secrets/url", "version": "3"}},
                    },
                ]
            }
        ],
        "volumes": [
            {"name": "v", "secret": {"secret": "cert", "items": [{"path": "c.pem", "version": "2"}]}},
            {"name": "w", "secret": {"secret": "whole"}},
            {"name": "x", "emptyDir": {}},
        ],
    }
    assert secrets_of(template) == (("key", "latest"), ("url", "3"), ("cert", "2"), ("whole", "latest"))
    assert secrets_of({}) == ()
