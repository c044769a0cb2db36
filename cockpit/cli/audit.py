"""`cockpit audit show|tail|verify`: reads the audit log; only the executor writes it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cockpit.audit.actor import Actor
from cockpit.audit.locks import Locks
from cockpit.audit.log import AuditLog, Entry, as_json
from cockpit.cli.exits import Exit, on_loop
from cockpit.cli.options import with_json
from cockpit.cli.output import Style, say, say_json
from cockpit.engine.places import audit_path, state_folder
from cockpit.text import clean, counted

_LOOK_S = 0.5
_FACTS = ("title", "target", "outcome", "verdict", "reason", "summary", "note", "text")


def _filters(command: Any) -> Any:
    for option in (
        click.option("--system", metavar="NAME", help="Only this system."),
        click.option("--run", "run_id", metavar="ID", help="Only this action: its intent, outcome and verdict."),
        click.option(
            "--file",
            "path",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Another audit log than this account's own.",
        ),
        with_json,
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """Show, follow or verify the audit log: what was intended, and what came of it."""


@audit.command()
@_filters
def show(path: Path | None, system: str | None, run_id: str | None, as_json: bool) -> int:
    """Print the audit log, oldest first."""
    _print(_log(path), list(_wanted(_log(path), system, run_id)), as_json)
    _tell_open(_log(path), system, run_id)
    return Exit.OK


@audit.command()
@click.option("-n", "--lines", "count", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what is written from now on; with --json, a line each."
)
@_filters
def tail(path: Path | None, system: str | None, run_id: str | None, as_json: bool, count: int, follow: bool) -> int:
    """Print the newest lines of the audit log."""
    log = _log(path)
    newest = deque(_wanted(log, system, run_id), maxlen=count)
    if not follow:
        _print(log, list(newest), as_json)
        _tell_open(log, system, run_id)
        return Exit.OK
    for entry in newest:
        _print_line(entry, as_json)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        on_loop(_follow(log, newest[-1].seq if newest else 0, system, run_id, as_json))
    return Exit.OK


@audit.command()
@click.option("--file", "path", type=click.Path(path_type=Path, dir_okay=False), help="Another audit log.")
@with_json
def verify(path: Path | None, as_json: bool) -> int:
    """Look for lines that were edited, removed or reordered. Exit code 0: none; 1: there are."""
    log = _log(path)
    count, problems = log.verify()
    if as_json:
        found = [{"line": problem.line, "message": problem.message} for problem in problems]
        say_json({"path": str(log.path), "lines": count, "intact": not problems, "problems": found})
    else:
        for problem in problems:
            say(f"{clean(str(log.path))}:{problem.line}: {problem.message}" if problem.line else problem.message)
        state = "intact" if not problems else f"NOT intact, {len(problems)} problems"
        say(f"{counted(count, 'line')} in {clean(str(log.path))}: {state}")
    return Exit.WARN if problems else Exit.OK


def _log(path: Path | None) -> AuditLog:
    return AuditLog(path or audit_path(state_folder()), Actor.current())


def _tell_open(log: AuditLog, system: str | None, run_id: str | None) -> None:
    """What was begun and has no outcome, of whatever system, unless a living process here is busy with it."""
    from cockpit.actions.aftermath import find_unresolved
    from cockpit.actions.handler import Scene
    from cockpit.cli.asking import tell_open

    locks = Locks(state_folder() / "locks")
    scenes = dict.fromkeys((entry.system, entry.environment) for entry in _wanted(log, system, run_id))
    for scene in scenes:
        for left in find_unresolved(log, locks, Scene(*scene)):
            if run_id in (None, left.run):
                tell_open(left)


def _wanted(log: AuditLog, system: str | None, run_id: str | None) -> Iterator[Entry]:
    for entry in log.entries():
        if (system is None or entry.system == system) and (run_id is None or entry.run == run_id):
            yield entry


async def _follow(log: AuditLog, after: int, system: str | None, run_id: str | None, as_json: bool) -> None:
    """Print what is appended, until cancelled. The file is read again only when its size has changed."""
    size = -1
    while True:
        now = log.path.stat().st_size if log.path.exists() else 0
        if now != size:
            size = now
            for entry in await asyncio.to_thread(lambda: list(_wanted(log, system, run_id))):
                if entry.seq > after:
                    _print_line(entry, as_json)
                    after = entry.seq
        await asyncio.sleep(_LOOK_S)


def _print(log: AuditLog, entries: list[Entry], as_json_: bool) -> None:
    if as_json_:
        say_json({"path": str(log.path), "entries": [as_json(entry) for entry in entries]})
        return
    for entry in entries:
        _print_line(entry, False)
    if not entries:
        say(f"nothing recorded in {clean(str(log.path))}")


def _print_line(entry: Entry, as_json_: bool) -> None:
    say(json.dumps(as_json(entry)) if as_json_ else Style.of().plain(_line(entry)))


def _line(entry: Entry) -> str:
    """Time, who, where, what happened, to what: one line of cleaned text, for the file may have been edited."""
    who = str(entry.actor.get("login") or entry.actor.get("user") or "somebody")
    where = f"{entry.system}/{entry.environment}".strip("/")
    told = [str(entry.facts[name]) for name in _FACTS if entry.facts.get(name)]
    refusals = entry.facts.get("refusals")
    if isinstance(refusals, list):
        told += [": ".join(str(part) for part in itertools.chain(refusal)) for refusal in refusals]
    parts = (entry.at[:19].replace("T", " "), f"{entry.event:<8}", entry.run or "-", who, where, " · ".join(told))
    return clean("  ".join(part for part in parts if part))
