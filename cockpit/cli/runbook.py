"""`cockpit runbook`: what can be asked about a runbook without running anything in it."""

from __future__ import annotations

import click

from cockpit.cli.exits import EXIT_CODES
from cockpit.cli.lazy import Entry, LazyGroup

COMMANDS = (
    Entry("coverage", "cockpit.cli.runbook_coverage:coverage", "What the cockpit makes of each command."),
    Entry("explain", "cockpit.cli.runbook_explain:explain", "How the command at FILE:LINE was understood."),
    Entry("lint", "cockpit.cli.runbook_lint:lint", "Commands that fail, mislead, lose data or hit the wrong target."),
)


@click.group(cls=LazyGroup, entries=COMMANDS, epilog=EXIT_CODES)
def runbook() -> None:
    """Read a Markdown runbook: what is in it, how it was understood, what is wrong with it. Runs nothing."""
