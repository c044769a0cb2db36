"""Polls a profile's sources headless, and renders what was seen as lines or as one JSON object."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cockpit.cli.exits import Exit
from cockpit.cli.output import Style, age, table
from cockpit.model.action import ActionRequest
from cockpit.model.database import DatabaseStatus
from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, worst
from cockpit.profile.consistency import SOURCE_IDS

if TYPE_CHECKING:
    from cockpit.engine.engine import Engine
    from cockpit.profile.schema import Profile

GRACE_S = 2.0  # beyond a source's own deadline: the poller reports a source that overruns it by itself
QUERIES_CONNECT_S = 5.0
_IN_ITS_LINE = "source-unseen"  # a source that cannot be seen says so in its own line
_EXITS = {Severity.OK: Exit.OK, Severity.WARN: Exit.WARN, Severity.CRIT: Exit.CRIT, Severity.UNKNOWN: Exit.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Seen:
    """A system at one moment."""

    system: str
    environment: str
    states: tuple[SourceState, ...]
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of sources and findings."""
        states = [state.severity for state in self.states if not state.asleep]
        return worst([*states, *(finding.severity for finding in self.findings)])

    @property
    def exit(self) -> Exit:
        """0 ok, 1 warning, 2 critical, 3 unknown."""
        return _EXITS[self.severity]


def seen(engine: Engine) -> Seen:
    """What the engine knows now."""
    profile = engine.profile
    return Seen(profile.system, profile.environment, engine.hub.states(), engine.findings())


async def first_look(engine: Engine, wanted: Iterable[str] | None = None) -> bool:
    """Wait until each source (of `wanted`, else all but those that are read only when somebody asks) was read once or
    failed to be; False when its deadline passed before.

    The longest deadline of the sources, and 2 s, bound the wait; own queries of databases get their limits on top.
    """
    names = {state.source for state in engine.hub.states() if not state.asleep} if wanted is None else set(wanted)
    parts = [part for part in engine.parts if part.source in names]
    limit = max((part.timeout_s for part in parts), default=0.0) + GRACE_S

    def settled() -> bool:
        states = [state for name in names if (state := engine.hub.state(name)) is not None]
        return all(state.reading is not None or state.failure is not None for state in states)

    return await _until(engine, settled, limit) and await _own_queries(engine, names)


async def _own_queries(engine: Engine, names: Iterable[str]) -> bool:
    """Wait for what the profile's queries of these databases say: they run beside the polls."""
    tables = {f"database/{table.name}": table for table in engine.profile.database if table.panel}
    waits = {name: sum(panel.timeout for panel in tables[name].panel) for name in names if name in tables}
    end = engine.clock.monotonic() + max(waits.values(), default=0.0) + GRACE_S + QUERIES_CONNECT_S
    while pending := [name for name in waits if _pending(engine.hub.state(name))]:
        if engine.clock.monotonic() > end:
            return False
        for name in pending:
            engine.hub.poll_now(name)
        await engine.clock.sleep(0.2)
    return True


def _pending(state: SourceState | None) -> bool:
    payload = state.reading.payload if state is not None and state.reading is not None else None
    return state is not None and state.failure is None and isinstance(payload, DatabaseStatus) and payload.pending


def wake(engine: Engine) -> None:
    """Have those sources polled, too, that are read only when somebody asks."""
    for state in engine.hub.states():
        if state.asleep:
            engine.hub.poll_now(state.source)


async def _until(engine: Engine, condition: Callable[[], bool], limit_s: float) -> bool:
    changed = asyncio.Event()
    leave = engine.hub.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(limit_s):
            while not condition():
                await changed.wait()
                changed.clear()
    except TimeoutError:
        return condition()
    finally:
        leave()
    return True


def as_json(what: Seen) -> dict[str, Any]:
    """The object that `check --json` and `demo --headless --json` print."""
    return {
        "system": what.system,
        "environment": what.environment,
        "severity": what.severity.word,
        "readings": [_reading(state) for state in what.states],
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.word,
                "text": finding.text,
                "evidence": list(finding.evidence),
                "source": finding.source,
                "action": None if finding.action is None else request_json(finding.action, finding.action_title),
            }
            for finding in what.findings
        ],
    }


def request_json(request: ActionRequest, title: str = "") -> dict[str, Any]:
    """An action with its target, as JSON."""
    return {
        "id": request.action,
        "title": title,
        "source": request.source,
        "params": dict(request.params),
    }


def _reading(state: SourceState) -> dict[str, Any]:
    failure = state.failure
    return {
        "source": state.source,
        "kind": state.kind.value,
        "severity": state.severity.word,
        "freshness": state.freshness.value,
        "age_s": None if state.age_s is None else round(state.age_s, 2),
        "summary": state.summary,
        "latency_ms": None if state.reading is None else round(state.reading.latency_s * 1000, 1),
        "failure": None
        if failure is None
        else {"word": failure.word, "message": failure.message, "hint": failure.hint},
        **_queries(state),
    }


def _queries(state: SourceState) -> dict[str, Any]:
    """The profile's own queries of a database that has some."""
    payload = state.reading.payload if state.reading is not None else None
    if not isinstance(payload, DatabaseStatus) or not payload.panels:
        return {}
    told = [
        {"title": each.title, "said": each.said, "severity": each.severity.word, "problem": each.problem}
        for each in payload.panels
    ]
    return {"queries": told}


def lines(what: Seen, style: Style, profile_argument: str) -> list[str]:
    """One line a source, then the findings with what they rest on and the command that would help."""
    rows = [(state.source, state.freshness.value, age(state.age_s), _said(state)) for state in what.states]
    shown = [style.strong(f"{what.system} {what.environment}")]
    for state, row in zip(what.states, table(rows), strict=True):
        shown.append(f"{style.mark(state.severity)}  {style.plain(style.cut(row, style.width - 11))}")
    told = [finding for finding in what.findings if finding.rule != _IN_ITS_LINE]
    if told:
        shown += ["", style.strong("findings")]
    for finding in told:
        shown.append(f"{style.mark(finding.severity)}  {style.plain(finding.text)}")
        shown += [f"{'':11}{style.plain(text)}" for text in finding.evidence]
        if finding.action is not None:
            command = command_line("plan", profile_argument, finding.action)
            title = f"{finding.action_title}: " if finding.action_title else ""
            shown.append(style.plain(f"{'':11}→ {title}{command}"))
    return shown


def _said(state: SourceState) -> str:
    if state.failure is not None:
        words = f"{state.failure.word}: {state.failure.message}"
        return f"{words}. {state.failure.hint}" if state.failure.hint else words
    if state.freshness is Freshness.WAITING:
        return "not asked" if state.asleep else "no answer yet"
    return state.summary


def command_line(command: str, profile_argument: str, request: ActionRequest) -> str:
    """The command that asks for the same from a shell, quoted for it."""
    words = ["cockpit", command, profile_argument, request.action, "--source", request.source]
    for name, value in request.params.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)


def summary_json(profile: Profile) -> Mapping[str, Any]:
    """What a profile declares, for `check --config-only --json`."""
    return {
        "system": profile.system,
        "environment": profile.environment,
        "read_only": profile.read_only,
        "declared": {
            **{table: [entry.name for entry in getattr(profile, table)] for table in SOURCE_IDS},
            "http_action": [entry.name for entry in profile.http_action],
            "runbook": list(profile.runbook.files) if profile.runbook is not None else [],
        },
    }
