"""The Prometheus servers of a profile: boards of panels by their queries, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Profile

if TYPE_CHECKING:
    from cockpit.adapters.kube.kube import Kube


def prometheus_modules(profile: Profile) -> dict[str, bool]:
    """Adapter module -> whether this profile needs it."""
    return {
        "cockpit.adapters.prometheus.board": bool(profile.prometheus),
        "cockpit.adapters.kube.forward": any(source.forward for source in profile.prometheus),
    }


def compose_prometheus(
    parts: Parts, profile: Profile, clock: Clock, state_of: StateOf, kubes: Mapping[str, Kube]
) -> None:
    """Add boards and looks. A board sleeps until it is looked at, unless a panel has a bound; a port-forward is
    opened with the first question, and closed with its board.
    """
    if not profile.prometheus:
        return
    from cockpit.adapters.prometheus.board import PrometheusBoard, guarded
    from cockpit.looks import prometheus as looks

    for source in profile.prometheus:
        way = None
        if source.forward and source.cluster:
            from cockpit.adapters.kube.forward import Forward

            way = Forward(kubes[source.cluster], source.forward, source.namespace)
        board = PrometheusBoard(source, clock, way)
        asleep = not guarded(source)
        parts.add(SourceKind.PROMETHEUS, source.name, board, source.interval, source.timeout, asleep=asleep)
        parts.lookers.extend(looks.lookers(f"prometheus/{source.name}", board, state_of, clock))
