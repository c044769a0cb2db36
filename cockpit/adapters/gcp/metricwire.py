"""Cloud Monitoring over gRPC: what is sent, what came back, what an error means. Imported before grpc is: vendor
modules are handed in, or imported inside functions.

https://cloud.google.com/monitoring/api/ref_v3/rpc/google.monitoring.v3
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cockpit.adapters.gcp.metricpanels import Answered
from cockpit.adapters.gcp.metricqueries import MetricQuery
from cockpit.adapters.gcp.roles import ROLES
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.point import Point
from cockpit.text import clean

LIST = "monitoring.timeSeries.list"
DESCRIBE = "monitoring.metricDescriptors.get"
ANSWER_BYTES = 32 * 1024 * 1024
STEP_S = 60  # no alignment period may be shorter
POINTS = 240  # of one series: more than a terminal has columns
_PAGE_POINTS = 20_000
_importing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Vendor:
    """The modules and classes of google-cloud-monitoring and grpc that are used."""

    aio: Any  # grpc.aio
    tls: Any  # grpc.ssl_channel_credentials
    client: Any  # MetricServiceAsyncClient
    transport: Any  # MetricServiceGrpcAsyncIOTransport
    request: Any  # ListTimeSeriesRequest
    rpc_error: Any  # grpc.aio.AioRpcError
    api_error: Any  # google.api_core.exceptions.GoogleAPIError


def load() -> Vendor:
    """Import them: half a second and 50 MB, so in a thread and only once somebody wants metrics.

    The gRPC core writes its troubles to stderr, which is the screen, unless it is told not to before it is imported.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with _importing:
        import grpc
        import grpc.aio
        from google.api_core.exceptions import GoogleAPIError
        from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
        from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcAsyncIOTransport
        from google.cloud.monitoring_v3.types import ListTimeSeriesRequest

    return Vendor(
        grpc.aio,
        grpc.ssl_channel_credentials,
        MetricServiceAsyncClient,
        MetricServiceGrpcAsyncIOTransport,
        ListTimeSeriesRequest,
        grpc.aio.AioRpcError,
        GoogleAPIError,
    )


def step_s(window_s: float) -> int:
    """The alignment period: whole minutes, so many that no series has more than POINTS points."""
    return max(STEP_S, math.ceil(window_s / POINTS / STEP_S) * STEP_S)


def request_of(project: str, query: MetricQuery, now: datetime, window_s: float) -> dict[str, Any]:
    """ListTimeSeriesRequest as a mapping. One page holds so many points that there is hardly ever a second."""
    return {
        "name": f"projects/{project}",
        "filter": query.filter,
        "interval": {"start_time": now - timedelta(seconds=window_s), "end_time": now},
        "aggregation": {
            "alignment_period": timedelta(seconds=step_s(window_s)),
            "per_series_aligner": query.aligner,
            "cross_series_reducer": query.reducer,
            "group_by_fields": list(query.by) if query.reducer != "REDUCE_NONE" else [],
        },
        "view": "FULL",
        "page_size": _PAGE_POINTS,
    }


def series_of(message: Any) -> Answered:
    """One TimeSeries in its protobuf form: labels cleaned, points that are no number left out, oldest first."""
    labels = {
        **_labels("metric.labels", message.metric.labels),
        **_labels("resource.labels", message.resource.labels),
        **_labels("metadata.user_labels", message.metadata.user_labels),
    }
    points: dict[float, float] = {}
    for point in message.points:  # newest first, as documented; two of the same moment should not be
        end = point.interval.end_time
        value = number_of(point.value)
        if value is not None:
            points.setdefault(end.seconds + end.nanos / 1e9, value)
    return Answered(labels, tuple(Point(at, points[at]) for at in sorted(points)))


def _labels(prefix: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}.{clean(str(name), 80)}": clean(str(value), 120) for name, value in labels.items()}


def number_of(value: Any) -> float | None:
    """A TypedValue as a number: a distribution counts as its mean; None for what is none, NaN included."""
    kind = value.WhichOneof("value")
    number: float | None = None
    if kind in ("bool_value", "int64_value", "double_value"):
        number = float(getattr(value, kind))
    elif kind == "string_value":
        try:
            number = float(value.string_value)
        except ValueError:
            return None
    elif kind == "distribution_value" and value.distribution_value.count > 0:
        number = float(value.distribution_value.mean)
    return number if number is not None and math.isfinite(number) else None


def error_of(error: Exception, where: str, permission: str = LIST) -> CockpitError:
    """What a failed call means. gRPC codes: https://grpc.io/docs/guides/status-codes."""
    code = code_of(error)
    said = f"monitoring API: {clean(_said(error), 300) or code or type(error).__name__}".rstrip(". ")
    details = list(_details(error))
    if code == "UNAUTHENTICATED":
        return AuthenticationFailed(said, hint="run: gcloud auth application-default login")
    if code == "PERMISSION_DENIED":
        return _forbidden(said, details, permission)
    if code == "NOT_FOUND":
        return NotFound(said, hint="no such project, or nothing has ever written that metric there")
    if code == "RESOURCE_EXHAUSTED":
        if "larger than max" in said:
            return Malformed(said, hint="ask for fewer series: group or filter them")
        hint = "quotas are shared by the project; the cockpit waits"
        return RateLimited(said, retry_after_s=_retry_after(details), hint=hint)
    if code == "DEADLINE_EXCEEDED":
        return TimedOut(
            f"monitoring API at {where} gave no answer in time", hint="the network drops packets, or it hangs"
        )
    if code in ("INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION", "UNIMPLEMENTED"):
        return Misconfigured(said, hint="the panel's metric, labels, align or reduce do not fit together")
    if code == "UNAVAILABLE":
        return Unreachable(
            f"monitoring API at {where} cannot be reached: {clean(_said(error), 200)}",
            hint="check network, proxy and DNS; gRPC needs HTTP/2 all the way",
        )
    if code in ("INTERNAL", "UNKNOWN", "DATA_LOSS", "ABORTED", "CANCELLED"):
        return Unreachable(said, hint="Google's side failed: see status.cloud.google.com")
    return Malformed(said, hint="the answer makes no sense")


def code_of(error: Exception) -> str:
    """ "UNAVAILABLE"; "" for what is no answer of gRPC."""
    code = getattr(error, "grpc_status_code", None)
    if code is None and callable(given := getattr(error, "code", None)):
        code = given()
    return str(getattr(code, "name", "") or "")


def _said(error: Exception) -> str:
    message = getattr(error, "message", None)
    if isinstance(message, str) and message:
        return message
    details = getattr(error, "details", None)
    told = details() if callable(details) else None
    return told if isinstance(told, str) else ""


def _details(error: Exception) -> Iterable[Any]:
    """Messages of google.rpc that came with the error; api_core has unpacked those that it knows."""
    details = getattr(error, "details", None)
    return details if isinstance(details, list | tuple) else ()


def _forbidden(said: str, details: Iterable[Any], permission: str) -> CockpitError:
    missing = ""
    for detail in details:
        facts = {str(name): str(value) for name, value in dict(getattr(detail, "metadata", None) or {}).items()}
        if getattr(detail, "reason", "") == "SERVICE_DISABLED":
            project = clean(facts.get("consumer", ""), 80).removeprefix("projects/")
            return Misconfigured(said, hint=f"gcloud services enable monitoring.googleapis.com --project={project}")
        missing = missing or clean(facts.get("permission", ""), 80)
    missing = missing or permission
    role = ROLES.get(missing, "roles/monitoring.viewer")
    return PermissionDenied(said, missing=missing, hint=f"{role} contains {missing}")


def _retry_after(details: Iterable[Any]) -> float | None:
    for detail in details:
        delay = getattr(detail, "retry_delay", None)
        if delay is not None:
            return float(delay.seconds + delay.nanos / 1e9)
    return None
