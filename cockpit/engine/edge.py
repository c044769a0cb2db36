"""The parts of a profile at the edge of Google Cloud: Cloud Armor policies, and who was there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.revisions import ServiceStatus
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Profile


def compose_armor(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add the policies, their actions and looks."""
    if not profile.armor:
        return
    from cockpit.actions import armor
    from cockpit.actions.google import GoogleGround
    from cockpit.adapters.gcp.armor import ArmorPolicy
    from cockpit.looks import armor as looks

    own = own_addresses(os.environ)
    for source in profile.armor:
        adapter = ArmorPolicy(source, clock)
        parts.add(SourceKind.ARMOR, source.name, adapter, source.interval, source.timeout)
        name = f"armor/{source.name}"
        ground = GoogleGround(name, source.project, scene, profile.limits, clock, adapter)
        bounds = armor.Bounds(source.widest_v4, source.widest_v6, tuple(source.never), own)
        services = tuple(f"revisions/{run.name}" for run in profile.cloud_run if run.project == source.project)
        doors = partial(open_doors, services, state_of)
        parts.handlers.extend(armor.handlers(ground, adapter, bounds, source.expire, doors))
        parts.lookers.extend(looks.lookers(name, adapter, state_of, clock))


def compose_access(parts: Parts, profile: Profile, clock: Clock, state_of: StateOf) -> None:
    """Add the audit logs and their looks."""
    if not profile.access:
        return
    from cockpit.adapters.gcp.access import AccessTrail
    from cockpit.looks import access as looks

    for source in profile.access:
        adapter = AccessTrail(source, clock)
        parts.add(SourceKind.ACCESS, source.name, adapter, source.interval, source.timeout)
        parts.lookers.extend(looks.lookers(f"access/{source.name}", state_of))


def own_addresses(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where the operator's SSH connection comes from: the first word of SSH_CONNECTION and SSH_CLIENT."""
    said = (environ.get(name, "").split() for name in ("SSH_CONNECTION", "SSH_CLIENT"))
    return tuple(dict.fromkeys(words[0] for words in said if words))


def open_doors(services: Sequence[str], state_of: StateOf) -> tuple[str, ...]:
    """Cloud Run services that take requests at their own URL, as far as their last readings say so."""
    found = []
    for source in services:
        state = state_of(source)
        payload = state.reading.payload if state is not None and state.reading is not None else None
        if isinstance(payload, ServiceStatus) and payload.ingress == "all":
            found.append(f"{payload.service} at {payload.uri}" if payload.uri else payload.service)
    return tuple(found)
