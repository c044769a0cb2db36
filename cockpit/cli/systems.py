"""`cockpit systems`: the profiles that come with the cockpit, what each watches and offers, and a copy of one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cockpit.cli.exits import EXIT_CODES, Exit, note, on_loop
from cockpit.cli.output import Style, say, say_json, table
from cockpit.engine.summary import Summary
from cockpit.errors import Misconfigured
from cockpit.profile.shipped import NAMES, Shipped, shipped


@click.command(epilog=EXIT_CODES)
@click.argument("name", required=False, metavar="[SYSTEM]")
@click.option(
    "--copy", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Put profile and runbook there."
)
@click.option("--markdown", is_flag=True, help="As a Markdown table.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def systems(name: str | None, folder: Path | None, markdown: bool, as_json: bool) -> int:
    """List the profiles that come with the cockpit; with SYSTEM print one, or copy it with its runbook.

    `cockpit demo --as SYSTEM` runs one of them against servers on this machine.
    """
    if name is not None:
        return _one(shipped(name), folder)
    if folder is not None:
        raise click.UsageError("--copy needs a SYSTEM")
    found = on_loop(_all())
    if as_json:
        say_json({"systems": [each.document() for each in found]})
    elif markdown:
        for line in markdown_table(found):
            say(line)
    else:
        style = Style.of()
        rows = [("SYSTEM", "RUNS ON", "SOURCES", "ACTIONS", "DEMO")]
        rows += [
            (each.name, each.platform, str(each.sources), str(len(each.actions)), f"cockpit demo --as {each.name}")
            for each in found
        ]
        for line in table(rows):
            say(style.plain(line).rstrip())
    return Exit.OK


def markdown_table(found: list[Summary]) -> list[str]:
    """Per system what is watched and what can be done."""
    lines = ["| system | runs on | watched | can be done |", "|---|---|---|---|"]
    for each in found:
        watched = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in each.watched)
        done = "; ".join(f"{kind}: {', '.join(titles)}" for kind, titles in each.offered)
        lines.append(f"| `{each.name}` | {each.platform} | {watched} | {done} |")
    return lines


async def _all() -> list[Summary]:
    from cockpit.engine.summary import summary_of

    with TemporaryDirectory(prefix="cockpit-") as folder:
        place = Path(folder)
        return [await asyncio.to_thread(summary_of, shipped(name), place) for name in NAMES]


def _one(system: Shipped, folder: Path | None) -> int:
    if folder is None:
        say(system.text.rstrip("\n"))
        return Exit.OK
    files = {folder / f"{system.name}.toml": system.text, folder / f"{system.name}.md": system.runbook}
    if there := [str(path) for path in files if path.exists()]:
        raise Misconfigured(f"{', '.join(there)} is there already", hint="choose another folder, or remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise Misconfigured(f"{folder}: cannot be written: {error.strerror}") from None
    first = folder / f"{system.name}.toml"
    note(f"{first}: read its first lines, then cockpit check {first} --config-only")
    return Exit.OK
