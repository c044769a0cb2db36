"""Rows of what runs at Render: services with their deploys, data stores, what happened; and the detail of each."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from cockpit.model.render import FAILED, UNDERWAY, DataStore, Deploy, RenderEvent, RenderService, RenderStatus
from cockpit.model.severity import Severity
from screens import figures
from screens.paint import GLYPH, SEVERITY_STYLE, Column, Layout, Row, Span, Spans, blank, header, note
from screens.panes.base import Detail

Lines = list[tuple[str, str]]
_DEPLOYS, _ALL = 3, 10  # beside a service; where there is room
_EVENTS, _MORE = 3, 20
_TYPES = {
    "web_service": "web", "private_service": "private", "background_worker": "worker", "cron_job": "cron",
    "static_site": "static",
}  # fmt: skip


@lru_cache(maxsize=64)
def _services(widest: int) -> Layout:
    return (
        Column("", 1),
        Column("service", max(12, min(30, widest))),
        Column("type", 7, drop=5),
        Column("plan", 9, drop=4),
        Column("region", 10, drop=6),
        Column("up", 5, right=True, drop=1),
        Column("age", 5, right=True, drop=2),
        Column("state", 0, least=26),
    )


@lru_cache(maxsize=64)
def _stores(widest: int) -> Layout:
    return (
        Column("", 1),
        Column("data store", max(12, min(30, widest))),
        Column("kind", 9, drop=3),
        Column("plan", 9, drop=4),
        Column("region", 10, drop=6),
        Column("conns", 9, right=True, drop=1),
        Column("status", 0, least=26),
    )


def rows_of(status: RenderStatus, now: float, *, whole: bool) -> list[Row]:
    """All of it; with `whole` more deploys of every service and more events."""
    names = [each.name for each in status.services] + [each.name for each in status.stores]
    widest = max(map(len, names), default=10)
    rows: list[Row] = []
    if status.services:
        rows.append(header(_services(widest)))
    for service in status.services:
        rows.append(_service(service, now, _services(widest)))
        if whole or service.severity is not Severity.OK or len(status.services) == 1:
            rows += [_deploy(service, each, now, _services(widest)) for each in _shown(service, whole=whole)]
    if status.stores:
        rows += [blank(), header(_stores(widest)), *(_store(each, _stores(widest)) for each in status.stores)]
    events = status.events[: _MORE if whole else _EVENTS]
    if events:
        known = {each.id: each.name for each in status.services}
        rows += [blank(), *(_event(each, known.get(each.service, each.service), now) for each in events)]
    return [*rows, *(note(text, "warning") for text in status.notes)]


def _shown(service: RenderService, *, whole: bool) -> list[Deploy]:
    """The newest; what is live and what was before it are among them in any case."""
    shown = service.deploys[: _ALL if whole else _DEPLOYS]
    kept = (service.live, service.previous)
    return [each for each in service.deploys if each in shown or each in kept]


def _service(service: RenderService, now: float, layout: Layout) -> Row:
    glyph, style = GLYPH[service.severity], SEVERITY_STYLE[service.severity]
    live = service.live
    state: list[Span] = [(f"{glyph} ", style)]
    if service.severity is Severity.OK:
        state.append((live.version if live is not None else service.state, "accent"))
        state.append((f"  {live.message}" if live is not None and live.message else "", "muted"))
    else:
        state.append((f"{service.state}: {service.said}" if service.said else service.state, style))
    if service.autoscaling is not None:
        state.append((f"  autoscaled {service.autoscaling.least}-{service.autoscaling.most}", "muted"))
    short = service.instances is not None and len(service.instances) < service.held
    count = "–" if service.instances is None else f"{len(service.instances)}/{service.held}"
    age = figures.age(now - _at(live)) if live is not None else "–"
    return Row(
        f"service/{service.id}",
        (
            ("▶" if live is not None and not service.suspended else "", "primary bold"),
            (service.name, "bold"),
            (_TYPES.get(service.type, service.type), "muted"),
            (service.plan, ""),
            (service.region, "muted"),
            (count, "warning bold" if short else ""),
            (age, ""),
            Spans(tuple(state)),
        ),
        layout,
    )


def _at(deploy: Deploy) -> float:
    return (deploy.finished or deploy.created).timestamp()


def _deploy(service: RenderService, deploy: Deploy, now: float, layout: Layout) -> Row:
    before = service.previous is not None and service.previous.id == deploy.id
    live = deploy.status == "live"
    word = "before" if before else deploy.status.replace("_", " ")
    style = (
        "error" if deploy.status in FAILED else "warning" if deploy.status in UNDERWAY else "" if live else "muted"
    )
    words = f"{word}  {deploy.trigger.replace('_', ' ')}  {deploy.message}".rstrip()
    return Row(
        f"deploy/{service.id}/{deploy.id}",
        (
            ("", ""),
            (f"  {'•' if live else '◁' if before else ' '} {deploy.version or deploy.id}", "" if live else "muted"),
            ("", ""),
            ("", ""),
            ("", ""),
            ("", ""),
            (figures.age(now - deploy.created.timestamp()), "muted"),
            (words, style),
        ),
        layout,
    )


def _store(store: DataStore, layout: Layout) -> Row:
    glyph, style = GLYPH[store.severity], SEVERITY_STYLE[store.severity]
    used = "–" if store.connections is None else str(store.connections)
    used += f"/{store.limit}" if store.limit else ""
    word = store.status.replace("_", " ")
    state: list[Span] = [(f"{glyph} ", style), (word, style if store.severity is not Severity.OK else "")]
    if store.said and store.said != word:
        state.append((f"  {store.said}", style))
    state += [("  highly available", "muted")] if store.high_availability else []
    return Row(
        f"store/{store.id}",
        (
            ("", ""),
            (store.name, "bold"),
            ("Postgres" if store.kind == "postgres" else "Key Value", "muted"),
            (store.plan, ""),
            (store.region, "muted"),
            (used, style if store.said.endswith("connections") else ""),
            Spans(tuple(state)),
        ),
        layout,
    )


def _event(event: RenderEvent, name: str, now: float) -> Row:
    parts: tuple[Span, ...] = (
        (f"{figures.age(now - event.at.timestamp()):>5} ", "muted"),
        (f"{name} ", ""),
        (event.said, "error" if event.bad else "muted"),
    )
    return Row(f"event/{event.id}", (Spans(parts),))


def named(status: RenderStatus, key: str) -> dict[str, str]:
    """Identity of the row: {"service", "live"}, with "deploy" on one that is not live; {"postgres", "created"}."""
    kind, _, rest = key.partition("/")
    if kind == "store":
        store = status.store(rest)
        if store is None or store.kind != "postgres":
            return {}
        return {"postgres": store.id, "created": f"{store.created:%Y-%m-%dT%H:%M:%SZ}"}
    service, deploy = _meant(status, key)
    if service is None:
        return {}
    live = service.live
    found = {"service": service.id} | ({"live": live.id} if live is not None else {})
    return found | ({"deploy": deploy.id} if deploy is not None and deploy.status != "live" else {})


def _meant(status: RenderStatus, key: str) -> tuple[RenderService | None, Deploy | None]:
    kind, _, rest = key.partition("/")
    if kind == "service":
        return status.service(rest), None
    if kind == "deploy":
        service = status.service(rest.partition("/")[0])
        return service, service.deploy(rest.partition("/")[2]) if service is not None else None
    return None, None


def log_of(status: RenderStatus, key: str) -> dict[str, str]:
    """What to ask for the log of a row; {} for one that has none."""
    kind, _, rest = key.partition("/")
    service, _ = _meant(status, key)
    store = status.store(rest) if kind == "store" else None
    name = service.id if service is not None else store.id if store is not None else ""
    return {"resource": name, "limit": "50", "minutes": "15"} if name else {}


def detail(status: RenderStatus, key: str) -> Detail:
    """Everything known of the row, and where it is."""
    kind, _, rest = key.partition("/")
    title, lines = rest, Lines()
    service, deploy = _meant(status, key)
    if deploy is not None and service is not None:
        title, lines = f"{service.name}, {deploy.version or deploy.id}", _deploy_lines(deploy)
    elif service is not None:
        title, lines = service.name, _service_lines(service, status)
    elif kind == "store" and (store := status.store(rest)) is not None:
        title, lines = store.name, _store_lines(store)
    elif kind == "event":
        event = next((each for each in status.events if each.id == rest), None)
        if event is not None:
            title = event.kind.replace("_", " ")
            lines = [("what", event.said), ("when", _moment(event.at)), ("service", event.service), ("id", event.id)]
    lines += [("workspace", status.owner), ("server", status.server)]
    return (title or "Render", [line for line in lines if line[1]])


def _service_lines(service: RenderService, status: RenderStatus) -> Lines:
    scaling, live = service.autoscaling, service.live
    happened = [each for each in status.events if each.service == service.id]
    running = service.instances or ()
    words = f"{len(running)} run of {service.held}" if service.instances is not None else ""
    words += f", autoscaled {scaling.least} to {scaling.most}" if scaling else ""
    mode = {True: "on", False: "off", None: ""}[service.maintenance]
    return [
        ("state", f"{service.state}  {service.said}".strip()),
        ("severity", service.severity.word),
        ("id", service.id),
        ("type", f"{service.type.replace('_', ' ')}, plan {service.plan}, {service.region}"),
        ("suspended", f"by {', '.join(service.suspenders) or 'somebody'}" if service.suspended else ""),
        ("maintenance", f"{mode}, page {service.maintenance_uri}" if service.maintenance_uri else mode),
        ("instances", words),
        *_listed("", [f"{name}  since {_moment(made)}" for name, made in running]),
        ("live", _deploy_words(live) if live is not None else "no deploy"),
        *_listed("deploys", [f"{each.status.replace('_', ' ')}  {_deploy_words(each)}" for each in service.deploys]),
        ("variables", ", ".join(service.variables)),
        ("autodeploy", f"{'on' if service.auto_deploy else 'off'}, {service.branch} of {service.repo}"),
        ("url", service.url),
        ("dashboard", service.dashboard),
        ("created", _moment(service.created)),
        *_listed("happened", [f"{_moment(each.at)}  {each.said}" for each in happened]),
    ]


def _deploy_words(deploy: Deploy) -> str:
    return f"{deploy.version} {deploy.message} ({deploy.id}, {deploy.trigger.replace('_', ' ')})"


def _deploy_lines(deploy: Deploy) -> Lines:
    return [
        ("status", deploy.status.replace("_", " ")),
        ("id", deploy.id),
        ("commit", deploy.commit),
        ("message", deploy.message),
        ("image", deploy.image),
        ("trigger", deploy.trigger.replace("_", " ")),
        ("created", _moment(deploy.created)),
        ("finished", _moment(deploy.finished)),
    ]


def _store_lines(store: DataStore) -> Lines:
    used = "not known" if store.connections is None else str(store.connections)
    return [
        ("status", f"{store.status.replace('_', ' ')}  {store.said}".strip()),
        ("severity", store.severity.word),
        ("id", store.id),
        ("kind", f"{'Postgres' if store.kind == 'postgres' else 'Key Value'} {store.version} {store.role}".strip()),
        ("plan", f"{store.plan}, {store.region}" + (f", {store.disk_gb} GB of disk" if store.disk_gb else "")),
        ("connections", f"{used} of {store.limit or 'an unknown limit'}"),
        ("high availability", "yes" if store.high_availability else ""),
        ("read replicas", ", ".join(store.replicas)),
        ("eviction", store.policy),
        ("maintenance", _moment(store.maintenance_at)),
        ("expires", _moment(store.expires)),
        ("dashboard", store.dashboard),
        ("created", _moment(store.created)),
    ]


def _listed(name: str, values: list[str]) -> Lines:
    return [(name if not at else "", value) for at, value in enumerate(values)]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else ""
