"""Looks at HTTP services: the reading of a health source, and any path on its origin asked for anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from cockpit.adapters.capabilities import Fetching
from cockpit.clock import Clock
from cockpit.errors import Refused, Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.looks.switches import spread
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.health import Component, HealthStatus
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.origin import same_page

STATE = LookSpec(
    "health.state", "Health", SourceKind.HEALTH, "What the endpoint said at the last poll: status, parts, checks."
)
GET = LookSpec(
    "health.get",
    "HTTP question",
    SourceKind.HEALTH,
    "Asks one path of the source's own host (GET or HEAD) and shows status, latency and the answer.",
    (
        Param("url", ParamKind.TEXT, "full URL on the host of the source", required=False),
        Param("path", ParamKind.TEXT, "instead of url: path and query, such as /api/status", required=False),
        Param("method", ParamKind.TEXT, "GET or HEAD", required=False, default="GET"),
        Param("json", ParamKind.TEXT, "JMESPath into a JSON answer", required=False),
        Param("contains", ParamKind.TEXT, "show only lines with this word", required=False),
    ),
    live=False,
)
SPECS = (STATE, GET)

_CHARACTERS = re.compile(r"[\x21-\x7e]+")
# curl's and wget's flags that change what is shown, or how long it may take, and nothing else.
_SHOWING = (
    "-s --silent -S --show-error -f --fail --fail-with-body -v --verbose -i --include --compressed -# -L --location "
    "-m --max-time --connect-timeout -w --write-out --retry --retry-delay -q --quiet -nv -X --request -I --head "
    "--url -N --no-buffer --http1.1 --http2 --spider --globoff -g --no-progress-meter --progress-bar"
)
_HARMLESS = frozenset(_SHOWING.split())
_SHORT = "sSfviLIqNg#"
_OWN_WAY = {
    "-H": "its headers",
    "--header": "its headers",
    "-k": "its waiver of the certificate check",
    "--insecure": "its waiver of the certificate check",
    "--cacert": "its certificate authority",
    "-u": "its user",
    "--user": "its user",
    "-A": "its client name",
    "--user-agent": "its client name",
}
_TO_SCREEN = ("/dev/null", "-", "/dev/stdout")


def understood(call: Call) -> Intent | None:
    """GET and HEAD of one URL from this machine. With a placeholder for the host the path is asked of the source."""
    method = call.verb.upper() or "GET"
    if method not in ("GET", "HEAD") or len(call.args) != 1 or call.body or call.within:
        return None
    flags = spread(call, _SHORT)
    if flags.keys() - _HARMLESS - _OWN_WAY.keys() - {"-o", "--output", "-O"}:
        return None
    if any(value not in _TO_SCREEN for name in ("-o", "--output", "-O") for value in flags.get(name, ())):
        return None
    differs = sorted(
        {_OWN_WAY[name] for name in flags if name in _OWN_WAY} | ({"its headers"} if call.headers else set())
    )
    params = {} if method == "GET" else {"method": method}
    word = call.args[0]
    text = word.text
    if word.globs and not re.search(r"[*\[\]]", text.partition("?")[0]):
        word = replace(word, globs=False)  # only the ? of a query: no file is meant
    if word.globs:
        return None
    said = ""
    if word.placeholders:
        host = word.placeholders[0]
        page = text.removeprefix(host.spelled)
        if len(word.placeholders) != 1 or page == text or not page.startswith("/"):
            return None
        params["path"] = page
        said = f"{host.spelled} is not looked up: the host of the chosen health source is asked. "
    elif text.startswith("/"):
        params["path"] = text
    else:
        params["url"] = text if "://" in text else f"http://{text}"
    if not _CHARACTERS.fullmatch(text):
        return None
    if differs:
        said += f"The profile's own headers, credentials and TLS settings are used, not {' and '.join(differs)}."
    target = {"url": params.get("url") or params["path"]}
    return Intent(GET.id, SourceKind.HEALTH, target, params, differs=said.strip())


def settled(intent: Intent, names: Mapping[str, str]) -> Intent:
    """The live look in place of a question for exactly what the source (its entry in `Parts.names`) is polled for."""
    plain = set(intent.params) <= {"url"} and "url" in intent.params
    if intent.name != GET.id or not plain or not same_page(intent.params["url"], names.get("url", "")):
        return intent
    return replace(intent, name=STATE.id, params={})


REPLACES = (Replacement(GET.id, "http", Tier.T0, understood),)


def lookers(source_id: str, adapter: Fetching, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [HealthState(source_id, state_of), HttpQuestion(source_id, adapter, clock)]


class HealthState(BoundLook):
    """The last reading, laid out."""

    def __init__(self, source: str, state_of: StateOf) -> None:
        super().__init__(STATE, source)
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes = reading_of(self._source, self._state_of)
        status = reading.payload
        if not isinstance(status, HealthStatus):
            raise Unreachable(f"{self._source} has no health reading")
        lines = [f"{status.method} {status.url}: {status.status or 'no answer'} in {status.latency_ms:.0f} ms"]
        lines += [f"check {check.path} = {check.value} ({check.severity.word})" for check in status.checks]
        for component in status.components:
            lines += _parts(component, 0)
        return sight_of(reading, notes, [*lines, *status.notes])


def _parts(component: Component, depth: int) -> list[str]:
    detail = f"  {component.detail}" if component.detail else ""
    found = [f"{'  ' * depth}{component.name}: {component.status or component.severity.word}{detail}"]
    for child in component.children:
        found += _parts(child, depth + 1)
    return found


class HttpQuestion(BoundLook):
    """One request to the source's own host."""

    def __init__(self, source: str, adapter: Fetching, clock: Clock) -> None:
        super().__init__(GET, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for another host, and CockpitError."""
        method = request.get("method").upper() or "GET"
        wanted, contains = request.get("json"), request.get("contains")
        found = await self._adapter.fetch(method, self._url(request), wanted, contains)
        severity = Severity.OK if 200 <= found.status < 300 or found.expected else Severity.CRIT
        said = f"{found.status} in {found.latency_ms:.0f} ms"
        if 300 <= found.status < 400:
            said += ", a redirect, which is not followed"
        if wanted:
            said += f": {wanted} is {found.value}"
        elif contains:
            said += f": {len(found.lines)}{'+' if found.cut else ''} lines with {contains}"
        return Sight(severity, said, self._clock.now(), found.lines, found.cut)

    def _url(self, request: LookRequest) -> str:
        url, page = request.get("url"), request.get("path")
        if bool(url) == bool(page):
            raise Refused("parameters", "give either url or path", hint="path=/api/status asks the source's host")
        if page and not (page.startswith("/") and not page.startswith("//") and _CHARACTERS.fullmatch(page)):
            raise Refused("parameters", "path must be plain and begin with one /", hint="such as /api/status")
        return url or f"{self._adapter.origin}{page}"
