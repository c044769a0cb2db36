"""HTTP requests: credentials in the clear, a status that nobody looks at, no deadline."""

from __future__ import annotations

import re

from cockpit.model.command import Call
from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Found, Scene, on_call
from cockpit.runbooks.lint.tools import is_url_of_this_machine

_JUDGES = (
    "--fail",
    "-f",
    "--fail-with-body",
    "--write-out",
    "-w",
    "--head",
    "-I",
    "--include",
    "-i",
    "--verbose",
    "-v",
)
_PRIVATE = re.compile(r"https?://(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.")
_CLOCKS = ("--max-time", "-m", "--connect-timeout")
_CREDENTIALS = re.compile(r"(?i)authorization|cookie|x-api-key|x-auth|api[-_]?key|token")


def _url(call: Call) -> str:
    return next((word.text for word in call.args if "://" in word.text or "." in word.text), "")


def _by_curl(call: Call, scene: Scene) -> bool:
    return "curl" in scene.command.text and not any(
        each.tool not in ("sudo", "watch", "time") for each in call.within
    )


@on_call(
    "http-credentials-in-the-clear",
    Level.ERROR,
    "Over http:// everybody on the way reads the credentials.",
    "http",
)
def clear_credentials(call: Call, scene: Scene) -> Found | None:
    """Credentials in a request over http:// to another machine."""
    url = _url(call)
    if not url.startswith("http://") or is_url_of_this_machine(url):
        return None
    given = any(_CREDENTIALS.search(name) for name in call.headers) or call.has("--user", "-u", "--oauth2-bearer")
    given = given or bool(re.match(r"http://[^/\s@]+:[^/\s@]+@", url))
    if not given:
        return None
    return Found(
        "The credentials travel unencrypted: everybody on the way can read and reuse them.",
        f"https://{url.removeprefix('http://')}; then change the credentials that were sent",
    )


@on_call(
    "curl-ignores-the-status",
    Level.NOTE,
    "curl ends with success whatever the server answers: a 503 passes as healthy in a script.",
    "http",
)
def status(call: Call, scene: Scene) -> Found | None:
    """A GET by curl whose status nothing looks at."""
    if not _by_curl(call, scene) or call.has(*_JUDGES) or call.verb not in ("GET", ""):
        return None
    return Found(
        "curl ends with success even on a 500: what runs this takes a broken service for a healthy one.",
        re.sub(r"\bcurl\b", "curl -f", scene.command.text.split("\n")[0], count=1),
    )


@on_call(
    "curl-has-no-deadline",
    Level.NOTE,
    "Without --max-time curl waits for minutes for a service that hangs, which is when it is asked.",
    "http",
)
def deadline(call: Call, scene: Scene) -> Found | None:
    """curl without a time limit."""
    if not _by_curl(call, scene) or call.has(*_CLOCKS):
        return None
    return Found(
        "A service that hangs holds the terminal for minutes: exactly when this is run.",
        re.sub(r"\bcurl\b", "curl --max-time 10", scene.command.text.split("\n")[0], count=1),
    )


@on_call(
    "curl-accepts-any-certificate",
    Level.WARNING,
    "-k accepts any certificate: who sits on the way can read and answer.",
    "http",
)
def insecure(call: Call, scene: Scene) -> Found | None:
    """`curl -k` to another machine."""
    if not call.has("-k", "--insecure") or is_url_of_this_machine(_url(call)):
        return None
    return Found(
        "Any certificate is accepted: an expired or a foreign one looks fine, and credentials go to whoever answers.",
        "the same with --cacert CA.pem",
        Level.NOTE if _PRIVATE.match(_url(call)) else None,
    )


@on_call(
    "request-line-is-no-command",
    Level.NOTE,
    "An HTTP request line in a shell block is not a command: pasted into a terminal it fails.",
    "http",
)
def request_line(call: Call, scene: Scene) -> Found | None:
    """`GET /path` in a fence of a shell language."""
    command = scene.command
    if command.language.lower() not in ("bash", "sh", "shell", "zsh", "console") or command.opener:
        return None
    found = re.match(r"(GET|POST|PUT|PATCH|DELETE|HEAD)\s+(/\S*)", command.text)
    if found is None:
        return None
    host = next((each.url for each in scene.book.runbook.facts.endpoints if each.url.startswith("http")), "")
    base = re.match(r"https?://[^/\s]+", host)
    where = base[0] if base else "https://HOST"
    method = "" if found[1] == "GET" else f"-X {found[1]} "
    return Found(
        f"`{found[1]}` is no command of the shell, and the line names no host: pasted into a terminal it fails.",
        f"curl -f --max-time 10 {method}{where}{found[2]}",
    )


RULES = (clear_credentials, status, deadline, insecure, request_line)
