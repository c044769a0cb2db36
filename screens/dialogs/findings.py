"""The findings with their evidence; enter opens the plan of what would help, or the playbook named for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cockpit.model.finding import Finding
from screens.dialogs import rows
from screens.dialogs.base import Dialog
from screens.dialogs.outcome import SEVERITY


class FindingsScreen(Dialog[Finding | None]):
    """Dismisses with the finding whose suggestion is to be planned, or whose playbook is to be opened.

    `playbooks` are the titles of those that the profile names, by the heading in a finding.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("q", "leave", "close", show=False),
    ]

    def __init__(self, findings: Sequence[Finding], playbooks: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.findings = tuple(findings)
        self._playbooks = playbooks or {}

    def title_line(self) -> Content:
        """Findings."""
        return Content.assemble(" ", ("Findings", rows.STRONG), (", the cause first ", rows.MUTED))

    def compose_body(self) -> ComposeResult:
        """One option a finding."""
        if self.findings:
            yield OptionList(
                *(Option(_entry(finding, self._leads(finding))) for finding in self.findings), markup=False
            )
        else:
            yield Static(rows.styled("Nothing is found wrong.", rows.MUTED), markup=False)

    def compose_foot(self) -> ComposeResult:
        """The keys."""
        pairs = (("enter", "plan what would help"), ("↑↓", "choose"), ("esc", "close"))
        yield Static(rows.keys(*pairs), id="keys", markup=False)

    def opened(self) -> None:
        """The first that leads anywhere is highlighted."""
        self.frame.add_class("-calm")
        for listing in self.query(OptionList):
            listing.focus()
            listing.highlighted = next((at for at, found in enumerate(self.findings) if self._leads(found)), 0)

    def _leads(self, finding: Finding) -> str:
        """What enter does on it; "" for nothing."""
        if finding.action is not None:
            return finding.action_title or finding.action.action
        title = self._playbooks.get(finding.playbook, "")
        return f"open the playbook: {title}" if title else ""

    def action_move(self, step: int) -> None:
        """Up and down."""
        for listing in self.query(OptionList):
            if step > 0:
                listing.action_cursor_down()
            else:
                listing.action_cursor_up()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        finding = self.findings[event.option_index]
        if not self._leads(finding):
            note = rows.styled("Nothing in the catalogue would help here: look at the evidence.", rows.CARE)
            self.query_one("#keys", Static).update(note)
        else:
            self.finish(finding)


def _entry(finding: Finding, leads: str) -> Content:
    glyph, style = SEVERITY[finding.severity]
    parts: list[Content] = [Content.assemble((f"{glyph} ", style), (finding.text, rows.STRONG))]
    parts += [Content.assemble("  ", (line, rows.MUTED)) for line in finding.evidence]
    if leads:
        parts.append(Content.assemble(("  enter ", rows.KEY), leads))
    return rows.joined(parts)
