"""Rows of the team's own commands: whether each can be run, how its last run went, and what it says meanwhile."""

from __future__ import annotations

from cockpit.model.reading import SourceState
from cockpit.model.teamscripts import ScriptRun, ScriptStatus
from cockpit.text import counted
from screens import figures
from screens.paint import Column, Layout, Row, Span, header, note
from screens.panes.githubrows import Key, Lines

_TAIL = 4  # lines under one that runs, or that did not end well
_SHOWN = 400  # lines of the output in the detail
_SCRIPT: Layout = (
    Column("", 1),
    Column("script", 18),
    Column("tier", 4, drop=3),
    Column("state", 12),
    Column("took", 9, right=True, drop=2),
    Column("age", 5, right=True, drop=1),
    Column("what", 0, least=16),
)
_MARKS: dict[str, Span] = {
    "running": ("▲", "warning bold"),
    "succeeded": ("●", "success"),
    "failed": ("✖", "error bold"),
    "unknown": ("?", "accent bold"),
}


def heading() -> Row:
    """The titles of the columns."""
    return header(_SCRIPT)


def rows(state: SourceState, status: ScriptStatus, key: Key, now: float) -> list[Row]:
    """One for the script, and the newest lines of a run that wants to be seen."""
    run = status.last
    glyph, word = ("●", "muted"), "can be run"
    if status.missing:
        glyph, word = ("▲", "warning bold"), "not here"
    elif run is not None:
        glyph, word = _MARKS.get(run.outcome, ("?", "accent bold")), run.outcome
    told = status.missing or (run.said if run is not None and run.said else status.title)
    row = Row(
        key("script"),
        (
            glyph,
            (status.name, "bold"),
            (status.tier, "muted"),
            (word, glyph[1]),
            (figures.span(_took(run, now)) if run is not None else "–", ""),
            (figures.age(now - run.began.timestamp()) if run is not None else "–", ""),
            (told, "" if run is not None or status.missing else "muted"),
        ),
        _SCRIPT,
    )
    if run is None or run.outcome == "succeeded":
        return [row]
    return [row, *(note(f"  │ {line}", "muted") for line in run.lines[-_TAIL:])]


def detail(status: ScriptStatus, now: float) -> tuple[str, Lines]:
    """What it is, and all that its last run has written."""
    lines = [
        ("what", status.title),
        ("runs", " ".join(status.argv)),
        ("in", status.folder),
        ("program", status.program or status.missing),
        ("tier", status.tier),
        ("dry run", "is run and seen first" if status.dry_run else "none declared"),
    ]
    run = status.last
    if run is not None:
        ended = "" if run.ended is None else f", {run.ended:%H:%M:%S} UTC"
        lines += [
            ("last run", f"{run.outcome}: {run.said}" if run.said else run.outcome),
            ("began", f"{run.began:%Y-%m-%d %H:%M:%S} UTC{ended}, took {figures.span(_took(run, now))}"),
            ("kept in", run.record),
            ("output", f"{counted(run.count, 'line')}" + (f", the last {_SHOWN}" if run.count > _SHOWN else "")),
            *(("", line) for line in run.lines[-_SHOWN:]),
        ]
    return f"script {status.name}", [line for line in lines if line[1]]


def _took(run: ScriptRun, now: float) -> float:
    return (run.ended.timestamp() if run.ended is not None else now) - run.began.timestamp()
