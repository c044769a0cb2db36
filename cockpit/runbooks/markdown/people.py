"""Who to call: contacts of tables and lists, channels, and after how long whom."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.model.runbook import Clock, ClockKind, Contact
from cockpit.runbooks.markdown.clocks import clocks, duration
from cockpit.runbooks.markdown.htmltables import Row
from cockpit.runbooks.markdown.inline import mails, plain, urls
from cockpit.runbooks.markdown.remembered import remembered
from cockpit.text import clean

_ROLE = re.compile(
    r"role|team|service|vendor|provider|title|function|who|level|tier|area|system|company|dashboard|rolle|rôle"
    r"|funktion|fonction|función|função|papel|équipe|equipo",
    re.I,
)
_NAME = re.compile(r"^(?:names?|person|engineer|owner|people|primary|lead|nom|nome|nombre)\b", re.I)
_REACH = re.compile(
    r"contact|phone|e-?mail|slack|pager|mobile|handle|reach|channel|tele|teams|hotline|number|signal|chat|tél|kontakt"
    r"|erreichbar|courriel|correo|mobil",
    re.I,
)
_STRONG_REACH = re.compile(
    r"contact\b|contacts\b|phone|e-?mail|slack|pager|mobile|handle|reach|hotline"
    r"|telefon|téléphone|teléfono|kontakt\b|courriel|correo",
    re.I,
)
_WHEN = re.compile(r"when|purpose|scope|hours|availab|condition|responsib|escalat|issues?|notes?|for\b", re.I)
_NOBODY = re.compile(r"(?:[-–—.?]+|tbd|tba|n/?a|none|unknown|todo|\(?not set\)?|<[^<>]*>|\[[^\[\]]*\])$", re.I)
_MASKED = re.compile(r"x{3,}", re.I)
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()/.-]{6,22}\d(?![\w])")
_HANDLE = re.compile(r"(?<![\w.@/])@[A-Za-z][\w.-]{1,40}")
_CHANNEL = re.compile(r"(?<![\w/#&(\[.:=-])#([A-Za-z][\w-]{1,79})")
_ATTRIBUTE = re.compile(r"\{#[\w-]{1,80}[^{}]{0,80}\}")  # the anchor of a heading
_SERVICE = re.compile(r"\b(?:pagerduty|opsgenie|victorops|xmatters|servicenow|zendesk|jira)\b", re.I)
_ARROWS = re.compile(r"^[\s↓→▼⬇|│v+\-=>*└├─▶]+(?=\S)|[\s↓→▼⬇│|]+$")
_NUMBERED = re.compile(r"^\s*(?:\d{1,2}[.):]|level\s+\d\s*[:.-]|l\d\s*[:.-]|tier\s+\d\s*[:.-])\s*", re.I)
_TIME = re.compile(r"time|after|elapsed|minutes?|duration|when\b", re.IGNORECASE)
_EDGE = re.compile(r"--+>?\|([^|]{1,100})\|>?\s*\w*[\[({\"]{0,3}([^\])}\"]{1,80})")


def known(text: str) -> str:
    """A cell, "" where it only says that nobody is known yet."""
    said = plain(text)
    return "" if _NOBODY.match(said) or _MASKED.search(said) else clean(said)


def is_contacts(header: Sequence[str]) -> bool:
    """A table of people or firms with a way to reach them."""
    names = [plain(cell) for cell in header]
    return len(names) > 1 and any(_STRONG_REACH.search(name) for name in names[1:])


def contacts_of(rows: Sequence[Row]) -> list[Contact]:
    """All rows of such a table."""
    names = [plain(cell) for cell in rows[0].cells]
    name_at = next((n for n, name in enumerate(names) if _NAME.match(name)), -1)
    role_at = next((n for n, name in enumerate(names) if n != name_at and _ROLE.search(name)), -1)
    if role_at < 0:
        role_at = 0 if name_at != 0 else name_at
    when_at = next((n for n, name in enumerate(names) if n not in (name_at, role_at) and _WHEN.match(name)), -1)
    reach_at = [n for n, name in enumerate(names) if n not in (name_at, role_at, when_at) and _REACH.search(name)]
    found: list[Contact] = []
    for row in rows[1:]:
        role = clean(plain(row.cells[role_at]))
        if not role or _NOBODY.match(role):
            continue
        name = known(row.cells[name_at]) if 0 <= name_at != role_at else ""
        reach = ", ".join(filter(None, (known(row.cells[n]) for n in reach_at)))
        found.append(Contact(role, name, reach, known(row.cells[when_at]) if when_at >= 0 else "", row.line))
    return found


def contact_of(lead: str, rest: str, line: int) -> Contact | None:
    """ "**Primary:** Dana Example, +1 555 0100" under a heading about contacts."""
    said = plain(rest)
    if not said or (_CHANNEL.search(said) and not mails(said)):
        return None
    ways = [*mails(said), *_PHONE.findall(said), *_HANDLE.findall(said), *urls(said), *_SERVICE.findall(said)]
    name = said
    for way in ways:
        name = name.replace(way, " ")
    when = re.search(r"\(([^()]{3,120})\)", name)
    if when:
        name = name.replace(when[0], " ")
    name = " ".join(re.sub(r"[,;|/<>]+(?=\s|$)|\s[-–—]+(?=\s|$)", " ", name).split()).strip("-–—,;: ")
    masked = _MASKED.search(name) or _NOBODY.match(name) or _NOBODY.match(said)
    return Contact(
        clean(lead), "" if masked else clean(name), clean(", ".join(dict.fromkeys(ways))),
        clean(when[1]) if when else "", line,
    )  # fmt: skip


def channels_in(text: str) -> list[str]:
    """ "#incidents"; not "#inc-YYYYMMDD", which is a pattern for names, nor the anchor of a link."""
    if "#" not in text:
        return []
    text = _ATTRIBUTE.sub("", text) if "{" in text else text
    return [f"#{name}" for name in _CHANNEL.findall(text) if name == name.lower() and not name.isdigit()]


@remembered
def is_about_people(trail: str) -> bool:
    """Headings under which lists name people."""
    return (
        re.search(r"\b(?:contacts?|escalat\w*|on-?call|support|who\s+to|people|team|reach)\b", trail, re.I)
        is not None
    )


def timed_rows(rows: Sequence[Row]) -> list[tuple[Clock, str]]:
    """A table of times and who is called then: "15 min | team lead"."""
    header = [plain(cell) for cell in rows[0].cells]
    if len(header) < 2 or not _TIME.match(header[0]):
        return []
    found: list[tuple[Clock, str]] = []
    for row in rows[1:]:
        said, who = plain(row.cells[0]), known(row.cells[1])
        length = duration(said)
        if length is not None and who:
            found.append((Clock(ClockKind.AFTER, length, clean(said)), who))
    return found


def ladder(content: str) -> list[tuple[Clock, str]]:
    """An escalation path drawn with arrows: the time stands on the arrow, who comes next on the line below it."""
    found: list[tuple[Clock, str]] = []
    waiting: Clock | None = None
    for raw in content.split("\n"):
        if edge := _EDGE.search(raw):
            times = [clock for clock in clocks(edge[1] + " escalate") if clock.kind is ClockKind.AFTER]
            found += [(times[0], clean(edge[2].strip()))] if times else []
            continue
        said = _ARROWS.sub("", raw).strip()
        if not said:
            continue
        after = [clock for clock in clocks(said) if clock.kind is ClockKind.AFTER]
        who = _NUMBERED.sub("", said)
        if after and (said.startswith(("(", "[")) or raw.strip() != said):
            waiting = after[0]
        elif waiting is not None:
            found.append((waiting, clean(who.strip(" |│"))))
            waiting = None
        elif after:
            found.append((after[0], clean(who)))
    return found
