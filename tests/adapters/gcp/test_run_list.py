"""The services of a project in all regions: read from the local Cloud Run, and what else the API may answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from cockpit.adapters.gcp.run import CloudRunService
from cockpit.adapters.gcp.runlist import SERVICES, brief_of, services_of
from cockpit.adapters.gcp.transport import GoogleApi
from cockpit.errors import PermissionDenied
from cockpit.model.revisions import ServiceBrief
from cockpit.sandbox.gcp.model import Template
from cockpit.sandbox.gcp.server import ControlPlane


async def test_services_of_all_regions_are_listed(adapter: CloudRunService, plane: ControlPlane) -> None:
    made = datetime.now(UTC)
    plane.region("us-east1").seed("shop", Template("reg/shop:v9"), created=made, creator="ann@shop.example")
    found, silent = await adapter.services()
    assert [(each.region, each.name, each.state) for each in found] == [
        (plane.run.region, "shop", "ready"), ("us-east1", "shop", "ready"),
    ]  # fmt: skip
    assert found[1].latest_ready in plane.region("us-east1").services["shop"].revisions and silent == []
    plane.permissions.revoke("run.services.list")
    with pytest.raises(PermissionDenied) as refused:
        await adapter.services()
    assert "run.services.list" in refused.value.message and "roles/run.viewer" in refused.value.hint


class Pages:
    """Answers one page after the other and keeps what it was asked."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = list(pages)
        self.asked: list[dict[str, str]] = []

    async def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        assert path == "/v1/projects/p/locations/-/services"
        self.asked.append(dict(query))
        return self.pages.pop(0)


def named(name: str, region: str = "r1") -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"cloud.googleapis.com/location": region}}}


async def test_pages_are_followed_and_regions_that_were_silent_named() -> None:
    api = Pages(
        {"items": [named("b"), named("a")], "metadata": {"continue": "more"}, "unreachable": ["us-west9"]},
        {"items": [named("z", "r0")], "unreachable": ["us-west9", 7]},
    )
    found, silent = await services_of(cast("GoogleApi", api), "p")
    assert [(each.region, each.name) for each in found] == [("r0", "z"), ("r1", "a"), ("r1", "b")]
    assert list(silent) == ["us-west9"]
    assert [each.get("continue") for each in api.asked] == [None, "more"]


async def test_no_more_than_five_hundred_are_read() -> None:
    page = {"items": [named(f"s{number}") for number in range(300)], "metadata": {"continue": "more"}}
    api = Pages(page, page, page)
    found, _ = await services_of(cast("GoogleApi", api), "p")
    assert (len(found), len(api.asked)) == (SERVICES, 2)


@pytest.mark.parametrize(
    ("conditions", "state", "said"),
    [
        ([{"type": "Ready", "status": "True", "message": "fine"}], "ready", ""),
        (
            [{"type": "Ready", "status": "False", "reason": "Bad", "message": "no \x1b[31mport"}],
            "failed",
            "Bad: no port",
        ),
        ([{"type": "Ready", "status": "Unknown"}], "deploying", ""),
        ([{"type": "RoutesReady", "status": "True"}], "unknown", ""),
        ("nonsense", "unknown", ""),
    ],
)
def test_what_a_service_says_of_itself(conditions: object, state: str, said: str) -> None:
    found = brief_of({**named("shop"), "status": {"conditions": conditions}})
    assert found == ServiceBrief("shop", "r1", state, said)


def test_a_change_that_is_not_seen_to_its_end_is_under_way() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 3}
    assert brief_of({"metadata": {"generation": 4}, "status": ready}).state == "deploying"
    assert brief_of({}) == ServiceBrief("", "", "unknown")
