"""What a runbook says outside of its procedures: scales, thresholds, people, URLs, objectives, codes, channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cockpit.model.runbook import (
    Bound,
    Clock,
    ClockKind,
    Contact,
    Endpoint,
    ErrorCode,
    Facts,
    Objective,
    SeverityLevel,
)
from cockpit.runbooks.markdown import tables
from cockpit.runbooks.markdown.bounds import bound_of, merged, metric_before
from cockpit.runbooks.markdown.clocks import clocks, duration
from cockpit.runbooks.markdown.inline import mails, plain, urls
from cockpit.runbooks.markdown.parts import Block, BlockKind
from cockpit.runbooks.markdown.people import (
    channels_in,
    contact_of,
    contacts_of,
    is_about_people,
    is_contacts,
    ladder,
    timed_rows,
)
from cockpit.runbooks.markdown.verbs import begins_with_verb
from cockpit.runbooks.markdown.words import Label, Role, label, role_of
from cockpit.text import clean

_MEASURED = re.compile(
    r"\b(?:metrics?|thresholds?|alerts?|monitor\w*|sl[aio]s?|limits?|indicators?|kpis?|health|bounds?"
    r"|watch\w*|numbers|performance|capacity|baselines?)\b",
    re.I,
)
_ESCALATION = re.compile(r"\bescalat\w*", re.IGNORECASE)
_SCALE = re.compile(r"\b(?:severit\w*|priorit\w*|levels?|classification)\b", re.IGNORECASE)
_RESPONSE = re.compile(r"\(([^()]{2,120})\)")
_RESPOND = re.compile(
    r"[-–—,;]?\s*\brespon\w+(?:\s+time)?:?\s+(?:in|within|immediately|\d)[^.;]{0,60}", re.IGNORECASE
)
_PATH = re.compile(r"^\s*`(?:(?:GET|HEAD)\s+)?(/[\w./{}~-]{1,200})`\s*(?:[-–—:]\s*)?(.*)$", re.S)
_NAMED_PATH = re.compile(r"^\s*`[^`]{1,220}`\s*[-–—:(]")
_ON_DISK = re.compile(r"/(?:var|etc|usr|opt|home|tmp|bin|sbin|srv|mnt|root|scripts?|docs?|dev|proc)\b|.*\.\w{1,5}$")
_VALUE = re.compile(r"\s*([^:`|]{2,60}|`[^`]{1,60}`)\s*:\s+(\S.*)$", re.S)
_COMMENT = re.compile(r"^\s*(?:#|//|--)\s+(.*)$", re.M)


@dataclass(slots=True)
class _Gathered:
    severities: list[SeverityLevel] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    objectives: list[Objective] = field(default_factory=list)
    error_codes: list[ErrorCode] = field(default_factory=list)
    channels: dict[str, None] = field(default_factory=dict)
    escalation: dict[tuple[Clock, str], None] = field(default_factory=dict)


def _named_value(text: str) -> Label | None:
    """ "Error rate: > 5% critical", "p99 latency > 500 ms": a name and what is said of it."""
    if found := _VALUE.match(text):
        return Label(plain(found[1]), found[2], False)
    parts = metric_before(plain(text))
    return Label(*parts, False) if parts else None


def _names_people(title: str, found: Label) -> bool:
    if begins_with_verb(plain(found.rest)) or clocks(found.rest):
        return False
    return is_about_people(title) or ("channel" in title.lower() and bool(mails(found.rest)))


def facts_of(files: Sequence[Sequence[Block]]) -> Facts:
    """All facts of all files, each once, in order."""
    found = _Gathered()
    for blocks in files:
        _Gatherer(found).gather(blocks)
    for contact in found.contacts:
        for clock in clocks(contact.when):
            if clock.kind is ClockKind.AFTER:
                found.escalation[clock, ", ".join(filter(None, (contact.role, contact.name)))] = None
    return Facts(
        tuple({level.name: level for level in reversed(found.severities)}.values())[::-1],
        merged(found.bounds),
        tuple(dict.fromkeys(found.contacts)),
        tuple({(each.name, each.url, each.environment): each for each in reversed(found.endpoints)}.values())[::-1],
        tuple(dict.fromkeys(found.objectives)),
        tuple(dict.fromkeys(found.error_codes)),
        tuple(found.channels),
        tuple(found.escalation),
    )


_MOST_EXAMPLES = 1000  # characters: enough to know the level by


class _Gatherer:
    """Walks the blocks of one file."""

    def __init__(self, found: _Gathered) -> None:
        self._found = found
        self._path: list[tuple[int, str]] = []
        self._trail = ""
        self._escalating = False  # by the trail
        self._label = ""  # the bold line above
        self._scale: SeverityLevel | None = None  # a level whose examples follow

    def gather(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            if block.kind is not BlockKind.FENCE and "#" in block.text:
                for channel in channels_in(plain(block.text)):
                    self._found.channels[channel] = None
            if block.kind is BlockKind.HEADING:
                self._heading(block)
            elif block.kind is BlockKind.TABLE:
                self._table(block)
            elif block.kind is BlockKind.FENCE:
                self._fence(block)
            else:
                self._prose(block)

    def _heading(self, block: Block) -> None:
        title = plain(block.text)
        while self._path and self._path[-1][0] >= block.level:
            self._path.pop()
        above = " / ".join(name for level, name in self._path if level > 1)
        self._path.append((block.level, title))
        self._trail = f"{above} / {title}" if above else title
        self._escalating = _ESCALATION.search(self._trail) is not None
        self._label = ""
        self._scale = None
        about = " / ".join(name for _, name in self._path[:-1])
        if _SCALE.search(about) and (named := tables.severity_name(title)):
            self._open_scale(named, block.line)

    def _table(self, block: Block) -> None:
        rows = block.rows
        for row in rows:
            for cell in row.cells:
                for channel in channels_in(plain(cell)):
                    self._found.channels[channel] = None
        found = self._found
        title = self._path[-1][1] if self._path else ""
        if scale := tables.severities(rows):
            found.severities += scale
        elif limits := tables.bounds(rows):
            found.bounds += limits
        elif codes := tables.error_codes(rows):
            found.error_codes += codes
        elif aims := tables.objectives(rows, title):
            found.objectives += aims
        elif self._escalating and (steps := timed_rows(rows)):
            found.escalation.update(dict.fromkeys(steps))
            if is_contacts(rows[0].cells):
                found.contacts += contacts_of(rows)
        elif is_contacts(rows[0].cells):
            found.contacts += contacts_of(rows)
        else:
            found.endpoints += tables.endpoints(rows, self._trail)

    def _fence(self, block: Block) -> None:
        if "#" in block.text:
            for channel in channels_in("\n".join(_COMMENT.findall(block.text))):
                self._found.channels[channel] = None
        if self._escalating or is_about_people(self._trail):
            for step in ladder(block.text):
                self._found.escalation[step] = None

    def _prose(self, block: Block) -> None:
        """Paragraphs and items, line by line: several labels may stand in one paragraph."""
        lines = block.text.split("\n")
        for offset, text in enumerate(lines):
            found = label(text)
            line = block.line + offset
            if block.kind is BlockKind.TEXT:
                self._scale = None
                if found is not None:
                    self._label = found.lead
                    self._scale_line(found, line)
            else:
                self._item(text, found, line)
            if self._escalating:
                self._escalates(text)

    def _scale_line(self, found: Label, line: int) -> None:
        """ "**P0 - Critical (Immediate Response)**"."""
        named = tables.severity_name(found.lead) if found.bold else None
        if named is not None:
            self._open_scale((named[0], " ".join(filter(None, (named[1], plain(found.rest))))), line)

    def _open_scale(self, named: tuple[str, str], line: int) -> None:
        name, rest = named
        response = match[1] if (match := _RESPONSE.search(rest)) else ""
        if not response and (match := _RESPOND.search(rest)):
            response, rest = match[0].strip(" -–—,;"), rest[: match.start()]
        if duration(response) is None:
            response = response if "respon" in response.lower() else ""
        meaning = _RESPONSE.sub("", rest, count=1).strip(" -–—:") if response else rest.strip(" -–—:")
        self._scale = SeverityLevel(clean(name), clean(meaning), clean(response), duration(response), "", line)
        self._found.severities.append(self._scale)

    def _item(self, text: str, found: Label | None, line: int) -> None:
        if self._scale is not None:
            self._example(plain(text))
            return
        if match := _PATH.match(text):
            if not _ON_DISK.match(match[1]) and role_of(self._label) is not Role.SYMPTOMS:
                name = clean(plain(match[2])) or match[1]
                if match[2][:1].islower() and not _NAMED_PATH.match(text):
                    return  # "`/ready` is green": a sentence, not a name
                self._found.endpoints.append(Endpoint(name, match[1], tables.environment_in(self._trail), line))
            return
        found = found or _named_value(text)
        if found is None or found.lead.startswith("["):  # a link whose text has a colon
            return
        if _SCALE.search(self._trail) and (named := tables.severity_name(found.lead)) and found.rest:
            self._open_scale((named[0], f"{named[1]} {plain(found.rest)}".strip()), line)
            self._scale = None
            return
        self._labelled(found, line)

    def _labelled(self, found: Label, line: int) -> None:
        """ "Name: value" in a list: what the value is depends on the headings."""
        rest = found.rest
        title = self._path[-1][1] if self._path else ""
        if (kind := tables.objective_kind(title) or tables.objective_kind(self._label)) and rest:
            self._found.objectives.append(Objective(kind, clean(found.lead), clean(plain(rest)), line))
        elif rest and (addresses := urls(rest)):
            environment = tables.environment_in(found.lead) or tables.environment_in(self._trail)
            name = title if found.lead.lower() in ("url", "link", "address", "endpoint") else found.lead
            if is_about_people(title) and (contact := contact_of(found.lead, rest, line)):
                self._found.contacts.append(contact)
            else:
                self._found.endpoints += [
                    Endpoint(clean(name), clean(url), environment, line) for url in addresses[:1]
                ]
        elif rest and _names_people(title, found) and role_of(self._label) is not Role.SYMPTOMS:
            if contact := contact_of(found.lead, rest, line):
                self._found.contacts.append(contact)
        elif rest and _MEASURED.search(f"{title} {self._label}") and role_of(self._label) is not Role.SYMPTOMS:
            self._found.bounds += bound_of(found.lead, plain(rest), line)

    def _example(self, said: str) -> None:
        if self._scale is None or not said or len(self._scale.examples) > _MOST_EXAMPLES:
            return
        response = duration(said) if re.match(r"respon\w+|respond", said, re.I) and not self._scale.response else None
        if response is not None:
            level = replace(self._scale, response=clean(said.partition(":")[2].strip() or said), response_s=response)
        else:
            level = replace(self._scale, examples=", ".join(filter(None, (self._scale.examples, clean(said)))))
        self._found.severities[-1] = self._scale = level

    def _escalates(self, text: str) -> None:
        said = clean(plain(text))
        for clock in clocks(f"{said} (escalate)"):
            if clock.kind is ClockKind.AFTER:
                self._found.escalation[clock, said] = None
                return
