"""Addresses of dashboards, consoles and status pages in a runbook's tables and lists -> the [links] of a profile."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from cockpit.model.runbook import Endpoint
from cockpit.runbooks.draft.evidence import Origin, Value, safe
from cockpit.runbooks.draft.toml import Entry, Table

_MOST = 20
# What somebody opens in a browser, by its name or host; health pages and APIs become sources instead.
_PAGE = re.compile(
    r"dashboard|console|grafana|kibana|sentry|datadog|new ?relic|pager ?duty|opsgenie|cloudwatch|status ?page"
    r"|//status\.|monitoring\.|documentation|\bdocs\b|/docs\b|wiki|jira|actions",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s@<>{}$]+")
_HERE = re.compile(r"https?://(localhost|127\.|0\.0\.0\.0|\[)", re.IGNORECASE)


def link_tables(endpoints: Sequence[tuple[Endpoint, Origin]]) -> list[Table]:
    """None where the runbook names no such page. The first address of a name counts."""
    found: dict[str, Entry] = {}
    for endpoint, origin in endpoints:
        name, url = endpoint.name, endpoint.url
        if not name or not _PAGE.search(f"{name} {url}") or _HERE.match(url) or not _URL.fullmatch(url):
            continue
        if safe(name) and safe(url):
            key = json.dumps(name, ensure_ascii=False)
            found.setdefault(key, Entry(key, url, Value(url, origin), listed=False))
    return [Table("[links]", list(found.values())[:_MOST])] if found else []
