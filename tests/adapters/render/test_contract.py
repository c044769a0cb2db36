"""What the adapter sends and what the sandbox answers, against what Render publishes.

Facts were recorded from the clients that Render generates of its API description (github.com/render-oss/cli:
pkg/client/types_gen.go, logs/logs_gen.go, metrics/metrics_gen.go, postgres/postgres_gen.go, events/events_gen.go; and
render-oss/terraform-provider-render: internal/client) and from api-docs.render.com/reference, pages named as the
operations are. Where only a page says it, it stands in the last column.
"""

from __future__ import annotations

import httpx
import pytest

from cockpit.adapters.render import asking
from cockpit.adapters.render.changing import Asked
from cockpit.sandbox.render.operations import OPERATIONS, operation_of
from cockpit.sandbox.render.server import KEY
from tests.adapters.render.conftest import Desk

# Operation, method, path, status of success, fields of its body that must be there.
RECORDED = """
list-owners POST? GET /owners 200
retrieve-service GET /services/{serviceId} 200
update-service PATCH /services/{serviceId} 200
list-deploys GET /services/{serviceId}/deploys 200
create-deploy POST /services/{serviceId}/deploys 201
retrieve-deploy GET /services/{serviceId}/deploys/{deployId} 200
rollback-deploy POST /services/{serviceId}/rollback 201 deployId
get-env-vars-for-service GET /services/{serviceId}/env-vars 200
list-events GET /services/{serviceId}/events 200
list-instances GET /services/{serviceId}/instances 200
restart-service POST /services/{serviceId}/restart 200
scale-service POST /services/{serviceId}/scale 202 numInstances
suspend-service POST /services/{serviceId}/suspend 202
resume-service POST /services/{serviceId}/resume 202
retrieve-postgres GET /postgres/{postgresId} 200
retrieve-postgres-recovery-info GET /postgres/{postgresId}/recovery 200
recover-postgres POST /postgres/{postgresId}/recovery 200 restoreTime
list-postgres-export GET /postgres/{postgresId}/export 200
create-postgres-export POST /postgres/{postgresId}/export 202
retrieve-key-value GET /key-value/{keyValueId} 200
list-logs GET /logs 200
get-cpu GET /metrics/cpu 200
get-cpu-limit GET /metrics/cpu-limit 200
get-memory GET /metrics/memory 200
get-memory-limit GET /metrics/memory-limit 200
get-http-requests GET /metrics/http-requests 200
get-http-latency GET /metrics/http-latency 200
get-active-connections GET /metrics/active-connections 200
""".replace(" POST?", "")
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


def test_the_table_is_what_was_recorded() -> None:
    recorded = {line.split()[0]: line.split()[1:] for line in RECORDED.strip().splitlines()}
    table = {each.id: [each.method, each.path, str(each.status), *each.needs] for each in OPERATIONS}
    assert table == recorded


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
