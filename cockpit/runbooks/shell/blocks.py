"""A fenced block or a code span of a runbook -> commands with their calls."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cockpit.model.command import Command
from cockpit.runbooks.shell import grammar, unwrap
from cockpit.runbooks.shell.statements import Boundaries
from cockpit.text import clean

SHELL = frozenset(
    [
        "bash",
        "sh",
        "shell",
        "zsh",
        "ksh",
        "fish",
        "console",
        "terminal",
        "shell-session",
        "shellsession",
        "sh-session",
        "cmdline",
    ]
)
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a block stands."""

    language: str
    line: int
    file: str = ""
    headings: tuple[str, ...] = ()
    caption: str = ""


def commands_of(
    block: str,
    *,
    language: str,
    line: int,
    file: str = "",
    headings: tuple[str, ...] = (),
    caption: str = "",
) -> tuple[Command, ...]:
    """One fenced block -> its commands in order. `line` is the file line of the block's first line, from 1.

    `caption` is the sentence above the block; a comment before a command takes precedence. Never fails.
    """
    origin = Origin(language, line, file, headings, caption)
    tag = language.strip().split(" ")[0].strip("{}.").lower()
    if tag and tag not in SHELL:
        return ()
    lines = [clean(each, grammar.LIMIT) for each in _BREAK.split(block)]
    return _shell(lines, origin)


def inline_command(
    code: str, *, line: int, file: str = "", headings: tuple[str, ...] = (), caption: str = ""
) -> Command | None:
    """A code span in prose -> the command that it is, or None for a name, a path, a value."""
    return None


def _shell(lines: list[str], origin: Origin) -> tuple[Command, ...]:
    boundaries = Boundaries(lines)
    found: list[Command] = []
    comments: list[str] = []
    index = 0
    while index < len(lines):
        stripped = lines[index].strip()
        if not stripped:
            if index + 1 < len(lines) and lines[index + 1].lstrip().startswith("#"):
                comments.clear()
            index += 1
        elif stripped.startswith("#"):
            comments.append(stripped.lstrip("# "))
            index += 1
        else:
            end, broken = boundaries.end(index)
            found.append(_statement(lines[index:end], index, origin, " ".join(comments), broken))
            comments.clear()
            index = end
    return tuple(found)


def _statement(lines: list[str], index: int, origin: Origin, comment: str, broken: str) -> Command:
    text = "\n".join(lines).strip()
    line = origin.line + index
    simples, fault = grammar.read(text)
    return Command(
        text,
        line,
        origin.language,
        comment or origin.caption,
        origin.headings,
        unwrap.calls_of(simples, line),
        origin.file,
        broken or fault,
    )
