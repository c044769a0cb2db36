"""Status bar: the mode, how old each source is, the time in UTC."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity
from screens import figures
from screens.frame.situation import Situation, mode_chips
from screens.frame.strip import Bar, Bars, spans_length
from screens.paint import GLYPH, SEVERITY_STYLE, Span
from screens.panes.base import ceil

ROOM_FOR_ADVICE = 150  # cells; the right part of the bar keeps its width, and the mode must stay in sight


def _source(state: SourceState, brief: bool, alone: bool) -> tuple[Span, ...]:
    """`alone`: no other source has its title; else its kind tells which is meant."""
    name = state.title if alone else f"{state.kind.value} {state.title}"
    severity = state.severity if state.freshness is not Freshness.WAITING else Severity.UNKNOWN
    if state.freshness is Freshness.FRESH:
        # What a source says is the panes' business; here it is only whether it speaks.
        return (("● ", "success"), (f"{name} ", ""), (f"{ceil(state.age_s)}", "muted"))
    glyph = (f"{GLYPH[severity]} ", SEVERITY_STYLE[severity])
    if state.asleep:
        return (("· ", "muted"), (f"{state.kind.value} {state.title} ", "muted"), ("not asked yet", "muted"))
    if state.freshness is Freshness.WAITING:
        waited = figures.age(state.polling_since_s or 0.0)
        return (("? ", "muted"), (f"{name} ", ""), (f"waiting {waited}", "muted"))
    word = state.freshness.value if not brief or state.age_s is None else "old"
    since = f" {figures.age(state.age_s)}" if state.age_s is not None else ""
    return (glyph, (f"{name} ", "bold"), (f"{word}{since}", "warning"))


def _login(now: Situation, width: int) -> tuple[Span, ...]:
    """What must be acted on; credentials that renew by themselves only where there is room."""
    if now.login is None:
        return ()
    severity, said = now.login
    if severity is Severity.OK:
        return ((said, "muted"), ("   ", "")) if width >= ROOM_FOR_ADVICE else ()
    said = said if width >= ROOM_FOR_ADVICE else said.partition(",")[0]  # doctor gives the advice, too
    return ((f"{GLYPH[severity]} {said}", SEVERITY_STYLE[severity]), ("   ", ""))


class Status(Bars):
    """One line above the footer."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self.situation = Situation(0.0)

    def show(self, situation: Situation) -> None:
        """Show this."""
        self.situation = situation
        self.update()

    def bars(self, width: int, height: int) -> Sequence[Bar]:
        """Sources that are well are left out where there is no room for all."""
        now = self.situation
        right = (*_login(now, width), (figures.clock(now.now) + " UTC", "bold"))
        left: list[Span] = [*mode_chips(now), ("  ", "")]
        place: list[Span] = []
        if now.environment:
            place = [(now.environment, "bold"), (f"/{now.system}", "muted"), ("   ", "")]
        room = width - 4 - spans_length(left) - spans_length(right)
        everything = self._sources(now.states, now.states, brief=False)
        for before in (place, []):  # the banner says it too
            if spans_length(before) + spans_length(everything) <= room:
                return [Bar((*left, *before, *everything), right)]
        left += place
        silent = [state for state in now.states if state.freshness is not Freshness.FRESH and not state.asleep]
        fresh = sum(state.freshness is Freshness.FRESH for state in now.states)
        well: list[Span] = [("● ", "success"), (f"{fresh} fresh   ", "muted")] if fresh else []
        return [Bar((*left, *well, *self._sources(tuple(silent), now.states, brief=True)), right)]

    @staticmethod
    def _sources(states: tuple[SourceState, ...], known: tuple[SourceState, ...], brief: bool) -> list[Span]:
        parts: list[Span] = []
        titles = [state.title for state in known]
        for state in states:
            parts += [*_source(state, brief, titles.count(state.title) == 1), ("   ", "")]
        return parts
