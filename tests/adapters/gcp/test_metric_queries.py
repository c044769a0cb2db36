"""What a profile asks of Cloud Monitoring: one question a metric, whatever the number of services."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cockpit.adapters.gcp.metricqueries import MetricQuery, filter_of, guarded, queries_of
from cockpit.profile.schema import Profile

RUN = {"project": "p", "region": "europe-west1"}
PANEL = {"title": "Mails", "metric": "custom.googleapis.com/mail/waiting"}


def profile(**tables: Any) -> Profile:
    board = {"name": "board", "project": "p", **tables.pop("board", {})}
    return Profile.model_validate({"system": "shop", "environment": "test", "metrics": [board], **tables})


def queries(**tables: Any) -> tuple[MetricQuery, ...]:
    made = profile(**tables)
    return queries_of(made, made.metrics[0])


def by_title(found: tuple[MetricQuery, ...]) -> dict[str, MetricQuery]:
    return {cut.title: query for query in found for cut in query.cuts}


def test_services_share_the_questions():
    one = queries(cloud_run=[{"name": "api", "service": "api", **RUN}])
    three = queries(cloud_run=[{"name": name, "service": name, **RUN} for name in ("api", "web", "jobs")])
    assert len(one) == len(three)
    requests = by_title(three)["web requests"]
    assert 'resource.labels.service_name = one_of("api", "web", "jobs")' in requests.filter
    assert requests.by[:2] == ("resource.labels.service_name", "resource.labels.location")
    cut = next(cut for cut in requests.cuts if cut.title == "web requests")
    assert dict(cut.where) == {
        "resource.labels.service_name": "web", "resource.labels.location": "europe-west1"
    }  # fmt: skip


def test_the_panels_of_one_service_stand_together():
    found = queries(cloud_run=[{"name": name, "service": name, **RUN} for name in ("api", "web")])
    cuts = sorted((cut for query in found for cut in query.cuts), key=lambda cut: cut.order)
    assert [cut.title.split()[0] for cut in cuts] == ["api"] * 7 + ["web"] * 7


def test_a_percentile_is_taken_over_all_series_and_never_of_percentiles():
    found = queries(cloud_run=[{"name": "api", "service": "api", **RUN}])
    latencies = [query for query in found if query.metric.endswith("request_latencies")]
    assert {(query.aligner, query.reducer, query.cuts[0].line) for query in latencies} == {
        ("ALIGN_DELTA", "REDUCE_PERCENTILE_99", "P99"), ("ALIGN_DELTA", "REDUCE_PERCENTILE_95", "P95")
    }  # fmt: skip
    assert len({query.cuts[0].key for query in latencies}) == 1, "both are lines of one panel"


def test_instances_are_named_as_monitoring_names_them():
    found = by_title(
        queries(
            cloud_sql=[{"name": "orders", "project": "p", "instance": "orders-db"}],
            memorystore=[{"name": "cart", "project": "p", "region": "r", "instance": "cart-1"}],
        )
    )
    assert 'resource.labels.database_id = "p:orders-db"' in found["orders SQL CPU"].filter
    assert 'instance_id = "projects/p/locations/r/instances/cart-1"' in found["cart Redis memory"].filter
    assert found["orders SQL replication lag"].optional, "a primary has none"


def test_services_of_another_project_are_not_asked_for():
    other = {"name": "api", "service": "api", "project": "q", "region": "r"}
    assert queries(cloud_run=[other]) == ()
    assert queries(cloud_run=[{**other, "project": "p"}], board={"builtin": False}) == ()


def test_own_panels_come_first_with_their_labels():
    panel = {
        **PANEL, "resource": "generic_task", "labels": {"metric.labels.queue": 'a"b\\'}, "align": "max",
        "by": ["metric.labels.kind"], "warn": "> 5", "for": "5m",
    }  # fmt: skip
    (own,) = queries(board={"panel": [panel]})
    assert own.filter == (
        'metric.type = "custom.googleapis.com/mail/waiting" AND resource.type = "generic_task" '
        'AND metric.labels.queue = "a\\"b\\\\"'
    )
    assert (own.aligner, own.reducer, own.by) == ("ALIGN_MAX", "REDUCE_SUM", ("metric.labels.kind",))
    assert (own.warn, own.critical, own.for_s) == ("> 5", "", 300.0)
    assert own.cuts[0].order < (0, 0)


def test_two_panels_of_the_same_title_stay_two():
    found = queries(board={"panel": [PANEL, PANEL]})
    assert len({query.cuts[0].key for query in found}) == 2


@pytest.mark.parametrize("align", ["p50", "p95", "p99"])
def test_own_percentiles(align):
    (own,) = queries(board={"panel": [{**PANEL, "align": align, "reduce": "mean"}]})
    assert (own.aligner, own.reducer) == ("ALIGN_DELTA", f"REDUCE_PERCENTILE_{align[1:]}")


def test_vertex_tokens_and_quota_where_wanted():
    found = by_title(queries(board={"vertex": True}))
    assert set(found) == {
        "Vertex AI tokens", "Vertex AI calls", "Vertex AI quota used", "Vertex AI quota", "Vertex AI quota exceeded"
    }  # fmt: skip
    assert found["Vertex AI quota exceeded"].critical == "> 0"
    assert all(query.quiet for query in found.values())


def test_only_a_bound_of_the_team_keeps_a_board_awake():
    run = [{"name": "api", "service": "api", **RUN}]
    assert not guarded(profile(cloud_run=run).metrics[0])
    assert not guarded(profile(board={"panel": [PANEL]}).metrics[0])
    assert guarded(profile(board={"panel": [{**PANEL, "critical": "> 9"}]}).metrics[0])


@pytest.mark.parametrize(
    "wrong",
    [{"warn": "> many"}, {"by": ["queue"]}, {"labels": {"queue": "x"}}, {"metric": "no slash"}, {"align": "p42"}],
)
def test_what_cannot_be_asked_is_refused_in_the_profile(wrong):
    with pytest.raises(ValidationError):
        profile(board={"panel": [{**PANEL, **wrong}]})


def test_values_of_a_filter_cannot_leave_their_quotes():
    text = filter_of("a/b", "", {"metric.labels.x": ('" OR metric.type = "c', "\\")})
    assert text == 'metric.type = "a/b" AND metric.labels.x = one_of("\\" OR metric.type = \\"c", "\\\\")'
