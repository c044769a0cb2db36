"""Health endpoints with their thresholds: from URL tables, from curl, from lists of paths joined to the base URL."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from cockpit.model.runbook import Bound
from cockpit.runbooks.draft.evidence import Origin, Value, safe, shows_secret
from cockpit.runbooks.draft.naming import Names, is_local, is_own
from cockpit.runbooks.draft.survey import Survey, urlish
from cockpit.runbooks.draft.toml import Entry, Table

_HEALTHY = re.compile(
    r"health|/live\b|livez|alive|/ready\b|readyz|readiness|liveness|/ping\b|/status\b|/vitals\b|heartbeat", re.I
)
_DETAILED = re.compile(r"detail|full|deep|verbose|vitals|stats|components|extended", re.IGNORECASE)
_NO_BODY = re.compile(r"/metrics\b|/docs\b|swagger|openapi|dashboard", re.IGNORECASE)
_SERVICE = re.compile(r"\b(?:api|service|backend|app|site|web|gateway|server|frontend)\b", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|[a-z][a-z0-9]*(?:_[a-z0-9]+)+$")
_MOST = 12


@dataclass(slots=True)
class _Asked:
    """An endpoint to be."""

    url: str
    told: Value
    label: str
    headers: dict[str, str] = field(default_factory=dict)
    bearer: str = ""
    asked_at: Origin | None = None  # where its headers stand
    keys: set[str] = field(default_factory=set)  # what jq takes out of its answer
    extra: bool = False  # figures, not health: asked less often


def health_tables(seen: Survey, environment: str) -> list[Table]:
    """[[health]] with its [[health.check]], then what the thresholds say that no JSON path fits."""
    found = _collected(seen, environment)
    names = Names()
    paths = [(bound, origin) for bound, origin in seen.bounds if _PATH.match(bound.metric)]
    owners = _owners(found, paths)
    tables: list[Table] = []
    for index, asked in enumerate(found[:_MOST]):
        tables.append(_table(asked, names))
        tables += [
            _check(bound, origin) for number, (bound, origin) in enumerate(paths) if owners.get(number) == index
        ]
    rest = [each for number, each in enumerate(paths) if number not in owners]
    rest += [(bound, origin) for bound, origin in seen.bounds if not _PATH.match(bound.metric)]
    notes = [_said(bound, origin) for bound, origin in rest if not shows_secret(bound.metric)]
    if notes:
        tables.append(Table("", [], ["Thresholds of the runbook without a path into a JSON body:", *notes[:60]]))
    return tables


def _collected(seen: Survey, environment: str) -> list[_Asked]:
    base = _base(seen, environment)
    found: dict[str, _Asked] = {}
    wrong = {endpoint.url for endpoint, _ in seen.endpoints if endpoint.environment not in ("", environment)}
    for endpoint, origin in seen.endpoints:
        if endpoint.environment in ("", environment) and _is_health(endpoint.url, endpoint.name):
            _take(found, endpoint.url, base, origin, endpoint.name)
    for request in seen.requests:
        known = request.url in found or (base is not None and _joined(base.text, request.url) in found)
        wanted = _is_health(request.url, "") or request.headers or known
        if request.url in wrong or not wanted or _NO_BODY.search(request.url):
            continue
        asked = _take(found, request.url, base, request.origin, "")
        if asked is None:
            continue
        for header, variable in request.headers:
            asked.asked_at = request.origin
            if header:
                asked.headers[header] = f"env:{variable}"
            else:
                asked.bearer = f"env:{variable}"
        if request.asked:
            asked.keys.add(request.asked)
    if not found and base is not None and not base.missing:
        found[base.text] = _Asked(base.text, Value(base.text, base.origin, "no health path is named"), "main")
    return list(found.values())


def _is_health(url: str, name: str) -> bool:
    if url.startswith("/"):
        return not _NO_BODY.search(url) and (bool(name) or bool(_HEALTHY.search(url)))
    return bool(_HEALTHY.search(urlsplit(url).path)) if urlish(url) else False


def _take(found: dict[str, _Asked], url: str, base: Value | None, origin: Origin, label: str) -> _Asked | None:
    """The endpoint of a URL or path, made where it is new; None where it cannot be asked."""
    told = Value(url, origin)
    if url.startswith("/"):
        if base is None or "{" in url or "<" in url:
            return None
        told = Value(_joined(base.text, url), origin, f"joined to {base.text}")
    elif urlish(url) and is_local(urlsplit(url).hostname or ""):
        if base is None or not _HEALTHY.search(url):
            return None
        told = Value(
            _joined(base.text, urlsplit(url).path), origin, f"the path of a forwarded port, joined to {base.text}"
        )
    elif not urlish(url) or not is_own(url):
        return None
    address = _without_query(told.text)
    if shows_secret(address):
        return None
    asked = found.get(address)
    if asked is None:
        path = urlsplit(address).path
        extra = not _HEALTHY.search(path)
        asked = found[address] = _Asked(address, Value(address, told.origin, told.why), label, extra=extra)
    return asked


def _without_query(url: str) -> str:
    """A query may hold a key; health endpoints rarely need one."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _joined(base: str, path: str) -> str:
    return base.rstrip("/") + "/" + path.lstrip("/") if path.startswith("/") else path


def _base(seen: Survey, environment: str) -> Value | None:
    """Scheme and host that the system is asked at: the one of this environment, or the one asked most."""
    for wanted in (environment, ""):
        for endpoint, origin in seen.endpoints:
            named = _SERVICE.search(endpoint.name) or _HEALTHY.search(endpoint.url)
            if endpoint.environment == wanted and named and urlish(endpoint.url) and is_own(endpoint.url):
                return Value(_root(endpoint.url), origin)
    wrong = {
        _root(each.url)
        for each, _ in seen.endpoints
        if each.environment not in ("", environment) and urlish(each.url)
    }
    hosts = Counter(_root(request.url) for request in seen.requests if urlish(request.url) and is_own(request.url))
    for root, _ in hosts.most_common():
        if root not in wrong:
            origin = next(each.origin for each in seen.requests if urlish(each.url) and _root(each.url) == root)
            return Value(root, origin)
    return None


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _owners(found: list[_Asked], paths: list[tuple[Bound, Origin]]) -> dict[int, int]:
    """Which endpoint a threshold belongs to: the one whose answer has that key, else the most detailed one."""
    if not found:
        return {}
    detailed = next(
        (n for n, asked in enumerate(found[:_MOST]) if not asked.extra and _DETAILED.search(asked.url)), 0
    )
    owners: dict[int, int] = {}
    for number, (bound, _) in enumerate(paths):
        key = bound.metric.partition(".")[0]
        owners[number] = next((n for n, asked in enumerate(found[:_MOST]) if key in asked.keys), detailed)
    return owners


def _table(asked: _Asked, names: Names) -> Table:
    path = urlsplit(asked.url).path.strip("/")
    words = [word for word in path.split("/") if word not in ("api", "v1", "v2", "v3")]
    name = names.take("-".join(words) or asked.label or "main", "health")
    entries = [Entry("name", name), Entry("url", asked.url, asked.told)]
    if asked.extra:
        entries.append(Entry("interval", "30s", Value("", None, "figures need not be asked every 5 s")))
    if asked.headers:
        entries.append(Entry("headers", asked.headers, Value("", asked.asked_at)))
    if asked.bearer:
        entries.append(Entry("bearer", asked.bearer, Value("", asked.asked_at)))
    return Table("[[health]]", entries)


def _check(bound: Bound, origin: Origin) -> Table:
    entries = [Entry("path", bound.metric, Value(bound.metric, origin))]
    for key, text in (("warn", bound.warn), ("critical", bound.critical)):
        if safe(text):
            entries.append(Entry(key, text, Value(text, origin), listed=False))
    return Table("[[health.check]]", entries)


def _said(bound: Bound, origin: Origin) -> str:
    parts = [
        f"{word} {text}{bound.unit and ' ' + bound.unit}"
        for word, text in (("warn", bound.warn), ("critical", bound.critical))
        if text
    ]
    return f"  {bound.metric}: {', '.join(parts)}  (from {origin})"
