"""The catalogue: every declared action on every source of this profile, available or with the reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cockpit.actions.handler import ActionHandler
from cockpit.errors import Refused
from cockpit.model.action import ActionSpec
from cockpit.model.severity import SourceKind


@dataclass(frozen=True, slots=True)
class Offer:
    """One action on one source. `reason` is empty where `available`."""

    spec: ActionSpec
    source: str
    available: bool
    reason: str


class Catalogue:
    """Handlers by action and source. A spec without any source still shows, with its reason."""

    def __init__(self, specs: Iterable[ActionSpec], handlers: Iterable[ActionHandler]) -> None:
        self.specs = tuple(specs)
        self._handlers = {(handler.spec.id, handler.source): handler for handler in handlers}

    def offers(self, source: str | None = None) -> tuple[Offer, ...]:
        """All offers, or those on one source, in the order of the specs."""
        found: list[Offer] = []
        for spec in self.specs:
            handlers = [handler for (action, _), handler in self._handlers.items() if action == spec.id]
            if not handlers and source is None:
                found.append(Offer(spec, "", False, f"this profile has no {spec.pane.value} source that can do it"))
            for handler in handlers:
                if source is None or handler.source == source:
                    reason = handler.unavailable()
                    # A handler's own spec may carry another tier than the general one.
                    found.append(Offer(handler.spec, handler.source, not reason, reason))
        return tuple(found)

    def handler(self, action: str, source: str) -> ActionHandler:
        """Raises Refused for what is not in the catalogue."""
        try:
            return self._handlers[action, source]
        except KeyError:
            known = sorted({name for name, _ in self._handlers})
            raise Refused(
                "catalogue",
                f"there is no action {action} on {source or 'any source'}",
                hint=f"Known here: {', '.join(known) or 'none'}",
            ) from None

    def sources_for(self, action: str) -> tuple[str, ...]:
        """Ids of the sources that have the action."""
        return tuple(source for name, source in self._handlers if name == action)

    def spec(self, action: str) -> ActionSpec | None:
        """By id."""
        return next((spec for spec in self.specs if spec.id == action), None)

    def by_key(self, key: str, pane: SourceKind) -> ActionSpec | None:
        """What an upper-case letter means in a pane."""
        return next((spec for spec in self.specs if spec.key == key and spec.pane is pane), None)
