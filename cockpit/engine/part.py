"""What a profile amounts to: sources ready to be polled, actions, looks, log rings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cockpit.actions.handler import ActionHandler
from cockpit.looks.looker import Looker
from cockpit.model.severity import SourceKind

if TYPE_CHECKING:
    from cockpit.actions.script import Shelf
    from cockpit.adapters.capabilities import Closing, Probing
    from cockpit.polling.logring import LogRing


@dataclass(frozen=True, slots=True)
class Part:
    """One source, ready to be polled."""

    source: str
    kind: SourceKind
    title: str
    probe: Probing
    interval_s: float
    timeout_s: float
    adapter: Closing  # what doctor asks; for logs the tail behind the follower
    asleep: bool = False  # polled only once somebody asks for it


@dataclass(slots=True)
class Parts:
    """Everything that a profile amounts to."""

    parts: list[Part] = field(default_factory=list)
    handlers: list[ActionHandler] = field(default_factory=list)
    rings: dict[str, LogRing] = field(default_factory=dict)
    closing: list[Closing] = field(default_factory=list)
    lookers: list[Looker] = field(default_factory=list)
    names: dict[str, dict[str, str]] = field(default_factory=dict)  # source id -> where it is, see engine.names
    shelf: Shelf | None = None  # what may run of the profile's runbook, None without one

    def add(
        self,
        kind: SourceKind,
        title: str,
        probe: Probing,
        interval_s: float,
        timeout_s: float,
        adapter: Closing | None = None,
        *,
        asleep: bool = False,
    ) -> None:
        """One more source; `adapter` where something else than the probe holds the connections."""
        held = probe if adapter is None else adapter
        self.parts.append(Part(f"{kind.value}/{title}", kind, title, probe, interval_s, timeout_s, held, asleep))
        self.closing.append(held)
