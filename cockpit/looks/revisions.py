"""Looks at a Cloud Run service: what serves and how it is set up, and its revisions; both from readings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cockpit.adapters.gcp.commandline import run_call
from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks.bound import LINES, BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Choice, Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.revisions import Condition, Revision, ServiceBrief, ServiceStatus, TrafficTarget
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import clean

STATE = LookSpec(
    "revisions.state",
    "Service",
    SourceKind.REVISIONS,
    "What serves, what the template holds, scaling, ingress and condition of the service.",
)
LIST = LookSpec(
    "revisions.list",
    "Revisions",
    SourceKind.REVISIONS,
    "The revisions with age, state, traffic and image, newest first.",
    (
        Param("revision", ParamKind.CHOICE, "only this one, with all that is known of it", required=False),
        Param("limit", ParamKind.INTEGER, "how many, the newest", required=False),
    ),
)
SERVICES = LookSpec(
    "revisions.services",
    "Services",
    SourceKind.REVISIONS,
    "The services of the project in all regions, or in one.",
    (Param("region", ParamKind.TEXT, "only this region", required=False),),
    live=False,
)
SPECS = (STATE, LIST, SERVICES)

_SERVICE_STATES = {
    "ready": Severity.OK,
    "deploying": Severity.OK,
    "failed": Severity.WARN,
    "unknown": Severity.UNKNOWN,
}
_ROWS = frozenset(("--page-size", "--sort-by", "--flatten"))
_UNFILTERED = "The whole list is shown: --filter is not applied."


def _state_asked(call: Call) -> Intent | None:
    """gcloud run services describe S."""
    described = run_call(call, "services describe", frozenset(("--flatten",)))
    if described is None or described.options or described.given:
        return None
    return Intent(STATE.id, SourceKind.REVISIONS, described.target)


def _services_asked(call: Call) -> Intent | None:
    """gcloud run services list, of one region or of all."""
    listed = run_call(call, "services list", _ROWS | {"--limit", "--uri", "--filter"})
    if listed is None or listed.options or listed.given:
        return None
    target = dict(listed.target)
    region = call.flag("--region") or ""
    asked = listed.value(region) if region else ""
    target.pop("region", None)  # any source of the project can ask
    differs = "All are shown: --filter and --limit are not applied." if _narrowed(call) else ""
    if isinstance(asked, Placeholder):
        return Intent(SERVICES.id, SourceKind.REVISIONS, target, asks={"region": asked}, differs=differs)
    params = {"region": asked} if asked else {}
    return Intent(SERVICES.id, SourceKind.REVISIONS, target, params, differs=differs)


def _narrowed(call: Call) -> bool:
    return call.flag("--filter") is not None or call.flag("--limit") is not None


def _list_asked(call: Call) -> Intent | None:
    """gcloud run revisions list --service=S, and revisions describe R."""
    listed = run_call(call, "revisions list", _ROWS)
    described = run_call(call, "revisions describe", frozenset(("--flatten",)))
    if listed is not None:
        options = dict(listed.options)
        differs = _UNFILTERED if options.pop("--filter", None) is not None else ""
        limit = options.pop("--limit", "")
        if options or listed.given or (limit and not _counts(limit)):
            return None
        params = {"limit": limit} if limit else {}
        return Intent(LIST.id, SourceKind.REVISIONS, listed.target, params, differs=differs)
    if described is None or described.options or len(described.given) != 1:
        return None
    revision = described.value(described.given[0])
    if isinstance(revision, Placeholder):
        return Intent(LIST.id, SourceKind.REVISIONS, described.target, asks={"revision": revision})
    return Intent(LIST.id, SourceKind.REVISIONS, described.target, {"revision": revision})


REPLACES = (
    Replacement(STATE.id, "gcloud", Tier.T0, _state_asked),
    Replacement(LIST.id, "gcloud", Tier.T0, _list_asked),
    Replacement(SERVICES.id, "gcloud", Tier.T0, _services_asked),
)


class Listing(Protocol):
    """Can list the services of its project."""

    async def services(self) -> tuple[Sequence[ServiceBrief], Sequence[str]]:
        """Them, and the regions that did not answer. Raises CockpitError."""


def lookers(source_id: str, state_of: StateOf, clock: Clock, listing: Listing | None = None) -> list[Looker]:
    """All for one source; the list of services only where somebody can ask for it."""
    found: list[Looker] = [ServiceState(source_id, state_of), RevisionList(source_id, state_of, clock)]
    return found if listing is None else [*found, ServiceList(source_id, listing, clock)]


class ServiceState(BoundLook):
    """revisions.state."""

    def __init__(self, source: str, state_of: StateOf) -> None:
        super().__init__(STATE, source)
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes = reading_of(self._source, self._state_of)
        status = _status(reading, self._source)
        lines = [f"serves: {_shares(status)}", f"wanted traffic: {_targets(status.traffic)}"]
        lines += [f"template: {status.template_image or 'unknown'}{_limits(status)}", *_template(status)]
        if status.strays:
            lines.append(f"{', '.join(status.strays)} runs another image than the template holds")
        if status.pinned:
            lines.append("pinned: a new deployment gets no traffic until latest is promoted")
        lines += [f"scaling: {_scaling(status)}", f"ingress: {status.ingress or 'unknown'}"]
        lines.append(f"condition: {status.state}{f', {status.reason}' if status.reason else ''}")
        lines += _conditions(status.conditions)
        lines.append(f"latest ready: {status.latest_ready or 'none'}")
        if status.latest_created != status.latest_ready:
            lines.append(f"latest created: {status.latest_created}, not ready")
        if status.updated is not None:
            by = f" by {status.last_modifier}" if status.last_modifier else ""
            lines.append(f"changed: {_moment(status.updated)}{by}")
        if status.uri:
            lines.append(f"url: {status.uri}")
        return sight_of(reading, notes, [*lines, *status.notes])


class RevisionList(BoundLook):
    """revisions.list."""

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(LIST, source)
        self._state_of = state_of
        self._clock = clock

    async def choices(self, param: str) -> Sequence[Choice]:
        """The revisions of the last reading, the one that served before recommended."""
        if param != "revision":
            return ()
        reading, _ = reading_of(self._source, self._state_of)
        status = _status(reading, self._source)
        previous = status.previous.revision if status.previous else ""
        return [
            Choice(each.name, f"{each.name}, {_moment(each.created)}, {each.state}", each.name == previous)
            for each in status.revisions
        ]

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for a revision that is not there, Refused for a limit."""
        reading, notes = reading_of(self._source, self._state_of)
        status = _status(reading, self._source)
        if name := request.get("revision"):
            revision = status.revision(name)
            if revision is None:
                known = ", ".join(each.name for each in status.revisions[:5]) or "none"
                raise NotFound(f"{status.service} has no revision {name}", hint=f"The newest: {known}")
            summary = f"{name} is {revision.state}, serves {revision.percent} %"
            return sight_of(reading, notes, self._details(revision, status), summary)
        limit = request.get("limit")
        if limit and not _counts(limit):
            raise Refused("parameters", "limit must be a number from 1 on")
        shown = status.revisions[: int(limit)] if limit else status.revisions
        lines = [self._line(revision, status) for revision in shown]
        of = f" of {len(status.revisions)}" if len(shown) < len(status.revisions) else ""
        return sight_of(reading, notes, lines, f"{len(shown)}{of} revisions; {reading.summary}")

    def _line(self, revision: Revision, status: ServiceStatus) -> str:
        words = [f"{revision.name}  {revision.percent:3d} %  {_age(revision.created, self._clock.now())} old"]
        words.append(f"{revision.state}{f' ({revision.reason})' if revision.reason else ''}")
        words += [f"tag {tag}" for tag in revision.tags]
        words.append(revision.image.rpartition("/")[2])
        if status.previous is not None and status.previous.revision == revision.name:
            words.append(f"served before: {status.previous.evidence}")
        return "  ".join(words)

    def _details(self, revision: Revision, status: ServiceStatus) -> list[str]:
        low, high = revision.min_instances or "unset", revision.max_instances or "unset"
        return [
            self._line(revision, status),
            f"created: {_moment(revision.created)}{f' by {revision.deployed_by}' if revision.deployed_by else ''}",
            f"image: {revision.image}",
            f"digest: {revision.digest or 'unknown'}",
            f"instances: least {low}, most {high}",
        ]


class ServiceList(BoundLook):
    """revisions.services."""

    def __init__(self, source: str, listing: Listing, clock: Clock) -> None:
        super().__init__(SERVICES, source)
        self._listing = listing
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Asks. Raises CockpitError."""
        everything, silent = await self._listing.services()
        region = request.params.get("region", "")
        found = [each for each in everything if region in ("", each.region)]
        wrong = [f"{each.name} {each.state}" for each in found if each.state != "ready"]
        said = f"{len(found)} service{'s' * (len(found) != 1)}" + (f" in {region}" if region else "")
        said += f"; {', '.join(wrong)}" if wrong else ""
        lines = [f"no answer from {', '.join(silent)}: what is there is not in the list"] if silent else []
        lines += [
            f"{each.region}  {each.name}  {each.state}{f', {each.said}' if each.said else ''}"
            f"  {each.latest_ready}  {each.uri}".rstrip()
            for each in found
        ]
        worst = max((_SERVICE_STATES[each.state] for each in found), default=Severity.OK)
        severity = max(worst, Severity.UNKNOWN) if silent else worst
        return Sight(severity, clean(said, 200), self._clock.now(), tuple(lines[:LINES]), len(lines) > LINES)


def _status(reading: Reading, source: str) -> ServiceStatus:
    if not isinstance(reading.payload, ServiceStatus):
        raise Unreachable(f"{source} has no reading of a service")
    return reading.payload


def _counts(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= 1000


def _shares(status: ServiceStatus) -> str:
    found = [
        f"{share.revision} {share.percent} %{' (latest)' if share.latest else ''}"
        for share in status.serving
        if share.percent
    ]
    return ", ".join(found) or "nothing"


def _targets(targets: tuple[TrafficTarget, ...]) -> str:
    found = [f"{target.revision or 'latest'} {target.percent} %" for target in targets if target.percent]
    found += [f"tag {target.tag} on {target.revision or 'latest'}" for target in targets if target.tag]
    return ", ".join(found)


def _limits(status: ServiceStatus) -> str:
    return "".join(f", {name} {text}" for name, text in (("memory", status.memory), ("cpu", status.cpu)) if text)


def _template(status: ServiceStatus) -> list[str]:
    """What else a new revision would be made with; of variables and secrets the names."""
    facts, secrets = status.template, ", ".join(f"{name}:{version}" for name, version in status.secrets)
    parts = (
        (f"{facts.concurrency} requests at once", facts.concurrency),
        (f"timeout {facts.timeout_s:g} s", facts.timeout_s),
        (f"runs as {facts.account}", facts.account),
        (f"variables {', '.join(facts.variables)}", facts.variables),
        (f"secrets {secrets}", secrets),
    )
    return [f"template: {text}" for text, known in parts if known]


def _conditions(conditions: Sequence[Condition]) -> list[str]:
    """Those that are well in one line, each other in its own; the overall one was told before."""
    parts = [each for each in conditions if each.kind != "Ready"]
    well = ", ".join(each.kind for each in parts if each.state == "ok")
    told = [
        f"condition {each.kind}: {each.state}{f', {each.said}' if each.said else ''}"
        f"{f', since {_moment(each.since)}' if each.since else ''}"
        for each in parts
        if each.state != "ok"
    ]
    return [*told, f"in order: {well}"] if well else told


def _scaling(status: ServiceStatus) -> str:
    scaling = status.scaling
    if scaling.stopped:
        return "stopped (manual, 0 instances)"
    if scaling.manual:
        return f"manual, {scaling.manual_instances} instances"
    return f"automatic, least {scaling.min_instances or 'unset'}, most {scaling.max_instances or 'unset'} instances"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _age(created: datetime, now: datetime) -> str:
    seconds = max(0.0, (now - created).total_seconds())
    for unit, word in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{int(seconds / unit)} {word}"
    return f"{int(seconds)} s"
