"""What came of an action: sentences for its record, and the card of the effect watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import Static

from cockpit.actions.executor import Executor
from cockpit.actions.record import Record
from cockpit.model.action import Effect, Outcome, Score, Verdict
from cockpit.model.severity import Severity
from screens.dialogs import rows
from screens.dialogs.notice import Line

WORD = {
    Outcome.SUCCEEDED: ("done", "●", rows.GOOD),
    Outcome.FAILED: ("FAILED", "✖", rows.BAD),
    Outcome.REFUSED: ("refused, nothing was done", "▲", rows.CARE),
    Outcome.UNKNOWN: ("UNKNOWN: it may have happened, check", "?", rows.BAD),
}
VERDICT = {
    Verdict.RECOVERED: ("recovered", "●", rows.GOOD),
    Verdict.NO_CHANGE: ("no change", "▲", rows.CARE),
    Verdict.WORSE: ("worse", "✖", rows.BAD),
    Verdict.UNKNOWN: ("cannot be told", "?", rows.CARE),
}
WELL = ("nothing was wrong, nothing is", "●", rows.GOOD)
SEVERITY = {
    Severity.OK: ("●", rows.GOOD),
    Severity.WARN: ("▲", rows.CARE),
    Severity.CRIT: ("✖", rows.BAD),
    Severity.UNKNOWN: ("?", rows.CARE),
}


def outcome_title(record: Record) -> str:
    """ "Terminate session: FAILED"."""
    return f"{record.plan.title}: {WORD[record.outcome][0]}"


def outcome_lines(record: Record) -> list[Line]:
    """Summary, details, verification, refusals with hints, undo, and whether it is in the audit log."""
    lines: list[Line] = [(f"on {record.plan.target}", rows.MUTED)]
    if not record.refusals:
        lines.append((record.summary, WORD[record.outcome][2]))
    for refusal in record.refusals:
        lines.append((f"{refusal.step}: {refusal.reason}", rows.CARE))
        if refusal.hint:
            lines.append((refusal.hint, ""))
    lines += [(detail, "") for detail in record.details]
    if record.verification is not None:
        lines.append(_verification(record))
    if record.outcome is Outcome.UNKNOWN:
        lines.append(("No answer came, so look before you repeat it. By hand it would be:", ""))
        lines += [(command, "$accent") for command in record.plan.equivalent]
    if record.undo is not None and record.undo.request is not None:
        lines.append((f"u takes it back: {record.undo.text}", ""))
    if not record.audited and record.outcome is Outcome.REFUSED:
        lines.append(("The audit log could not be written: nothing more will run until it can.", rows.BAD))
    elif not record.audited:
        lines.append(("The audit log could not be written: note down by hand what was done.", rows.BAD))
    return lines


def _verification(record: Record) -> Line:
    found = record.verification
    assert found is not None  # noqa: S101  # the caller looked
    lead, style = {True: ("verified", rows.GOOD), False: ("NOT so", rows.BAD), None: ("not seen", rows.CARE)}[
        found.holds
    ]
    return (f"{lead}: {found.text}", style)


def score_lines(scores: Sequence[Score], width: int) -> list[Content]:
    """One line a symptom: name, before → after, each with its glyph; the worst first."""
    ordered = sorted(scores, key=lambda score: -max(score.before_severity, score.after_severity))
    name_width = min(24, max((len(score.name) for score in scores), default=0))
    lines: list[Content] = []
    for score in ordered:
        before, after = SEVERITY[score.before_severity], SEVERITY[score.after_severity]
        room = max(8, (width - name_width - 11) // 2)
        lines.append(
            Content.assemble(
                (rows.cut(score.name, name_width).ljust(name_width), rows.MUTED),
                "  ",
                (f"{before[0]} ", before[1]),
                (rows.cut(score.before, room), rows.MUTED),
                (" → ", rows.MUTED),
                (f"{after[0]} ", after[1]),
                (rows.cut(score.after, room), ""),
            )
        )
    return lines


def _well_throughout(effect: Effect) -> bool:
    """No change, and none was needed: that is no reason to look worried."""
    severities = {severity for score in effect.scores for severity in (score.before_severity, score.after_severity)}
    return effect.verdict is Verdict.NO_CHANGE and severities == {Severity.OK}


def effect_head(record: Record, effect: Effect | None, undo_s: float | None) -> Content:
    """First line of the card: the action, its outcome, the verdict or the time still watched, the way back."""
    word, glyph, style = WORD[record.outcome]
    parts: list[Content | tuple[str, str] | str] = [
        (f"{glyph} ", style),
        (record.plan.title, rows.STRONG),
        (f" {word}", style),
    ]
    if effect is not None and effect.verdict is None:
        parts.append((f"   watching {effect.remaining_s:.0f} s", rows.MUTED))
    elif effect is not None and effect.verdict is not None:
        verdict, mark, tint = WELL if _well_throughout(effect) else VERDICT[effect.verdict]
        parts += ["   ", (f"{mark} {verdict}", tint)]
    if undo_s is not None:
        parts += ["   ", ("u", rows.KEY), (f" undo, {max(1, round(undo_s / 60))} min", rows.MUTED)]
    return Content.assemble(*parts)


class EffectCard(Static):
    """Docked over the panes after an action: what was wrong before, and how it is now. Hidden without an action.

    It is told by the executor and redraws only when a word of it changed.
    """

    DEFAULT_CSS = """
    EffectCard {
        height: auto; max-height: 8; width: 1fr; padding: 0 1;
        background: $panel; border-left: heavy $primary; display: none;
        &.-shown { display: block; }
        &.-recovered { border-left: heavy $success; }
        &.-worse { border-left: heavy $error; }
        &.-care { border-left: heavy $warning; }
    }
    """
    LINES = 6

    def __init__(self, *, id: str | None = "effect") -> None:
        super().__init__(Content(""), id=id, markup=False)
        self._executor: Executor | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._hidden_run = ""
        self._shown_run = ""
        self._said = ""

    def follow(self, executor: Executor) -> None:
        """Show what this executor does from now on."""
        self.unfollow()
        self._executor = executor
        self._unsubscribe = executor.subscribe(self.look)
        self.look()

    def unfollow(self) -> None:
        """Be told nothing any more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def on_unmount(self) -> None:
        """Be told nothing any more."""
        self.unfollow()

    def hide_card(self) -> bool:
        """Put it away until the next action; False when it was not there."""
        if not self.has_class("-shown") or self._executor is None or not self._executor.records:
            return False
        self._hidden_run = self._shown_run
        self.remove_class("-shown")
        return True

    @staticmethod
    def _told(records: Sequence[Record], watched: str) -> Record:
        """The last one; what was refused changed nothing, so it does not cover the action whose effect is watched."""
        last = records[-1]
        if last.outcome is Outcome.REFUSED:
            return next((record for record in records if record.run == watched), last)
        return last

    def look(self) -> None:
        """Show the state of the last action, or of the one that is watched."""
        executor = self._executor
        if executor is None or not executor.records:
            return
        watched = executor.effect
        record = self._told(executor.records, "" if watched is None else watched[0])
        if record.run == self._hidden_run:
            return
        effect = watched[1] if watched is not None and watched[0] == record.run else None
        offer = executor.undo_offer
        own = offer is not None and offer.undo is record.undo  # and not that of another action
        lines = [effect_head(record, effect, offer.remaining_s if offer is not None and own else None)]
        if effect is not None:
            lines += score_lines(effect.scores, max(40, self.app.size.width - 4))[: self.LINES]
        text = rows.joined(lines)
        self._shown_run = record.run
        if text.plain == self._said and self.has_class("-shown"):
            return
        self._said = text.plain
        self.set_class(effect is not None and effect.verdict is Verdict.RECOVERED, "-recovered")
        self.set_class(effect is not None and effect.verdict is Verdict.WORSE, "-worse")
        self.set_class(record.outcome in (Outcome.UNKNOWN, Outcome.FAILED), "-care")
        self.add_class("-shown")
        self.update(text)
