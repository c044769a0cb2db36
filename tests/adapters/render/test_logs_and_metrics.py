"""Logs are followed by their cursor within their own limit; metrics are shares of what the plan allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cockpit.adapters.render.logs import PAGE, entry_of, pairs_of
from cockpit.adapters.render.series import measured, newest_by_resource
from cockpit.errors import AuthenticationFailed, Misconfigured, RateLimited
from cockpit.model.logs import Level
from cockpit.model.metrics import MetricsStatus
from cockpit.model.render import RenderStatus
from cockpit.model.severity import Severity
from cockpit.sandbox.http import Request
from cockpit.sandbox.render.estate import stamp
from cockpit.sandbox.render.operations import Operation
from tests.adapters.render.conftest import Desk


async def test_entries_come_once_in_the_order_of_their_times(desk: Desk) -> None:
    log, estate = desk.log(), desk.plane.estate
    estate.write("srv-booking", "one")
    estate.write("srv-mailer", '{"level": "error", "msg": "two", "seat": 4}')
    assert [each.message for each in (await log.read()).entries] == ["one", "two"]
    assert (await log.read()).entries == ()
    estate.write("srv-booking", "three", "warning")
    (entry,) = (await log.read()).entries
    assert (entry.message, entry.level, entry.origin) == ("three", Level.WARNING, "srv-booking-abcde")


async def test_a_late_entry_is_not_lost(desk: Desk) -> None:
    log, estate = desk.log(), desk.plane.estate
    estate.write("srv-booking", "now")
    await log.read()
    estate.write("srv-booking", "late")
    estate.logs[-1]["timestamp"] = stamp(datetime.now(UTC) - timedelta(seconds=3))
    estate.logs.sort(key=lambda each: each["timestamp"])
    assert [each.message for each in (await log.read()).entries] == ["late"]


async def test_a_burst_is_read_to_its_end(desk: Desk) -> None:
    log, estate = desk.log(), desk.plane.estate
    for number in range(7 * PAGE):
        estate.write("srv-booking", f"line {number}")
    first = await log.read()
    assert (len(first.entries) >= 4 * PAGE, first.more) == (True, True)
    found = [each.message for each in first.entries]
    while first.more:
        first = await log.read()
        found += [each.message for each in first.entries]
    assert found == [f"line {number}" for number in range(7 * PAGE)]


async def test_one_service_and_a_filter(desk: Desk) -> None:
    estate = desk.plane.estate
    estate.write("srv-booking", "good")
    estate.write("srv-booking", "bad", "error")
    estate.write("srv-mailer", "bad too", "error")
    log = desk.log(service="srv-booking", filter="level=error,critical type=app")
    assert [each.message for each in (await log.read()).entries] == ["bad"]
    assert "srv-booking at 127.0.0.1" in log.origin
    found = await desk.log().query("level=error bad", 10, 600.0, True)
    assert [each.message for each in found.entries] == ["bad too", "bad"]
    found = await desk.log().query("resource=srv-mailer", 10, 600.0, True)
    assert [each.message for each in found.entries] == ["bad too"]
    with pytest.raises(Misconfigured, match="srv-other is not in"):
        await desk.log().query("resource=srv-other", 10, 600.0, True)
    with pytest.raises(Misconfigured, match="no filter of Render's logs"):
        pairs_of("severity=error")
    with pytest.raises(Misconfigured, match="is not in"):
        desk.log(service="srv-other")
    assert (await log.diagnose())[0].ok is True


async def test_a_limit_is_a_note_first_and_a_failure_later(desk: Desk) -> None:
    log = desk.log()
    desk.plane.limits["logs"] = 0
    batch = await log.read()
    assert batch.entries == ()
    assert "30 reads of logs a minute" in batch.notes[0]
    log._answered_at -= 120.0
    with pytest.raises(RateLimited):
        await log.read()
    desk.plane.limits["reads"] = 400
    assert (await desk.api.record("/services/srv-booking"))["id"] == "srv-booking", "another limit"


async def test_logs_without_a_key_say_so(desk: Desk) -> None:
    desk.plane.keys.clear()
    with pytest.raises(AuthenticationFailed):
        await desk.log().read()
    assert (await desk.log().diagnose())[0].ok is False


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"timestamp": 5, "message": None, "labels": "x"},
        {"timestamp": "2026-05-04T03:20:00.123456789Z", "message": {"a": 1}, "labels": [{"name": 1}]},
        {"timestamp": "2026-05-04T03:20:00Z", "message": "\x1b[31mred\x1b[0m\nnext \u202e", "labels": []},
        {"timestamp": "2026-05-04T03:20:00Z", "message": "", "labels": [{"name": "statusCode", "value": "502"}]},
    ],
)
def test_any_entry_is_a_clean_line(raw: dict[str, object]) -> None:
    entry = entry_of(raw)
    assert "\x1b" not in repr(entry)
    assert "\n" not in entry.message
    assert "\u202e" not in entry.message


def test_a_request_that_failed_is_an_error() -> None:
    labels = [
        {"name": "statusCode", "value": "502"},
        {"name": "path", "value": "/x"},
        {"name": "type", "value": "request"},
    ]
    entry = entry_of({"timestamp": "2026-05-04T03:20:00Z", "message": "GET /x", "labels": labels})
    assert (entry.status, entry.level) == (502, Level.ERROR)
    assert '"path": "/x"' in entry.fields


async def test_panels_are_shares_with_bounds(desk: Desk) -> None:
    found = await desk.board.probe()
    assert isinstance(found.payload, MetricsStatus)
    assert found.severity is Severity.OK
    cpu = found.payload.panel("cpu")
    assert cpu is not None
    assert [(each.label, round(each.points[-1].value, 2)) for each in cpu.series] == [
        ("booking-api", 0.21),
        ("booking-mailer", 0.2),
    ]
    assert (cpu.unit, cpu.warn) == ("%", "> 0.8")
    connections = found.payload.panel("active-connections")
    assert connections is not None
    assert [each.label for each in connections.series] == ["booking-db"], "the cache's limit is not known"
    assert (await desk.board.diagnose())[0].ok is True


async def test_a_bound_that_is_broken_is_told(desk: Desk) -> None:
    desk.plane.estate.levels["memory", "srv-booking"] = 1.8e9
    desk.plane.estate.levels["active-connections", "dpg-booking"] = 199.0
    found = await desk.board.probe()
    assert isinstance(found.payload, MetricsStatus)
    severities = {panel.key: panel.severity for panel in found.payload.panels}
    assert severities["memory"] is Severity.WARN
    assert severities["active-connections"] is Severity.CRIT
    assert found.severity is Severity.CRIT


async def test_one_request_a_metric_however_many_services(desk: Desk) -> None:
    board = desk.board
    await board.probe()
    before = len(desk.plane.requests)
    await board.probe()
    assert len(desk.plane.requests) - before == 7


async def test_series_that_do_not_say_whose_they_are_are_asked_for_apart(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = desk.plane._metric

    def nameless(operation: Operation, request: Request) -> object:
        return [{**each, "labels": []} for each in played(operation, request)]

    monkeypatch.setattr(desk.plane, "_metric", nameless)
    board = desk.board
    found = await board.probe()
    assert isinstance(found.payload, MetricsStatus)
    memory = found.payload.panel("memory")
    assert memory is not None
    assert [(each.label, round(each.points[-1].value, 2)) for each in memory.series] == [
        ("booking-api", 0.45),
        ("booking-mailer", 0.4),
    ]
    before = desk.asked("get-memory")
    await board.probe()
    assert desk.asked("get-memory") == before + 2, "and the question for both is not asked again"
    status = (await desk.estate.probe()).payload
    assert isinstance(status, RenderStatus)
    assert [each.connections for each in status.stores] == [41, 12]


async def test_a_panel_fails_alone(desk: Desk) -> None:
    desk.plane.denied.add("get-http-latency")
    found = await desk.board.probe()
    assert isinstance(found.payload, MetricsStatus)
    failed = [panel.key for panel in found.payload.panels if panel.failure]
    assert failed == ["http-latency"]
    assert found.severity is Severity.UNKNOWN
    desk.plane.keys.clear()
    with pytest.raises(AuthenticationFailed):
        await desk.board.probe()


@pytest.mark.parametrize(
    "raw",
    [None, [], {}, [None], [{"values": 5}], [{"values": [{"timestamp": "x", "value": 1}]}],
     [{"values": [{"timestamp": "2026-05-04T03:20:00Z", "value": float("nan")}]}],
     [{"values": [{"timestamp": "2026-05-04T03:20:00Z", "value": True}]}]],
)  # fmt: skip
def test_series_of_another_shape_are_none(raw: object) -> None:
    assert measured(raw) == []
    assert newest_by_resource(measured(raw), ["srv-1"]) == {}


def test_a_series_belongs_to_the_resource_of_its_labels() -> None:
    values = [{"timestamp": "2026-05-04T03:20:00Z", "value": 2}, {"timestamp": "2026-05-04T03:19:00Z", "value": 9}]
    raw = [
        {"labels": [{"field": "instance", "value": "dpg-1-x7f"}], "unit": "count", "values": values},
        {"labels": [{"field": "resource", "value": "dpg-12"}], "unit": "count", "values": values[1:]},
        {"labels": [{"field": "resource", "value": "dpg-unknown"}], "unit": "count", "values": values},
    ]
    assert newest_by_resource(measured(raw), ["dpg-1", "dpg-12"]) == {"dpg-1": 2.0, "dpg-12": 9.0}
