"""Looks at Prometheus: what the panels say, and one query of a runbook asked once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from cockpit.adapters.capabilities import Probing
from cockpit.adapters.kube.commandline import kube_call, singular
from cockpit.clock import Clock
from cockpit.errors import Refused
from cockpit.looks import health
from cockpit.looks.bound import LINES, BoundLook, StateOf
from cockpit.looks.filling import filled, slots
from cockpit.looks.looker import Looker
from cockpit.looks.panels import PanelsNow, details, values
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.metrics import MetricPanel
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.fields import parse_duration
from cockpit.profile.origin import origin_of

PANELS = LookSpec(
    "prometheus.panels",
    "Prometheus now",
    SourceKind.PROMETHEUS,
    "What each panel says now: last value of each line, bound, age of the last point, and how the server is reached.",
    (Param("panel", ParamKind.CHOICE, "only this one, with all that is known of it", required=False),),
    live=False,
)
QUERY = LookSpec(
    "prometheus.query",
    "PromQL question",
    SourceKind.PROMETHEUS,
    "Asks Prometheus once for a query in PromQL, over a window up to now.",
    (
        Param("query", ParamKind.TEXT, "rate(http_requests_total[5m])"),
        Param("window", ParamKind.DURATION, "how far back", required=False, default="1h"),
        *slots("query"),
    ),
    live=False,
)
SPECS = (PANELS, QUERY)

_FORWARDED = "It shows what the panels say, through a connection of the cockpit's own; no port is opened here."
_ASKED = "It is asked of the profile's own server, over the last hour instead of at one moment."
_ALL = re.compile(r"/api/v1/query(_range)?/?")
_NAMES = re.compile(r"(?:.*[-.])?prom(?:etheus)?(?:[-.].*)?")
_PORTS = frozenset(("9090", "web", "http-web"))
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))
_QUIET = frozenset(("--address", "--pod-running-timeout"))


class Board(Probing, Protocol):
    """Can be asked for all its panels, and for one query more."""

    async def ask(self, query: str, window_s: float) -> tuple[MetricPanel, tuple[str, ...]]:
        """The panel of one query, and notes. Raises CockpitError."""


def forwarded_to(call: Call) -> tuple[Mapping[str, str], str] | None:
    """kubectl port-forward KIND/NAME [LOCAL:]PORT of something that is called Prometheus: where, and to what."""
    found = kube_call(call, "port-forward", objects=False, quiet=_QUIET)
    if found is None or found.options or found.everywhere or len(found.given) != 2:
        return None
    if call.placeholders:
        return None
    thing, ports = found.given
    kind, slash, name = thing.rpartition("/")
    kind = singular(kind) if slash else "pod"
    if kind not in ("pod", "service", "deployment", "statefulset"):
        return None
    if not _NAMES.fullmatch(name) or _PORTS.isdisjoint(ports.split(":")):
        return None
    return found.target, f"{kind}/{name}:{ports.rpartition(':')[2]}"


def asked_of(call: Call) -> tuple[str, str] | None:
    """curl http://HOST/api/v1/query?query=QUERY, where that stands there as it is sent: origin and query.

    No origin where it is on this machine: what listens there is a port-forward that somebody was told to open.
    """
    plain = health.understood(call)
    if plain is None or call.placeholders or (call.verb.upper() or "GET") != "GET":
        return None
    url = plain.target.get("url", "")
    parts = urlsplit(url) if origin_of(url) else None
    if parts is None or not _ALL.fullmatch(parts.path):
        return None
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    query = given.pop("query", "")
    if not query or set(given) - {"time", "start", "end", "step", "timeout"}:
        return None
    return "" if parts.hostname in _LOCAL else f"{parts.scheme}://{parts.netloc}", query


def _forwarded(call: Call) -> Intent | None:
    found = forwarded_to(call)
    return None if found is None else Intent(PANELS.id, SourceKind.PROMETHEUS, found[0], differs=_FORWARDED)


def _asked(call: Call) -> Intent | None:
    found = asked_of(call)
    if found is None:
        return None
    url, query = found
    return Intent(QUERY.id, SourceKind.PROMETHEUS, {"url": url} if url else {}, {"query": query}, differs=_ASKED)


REPLACES = (
    Replacement(PANELS.id, "kubectl", Tier.T0, _forwarded),
    Replacement(QUERY.id, "http", Tier.T0, _asked),
)


def lookers(source_id: str, board: Board, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [PanelsNow(PANELS, source_id, board, state_of, clock), PromQuestion(source_id, board, clock)]


class PromQuestion(BoundLook):
    """prometheus.query."""

    def __init__(self, source: str, board: Board, clock: Clock) -> None:
        super().__init__(QUERY, source)
        self._board = board
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for a window that is none, CockpitError."""
        query = filled(request, "query").strip()
        if not query:
            raise Refused("parameters", "query is needed", hint="write PromQL: up")
        try:
            window_s = parse_duration(request.get("window") or "1h")
        except ValueError as error:
            raise Refused("parameters", f"window {error}") from None
        if not 60 <= window_s <= 7 * 86400:
            raise Refused("parameters", "window must be from 1m to 7d")
        panel, notes = await self._board.ask(query, window_s)
        now = self._clock.now()
        said = f"{panel.title}: {values(panel)}" if panel.series else f"{panel.title}: no point in the window"
        lines = (*details(panel, now.timestamp(), word="query"), *notes)
        severity = panel.severity if panel.series else Severity.UNKNOWN
        return Sight(severity, said, now, lines[:LINES], len(lines) > LINES)
