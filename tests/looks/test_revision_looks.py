"""Looks at a Cloud Run service: what they say of a reading, and which commands they stand in for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import revisions
from cockpit.looks.book import LookBook
from cockpit.model.command import Call, Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Failure, Reading, SourceState
from cockpit.model.revisions import (
    Condition,
    PreviousServing,
    Revision,
    Scaling,
    ServiceBrief,
    ServiceStatus,
    ServingShare,
    TemplateFacts,
    TrafficTarget,
)
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "revisions/pay"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD = Revision("pay-00007-abc", NOW - timedelta(days=3), "reg/team/pay:v7", "sha256:7", "retired", tags=("beta",))
NEW = Revision("pay-00008-xyz", NOW - timedelta(minutes=12), "reg/team/pay:v8", "sha256:8", "ready", percent=100)
STATUS = ServiceStatus(
    project="pay-prod",
    region="europe-west4",
    service="pay",
    name="projects/pay-prod/locations/europe-west4/services/pay",
    uid="u",
    etag="e",
    generation=8,
    reconciling=False,
    state="ready",
    reason="",
    latest_ready=NEW.name,
    latest_created=NEW.name,
    template_image="reg/team/pay:v8",
    scaling=Scaling(2, 0),
    traffic=(TrafficTarget("", 100), TrafficTarget(OLD.name, 0, "beta")),
    serving=(ServingShare(NEW.name, 100, latest=True),),
    revisions=(NEW, OLD),
    previous=PreviousServing(OLD.name, "the audit log has it serving since yesterday", True),
    updated=NOW - timedelta(minutes=12),
    last_modifier="ann@pay.example",
    uri="https://pay.example",
    memory="512Mi",
    cpu="1",
    ingress="all",
)
ROLLED_BACK = replace(
    STATUS,
    traffic=(TrafficTarget(OLD.name, 100),),
    serving=(ServingShare(OLD.name, 100),),
    scaling=Scaling(mode="MANUAL", manual_instances=0),
    latest_created="pay-00009-odd",
)


async def look(name: str, status: ServiceStatus | None = STATUS, **params: str) -> Sight:
    reading = Reading(SOURCE, SourceKind.REVISIONS, NOW, 0.1, Severity.OK, f"{NEW.name} 100 %", status)
    state = SourceState(SOURCE, SourceKind.REVISIONS, "pay", 10, reading, freshness=Freshness.FRESH, age_s=1)
    book = LookBook(revisions.SPECS, revisions.lookers(SOURCE, lambda _: state, ManualClock(NOW)))
    return await book.look(LookRequest(name, SOURCE, params))


async def test_the_state_says_what_serves_and_how_it_is_set_up() -> None:
    sight = await look("revisions.state")
    assert (sight.severity, sight.summary, sight.at) == (Severity.OK, f"{NEW.name} 100 %", NOW)
    assert sight.lines == (
        f"serves: {NEW.name} 100 % (latest)",
        f"wanted traffic: latest 100 %, tag beta on {OLD.name}",
        "template: reg/team/pay:v8, memory 512Mi, cpu 1",
        "scaling: automatic, least 2, most unset instances",
        "ingress: all",
        "condition: ready",
        f"latest ready: {NEW.name}",
        "changed: 2026-03-01 11:48 UTC by ann@pay.example",
        "url: https://pay.example",
    )


async def test_the_state_tells_each_condition_and_what_else_the_template_says() -> None:
    since = NOW - timedelta(minutes=3)
    told = replace(
        STATUS,
        state="failed",
        reason="HEALTH_CHECK_CONTAINER_ERROR: no port",
        conditions=(
            Condition("Ready", "failed", "HEALTH_CHECK_CONTAINER_ERROR: no port"),
            Condition("ConfigurationsReady", "failed", "HEALTH_CHECK_CONTAINER_ERROR: no port", since),
            Condition("RoutesReady", "ok"),
            Condition("Odd", "pending"),
        ),
        template=TemplateFacts(80, 300.0, "run@pay.example", ("POOL_SIZE", "API_KEY")),
        secrets=(("api-key", "latest"),),
    )
    lines = (await look("revisions.state", told)).lines
    assert lines[3:8] == (
        "template: 80 requests at once",
        "template: timeout 300 s",
        "template: runs as run@pay.example",
        "template: variables POOL_SIZE, API_KEY",
        "template: secrets api-key:latest",
    )
    assert lines[10:14] == (
        "condition: failed, HEALTH_CHECK_CONTAINER_ERROR: no port",
        "condition ConfigurationsReady: failed, HEALTH_CHECK_CONTAINER_ERROR: no port, since 2026-03-01 11:57 UTC",
        "condition Odd: pending",
        "in order: RoutesReady",
    )


async def test_after_a_roll_back_it_says_what_the_template_still_holds() -> None:
    made = replace(NEW, name="pay-00009-odd", state="failed")
    lines = (await look("revisions.state", replace(ROLLED_BACK, revisions=(made, NEW, OLD)))).lines
    assert f"{OLD.name} runs another image than the template holds" in lines
    assert "pinned: a new deployment gets no traffic until latest is promoted" in lines
    assert "scaling: stopped (manual, 0 instances)" in lines
    assert "latest created: pay-00009-odd, not ready" in lines


async def test_the_list_has_age_traffic_tag_image_and_who_served_before() -> None:
    sight = await look("revisions.list")
    assert sight.summary == f"2 revisions; {NEW.name} 100 %"
    assert sight.lines == (
        f"{NEW.name}  100 %  12 min old  ready  pay:v8",
        f"{OLD.name}    0 %  3 d old  retired  tag beta  pay:v7"
        "  served before: the audit log has it serving since yesterday",
    )
    shorter = await look("revisions.list", limit="1")
    assert (shorter.summary, len(shorter.lines)) == (f"1 of 2 revisions; {NEW.name} 100 %", 1)
    for limit in ("0", "-1", "many"):
        with pytest.raises(Refused):
            await look("revisions.list", limit=limit)


async def test_one_revision_is_shown_with_all_that_is_known() -> None:
    sight = await look("revisions.list", revision=OLD.name)
    assert sight.summary == f"{OLD.name} is retired, serves 0 %"
    assert "digest: sha256:7" in sight.lines and "created: 2026-02-26 12:00 UTC" in sight.lines
    with pytest.raises(NotFound, match="no revision pay-1"):
        await look("revisions.list", revision="pay-1")


async def test_revisions_are_offered_with_the_one_that_served_before() -> None:
    reading = Reading(SOURCE, SourceKind.REVISIONS, NOW, 0.1, Severity.OK, "fine", STATUS)
    state = SourceState(SOURCE, SourceKind.REVISIONS, "pay", 10, reading, freshness=Freshness.FRESH, age_s=1)
    (_, listed) = revisions.lookers(SOURCE, lambda _: state, ManualClock(NOW))
    choices = await listed.choices("revision")
    assert [(each.value, each.recommended) for each in choices] == [(NEW.name, False), (OLD.name, True)]
    assert await listed.choices("limit") == ()


async def test_without_a_reading_nothing_is_said_and_an_old_one_says_that_it_is_old() -> None:
    state = SourceState(SOURCE, SourceKind.REVISIONS, "pay", 10)
    (first, _) = revisions.lookers(SOURCE, lambda _: state, ManualClock(NOW))
    with pytest.raises(Unreachable, match="not been read yet"):
        await first.look(LookRequest("revisions.state", SOURCE))
    with pytest.raises(Unreachable, match="no reading of a service"):
        await look("revisions.state", None)
    reading = Reading(SOURCE, SourceKind.REVISIONS, NOW, 0.1, Severity.OK, "fine", STATUS)
    state = replace(
        state, reading=reading, failure=Failure("timed out", "no answer"), freshness=Freshness.FAILED, age_s=90
    )
    (first, _) = revisions.lookers(SOURCE, lambda _: state, ManualClock(NOW))
    sight = await first.look(LookRequest("revisions.state", SOURCE))
    assert sight.severity is Severity.UNKNOWN
    assert sight.lines[0].startswith("this is 90 s old: since then timed out")


def understood(text: str) -> Intent | None:
    (command,) = commands_of(text, language="bash", line=1)
    call: Call = command.calls[-1]
    found = [intent for each in revisions.REPLACES if (intent := each.understand(call))]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize(
    ("text", "name", "target", "params"),
    [
        (
            "gcloud run services describe pay --region=europe-west4 --format='value(status.url)'",
            "revisions.state",
            {"service": "pay", "region": "europe-west4"},
            {},
        ),
        (
            "gcloud run revisions list --service pay --limit=5 --sort-by=~created",
            "revisions.list",
            {"service": "pay"},
            {"limit": "5"},
        ),
        (
            "gcloud run revisions describe pay-1 --project=x",
            "revisions.list",
            {"project": "x"},
            {"revision": "pay-1"},
        ),
    ],
)
def test_a_command_that_asks_the_same(text: str, name: str, target: dict[str, str], params: dict[str, str]) -> None:
    intent = understood(text)
    assert intent is not None
    assert (intent.name, dict(intent.target), dict(intent.params)) == (name, target, params)


@pytest.mark.parametrize(
    ("text", "target", "params"),
    [
        ("gcloud run services list --project=x --uri", {"project": "x"}, {}),
        ("gcloud run services list", {}, {}),
        ("gcloud run services list --region=us-east1 --format=json", {}, {"region": "us-east1"}),
    ],
)
def test_services_are_listed_over_regions(text: str, target: dict[str, str], params: dict[str, str]) -> None:
    intent = understood(text)
    assert intent is not None and intent.differs == ""
    assert (intent.name, dict(intent.target), dict(intent.params)) == ("revisions.services", target, params)


async def test_the_list_of_services_says_which_are_not_well_and_who_did_not_answer() -> None:
    found = [ServiceBrief("pay", "europe-west4", "ready", "", NEW.name, "https://pay.example"),
             ServiceBrief("pay", "us-east1", "failed", "no port")]  # fmt: skip

    async def answer(silent: list[str], **params: str) -> Sight:
        async def services() -> tuple[list[ServiceBrief], list[str]]:
            return found, silent

        listing = SimpleNamespace(services=services)
        book = LookBook(
            revisions.SPECS,
            revisions.lookers(SOURCE, lambda _: None, ManualClock(NOW), cast("revisions.Listing", listing)),
        )
        return await book.look(LookRequest("revisions.services", SOURCE, params))

    sight = await answer([])
    assert (sight.severity, sight.summary) == (Severity.WARN, "2 services; pay failed")
    assert sight.lines == (
        f"europe-west4  pay  ready  {NEW.name}  https://pay.example",
        "us-east1  pay  failed, no port",
    )
    here = await answer([], region="europe-west4")
    assert (here.severity, here.summary, len(here.lines)) == (Severity.OK, "1 service in europe-west4", 1)
    silent = await answer(["us-west9"], region="europe-west4")
    assert silent.severity is Severity.UNKNOWN and silent.lines[0].startswith("no answer from us-west9")


def test_what_a_filter_would_do_is_said() -> None:
    listed = understood("gcloud run services list --limit=3")
    assert listed is not None and "--limit are not applied" in listed.differs
    filtered = understood("gcloud run revisions list --service=pay --filter=status=True")
    assert filtered is not None and "--filter is not applied" in filtered.differs


def test_a_revision_to_fill_in_is_asked_for() -> None:
    intent = understood("gcloud run revisions describe <revision> --region=europe-west4")
    assert intent is not None and intent.asks["revision"].spelled == "<revision>"


@pytest.mark.parametrize(
    "text",
    [
        "gcloud run services delete pay",
        "gcloud run revisions list --service=pay --cluster=c",
        "gcloud run revisions list --service=pay --limit=many",
        "gcloud run revisions delete pay-1",
        "gcloud run services list --cluster=c",
        "gcloud run jobs describe pay",
        "gcloud run services get-iam-policy pay",
        "gcloud run domain-mappings list",
    ],
)
def test_a_command_that_asks_for_something_else(text: str) -> None:
    assert understood(text) is None
