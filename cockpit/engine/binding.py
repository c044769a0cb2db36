"""Which source of this profile a command of a runbook means: exactly one, or the reason why none, or a question.

A name that the profile holds must be the same. A name that it cannot compare (a container, an instance, a database
behind a secret connection string) binds an action only once somebody chose the source, or `[runbook] targets` did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cockpit.model.command import Placeholder
from cockpit.profile.origin import origin_of
from cockpit.text import clean

Names = Mapping[str, Mapping[str, str]]
"""Source id -> where it is, as engine.names tells."""

# What a target may say beside what tells one source from another.
_NO_NAME = ("filter", "user")
_OTHER = re.compile(
    r"(?:^|[^a-z])(staging|stage|stg|dev|test|qa|uat|sandbox|preview|old|new|other|source|backup|replica|standby|"
    r"secondary|slave|dr|shadow|restored?|temp|tmp|clone|blue|green|canary)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Bound:
    """Where it leads. `sources` has one: that one. Several: somebody has to choose. None: `reason` says why."""

    sources: tuple[str, ...]
    sure: bool = True  # False: the one source cannot be compared with what the runbook names
    reason: str = ""
    said: str = ""  # what the runbook names: "api in europe-west1"


def bind(
    target: Mapping[str, str],
    placeholders: Sequence[Placeholder],
    candidates: Sequence[str],
    names: Names,
    mapped: Mapping[str, str],
) -> Bound:
    """The sources among `candidates` (those that have the action or look) that the target can mean.

    `mapped` is `[runbook] targets`: what it says counts, whatever the names look like.
    """
    wanted = _named(target, placeholders)
    said = spoken(wanted)
    if not candidates:
        return Bound((), reason="this profile has no source that can do it", said=said)
    verdicts = {source: _fits(wanted, names.get(source, {})) for source in candidates}
    same = tuple(source for source, verdict in verdicts.items() if verdict is True)
    if chosen := _mapped(wanted, mapped):
        if len(chosen) > 1:
            return Bound((), reason=f"the profile maps {said} to {' and '.join(chosen)}", said=said)
        if chosen[0] in candidates:
            return Bound(chosen, said=said)
        # The instance of that name may be two sources: the server itself, and the control plane's view of it.
        if not same:
            reason = f"the profile maps {said} to {chosen[0]}, which cannot do it"
            return Bound((), reason=reason, said=said)
    maybe = tuple(source for source, verdict in verdicts.items() if verdict is None)
    if same:
        return Bound(_nearest(wanted, same, names), sure=not _another(target, wanted), said=said)
    if maybe:
        return Bound(maybe, sure=False, said=said)
    here = " and ".join(dict.fromkeys(spoken(names.get(source, {})) or source for source in candidates))
    return Bound((), reason=f"the runbook names {said}; this profile has {clean(here, 300)}", said=said)


def told_apart_by(target: Mapping[str, str], placeholders: Sequence[Placeholder]) -> str:
    """The one name of a target that `[runbook] targets` would best map: a host, a service; "" for none."""
    wanted = _named(target, placeholders)
    if url := wanted.get("url"):
        return (urlsplit(url).hostname or "") if origin_of(url) else ""
    keys = ("repository", "service", "instance", "policy", "container", "host", "database", "project", "region")
    return next((wanted[key] for key in (*keys, "render") if key in wanted), "")


def spoken(facts: Mapping[str, str]) -> str:
    """A target or a source's facts as a person names it: "api in europe-west1 of shop-prod"."""
    if url := facts.get("url"):
        return clean(url, 200)
    keys = ("repository", "service", "instance", "policy", "container", "dsn_service", "render")
    parts = [facts[key] for key in keys if facts.get(key)]
    if database := facts.get("database"):
        parts.append(f"database {database}")
    for word, key in (("at", "host"), ("in", "region"), ("of", "project"), ("at", "path")):
        if facts.get(key):
            parts.append(f"{word} {facts[key]}")
    return clean(" ".join(parts), 200)


def _named(target: Mapping[str, str], placeholders: Sequence[Placeholder]) -> dict[str, str]:
    """What is really named: nothing that is still to be filled in, nothing that tells no source from another."""
    marks = [placeholder.spelled for placeholder in placeholders]
    return {
        key: value
        for key, value in target.items()
        if value and key not in _NO_NAME and not any(mark in value for mark in marks)
    }


def _another(target: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """What is still to be filled in speaks of another place than the usual one: $STAGING_URL, <replica-host>."""
    return any(_OTHER.search(value) for key, value in target.items() if key not in wanted and key not in _NO_NAME)


def _mapped(wanted: Mapping[str, str], mapped: Mapping[str, str]) -> tuple[str, ...]:
    values = set(wanted.values())
    if url := wanted.get("url"):
        parts = urlsplit(url) if origin_of(url) else None
        values |= {parts.hostname or "", parts.netloc, origin_of(url)} if parts else set()
    return tuple(dict.fromkeys(source for name, source in mapped.items() if name in values))


def _fits(wanted: Mapping[str, str], known: Mapping[str, str]) -> bool | None:
    """True: everything that is named is the same. False: something is another. None: it cannot be compared."""
    unsure = False
    for key, value in wanted.items():
        same: bool | None
        if key == "url":
            same = _same_origin(value, known.get("origin", ""))
        elif key == "service" and "service" not in known and "filter" in known:
            same = None if "service_name" not in known["filter"] else value in known["filter"]
        elif key not in known:
            same = None
        elif key == "render":
            same = value in known[key].split()
        else:
            same = _same(key, value, known[key])
        if same is False:
            return False
        unsure = unsure or same is None
    return None if unsure else True


def _same(key: str, value: str, known: str) -> bool:
    if key == "host":
        value, known = value.casefold().rstrip("."), known.casefold().rstrip(".")
        return value == known or (value in _LOCAL and known in _LOCAL)
    return value.casefold() == known.casefold() if key == "repository" else value == known


def _same_origin(url: str, origin: str) -> bool:
    if url.startswith("/"):
        return bool(origin)
    return bool(origin) and origin_of(url) == origin


def _nearest(wanted: Mapping[str, str], found: tuple[str, ...], names: Names) -> tuple[str, ...]:
    """Several sources on one host, each with its own headers: the one of that very page, else the first."""
    url = wanted.get("url", "")
    path = url.startswith("/")
    if not url or (path and len({names[source].get("origin") for source in found}) > 1):
        return found
    page = _page(url)
    known = {source: names[source].get("url", "") for source in found}
    exact = tuple(source for source, its in known.items() if _page(urlsplit(its).path if path else its) == page)
    return exact[:1] or found[:1]


def _page(url: str) -> str:
    return url.partition("#")[0].partition("?")[0].rstrip("/")
