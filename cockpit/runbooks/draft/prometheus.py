"""What a runbook says of Prometheus: the queries of its promql fences, and where the server is; and their tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cockpit.looks.prometheus import asked_of, forwarded_to
from cockpit.model.command import Call
from cockpit.runbooks.draft.evidence import Origin, Value, safe
from cockpit.runbooks.draft.toml import Entry, Table
from cockpit.runbooks.markdown.blocks import blocks
from cockpit.runbooks.markdown.parts import BlockKind
from cockpit.runbooks.markdown.source import source

MOST = 20
_TITLE = 60
_FENCE = re.compile(r"promql|prometheus", re.IGNORECASE)
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_TO_FILL = re.compile(r"<[A-Za-z][\w -]*>|\$\{?[A-Za-z_]|\{\{")
_GOES_ON = re.compile(
    r"\s*(?:[-+*/%^=!<>)},]|(?:and|or|unless|by|without|on|ignoring|group_left|group_right|bool|offset)\b)"
)
_UNDONE = re.compile(r"(?:[-+*/%^=!<>(,{]|\b(?:and|or|unless|by|without|on))\s*$")
_NAME = re.compile(r"[a-z_:][\w:]*(?=\s*[\[{]|\s*$|\s*[-+*/)])", re.IGNORECASE)
_RATE = re.compile(r"\s*(?:sum\s*(?:(?:by|without)\s*\([^()]*\)\s*)?\(\s*)?i?rate\(")


@dataclass(slots=True)
class Metering:
    """What was noted."""

    queries: dict[str, tuple[str, Origin]] = field(default_factory=dict)  # query -> what its comment calls it
    url: Value | None = None
    forward: tuple[Value, str] | None = None  # to what, and its namespace


def note_queries(found: Metering, file: str, text: str) -> None:
    """Of the promql fences of a file. What has to be filled in first is no panel."""
    if not _FENCE.search(text):
        return
    for block in blocks(source(file, text).lines):
        if block.kind is BlockKind.FENCE and _FENCE.fullmatch(block.language):
            for line, title, query in queries_in(block.text):
                if safe(query) and not _TO_FILL.search(_STRING.sub("", query)) and len(found.queries) < MOST:
                    found.queries.setdefault(query, (title, Origin(file, block.line + line)))


def note_call(found: Metering, call: Call, origin: Origin) -> None:
    """Where the server is: a port-forward to it, or a question to its API."""
    if found.forward is None and call.program == "kubectl" and (to := forwarded_to(call)) is not None:
        target, wanted = to
        found.forward = (Value(wanted, origin), target.get("namespace", ""))
    elif call.program == "http" and (asked := asked_of(call)) is not None:
        url, query = asked
        if url and safe(url) and found.url is None:
            found.url = Value(url, origin)
        if safe(query) and len(found.queries) < MOST:
            found.queries.setdefault(query, ("", origin))


def queries_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Line (from 0), title and query, each in one line, of a block of PromQL."""
    title, begun, parts = "", 0, list[str]()
    rows = text.split("\n")
    for number, row in enumerate([*rows, ""]):
        bare = row.strip()
        if parts and _whole(parts) and not (bare and _GOES_ON.match(bare)):
            yield begun, title, " ".join(parts)
            title, parts = "", []
        if bare.startswith("#"):
            title = title if parts else bare.lstrip("# ").rstrip(": ")
        elif bare:
            begun = begun if parts else number
            parts.append(_STRING.sub(lambda each: each[0].replace("#", "\0"), bare).partition("#")[0].strip()
                         .replace("\0", "#"))  # fmt: skip
        elif not parts:
            title = ""


def _whole(parts: list[str]) -> bool:
    plain = _STRING.sub('""', " ".join(parts))
    return all(plain.count(a) == plain.count(b) for a, b in ("()", "{}", "[]")) and not _UNDONE.search(plain)


def prometheus_tables(seen: Metering, cluster: str) -> list[Table]:
    """A server with a panel for each query; as comments where nothing says where it is. `cluster`: the name of the
    drafted [[kubernetes]] table, "" without one.
    """
    if not seen.queries and seen.forward is None and seen.url is None:
        return []
    off = ""
    entries = [Entry("name", "main")]
    if seen.url is not None:
        entries.append(Entry("url", seen.url.text, seen.url))
    elif seen.forward is not None and cluster:
        value, namespace = seen.forward
        entries += [Entry("cluster", cluster), Entry("forward", value.text, value)]
        entries += [Entry("namespace", namespace)] if namespace else []
    else:
        off = "Prometheus: say where it is (url, or cluster and forward), and these are panels:"
        entries.append(Entry("url", "missing"))
    found = [Table("[[prometheus]]", entries, off=off)]
    for query, (title, origin) in seen.queries.items():
        panel = [Entry("title", _title(title, query)), Entry("query", query, Value(query, origin))]
        unit = "1/s" if _RATE.match(query) else "B" if re.fullmatch(r"\w+_bytes(\{.*\})?", query) else ""
        panel += [Entry("unit", unit, Value(unit, None, "by its name"), listed=False)] if unit else []
        found.append(Table("[[prometheus.panel]]", panel, off="a panel:" if off else ""))
    return found


def _title(title: str, query: str) -> str:
    if title and safe(title):
        return title[:_TITLE]
    name = _NAME.search(_STRING.sub("", query))
    return (name[0] if name else query)[:_TITLE]
