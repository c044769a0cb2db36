"""`cockpit act`: runs an action through every step of the guard, with the confirmation on the command line."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli import observe
from cockpit.cli.exits import EXIT_CODES, Exit, note, on_loop, stopping_at_a_step
from cockpit.cli.options import Given, with_action, with_json, with_profile
from cockpit.cli.output import Style, say, say_json, table
from cockpit.cli.planview import confirmation_options, plan_lines, planned_json, refusal_lines, refusals_json
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import Effect, Outcome, Refusal
from cockpit.model.severity import Severity

if TYPE_CHECKING:
    from cockpit.actions.record import Planned, Record
    from cockpit.engine.engine import Engine

_SECONDS = re.compile(r"\b\d+ s\b")
_EXITS = {
    Outcome.SUCCEEDED: Exit.OK,
    Outcome.FAILED: Exit.FAILED,
    Outcome.REFUSED: Exit.REFUSED,
    Outcome.UNKNOWN: Exit.UNKNOWN_OUTCOME,
}
_COLOURS = {
    Outcome.SUCCEEDED: Severity.OK,
    Outcome.FAILED: Severity.CRIT,
    Outcome.REFUSED: Severity.WARN,
    Outcome.UNKNOWN: Severity.UNKNOWN,
}


@click.command(epilog=EXIT_CODES)
@with_profile
@with_action
@click.option("--confirm", metavar="TEXT", default="", help="What `cockpit plan` says must be typed.")
@click.option(
    "--reason", metavar="TEXT", default="", help="Why; it arms the cockpit for this action and is recorded."
)
@click.option(
    "--digest", metavar="HEX", default="", help="Run only the plan with this digest, the one that was looked at."
)
@click.option(
    "--watch", is_flag=True, help="Then watch the symptoms, for as long as the profile says, until a verdict."
)
@with_json
def act(
    given: Given,
    action: str,
    source: str | None,
    pairs: tuple[tuple[str, str], ...],
    confirm: str,
    reason: str,
    digest: str,
    watch: bool,
    as_json: bool,
) -> int:
    """Plan an action and run it, with the same guards as on the screen.

    Without the right --confirm and a --reason it is refused (exit code 4) and says what is needed. Exit codes: 0
    succeeded, 4 refused, 5 failed, 6 unknown: it may have happened.
    """
    wanted = _Wanted(confirm, reason, digest, watch, as_json)
    return on_loop(_act(given, action, source, pairs, wanted))


class _Wanted:
    """What the command line says beside the action."""

    def __init__(self, confirm: str, reason: str, digest: str, watch: bool, as_json: bool) -> None:
        self.confirm = confirm
        self.reason = reason
        self.digest = digest
        self.watch = watch
        self.as_json = as_json


async def _act(
    given: Given, action: str, source: str | None, pairs: Sequence[tuple[str, str]], wanted: _Wanted
) -> int:
    from cockpit.cli.asking import request_for
    from cockpit.engine.engine import Engine

    async with Engine(given.profile) as engine:
        request = await request_for(engine, action, source, pairs)
        planned = await engine.executor.plan(request)
        style = Style.of()
        if not wanted.as_json:
            for line in plan_lines(planned, f"{given.profile.system} {given.profile.environment}", style):
                say(line)
            say()
        if wanted.digest and wanted.digest != planned.plan.digest:
            raise Refused("re-validate", "the plan is not the one with that digest any more", hint="Look at it again")
        if wanted.watch:
            await observe.first_look(engine)  # what is wrong elsewhere, before anything changes
        record = await _executed(engine, planned, wanted)
        if not wanted.as_json:
            _tell(record, planned, given, style)
        effect = await _watched(engine, record) if wanted.watch and record.outcome is not Outcome.REFUSED else None
        if wanted.as_json:
            say_json(_json(record, planned, given, effect))
        elif effect is not None:
            _tell_effect(effect, style)
    return _exit(record)


async def _executed(engine: Engine, planned: Planned, wanted: _Wanted) -> Record:
    """All steps of the executor. A signal asks the action to stop at its next step, and the record is still made."""
    from cockpit.actions.guards import Confirmation

    executor = engine.executor
    with contextlib.suppress(Refused):  # the executor refuses an unarmed action itself, and records that
        await executor.arm(wanted.reason)

    def stop() -> None:
        for running in executor.running:
            executor.abort(running.run)
        note(
            "stopping at the next step, and recording what was done. Once more ends it now, with its outcome unknown"
        )

    with stopping_at_a_step(stop), _progress(engine):
        record = await executor.execute(planned, Confirmation(wanted.confirm, wanted.reason))
    with contextlib.suppress(CockpitError):  # armed ends with this process anyway
        await executor.disarm()
    return record


@contextlib.contextmanager
def _progress(engine: Engine) -> Iterator[None]:
    """Phases on standard error, each once; and what is waited for, again only where more than its seconds changed."""
    told: set[str] = set()

    def look() -> None:
        for running in engine.executor.running:
            phase = running.phase.partition(",")[0] if running.phase.startswith("waiting") else running.phase
            if phase not in told:
                told.add(phase)
                note(f"{running.phase} ...")
            if running.note and not running.done and (same := _SECONDS.sub("", running.note)) not in told:
                told.add(same)
                note(f"  {running.note}")

    leave = engine.executor.subscribe(look)
    try:
        yield
    finally:
        leave()


async def _watched(engine: Engine, record: Record) -> Effect | None:
    """The effect, once it has a verdict; None where nothing was there to watch."""
    changed = asyncio.Event()
    leave = engine.executor.subscribe(changed.set)
    limit = engine.profile.limits.watch + observe.GRACE_S
    try:
        async with asyncio.timeout(limit):
            while (effect := _effect_of(engine, record)) is not None and effect.verdict is None:
                await changed.wait()
                changed.clear()
    except TimeoutError:
        pass  # the last look stands, without a verdict
    finally:
        leave()
    return _effect_of(engine, record)


def _effect_of(engine: Engine, record: Record) -> Effect | None:
    watched = engine.executor.effect
    return watched[1] if watched is not None and watched[0] == record.run else None


def _exit(record: Record) -> Exit:
    lost = (
        record.outcome is Outcome.SUCCEEDED and record.verification is not None and record.verification.holds is False
    )
    return Exit.FAILED if lost else _EXITS[record.outcome]


def _refusals(record: Record, planned: Planned) -> list[Refusal]:
    """In the words of the command line."""
    found: list[Refusal] = []
    for refusal in record.refusals:
        hint = refusal.hint
        if refusal.step == "mode" and planned.needs_arming and "--reason" not in hint and "OBSERVE" in refusal.reason:
            hint = "Say why with --reason TEXT: it arms the cockpit for this action"
        elif refusal.step == "confirm" and "Type exactly" in hint:
            hint = f"Add exactly: {confirmation_options(planned.requirement)}"
        found.append(Refusal(refusal.step, refusal.reason, hint))
    return found


def _tell(record: Record, planned: Planned, given: Given, style: Style) -> None:
    for line in refusal_lines(_refusals(record, planned)):
        say(style.plain(line))
    outcome = style.paint(record.outcome.value.upper(), _COLOURS[record.outcome])
    say(style.plain(f"{record.summary}") if record.outcome is not Outcome.REFUSED else "Nothing was changed.")
    for detail in record.details:
        say(style.plain(f"  {detail}"))
    if record.verification is not None:
        seen = {True: "verified", False: "does NOT hold", None: "not verified"}[record.verification.holds]
        say(style.plain(f"{seen}: {record.verification.text}"))
    if record.undo is not None:
        say(style.plain(f"undo: {record.undo.text}"))
        if record.undo.request is not None:
            say(style.plain(f"  {observe.command_line('plan', given.argument, record.undo.request)}"))
    if not record.audited:
        say("NOT RECORDED in the audit log")
    if record.replanned is not None:
        say("The plan as it would be now:")
        for line in plan_lines(record.replanned, f"{given.profile.system} {given.profile.environment}", style):
            say(f"  {line}")
    say(f"{outcome}  run {record.run}")


def _tell_effect(effect: Effect, style: Style) -> None:
    rows = [(score.name, score.before, style.plain("→"), score.after) for score in effect.scores]
    for line in table(rows):
        say(style.plain(line))
    say(f"verdict: {effect.verdict.value if effect.verdict is not None else 'none yet'}")


def _json(record: Record, planned: Planned, given: Given, effect: Effect | None) -> dict[str, Any]:
    held = record.verification
    return {
        "system": given.profile.system,
        "environment": given.profile.environment,
        "run": record.run,
        "outcome": record.outcome.value,
        "summary": record.summary,
        "details": list(record.details),
        "refusals": refusals_json(_refusals(record, planned)),
        "verification": None if held is None else {"holds": held.holds, "text": held.text},
        "undo": None
        if record.undo is None
        else {
            "text": record.undo.text,
            "action": None if record.undo.request is None else observe.request_json(record.undo.request),
        },
        "audited": record.audited,
        "started": record.started.isoformat(),
        "ended": record.ended.isoformat(),
        "verdict": None if effect is None or effect.verdict is None else effect.verdict.value,
        "scores": []
        if effect is None
        else [{"name": score.name, "before": score.before, "after": score.after} for score in effect.scores],
        "plan": planned_json(planned),
        "replanned": None if record.replanned is None else planned_json(record.replanned),
    }
