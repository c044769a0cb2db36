"""Render in a profile: services and data stores, and their metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.actions.handler import Scene
from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.severity import SourceKind
from cockpit.profile.docker import RenderSource
from cockpit.profile.schema import LogSource, Profile

if TYPE_CHECKING:
    from cockpit.adapters.render.logs import RenderLog


def render_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    wanted = bool(profile.render)
    return {f"cockpit.adapters.render.{name}": wanted for name in ("estate", "board", "changing", "logs")}


def compose_render(parts: Parts, profile: Profile, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    """Add sources, actions and looks. Opens no connection."""
    for table in profile.render:
        _table(parts, table, scene, clock, state_of)


def _table(parts: Parts, table: RenderSource, scene: Scene, clock: Clock, state_of: StateOf) -> None:
    from cockpit.actions.render import rendering
    from cockpit.actions.render.ground import RenderGround
    from cockpit.adapters.render.api import RenderApi
    from cockpit.adapters.render.board import RenderBoard
    from cockpit.adapters.render.changing import RenderChange
    from cockpit.adapters.render.estate import RenderEstate
    from cockpit.looks import render as looks

    api = RenderApi(table, clock)
    estate = RenderEstate(api, table, clock)
    parts.add(SourceKind.RENDER, table.name, estate, table.interval, table.timeout)
    board = RenderBoard(api, table, clock)
    interval = max(table.interval, METRICS_EVERY_S)
    parts.add(SourceKind.RENDERMETRICS, table.name, board, interval, table.timeout)
    source = f"render/{table.name}"
    ground = RenderGround(source, table, RenderChange(estate, clock), scene, clock)
    parts.handlers.extend(rendering.handlers(ground))
    asked = log_of(table, LogSource(name=table.name, type="render", render=table.name), clock)
    parts.closing.append(asked)
    parts.lookers.extend(looks.lookers(source, estate, asked, table.postgres, state_of, clock))
    parts.lookers.extend(looks.metric_lookers(f"rendermetrics/{table.name}", board, state_of, clock))


METRICS_EVERY_S = 30.0  # the finest resolution that Render has


def log_of(table: RenderSource, source: LogSource, clock: Clock) -> RenderLog:
    """What follows the logs of a table, with a connection of its own."""
    from cockpit.adapters.render.api import RenderApi
    from cockpit.adapters.render.estate import RenderEstate
    from cockpit.adapters.render.logs import RenderLog

    api = RenderApi(table, clock)
    return RenderLog(api, RenderEstate(api, table, clock), table, source, clock)
