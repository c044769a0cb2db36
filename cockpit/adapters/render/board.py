"""Render's metrics as panels: https://api-docs.render.com/reference/get-cpu and its neighbours.

One request a metric, however many services there are. CPU and memory are shares of what the plan allows.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cockpit.adapters.metricbounds import Bound, judge
from cockpit.adapters.render.api import RenderApi
from cockpit.adapters.render.estate import stamp
from cockpit.adapters.render.metering import Meter
from cockpit.adapters.render.series import Measured
from cockpit.adapters.render.wire import postgres_limit
from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.metrics import MetricPanel, MetricsStatus, Series, in_unit
from cockpit.model.point import Point
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity, worst
from cockpit.profile.docker import RenderSource
from cockpit.text import counted

POINTS = 240
LEAST_STEP_S = 30  # the finest that Render gives
SERIES = 8
_FULL = 0.97  # of a limit: then it is critical
_FOR_S = 120.0  # a bound counts once it is broken for so long
_UNITS = {"bytes": "B", "ms": "ms", "milliseconds": "ms", "seconds": "s", "s": "s"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One panel: a metric, by what it is divided, its bounds."""

    key: str
    title: str
    of: str = ""  # metric of the limit: then the panel is a share
    unit: str = ""
    quiet: bool = False  # no point: nothing was asked of it
    more: tuple[tuple[str, str], ...] = ()


_SERVICES = (
    _Shown("cpu", "CPU of the limit", "cpu-limit"),
    _Shown("memory", "Memory of the limit", "memory-limit"),
    _Shown("http-requests", "HTTP requests", quiet=True, more=(("aggregateBy", "statusCode"),)),
    _Shown("http-latency", "HTTP latency, p95", unit="ms", quiet=True, more=(("quantile", "0.95"),)),
)


class RenderBoard:
    """Probing, Diagnosing. The API is closed by whoever made it."""

    def __init__(self, api: RenderApi, source: RenderSource, clock: Clock) -> None:
        self._api = api
        self._source = source
        self._clock = clock
        self._meter = Meter(api)
        self._names: dict[str, str] = {}
        self._limits: dict[str, int] = dict(source.connections)
        self._trouble: CockpitError | None = None  # of the last panel that failed

    async def probe(self) -> Observation:
        """All panels, up to this moment. Where all fail, so does the poll."""
        self._api.may_poll()
        await self._learn()
        now = self._clock.now().timestamp()
        services, stores = self._source.services, (*self._source.postgres, *self._source.keyvalue)
        asked = [self._panel(each, services, now) for each in _SERVICES] if services else []
        asked += [self._connections(stores, now)] if stores else []
        panels = list(await asyncio.gather(*asked))
        severity = worst([panel.severity for panel in panels]) if panels else Severity.OK
        notes = () if panels else ("no panel: the profile names no service and no data store",)
        status = MetricsStatus("", tuple(panels), self._source.window, notes, self._api.server)
        if panels and self._trouble is not None and all(panel.failure for panel in panels):
            raise self._trouble
        return Observation(severity, _summary(panels, severity), status)

    async def diagnose(self) -> list[Diagnosis]:
        """Whether each panel has points."""
        try:
            found = await self.probe()
        except CockpitError as error:
            return [Diagnosis("metrics", False, error.message, error.hint)]
        panels = found.payload.panels if isinstance(found.payload, MetricsStatus) else ()
        return [
            Diagnosis(
                panel.title,
                False if panel.failure else True if panel.series else None,
                panel.failure or f"{len(panel.series)} series",
                panel.hint,
            )
            for panel in panels
        ]

    async def close(self) -> None:
        """Nothing of its own."""

    # Inside

    async def _learn(self) -> None:
        """Names of what is shown, and how many connections a database takes; once."""
        missing = [
            name
            for name in (*self._source.services, *self._source.postgres, *self._source.keyvalue)
            if name not in self._names
        ]
        for name in missing:
            kind = (
                "services" if name.startswith(("srv-", "crn-")) else "postgres" if name[:4] == "dpg-" else "key-value"
            )
            try:
                raw = await self._api.record(f"/{kind}/{name}")
            except CockpitError:
                self._names[name] = name  # its id says as much; the estate tells what is wrong with it
                continue
            self._names[name] = str(raw.get("name") or name)[:60]
            limit = postgres_limit(str(raw.get("plan"))) if name.startswith("dpg-") else None
            if limit is not None:
                self._limits.setdefault(name, limit)

    async def _asked(
        self, metric: str, names: Sequence[str], now: float, more: Sequence[tuple[str, str]] = ()
    ) -> list[Measured]:
        end = self._clock.now()
        span = (("startTime", stamp(end - timedelta(seconds=self._source.window))), ("endTime", stamp(end)))
        resolution = (("resolutionSeconds", str(self._step_s)),)
        return await self._meter.series(metric, names, (*span, *resolution, *more))

    @property
    def _step_s(self) -> int:
        return max(LEAST_STEP_S, math.ceil(self._source.window / POINTS / LEAST_STEP_S) * LEAST_STEP_S)

    async def _panel(self, shown: _Shown, names: Sequence[str], now: float) -> MetricPanel:
        try:
            found = await self._asked(shown.key, names, now, shown.more)
            limits = await self._asked(shown.of, names, now) if shown.of else []
        except CockpitError as error:
            return self._failed(shown, error)
        if shown.of:
            warn = self._source.cpu_warn if shown.key == "cpu" else self._source.memory_warn
            shares = shares_of(found, limits, names)
            return self._made(shown, [self._labelled(each, names, "") for each in shares], "%", f"> {warn:g}", now)
        unit = shown.unit or next((_UNITS.get(each.unit, "") for each in found), "")
        field = "statusCode" if shown.key == "http-requests" else ""
        return self._made(shown, [self._labelled(each, names, field) for each in found], unit, "", now)

    async def _connections(self, names: Sequence[str], now: float) -> MetricPanel:
        shown = _Shown("active-connections", "Connections of the limit")
        try:
            found = await self._asked(shown.key, names, now)
        except CockpitError as error:
            return self._failed(shown, error)
        known = [each for each in found if each.resource(names) in self._limits]
        if not known:  # nobody says how many it takes: the count is all there is
            series = [self._labelled(each, names, "") for each in found]
            return self._made(_Shown(shown.key, "Connections"), series, "", "", now)
        shares = [_divided(each, self._limits[each.resource(names)]) for each in known]
        warn = f"> {self._source.connections_warn:g}"
        return self._made(shown, [self._labelled(each, names, "") for each in shares], "%", warn, now)

    def _labelled(self, each: Measured, names: Sequence[str], field: str) -> Series:
        name = self._names.get(each.resource(names), "")
        instance = each.label("instance").rpartition("-")[2]
        said = " ".join(filter(None, (name, instance if name else each.label("instance"), each.label(field))))
        return Series(said or "all", each.points)

    def _made(self, shown: _Shown, series: list[Series], unit: str, warn: str, now: float) -> MetricPanel:
        late_s = max(240.0, 3.0 * self._step_s)
        series.sort(key=lambda each: -each.points[-1].value)
        bound = Bound.parse(warn) if warn else None
        full = f"> {max(_FULL, bound.against):g}" if bound else ""
        critical = Bound.parse(full) if full else None
        verdict = judge(series, bound, critical, _FOR_S, now, quiet=shown.quiet, late_s=late_s)
        return MetricPanel(
            title=shown.title,
            unit=unit,
            series=tuple(sorted(series[:SERIES], key=lambda each: each.label)),
            severity=verdict.severity,
            metric=f"Render {shown.key}",
            warn=warn,
            critical=full,
            breach_s=verdict.since,
            key=shown.key,
            more=max(0, len(series) - SERIES),
            quiet=shown.quiet,
            for_s=_FOR_S,
            late_s=late_s,
        )

    def _failed(self, shown: _Shown, error: CockpitError) -> MetricPanel:
        self._trouble = error
        said, metric = error.message, f"Render {shown.key}"
        unknown = Severity.UNKNOWN
        return MetricPanel(shown.title, "", (), unknown, metric, failure=said, key=shown.key, hint=error.hint)


def shares_of(found: Sequence[Measured], limits: Sequence[Measured], names: Sequence[str]) -> list[Measured]:
    """Each divided by the newest limit of its resource; what has no limit is left out."""
    of = {each.resource(names): each.points[-1].value for each in limits}
    return [_divided(each, of[each.resource(names)]) for each in found if of.get(each.resource(names), 0.0) > 0]


def _divided(each: Measured, by: float) -> Measured:
    points = tuple(Point(point.at, point.value / by) for point in each.points)
    return Measured(each.labels, "", points)


def _summary(panels: Sequence[MetricPanel], severity: Severity) -> str:
    if severity in (Severity.WARN, Severity.CRIT):
        lead = next(panel for panel in panels if panel.severity is severity)
        value = max((each.points[-1].value for each in lead.series), default=None)
        return f"{lead.title} {in_unit(value, lead.unit)}"[:60]
    unknown = sum(panel.severity is Severity.UNKNOWN for panel in panels)
    return f"{unknown} of {len(panels)} panels unknown" if unknown else f"{counted(len(panels), 'panel')}"
