"""Repositories of a profile: what was deployed from them, and what may be done about it."""

from __future__ import annotations

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.delivery import DeliveryStatus
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Profile

POLL_S = 4.0  # times the deadline of one request: a poll makes some twenty, one after the other


def github_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {"cockpit.adapters.github.delivery": bool(profile.github)}


def compose_github(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add sources, actions and looks. Opens no connection."""
    if not profile.github:
        return
    from cockpit.actions.github import work
    from cockpit.actions.github.ground import GithubGround
    from cockpit.adapters.github.client import GithubApi
    from cockpit.adapters.github.delivery import DeliveryProbe
    from cockpit.adapters.github.desk import GithubDesk
    from cockpit.looks import github as looks

    for table in profile.github:
        api = GithubApi(table, clock)
        name, desk = f"github/{table.name}", GithubDesk(api)
        probe = DeliveryProbe(api, table, clock)
        parts.add(SourceKind.GITHUB, table.name, probe, table.interval, POLL_S * table.timeout)
        parts.lookers.extend(looks.lookers(name, state_of, clock, desk))

        def reading(source: str = name) -> DeliveryStatus | None:
            state = state_of(source)
            payload = state.reading.payload if state is not None and state.reading is not None else None
            return payload if isinstance(payload, DeliveryStatus) else None

        ground = GithubGround(name, table, desk, scene, profile.limits, clock, reading)
        parts.handlers.extend(work.handlers(ground))
