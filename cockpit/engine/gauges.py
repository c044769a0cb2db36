"""The metrics of a profile: boards of panels, and what may be asked of them."""

from __future__ import annotations

from cockpit.clock import Clock
from cockpit.engine.part import Parts
from cockpit.looks.bound import StateOf
from cockpit.model.severity import SourceKind
from cockpit.profile.schema import Profile


def compose_metrics(parts: Parts, profile: Profile, clock: Clock, state_of: StateOf) -> None:
    """Add boards and looks. A board sleeps until it is looked at, unless a panel of the team has a bound."""
    if not profile.metrics:
        return
    from cockpit.adapters.gcp.metricqueries import guarded, queries_of
    from cockpit.adapters.gcp.monitoring import MetricsBoard
    from cockpit.looks import metrics as looks

    for source in profile.metrics:
        board = MetricsBoard(source, queries_of(profile, source), clock)
        parts.add(SourceKind.METRICS, source.name, board, source.interval, source.timeout, asleep=not guarded(source))
        parts.lookers.extend(looks.lookers(f"metrics/{source.name}", board, state_of, clock))
