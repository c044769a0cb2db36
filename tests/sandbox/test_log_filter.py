"""The filter language of the local Cloud Logging means what Google's does."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.log_filter import parse

ENTRY: dict[str, Any] = {
    "insertId": "a1",
    "logName": "projects/demo/logs/run.googleapis.com%2Frequests",
    "timestamp": "2026-01-15T10:00:00.500000Z",
    "severity": "ERROR",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "shop", "revision_name": "shop-00042-x"}},
    "httpRequest": {"status": 503, "latency": "1.250000s", "remoteIp": "203.0.113.7", "requestMethod": "POST"},
    "jsonPayload": {"message": "Checkout FAILED: no free connection", "slow": True, "items": [{"id": 3}, {"id": 5}],
                    "odd.name": "x", "code": "007"},
    "labels": {"k8s-pod/app": "web"},
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "severity=ERROR",
        "severity>=warning",
        "severity>=400",
        "NOT severity<ERROR",
        'resource.type="cloud_run_revision" resource.labels.service_name="shop"',
        "resource.type=cloud_run_revision AND resource.labels.service_name=shop",
        "httpRequest.status>=500",
        "httpRequest.status=503",
        'httpRequest.status:"503"',
        'httpRequest.latency>"1s"',
        "httpRequest.latency>=250ms",
        'jsonPayload.message:"checkout failed"',
        'jsonPayload.message=~"no free \\w+"',
        'jsonPayload.message!~"timeout$"',
        "jsonPayload.items.id=5",
        "jsonPayload.slow=true",
        "jsonPayload.message:*",
        'jsonPayload."odd.name"=x',
        'labels."k8s-pod/app"="web"',
        "jsonPayload.code=007",
        "NOT jsonPayload.absent=x",
        "-jsonPayload.absent:*",
        'log_id("run.googleapis.com/requests")',
        'ip_in_net(httpRequest.remoteIp, "203.0.113.0/24")',
        'timestamp>="2026-01-15T10:00:00Z" timestamp<"2026-01-15T12:00:01+02:00"',
        '"free connection"',
        "checkout",
        "severity=INFO OR severity=ERROR resource.labels.service_name=shop",
        "severity=(INFO OR ERROR)",
        'jsonPayload.message:("checkout" "failed")',
        "jsonPayload.message:(checkout AND NOT timeout)",
        "(severity=INFO AND a=b) OR (httpRequest.requestMethod=post)",
        "severity=ERROR -- not INFO\nAND resource.type:run",
    ],
)
def test_filters_that_match(text: str) -> None:
    assert parse(text).matches(ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "severity=INFO",
        "severity>ERROR",
        "jsonPayload.absent!=x",
        "jsonPayload.absent:*",
        "NOT jsonPayload.message:*",
        "httpRequest.status<500",
        "httpRequest.status!=503",
        'log_id("run.googleapis.com/stdout")',
        "severity=ERROR OR severity=INFO resource.labels.service_name=other",
        "severity=ERROR resource.labels.service_name=other",
        'timestamp>"2026-01-15T10:00:00.5Z"',
        "jsonPayload.message:(checkout AND timeout)",
        "absent",
        'ip_in_net(httpRequest.remoteIp, "10.0.0.0/8")',
    ],
)
def test_filters_that_do_not_match(text: str) -> None:
    assert not parse(text).matches(ENTRY)


@pytest.mark.parametrize(
    "text",
    ["(a=b", "a=b)", "a=", "AND", "severity>=LOUD", 'x=~"("', "nofunction(a)", 'timestamp>="soon"', "NOT", "a=b OR",
     'ip_in_net(a, "x")', "x" * 20_001, '"open'],
)  # fmt: skip
def test_broken_filters_are_refused(text: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse(text).matches(ENTRY)
    assert refusal.value.code == "INVALID_ARGUMENT"


def test_bounds_are_taken_only_where_they_must_hold() -> None:
    assert parse('timestamp>="2026-01-15T10:00:00Z" a=b').since == "2026-01-15T10:00:00.000000Z"
    assert parse('a=b AND (timestamp<="2026-01-15T10:00:00Z")').until == "2026-01-15T10:00:00.000000Z"
    for text in ('timestamp>="2026-01-15T10:00:00Z" OR a=b', 'NOT timestamp>="2026-01-15T10:00:00Z"'):
        assert parse(text).since == ""
