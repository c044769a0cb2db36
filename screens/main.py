"""The `cockpit` command: opens the screen, or hands over to a headless command. Imports neither until it must."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cockpit import __version__
from cockpit.cli.exits import EXIT_CODES, Exit, run
from cockpit.cli.lazy import Entry, LazyGroup
from cockpit.cli.options import Seconds
from cockpit.profile.problems import nearest_name

F = TypeVar("F", bound=Callable[..., Any])
Prepare = Callable[[Callable[[str], None]], Awaitable[Path]]  # makes the profile first, telling what it waits for

COMMANDS = (
    Entry("open", "screens.main:open_", "Open the cockpit on a system; the word may be left out."),
    Entry("demo", "screens.main:demo", "A live incident in a small shop on this machine."),
    Entry("check", "cockpit.cli.check:check", "Poll every source once; the severity is the exit code."),
    Entry("actions", "cockpit.cli.actions:actions", "The actions there are, and why some are not available."),
    Entry("plan", "cockpit.cli.plan:plan", "What an action would do now; changes nothing."),
    Entry("act", "cockpit.cli.act:act", "Run an action through the same guards as on the screen."),
    Entry("approve", "cockpit.cli.approve:approve", "Say yes to somebody else's plan, as its second person."),
    Entry("audit", "cockpit.cli.audit:audit", "Show, follow or verify the audit log."),
    Entry("doctor", "cockpit.cli.doctor:doctor", "What each source lacks, and how to grant it."),
    Entry("runbook", "cockpit.cli.runbook:runbook", "How a runbook is understood, and what is wrong with it."),
    Entry("init", "cockpit.cli.init:init", "Draft a profile from the team's Markdown runbook."),
    Entry("systems", "cockpit.cli.systems:systems", "The profiles that come with the cockpit, and copies of them."),
    Entry("schema", "cockpit.cli.schema:schema", "The JSON Schema of a profile."),
)


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    otherwise="open",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, message="%(version)s")
def cockpit() -> None:
    """See what is wrong with a system, and safely do something about it.

    cockpit PROFILE opens the screen on a profile: a .toml file, or its name in the config folder.
    """


def _looks(command: F) -> F:
    """Options of everything that opens the screen."""
    for option in (
        click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal."),
        click.option("--ascii", "ascii_only", is_flag=True, help="No characters beyond ASCII."),
        click.option("--theme", metavar="NAME", help="A colour theme, or a path to a theme file."),
    ):
        command = option(command)
    return command


@click.command("open")
@click.argument("profile", required=False)
@_looks
def open_(profile: str | None, theme: str | None, ascii_only: bool, no_mouse: bool) -> int:
    """Open the cockpit on a system.

    PROFILE is a .toml file, or its name in the config folder. Without it: the only profile there is, or their list.
    """
    from cockpit.cli.choose import choose

    path = choose(profile, [entry.name for entry in COMMANDS])
    return Exit.OK if path is None else _show(path, theme, ascii_only, no_mouse)


@click.command(epilog=EXIT_CODES)
@click.option("--scenario", metavar="NAME", default="bad-revision", show_default=True, help="What goes wrong.")
@click.option("--as", "system", metavar="SYSTEM", help="One of the five systems instead of the shop.")
@click.option(
    "--runbook",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --as: that system's own runbook.",
)
@click.option("--keep", metavar="DIR", type=click.Path(path_type=Path), help="Put its files there, and leave them.")
@click.option("--headless", is_flag=True, help="Poll and print, as check does, instead of opening the screen.")
@click.option("--for", "for_s", type=Seconds(), default="20s", show_default=True, help="Headless: poll that long.")
@click.option("--json", "as_json", is_flag=True, help="Headless: one JSON document instead of text.")
@_looks
def demo(
    scenario: str,
    system: str | None,
    runbook: Path | None,
    keep: Path | None,
    headless: bool,
    for_s: float,
    as_json: bool,
    theme: str | None,
    ascii_only: bool,
    no_mouse: bool,
) -> int:
    """Run a small shop on this machine, with a live incident in it, and open the cockpit on it.

    Everything is real and everything is gone in the end: PostgreSQL, Redis, an HTTP service, its cloud. Scenarios:
    bad-revision, lock-pileup, redis-full, slow-query, stuck-jobs, none. With --as it is one of the systems whose
    profiles come with the cockpit, on a local server of its platform: roadtrip, guesslyfe, storybook, booking, aia.
    """
    from cockpit.cli import demo as play
    from cockpit.profile.shipped import NAMES

    for what, given, known in (("scenario", scenario, play.SCENARIOS), ("system", system, NAMES)):
        if given is not None and given not in known:
            meant = nearest_name(given, known)
            said = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
            raise click.UsageError(f"there is no {what} {given}: {said}")
    if runbook is not None and system is None:
        raise click.UsageError("--runbook goes with --as")
    show = play.Show(scenario, keep, system, runbook.absolute() if runbook else None)
    if headless or as_json:
        return play.headless(show, for_s, as_json)
    backstage = play.Backstage(show)
    try:
        return _show(backstage.prepare, theme, ascii_only, no_mouse)
    finally:
        backstage.close()


def _show(what: Path | Prepare, theme: str | None, ascii_only: bool, no_mouse: bool) -> int:
    """The screen, where the terminal can show one."""
    from screens.terminal.environment import prepare
    from screens.terminal.refuse import refusal

    if reason := refusal():
        click.echo(reason, err=True)
        return Exit.USAGE
    prepare()  # Textual reads its settings while it is imported
    from screens.app import run as run_screen

    return run_screen(what, theme=theme, ascii=ascii_only or None, mouse=not no_mouse)


def main() -> None:
    """Entry point of the `cockpit` command."""
    sys.exit(run(cockpit, sys.argv[1:]))
