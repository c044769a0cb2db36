"""The blocks of one procedure -> its steps, symptoms and causes, in one pass from top to bottom."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cockpit.model.command import Command
from cockpit.model.runbook import Clock, ClockKind, Link, Part, Step
from cockpit.runbooks.markdown.blocks import Block, BlockKind
from cockpit.runbooks.markdown.clocks import clocks
from cockpit.runbooks.markdown.comments import loose_comments
from cockpit.runbooks.markdown.inline import code_spans, links, plain
from cockpit.runbooks.markdown.pairs import cause_columns, pair_of, step_columns
from cockpit.runbooks.markdown.verbs import begins_with_verb, part_by_verb
from cockpit.runbooks.markdown.words import (
    Label,
    Role,
    condition_of,
    core,
    forbids,
    is_condition,
    label,
    number_of,
    role_of,
)
from cockpit.runbooks.shell.blocks import commands_of, inline_command
from cockpit.text import clean

_NUMBERED = re.compile(r"(?:step\s+)?(\d{1,2}(?:\.\d{1,2})*)[.):]\s+", re.IGNORECASE)
_COLLECTING = frozenset({Role.SYMPTOMS, Role.CAUSES, Role.META})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a procedure stands."""

    file: str
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What an item or a label says for the blocks under it."""

    depth: int
    item: bool
    part: Part
    condition: str = ""
    number: str = ""
    clocks: tuple[Clock, ...] = ()
    forbidden: bool = False


@dataclass(slots=True)
class Harvest:
    """What was found."""

    steps: list[Step] = field(default_factory=list)
    symptoms: list[str] = field(default_factory=list)
    causes: list[tuple[str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    ordered: int = 0  # numbered items and check-boxes
    bullets: int = 0  # items without a number
    comments: int = 0  # of shell fences, where they stand for a command
    labels: int = 0  # labels that announce something to do


class Harvester:
    """Walks the blocks of one procedure."""

    def __init__(self, place: Place, title: str) -> None:
        self.found = Harvest()
        self._place = place
        role = role_of(title)
        self._base = role.part if role and role.part else Part.OTHER
        self._scopes: list[_Scope] = [_Scope(-1, False, self._base)]
        self._mode = role if role in _COLLECTING else None
        self._mode_depth = 0
        self._lead = ""  # the sentence above, for commands without a comment
        self._raised = 0  # 1 under the heading of a phase
        self._elapsed = 0.0  # where the last window ended
        self._headings: list[tuple[int, Part]] = []  # those above, with their parts
        self._ids: Counter[str] = Counter()

    def harvest(self, blocks: Sequence[Block]) -> Harvest:
        """All of it."""
        before: Block | None = None
        for index, block in enumerate(blocks):
            if block.kind is BlockKind.HEADING:
                self._heading(block)
            elif block.kind is BlockKind.TEXT:
                following = blocks[index + 1].kind if index + 1 < len(blocks) else BlockKind.TEXT
                self._text(block, following)
            elif block.kind is BlockKind.ITEM:
                self._item(block)
            elif block.kind is BlockKind.FENCE:
                # Written at the margin after "2. Run:", it belongs to that item.
                inside = before is not None and before.kind is BlockKind.ITEM and before.level > block.level
                self._fence(replace(block, level=before.level) if inside and before is not None else block)
            elif block.kind is BlockKind.TABLE:
                self._table(block)
            before = block
        return self.found

    def _heading(self, block: Block) -> None:
        """A heading within the procedure: one of its parts, or a phase, which is a step itself."""
        said = core(block.text)
        role = role_of(said)
        self._mode, self._mode_depth = (role if role in _COLLECTING else None), 0
        self._lead, self._raised = said, 0
        times = self._timed(plain(block.text))
        condition = said if is_condition(said) else ""
        while self._headings and self._headings[-1][0] >= block.level:
            self._headings.pop()
        above = self._headings[-1][1] if self._headings else self._base
        part = role.part if role and role.part and role is not Role.STEPS else above
        self._headings.append((block.level, part))
        self._scopes = [_Scope(-1, False, part, condition, clocks=times)]
        if self._inline(block, block.text, 0, number_of(block.text)):
            self._raised = 1
        elif role in (None, Role.STEPS) and not condition:
            self._add(block.line, said, 0, number=number_of(block.text), source=block.text)
            self._raised = 1

    # Paragraphs

    def _text(self, block: Block, following: BlockKind) -> None:
        """A paragraph; each line of it that is a label begins anew."""
        self._leave(block.level)
        if self._mode is not None and block.level < self._mode_depth:
            self._mode = None
        pending: list[str] = []
        first = block.line
        lines = block.text.split("\n")
        for offset, line in enumerate(lines):
            found = label(line)
            if found is None:
                if not pending:
                    first = block.line + offset
                pending.append(line)
                continue
            self._paragraph(first, "\n".join(pending), block.level, BlockKind.TEXT)
            pending = []
            self._label(found, line, block.line + offset, block.level)
        self._paragraph(first, "\n".join(pending), block.level, following)

    def _paragraph(self, line: int, text: str, level: int, following: BlockKind) -> None:
        said = plain(text)
        if not said:
            return
        if self._mode is Role.SYMPTOMS:
            self.found.symptoms.append(clean(said))
        self._lead = _sentence(said)
        if self._inline_at(line, text, level) or self._mode in _COLLECTING:
            return
        if not (said.endswith(":") and following is not BlockKind.TEXT):
            self._add(line, said, level, source=text)

    def _label(self, found: Label, source: str, line: int, level: int) -> None:
        """A line that says what the next blocks are."""
        role = role_of(found.lead)
        conditional, forbidden = is_condition(found.lead), forbids(found.lead)
        self._mode, self._mode_depth = (role if role in _COLLECTING else None), level
        while len(self._scopes) > 1 and self._ends(self._scopes[-1], level, role):
            self._scopes.pop()
        part = role.part if role and role.part else self._scopes[-1].part
        times = self._timed(found.lead)
        if conditional or role or times or forbidden:
            condition = found.lead if conditional or forbidden else ""
            self._scopes.append(_Scope(level, False, part, condition, clocks=times, forbidden=forbidden))
        self._lead = found.lead
        self.found.labels += role is not None and role is not Role.META
        said = plain(found.rest)
        if self._inline_at(line, source, level) or not said or role is Role.META:
            return
        if role is Role.SYMPTOMS:
            self.found.symptoms.append(clean(said))
        elif role is Role.CAUSES:
            self.found.causes.append(pair_of(found.rest))
        else:
            self._add(line, said if role or conditional else plain(source), level, source=source)
            self._lead = _sentence(said)

    @staticmethod
    def _ends(scope: _Scope, level: int, role: Role | None) -> bool:
        """A label ends the one before it; a condition only another condition."""
        return not scope.item and scope.depth >= level and (role is not None or scope.condition != "")

    # List items

    def _item(self, block: Block) -> None:
        self._leave(block.level - 1)
        said = plain(block.text)
        if self._collected(block, said):
            return
        if block.number or block.checkbox is not None:
            self.found.ordered += 1
        else:
            self.found.bullets += 1
        above = self._scopes[-1]
        found = label(block.text.partition("\n")[0])
        role = role_of(found.lead) if found and (found.bold or not found.rest) else None
        part = role.part if role and role.part else above.part
        part = _by_its_verb(part, said)
        number = f"{above.number}.{block.number}" if above.number and block.number else block.number
        condition = found.lead if found and is_condition(found.lead) else condition_of(said)
        depth = block.level - 1
        self._lead = _sentence(said) or self._lead
        if not self._inline(block, block.text, depth, number):
            self._add(block.line, said, depth, number=number, part=part, source=block.text, checkbox=block.checkbox)
        self._scopes.append(_Scope(block.level, True, part, condition or above.condition, number or above.number))
        self._mode, self._mode_depth = (role if role in _COLLECTING else None), block.level + 1

    def _collected(self, block: Block, said: str) -> bool:
        """A symptom or a cause instead of a step."""
        if self._mode is not None and block.level <= self._mode_depth - 1:
            self._mode = None
        if self._mode is Role.SYMPTOMS and block.number and begins_with_verb(said):
            self._mode = None  # the instructions begin without a heading of their own
        if self._mode is None or (self._mode is Role.CAUSES and (block.number or block.checkbox is not None)):
            return False
        if said and self._mode is Role.SYMPTOMS:
            self.found.symptoms.append(clean(said))
        elif said and self._mode is Role.CAUSES:
            self.found.causes.append(pair_of(block.text))
        self._inline(block, block.text, block.level - 1)
        return True

    def _leave(self, depth: int) -> None:
        """Drops what was said further in than `depth`."""
        while self._scopes[-1].depth > depth and len(self._scopes) > 1:
            self._scopes.pop()

    # Code and tables

    def _fence(self, block: Block) -> None:
        self._leave(block.level)
        caption = self._lead or (self._place.headings[-1] if self._place.headings else "")
        place = self._place
        found = commands_of(
            block.text,
            language=block.language,
            line=block.line,
            file=place.file,
            headings=place.headings,
            caption=caption,
        )
        loose = loose_comments(block.text, found, block.language, block.line)
        mixed: list[tuple[int, Command | str]] = [(command.line, command) for command in found]
        mixed += loose
        self.found.comments += len(loose)
        above = ""  # the comment over the command before: it goes on for those without one of their own
        for line, each in sorted(mixed, key=lambda pair: pair[0]) if loose else mixed:
            own = each if isinstance(each, str) else each.caption if each.caption != caption else ""
            number = match[1] if (match := _NUMBERED.match(own)) else ""
            said = own or above or caption
            above = own[match.end() :] if match else own or above
            text = said[match.end() :] if match else said
            command = None if isinstance(each, str) else each
            self._add(line, plain_comment(text), block.level, number=number, command=command, source=said)

    def _table(self, block: Block) -> None:
        self._leave(block.level)
        header, *rows = block.rows
        causes, doing = cause_columns(header.cells), step_columns(header.cells)
        for row in rows:
            if causes and any(row.cells):
                cause, cure = (clean(plain(row.cells[n])) for n in causes)
                self.found.causes.append((cause, cure))
            text = row.cells[causes[1]] if causes else row.cells[doing[1]] if doing else ""
            for cell in row.cells:
                if self._inline_at(row.line, cell, block.level) and cell == text:
                    text = ""
            if doing and not causes and text:
                self.found.ordered += 1
                self._add(row.line, plain(text), block.level, number=plain(row.cells[0]), source=text)

    # Steps

    def _inline(self, block: Block, text: str, depth: int, number: str = "") -> bool:
        return self._inline_at(block.line, text, depth, number, block.checkbox)

    def _inline_at(self, line: int, text: str, depth: int, number: str = "", checkbox: bool | None = None) -> bool:
        """A step for each command in `code`; whether there was one. The first carries the sentence's number."""
        said = ""
        found = False
        at, seen = line, 0
        place = self._place
        for span in code_spans(text):
            said = said or clean(plain(text))
            at += text.count("\n", seen, span.start)
            seen = span.start
            command = inline_command(span.text, line=at, file=place.file, headings=place.headings, caption=said)
            if command is None:
                continue
            below = depth + found
            self._add(
                at, said, below, number="" if found else number, command=command, source="" if found else text,
                checkbox=None if found else checkbox,
            )  # fmt: skip
            found = True
        return found

    def _add(
        self,
        line: int,
        said: str,
        depth: int,
        *,
        number: str = "",
        part: Part | None = None,
        command: Command | None = None,
        source: str = "",
        checkbox: bool | None = None,
    ) -> None:
        """One step."""
        scope = self._scopes[-1]
        text = clean(said).rstrip(": ") or (command.text.partition("\n")[0] if command else "")
        if not text:
            return
        if scope.forbidden:
            text = f"Do not: {text}"
        part = part or scope.part
        part = _by_its_verb(part, text)
        told = f"{text} (escalate)" if part is Part.ESCALATION else text
        own = self._timed(told) if text != self._lead or command is None else ()
        times = own or (scope.clocks if not scope.item else ())
        found = tuple(Link(clean(name), clean(target), line) for name, target, _ in links(source))
        self.found.links += found
        self.found.steps.append(
            Step(
                self._id(text, command),
                line,
                text,
                part,
                number,
                max(0, depth) + self._raised,
                command,
                condition_of(text) or scope.condition,
                times,
                found,
                checkbox,
            )
        )

    def _id(self, text: str, command: Command | None) -> str:
        body = f"{text}\n{command.text if command else ''}"
        digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        self._ids[digest] += 1
        return digest if self._ids[digest] == 1 else f"{digest}-{self._ids[digest]}"

    def _timed(self, text: str) -> tuple[Clock, ...]:
        """Its clocks; "next 10 minutes" begins where the window before it ended."""
        found: list[Clock] = []
        for clock in clocks(text):
            if clock.kind is ClockKind.WINDOW and clock.text.lower().startswith("next"):
                clock = replace(clock, from_s=self._elapsed, seconds=self._elapsed + clock.seconds)
            if clock.kind is ClockKind.WINDOW:
                self._elapsed = clock.seconds
            found.append(clock)
        return tuple(found)


def _by_its_verb(part: Part, text: str) -> Part:
    """Where no heading says it, and for what ends a resolution: "Verify that ...", "Notify the team"."""
    if part not in (Part.OTHER, Part.RESOLUTION):
        return part
    said = part_by_verb(text)
    if said is Part.OTHER and ": " in text[:60]:
        said = part_by_verb(text.partition(": ")[2])
    return part if part is Part.RESOLUTION and said in (Part.OTHER, Part.DIAGNOSIS) else said


def plain_comment(text: str) -> str:
    """A comment of a fence as a sentence: without the marks around it."""
    return text.strip().strip("#=-* ").strip() or text.strip()


def _sentence(said: str) -> str:
    """The last sentence of a paragraph, without its colon: what introduces the block below it."""
    cut = said.rstrip(": ")
    at = max(cut.rfind(". "), cut.rfind("! "), cut.rfind("? "))
    return clean(cut[at + 2 :] if 0 <= at < len(cut) - 3 else cut)
