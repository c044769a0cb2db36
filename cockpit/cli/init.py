"""`cockpit init`: a first profile from the team's runbook. Asks nothing, connects to nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.exits import EXIT_CODES, Exit
from cockpit.cli.output import Style, say, say_json
from cockpit.errors import Misconfigured
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.runbooks.draft.profile import Draft, Noted


@click.command(epilog=EXIT_CODES)
@click.option(
    "--from",
    "runbooks",
    metavar="RUNBOOK.md",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="The runbook; once more for each further file.",
)
@click.option(
    "-o",
    "--output",
    metavar="PROFILE.toml",
    type=click.Path(path_type=Path),
    required=True,
    help="Where to write the profile.",
)
@click.option("--force", is_flag=True, help="Write over a profile that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def init(runbooks: tuple[Path, ...], output: Path, force: bool, as_json: bool) -> int:
    """Draft a profile from a Markdown runbook.

    What the runbook's commands, tables and lists name becomes the profile; each value says which line it is from, or
    that it was guessed, or what is missing. Secrets are only ever named, never copied. Read it before you use it.
    """
    from cockpit.runbooks.draft.profile import draft
    from cockpit.runbooks.read import contents

    if not force and (output.exists() or output.is_symlink()):
        raise _exists(output)
    folder = Path(os.path.abspath(output.parent))  # noqa: PTH100 - resolve() would follow links of the runbook's path
    files = [os.path.relpath(os.path.abspath(path), folder) for path in dict.fromkeys(runbooks)]  # noqa: PTH100
    drafted = draft([(path.name, text) for path, (_, text) in zip(runbooks, contents(runbooks), strict=True)], files)
    _write(output, drafted.text, force)
    if as_json:
        say_json(_json(drafted, output))
    else:
        _tell(drafted, output)
    return Exit.OK


def _exists(output: Path) -> Misconfigured:
    return Misconfigured(
        f"{clean(str(output))} exists; nothing was written", hint="Give another -o, or --force to write over it"
    )


def _write(output: Path, text: str, force: bool) -> None:
    """A new file for its owner only; an old one only with `force`, and then as a whole or not at all."""
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        with partial.open("x", encoding="utf-8") as file:
            partial.chmod(0o600)
            file.write(text)
        try:
            if force:
                partial.replace(output)
            else:
                output.hardlink_to(partial)  # fails where it appeared meanwhile
        finally:
            partial.unlink(missing_ok=True)
    except FileExistsError:
        raise _exists(output) from None
    except OSError as error:
        raise Misconfigured(
            f"{clean(str(output))} cannot be written: {error.strerror}", hint="Check folder and rights"
        ) from error


def _tell(drafted: Draft, output: Path) -> None:
    style = Style.of()
    say(style.plain(f"{clean(str(output))}: a draft for {drafted.system} {drafted.environment}"))
    for word, noted in (("found", drafted.found), ("guessed", drafted.guessed), ("missing", drafted.missing)):
        if noted:
            say(f"{word} ({len(noted)})")
            for each in noted:
                say(style.plain(f"  {each.what} = {each.value}  {each.comment}"))
    say(f"Next: read it, then cockpit check {clean(str(output))} --config-only")


def _json(drafted: Draft, output: Path) -> dict[str, Any]:
    def rows(noted: list[Noted]) -> list[dict[str, str]]:
        return [{"what": each.what, "value": each.value, "comment": each.comment} for each in noted]

    return {
        "path": str(output),
        "system": drafted.system,
        "environment": drafted.environment,
        "found": rows(drafted.found),
        "guessed": rows(drafted.guessed),
        "missing": rows(drafted.missing),
    }
