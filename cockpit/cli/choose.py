"""Which profile `cockpit` opens when the operator names it, or names none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cockpit.cli.output import say, table
from cockpit.profile.find import config_folder, find, known


def choose(typed: str | None, commands: Iterable[str]) -> Path | None:
    """The profile to open, or None after telling what to do next. Raises Misconfigured for a name nobody knows."""
    if typed is not None:
        return find(typed, commands)
    profiles = known()
    if len(profiles) == 1:
        return profiles[0].path
    if not profiles:
        say("There is no profile yet. See a live incident first: cockpit demo")
        say(f"Then describe your own system in {config_folder() / 'NAME.toml'}; `cockpit schema` says what goes in,")
        say("`cockpit doctor NAME` what it lacks, and `cockpit NAME` opens it.")
        return None
    say("Open one of these with cockpit NAME:")
    rows = [
        (f"  {entry.name}", f"{entry.system} {entry.environment}".strip() or "(has problems)") for entry in profiles
    ]
    for line in table(rows):
        say(line)
    return None
