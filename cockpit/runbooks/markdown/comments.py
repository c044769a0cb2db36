"""Comments of a fence that caption no command: they are instructions too."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from cockpit.model.command import Command

_COMMENT = re.compile(r"\s*(?:#|//|--)+\s?(.*)$")
_SHELLS = frozenset(
    {"bash", "sh", "shell", "zsh", "ksh", "fish", "console", "terminal", "shell-session", "sql", "psql"}
)
_LONGEST = 2000  # of a caption that is searched
_MARKS = ("#", "//", "--")
_WORD = re.compile(r"\w")


def loose_comments(
    content: str, commands: Sequence[Command], language: str, line: int
) -> tuple[tuple[int, str], ...]:
    """(line, text) of every comment between the commands whose text is in no caption; blocks of them line by line.

    `line` is that of the first line of `content`. A fence that holds data has no comments in this sense.
    """
    if not commands and language.lower() not in _SHELLS:
        return ()
    lines = content.split("\n")
    if not any(each.lstrip().startswith(_MARKS) for each in lines):
        return ()
    taken = [False] * len(lines)
    for command in commands:
        first = command.line - line
        for index in range(max(first, 0), min(first + command.text.count("\n") + 1, len(lines))):
            taken[index] = True
    captions = [_squeezed(command.caption[:_LONGEST]) for command in commands]
    places = [command.line for command in commands]
    whole = set(captions)
    found: list[tuple[int, str]] = []
    for index, each in enumerate(lines):
        if taken[index] or not each.lstrip().startswith(_MARKS):
            continue
        match = _COMMENT.match(each)
        if match is None or not _WORD.search(match[1]):
            continue
        said = _squeezed(match[1])
        following = bisect_right(places, index + line)
        if said not in whole and not (following < len(places) and said in captions[following]):
            found.append((index + line, match[1].strip()))
    return tuple(found)


def _squeezed(text: str) -> str:
    return " ".join(text.strip(" #-/").split())
