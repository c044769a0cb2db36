"""A fenced block or a code span of a runbook -> commands with their calls."""

from __future__ import annotations

import re

from cockpit.model.command import Command
from cockpit.runbooks.shell import content, foreign, grammar, http, lines, redis
from cockpit.runbooks.shell.lines import Origin
from cockpit.runbooks.shell.tool import names
from cockpit.text import clean

_BREAK = re.compile(r"\r\n|\n|\r")
# Programs that are English words too: as code in prose they are commands only with a flag or a path.
_ORDINARY = names(
    """
        test time set host file if for while until case function command service go ab find watch sort cut
        tee date render source eval exec which top free less more head tail kill set hey last wait id find env
        """
)


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

    `caption` is the sentence above the block; a comment before a command takes precedence. Never fails; a block of
    data (JSON, YAML, a diagram, a template) holds no commands.
    """
    tag = content.tag(language)
    origin = Origin(language.strip(), line, file, headings, caption)
    rows = _rows(block)
    if tag in content.FOREIGN:
        return foreign.commands(rows, origin)
    if tag in content.SQL and not any(content.DATABASE_PROMPT.match(row.lstrip()) for row in rows):
        return lines.Reader(rows, origin, "sql").read()
    if tag in content.REDIS:
        return lines.Reader(rows, origin, "redis").read()
    if tag in content.HTTP:
        return lines.Reader(rows, origin, "http").read()
    if tag in content.SQL:
        return lines.Reader(rows, origin, "session").read()
    if tag and tag not in content.SHELL and tag not in content.CRON:
        return ()
    if not content.holds_commands(rows, tag):
        return ()
    return lines.Reader(rows, origin, "session" if content.session(rows, tag) else "shell").read()


def _rows(block: str) -> list[str]:
    """Its lines cleaned; most blocks need none of it."""
    if len(block) < grammar.LIMIT and block.isascii() and block.replace("\n", " ").isprintable():
        return [each.rstrip() for each in block.split("\n")]
    return [clean(each, grammar.LIMIT).rstrip() for each in _BREAK.split(block)]


def inline_command(
    code: str, *, line: int, file: str = "", headings: tuple[str, ...] = (), caption: str = "", told: bool = False
) -> Command | None:
    """A code span in prose -> the command that it is, or None for a name, a path, a value, a metric.

    `told`: the sentence says to run it, so that a program that nobody here knows is one too.
    """
    text = clean(" ".join(code.split()), grammar.LIMIT)
    match = content.PROMPT.match(text)
    text = text[match.end() :] if match else text
    if not _is_command(text) and not (told and _may_be_run(text)):
        return None
    found = lines.Reader([text], Origin("inline", line, file, headings, caption), "shell").read()
    return found[0] if len(found) == 1 else None


_PROGRAM = re.compile(r"(?:\./)?[a-z][a-z0-9_.-]*(?:/[\w.-]+)*\Z")


def _may_be_run(text: str) -> bool:
    """After "run": a program with a word or a flag behind it, or a script."""
    first, _, rest = text.partition(" ")
    if _PROGRAM.match(first) is None or first.endswith((".md", ".json", ".yaml", ".yml", ".env", ".txt", ".")):
        return False
    if not rest.strip():
        return first.endswith((".sh", ".py", ".rb", ".pl"))
    if "..." in rest or "…" in rest:
        return False
    return rest[0] not in "=:," and not rest.rstrip().endswith((".", ":", "?"))


def _is_command(text: str) -> bool:
    first, _, rest = text.partition(" ")
    rest = rest.strip()
    if first.startswith("./"):
        return "=" not in first and (bool(rest) or not first.endswith(("/", ".md", ".yaml", ".yml", ".json", ".env")))
    if not rest or rest[0] in "=:" or first.endswith((":", ",")) or "..." in rest.split() or "…" in rest:
        return False
    if text.startswith(("GET ", "HEAD ")):
        return http.request_line(text) is not None
    if content.sql_starts(text):
        return len(text.split()) > 2 or text.endswith(";")
    if redis.starts(text, typed=False):
        return True
    if first.startswith(("/", "~/")) or re.fullmatch(r"[\w./-]+\.sh", first):
        return first.endswith((".sh", ".py")) or "/bin/" in first
    assigned = re.match(r"(?:[A-Za-z_]\w*=\S*\s+)+(\S+)", text)
    name = assigned.group(1) if assigned else first
    if name not in content.KNOWN:
        return False
    return name not in _ORDINARY or bool(re.search(r"(?:^|\s)-|/|\$|\d|\|", rest))
