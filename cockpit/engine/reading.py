"""The files of a runbook -> everything that is known of its commands. Blocking, up to a second: for a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cockpit.engine.offers import Known
from cockpit.errors import CockpitError, Misconfigured
from cockpit.model.command import Command
from cockpit.model.runbook import Fault, Runbook
from cockpit.profile.delivery import TeamScript
from cockpit.runbooks.guide.match import Line, lines_of
from cockpit.runbooks.trust import digest_of
from cockpit.text import clean

MOST_BYTES = 8 * 1024 * 1024
Key = tuple[str, int, str]  # file, line and text of a command


@dataclass(frozen=True, slots=True)
class Book:
    """What one reading brought. `texts` is what was read, by full path: what somebody accepts."""

    texts: tuple[tuple[str, str], ...]
    runbook: Runbook
    known: Mapping[Key, Known]
    faults: tuple[Fault, ...]
    lines: tuple[Line, ...]  # for the search


def texts_of(paths: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    """Path and text of each file. Raises Misconfigured where one cannot be read."""
    found: list[tuple[str, str]] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise Misconfigured(
                f"the runbook {clean(str(path))} cannot be read: {error.strerror}", hint="Check [runbook] files"
            ) from error
        if len(data) > MOST_BYTES:
            raise Misconfigured(f"the runbook {clean(str(path))} is larger than 8 MB", hint="Is it really Markdown?")
        # Not "replace": two texts that differ must stay two texts.
        found.append((str(path), data.decode("utf-8", "surrogateescape")))
    return tuple(found)


def digest_on_disk(paths: Sequence[Path]) -> str:
    """What `trust.digest_of` says of the files now; "" where they cannot be read."""
    try:
        return digest_of(texts_of(paths))
    except CockpitError:
        return ""


def stamp_of(paths: Sequence[Path]) -> tuple[tuple[int, int, int] | None, ...]:
    """Changes whenever a file was written or replaced, as far as its status tells."""
    found: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def read_book(paths: Sequence[Path], scripts: Sequence[TeamScript] = ()) -> Book:
    """Read, understand and lint them; `scripts` are the profile's. Raises Misconfigured where one cannot be read."""
    from cockpit.engine.compose import replacements
    from cockpit.engine.scripts import not_a_script, script_of
    from cockpit.runbooks.lint import lint
    from cockpit.runbooks.markdown.source import decode
    from cockpit.runbooks.read import parse
    from cockpit.runbooks.recognise import understand_all

    texts = texts_of(paths)
    runbook = parse([(name, decode(text.encode("utf-8", "surrogateescape"))) for name, text in _short(texts)])
    understandings = understand_all(runbook, replacements(scripts))
    runbook.work_out()  # here, and not where the screen waits for it
    faults = lint(runbook, understandings)
    by_line: dict[tuple[str, int], list[Fault]] = {}
    for fault in faults:
        by_line.setdefault((fault.file, fault.line), []).append(fault)
    fences: dict[tuple[str, int], list[Command]] = {}
    for command in runbook.commands:
        fences.setdefault((command.file, command.block), []).append(command)
    known: dict[Key, Known] = {}
    for understanding in understandings:
        command = understanding.command
        own = tuple(
            fault
            for line in range(command.line, command.line + command.text.count("\n") + 1)
            for fault in by_line.get((command.file, line), ())
        )
        script = None
        if not not_a_script(understanding):
            script = script_of(understanding, own, _above(command, fences[command.file, command.block]))
        known[command.file, command.line, command.text] = Known(understanding, own, script)
    return Book(texts, runbook, known, faults, lines_of(runbook))


def _short(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """By their names alone where those tell them apart: what stands on screen and in the record."""
    names = [Path(name).name for name, _ in texts]
    return [(name if names.count(name) == 1 else full, text) for name, (full, text) in zip(names, texts, strict=True)]


def _above(command: Command, fence: Sequence[Command]) -> list[Command]:
    """The commands before it in the same fence; a command of the prose stands alone."""
    return [other for other in fence if other.line < command.line] if command.block else []
