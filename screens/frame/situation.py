"""The state of the whole cockpit at one moment, as the frame around the panes shows it."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.model.finding import Finding
from cockpit.model.logs import LogBucket
from cockpit.model.reading import Marker, SourceState
from cockpit.model.severity import Severity
from screens import figures
from screens.paint import Span


@dataclass(frozen=True, slots=True)
class Situation:
    """Times are seconds since the epoch."""

    now: float
    system: str = ""
    environment: str = ""
    loading: str = ""  # what is waited for before the sources are known
    severity: Severity = Severity.UNKNOWN
    states: tuple[SourceState, ...] = ()
    findings: tuple[Finding, ...] = ()
    chain: tuple[Finding, ...] = ()
    markers: tuple[Marker, ...] = ()
    buckets: tuple[LogBucket, ...] = ()
    logged: bool = False  # there is a log to count errors in
    armed_s: float | None = None  # until it drops by itself; None in OBSERVE
    read_only: bool = False
    paused_since: float | None = None
    running: int = 0  # actions in flight
    undo: str = ""  # what the undo key would take back
    logged_until: float | None = None  # no log has answered since; None while one does
    login: tuple[Severity, str] | None = None  # how long the credentials last; OK while they renew by themselves


def environment_chip(environment: str) -> Span:
    """The environment on every screen: red where it is production by name."""
    production = environment.lower().startswith(("prod", "live"))
    return (f" {environment.upper()} ", f"background on {'error' if production else 'warning'} bold")


def mode_chips(situation: Situation) -> tuple[Span, ...]:
    """OBSERVE or ARMED with its countdown; PAUSED beside it."""
    chips: list[Span] = []
    if situation.paused_since is not None:
        chips += [(" PAUSED ", "background on warning bold"), (" ", "")]
    if situation.armed_s is not None:
        chips.append((f" ARMED {figures.countdown(situation.armed_s)} ", "background on error bold"))
    elif situation.read_only:
        chips.append((" READ-ONLY ", "background on success bold"))
    else:
        chips.append((" OBSERVE ", "background on success bold"))
    return tuple(chips)
