"""`cockpit runbook lint`: what is wrong with the commands of runbooks, for people, editors and CI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cockpit.cli.exits import Exit
from cockpit.cli.output import Style, say, say_json
from cockpit.model.severity import Severity

if TYPE_CHECKING:
    from cockpit.model.runbook import Fault, Level
    from cockpit.runbooks.lint.engine import Rule

_SEVERITIES = {"error": Severity.CRIT, "warning": Severity.WARN, "note": Severity.UNKNOWN}
_CODES = """\b
Exit codes:
  0    nothing at the level of --fail-on, or worse
  1    faults
  64   wrong usage, or a file that cannot be read
"""


@click.command(epilog=_CODES)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="A JSON list of faults instead of text.")
@click.option("--sarif", "as_sarif", is_flag=True, help="SARIF 2.1.0, for code hosts.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    default="error",
    show_default=True,
    help="The mildest level that makes the exit code 1.",
)
@click.option("--rules", "list_rules", is_flag=True, help="List all rules instead, each with its reason.")
def lint(files: tuple[Path, ...], as_json: bool, as_sarif: bool, fail_on: str, list_rules: bool) -> int:
    """Find commands that would fail, lose data, hit the wrong target, expose a secret or hang.

    Nothing is run and nothing is asked: the files are read, and their commands compared with what the tools really
    do. Text output leaves notes out unless --fail-on note asks for them.
    """
    from cockpit.runbooks.lint import rules

    if as_json and as_sarif:
        raise click.UsageError("--json and --sarif are two forms of the same: choose one")
    if list_rules:
        _list(rules(), as_json)
        return Exit.OK
    if not files:
        raise click.UsageError("name at least one runbook: cockpit runbook lint FILE...")
    faults = _faults(files)
    if as_json:
        say_json([_json(fault) for fault in faults])
    elif as_sarif:
        from cockpit.runbooks.lint.sarif import document

        say_json(document(faults, rules(), _version()))
    else:
        _tell(faults, len(files), fail_on == "note")
    return Exit.WARN if _failing(faults, fail_on) else Exit.OK


def _faults(files: Sequence[Path]) -> tuple[Fault, ...]:
    from cockpit.engine.compose import replacements
    from cockpit.runbooks.lint import lint as find
    from cockpit.runbooks.read import read
    from cockpit.runbooks.recognise import understand_all

    found: list[Fault] = []
    for file in dict.fromkeys(files):  # each by itself: what one file sets up does not hold in another
        runbook = read([file])
        found.extend(find(runbook, understand_all(runbook, replacements())))
    return tuple(found)


def _failing(faults: Sequence[Fault], fail_on: str) -> bool:
    from cockpit.model.runbook import Level
    from cockpit.runbooks.lint import at_least

    return fail_on != "never" and any(at_least(fault.level, Level(fail_on)) for fault in faults)


def _tell(faults: Sequence[Fault], files: int, with_notes: bool) -> None:
    from cockpit.model.runbook import Level

    style = Style.of()
    for fault in faults:
        if fault.level is Level.NOTE and not with_notes:
            continue
        first, *more = fault.command.split("\n")
        level = style.paint(fault.level.value, _SEVERITIES[fault.level.value])
        say(f"{fault.file}:{fault.line}: {level} {style.strong(fault.rule)}")
        say(style.plain(f"    {first}{' …' if more else ''}"))
        say(style.plain(f"    why      {fault.why}"))
        say(style.plain(f"    instead  {fault.instead}"))
    counted = Counter(fault.level for fault in faults)
    say(_summary(counted, files, with_notes))


def _summary(counted: Counter[Level], files: int, with_notes: bool) -> str:
    from cockpit.model.runbook import Level

    where = f"in {files} file{'s' if files != 1 else ''}"
    parts = [
        f"{counted[level]} {level.value}{'s' if counted[level] != 1 else ''}"
        for level in (Level.ERROR, Level.WARNING, Level.NOTE)
        if counted[level]
    ]
    hidden = " (notes are shown with --fail-on note, and in --json)" if counted[Level.NOTE] and not with_notes else ""
    return f"{', '.join(parts) or 'no faults'} {where}{hidden}"


def _list(rules: Sequence[Rule], as_json: bool) -> None:
    if as_json:
        say_json([{"rule": rule.id, "level": rule.level.value, "why": rule.why} for rule in rules])
        return
    style = Style.of()
    for rule in rules:
        say(f"{style.strong(rule.id)}  {style.paint(rule.level.value, _SEVERITIES[rule.level.value])}")
        say(style.plain(f"    {rule.why}"))


def _json(fault: Fault) -> dict[str, str | int]:
    return {
        "file": fault.file,
        "line": fault.line,
        "rule": fault.rule,
        "level": fault.level.value,
        "command": fault.command,
        "why": fault.why,
        "instead": fault.instead,
    }


def _version() -> str:
    from importlib.metadata import version

    return version("oncall-cockpit")
