"""From an action on the command line to its plan: which source is meant, and a fresh reading of it first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.cli.exits import note
from cockpit.cli.observe import first_look
from cockpit.errors import Misconfigured
from cockpit.model.action import ActionRequest
from cockpit.profile.problems import nearest_name
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.actions.catalogue import Catalogue
    from cockpit.actions.record import Unresolved
    from cockpit.engine.engine import Engine


async def request_for(
    engine: Engine, action: str, source: str | None, pairs: Sequence[tuple[str, str]]
) -> ActionRequest:
    """The request, once its source was read. Raises Misconfigured with what there is to choose from."""
    place = _source(engine.catalogue, action, source)
    await tell_unresolved(engine)
    await first_look(engine, [place])
    return ActionRequest(action, place, dict(pairs))


async def tell_unresolved(engine: Engine) -> None:
    """What an earlier cockpit began and never recorded the end of: it may have happened."""
    for left in await engine.executor.unresolved():
        tell_open(left)


def tell_open(left: Unresolved) -> None:
    """One of those, on standard error."""
    note(
        f"UNKNOWN: {left.who} began at {left.at[:19]} UTC: {left.title}, {left.target}. Its outcome was never "
        f"recorded: look whether it happened (cockpit audit show --run {left.run})"
        + (f". {left.process[:1].upper()}{left.process[1:]}" if left.process else "")
    )


def _source(catalogue: Catalogue, action: str, source: str | None) -> str:
    places = catalogue.sources_for(action)
    if not places:
        declared = {spec.id: spec for spec in catalogue.specs}
        if spec := declared.get(action):
            raise Misconfigured(f"{action} needs a {spec.pane.value} source that can do it; this profile has none")
        meant = nearest_name(action, declared)
        hint = f"Did you mean {meant}?" if meant else f"Actions: {', '.join(declared)}"
        raise Misconfigured(f"there is no action {clean(action, 60)}", hint=hint)
    if source is None:
        if len(places) > 1:
            raise Misconfigured(f"{action} can act on several sources", hint=f"Add --source, of: {', '.join(places)}")
        return places[0]
    # The name alone will do where the kind is plain.
    matching = [place for place in places if source in (place, place.partition("/")[2])]
    if not matching:
        by_name = {place.partition("/")[2]: place for place in places} | {place: place for place in places}
        meant = nearest_name(source, by_name)
        hint = f"Did you mean {by_name[meant]}?" if meant else f"It can act on: {', '.join(places)}"
        raise Misconfigured(f"{action} cannot act on {clean(source, 80)}", hint=hint)
    return matching[0]
