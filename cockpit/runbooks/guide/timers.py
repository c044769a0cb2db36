"""The times of a playbook's text as clocks, and its escalations, at one moment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from cockpit.model.runbook import Clock, ClockKind, Contact, Facts, Playbook, Step
from cockpit.runbooks.guide.progress import Escalation, Progress, StepState, Timer

_WITHIN = re.compile(r"(?:with)?in\b|by\b", re.IGNORECASE)  # a time to be done by, not one to tell somebody after
_GRAVE = re.compile(
    r"\b(?:incidents?|emergenc(?:y|ies)|outages?|disasters?|breach(?:es)?|attacks?|corruption|failures?|down|exhausted)\b",
    re.IGNORECASE,
)
_AFTERWARDS = re.compile(r"\b(?:post-?mortems?|(?:post|after)\W+(?:\w+\W+)?incidents?)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[.;](?:\s|$)")
_ENDED = (StepState.DONE, StepState.SKIPPED, StepState.FAILED)


def timers(
    playbook: Playbook,
    facts: Facts,
    progress: Mapping[str, Progress],
    started: datetime,
    again: Mapping[str, Sequence[datetime]],
    now: datetime,
) -> tuple[Timer, ...]:
    """Those of the playbook, then those of its steps in order.

    A WINDOW and an AFTER count from the session's start, wherever they stand. A LAST or EVERY of a step counts from
    the moment the step was begun, one of the playbook from the session's start.
    """
    said = {clock for step in playbook.steps for clock in step.clocks}
    found = [
        _timer(f":{index}", clock, "", started, started, True, again, facts, now)
        for index, clock in enumerate(playbook.clocks)
        if clock not in said
    ]
    for step in playbook.steps:
        how = progress.get(step.id, Progress(step.id))
        for index, clock in enumerate(step.clocks):
            alive = how.state not in _ENDED
            found.append(_timer(f"{step.id}:{index}", clock, step.id, started, how.started, alive, again, facts, now))
    return tuple(found)


def _timer(
    id_: str,
    clock: Clock,
    step: str,
    session: datetime,
    begun: datetime | None,
    alive: bool,
    again: Mapping[str, Sequence[datetime]],
    facts: Facts,
    now: datetime,
) -> Timer:
    since = session if clock.kind in (ClockKind.WINDOW, ClockKind.AFTER) else begun
    if since is None:
        return Timer(id_, clock.kind, clock.text, step, False, clock.seconds, 0.0)
    marks = [mark for mark in again.get(id_, ()) if mark >= since] if clock.kind is ClockKind.EVERY else []
    due = (marks[-1] if marks else since) + timedelta(seconds=clock.seconds)
    elapsed = max(0.0, (now - since).total_seconds())
    running = alive and elapsed >= clock.from_s
    to = _addressee(clock, (), facts)[0] if clock.kind is ClockKind.AFTER else ""
    remaining = (due - now).total_seconds()
    return Timer(id_, clock.kind, clock.text, step, running, remaining, elapsed, due, len(marks), to)


def escalations(
    playbook: Playbook,
    facts: Facts,
    started: datetime,
    told: Mapping[str, datetime],
    now: datetime,
    *,
    incident: bool = True,
) -> tuple[Escalation, ...]:
    """The playbook's own AFTER times; where it has none and `incident`, those of the whole runbook. Soonest first."""
    own = [(clock, _behind(clock, step)) for step, clock in _after(playbook.steps)]
    own += [(clock, "") for clock in playbook.clocks if clock.kind is ClockKind.AFTER]
    named = [(clock, *_addressee(clock, (text,), facts)) for clock, text in own]
    wanted = [each for each in named if each[1] or not _WITHIN.match(each[0].text)]
    if not wanted and incident:
        wanted = [(clock, *_addressee(clock, (to,), facts)) for clock, to in facts.escalation]
    known = {clock.seconds for clock, to, _ in wanted if to}
    found: dict[tuple[float, str], Escalation] = {}
    for clock, to, reach in wanted:
        if (clock.seconds, to) in found or (not to and clock.seconds in known):
            continue  # the same time, said of the playbook and of its step
        id_ = f"{clock.seconds:g}:{to or clock.text}"
        due = started + timedelta(seconds=clock.seconds)
        remaining = (due - now).total_seconds()
        found[clock.seconds, to] = Escalation(
            id_, clock.seconds, clock.text, to, reach, due, remaining, told.get(id_)
        )
    return tuple(sorted(found.values(), key=lambda escalation: escalation.after_s))


def for_incidents(playbook: Playbook, facts: Facts) -> bool:
    """It says what one sees when it is needed, or how grave that is; routine work says neither."""
    named = " ".join((playbook.title, *playbook.trail))
    grave = _GRAVE.search(_AFTERWARDS.sub(" ", named)) or any(
        re.search(rf"(?<!\w){re.escape(level.name)}(?!\w)", named) for level in facts.severities if level.name
    )
    return bool(playbook.symptoms or grave)


def _behind(clock: Clock, step: Step) -> str:
    """What stands after a time, up to the end of its sentence: whom it leads to."""
    _, found, rest = step.text.partition(clock.text)
    others = [other.text for other in step.clocks if other is not clock and other.text in rest]
    for other in others:
        rest = rest.partition(other)[0]
    return _SENTENCE.split(rest.strip(" :,;-–—"), maxsplit=1)[0].strip(" .") if found else ""


def _after(steps: Iterable[Step]) -> Iterable[tuple[Step, Clock]]:
    for step in steps:
        for clock in step.clocks:
            if clock.kind is ClockKind.AFTER:
                yield step, clock


def _addressee(clock: Clock, named: Sequence[str], facts: Facts) -> tuple[str, str]:
    """To whom, and how they are reached: as named, else as the runbook's escalation says for that time."""
    texts = [text for text in named if text]
    texts += [to for other, to in facts.escalation if other.seconds == clock.seconds]
    for text in texts:
        if contact := _contact(text, facts.contacts):
            return contact.name or contact.role or text, contact.reach
    return (texts[0], "") if texts else ("", "")


def _contact(text: str, contacts: Sequence[Contact]) -> Contact | None:
    """The one whose role or name stands in the text; None where that is nobody or not clear."""
    low = text.casefold()
    for words in (
        [(contact.name, contact) for contact in contacts],
        [(contact.role, contact) for contact in contacts],
    ):
        found = [(len(word), contact) for word, contact in words if word and word.casefold() in low]
        if found:
            return max(found, key=lambda pair: pair[0])[1]
    return None
