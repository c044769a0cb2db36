"""What happened, newest first: changes of severity, deployments, own actions with outcome and verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from textual.content import Content

from cockpit.actions.record import Record
from cockpit.model.action import Outcome
from cockpit.model.reading import History, Marker, SourceState
from cockpit.model.severity import Freshness, Severity
from screens.dialogs import rows
from screens.dialogs.help import SearchDialog
from screens.dialogs.outcome import SEVERITY, VERDICT, WORD


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the list. `at` in seconds since the epoch."""

    at: float
    glyph: str
    style: str
    what: str
    text: str


def severity_changes(source: str, history: History) -> list[Happening]:
    """Each moment at which a source's severity became another one."""
    moments: dict[float, Severity] = {}
    for points in history.series.values():
        for point in points:
            moments[point.at] = max(point.severity, moments.get(point.at, Severity.OK))
    found: list[Happening] = []
    before: Severity | None = None
    for at in sorted(moments):
        now = moments[at]
        if before is not None and now is not before:
            glyph, style = SEVERITY[now]
            found.append(Happening(at, glyph, style, source, f"{before.word} → {now.word}"))
        before = now
    return found


def _failure(state: SourceState, now: float) -> list[Happening]:
    if state.failure is None or state.freshness is Freshness.FRESH:
        return []
    text = f"{state.failure.word} {state.failures} times in a row: {state.failure.message}"
    return [Happening(now, "?", rows.CARE, state.source, text)]


def _action(record: Record) -> Happening:
    word, glyph, style = WORD[record.outcome]
    text = f"{record.plan.title}: {word}"
    if record.summary:
        text += f". {record.summary}"
    if record.verification is not None and record.verification.text != record.summary:
        text += f". {record.verification.text}"
    if record.verdict is not None:
        text += f". Afterwards: {VERDICT[record.verdict][0]}"
    return Happening(record.ended.timestamp(), glyph, style, record.plan.request.source, text)


def happenings(
    states: Sequence[SourceState],
    histories: Mapping[str, History],
    markers: Iterable[Marker],
    records: Iterable[Record],
    now: float,
) -> list[Happening]:
    """All of it, newest first. Own actions come from the records, which say more than their markers."""
    found: list[Happening] = []
    for state in states:
        found += severity_changes(state.source, histories.get(state.source, History()))
        found += _failure(state, now)
    words = {"▲": "deploy", "◆": "change"}
    found += [
        Happening(mark.at, mark.glyph, "$accent", words[mark.glyph], mark.text)
        for mark in markers
        if mark.glyph in words
    ]
    found += [_action(record) for record in records if record.outcome is not Outcome.REFUSED or record.audited]
    return sorted(found, key=lambda happening: -happening.at)


class TimelineScreen(SearchDialog):
    """The list, as of the moment it was opened."""

    def __init__(self, found: Sequence[Happening], now: float) -> None:
        super().__init__()
        self.found = tuple(found)
        self.now = now

    def title_line(self) -> Content:
        """Up to when."""
        moment = datetime.fromtimestamp(self.now, UTC)
        until = f"  until {moment:%H:%M:%S} UTC "
        return Content.assemble(" ", ("What happened", rows.STRONG), (until, rows.MUTED))

    def content_lines(self, width: int) -> list[Content]:
        """Time, age, glyph, source, words."""
        wanted = self.words.lower().split()
        column = min(24, max((len(each.what) for each in self.found), default=0))
        lines: list[Content] = []
        for each in self.found:
            if not all(word in f"{each.what} {each.text}".lower() for word in wanted):
                continue
            moment = datetime.fromtimestamp(each.at, UTC)
            old = self.now - each.at > 86_400
            stamp = f"{moment:%m-%d %H:%M}" if old else f"{moment:%H:%M:%S}"
            age = rows.duration(self.now - each.at)
            lead = f"{stamp:<11} {age:>9} "
            for at, part in enumerate(rows.wrap(each.text, max(16, width - len(lead) - column - 5))):
                first = at == 0
                lines.append(
                    Content.assemble(
                        (lead if first else " " * len(lead), rows.MUTED),
                        (f"{each.glyph} " if first else "  ", each.style),
                        ((rows.cut(each.what, column) if first else "").ljust(column + 2), ""),
                        part,
                    )
                )
        return lines or [rows.styled("nothing matches" if wanted else "nothing has happened yet", rows.MUTED)]
