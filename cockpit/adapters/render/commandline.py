"""Commands of a runbook that are about Render: its command line tool, and HTTP requests to its API. Pure.

The tool is github.com/render-oss/cli. What is said otherwise than here means that the command is not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from cockpit.model.command import Call, Placeholder

HOST = "api.render.com"
_QUIET = frozenset(("--output", "-o", "--confirm", "--wait", "--tail", "-r"))  # -r is --resources as well
_CURL = frozenset((
    "-s", "-S", "-f", "-L", "-i", "-v", "-X", "-H", "-d", "-o", "--silent", "--show-error", "--fail", "--location",
    "--request", "--header", "--data", "--data-raw", "--json", "--url", "--include", "--verbose", "--max-time", "-m",
    "--data-binary", "--fail-with-body", "--retry", "--compressed", "-G", "--get",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class RenderCall:
    """One command. `words` are the path behind /v1, or what the tool is told."""

    verb: str  # "GET", "POST", "PATCH"; of the tool "restart", "deploys create"
    words: tuple[str, ...]
    options: Mapping[str, str]  # flags of the tool, the query of a request; "" for a switch
    body: Mapping[str, object] = field(default_factory=dict)
    placeholders: tuple[Placeholder, ...] = ()
    http: bool = False

    def value(self, text: str) -> str | Placeholder:
        """Itself, or what has to be filled in for all of it."""
        inside = [each for each in self.placeholders if each.spelled in text]
        whole = next((each for each in inside if each.spelled == text), None)
        if whole is not None:
            return whole
        return Placeholder(text, text, inside[0].style) if inside else text


def tool_call(call: Call, verb: str) -> RenderCall | None:
    """The call as `render VERB`; None where it is another, or runs elsewhere."""
    if call.program != "render" or call.verb != verb or call.within or any(word.globs for word in call.args):
        return None
    if set(call.assigned) - {"RENDER_API_KEY", "RENDER_WORKSPACE"}:
        return None
    options = {name: values[-1] if values else "" for name, values in call.flags.items() if name not in _QUIET}
    return RenderCall(verb, tuple(word.text for word in call.args), options, {}, call.placeholders)


def request_call(call: Call) -> RenderCall | None:
    """The call as a request to Render's public API; None where it is another, or says more than that."""
    if call.program != "http" or call.within or not call.args or call.redirects or set(call.flags) - _CURL:
        return None
    try:
        parts = urlsplit(call.args[0].text)
        if parts.scheme != "https" or parts.netloc != HOST:
            return None
    except ValueError:
        return None
    words = tuple(parts.path.strip("/").split("/"))
    if words[0] == "deploy" and len(words) == 2:  # a deploy hook: its key is in the query
        return RenderCall("HOOK", words, {}, {}, call.placeholders, http=True)
    body = _body(call.body)
    if words[0] != "v1" or body is None:
        return None
    query = parse_qsl(parts.query, keep_blank_values=True)
    options: dict[str, str] = {}
    for name, value in query:
        options[name] = f"{options[name]},{value}" if name in options else value
    return RenderCall(call.verb.upper() or "GET", words[1:], options, body, call.placeholders, http=True)


def is_id(text: str | Placeholder, prefix: str) -> bool:
    """An id with one of these beginnings, or one that is still to be filled in."""
    if isinstance(text, Placeholder):
        return True
    return bool(re.fullmatch(rf"(?:{prefix})-[A-Za-z0-9-]+", text))


def _body(text: str) -> Mapping[str, object] | None:
    """{} for none, None for what is no object."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
