"""The blocks of one procedure -> its steps, symptoms and causes, in one pass from top to bottom."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from cockpit.model.command import Command
from cockpit.model.runbook import Clock, ClockKind, Link, Part, Step
from cockpit.runbooks.markdown.clocks import clocks
from cockpit.runbooks.markdown.fences import entries_of
from cockpit.runbooks.markdown.harvest import Harvest, Place, Scope
from cockpit.runbooks.markdown.inline import links, plain
from cockpit.runbooks.markdown.pairs import pair_of
from cockpit.runbooks.markdown.parts import Block, BlockKind
from cockpit.runbooks.markdown.remembered import remembered
from cockpit.runbooks.markdown.rows import told_by
from cockpit.runbooks.markdown.sections import is_aside, is_reference
from cockpit.runbooks.markdown.sentences import (
    by_its_verb,
    forbids_the_next,
    last_sentence,
    spans_to_run,
    told_to_run,
)
from cockpit.runbooks.markdown.verbs import begins_with_verb
from cockpit.runbooks.markdown.words import (
    Label,
    Role,
    condition_of,
    core,
    forbids,
    is_condition,
    is_step_heading,
    label,
    number_of,
    role_of,
)
from cockpit.runbooks.shell.blocks import inline_command
from cockpit.text import clean

_COLLECTING = frozenset({Role.SYMPTOMS, Role.CAUSES, Role.META})


class Harvester:
    """Walks the blocks of one procedure."""

    def __init__(self, place: Place, title: str) -> None:
        self.found = Harvest()
        self._place = place
        self._title = title
        self._cures: list[tuple[int, str, str]] = []  # line, what is wrong, what to do: from tables
        self._said = False  # the label above says it in its own line: a numbered list below it is another thing
        self._forbidden = False  # what follows must not be done
        role = role_of(title)
        self._base = role.part if role and role.part else Part.OTHER
        self._scopes: list[Scope] = [Scope(-1, False, self._base)]
        self._mode = role if role in _COLLECTING else None
        self._mode_depth = 0  # of paragraphs under it
        self._mode_items = 1  # of items under it
        self._lead = ""  # the sentence above, for commands without a comment
        self._raised = 0  # 1 under the heading of a phase
        self._elapsed = 0.0  # where the last window ended
        self._headings: list[tuple[int, Part]] = []  # those above, with their parts
        self._ids: dict[str, int] = {}

    def harvest(self, blocks: Sequence[Block]) -> Harvest:
        """All of it."""
        before: Block | None = None
        for index, block in enumerate(blocks):
            if block.kind is not BlockKind.FENCE:
                self._forbidden = False
            if block.kind is BlockKind.HEADING:
                below = blocks[index + 1] if index + 1 < len(blocks) else block
                self._heading(block, empty=below.kind is BlockKind.HEADING and below.level > block.level)
            elif block.kind is BlockKind.TEXT:
                following = blocks[index + 1].kind if index + 1 < len(blocks) else BlockKind.TEXT
                self._text(block, following)
            elif block.kind is BlockKind.ITEM:
                self._item(block)
            elif block.kind is BlockKind.FENCE:
                # Written at the margin after "2. Run:", it belongs to that item.
                inside = before is not None and before.kind is BlockKind.ITEM and before.level > block.level
                self._fence(block._replace(level=before.level) if inside and before is not None else block)
            elif block.kind is BlockKind.TABLE:
                self._table(block)
            before = block
        self._cured()
        return self.found

    def _heading(self, block: Block, *, empty: bool) -> None:
        """A heading within the procedure: one of its parts, or a phase, which is a step itself.

        `empty` where the next heading below it follows at once: it only holds others together.
        """
        said = core(block.text)
        role = role_of(said)
        self._mode, self._mode_depth, self._mode_items = (role if role in _COLLECTING else None), 0, 1
        self._lead, self._raised = said, 0
        times = self._timed(plain(block.text))
        condition = said if is_condition(said) else ""
        while self._headings and self._headings[-1][0] >= block.level:
            self._headings.pop()
        above = self._headings[-1][1] if self._headings else self._base
        part = role.part if role and role.part and role is not Role.STEPS else above
        self._headings.append((block.level, part))
        self._scopes = [Scope(-1, False, part, condition, clocks=times)]
        if self._inline(block, block.text, 0, number_of(block.text)):
            self._raised = 1
        elif (role in (None, Role.STEPS) or is_step_heading(block.text)) and not condition and not empty:
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
            if pending:
                self._paragraph(first, "\n".join(pending), block.level, BlockKind.TEXT)
                pending = []
            self._label(found, line, block.line + offset, block.level)
        if pending:
            self._paragraph(first, "\n".join(pending), block.level, following)

    def _paragraph(self, line: int, text: str, level: int, following: BlockKind) -> None:
        said = plain(text)
        if not said:
            return
        if self._mode is Role.SYMPTOMS:
            self.found.symptoms.append(clean(said))
        self._lead = last_sentence(said)
        if self._inline_at(line, text, level) or self._mode in _COLLECTING:
            return
        if not (said.endswith(":") and following is not BlockKind.TEXT):
            self._add(line, said, level, source=text)
        elif forbids_the_next(said):
            self._forbidden = True

    def _label(self, found: Label, source: str, line: int, level: int) -> None:
        """A line that says what the next blocks are."""
        role = role_of(found.lead)
        conditional, forbidden = is_condition(found.lead), forbids(found.lead)
        self._said = found.rest != ""
        ended = role is Role.META and self._said  # "Owner: crew two" says all of it
        self._mode = role if role in _COLLECTING and not ended else None
        self._mode_depth, self._mode_items = level, level + 1
        while len(self._scopes) > 1 and self._ends(self._scopes[-1], level, role):
            self._scopes.pop()
        part = role.part if role and role.part else self._scopes[-1].part
        times = self._timed(found.lead)
        if conditional or role or times or forbidden:
            condition = found.lead if conditional or forbidden else ""
            self._scopes.append(Scope(level, False, part, condition, clocks=times, forbidden=forbidden))
        if role not in (Role.META, Role.STEPS):
            self._lead = found.lead
        self.found.labels += role is not None and role is not Role.META
        said = plain(found.rest)
        self._forbidden = not said and forbids_the_next(f"{found.lead}:")
        if self._inline_at(line, source, level) or not said or role is Role.META:
            return
        if role is Role.SYMPTOMS:
            self.found.symptoms.append(clean(said))
        elif role is Role.CAUSES:
            self.found.causes.append(pair_of(found.rest))
        else:
            self._add(line, said if role or conditional else plain(source), level, source=source)
            self._lead = last_sentence(said)

    @staticmethod
    def _ends(scope: Scope, level: int, role: Role | None) -> bool:
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
        part = by_its_verb(part, said)
        number = f"{above.number}.{block.number}" if above.number and block.number else block.number
        condition = found.lead if found and is_condition(found.lead) else condition_of(said)
        depth = block.level - 1
        self._lead = last_sentence(said) or self._lead
        if not self._inline(block, block.text, depth, number):
            self._add(block.line, said, depth, number=number, part=part, source=block.text, checkbox=block.checkbox)
        self._scopes.append(Scope(block.level, True, part, condition or above.condition, number or above.number))
        self._mode = role if role in _COLLECTING else None
        self._mode_depth = self._mode_items = block.level + 1

    def _collected(self, block: Block, said: str) -> bool:
        """A symptom or a cause instead of a step."""
        if self._mode is not None and block.level < self._mode_items:
            self._mode = None
        if self._mode is Role.SYMPTOMS and block.number and (self._said or begins_with_verb(said)):
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
        place = self._place
        caption = self._lead or (place.headings[-1] if place.headings else "")
        for each in entries_of(block, caption, place):
            self.found.comments += each.command is None
            self._add(each.line, each.text, block.level, number=each.number, command=each.command, source=each.said)

    def _table(self, block: Block) -> None:
        self._leave(block.level)
        for row in told_by(block.rows):
            text = row.doing
            if row.cause:
                self.found.causes.append(row.cause)
                self._cures.append((row.line, *row.cause))
            commands = False
            for cell in row.cells:
                self._scopes.append(self._of_a_row(block.level, row.cause, cell.part))
                found = self._inline_at(row.line, cell.text, block.level, about=cell.said)
                self._scopes.pop()
                commands = commands or found
                if found and cell.text == text:
                    text = ""
            if row.cause and commands and text:  # looked at with a command, cured by hand
                self._scopes.append(self._of_a_row(block.level, row.cause, Part.RESOLUTION))
                self._add(row.line, plain(text), block.level, source=text)
                self._scopes.pop()
            elif row.number and text:
                self.found.ordered += 1
                self._add(row.line, plain(text), block.level, number=row.number, source=text)

    def _of_a_row(self, level: int, cause: tuple[str, str] | None, part: Part | None) -> Scope:
        above = self._scopes[-1]
        return Scope(level, True, part or above.part, cause[0] if cause else above.condition, above.number)

    def _cured(self) -> None:
        """A table of what is wrong and what to do about it, with nothing else: each row is an instruction."""
        if self.found.steps or is_reference(self._title) or is_aside(self._title):
            return
        for line, cause, cure in self._cures:
            self._scopes = [self._of_a_row(-1, (cause, cure), Part.RESOLUTION)]
            self._add(line, cure, 0)

    # Steps

    def _inline(self, block: Block, text: str, depth: int, number: str = "") -> bool:
        return self._inline_at(block.line, text, depth, number, block.checkbox)

    def _inline_at(
        self, line: int, text: str, depth: int, number: str = "", checkbox: bool | None = None, about: str = ""
    ) -> bool:
        """A step for each command in `code`; whether there was one. The first carries the sentence's number.

        `about` is what to say of them where the text is nothing but code.
        """
        if "`" not in text:
            return False
        said, found = about, False
        at, seen = line, 0
        place = self._place
        for span in spans_to_run(text):
            said = said or clean(plain(text))
            at, seen = at + text.count("\n", seen, span.start), span.start
            command = inline_command(
                span.text,
                line=at,
                file=place.file,
                headings=place.headings,
                caption=said,
                told=told_to_run(text, span.start, span.end),
            )
            if command is None:
                continue
            self._add(
                at, said, depth + found, number="" if found else number, command=command,
                source="" if found else text, checkbox=None if found else checkbox,
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
        if scope.forbidden or self._forbidden:
            text = f"Do not: {text}"
        part = part or scope.part
        part = by_its_verb(part, text)
        told = f"{text} (escalate)" if part is Part.ESCALATION else text
        own = self._timed(told) if text != self._lead or command is None else ()
        times = own or (scope.clocks if not scope.item else ())
        urls = links(source)
        found = tuple(Link(clean(name), clean(target), line) for name, target, _ in urls) if urls else ()
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
        digest = _digest(f"{text}\n{command.text if command else ''}")
        count = self._ids[digest] = self._ids.get(digest, 0) + 1
        return digest if count == 1 else f"{digest}-{count}"

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


@remembered
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
