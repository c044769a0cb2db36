"""`cockpit plan`: the plan card of an action as text. It changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cockpit.cli.exits import EXIT_CODES, Exit, on_loop
from cockpit.cli.observe import command_line
from cockpit.cli.options import Given, with_action, with_json, with_profile
from cockpit.cli.output import Style, say, say_json
from cockpit.cli.planview import confirmation_options, plan_lines, planned_json

if TYPE_CHECKING:
    from cockpit.actions.record import Planned


@click.command(epilog=EXIT_CODES)
@with_profile
@with_action
@with_json
def plan(given: Given, action: str, source: str | None, pairs: tuple[tuple[str, str], ...], as_json: bool) -> int:
    """Show what an action would do now: target, changes, who is hit, the literal operation, undo.

    Nothing is changed. Exit code 4: the plan carries refusals, the action would not run.
    """
    planned = on_loop(_planned(given, action, source, pairs))
    if as_json:
        scene = {"system": given.profile.system, "environment": given.profile.environment}
        say_json({**scene, "plan": planned_json(planned)})
    else:
        style = Style.of()
        for line in plan_lines(planned, f"{given.profile.system} {given.profile.environment}", style):
            say(line)
        if not planned.refusals:
            command = command_line("act", given.argument, planned.plan.request)
            say(f"\nTo run it: {command} {confirmation_options(planned.requirement)}")
    return Exit.REFUSED if planned.refusals else Exit.OK


async def _planned(given: Given, action: str, source: str | None, pairs: Sequence[tuple[str, str]]) -> Planned:
    from cockpit.cli.asking import request_for
    from cockpit.engine.engine import Engine

    async with Engine(given.profile) as engine:
        request = await request_for(engine, action, source, pairs)
        return await engine.executor.plan(request)
