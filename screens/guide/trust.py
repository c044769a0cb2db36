"""The question whether a runbook may run anything: its files, its digest, what changed since it was accepted."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from cockpit.clock import Clock
from cockpit.model.runbook import Fault, Level, Runbook
from cockpit.runbooks.trust import Changed, TrustState
from screens.dialogs import rows
from screens.dialogs.base import Flow
from screens.dialogs.plan_text import environment_chip
from screens.dialogs.yes_no import YesNo

_FILES = 8
_PLAIN = {"+": rows.GOOD, "-": "$error", "@": "$accent"}


class TrustDialog(YesNo):
    """True when the operator accepts exactly this text; closed otherwise, the runbook is only read."""

    BINDINGS = [Binding("q,n", "leave", "no", show=False)]  # noqa: RUF012  # as Screen types it

    def __init__(
        self,
        runbook: Runbook,
        trust: TrustState,
        faults: tuple[Fault, ...],
        place: tuple[str, str],
        clock: Clock,
    ) -> None:
        super().__init__(clock, "-care")
        self._runbook = runbook
        self._trust = trust
        self._faults = faults
        self._system, self._environment = place

    def title_line(self) -> Content:
        """Accept this runbook?"""
        return Content.assemble(" ", ("Accept this runbook?", rows.STRONG), " ")

    def compose_head(self) -> ComposeResult:
        """Where, and which text."""
        yield Flow(self._head)

    def compose_body(self) -> ComposeResult:
        """What acceptance means, and what changed."""
        yield Flow(self._lines)

    def compose_foot(self) -> ComposeResult:
        """The keys."""
        yield Static(
            rows.keys(("y", "accept exactly this text"), ("esc", "no: read it only"), ("↑↓", "scroll")), markup=False
        )

    def _head(self, width: int) -> list[Content]:
        found = [Content.assemble(environment_chip(self._environment), "  ", (self._system, rows.STRONG))]
        names = list(self._runbook.files[:_FILES])
        if len(self._runbook.files) > _FILES:
            names.append(f"and {len(self._runbook.files) - _FILES} more files")
        found += rows.labelled("files", names, width, style=rows.STRONG)
        found += rows.labelled("digest", [self._trust.digest], width)
        return found

    def _lines(self, width: int) -> list[Content]:
        runbook = self._runbook
        says = f"{len(runbook.playbooks)} playbooks, {len(runbook.commands)} commands"
        lines = rows.labelled("has", [says], width)
        worst = [
            f"{count} {level.value}{'s' if count > 1 else ''}"
            for level in Level
            if (count := sum(1 for fault in self._faults if fault.level is level))
        ]
        if worst:
            lines += rows.labelled("lint", [", ".join(worst)], width, style=rows.CARE)
        lines.append(Content(""))
        lines += rows.paragraph(
            "Whoever writes this file writes commands that you may run. Accepting lets its steps ask and act through "
            "the cockpit, each action still with its plan, its guards and your confirmation. Until then, and after "
            "every change of the file, it is text.",
            width,
            rows.MUTED,
        )
        if isinstance(self._trust, Changed):
            lines.append(Content(""))
            said = f"changed since {self._trust.who} accepted it at {self._trust.at:%Y-%m-%d %H:%M} UTC:"
            lines += rows.paragraph(said, width, rows.CARE, "▲")
            lines += _diff(self._trust, width)
        return lines


def _diff(changed: Changed, width: int) -> list[Content]:
    lines: list[Content] = []
    for line in changed.diff:
        lines += [rows.styled(part, _PLAIN.get(line[:1], rows.MUTED)) for part in rows.wrap(line, width)]
    if changed.cut:
        lines.append(rows.styled("… the difference goes on: read the file", rows.CARE))
    return lines
