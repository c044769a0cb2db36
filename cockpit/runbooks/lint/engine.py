"""What a rule is, and what it is told: one call or one command, and everything that stands around it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar, cast

from cockpit.model.command import Call, Command, EffectClass, Understanding
from cockpit.model.runbook import Fault, Level, Runbook
from cockpit.runbooks.lint.concealed import conceal

T = TypeVar("T")
REMOTE = ("kubectl exec", "docker exec", "compose exec", "ssh", "gcloud compute ssh")  # wrappers with another shell
_INSTEAD_LIMIT = 600
_NEARBY = 200  # commands of the same section that are looked at, in each direction


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says of one command. `level` only where this use weighs less or more than the rule in general."""

    why: str
    instead: str
    level: Level | None = None


OnCall = Callable[[Call, "Scene"], Found | None]
OnCommand = Callable[["Scene"], Found | None]
OnBook = Callable[["Book"], Iterable[tuple[str, int, str, Found]]]  # file, line, text


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It looks at each call of the programs that it names, at each command, or at the runbook's prose."""

    id: str
    level: Level
    why: str  # in general, for people who read the list of rules
    programs: tuple[str, ...] = ()
    on_call: OnCall | None = None
    on_command: OnCommand | None = None
    on_book: OnBook | None = None


def on_call(id_: str, level: Level, why: str, *programs: str) -> Callable[[OnCall], Rule]:
    """A rule about calls of these programs; of all programs where none is named."""
    return lambda check: Rule(id_, level, why, programs, on_call=check)


def on_command(id_: str, level: Level, why: str) -> Callable[[OnCommand], Rule]:
    """A rule about whole commands."""
    return lambda check: Rule(id_, level, why, on_command=check)


def on_book(id_: str, level: Level, why: str) -> Callable[[OnBook], Rule]:
    """A rule about what stands between the commands."""
    return lambda check: Rule(id_, level, why, on_book=check)


class Book:
    """A runbook, indexed the way the rules ask for it."""

    def __init__(self, runbook: Runbook, understandings: Sequence[Understanding] = ()) -> None:
        self.runbook = runbook
        self.commands = runbook.commands
        self._understood = {id(each.command): each for each in understandings}
        self._by_place = {(each.command.file, each.command.line): each for each in understandings}
        self._sections: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        self._blocks: dict[tuple[str, int], list[int]] = {}
        self._calls: dict[str, list[tuple[int, Call]]] = {}
        self._answers: dict[object, object] = {}
        for index, command in enumerate(self.commands):
            self._sections.setdefault((command.file, command.headings), []).append(index)
            if command.block:
                self._blocks.setdefault((command.file, command.block), []).append(index)
            for call in command.calls:
                self._calls.setdefault(call.program, []).append((index, call))

    def calls(self, program: str) -> Sequence[tuple[int, Call]]:
        """All calls of a program, each with the index of its command."""
        return self._calls.get(program, ())

    def once(self, question: Callable[[Book], T]) -> T:
        """The answer to a question about the whole runbook, found once however many commands ask."""
        if question not in self._answers:
            self._answers[question] = question(self)
        return cast(T, self._answers[question])

    def section(self, command: Command) -> Sequence[int]:
        """Indices of the commands under the same headings."""
        return self._sections[command.file, command.headings]

    def block(self, command: Command) -> Sequence[int]:
        """Indices of the commands of the same fence; of the same section where fences are not known."""
        return self._blocks[command.file, command.block] if command.block else ()

    def understanding(self, command: Command) -> Understanding | None:
        """How it was understood, None where nobody has said."""
        return self._understood.get(id(command)) or self._by_place.get((command.file, command.line))

    @cached_property
    def variables(self) -> Mapping[str, int]:
        """Variables that the runbook sets on this machine -> index of the first command that does."""
        found: dict[str, int] = {}
        for index, command in enumerate(self.commands):
            for call in command.calls:
                if any(each.tool in REMOTE for each in call.within):
                    continue
                names = list(call.assigned)
                if call.program in ("export", "read", "declare", "local"):
                    names += [word.text.partition("=")[0] for word in call.words[1:]]
                for name in names:
                    found.setdefault(name, index)
        return found

    @property
    def prose(self) -> Sequence[tuple[str, int, str]]:
        """File, line and text of every paragraph and list item."""
        return self.runbook.prose

    @cached_property
    def spoken(self) -> str:
        """All prose, captions and headings in lower case."""
        parts = [text for _, _, text in self.prose]
        for command in self.commands:
            parts.append(command.caption)
        for _, headings in self._sections:
            parts.extend(headings)
        return "\n".join(dict.fromkeys(parts)).lower()


class Scene:
    """One command of a runbook and what stands around it."""

    def __init__(self, book: Book, index: int) -> None:
        self.book = book
        self.index = index
        self.command = book.commands[index]

    @cached_property
    def effect(self) -> EffectClass | None:
        """What running it does, as the recogniser saw it; None where it was not asked."""
        understanding = self.book.understanding(self.command)
        return None if understanding is None else understanding.effect

    @cached_property
    def caption(self) -> str:
        """What the author says it is for, in lower case: its caption, else its nearest heading.

        The first thing that is typed into a prompt belongs to the caption of the command that opened it, too.
        """
        own = self.command.caption or " ".join(self.command.headings[-1:])
        opener = self.block_before[-1] if self.command.opener and self.block_before else None
        if opener is not None and opener.text == self.command.opener:
            own = f"{opener.caption} / {own}"
        return own.lower()

    @cached_property
    def surroundings(self) -> str:
        """Caption and all headings, in lower case."""
        return " / ".join([*self.command.headings[1:], self.command.caption]).lower()

    def says(self, pattern: str) -> bool:
        """The caption, or the nearest heading where there is none, has it."""
        return re.search(pattern, self.caption) is not None

    def stands_under(self, pattern: str) -> bool:
        """Caption or any heading below the title has it."""
        return re.search(pattern, self.surroundings) is not None

    @cached_property
    def before(self) -> tuple[Command, ...]:
        """Commands of the same section before it, the nearest last."""
        return self._nearby(self.book.section(self.command), -1)

    @cached_property
    def after(self) -> tuple[Command, ...]:
        """Commands of the same section after it."""
        return self._nearby(self.book.section(self.command), 1)

    @cached_property
    def block_before(self) -> tuple[Command, ...]:
        """Commands of the same fence before it."""
        return self._nearby(self.book.block(self.command), -1)

    @cached_property
    def block_after(self) -> tuple[Command, ...]:
        """Commands of the same fence after it."""
        return self._nearby(self.book.block(self.command), 1)

    def _nearby(self, indices: Sequence[int], direction: int) -> tuple[Command, ...]:
        """Of ascending indices those before or after this command; of very many the nearest."""
        if direction < 0:
            end = bisect_left(indices, self.index)
            chosen = indices[max(0, end - _NEARBY) : end]
        else:
            start = bisect_right(indices, self.index)
            chosen = indices[start : start + _NEARBY]
        return tuple(self.book.commands[each] for each in chosen)

    def feeds(self, call: Call) -> Iterator[Call]:
        """The calls of the pipeline behind it, in order."""
        calls = self.command.calls
        place = next((i for i, each in enumerate(calls) if each is call), len(calls))
        for each in calls[place + 1 :]:
            if not each.piped:
                return
            yield each

    def fed_by(self, call: Call) -> Iterator[Call]:
        """The calls of the pipeline before it, the nearest first."""
        calls = self.command.calls
        place = next((i for i, each in enumerate(calls) if each is call), 0)
        while place > 0 and calls[place].piped:
            place -= 1
            yield calls[place]


def calls_of(commands: Iterable[Command], *programs: str) -> Iterator[Call]:
    """All calls of these programs in some commands."""
    for command in commands:
        for call in command.calls:
            if call.program in programs:
                yield call


class Rules:
    """All rules, sorted by what they look at."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._of: dict[str, list[Rule]] = {}
        self._any = [rule for rule in rules if rule.on_call is not None and not rule.programs]
        self._commands = [rule for rule in rules if rule.on_command is not None]
        self._books = [rule for rule in rules if rule.on_book is not None]
        for rule in rules:
            for program in rule.programs:
                self._of.setdefault(program, []).append(rule)

    def faults(self, book: Book) -> tuple[Fault, ...]:
        """Everything that they find, in the order of files and lines; of one rule at most one fault a command."""
        found: dict[tuple[str, int, str], Fault] = {}
        for index in range(len(book.commands)):
            scene = Scene(book, index)
            command = scene.command
            for rule, told in self._at(scene):
                found.setdefault(("", index, rule.id), _fault(rule, told, command))
        for rule in self._books:
            if rule.on_book is not None:
                for file, line, text, told in rule.on_book(book):
                    level = told.level or rule.level
                    fault = Fault(file, line, rule.id, level, conceal(text), told.why, conceal(told.instead))
                    found.setdefault((file, line, rule.id), fault)
        order: Mapping[str, int] = {name: at for at, name in enumerate(book.runbook.files)}
        return tuple(
            sorted(found.values(), key=lambda each: (order.get(each.file, len(order)), each.line, each.rule))
        )

    def _at(self, scene: Scene) -> Iterator[tuple[Rule, Found]]:
        for call in scene.command.calls:
            for rule in (*self._of.get(call.program, ()), *self._any):
                if rule.on_call is not None and (told := rule.on_call(call, scene)) is not None:
                    yield rule, told
        for rule in self._commands:
            if rule.on_command is not None and (told := rule.on_command(scene)) is not None:
                yield rule, told


def _fault(rule: Rule, told: Found, command: Command) -> Fault:
    told = replace(told, instead=re.sub(r"\s*\n\s*", " ", told.instead))
    instead = told.instead if len(told.instead) <= _INSTEAD_LIMIT else told.instead[: _INSTEAD_LIMIT - 1] + "…"
    level = told.level or rule.level
    return Fault(command.file, command.line, rule.id, level, conceal(command.text), told.why, conceal(instead))
