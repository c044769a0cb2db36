"""Comments of a fence that caption no command: they are instructions too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.model.command import Command

_COMMENT = re.compile(r"\s*(?:#|//|--)+\s?(.*)$")
_SHELLS = frozenset(
    {"bash", "sh", "shell", "zsh", "ksh", "fish", "console", "terminal", "shell-session", "sql", "psql"}
)
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
    taken = [False] * len(lines)
    for command in commands:
        first = command.line - line
        for index in range(max(first, 0), min(first + command.text.count("\n") + 1, len(lines))):
            taken[index] = True
    captions = {_squeezed(command.caption) for command in commands if command.caption}
    found: list[tuple[int, str]] = []
    for index, each in enumerate(lines):
        match = _COMMENT.match(each) if not taken[index] else None
        if match is None or not _WORD.search(match[1]):
            continue
        said = _squeezed(match[1])
        if said not in captions and not _in_next_caption(said, index + line, commands):
            found.append((index + line, match[1].strip()))
    return tuple(found)


def _in_next_caption(said: str, line: int, commands: Sequence[Command]) -> bool:
    """Part of the caption of the command that comes next."""
    low, high = 0, len(commands)
    while low < high:
        middle = (low + high) // 2
        if commands[middle].line <= line:
            low = middle + 1
        else:
            high = middle
    return low < len(commands) and said in _squeezed(commands[low].caption)


def _squeezed(text: str) -> str:
    return " ".join(text.strip(" #-/").split())
