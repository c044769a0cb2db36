"""`cockpit runbook coverage`: every command as live, native, script or not understood, with its line."""

from __future__ import annotations

from pathlib import Path

import click

from cockpit.cli.exits import EXIT_CODES, Exit
from cockpit.cli.options import Given, ProfileOrShipped, with_json
from cockpit.cli.output import Style, say, say_json, table
from cockpit.model.severity import Severity
from cockpit.runbooks.coverage import Coverage
from cockpit.text import clean

_WORDS = ("live", "native", "script", "not_understood")
_MEANING = {
    "live": "answered by a pane or through its adapter",
    "native": "a guarded action with its parameters",
    "script": "run as it stands, guarded",
    "not_understood": "shown and copied only",
}
_LONGEST = 100


@click.command(epilog=EXIT_CODES)
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--profile",
    "given",
    type=ProfileOrShipped(),
    help="Its [[script]] tables count: a file, a name, or one that ships.",
)
@with_json
def coverage(paths: tuple[Path, ...], given: Given | None, as_json: bool) -> int:
    """List every command of the runbook with what the cockpit makes of it, and the totals.

    live: answered by a pane; native: a guarded action; script: run as it stands, guarded; not understood: shown only.
    """
    from cockpit.engine.compose import replacements
    from cockpit.runbooks.coverage import coverage as cover
    from cockpit.runbooks.read import read
    from cockpit.runbooks.recognise import understand_all

    runbook = read(paths)
    found = cover(runbook, understand_all(runbook, replacements(given.profile.script if given else ())))
    if as_json:
        say_json(found.as_json())
    else:
        _print(found)
    return Exit.OK


def _print(found: Coverage) -> None:
    style = Style.of()
    for file, commands in found.files:
        say(style.strong(style.plain(clean(file))))
        rows = [("LINE", "KIND", "TIER", "ACTION", "COMMAND")]
        rows += [
            (str(each.line), each.kind.replace("_", " "), each.tier, each.action or "-", _one_line(each.text))
            for each in commands
        ]
        for line in table(rows) if commands else ["no commands"]:
            say(style.cut(style.plain(line).rstrip(), style.width))
        say()
    total = found.count()
    say(f"{total} {'command' if total == 1 else 'commands'}")
    for word in _WORDS:
        count = found.count(word)
        share = f"{100 * count / total:3.0f} %" if total else "  0 %"
        line = f"{count:5}  {share}  {word.replace('_', ' '):<14}  {_MEANING[word]}"
        say(style.paint(line, Severity.WARN) if word == "not_understood" and count else line)


def _one_line(text: str) -> str:
    flat = " ".join(text.replace("\\\n", " ").split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"
