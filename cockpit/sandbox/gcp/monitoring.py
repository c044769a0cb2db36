"""Cloud Monitoring's MetricService over grpc.aio: ListTimeSeries and metric descriptors, from one store of series.

https://cloud.google.com/monitoring/api/ref_v3/rpc/google.monitoring.v3#metricservice. The client library ships no
servicer classes, so the methods are registered as generic handlers. What the API refuses is refused here, too: no
metric type or several, an alignment period under a minute, an aligner that does not fit the metric.
"""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from cockpit.sandbox.gcp.access import Permissions, Tokens
from cockpit.sandbox.gcp.door import Door
from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.timeseries import Aggregation, Reduced, TimeSeriesStore, Value
from cockpit.sandbox.http import Request
from cockpit.sandbox.process import LOOPBACK

_SERVICE = "google.monitoring.v3.MetricService"
_PAGE_POINTS = 100_000
_importing = threading.Lock()


class Monitoring:
    """The metrics of one project behind one port, which also issues tokens. `fail_next` is for those who test."""

    def __init__(self, project: str, store: TimeSeriesStore, tokens: Tokens, permissions: Permissions) -> None:
        self.project = project
        self.store = store
        self.calls: deque[str] = deque(maxlen=1000)  # methods that were called
        self.fail_next: deque[ApiError] = deque()  # instead of the next answers
        self.on_first: Callable[[], Awaitable[None]] | None = None  # somebody wants metrics
        self.delay: Callable[[], Awaitable[None]] | None = None  # before each answer
        self._tokens = tokens
        self._permissions = permissions
        self._door: Door | None = None
        self._server: Any = None
        self._port = 0
        self._starting = asyncio.Lock()

    async def start(self, http_port: int, port: int = 0) -> None:
        """Listen; `http_port` is where tokens are issued. gRPC comes with the first caller."""
        self._door = Door(http_port, self.serve)
        await self._door.start(port)

    async def close(self) -> None:
        """End all calls and stop listening."""
        if self._door is not None:
            await self._door.close()
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    @property
    def url(self) -> str:
        """What a profile calls `endpoint`."""
        return self._door.url if self._door is not None else ""

    @property
    def serving(self) -> bool:
        """Somebody has asked for metrics."""
        return self._server is not None

    async def serve(self) -> int:
        """The port of the gRPC server, started where it is not yet."""
        async with self._starting:
            if self._server is None:
                grpc, types = await asyncio.to_thread(_load)
                if self.on_first is not None:
                    await self.on_first()
                self._server, self._port = await self._started(grpc, types)
        return self._port

    async def _started(self, grpc: Any, types: Any) -> tuple[Any, int]:
        def unary(method: Callable[[Any, Any], Any], asked: Any, answer: Any) -> Any:
            async def guarded(request: Any, context: Any) -> Any:
                try:
                    self.calls.append(method.__name__)
                    if self.delay is not None:
                        await self.delay()
                    if self.fail_next:
                        raise self.fail_next.popleft()
                    return method(request, self._principal(context))
                except ApiError as error:
                    await context.abort(
                        getattr(grpc.StatusCode, error.code), error.message, trailing_metadata=_trailers(types, error)
                    )

            return grpc.unary_unary_rpc_method_handler(
                guarded, request_deserializer=asked.deserialize, response_serializer=answer.serialize
            )

        handlers = {
            "ListTimeSeries": unary(self._list(types), types.ListTimeSeriesRequest, types.ListTimeSeriesResponse),
            "ListMetricDescriptors": unary(
                self._descriptors(types), types.ListMetricDescriptorsRequest, types.ListMetricDescriptorsResponse
            ),
            "GetMetricDescriptor": unary(
                self._descriptor(types), types.GetMetricDescriptorRequest, _Plain(types.MetricDescriptor)
            ),
        }
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        port = server.add_insecure_port(f"{LOOPBACK}:0")
        await server.start()
        return server, port

    def _principal(self, context: Any) -> str:
        headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        return self._tokens.principal(Request("POST", LOOPBACK, f"/{_SERVICE}", {}, headers, b"", context.peer()))

    def _allow(self, principal: str, permission: str, name: str) -> None:
        if not name.startswith(f"projects/{self.project}"):
            raise ApiError("NOT_FOUND", f"The project {name!r} was not found.")
        self._permissions.check(principal, permission, f"projects/{self.project}")

    # -- methods

    def _list(self, types: Any) -> Callable[[Any, str], Any]:
        def list_time_series(request: Any, principal: str) -> Any:
            self._allow(principal, "monitoring.timeSeries.list", request.name)
            asked = types.ListTimeSeriesRequest.pb(request)
            start, end = asked.interval.start_time, asked.interval.end_time
            if not end.seconds:
                raise ApiError("INVALID_ARGUMENT", "Field interval.endTime is required.")
            how = Aggregation(
                asked.aggregation.alignment_period.seconds,
                request.aggregation.per_series_aligner.name,
                request.aggregation.cross_series_reducer.name,
                tuple(asked.aggregation.group_by_fields),
            )
            found = self.store.query(
                request.filter, start.seconds + start.nanos / 1e9, end.seconds + end.nanos / 1e9, how
            )
            place = _place(request.page_token)
            shown, following = _page(found, place, request.page_size or _PAGE_POINTS)
            return types.ListTimeSeriesResponse(
                time_series=[_message(types, each) for each in shown],
                next_page_token=following,
            )

        return list_time_series

    def _descriptors(self, types: Any) -> Callable[[Any, str], Any]:
        def list_metric_descriptors(request: Any, principal: str) -> Any:
            self._allow(principal, "monitoring.metricDescriptors.list", request.name)
            every = [self._described(types, name) for name in sorted(self.store.descriptors)]
            return types.ListMetricDescriptorsResponse(metric_descriptors=every)

        return list_metric_descriptors

    def _descriptor(self, types: Any) -> Callable[[Any, str], Any]:
        def get_metric_descriptor(request: Any, principal: str) -> Any:
            self._allow(principal, "monitoring.metricDescriptors.get", request.name)
            metric = request.name.partition("/metricDescriptors/")[2]
            if metric not in self.store.descriptors:
                raise ApiError("NOT_FOUND", f"Could not find descriptor for metric '{metric}'.")
            return self._described(types, metric)

        return get_metric_descriptor

    def _described(self, types: Any, metric: str) -> Any:
        known = self.store.descriptors[metric]
        return types.MetricDescriptor(
            name=f"projects/{self.project}/metricDescriptors/{metric}",
            type=metric,
            metric_kind=types.MetricDescriptor.MetricKind.Value(known.kind),
            value_type=types.MetricDescriptor.ValueType.Value(known.value),
            unit=known.unit,
        )


class _Plain:
    """A protobuf class that is not wrapped, with the wrapper's way to serialize."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def serialize(self, message: Any) -> bytes:
        """Bytes of a message."""
        return bytes(message.SerializeToString())


def _load() -> tuple[Any, Any]:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with _importing:
        import google.api.metric_pb2
        import google.rpc.error_details_pb2
        import google.rpc.status_pb2
        import grpc
        import grpc.aio
        from google.cloud.monitoring_v3 import types
        from google.protobuf import duration_pb2

    class Types:
        """Everything that is needed of the generated classes."""

        ListTimeSeriesRequest = types.ListTimeSeriesRequest
        ListTimeSeriesResponse = types.ListTimeSeriesResponse
        ListMetricDescriptorsRequest = types.ListMetricDescriptorsRequest
        ListMetricDescriptorsResponse = types.ListMetricDescriptorsResponse
        GetMetricDescriptorRequest = types.GetMetricDescriptorRequest
        TimeSeries = types.TimeSeries
        MetricDescriptor = google.api.metric_pb2.MetricDescriptor
        Status = google.rpc.status_pb2.Status
        ErrorInfo = google.rpc.error_details_pb2.ErrorInfo
        RetryInfo = google.rpc.error_details_pb2.RetryInfo
        Duration = duration_pb2.Duration
        codes = grpc.StatusCode

    return grpc, Types


def _trailers(types: Any, error: ApiError) -> tuple[tuple[str, bytes], ...]:
    """google.rpc.Status with its details, as https://google.aip.dev/193 has it over gRPC."""
    status = types.Status(code=getattr(types.codes, error.code).value[0], message=error.message)
    for detail in error.details:
        if "retryDelay" in detail:
            seconds = float(str(detail["retryDelay"]).rstrip("s"))
            delay = types.Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
            status.details.add().Pack(types.RetryInfo(retry_delay=delay))
        else:
            facts = types.ErrorInfo(reason=detail["reason"], domain=detail["domain"], metadata=detail["metadata"])
            status.details.add().Pack(facts)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def _place(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode())
    except ValueError:
        raise ApiError("INVALID_ARGUMENT", "Field pageToken is invalid.") from None


def _page(found: list[Reduced], place: int, most: int) -> tuple[list[Reduced], str]:
    """As many whole series as have `most` points together, at least one, and the token of the rest."""
    shown: list[Reduced] = []
    count = 0
    for each in found[place:]:
        if shown and count + len(each.points) > most:
            return shown, base64.urlsafe_b64encode(str(place + len(shown)).encode()).decode()
        shown.append(each)
        count += len(each.points)
    return shown, ""


def _message(types: Any, series: Reduced) -> Any:
    message = types.TimeSeries.pb(types.TimeSeries())
    message.metric.type = series.metric
    for name, label in series.labels.items():
        kind, _, key = name.partition(".labels.")
        (message.metric if kind == "metric" else message.resource).labels[key] = label
    for at, value in reversed(series.points):  # newest first
        point = message.points.add()
        point.interval.end_time.FromNanoseconds(round(at * 1e9))
        _fill(point.value, value)
    return message


def _fill(target: Any, value: Value) -> None:
    if not isinstance(value, tuple):
        target.double_value = value
        return
    mean = sum(value) / len(value)
    target.distribution_value.count = len(value)
    target.distribution_value.mean = mean
    target.distribution_value.sum_of_squared_deviation = sum((one - mean) ** 2 for one in value)
