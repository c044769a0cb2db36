"""The book of looks: every look on every source of this profile, asked within a deadline of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from cockpit.errors import NotFound, Refused, TimedOut
from cockpit.looks.looker import Looker
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.text import clean

DEADLINE_S = 15.0  # adapters have shorter ones; this one holds whatever they do
LINES = 200


class LookBook:
    """Lookers by look and source. A spec without any source still stands in `specs`."""

    def __init__(self, specs: Iterable[LookSpec], lookers: Iterable[Looker]) -> None:
        self.specs = tuple(specs)
        self._lookers = {(looker.spec.id, looker.source): looker for looker in lookers}

    def spec(self, look: str) -> LookSpec | None:
        """By id."""
        return next((spec for spec in self.specs if spec.id == look), None)

    def sources_for(self, look: str) -> tuple[str, ...]:
        """Ids of the sources that have the look, in the profile's order."""
        return tuple(source for name, source in self._lookers if name == look)

    def looker(self, look: str, source: str) -> Looker:
        """Raises NotFound for what is not in the book."""
        try:
            return self._lookers[look, source]
        except KeyError:
            known = ", ".join(self.sources_for(look)) or "none"
            raise NotFound(
                f"there is no look {clean(look, 80)} on {clean(source, 80) or 'any source'}",
                hint=f"Sources that have it: {known}",
            ) from None

    async def look(self, request: LookRequest) -> Sight:
        """Ask once, within 15 s. Raises CockpitError: Refused for parameters that it does not have or lacks."""
        looker = self.looker(request.look, request.source)
        if reason := looker.unavailable():
            raise Refused("catalogue", reason)
        _check(looker.spec, request)
        try:
            async with asyncio.timeout(DEADLINE_S):
                sight = await looker.look(request)
        except TimeoutError:
            raise TimedOut(
                f"{request.look} on {request.source} gave no answer within {DEADLINE_S:g} s", hint="ask again"
            ) from None
        if len(sight.lines) <= LINES:
            return sight
        return Sight(sight.severity, sight.summary, sight.at, sight.lines[:LINES], cut=True)


def _check(spec: LookSpec, request: LookRequest) -> None:
    known = {param.name: param for param in spec.params}
    problems = [f"{spec.id} has no parameter {clean(name, 60)}" for name in request.params if name not in known]
    problems += [
        f"{param.name} is needed: {param.help}"
        for param in spec.params
        if param.required and not (request.get(param.name) or param.default)
    ]
    if problems:
        names = ", ".join(known) or "none"
        raise Refused("parameters", "; ".join(problems), hint=f"Parameters of {spec.id}: {names}")
