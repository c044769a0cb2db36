"""What commands and addresses of a runbook tell of Render: services, data stores, the variable with its key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cockpit.model.command import Call, PlaceholderStyle
from cockpit.runbooks.draft.evidence import Origin, Value

_HOST = re.compile(r"\bhttps?://([a-z0-9][a-z0-9-]*)\.onrender\.com\b", re.IGNORECASE)
_SPOKEN = re.compile(r"\bRender (?:dashboard|Postgres|service|Key Value|Redis)\b", re.IGNORECASE)
_ID = re.compile(r"\b((?:srv|crn|dpg|red|tea)-[A-Za-z0-9]{4,40})\b")
_API = "https://api.render.com/"


@dataclass(slots=True)
class Hosting:
    """What a runbook says of Render."""

    spoken: Origin | None = None  # the first mention in words
    hosts: dict[str, Origin] = field(default_factory=dict)  # NAME of NAME.onrender.com
    ids: dict[str, Origin] = field(default_factory=dict)
    token: Value | None = None  # the variable that its requests send
    used: Origin | None = None  # the first command that goes to it

    def __bool__(self) -> bool:
        return bool(self.spoken or self.hosts or self.used)


def note_render(seen: Hosting, file: str, text: str) -> None:
    """Addresses and words, wherever they stand."""
    for number, line in enumerate(text.split("\n"), 1):
        for name in _HOST.findall(line):
            seen.hosts.setdefault(name.lower(), Origin(file, number))
        if seen.spoken is None and _SPOKEN.search(line):
            seen.spoken = Origin(file, number)


def note_call_to_render(seen: Hosting, call: Call, origin: Origin) -> None:
    """A command of its tool, or a request to its API."""
    request = call.program == "http" and bool(call.args) and call.args[0].text.startswith(_API)
    if not request and call.program != "render":
        return
    seen.used = seen.used or origin
    for word in call.words:
        for name in _ID.findall(word.text):
            seen.ids.setdefault(name, origin)
    variables = {each.spelled: each.name for each in call.placeholders if each.style is PlaceholderStyle.VARIABLE}
    sent = call.headers.get("Authorization", call.headers.get("authorization", "")).partition(" ")[2].strip()
    if seen.token is None and sent in variables and re.fullmatch(r"[A-Za-z_]\w*", variables[sent]):
        seen.token = Value(f"env:{variables[sent]}", origin)
