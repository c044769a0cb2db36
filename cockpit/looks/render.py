"""Looks at what runs at Render: the last reading, and what is asked for: logs, recovery, deploys further back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from cockpit.adapters.capabilities import LogAsking, Probing
from cockpit.adapters.render.commandline import RenderCall, is_id, request_call, tool_call
from cockpit.clock import Clock
from cockpit.errors import NotFound, Unreachable
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.looks.panels import PanelsNow
from cockpit.model.action import Choice, Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.logs import Level
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.render import DataStore, Deploy, Export, Recovery, RenderService, RenderStatus
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import clean, counted

_PANE = SourceKind.RENDER
_SERVICE = Param("service", ParamKind.CHOICE, "id or name; empty for all", False)
STATE = LookSpec(
    "render.state",
    "Render services",
    _PANE,
    "Services with deploy, plan, region, instances; data stores with status and connections, as of the last poll.",
    (Param("name", ParamKind.CHOICE, "id or name of a service or data store; empty for all", False),),
)
DEPLOYS = LookSpec(
    "render.deploys",
    "Render deploys",
    _PANE,
    "The latest deploys with commit, status, trigger and times, and which one is live.",
    (_SERVICE,),
)
EVENTS = LookSpec(
    "render.events", "Render events", _PANE, "What happened to the services, newest first.", (_SERVICE,)
)
ENVIRONMENT = LookSpec(
    "render.environment",
    "Environment names",
    _PANE,
    "Names of the variables that services have; values are never read.",
    (_SERVICE,),
)
LOGS = LookSpec(
    "render.logs",
    "Render logs",
    _PANE,
    "The latest log entries of the services, asked for now.",
    (
        Param("resource", ParamKind.TEXT, "id of a service or data store; empty for all services", False),
        Param("filter", ParamKind.TEXT, "NAME=VALUE pairs and words: level=error text=timeout", False),
        Param("limit", ParamKind.INTEGER, "how many, at most 100", False, default="50"),
        Param("minutes", ParamKind.INTEGER, "how far back", False, default="60"),
    ),
    live=False,
)
RECOVERY = LookSpec(
    "render.recovery",
    "Postgres backups",
    _PANE,
    "How far back point-in-time recovery reaches, and the exports that there are.",
    (Param("postgres", ParamKind.CHOICE, "id of the Postgres instance"),),
    live=False,
)
PANELS = LookSpec(
    "rendermetrics.panels",
    "Render metrics",
    SourceKind.RENDERMETRICS,
    "CPU, memory, HTTP requests, latency and connections with their bounds.",
    (Param("panel", ParamKind.CHOICE, "one of them; empty for all", False),),
    live=False,
)
SPECS = (STATE, DEPLOYS, EVENTS, ENVIRONMENT, LOGS, RECOVERY, PANELS)


class Backups(Protocol):
    """Can be asked for the backups of a Postgres instance."""

    async def recovery(self, postgres: str) -> Recovery:
        """Raises CockpitError."""

    async def exports(self, postgres: str) -> tuple[Export, ...]:
        """Raises CockpitError."""


def lookers(
    source: str, estate: Backups, logs: LogAsking, postgres: Sequence[str], state_of: StateOf, clock: Clock
) -> list[Looker]:
    """All but the metrics for one table."""
    return [
        *(Now(spec, source, state_of) for spec in (STATE, DEPLOYS, EVENTS, ENVIRONMENT)),
        Logs(source, logs, clock),
        Backup(source, estate, postgres, clock),
    ]


def metric_lookers(source: str, board: Probing, state_of: StateOf, clock: Clock) -> list[Looker]:
    """The metrics."""
    return [PanelsNow(PANELS, source, board, state_of, clock)]


class Now(BoundLook):
    """Those that answer from the reading."""

    def __init__(self, spec: LookSpec, source: str, state_of: StateOf) -> None:
        super().__init__(spec, source)
        self._state_of = state_of

    def _read(self) -> tuple[RenderStatus, Reading, tuple[str, ...]]:
        reading, notes = reading_of(self._source, self._state_of)
        if not isinstance(reading.payload, RenderStatus):
            raise Unreachable(f"{self._source} has no reading of Render")
        return reading.payload, reading, notes

    async def choices(self, param: str) -> Sequence[Choice]:
        """Of the last reading."""
        status, _, _ = self._read()
        found = [Choice(each.id, f"{each.name}: {each.state}") for each in status.services]
        stores = [Choice(each.id, f"{each.name}: {each.status}") for each in status.stores]
        return [*found, *stores] if param == "name" else found

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for what the profile does not name."""
        status, reading, notes = self._read()
        wanted = request.get("name") or request.get("service")
        service, store = (status.service(wanted), status.store(wanted)) if wanted else (None, None)
        if wanted and service is None and (store is None or self._spec is not STATE):
            known = ", ".join(each.id for each in status.services) or "none"
            raise NotFound(f"{clean(wanted, 60)} is not in this [[render]] table", hint=f"It names: {known}")
        services = [service] if service else [] if store else list(status.services)
        stores = [store] if store else [] if service else list(status.stores)
        match self._spec.id:
            case "render.deploys":
                lines = [line for each in services for line in _deploys(each, head=len(services) > 1)]
            case "render.events":
                shown = {each.id: each.name for each in services}
                lines = [
                    f"{each.at:%m-%d %H:%M:%S}  {shown[each.service]}  {each.said}"
                    for each in status.events
                    if each.service in shown
                ]
            case "render.environment":
                lines = [f"{each.name}: {', '.join(each.variables) or 'none, or not permitted'}" for each in services]
            case _:
                lines = [line for each in services for line in _service(each)]
                lines += [line for one in stores for line in _store(one)]
        summary = ""
        if wanted:
            summary = _said(service) if service else f"{store.name}: {store.status}" if store else ""
        lines += [] if wanted else list(status.notes)
        sight = sight_of(reading, notes, lines or ["none"], summary)
        worst = service.severity if service else store.severity if store else sight.severity
        worst = max(worst, Severity.UNKNOWN) if notes else worst
        return Sight(worst, sight.summary, sight.at, sight.lines, sight.cut)


class Logs(BoundLook):
    """render.logs."""

    def __init__(self, source: str, logs: LogAsking, clock: Clock) -> None:
        super().__init__(LOGS, source)
        self._logs = logs
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Misconfigured for a filter that Render has not, CockpitError."""
        limit = max(1, min(100, int(request.get("limit") or "50")))
        minutes = max(1, min(7 * 1440, int(request.get("minutes") or "60")))
        of = request.get("resource")
        wanted = " ".join(filter(None, (f"resource={of}" if of else "", request.get("filter"))))
        batch = await self._logs.query(wanted, limit, 60.0 * minutes, True)
        bad = sum(entry.level >= Level.ERROR for entry in batch.entries)
        said = f"{counted(len(batch.entries), 'entry', 'entries')} of the last {minutes} min" + (
            f", {bad} errors" if bad else ""
        )
        lines = [
            f"{datetime.fromtimestamp(entry.at, self._clock.now().tzinfo):%H:%M:%S} {entry.level.name:<8}"
            f" {entry.origin}  {entry.message}"
            for entry in batch.entries
        ]
        severity = Severity.WARN if bad else Severity.OK
        return Sight(severity, said, self._clock.now(), tuple(lines[:LINES]), len(lines) > LINES)


class Backup(BoundLook):
    """render.recovery."""

    def __init__(self, source: str, estate: Backups, postgres: Sequence[str], clock: Clock) -> None:
        super().__init__(RECOVERY, source)
        self._estate = estate
        self._postgres = tuple(postgres)
        self._clock = clock

    async def choices(self, param: str) -> Sequence[Choice]:
        """The instances of the profile."""
        return [Choice(name, name, not index) for index, name in enumerate(self._postgres)]

    async def look(self, request: LookRequest) -> Sight:
        """Raises NotFound for an instance that the profile does not name, CockpitError."""
        name = request.get("postgres")
        if name not in self._postgres:
            known = ", ".join(self._postgres) or "none"
            raise NotFound(f"{clean(name, 60)} is not in this [[render]] table", hint=f"It names: {known}")
        recovery, exports = await self._estate.recovery(name), await self._estate.exports(name)
        since = f" since {recovery.since:%Y-%m-%d %H:%M:%S} UTC" if recovery.since else ""
        said = f"point-in-time recovery of {name}: {recovery.status}{since}"
        lines = [f"export {each.id}  {each.created:%Y-%m-%d %H:%M} UTC  {_ready(each)}" for each in exports]
        where = "it goes to a new database: render.recover; the instance itself is not touched"
        return Sight(
            Severity.OK if recovery.possible else Severity.WARN,
            said,
            self._clock.now(),
            (where, *(lines or ["no export"]))[:LINES],
        )


def _ready(export: Export) -> str:
    return "ready" if export.ready else "being made, or gone"


def _said(service: RenderService) -> str:
    return f"{service.name}: {service.state}" + (f", {service.said}" if service.said else "")


def _service(service: RenderService) -> list[str]:
    live = service.live
    count = "" if service.instances is None else f"{len(service.instances)} of {service.held} instances"
    scaling = service.autoscaling
    count += f" (autoscaling {scaling.least} to {scaling.most})" if scaling else ""
    facts = [service.type.replace("_", " "), service.plan, service.region, count]
    lines = [_said(service), f"  {service.id}  {', '.join(filter(None, facts))}"]
    lines += [f"  live: {deploy_line(live)}"] if live is not None else ["  no deploy is live"]
    if service.maintenance:
        lines.append(f"  maintenance mode is on, page {service.maintenance_uri or 'of Render'}")
    return lines


def _store(store: DataStore) -> list[str]:
    used = "connections not known" if store.connections is None else f"{store.connections} connections"
    used += f" of {store.limit}" if store.limit else ", limit not known"
    kind = "Postgres" if store.kind == "postgres" else "Key Value"
    more = [store.plan, store.region, "highly available" if store.high_availability else "", store.policy]
    return [
        f"{store.name}: {store.status}" + (f", {store.said}" if store.said else ""),
        f"  {store.id}  {kind} {store.version}, {', '.join(filter(None, more))}; {used}",
    ]


def _deploys(service: RenderService, *, head: bool) -> list[str]:
    return [*([service.name] if head else []), *(deploy_line(each) for each in service.deploys)]


def deploy_line(deploy: Deploy) -> str:
    """ "dep-1  live  9c41d2ab Faster search  new commit  05-04 03:20"."""
    words = (deploy.id, deploy.status.replace("_", " "), f"{deploy.version} {deploy.message}".strip())
    took = f", took {(deploy.finished - deploy.created).total_seconds() / 60:.0f} min" if deploy.finished else ""
    trigger = deploy.trigger.replace("_", " ")
    return "  ".join(filter(None, (*words, trigger, f"{deploy.created:%Y-%m-%d %H:%M} UTC{took}")))


# What of a runbook they stand in for

_NAMES_ONLY = "It shows the names of the variables and never their values."
_FLAGS = {
    "--level": "level", "--type": "type", "--text": "text", "--host": "host", "--status-code": "statusCode",
    "--method": "method", "--path": "path", "--instance": "instance",
}  # fmt: skip
_METRICS = {
    "cpu": "cpu", "cpu-limit": "cpu", "memory": "memory", "memory-limit": "memory", "http-requests": "http-requests",
    "http-latency": "http-latency", "active-connections": "active-connections",
}  # fmt: skip
_NUMBER = re.compile(r"\d{1,3}")


def _of_tool(call: Call) -> Intent | None:
    services = tool_call(call, "services")
    if services is not None and not services.options and not services.words:
        return Intent(STATE.id, _PANE, {}, differs="Services that the profile does not name are not shown.")
    listed = tool_call(call, "deploys list")
    if listed is not None and len(listed.words) == 1 and not listed.options:
        return _named(listed, DEPLOYS.id, "service", listed.words[0], "srv|crn")
    logs = tool_call(call, "logs")
    return _logs_of_tool(logs) if logs is not None and not logs.words else None


def _logs_of_tool(found: RenderCall) -> Intent | None:
    resources = found.options.get("--resources", "")
    if set(found.options) - {"--resources", "--limit", *_FLAGS}:
        return None
    pairs = {_FLAGS[name]: value for name, value in found.options.items() if name in _FLAGS}
    return _logs(found, resources, pairs, found.options.get("--limit", "100"))


def _logs(found: RenderCall, resources: str, pairs: dict[str, str], limit: str) -> Intent | None:
    if any(isinstance(found.value(value), Placeholder) or " " in value or "=" in value for value in pairs.values()):
        return None
    if not _NUMBER.fullmatch(limit) or not resources:
        return None
    value = found.value(resources)
    wanted = " ".join(f"{name}={text}" for name, text in pairs.items())
    params = {"limit": str(min(100, int(limit)))} | ({"filter": wanted} if wanted else {})
    if isinstance(value, Placeholder):
        return Intent(LOGS.id, _PANE, {}, params, {"resource": value})
    target = {"render": resources.partition(",")[0]}
    return Intent(LOGS.id, _PANE, target, {"resource": resources, **params})


def _of_request(call: Call) -> Intent | None:
    found = request_call(call)
    if found is None or found.verb != "GET" or not found.http or found.body:
        return None
    words = found.words
    if words == ("logs",):
        if set(found.options) - {"ownerId", "resource", "limit", "direction", *_FLAGS.values()}:
            return None
        pairs = {name: value for name, value in found.options.items() if name in _FLAGS.values()}
        return _logs(found, found.options.get("resource", ""), pairs, found.options.get("limit", "20"))
    if len(words) == 2 and words[0] == "metrics" and words[1] in _METRICS:
        of = found.options.get("resource", "").partition(",")[0]
        target = {"render": of} if of and isinstance(found.value(of), str) else {}
        differs = "It shows the window of the profile, and shares of the limit."
        return Intent(PANELS.id, SourceKind.RENDERMETRICS, target, {"panel": _METRICS[words[1]]}, differs=differs)
    if set(found.options) - {"limit"}:
        return None
    if words == ("services",):
        return Intent(STATE.id, _PANE, {}, differs="Services that the profile does not name are not shown.")
    return _of_thing(found)


def _of_thing(found: RenderCall) -> Intent | None:
    words = found.words
    if len(words) == 2 and words[0] in ("services", "postgres", "key-value"):
        return _named(found, STATE.id, "name", words[1], "srv|crn|dpg|red")
    if len(words) != 3 or words[0] not in ("services", "postgres"):
        return None
    look = {
        "deploys": DEPLOYS.id, "events": EVENTS.id, "env-vars": ENVIRONMENT.id, "instances": STATE.id,
        "recovery": RECOVERY.id, "export": RECOVERY.id,
    }.get(words[2])  # fmt: skip
    if look is None or (look == RECOVERY.id) != (words[0] == "postgres"):
        return None
    key = {STATE.id: "name", RECOVERY.id: "postgres"}.get(look, "service")
    return _named(found, look, key, words[1], "srv|crn|dpg", _NAMES_ONLY if look == ENVIRONMENT.id else "")


def _named(found: RenderCall, look: str, key: str, text: str, prefix: str, differs: str = "") -> Intent | None:
    value = found.value(text)
    if not is_id(value, prefix):
        return None
    if isinstance(value, Placeholder):
        return Intent(look, _PANE, {}, asks={key: value}, differs=differs)
    return Intent(look, _PANE, {"render": value}, {key: value}, differs=differs)


def _only(name: str, of: Callable[[Call], Intent | None]) -> Callable[[Call], Intent | None]:
    def only(call: Call) -> Intent | None:
        found = of(call)
        return found if found is not None and found.name == name else None

    return only


REPLACES = tuple(
    Replacement(spec.id, program, Tier.T0, _only(spec.id, of))
    for spec in SPECS
    for program, of in (("render", _of_tool), ("http", _of_request))
)
