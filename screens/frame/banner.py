"""Banner: where this is, the worst finding, and the likely chain of causes."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.severity import Freshness, Severity
from screens import figures
from screens.dialogs import rows
from screens.frame.situation import Situation, environment_chip, mode_chips
from screens.frame.strip import Bar, Bars
from screens.paint import GLYPH, SEVERITY_STYLE, Span

_GROUNDS = {
    Severity.OK: "",
    Severity.WARN: "on warning-tint",
    Severity.CRIT: "on error-tint",
    Severity.UNKNOWN: "",
}
_WIDE = 100


class Banner(Bars):
    """One or two lines on top of every screen."""

    def __init__(self) -> None:
        super().__init__(id="banner")
        self.situation = Situation(0.0)

    def show(self, situation: Situation) -> None:
        """Show this."""
        self.situation = situation
        self.update()

    def bars(self, width: int, height: int) -> Sequence[Bar]:
        """With one line, chain and finding share it."""
        now = self.situation
        ground = _GROUNDS[now.severity]
        where: list[Span] = []
        if now.environment:
            where = [environment_chip(now.environment), (f" {now.system} ", "bold"), (" ", "")]
        right = mode_chips(now)
        if width < _WIDE and now.armed_s is None and now.paused_since is None:
            right = ()  # the status bar says OBSERVE; here the words need the room
        if height < 2:
            story = self._chain() if len(now.chain) > 1 else self._finding()
            return [Bar((*where, *story), right, ground)]
        if now.undo and width >= _WIDE:
            # What is wrong comes first: the words of an undo take a quarter at most.
            right = (("u ", "primary bold"), (f"{rows.cut(f'undo {now.undo}', width // 4)}   ", "muted"), *right)
        since = self._since()
        lines = [Bar((*where, *self._finding()), right, ground)]
        lines.append(Bar(self._second_line(), since, ground))
        return lines

    def _finding(self) -> tuple[Span, ...]:
        now = self.situation
        if now.loading:
            return ((f"{now.loading} …", "muted"),)
        if now.findings:
            worst = now.findings[0]
            return (
                (f"{GLYPH[worst.severity]} ", SEVERITY_STYLE[worst.severity]),
                (worst.text, "bold"),
            )
        waiting = sum(1 for state in now.states if state.freshness is Freshness.WAITING and not state.asleep)
        if waiting:
            return ((f"waiting for {waiting} of {len(now.states)} sources", "muted"),)
        bad = [state for state in now.states if state.severity is not Severity.OK and not state.asleep]
        if bad:
            first = max(bad, key=lambda state: state.severity)
            glyph = (f"{GLYPH[first.severity]} ", SEVERITY_STYLE[first.severity])
            more = f"  and {len(bad) - 1} more" if len(bad) > 1 else ""
            return (glyph, (f"{first.source}: {first.summary}", "bold"), (more, "muted"))
        return (("● ", "success"), ("nothing found wrong", ""))

    def _chain(self) -> tuple[Span, ...]:
        parts: list[Span] = []
        for link in self.situation.chain:
            if parts:
                parts.append((" ▸ ", "muted"))
            style = "bold" if link.severity is Severity.CRIT else "warning"
            parts.append((link.short or link.text, style if parts else "bold"))
        return tuple(parts)

    def _second_line(self) -> tuple[Span, ...]:
        now = self.situation
        if len(now.chain) > 1:
            return (("likely ", "muted"), *self._chain())
        if now.findings and now.findings[0].action_title:
            return (("would help ", "muted"), (now.findings[0].action_title, "bold"))
        if now.findings and now.findings[0].evidence:
            return (("because ", "muted"), (now.findings[0].evidence[0], ""))
        deployed = [marker for marker in now.markers if marker.glyph == "▲"]
        if deployed:
            last = deployed[-1]
            return (("last deployed ", "muted"), (last.text, ""), (f" {figures.age(now.now - last.at)} ago", "muted"))
        return ()

    def _since(self) -> tuple[Span, ...]:
        now = self.situation
        starts = [finding.since for finding in now.findings if finding.since is not None]
        parts: list[Span] = []
        if now.running:
            parts.append((f"{now.running} action running   ", "warning bold"))
        if now.findings:
            more = len(now.findings)
            parts.append((f"{more} finding{'s' if more != 1 else ''}", "muted"))
        if starts:
            parts.append((f"   since {figures.clock(min(starts))[:5]}", "muted"))
        return tuple(parts)
