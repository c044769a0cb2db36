"""HTTP requests: what curl, wget and HTTPie send, and request lines written out (`GET /api/health`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cockpit.model.command import Word
from cockpit.runbooks.shell.arguments import Split
from cockpit.runbooks.shell.words import word

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"})
_REQUEST = re.compile(
    r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+((?:https?://|/|\{\{?\w|<\w|\$\{?\w)\S*)(?:\s+HTTP/[\d.]+)?\s*(?:#.*)?\Z"
)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):\s+(\S.*)\Z")
_ITEM = re.compile(r"([\w.\[\]-]+)(:=|==|=|:)(.*)\Z", re.DOTALL)


@dataclass(slots=True)
class Request:
    """One request."""

    method: str
    urls: list[Word]
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


def request_line(line: str) -> Request | None:
    """`GET /api/x`, `POST https://host/x HTTP/1.1` -> the request; None for anything else."""
    match = _REQUEST.match(line.strip())
    return Request(match.group(1), [word(match.group(2))]) if match else None


def header(line: str) -> tuple[str, str] | None:
    """`Name: value`."""
    match = _HEADER.match(line.strip())
    return (match.group(1), match.group(2)) if match else None


def of(program: str, split: Split) -> Request | None:
    """What curl, wget or HTTPie would send; None where no address is given."""
    if program == "curl":
        return _curl(split)
    if program == "wget":
        return _wget(split)
    return _httpie(split)


def _curl(split: Split) -> Request | None:
    flags = split.flags
    urls = [*split.args, *(word(each) for each in flags.get("--url", ())), *split.rest]
    if not urls:
        return None
    data = [
        each
        for name in ("--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json")
        for each in flags.get(name, ())
    ]
    data = [*data, *(each for name in ("-F", "--form-string") for each in flags.get(name, ()))]
    data += [each for each in flags.get("--form", ()) if each not in flags.get("-F", ())]
    method = flags.get("--request", ("",))[-1].upper()
    if not method:
        if "--head" in flags:
            method = "HEAD"
        elif "--upload-file" in flags:
            method = "PUT"
        else:
            method = "POST" if data and "--get" not in flags else "GET"
    return Request(method, urls, _headers(flags.get("--header", ())), "&".join(data))


def _wget(split: Split) -> Request | None:
    if not split.args:
        return None
    flags = split.flags
    data = [*flags.get("--post-data", ()), *flags.get("--body-data", ()), *flags.get("--post-file", ())]
    method = flags.get("--method", ("POST" if data else "HEAD" if "--spider" in flags else "GET",))[-1].upper()
    return Request(method, split.args, _headers(flags.get("--header", ())), "&".join(data))


def _httpie(split: Split) -> Request | None:
    args = list(split.args)
    method = args.pop(0).text if args and args[0].text in METHODS else ""
    if not args:
        return None
    url, headers, body = args.pop(0), {}, []
    for item in args:
        match = _ITEM.match(item.text)
        if match and match.group(2) == ":":
            headers[match.group(1)] = match.group(3)
        elif match and match.group(2) != "==":
            body.append(item.text)
    return Request(method or ("POST" if body else "GET"), [url], headers, "&".join(body))


def _headers(values: tuple[str, ...]) -> dict[str, str]:
    pairs = (each.partition(":") for each in values)
    return {name.strip(): value.strip() for name, _, value in pairs}
