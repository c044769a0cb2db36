"""What a project has beside its services, from the local control plane, and from answers that are no good."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.adapters.gcp.estate import Estate, package_of
from cockpit.clock import SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    Malformed,
    NotFound,
    PermissionDenied,
    RateLimited,
    Refused,
    Unreachable,
)
from cockpit.model.severity import Severity
from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.http import Response

from .conftest import Front

REGION = "europe-west1"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED: dict[str, tuple[str, Callable[[Estate], Any]]] = {
    "run.domainmappings.list": ("roles/run.viewer", lambda estate: estate.domains(REGION)),
    "vpcaccess.connectors.list": ("roles/vpcaccess.viewer", lambda estate: estate.connectors(REGION)),
    "compute.instances.list": ("roles/compute.viewer", lambda estate: estate.machines()),
    "compute.projects.get": ("roles/compute.viewer", lambda estate: estate.quotas()),
    "artifactregistry.versions.list": (
        "roles/artifactregistry.reader",
        lambda estate: estate.versions("gcr.io/demo-shop/api"),
    ),
    "container.clusters.get": ("roles/container.clusterViewer", lambda estate: estate.cluster(REGION, "main")),
}


@pytest.fixture
async def estate(plane: ControlPlane, front: Front) -> AsyncIterator[Estate]:
    plane.estate.seed_domain("www.shop.example", "shop")
    plane.estate.seed_domain("new.shop.example", "shop", certified=False)
    plane.estate.seed_connector("inside")
    plane.estate.seed_connector("broken", state="ERROR")
    plane.estate.seed_cluster("main", REGION, "203.0.113.9")
    for days, tags in ((9, ("v1", "latest")), (2, ("v2", "latest"))):
        plane.estate.seed_image("gcr.io", "api", "us", tags, NOW - timedelta(days=days))
    plane.compute.seed_machine("bastion", f"{REGION}-b", "10.0.0.9")
    plane.compute.seed_machine("old", f"{REGION}-c", "10.0.0.10", status="TERMINATED")
    plane.compute.quotas += [
        {"metric": "SNAPSHOTS", "limit": 100, "usage": 3},
        {"metric": "CPUS_ALL_REGIONS", "limit": 12, "usage": 11.5},
        {"metric": "IMAGES", "limit": 100, "usage": 0},
    ]
    made = Estate("demo-shop", REGION, front.url, 3, SystemClock())
    yield made
    await made.close()


async def test_domain_mappings_say_how_their_certificates_are(estate: Estate) -> None:
    ready, waiting = (await estate.domains(REGION)).things
    assert (ready.name, ready.state, ready.severity) == ("www.shop.example", "ready", Severity.OK)
    assert ready.facts == ("to shop", "certificate by Google, renewed by itself")
    assert ready.lines[-1] == "record: www CNAME ghs.googlehosted.com."
    assert (waiting.state, waiting.severity) == ("pending", Severity.WARN)
    assert waiting.facts[-1] == "CertificatePending: Waiting for DNS records."
    assert any(line.startswith("CertificateProvisioned: pending, CertificatePending") for line in waiting.lines)
    assert any(line.startswith("DomainRoutable: ready, since ") for line in waiting.lines)


async def test_connectors(estate: Estate) -> None:
    inside, broken = (await estate.connectors(REGION)).things
    assert (inside.name, inside.state, inside.severity) == ("inside", "READY", Severity.OK)
    assert inside.facts == ("network default 10.8.0.0/28", "2 to 3 instances of e2-micro", "up to 300 Mbit/s")
    assert inside.lines == ("used by: demo-shop",)
    assert broken.severity is Severity.CRIT
    assert (await estate.connectors("europe-north1")).things == ()


async def test_machines_of_all_zones(estate: Estate) -> None:
    bastion, old = (await estate.machines()).things
    assert (bastion.name, bastion.state) == ("bastion", "RUNNING")
    assert bastion.facts == (f"{REGION}-b", "e2-small", "at 10.0.0.9")
    assert (old.state, old.severity) == ("TERMINATED", Severity.OK)


async def test_quotas_that_are_used_the_fullest_first(estate: Estate) -> None:
    full, some = (await estate.quotas()).things
    assert (full.name, full.state, full.severity, full.facts) == (
        "CPUS_ALL_REGIONS",
        "96%",
        Severity.WARN,
        ("11.5 of 12",),
    )
    assert (some.name, some.severity) == ("SNAPSHOTS", Severity.OK)


async def test_versions_of_an_image_the_newest_first_with_their_tags(estate: Estate) -> None:
    newest, before = (await estate.versions("gcr.io/demo-shop/api:v2")).things
    assert newest.name.startswith("sha256:") and newest.state == "v2, latest"
    assert newest.facts == ("2026-02-27 12:00 UTC", "48 MB")
    assert before.state == "v1"
    with pytest.raises(NotFound):
        await estate.versions("gcr.io/demo-shop/nothing")


async def test_a_cluster(estate: Estate) -> None:
    found = await estate.cluster(REGION, "main")
    assert (found.context, found.addresses) == ("gke_demo-shop_europe-west1_main", ("203.0.113.9",))
    assert found.authority.startswith("-----BEGIN CERTIFICATE-----") and found.state == "RUNNING"
    with pytest.raises(NotFound):
        await estate.cluster(REGION, "other")


@pytest.mark.parametrize(
    ("image", "package"),
    [
        ("gcr.io/p/api", "projects/p/locations/us/repositories/gcr.io/packages/api"),
        ("eu.gcr.io/p/team/api:v1", "projects/p/locations/europe/repositories/eu.gcr.io/packages/team%2Fapi"),
        ("us-west4-docker.pkg.dev/p/r/api@sha256:00", "projects/p/locations/us-west4/repositories/r/packages/api"),
    ],
)
def test_an_image_is_a_package(image: str, package: str) -> None:
    assert package_of(image) == package


@pytest.mark.parametrize(
    "image", ["docker.io/library/redis", "redis:7", "gcr.io/p", "gcr.io/p/a?b", "localhost:5000/a"]
)
def test_another_registry_is_refused(image: str) -> None:
    with pytest.raises(Refused, match="no registry of Google's"):
        package_of(image)


@pytest.mark.parametrize("permission", ASKED)
async def test_a_missing_permission_is_named_with_its_role(
    plane: ControlPlane, estate: Estate, permission: str
) -> None:
    role, ask = ASKED[permission]
    plane.permissions.revoke(permission)
    with pytest.raises(PermissionDenied) as caught:
        await ask(estate)
    assert caught.value.missing == permission and role in caught.value.hint


@pytest.mark.parametrize("permission", ASKED)
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"items": [', Malformed),
        (200, b"[]", Malformed),
        (401, b"{}", AuthenticationFailed),
        (429, b"{}", RateLimited),
        (500, b"{}", Unreachable),
    ],
)
async def test_what_goes_wrong_is_told(
    front: Front, estate: Estate, permission: str, status: int, body: bytes, error: type[Exception]
) -> None:
    front.fail("GET", "/", *[Response(status, body, (("retry-after", "60"),))] * 3)
    with pytest.raises(error):
        await ASKED[permission][1](estate)


async def test_answers_of_another_shape_are_told_as_far_as_they_go(front: Front, estate: Estate) -> None:
    odd: dict[str, object] = {
        "items": [{"metadata": 1, "spec": [], "status": {"conditions": {}, "resourceRecords": [3]}}, 7],
        "unreachable": ["projects/p/locations/europe-west1"],
        "metadata": {"continue": "more"},
    }
    front.fail("GET", "domainmappings", Response(200, json.dumps(odd).encode()))
    found = await estate.domains(REGION)
    assert (found.silent, found.cut) == ((REGION,), True)
    assert [(each.name, each.state) for each in found.things] == [("", "pending")]
    page = {"items": {"zones/a": {"instances": [{"name": "one"}]}, "zones/b": []}, "nextPageToken": "x"}
    last = {
        "items": {"zones/c": {"instances": [{"name": "two\x1b[2J", "status": "REPAIRING"}]}},
        "unreachables": ["z/d"],
    }
    front.fail("GET", "aggregated", *(Response(200, json.dumps(each).encode()) for each in (page, last)))
    machines = await estate.machines()
    assert [each.severity for each in machines.things] == [Severity.OK, Severity.WARN]
    assert "\x1b" not in machines.things[1].name and machines.silent == ("d",)
    assert front.sent("GET", "aggregated")[1].query["pageToken"] == "x"


async def test_names_of_a_runbook_stay_one_part_of_the_path(front: Front, estate: Estate) -> None:
    front.fail("GET", "clusters", Response(200, b"{}"))
    found = await estate.cluster("../../other", "main?x=1")
    assert front.requests[-1].path.endswith("/projects/demo-shop/locations/../../other/clusters/main?x=1")
    assert not front.requests[-1].query
    assert (found.addresses, found.authority, found.state) == ((), "", "unknown")
