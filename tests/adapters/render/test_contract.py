"""What the adapter sends and what the sandbox answers, against what Render publishes.

facts.tsv was read from the client that Render generates of its API description and ships as PyPI's package render
(1.5.0, render/public_api): query, fields of the body (* required), status codes, and the properties of a success
(* always there), behind the name under which a page has them. Its metrics name no 401 and 429, create-deploy names no
403; api-docs.render.com/reference/introduction has those for all. Retry-After of a 429 and 30 reads of logs a minute
are in neither: the adapter goes on without them.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from cockpit.adapters.render import asking
from cockpit.adapters.render.changing import Asked
from cockpit.sandbox.render.estate import OWNER
from cockpit.sandbox.render.operations import OPERATIONS, operation_of
from cockpit.sandbox.render.server import KEY
from tests.adapters.render.conftest import Desk

COLUMNS, *ROWS = (line.split("\t") for line in Path(__file__).with_name("facts.tsv").read_text().splitlines())
FACTS = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in ROWS}
CHANGES = (
    asking.rollback("srv-booking", "dep-n0002"),
    asking.redeploy("srv-booking", clear=True, commit="abc"),
    asking.restart("srv-booking"),
    asking.scale("srv-booking", 3),
    asking.suspend("srv-booking"),
    asking.resume("srv-booking"),
    asking.maintenance("srv-booking", on=True, uri=""),
    asking.export("dpg-booking"),
)


def names(text: str) -> set[str]:
    return {each.removesuffix("*") for each in text.split()}


def required(text: str) -> set[str]:
    return {each.removesuffix("*") for each in text.split() if each.endswith("*")}


def test_the_table_fits_what_was_recorded() -> None:
    assert {each.id for each in OPERATIONS} == set(FACTS)
    for each in OPERATIONS:
        fact = FACTS[each.id]
        assert (each.method, each.path) == (fact["method"], fact["path"])
        assert str(each.status) in fact["statuses"].split(), each.id
        assert set(each.query) <= names(fact["query"]), each.id
        assert set(each.body or ()) <= names(fact["body"]), each.id
        assert set(each.needs) == required(fact["body"]), each.id


@pytest.mark.parametrize("name", [each.id for each in OPERATIONS if each.method == "GET"])
async def test_answers_have_published_fields_alone(desk: Desk, name: str) -> None:
    deploy = desk.plane.estate.services["srv-booking"].deploys[0].id
    store = "dpg-booking" if name == "get-active-connections" else "srv-booking"
    path = FACTS[name]["path"].format(
        serviceId="srv-booking", deployId=deploy, postgresId="dpg-booking", keyValueId="red-booking"
    )
    query = {"resource": store, "ownerId": OWNER}
    asked = {each: query[each] for each in names(FACTS[name]["query"]) & set(query)}
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
        answer = await client.get(desk.api.url(path), params=asked)
    assert answer.status_code == 200, answer.text
    inside, colon, fields = FACTS[name]["answer"].rpartition(": ")
    found = answer.json()
    for each in found if isinstance(found, list) else [found]:
        if colon:
            assert set(each) == {inside, "cursor"}
        assert set(each[inside] if colon else each) <= names(fields)


@pytest.mark.parametrize("asked", CHANGES, ids=lambda asked: f"{asked.method} {asked.path}")
async def test_each_change_fits_its_operation_and_is_accepted(desk: Desk, asked: Asked) -> None:
    found = operation_of(asked.method, asked.path)
    assert found is not None
    assert found[0].wrong(set(), dict(asked.body) if asked.body is not None else None) == ""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(
            asked.method,
            desk.api.url(asked.path),
            json=asked.body,
            headers={"Authorization": f"Bearer {KEY}"},
        )
    assert answer.status_code == found[0].status, answer.text
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= set(answer.headers)


async def test_all_that_is_read_fits_too(desk: Desk) -> None:
    await desk.estate.probe()
    await desk.board.probe()
    await desk.log().read()
    await desk.log().query("level=error text=x host=h statusCode=500 method=GET path=/ instance=i", 5, 60.0, True)
    await desk.estate.recovery("dpg-booking")
    await desk.estate.exports("dpg-booking")
    await desk.estate.diagnose()
    asked = {name for name, _ in desk.plane.requests}
    reads = {each.id for each in OPERATIONS if each.method == "GET"} - {"retrieve-deploy"}
    assert asked == reads, "each of them was asked, and answered: an unknown name of a query is 400"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/services/srv-booking/deploys?page=2", None, 400),
        ("GET", "/v1/services/srv-booking/deploys?limit=101", None, 400),
        ("POST", "/v1/services/srv-booking/rollback", {}, 400),
        ("POST", "/v1/services/srv-booking/rollback", {"deployId": "dep-none"}, 404),
        ("POST", "/v1/services/srv-booking/scale", {"numInstances": "3"}, 400),
        ("POST", "/v1/services/srv-booking/scale", {"numInstances": 0}, 400),
        ("POST", "/v1/services/srv-booking/restart", {"force": True}, 400),
        ("PATCH", "/v1/services/srv-mailer", {"serviceDetails": {"maintenanceMode": {"enabled": True}}}, 400),
        ("GET", "/v1/services/srv-none", None, 404),
        ("GET", "/v1/nothing", None, 404),
        ("GET", "/services/srv-booking", None, 404),
        ("GET", "/v1/logs?resource=srv-booking", None, 400),
        ("POST", "/v1/postgres/dpg-booking/recovery", {"restoreTime": "2001-01-01T00:00:00Z"}, 400),
    ],
)
async def test_what_does_not_fit_is_answered_as_render_answers(
    desk: Desk, method: str, path: str, body: object, status: int
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = await client.request(method, f"{desk.plane.url}{path}", json=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"id", "message"}, "the body of an error"


async def test_keys_and_limits(desk: Desk) -> None:
    url = desk.api.url("/services/srv-booking")
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url, headers={"Authorization": "Bearer other"})).status_code == 401
        desk.plane.limits["reads"] = 3
        answer = await client.get(url, headers={"Authorization": f"Bearer {KEY}"})
        assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, "0")
        answer = await client.get(url, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_deploys_have_a_limit_for_each_service(desk: Desk) -> None:
    desk.plane.limits["deploys"] = 1
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
        said = [
            (await client.post(desk.api.url(f"/services/{name}/suspend"))).status_code
            for name in ("srv-booking", "srv-booking", "srv-mailer")
        ]
    assert said == [202, 429, 202]


async def test_a_rollback_really_changes_what_is_live(desk: Desk) -> None:
    before = (await desk.estate.service("srv-booking")).live
    assert before is not None
    made = await desk.change.send(asking.rollback("srv-booking", "dep-n0002"))
    told: list[str] = []
    ended = await desk.change.deployed("srv-booking", made, 10.0, lambda said, seconds: told.append(said))
    after = (await desk.estate.service("srv-booking")).live
    assert after is not None
    assert (ended.status, after.id, after.trigger) == ("live", made, "rollback")
    assert after.version != before.version
    assert (await desk.estate.deploy("srv-booking", before.id)).status == "deactivated"
    assert set(told) <= {"update in progress"}, "a rollback builds nothing"
