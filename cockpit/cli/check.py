"""`cockpit check`: one look at every source, as lines or JSON, with the severity as exit code."""

from __future__ import annotations

import click

from cockpit.cli import observe
from cockpit.cli.exits import EXIT_CODES, Exit, on_loop
from cockpit.cli.options import Given, Seconds, with_json, with_profile
from cockpit.cli.output import Style, say, say_json


@click.command(epilog=EXIT_CODES)
@with_profile
@with_json
@click.option("--config-only", is_flag=True, help="Only read the profile; connect to nothing.")
@click.option("--for", "for_s", type=Seconds(), help="Keep polling that long before telling, e.g. 20s.")
def check(given: Given, as_json: bool, config_only: bool, for_s: float | None) -> int:
    """Poll every source once and say how the system is.

    One line a source, then the findings. The exit code is the worst of them: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    if config_only:
        return _config_only(given, as_json)
    what = on_loop(look(given, for_s))
    if as_json:
        say_json(observe.as_json(what))
    else:
        for line in observe.lines(what, Style.of(), given.argument):
            say(line)
    return what.exit


def _config_only(given: Given, as_json: bool) -> int:
    declared = observe.summary_json(given.profile)
    if as_json:
        say_json({"path": str(given.path), **declared})
    else:
        counts = ", ".join(f"{len(found)} {kind}" for kind, found in declared["declared"].items() if found)
        say(f"{given.path}: a valid profile of {declared['system']} {declared['environment']} with {counts}")
    return Exit.OK


async def look(given: Given, for_s: float | None = None) -> observe.Seen:
    """Poll until every source was read once or has failed, or for `for_s` seconds."""
    from cockpit.cli.asking import tell_unresolved
    from cockpit.engine.engine import Engine

    async with Engine(given.profile) as engine:
        await tell_unresolved(engine)
        observe.wake(engine)
        if for_s is None:
            await observe.first_look(engine)
        else:
            await engine.clock.sleep(for_s)
        return observe.seen(engine)
