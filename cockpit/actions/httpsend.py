"""One HTTP request of a runbook that may change something: literal, to the host of a health source, sent once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from cockpit.actions.bound import BoundAction
from cockpit.actions.handler import ActionHandler, RunControl, Scene
from cockpit.adapters.capabilities import HttpCalling
from cockpit.clock import Clock
from cockpit.errors import Misconfigured, Refused, TimedOut
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Grant,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.severity import SourceKind
from cockpit.profile.origin import origin_of, same_page
from cockpit.profile.schema import HttpAction
from cockpit.text import clean

DEADLINE_S = 15.0
SEND = ActionSpec(
    id="health.send",
    title="Send HTTP request",
    short="Send",
    pane=SourceKind.HEALTH,
    key="",
    tier=Tier.T3,
    summary="Sends one literal request (POST, PUT, PATCH, DELETE) to the host of a health source, once.",
    params=(
        Param("method", ParamKind.TEXT, "POST, PUT, PATCH or DELETE"),
        Param("url", ParamKind.TEXT, "on the host of a health source", required=False),
        Param("path", ParamKind.TEXT, "instead of url: path on the source's host", required=False),
        Param(
            "headers",
            ParamKind.TEXT,
            'JSON object; a value env:NAME is a secret: {"X-Key": "env:KEY"}',
            required=False,
        ),
        Param("body", ParamKind.TEXT, "literal body", required=False),
    ),
    scope=Scope.SOURCE,
)
SPECS = (SEND,)

_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_SHOWING = (
    "-s --silent -S --show-error -f --fail --fail-with-body -v --verbose -i --include --compressed -X --request -H "
    "--header -d --data --data-raw --data-binary --json -m --max-time --connect-timeout -w --write-out --url -# "
    "--progress-bar -N --no-buffer --http1.1 --http2 -g --globoff"
)
_KNOWN = frozenset(_SHOWING.split())
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_CREDENTIALS = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "private-token",
)


def _header(name: str, value: str) -> str | None:
    """As the parameter carries it: a literal, or a reference to a variable of the environment."""
    match = _VARIABLE.fullmatch(value.strip())
    if match is not None:
        return f"env:{match[1]}"
    bearer = re.fullmatch(r"Bearer\s+(.+)", value.strip(), re.IGNORECASE)
    if name.lower() == "authorization" and bearer is not None and (match := _VARIABLE.fullmatch(bearer[1])):
        return f"bearer env:{match[1]}"
    # A text that looks like a reference would become one.
    reference = value.strip().partition(":")[0] in ("env", "file", "cmd", "bearer env")
    literal = "$" not in value and "`" not in value and name.lower() not in _CREDENTIALS and not reference
    return value.strip() if literal else None


def understood(call: Call) -> Intent | None:
    """A literal request from this machine. Secrets only as whole variables; anything else to fill in: None."""
    method = call.verb.upper()
    if method not in _METHODS or len(call.args) != 1 or call.within or call.redirects or call.piped:
        return None
    if call.flags.keys() - _KNOWN or not _PRINTABLE.fullmatch(call.body + call.args[0].text):
        return None
    url, body = call.args[0], call.body.strip()
    if url.placeholders or body.startswith("@") or any(mark.spelled in body for mark in call.placeholders):
        return None
    headers: dict[str, str] = {}
    for name, value in call.headers.items():
        made = _header(name, value)
        if made is None:
            return None
        headers[name] = made
    text = url.text if "://" in url.text or url.text.startswith("/") else f"http://{url.text}"
    params = {"method": method, "path" if text.startswith("/") else "url": text}
    if headers:
        params["headers"] = json.dumps(headers, sort_keys=True)
    if body:
        params["body"] = body
    differs = "It is sent once, follows no redirect, and only to a host of the profile's health sources."
    return Intent(SEND.id, SourceKind.HEALTH, {"url": text}, params, differs=differs)


def declared(intent: Intent, actions: Sequence[HttpAction], origin: str = "") -> Intent:
    """health.call in place of the literal request where the profile declares this very request.

    The same method, URL and body, and no header of the runbook that says something else: a body that differs may
    switch off what the declared one switches on. A path is taken to be on `origin`.
    """
    if intent.name != SEND.id:
        return intent
    url = intent.params.get("url", "") or f"{origin}{intent.params.get('path', '')}"
    headers = _params(intent.params.get("headers", ""))
    for action in actions:
        if _same(action, intent.params["method"], url, intent.params.get("body", "")) and _agree(action, headers):
            differs = f"The profile declares it as {action.name}: sent as declared there, and read back."
            return Intent(
                "health.call",
                SourceKind.HEALTH,
                intent.target,
                {"name": action.name},
                differs=differs,
                tier=Tier[action.tier],
            )
    return intent


def _same(action: HttpAction, method: str, url: str, body: str) -> bool:
    return action.method == method and same_page(action.url, url) and _content(action.body or "") == _content(body)


def _content(body: str) -> object:
    """JSON by its meaning, anything else by its text."""
    try:
        return json.dumps(json.loads(body), sort_keys=True)  # as text: in Python 1, 1.0 and True are the same
    except (ValueError, RecursionError):
        return body.strip()


def _agree(action: HttpAction, headers: Mapping[str, str]) -> bool:
    """Every literal header of the runbook is there or goes without saying; secrets are the profile's to know."""
    own = {name.lower(): value for name, value in action.headers.items()}
    return all(
        name.lower() in ("accept", "content-type", "user-agent")
        or value.startswith(("env:", "bearer env:"))
        or own.get(name.lower()) == value
        for name, value in headers.items()
    )


def _params(text: str) -> dict[str, str]:
    found = json.loads(text) if text else {}
    return {str(name): str(value) for name, value in found.items()}


REPLACES = (Replacement(SEND.id, "http", SEND.tier, understood),)


def handlers(
    source_id: str,
    url: str,
    client_for: Callable[[HttpAction], HttpCalling],
    declared_actions: Sequence[HttpAction],
    scene: Scene,
    clock: Clock,
) -> list[ActionHandler]:
    """One for one health source with this `url`; `client_for` makes what sends a request."""
    return [SendRequest(source_id, url, client_for, declared_actions, scene, clock)]


class SendRequest(BoundAction):
    """The request is what is agreed to, header names included; values that are references are never shown."""

    def __init__(
        self,
        source: str,
        url: str,
        client_for: Callable[[HttpAction], HttpCalling],
        declared_actions: Sequence[HttpAction],
        scene: Scene,
        clock: Clock,
    ) -> None:
        super().__init__(SEND, source)
        self._origin = origin_of(url)
        self._client_for = client_for
        self._declared = declared_actions
        self._scene = scene
        self._clock = clock

    def _action(self, request: ActionRequest) -> HttpAction:
        """The request as the adapter takes it. Raises Refused for another host, or what cannot be sent."""
        method, url, path = request.get("method").upper(), request.get("url"), request.get("path")
        if method not in _METHODS:
            raise Refused("parameters", f"method is none of {', '.join(_METHODS)}")
        if bool(url) == bool(path):
            raise Refused("parameters", "give either url or path")
        if path:
            url = f"{self._origin}{path}" if path.startswith("/") and not path.startswith("//") else ""
        if not self._origin or origin_of(url) != self._origin:
            raise Refused(
                "precondition",
                f"{clean(url or path, 200)} is not on {self._origin}, the host of {self._source}: nothing is sent",
                hint="requests of a runbook go to hosts of the profile's health sources only",
            )
        headers, bearer = _headers(request.get("headers"))
        try:
            return HttpAction.model_validate(
                {
                    "name": "send",
                    "title": f"{method} {url}",
                    "url": url,
                    "method": method,
                    "headers": headers,
                    "bearer": bearer,
                    "body": request.get("body") or None,
                    "tier": "T3",
                    "timeout": DEADLINE_S,
                }
            )
        except ValueError as error:
            # Its words never repeat a value; the first line tells enough.
            reason = "; ".join(clean(str(each["msg"]), 160) for each in getattr(error, "errors", list)())
            raise Refused("parameters", f"the request cannot be sent: {reason or 'it makes no sense'}") from None

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact request with secrets masked. Raises Refused."""
        action = self._action(request)
        client = self._client_for(action)
        refusals = []
        try:
            await client.prepare()
        except (Misconfigured, TimedOut) as error:
            refusals.append(Refusal("permission", error.message, error.hint))
        lines = client.request()
        warnings = ["what it changes is known to the service only: read its documentation first"]
        for known in self._declared:
            if _same(known, action.method, action.url, action.body or ""):
                warnings.append(f"the profile declares this request as {known.name}: health.call can verify it")
        return Plan(
            request=ActionRequest(SEND.id, self._source, request.params),
            title=lines[0],
            tier=SEND.tier,
            target=f"{self._origin} of {self._scene.system}/{self._scene.environment}",
            identity={"origin": self._origin},
            changes=(Change(lines[0], "not sent", "sent once"),),
            objects=(lines[0],),
            count=1,
            population=0,
            affected="whoever the service decides",
            operation=lines,
            equivalent=client.curl(),
            permission=Permission(Grant.UNKNOWN, "that the service accepts the request", "only sending it can tell"),
            undo=Undo("none: the service alone knows how to take it back"),
            planned_at=self._clock.now(),
            deadline_s=DEADLINE_S,
            refusals=tuple(refusals),
            warnings=tuple(warnings),
            symptoms=(self._source,),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Send it. A status of 500 and up may come after the effect: UNKNOWN. Raises CockpitError."""
        if control.aborted():
            return RunResult(Outcome.FAILED, "stopped before anything was sent", 0)
        status, text = await self._client_for(self._action(plan.request)).send()
        said = f"HTTP {status}" + (f": {text}" if text else "")
        if 200 <= status < 300:
            return RunResult(Outcome.SUCCEEDED, said)
        if status >= 500:
            return RunResult(Outcome.UNKNOWN, f"{said}; it may have happened all the same: check", 0)
        if 300 <= status < 400:
            return RunResult(Outcome.FAILED, f"{said}; a redirect is not followed", 0)
        return RunResult(Outcome.FAILED, said, 0)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """What it changed cannot be seen from here."""
        return Verification(None, f"{result.summary}; what it changed cannot be read back")


def _headers(text: str) -> tuple[Mapping[str, str], str | None]:
    """Headers and, apart from them, the reference of a bearer token. Raises Refused."""
    if not text:
        return {}, None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Refused("parameters", "headers must be a JSON object of texts")
    bearer = next((value for name, value in found.items() if value.startswith("bearer env:")), None)
    others = {name: value for name, value in found.items() if not value.startswith("bearer env:")}
    if any(value.startswith(("file:", "cmd:")) for value in others.values()):
        raise Refused("parameters", "a header's secret can only be a variable of the environment: env:NAME")
    return others, bearer.removeprefix("bearer ") if bearer else None
