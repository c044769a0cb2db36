"""The comparison sees what it is there for: another resource, another value, one request more or less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cockpit.sandbox.gcp.model import Scaling, Target

from .compare import differences
from .discovery import Discovery, Exchange
from .snapshot import changed, snapshot
from .world import MEMORYSTORE, POLICY, PROJECT, REGION, SECRET, World, world

SQL = "/sql/v1beta4/projects/p/instances/shop-db"
ALIKE = SQL.replace("/sql/v1beta4", "/v1")
BACKUP = Exchange("POST", f"{SQL}/backupRuns", {}, {"description": "before", "instance": "shop-db"})


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        ([replace(BACKUP)], set()),
        ([replace(BACKUP, path=f"{ALIKE}/backupRuns")], {"dialect sqladmin.v1beta4 sqladmin.v1"}),
        ([replace(BACKUP, body={"description": "x", "instance": "shop-db"})], {"body description"}),
        ([replace(BACKUP, body={**BACKUP.body, "location": "eu"})], {"body location"}),
        ([replace(BACKUP, query={"alt": "json"})], {"query alt"}),
        ([BACKUP, BACKUP], {"changes more than once"}),
        ([], {"does not: sends sql.backupRuns.insert"}),
        ([BACKUP, Exchange("GET", SQL, {})], {"also reads sql.instances.get"}),
        ([BACKUP, replace(BACKUP, query={"validateOnly": "true"})], {"rehearses"}),
    ],
)
def test_requests(discovery: Discovery, ours: list[Exchange], found: set[str]) -> None:
    assert differences(discovery, [BACKUP], ours) == found


def test_another_resource_is_another_request(discovery: Discovery) -> None:
    restart = Exchange("POST", f"{SQL}/restart", {})
    other = replace(restart, path=restart.path.replace("shop-db", "pay-db"))
    assert differences(discovery, [restart], [restart]) == set()
    found = {"also sends sql.instances.restart", "does not: sends sql.instances.restart"}
    assert differences(discovery, [restart], [other]) == found


def test_what_was_read_and_is_sent_back_is_no_difference_unless_it_is_other(discovery: Discovery) -> None:
    read = Exchange("GET", ALIKE, {}, None, 200, {"name": "shop-db", "settings": {"tier": "a", "pricing": "b"}})
    small = Exchange("PATCH", ALIKE, {}, {"settings": {"tier": "c"}})
    whole = Exchange("PATCH", ALIKE, {}, {"name": "shop-db", "settings": {"tier": "c", "pricing": "b"}})
    assert differences(discovery, [read, whole], [read, small]) == set()
    assert differences(discovery, [read, small], [read, whole]) == {"body name", "body settings.pricing"}
    dearer = replace(whole, body={"settings": {"tier": "c", "pricing": "dear"}})
    assert differences(discovery, [read, dearer], [read, small]) == {"body settings.pricing"}


def test_of_logs_the_entries_count(discovery: Discovery) -> None:
    def asked(bound: str, *entries: str) -> Exchange:
        body = {"filter": f'timestamp>="{bound}" AND severity>=ERROR', "pageSize": 5}
        answer = {"entries": [{"insertId": each} for each in entries]}
        return Exchange("POST", "/v2/entries:list", {}, body, 200, answer)

    assert differences(discovery, [asked("2026-01-01T00:00:00Z", "a")], [asked("2026-01-01T00:00:09Z", "a")]) == set()
    assert differences(discovery, [asked("2026", "a")], [asked("2026", "a", "b")]) == {"answer"}


def _traffic(at: World) -> None:
    at.plane.run.services["shop"].traffic = (Target(90), Target(10, "shop-00002-ccc"))


def _tag(at: World) -> None:
    at.plane.run.services["shop"].traffic = (Target(100), Target(0, "shop-00001-bbb", "canary"))


def _limit(at: World) -> None:
    at.plane.run.services["pay"].scaling = Scaling(max_instances=5)


def _memory(at: World) -> None:
    service = at.plane.run.services["pay"]
    service.template = replace(service.template, memory="1Gi")


def _zone(at: World) -> None:
    at.plane.sql.instances["shop-db"].zone = "elsewhere"


def _password(at: World) -> None:
    at.plane.sql.instances["pay-db"].users[0].set_password("made-up-password")


def _size(at: World) -> None:
    at.plane.memorystore.instances[f"projects/{PROJECT}/locations/{REGION}/instances/{MEMORYSTORE[0]}"].document[
        "memorySizeGb"
    ] = 9


def _rule(at: World) -> None:
    at.plane.compute.policies[POLICY].rules[1000]["action"] = "deny(404)"


def _version(at: World) -> None:
    at.plane.secrets.secrets[SECRET].versions[2].state = "DISABLED"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (_traffic, "run/shop/traffic"),
        (_tag, "run/shop/traffic"),
        (_limit, "run/pay/scaling/max"),
        (_memory, "run/pay/template/memory"),
        (_zone, "sql/shop-db/zone"),
        (_password, "sql/pay-db/passwords"),
        (_size, "redis/shop-redis/memorySizeGb"),
        (_rule, f"armor/{POLICY}/rules/1000/action"),
        (_version, f"secret/{SECRET}/2"),
    ],
)
async def test_states(change: Callable[[World], Any], path: str) -> None:
    async with world() as one, world() as other:
        assert changed(snapshot(one), snapshot(other)) == {}, "two new worlds are the same"
        before = snapshot(one)
        change(one)
        assert list(changed(before, snapshot(one))) == [path]
