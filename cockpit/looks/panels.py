"""Panels of metrics in words: what the looks at Cloud Monitoring and at Prometheus share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.adapters.capabilities import Probing
from cockpit.clock import Clock
from cockpit.errors import NotFound
from cockpit.looks.bound import LINES, BoundLook, StateOf
from cockpit.model.action import Choice
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.metrics import MetricPanel, MetricsStatus, Series, bound_in_unit, in_unit
from cockpit.model.severity import Freshness, Severity


class PanelsNow(BoundLook):
    """The last reading while it is fresh, else asked. `missing`: name of a panel -> what to do to have it."""

    def __init__(
        self,
        spec: LookSpec,
        source: str,
        board: Probing,
        state_of: StateOf,
        clock: Clock,
        missing: Mapping[str, str] = {},
    ) -> None:
        super().__init__(spec, source)
        self._missing = missing
        self._board = board
        self._state_of = state_of
        self._clock = clock

    async def choices(self, param: str) -> Sequence[Choice]:
        """The panels of the last reading, what is wrong recommended."""
        if param != "panel":
            return ()
        status, _, _ = await self._status()
        return [
            Choice(panel.key, f"{panel.title}: {values(panel)}", panel.severity in (Severity.WARN, Severity.CRIT))
            for panel in status.panels
        ]

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError where nothing answers, NotFound for a panel that there is not."""
        status, severity, summary = await self._status()
        now = self._clock.now()
        if wanted := request.get("panel"):
            panel = status.panel(wanted)
            if panel is None:
                known = "There are: " + (", ".join(each.title for each in status.panels[:6]) or "none")
                raise NotFound(f"there is no panel {wanted}", hint=self._missing.get(wanted, known))
            lines = [*details(panel, now.timestamp()), *filter(None, (status.way,))]
            return Sight(panel.severity, f"{panel.title}: {values(panel)}", now, tuple(lines))
        lines = [_line(panel, now.timestamp()) for panel in status.panels]
        lines += [*status.notes, *filter(None, (status.way,))]
        return Sight(severity, summary, now, tuple(lines[:LINES]), len(lines) > LINES)

    async def _status(self) -> tuple[MetricsStatus, Severity, str]:
        state = self._state_of(self._source)
        if state is not None and state.reading is not None and state.freshness is Freshness.FRESH:
            payload = state.reading.payload
            if isinstance(payload, MetricsStatus):
                return payload, state.reading.severity, state.reading.summary
        seen = await self._board.probe()
        if not isinstance(seen.payload, MetricsStatus):
            raise NotFound(f"{self._source} has no panels")
        return seen.payload, seen.severity, seen.summary


def _line(panel: MetricPanel, now: float) -> str:
    word = "" if panel.severity is Severity.OK else f"  {panel.severity.word}"
    bound = f"  bound {bound_in_unit(panel.bound, panel.unit)}" if panel.bound else ""
    return f"{panel.title}: {values(panel)}{bound}{word}{_age(panel, now)}"


def values(panel: MetricPanel) -> str:
    """The last values of its first lines, or why there is none."""
    if panel.failure:
        return panel.failure
    found = [" ".join(filter(None, (each.label, _last(each, panel.unit)))) for each in panel.series[:4]]
    more = len(panel.series) - 4 + panel.more
    if not found:
        return "none" if panel.quiet else "no point"
    return ", ".join(found) + (f" and {more} more" if more > 0 else "")


def _last(series: Series, unit: str) -> str:
    return in_unit(series.last.value if series.last else None, unit)


def _age(panel: MetricPanel, now: float) -> str:
    if panel.newest is None:
        return ""
    age = max(0.0, now - panel.newest)
    return f"  ({age:.0f} s old)" if age < panel.late_s else f"  (nothing for {age / 60:.0f} min)"


def details(panel: MetricPanel, now: float, *, word: str = "metric") -> list[str]:
    """All that is known of it, line by line."""
    lines = [f"{word}: {panel.metric}"]
    if panel.warn or panel.critical:
        both = (
            f"{word} {bound_in_unit(bound, panel.unit)}"
            for word, bound in (("warn", panel.warn), ("critical", panel.critical))
            if bound
        )
        lines.append(f"bounds: {', '.join(both)}" + (f", for {panel.for_s:.0f} s" if panel.for_s else ""))
    if panel.breach_s:
        lines.append(f"broken for {max(0.0, now - panel.breach_s):.0f} s")
    for series in panel.series:
        values = [point.value for point in series.points]
        last = series.last
        if last is None:
            continue
        low, high = in_unit(min(values), panel.unit), in_unit(max(values), panel.unit)
        name = series.label or "value"
        said = f"{name}: {in_unit(last.value, panel.unit)} {max(0.0, now - last.at):.0f} s ago"
        lines.append(f"{said}, from {low} to {high}, {len(values)} points")
    if panel.more:
        lines.append(f"{panel.more} more series are left out")
    if panel.failure:
        lines.append(f"failed: {panel.failure}. {panel.hint}".rstrip(". "))
    return lines
