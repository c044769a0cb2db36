"""PowerShell and batch blocks: their lines are commands that are shown and copied, not read."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.command import Command
from cockpit.runbooks.shell.lines import Origin


def commands(rows: Sequence[str], origin: Origin) -> tuple[Command, ...]:
    """Each line with its continuation lines is one command; comments are captions."""
    found: list[Command] = []
    comments: list[str] = []
    index = 0
    while index < len(rows):
        line = rows[index].strip()
        start = index
        index += 1
        if not line:
            continue
        if line.startswith(("#", "::", "REM ", "rem ")):
            comments.append(line.removeprefix("REM").removeprefix("rem").lstrip("#: "))
            continue
        depth = _opened(rows[start])
        while index < len(rows) and (rows[index - 1].endswith(("`", "^", "|", "{", "(", ",")) or depth > 0):
            depth += _opened(rows[index])
            index += 1
        text = "\n".join(rows[start:index]).strip()
        found.append(
            Command(
                text,
                origin.line + start,
                origin.language,
                " ".join(comments) or origin.caption,
                origin.headings,
                (),
                origin.file,
                f"{origin.language} is not read, only shown",
                block=origin.line,
            )
        )
        comments.clear()
    return tuple(found)


def _opened(line: str) -> int:
    return line.count("{") + line.count("(") - line.count("}") - line.count(")")
