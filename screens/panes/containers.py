"""Rows of a Compose project: its services, their containers where they say more, and what happened last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from cockpit.model.containers import ComposeService, Container, ContainerEvent, ContainersStatus
from cockpit.model.severity import Severity
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Layout, Row, Spans, blank, header, note, plain, spans

_BAD = ("die", "oom", "health_status: unhealthy", "kill")
_EVENTS = 4  # where there is little room; with the screen to itself four times as many


@lru_cache(maxsize=64)
def _table(widest: int) -> Layout:
    return (
        Column("", 1),
        Column("service", max(10, min(30, widest))),
        Column("runs", 5, right=True),
        Column("up", 5, right=True, drop=1),
        Column("restarts", 8, right=True, drop=4),
        Column("cpu", 6, right=True, drop=3),
        Column("memory", 8, right=True, drop=2),
        Column("image", 20, drop=5),
        Column("digest", 8, drop=6),
        Column("state", 0, least=24),
    )


def rows_of(status: ContainersStatus, now: float, *, whole: bool) -> list[Row]:
    """All of it; with `whole` every container has its row."""
    names = [each.name for each in status.services]
    names += [f"  {_titled(each)}" for each in status.containers]
    layout = _table(max((len(name) for name in names), default=10))
    rows = [_titles(layout, status)]
    for service in status.services:
        rows.append(_service(service, status, layout))
        mine = status.of_service(service.name)
        if len(mine) > 1 or (whole and mine):
            rows += [_container(each, layout) for each in mine]
    known = {each.name for each in status.services}
    rest = [each for each in status.containers if each.oneoff or each.service not in known]
    if not whole:
        rest = [each for each in rest if each.running or each.severity is not Severity.OK]
    rows += [_container(each, layout) for each in rest]
    if not status.services and not rest:
        rows.append(note(f"project {status.project} has no container on this engine", "error bold"))
    if status.hidden:
        rows.append(note(f"{status.hidden} more containers of services that the profile does not name"))
    rows += [note(text, "warning") for text in status.notes]
    return [*rows, *_events(status.events[-(_EVENTS * 4 if whole else _EVENTS) :], now)]


def _titles(layout: Layout, status: ContainersStatus) -> Row:
    """The column titles, and which project on which engine this is: two may have the same services."""
    *first, last = header(layout).cells
    where = f"   {status.project} on {status.engine.host}"
    return Row("", (*first, Spans(((plain(last), "muted"), (where, "accent")))), layout)


def _service(service: ComposeService, status: ContainersStatus, layout: Layout) -> Row:
    mine = status.of_service(service.name)
    style = SEVERITY_STYLE[service.severity]
    only = mine[0] if len(mine) == 1 else None
    short = service.running < len(mine) and service.severity is not Severity.OK
    return Row(
        f"service/{service.name}",
        (
            (GLYPH[service.severity], style),
            (service.name, "bold"),
            (f"{service.running}/{len(mine)}" if mine else "–", style if short or not mine else ""),
            (_up(only.uptime_s if only else _youngest(mine)), ""),
            _restarts(sum(each.restarts for each in mine)),
            (cpu_words(_sum([each.cpu for each in mine])), ""),
            (memory_words(_sum([each.memory for each in mine])), ""),
            (" ".join(dict.fromkeys(short_image(each) for each in service.images)) or "–", "accent"),
            (_digest(only) if only else "", "muted"),
            Spans(((service.reason, style if service.severity is not Severity.OK else "muted"), _said(only))),
        ),
        layout,
    )


def _container(each: Container, layout: Layout) -> Row:
    style = SEVERITY_STYLE[each.severity]
    reason = (each.reason, style if each.severity is not Severity.OK else "muted")
    return Row(
        f"container/{each.id}",
        (
            (GLYPH[each.severity], style),
            (f"  {_titled(each)}", "muted" if each.oneoff else ""),
            ("", ""),
            (_up(each.uptime_s), ""),
            _restarts(each.restarts),
            (cpu_words(each.cpu), ""),
            (memory_words(each.memory), "warning bold" if each.reason.startswith("memory at") else ""),
            (short_image(each.image) or "–", "accent"),
            (_digest(each), "muted"),
            Spans((reason, _said(each))),
        ),
        layout,
    )


def _titled(each: Container) -> str:
    """Its number among its siblings; the name of one that has none, or was made by hand."""
    if each.oneoff:
        return f"run {each.name}"
    return f"{each.service} {each.number}" if each.service and each.number else each.name or each.short_id


def _said(each: Container | None) -> tuple[str, str]:
    return (f"  {each.said}" if each is not None and each.said else "", "")


def _restarts(count: int) -> tuple[str, str]:
    return (f"{count}×" if count else "", "warning" if count else "muted")


def _up(seconds: float | None) -> str:
    return figures.age(seconds) if seconds is not None else "–"


def _youngest(containers: Sequence[Container]) -> float | None:
    return min((each.uptime_s for each in containers if each.uptime_s is not None), default=None)


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def cpu_words(millis: int | None) -> str:
    """ "12 %" of one core; "–" while unknown."""
    if millis is None:
        return "–"
    return f"{millis / 10:.0f} %" if millis >= 100 or millis == 0 else f"{millis / 10:.1f} %"


def memory_words(size: int | None) -> str:
    """ "84 MB"; "–" while unknown."""
    return "–" if size is None else figures.bytes_(size)


def short_image(image: str) -> str:
    """ "api:1.4" of "registry.example/shop/api:1.4"."""
    name, _, digest = image.partition("@sha256:")
    last = name.rpartition("/")[2]
    return f"{last}@{digest[:8]}" if digest else last


def _digest(each: Container | None) -> str:
    """What it really runs, whatever the tag says: of the registry's digest, else of the image's own."""
    if each is None:
        return ""
    return (each.digest or each.image_id).rpartition("sha256:")[2][:8]


def _events(events: Sequence[ContainerEvent], now: float) -> list[Row]:
    rows = [blank()] if events else []
    for event in reversed(events):
        bad = event.action in _BAD and not event.said.endswith("code 0")
        rows.append(
            spans(
                (f"{figures.age(max(0.0, now - event.at)):>5} ", "muted"),
                (f"{event.action} ", "warning bold" if bad else "muted"),
                (event.name or event.service, ""),
                (f"  {event.said}" if event.said else "", "muted"),
            )
        )
    return rows
