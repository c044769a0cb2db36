"""The table of a draft that is Render's: what is known of it, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.runbooks.draft.evidence import Value
from cockpit.runbooks.draft.hosting import Hosting
from cockpit.runbooks.draft.naming import Names
from cockpit.runbooks.draft.toml import Entry, Table

_MOST = 10


def render_tables(seen: Hosting) -> list[Table]:
    """The services and data stores; what no command names is marked as missing."""
    if not seen:
        return []
    first = next(iter(seen.hosts), "")
    origin = seen.used or next(iter(seen.hosts.values()), None) or seen.spoken
    token = seen.token or Value("env:RENDER_API_KEY", None, "the usual name; the runbook names no variable")
    named = Value(first, origin) if first else Value("render", origin, "the runbook names no service by its address")
    entries = [Entry("name", Names().take(first, "render"), named), Entry("token", token.text, token)]
    entries += [
        _ids(seen, "services", ("srv", "crn"), "ids of the services (srv-...): dashboard, or GET /v1/services"),
        _ids(seen, "postgres", ("dpg",), "ids of Postgres instances (dpg-...), if there are any"),
        _ids(seen, "keyvalue", ("red",), "ids of Key Value instances (red-...), if there are any"),
    ]
    tea = next((name for name in seen.ids if name.startswith("tea-")), "")
    if tea:
        entries.append(Entry("owner", tea, Value(tea, seen.ids[tea])))
    sure = bool(seen.hosts or seen.used)
    return [Table("[[render]]", entries, off="" if sure else "the runbook speaks of Render: is this system there?")]


def _ids(seen: Hosting, key: str, prefixes: Sequence[str], missing: str) -> Entry:
    found = [name for name in seen.ids if name.partition("-")[0] in prefixes][:_MOST]
    told = Value("", seen.ids[found[0]]) if found else Value("", None, missing, missing=True)
    return Entry(key, found, told)
