"""`cockpit approve`: a second person's yes to one exact plan."""

from __future__ import annotations

from pathlib import Path

import click

from cockpit.cli.exits import EXIT_CODES, Exit
from cockpit.cli.options import Given, with_json, with_profile
from cockpit.cli.output import say, say_json


@click.command(epilog=EXIT_CODES)
@with_profile
@click.argument("digest", metavar="DIGEST")
@with_json
def approve(given: Given, digest: str, as_json: bool) -> int:
    """Approve the plan with that digest, as the account that runs this command. It holds for 15 minutes.

    Whoever planned the action cannot approve it: the file's owner tells one account from the other.
    """
    from cockpit.audit.approvals import VALID_S, Approvals

    folder = given.profile.limits.approvals
    path = Approvals(Path(folder) if folder else None).give(digest)
    if as_json:
        say_json({"digest": digest, "path": str(path), "valid_s": VALID_S})
    else:
        say(f"Approved {digest} for {VALID_S / 60:.0f} minutes: {path}")
    return Exit.OK
