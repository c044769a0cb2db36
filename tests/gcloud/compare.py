"""How what the cockpit sent differs from what gcloud sent, as short words that `differences.toml` explains.

Requests are told apart by the method of Google's API that they call; the two dialects of one API have one name here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .discovery import Discovery, Exchange

_NAMES = (  # end of a method's id in the documents -> what it is about; the first that fits
    ("entries.list", "log entries"),
    ("testIamPermissions", "permissions"),
    ("services.replaceService", "run service changed"),
    ("services.patch", "run service changed"),
    ("services.revisions.list", "run revisions"),
    ("revisions.list", "run revisions"),
    ("revisions.get", "run revision"),
    ("services.get", "run service"),
    ("services.list", "run services"),
    ("securityPolicies.aggregatedList", "armor policies"),
    ("securityPolicies.list", "armor policies"),
    ("globalOperations.wait", "compute operation"),
    ("globalOperations.get", "compute operation"),
    ("operations.get", "operation"),
)
_READING = ("get", "list", "aggregatedList", "wait", "testIamPermissions", "getRule")
_DIALECT = re.compile(r"^/(sql/v1beta4|v1)(?=/)")
_SELECTED = re.compile(r"serving\.knative\.dev/service = (\S+)")
_BOUND = re.compile(r'timestamp>="[^"]*"')


@dataclass(frozen=True, slots=True)
class Said:
    """One request in words that both sides share."""

    about: str  # "run service"
    name: str  # of the resource, "" for a list
    dialect: str  # "run.v2"
    reads: bool
    rehearses: bool
    exchange: Exchange


def said(discovery: Discovery, exchange: Exchange) -> Said:
    """In those words; a method that no document knows keeps its path."""
    document, _, method = discovery.method(exchange).partition(":")
    about = next((name for end, name in _NAMES if method.endswith(end)), method or exchange.path)
    name = "any" if about.endswith("operation") else _name(document, exchange)
    reads = exchange.method == "GET" or method.rpartition(".")[2] in _READING or about == "log entries"
    return Said(about, name, document, reads, exchange.query.get("validateOnly") == "true", exchange)


def _name(document: str, exchange: Exchange) -> str:
    """The path without its dialect; of Cloud Run, whose dialects share no path, the service or revision."""
    if not document.startswith("run."):
        return _DIALECT.sub("", exchange.path)
    if selected := _SELECTED.search(exchange.query.get("labelSelector", "")):
        return selected[1]
    words = exchange.path.partition(":")[0].removesuffix("/revisions").split("/")
    return words[-1] if words[-2] in ("services", "revisions") else ""


def differences(discovery: Discovery, gcloud: Sequence[Exchange], cockpit: Sequence[Exchange]) -> set[str]:
    """Every one, each once: "dialect run.v1 run.v2", "query updateMask", "also reads run revisions" ..."""
    theirs = [said(discovery, each) for each in gcloud]
    every = [said(discovery, each) for each in cockpit]
    ours = [each for each in every if not each.rehearses]
    found = {"rehearses"} if len(ours) < len(every) else set()
    found |= {f"also {_verb(each)}" for each in ours if not _pair(each, theirs)}
    found |= {f"does not: {_verb(each)}" for each in theirs if not _pair(each, ours)}
    for each in theirs:
        for other in _pair(each, ours)[:1]:
            found |= set(_between(each, other, read(each.exchange, gcloud)))
    if sum(not each.reads for each in ours) > max(1, sum(not each.reads for each in theirs)):
        found.add("changes more than once")
    return found


def _verb(request: Said) -> str:
    return f"{'reads' if request.reads else 'sends'} {request.about}"


def _pair(request: Said, others: Sequence[Said]) -> list[Said]:
    return [each for each in others if (each.about, each.name) == (request.about, request.name)]


def read(change: Exchange, exchanges: Sequence[Exchange]) -> Mapping[str, Any]:
    """What gcloud had read of the thing before it changed it, {} for nothing: sent back, it changes nothing."""
    found: Mapping[str, Any] = {}
    for each in exchanges:
        if each is change:
            break
        if each.method == "GET" and each.path == change.path and isinstance(each.answer, dict):
            found = each.answer
    return found


def fields_of(mask: str) -> set[str]:
    """The fields that an updateMask names, as JSON spells them."""
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), each) for each in mask.split(",")}


def _between(theirs: Said, ours: Said, before_it: Mapping[str, Any]) -> Iterator[str]:
    if theirs.dialect != ours.dialect:
        yield f"dialect {theirs.dialect} {ours.dialect}"
    if theirs.exchange.method != ours.exchange.method:
        yield f"verb {theirs.exchange.method} {ours.exchange.method}"
    for name in theirs.exchange.query.keys() | ours.exchange.query.keys():
        if theirs.exchange.query.get(name) != ours.exchange.query.get(name):
            yield f"query {name}"
    if theirs.about == "run service changed":
        return  # the whole object against the masked fields: what they amount to is seen in the state
    before, after = _flat(theirs.exchange.body), _flat(ours.exchange.body)
    if theirs.about == "log entries" and _entries(theirs) != _entries(ours):
        yield "answer"
    masked = ours.exchange.query.get("updateMask")
    if masked is not None:
        fields = fields_of(masked)
        if before.keys() - fields:
            yield "body beyond the mask"
        before = {path: value for path, value in before.items() if path in fields}
    elif theirs.exchange.method == "PATCH":
        known = _flat(before_it)
        before = {
            path: value for path, value in before.items() if path in after or known.get(path, _NOTHING) != value
        }
    for path in before.keys() | after.keys():
        if before.get(path, _NOTHING) != after.get(path, _NOTHING):
            yield f"body {path}"


_NOTHING = object()


def _entries(request: Said) -> list[str]:
    return [each["insertId"] for each in (request.exchange.answer or {}).get("entries", ())]


def _flat(value: Any, at: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        found: dict[str, Any] = {}
        for key, element in value.items():
            found |= _flat(element, f"{at}.{key}" if at else key)
        return found
    if at in ("", "fingerprint"):
        return {} if not value else {at: "the one that was read"}
    return {at: _BOUND.sub('timestamp>="T"', value) if at == "filter" else value}
