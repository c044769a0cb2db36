"""What stands in a fence, in order: its commands, and the comments that are instructions without one."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from cockpit.model.command import Command
from cockpit.runbooks.markdown.comments import loose_comments
from cockpit.runbooks.markdown.harvest import Place
from cockpit.runbooks.markdown.parts import Block
from cockpit.runbooks.markdown.sentences import plain_comment
from cockpit.runbooks.shell.blocks import commands_of

_REMEMBERED = 4000  # characters of a fence whose reading is kept
_NUMBERED = re.compile(r"(?:step\s+)?(\d{1,2}(?:\.\d{1,2})*)[.):]\s+", re.IGNORECASE)


class Entry(NamedTuple):
    """A command, or a comment that stands for one."""

    line: int
    text: str  # what it is about
    said: str  # the same as written
    number: str  # "2" where the comment begins with it
    command: Command | None


def entries_of(block: Block, caption: str, place: Place) -> list[Entry]:
    """`caption` is the sentence above the fence, for commands without a comment of their own."""
    kept = _kept(block.text, block.language, caption) if len(block.text) <= _REMEMBERED else []
    if not kept:
        kept.append((block.line, _entries(block, caption, place)))
        return kept[0][1]
    line, entries = kept[0]
    down, file, headings = block.line - line, place.file, place.headings
    return [
        Entry(at + down, text, said, number, command and command.moved(down, file, headings))
        for at, text, said, number, command in entries
    ]


@functools.lru_cache(maxsize=2048)
def _kept(text: str, language: str, caption: str) -> list[tuple[int, list[Entry]]]:
    """Where the reading of a fence is kept with the line that it was read for: runbooks repeat themselves."""
    return []


def _entries(block: Block, caption: str, place: Place) -> list[Entry]:
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
    entries: list[Entry] = []
    above = ""  # the comment over the command before: it goes on for those without one of their own
    for line, each in sorted(mixed, key=lambda pair: pair[0]) if loose else mixed:
        own = each if isinstance(each, str) else each.caption if each.caption != caption else ""
        number = match[1] if (match := _NUMBERED.match(own)) else ""
        said = own or above or caption
        above = own[match.end() :] if match else own or above
        text = said[match.end() :] if match else said
        command = None if isinstance(each, str) else each
        entries.append(Entry(line, plain_comment(text), said, number, command))
    return entries
