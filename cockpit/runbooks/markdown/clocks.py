"""Times in prose -> clocks: "0-5 min", "first 5 minutes", "monitor for 30 minutes", "every 10 minutes", "unresolved
after 2 hours". Times that say nothing about what to do when ("99.9 %", "p99 > 5s") are no clocks."""

from __future__ import annotations

import re

from cockpit.model.runbook import Clock, ClockKind
from cockpit.runbooks.markdown.remembered import remembered

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_WORDS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "fifteen": 15,
    "twenty": 20, "thirty": 30, "half": 0.5,
}  # fmt: skip
_NUMBER = rf"(?:\d{{1,5}}(?:[.,]\d{{1,3}})?|{'|'.join(_WORDS)}(?:\s+an)?)"
_UNIT = (
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|sekunden?|minuten|stunden?|tagen?|secondes?|heures?"
    r"|jours?|segundos?|minutos?|horas?|dias?|días?|[smhd])\b"
)
_OTHER_UNITS = {"st": "h", "ta": "d", "jo": "d"}  # by their first two letters, where the first misleads
_TIME = rf"(?P<n>{_NUMBER})\s{{0,3}}-?(?P<u>{_UNIT})(?:\s?(?:and\s)?(?P<n2>\d{{1,3}})\s{{0,3}}(?P<u2>{_UNIT}))?"
_RANGE = re.compile(
    rf"(?P<from>\d{{1,4}}(?:\.\d)?)\s{{0,3}}(?P<fu>{_UNIT})?\s{{0,3}}(?:-|–|—|\bto\b)\s{{0,3}}"
    rf"(?P<n>\d{{1,4}}(?:\.\d)?)\s{{0,3}}(?P<u>{_UNIT})",
    re.IGNORECASE,
)
_SHARE = re.compile(rf"\b(?P<lead>first|next|last|initial|within\s+the\s+first)\s{{1,3}}{_TIME}", re.IGNORECASE)
_EVERY = re.compile(
    rf"\b(?:every|each|once\s+(?:every|an?|per)|alle|toutes\s+les|cada)\s{{1,3}}(?:{_TIME}|(?P<bare>{_UNIT}))",
    re.IGNORECASE,
)
_LAST = re.compile(
    rf"\b(?:for\s+(?:at\s+least\s+|about\s+|up\s+to\s+|another\s+|the\s+next\s+)?|(?:wait|sleep|soak|pause|bake|hold)"
    rf"\s+(?:at\s+least\s+|about\s+|up\s+to\s+)?){_TIME}",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"(?:\b(?:after|within|in|past|beyond|exceeds?|longer\s+than|more\s+than|over|for\s+more\s+than|for\s+over"
    rf"|nach|après|en|después\s+de|após|depois\s+de|binnen)\s+"
    rf"(?:the\s+first\s+)?|[>≥]=?\s{{0,3}}){_TIME}",
    re.IGNORECASE,
)
_UNDONE = re.compile(
    r"\b(?:no\s+(?:response|answer|reply|ack\w*|progress|resolution|improvement|recovery)|not\s+(?:yet\s+)?(?:been\s+)?"
    r"(?:resolved|acknowledged|ack\w*|fixed|recovered|mitigated|restored|responded|answered|contained|identified|solved)"
    r"|un(?:resolved|acknowledged|answered|mitigated|fixed)|still\s+(?:down|open|failing|broken|ongoing|unresolved"
    r"|not|going|out)|(?:does|did|has|have|is|are)(?:\s+not|n.t)\b|persists?|continu\w+|escalat\w+|page\b|lasts?|down\b"
    r"|downtime|outage|e-?mail|notify|inform|call\b|update|nicht\b|keine?\b|ohne\b|eskal\w+|pas\s|sans\b|aucun\w*"
    r"|escal\w+|no\s+(?:se|está)\b|sem\s|não\b)",
    re.IGNORECASE,
)
_DEADLINE = re.compile(rf"\b(?:within|in\s+under|no\s+later\s+than)\s{{1,3}}{_TIME}", re.IGNORECASE)
_PRIORITY = re.compile(r"\b(?:P|SEV-?\s?|S)\d\b", re.IGNORECASE)
_MAY_TELL = re.compile(r"\d\s{0,3}-?[smhdwtj]|\b(?:every|each|once|half|hour|minute)", re.IGNORECASE)
_LONGEST = 600


def seconds(number: str, unit: str) -> float:
    """("half an", "hour") -> 1800."""
    word = number.lower().split()[0]
    count = float(_WORDS[word]) if word in _WORDS else float(number.replace(",", "."))
    word = unit.lower()
    return count * _UNITS[_OTHER_UNITS.get(word[:2], word[0])]


def duration(text: str) -> float | None:
    """The first time in a text in seconds, the upper end of a range; 0 for "immediate"; None where there is none."""
    text = text[:_LONGEST]
    if found := _RANGE.search(text):
        return seconds(found["n"], found["u"])
    if found := re.search(_TIME, text, re.IGNORECASE):
        return _length(found)
    return (
        0.0 if re.search(r"\b(?:immediate(?:ly)?|instant(?:ly)?|at once|now|asap)\b", text, re.IGNORECASE) else None
    )


@remembered
def clocks(text: str) -> tuple[Clock, ...]:
    """All clocks of one sentence or heading, each place read once."""
    text = text[:_LONGEST]
    return _clocks(text) if _MAY_TELL.search(text) else ()


def _clocks(text: str) -> tuple[Clock, ...]:
    found: list[tuple[int, Clock]] = []
    taken: list[tuple[int, int]] = []

    def take(match: re.Match[str], kind: ClockKind, length: float, begins: float = 0.0) -> None:
        if length > 0 and not any(start < match.end() and match.start() < end for start, end in taken):
            taken.append(match.span())
            shown = match[0].strip(" ()")
            found.append((match.start(), Clock(kind, length, shown, begins)))

    for match in _EVERY.finditer(text):
        take(match, ClockKind.EVERY, _UNITS[match["bare"][0].lower()] if match["bare"] else _length(match))
    for match in _SHARE.finditer(text):
        take(match, ClockKind.WINDOW, _length(match))
    after = list(_AFTER.finditer(text))
    if after and (_UNDONE.search(text) or _PRIORITY.search(text)):
        for match in after:
            take(match, ClockKind.AFTER, _length(match))
    for match in _LAST.finditer(text):
        take(match, ClockKind.LAST, _length(match))
    for match in _DEADLINE.finditer(text):
        take(match, ClockKind.WINDOW, _length(match))
    for match in _RANGE.finditer(text):
        begins = seconds(match["from"], match["fu"] or match["u"])
        ends = seconds(match["n"], match["u"])
        if begins < ends and _is_window(text, match):
            take(match, ClockKind.WINDOW, ends, begins)
    return tuple(clock for _, clock in sorted(found, key=lambda each: each[0]))


def _is_window(text: str, match: re.Match[str]) -> bool:
    """A range of minutes in brackets, at an end, or before a colon; not "takes 5-10 seconds" in a sentence."""
    before, after = text[: match.start()].rstrip(), text[match.end() :].lstrip()
    return before.endswith(("(", "[", ":", "-", "–", "—", "T+")) or not before or after.startswith((")", "]", ":"))


def _length(match: re.Match[str]) -> float:
    total = seconds(match["n"], match["u"])
    return total + seconds(match["n2"], match["u2"]) if match["n2"] else total
