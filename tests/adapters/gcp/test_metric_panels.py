"""Answers become panels: cut by service, labelled, in order, never more lines than can be told apart."""

from __future__ import annotations

from cockpit.adapters.gcp.metricpanels import SERIES, Answered, observed, panels_of
from cockpit.adapters.gcp.metricqueries import Cut, MetricQuery
from cockpit.errors import PermissionDenied
from cockpit.model.metrics import MetricsStatus, bound_in_unit, in_unit
from cockpit.model.point import Point
from cockpit.model.severity import Severity

NOW = 1_800_000_000.0
SERVICE, CODE = "resource.labels.service_name", "metric.labels.response_code_class"


def line(value: float = 1.0, *, at: float = NOW - 30, **labels: str) -> Answered:
    names = {"service": SERVICE, "code": CODE, "revision": "resource.labels.revision_name"}
    return Answered({names[name]: text for name, text in labels.items()}, (Point(at - 60, value), Point(at, value)))


def query(*cuts: Cut, by: tuple[str, ...] = (SERVICE, CODE), **others: object) -> MetricQuery:
    return MetricQuery("m/x", "filter", "ALIGN_RATE", "REDUCE_SUM", by, cuts, **others)  # type: ignore[arg-type]  # as given


def cut(name: str, number: int = 0, line_: str = "") -> Cut:
    return Cut(name, name, (number, 0), ((SERVICE, name),), line_)


def test_each_service_gets_its_own_series_under_what_tells_them_apart():
    asked = query(cut("web", 1), cut("api", 0))
    answer = [line(service="web", code="2xx"), line(service="api", code="5xx"), line(service="web", code="5xx")]
    panels, notes = panels_of([asked], {0: answer}, NOW)
    assert [panel.title for panel in panels] == ["api", "web"]
    assert [series.label for series in panels[1].series] == ["2xx", "5xx"]
    assert notes == ()


def test_two_questions_are_lines_of_one_panel():
    one, two = query(cut("api", 0, "P99")), query(cut("api", 0, "P95"))
    panels, _ = panels_of([one, two], {0: [line(service="api")], 1: [line(service="api")]}, NOW)
    assert [[series.label for series in panel.series] for panel in panels] == [["P95", "P99"]]


def test_a_panel_that_failed_says_so_and_leaves_the_others_alone():
    denied = PermissionDenied("denied", missing="x.y", hint="ask")
    panels, _ = panels_of([query(cut("api")), query(cut("web"))], {0: denied, 1: [line(service="web")]}, NOW)
    assert (panels[0].failure, panels[0].hint, panels[0].severity) == ("denied", "ask", Severity.UNKNOWN)
    assert (panels[1].failure, panels[1].severity) == ("", Severity.OK)


def test_a_question_without_an_answer_came_too_late():
    panels, _ = panels_of([query(cut("api"))], {}, NOW)
    assert "deadline" in panels[0].failure


def test_what_not_every_service_has_makes_no_panel():
    asked = query(cut("api"), cut("web"), optional=True)
    panels, _ = panels_of([asked], {0: [line(service="web")]}, NOW)
    assert [panel.title for panel in panels] == ["web"]


def test_only_the_largest_lines_are_kept_and_the_rest_counted():
    many = [line(float(number), service="api", code=f"c{number:02d}") for number in range(SERIES + 5)]
    ended = line(99.0, at=NOW - 900, service="api", code="ended")
    (panel,), _ = panels_of([query(cut("api"))], {0: [*many, ended]}, NOW)
    assert (len(panel.series), panel.more) == (SERIES, 6)
    assert {series.label for series in panel.series} == {f"c{number:02d}" for number in range(5, SERIES + 5)}


def test_series_that_were_not_reduced_are_told_apart_by_what_differs():
    asked = MetricQuery("m/x", "f", "ALIGN_MEAN", "REDUCE_NONE", (), (Cut("k", "t", (0, 0)),))
    answer = [line(service="api", revision="r1"), line(service="api", revision="r2")]
    (panel,), _ = panels_of([asked], {0: answer}, NOW)
    assert [series.label for series in panel.series] == ["r1", "r2"]


def test_points_of_the_future_are_left_out_and_mentioned():
    ahead = Answered({SERVICE: "api"}, (Point(NOW - 60, 1.0), Point(NOW + 3600, 9.0)))
    (panel,), notes = panels_of([query(cut("api"))], {0: [ahead]}, NOW)
    assert panel.newest == NOW - 60
    assert "future" in notes[0]


def test_an_empty_series_is_no_series():
    (panel,), _ = panels_of([query(cut("api"))], {0: [Answered({SERVICE: "api"}, ())]}, NOW)
    assert (panel.series, panel.severity) == ((), Severity.UNKNOWN)


def test_the_summary_names_what_is_worst():
    asked = [query(cut("api"), warn="> 0.8", unit="%"), query(cut("web"))]
    panels, notes = panels_of(asked, {0: [line(0.91, service="api")], 1: [line(service="web")]}, NOW)
    seen = observed("p", panels, 3600.0, notes)
    assert (seen.severity, seen.summary) == (Severity.WARN, "api 91 %")
    missing = observed("p", panels_of(asked, {1: [line(service="web")]}, NOW)[0], 3600.0, ())
    assert (missing.severity, missing.summary) == (Severity.UNKNOWN, "1 of 2 panels unknown")


def test_a_board_without_a_panel_says_why():
    seen = observed("p", (), 3600.0, ())
    assert isinstance(seen.payload, MetricsStatus)
    assert "no panel" in seen.payload.notes[0]


def test_values_are_written_in_their_unit():
    said = [
        in_unit(0.913, "%"),
        in_unit(2841, "ms"),
        in_unit(41.25, "1/s"),
        in_unit(3 * 2**20, "B"),
        in_unit(None, ""),
    ]
    assert said == ["91.3 %", "2.84 s", "41.2/s", "3 MB", "–"]
    assert [in_unit(value, "") for value in (0.0, 912, 18_240, 4_100_000, 0.00004)] == [
        "0",
        "912",
        "18.2k",
        "4.1M",
        "4e-05",
    ]
    for unit in ("", "%", "ms", "B", "1/s"):
        assert [in_unit(float(each), unit) for each in ("nan", "inf", "-inf")] == ["–"] * 3
    assert (bound_in_unit(">= 0.8", "%"), bound_in_unit("", "%")) == (">= 80 %", "")
