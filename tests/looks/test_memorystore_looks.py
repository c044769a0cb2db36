"""Looks at a Memorystore instance: the reading laid out, the list of its region, and the commands they answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import Unreachable
from cockpit.looks import memorystore, redis
from cockpit.looks.book import LookBook
from cockpit.model.command import Call, Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "memorystore/cart"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STATUS = MemorystoreStatus(
    project="pay-prod",
    region="europe-west4",
    instance="cart",
    name="projects/pay-prod/locations/europe-west4/instances/cart",
    state="READY",
    tier="STANDARD_HA",
    size_gb=5,
    version="REDIS_7_2",
    created=NOW - timedelta(days=90),
    zone="europe-west4-a",
    zones=("europe-west4-a", "europe-west4-b"),
    host="10.1.2.3",
    port=6379,
    replicas=1,
    auth=True,
    encrypted=False,
    maintenance_at=NOW + timedelta(hours=20),
    maintenance_window="SUNDAY 02:00 UTC",
    configs=(("maxmemory-policy", "allkeys-lru"),),
)
BASIC = replace(STATUS, instance="sessions", tier="BASIC", size_gb=1, state="UPDATING", zones=("europe-west4-a",))


class Region:
    async def instances(self) -> tuple[tuple[MemorystoreStatus, ...], bool]:
        return (STATUS, BASIC), False


async def look(name: str, status: MemorystoreStatus | None = STATUS, *, age_s: float = 1) -> Sight:
    reading = Reading(SOURCE, SourceKind.MEMORYSTORE, NOW, 0.1, Severity.WARN, "READY, 5 GB", status)
    fresh = Freshness.FRESH if age_s < 60 else Freshness.STALE
    state = SourceState(SOURCE, SourceKind.MEMORYSTORE, "cart", 30, reading, freshness=fresh, age_s=age_s)
    made = memorystore.lookers(SOURCE, Region(), lambda _: state, ManualClock(NOW))
    return await LookBook(memorystore.SPECS, made).look(LookRequest(name, SOURCE))


async def test_the_state_is_laid_out() -> None:
    sight = await look("memorystore.state")
    assert (sight.severity, sight.summary, sight.at) == (Severity.WARN, "READY, 5 GB", NOW)
    assert sight.lines == (
        "cart in europe-west4: READY, REDIS_7_2",
        "STANDARD_HA 5 GB, 1 replicas",
        "primary in europe-west4-a, nodes in europe-west4-a, europe-west4-b",
        "address 10.1.2.3:6379",
        "AUTH on, TLS off",
        "created: 2025-12-01 12:00 UTC",
        "maintenance: 2026-03-02 08:00 UTC",
        "maintenance window: SUNDAY 02:00 UTC",
        "maxmemory-policy = allkeys-lru",
    )


async def test_what_is_old_says_so_and_what_is_unknown_too() -> None:
    sight = await look("memorystore.state", age_s=300)
    assert sight.lines[0] == "this is 300 s old: nothing newer came"
    bare = replace(BASIC, auth=None, encrypted=None, host="", read_endpoint="10.1.2.9:6379", replicas=0)
    lines = (await look("memorystore.state", bare)).lines
    assert "BASIC 1 GB, no replica" in lines and "no address yet" in lines
    assert "AUTH unknown, TLS unknown" in lines and "read replicas at 10.1.2.9:6379" in lines
    with pytest.raises(Unreachable):
        await look("memorystore.state", None)


async def test_the_instances_of_the_region_with_those_that_are_not_ready() -> None:
    sight = await look("memorystore.instances")
    assert (sight.severity, sight.summary) == (Severity.WARN, "2 instances, not READY: sessions")
    assert sight.lines[1] == "sessions  UPDATING  BASIC 1 GB  REDIS_7_2  europe-west4-a"


def call_of(text: str) -> Call:
    (command,) = commands_of(text, language="bash", line=1)
    return command.calls[0]


def meant(text: str) -> Intent | None:
    found = (each.understand(call_of(text)) for each in (*memorystore.REPLACES, *redis.REPLACES))
    return next((intent for intent in found if intent is not None), None)


@pytest.mark.parametrize(
    ("text", "name", "target"),
    [
        (
            "gcloud redis instances describe cart --region=r1",
            "memorystore.state",
            {"instance": "cart", "region": "r1"},
        ),
        ("gcloud redis instances describe cart", "memorystore.state", {"instance": "cart"}),
        (
            "gcloud redis instances describe cart --region=r1 --project=p --format='value(state)'",
            "memorystore.state",
            {"instance": "cart", "region": "r1", "project": "p"},
        ),
        ("gcloud redis instances list --region=r1", "memorystore.instances", {"region": "r1"}),
    ],
)
def test_commands_that_are_answered(text: str, name: str, target: dict[str, str]) -> None:
    found = meant(text)
    assert found is not None and (found.name, dict(found.target)) == (name, target)


def test_what_is_not_the_same_is_said() -> None:
    described = meant("gcloud redis instances describe cart --region=r1")
    listed = meant("gcloud redis instances list --region=r1 --filter=state:READY")
    assert described is not None and "memory in use is a metric" in described.differs
    assert listed is not None and "not applied" in listed.differs


@pytest.mark.parametrize(
    "text",
    [
        "gcloud redis instances describe cart other --region=r1",
        "gcloud redis instances describe",
        "gcloud redis instances get-auth-string cart --region=r1",
        "gcloud redis instances describe cart --region=r1 --impersonate-service-account=a@b",
        "gcloud redis operations list --region=r1",
        "gcloud memcache instances list --region=r1",
    ],
)
def test_commands_that_look_alike(text: str) -> None:
    assert meant(text) is None
