"""Which questions a profile has for Cloud Monitoring: built-in panels for its services, and the team's own.

Pure. Metrics, labels and units: https://cloud.google.com/monitoring/api/metrics_gcp. One question serves all services
of a kind: it is grouped by their label, and each panel is cut out of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.profile.google import CloudSqlSource, MemorystoreSource, MetricPanelSpec, MetricsSource
from cockpit.profile.schema import CloudRunSource, Profile

_RUN = "run.googleapis.com"
_SQL = "cloudsql.googleapis.com/database"
_REDIS = "redis.googleapis.com"
_VERTEX = "aiplatform.googleapis.com"
_SERVICE, _LOCATION = "resource.labels.service_name", "resource.labels.location"
_INSTANCE, _STORE = "resource.labels.database_id", "resource.labels.instance_id"
_PERCENTILE = re.compile(r"p(50|95|99)")
_MARKED = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True)
class Cut:
    """One panel out of an answer: the series that have these labels. Cuts of the same key are one panel."""

    key: str
    title: str
    order: tuple[int, int]
    where: tuple[tuple[str, str], ...] = ()
    line: str = ""  # what its series is called where no label tells: "P99"


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One question: aligned, reduced and grouped by Cloud Monitoring."""

    metric: str
    filter: str  # complete, with the metric's type
    aligner: str  # "ALIGN_RATE"
    reducer: str  # "REDUCE_SUM"; "REDUCE_NONE" leaves the series as they are
    by: tuple[str, ...]  # labels that tell series apart, those of the cuts first
    cuts: tuple[Cut, ...]
    unit: str = ""
    warn: str = ""
    critical: str = ""
    for_s: float = 0.0
    optional: bool = False  # a metric that not every service has: no panel without a series
    quiet: bool = False  # of events: no series means that there were none


def queries_of(profile: Profile, source: MetricsSource) -> tuple[MetricQuery, ...]:
    """All of a source: its own panels first, then those of the profile's services in the same project."""
    found = [_own(index, spec) for index, spec in enumerate(source.panel)]
    if source.builtin:
        found += _run([each for each in profile.cloud_run if each.project == source.project])
        found += _sql([each for each in profile.cloud_sql if each.project == source.project])
        found += _redis([each for each in profile.memorystore if each.project == source.project])
    if source.vertex:
        found += _vertex()
    return tuple(found)


def guarded(source: MetricsSource) -> bool:
    """Whether somebody wants to be told of a bound: then it is polled whether or not it is looked at."""
    return any(panel.warn is not None or panel.critical is not None for panel in source.panel)


def filter_of(metric: str, resource: str, labels: Mapping[str, Sequence[str]]) -> str:
    """A filter of https://cloud.google.com/monitoring/api/v3/filters; values are quoted, several are alternatives."""
    parts = [f"metric.type = {_quoted(metric)}"]
    if resource:
        parts.append(f"resource.type = {_quoted(resource)}")
    for name, values in labels.items():
        wanted = ", ".join(_quoted(value) for value in values)
        parts.append(f"{name} = {wanted}" if len(values) == 1 else f"{name} = one_of({wanted})")
    return " AND ".join(parts)


def alignment(align: str, reduce: str) -> tuple[str, str]:
    """Aligner and reducer of the profile's words. A percentile is one of all values, never one of percentiles."""
    if match := _PERCENTILE.fullmatch(align):
        return "ALIGN_DELTA", f"REDUCE_PERCENTILE_{match[1]}"
    return f"ALIGN_{align.upper()}", f"REDUCE_{reduce.upper()}"


def _quoted(value: str) -> str:
    return '"' + _MARKED.sub(r"\\\1", value) + '"'


def _own(index: int, spec: MetricPanelSpec) -> MetricQuery:
    aligner, reducer = alignment(spec.align, spec.reduce)
    return MetricQuery(
        spec.metric,
        filter_of(spec.metric, spec.resource, {name: (value,) for name, value in spec.labels.items()}),
        aligner,
        reducer,
        spec.by,
        (Cut(f"own/{index}", spec.title, (-1, index)),),
        spec.unit,
        spec.warn or "",
        spec.critical or "",
        spec.for_,
    )


@dataclass(frozen=True, slots=True)
class _Panel:
    """One built-in panel of each service of a kind."""

    words: str  # in the title, behind the service's name
    metric: str
    aligner: str
    reducer: str
    by: tuple[str, ...] = ()
    unit: str = ""
    warn: str = ""
    critical: str = ""
    for_s: float = 0.0
    line: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    quiet: bool = False


_RUN_PANELS = (
    _Panel(
        "requests", f"{_RUN}/request_count", "ALIGN_RATE", "REDUCE_SUM", ("metric.labels.response_code_class",), "1/s"
    ),
    _Panel(
        "5xx by revision", f"{_RUN}/request_count", "ALIGN_RATE", "REDUCE_SUM", ("resource.labels.revision_name",),
        "1/s", labels=(("metric.labels.response_code_class", "5xx"),), quiet=True,
    ),
    _Panel("latency", f"{_RUN}/request_latencies", "ALIGN_DELTA", "REDUCE_PERCENTILE_99", unit="ms", line="P99"),
    _Panel("latency", f"{_RUN}/request_latencies", "ALIGN_DELTA", "REDUCE_PERCENTILE_95", unit="ms", line="P95"),
    _Panel(
        "memory", f"{_RUN}/container/memory/utilizations", "ALIGN_PERCENTILE_99", "REDUCE_MAX",
        ("resource.labels.revision_name",), "%", "> 0.9", "> 0.97",
    ),
    _Panel(
        "CPU", f"{_RUN}/container/cpu/utilizations", "ALIGN_PERCENTILE_99", "REDUCE_MAX",
        ("resource.labels.revision_name",), "%", "> 0.95", for_s=300.0,
    ),
    _Panel("instances", f"{_RUN}/container/instance_count", "ALIGN_MAX", "REDUCE_SUM", ("metric.labels.state",)),
)  # fmt: skip
_SQL_PANELS = (
    _Panel("connections", f"{_SQL}/postgresql/num_backends", "ALIGN_MEAN", "REDUCE_SUM", optional=True),
    _Panel("CPU", f"{_SQL}/cpu/utilization", "ALIGN_MEAN", "REDUCE_MAX", unit="%", warn="> 0.9", for_s=300.0),
    _Panel("memory", f"{_SQL}/memory/utilization", "ALIGN_MEAN", "REDUCE_MAX", unit="%"),
    _Panel(
        "disk", f"{_SQL}/disk/utilization", "ALIGN_MEAN", "REDUCE_MAX", unit="%", warn="> 0.85", critical="> 0.95"
    ),
    _Panel(
        "replication lag", f"{_SQL}/replication/replica_lag", "ALIGN_MAX", "REDUCE_MAX", unit="s", warn="> 30",
        critical="> 300", for_s=120.0, optional=True,
    ),
    _Panel(
        "ready to fail over", f"{_SQL}/available_for_failover", "ALIGN_MIN", "REDUCE_MIN", warn="< 1", for_s=120.0,
        optional=True,
    ),
    _Panel("state", f"{_SQL}/instance_state", "ALIGN_FRACTION_TRUE", "REDUCE_MAX", ("metric.labels.state",),
           optional=True),
)  # fmt: skip
_REDIS_PANELS = (
    _Panel(
        "memory", f"{_REDIS}/stats/memory/usage_ratio", "ALIGN_MEAN", "REDUCE_MAX", unit="%", warn="> 0.8",
        critical="> 0.95", line="data",
    ),
    _Panel(
        "memory", f"{_REDIS}/stats/memory/system_memory_usage_ratio", "ALIGN_MEAN", "REDUCE_MAX", unit="%",
        warn="> 0.8", critical="> 0.95", line="system",
    ),
    _Panel("hit ratio", f"{_REDIS}/stats/cache_hit_ratio", "ALIGN_MEAN", "REDUCE_MEAN", unit="%"),
    _Panel("clients", f"{_REDIS}/clients/connected", "ALIGN_MEAN", "REDUCE_SUM"),
    _Panel("replication offset behind", f"{_REDIS}/replication/offset_diff", "ALIGN_MAX", "REDUCE_MAX", unit="B",
           optional=True),
)  # fmt: skip


_Place = tuple[str, tuple[tuple[str, str], ...]]  # name in titles, labels with their values; the first is filtered by


def _run(sources: Sequence[CloudRunSource]) -> list[MetricQuery]:
    places: list[_Place] = [(each.name, ((_SERVICE, each.service), (_LOCATION, each.region))) for each in sources]
    return (
        []
        if not places
        else [_built(0, "cloud_run_revision", number, panel, places) for number, panel in enumerate(_RUN_PANELS)]
    )


def _sql(sources: Sequence[CloudSqlSource]) -> list[MetricQuery]:
    places: list[_Place] = [
        (f"{each.name} SQL", ((_INSTANCE, f"{each.project}:{each.instance}"),)) for each in sources
    ]
    return (
        []
        if not places
        else [_built(100, "cloudsql_database", number, panel, places) for number, panel in enumerate(_SQL_PANELS)]
    )


def _redis(sources: Sequence[MemorystoreSource]) -> list[MetricQuery]:
    places: list[_Place] = [
        (
            f"{each.name} Redis",
            ((_STORE, f"projects/{each.project}/locations/{each.region}/instances/{each.instance}"),),
        )
        for each in sources
    ]
    return (
        []
        if not places
        else [_built(200, "redis_instance", number, panel, places) for number, panel in enumerate(_REDIS_PANELS)]
    )


def _built(first: int, resource: str, number: int, panel: _Panel, places: Sequence[_Place]) -> MetricQuery:
    label = places[0][1][0][0]
    wanted = {label: tuple(dict.fromkeys(where[0][1] for _, where in places))} | {
        name: (value,) for name, value in panel.labels
    }
    cuts = tuple(
        Cut(f"{resource}/{name}/{panel.words}", f"{name} {panel.words}", (first + index, number), where, panel.line)
        for index, (name, where) in enumerate(places)
    )
    own = tuple(name for name, _ in places[0][1])
    return MetricQuery(
        panel.metric,
        filter_of(panel.metric, resource, wanted),
        panel.aligner,
        panel.reducer,
        (*own, *panel.by),
        cuts,
        panel.unit,
        panel.warn,
        panel.critical,
        panel.for_s,
        panel.optional,
        panel.quiet,
    )


def _vertex() -> list[MetricQuery]:
    """Tokens, calls and quota of https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform."""
    model = f"{_VERTEX}/PublisherModel"
    quota = f"{_VERTEX}/quota/generate_content_requests_per_minute_per_project_per_base_model"
    rows = (
        ("Vertex AI tokens", f"{_VERTEX}/publisher/online_serving/token_count", model, "ALIGN_RATE",
         ("resource.labels.model_user_id", "metric.labels.type"), "1/s", ""),
        ("Vertex AI calls", f"{_VERTEX}/publisher/online_serving/model_invocation_count", model, "ALIGN_RATE",
         ("metric.labels.response_code",), "1/s", ""),
        ("Vertex AI quota used", f"{quota}/usage", f"{_VERTEX}/Location", "ALIGN_DELTA",
         ("metric.labels.base_model",), "", ""),
        ("Vertex AI quota", f"{quota}/limit", f"{_VERTEX}/Location", "ALIGN_MAX",
         ("metric.labels.base_model",), "", ""),
        ("Vertex AI quota exceeded", f"{quota}/exceeded", f"{_VERTEX}/Location", "ALIGN_DELTA",
         ("metric.labels.base_model",), "", "> 0"),
    )  # fmt: skip
    return [
        MetricQuery(
            metric, filter_of(metric, resource, {}), aligner, "REDUCE_SUM", by,
            (Cut(f"vertex/{number}", title, (300, number)),), unit, critical=critical, quiet=True,
        )
        for number, (title, metric, resource, aligner, by, unit, critical) in enumerate(rows)
    ]  # fmt: skip
