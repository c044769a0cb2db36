"""Which playbooks fit what is found now, and which fit what somebody types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.runbook import Playbook, Runbook
from cockpit.model.severity import Severity
from cockpit.runbooks.guide.synonyms import IDLE, TOPICS, WORDS

MOST = 5  # suggestions
_HITS = 200
_WORD = re.compile(r"[a-z0-9]+")
_CLOSE = 0.8  # how alike a mistyped word must be
_TITLE, _SYMPTOM, _CAUSE = 3.0, 4.0, 1.5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A playbook that may be the right one now."""

    playbook: Playbook
    score: float
    reason: str  # "its symptom “checkout is slow” fits: p95 2.1 s"


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that fits a search: a playbook, or one step of it."""

    playbook: Playbook
    step: str  # Step.id, "" for the playbook itself
    text: str  # the line that fits
    line: int
    score: float


def suggest(
    runbook: Runbook, findings: Sequence[Finding], states: Sequence[SourceState] = ()
) -> tuple[Suggestion, ...]:
    """The playbooks whose title, symptoms or causes speak of what is found, best first, at most five.

    Only what is wrong counts. The same input gives the same order; ties stand as in the runbook.
    """
    wrong = [(finding.text, _topics(f"{finding.rule} {finding.text}"), _weight(finding)) for finding in findings]
    wrong += [
        (f"{state.source}: {state.summary}", _topics(f"{state.kind.value} {state.summary}"), 0.5)
        for state in states
        if state.severity in (Severity.WARN, Severity.CRIT)
    ]
    found: list[Suggestion] = []
    for playbook in runbook.playbooks:
        best = max((_fit(playbook, *each) for each in wrong), default=(0.0, ""), key=lambda pair: pair[0])
        if best[0] >= 1.0:
            found.append(Suggestion(playbook, round(best[0], 3), best[1]))
    return tuple(sorted(found, key=lambda suggestion: -suggestion.score)[:MOST])


def _weight(finding: Finding) -> float:
    # The nearer to the cause, the more it says about what to do.
    return (1.0 if finding.severity is Severity.CRIT else 0.7) + max(0, 50 - finding.rank) / 500


def _topics(text: str) -> dict[str, float]:
    """What a text is about: topics of the synonym table, and with less weight its own words."""
    low = f" {' '.join(_WORD.findall(text.casefold()))} "
    found: dict[str, float] = {}
    for topic, phrases in TOPICS.items():
        if any(f" {phrase}" in low for phrase in phrases):
            found[topic] = 1.0
    for word in _content(text):
        found.setdefault(f"={word}", 0.3)
    return found


def _content(text: str) -> list[str]:
    """Words that mean something of their own, in a plain form."""
    words = (WORDS.get(word, word) for word in _WORD.findall(text.casefold()))
    return [word.removesuffix("s") for word in words if len(word) > 3 and word not in IDLE and not word.isdigit()]


def _fit(playbook: Playbook, text: str, topics: dict[str, float], weight: float) -> tuple[float, str]:
    places = [
        (playbook.title, _TITLE, "its title"),
        *((symptom, _SYMPTOM, "its symptom") for symptom in playbook.symptoms),
    ]
    places += [(cause, _CAUSE, "a cause that it names") for cause, _ in playbook.causes]
    best, reason = 0.0, ""
    total = 0.0
    for said, worth, word in places:
        here = _topics(said)
        shared = sum(min(value, topics[topic]) for topic, value in here.items() if topic in topics)
        if not shared:
            continue
        # A long sentence that touches a topic in passing says less than a short one about it.
        score = worth * shared / (1 + 0.05 * len(here))
        total += score
        if score > best:
            best, reason = score, f"{word} “{said}” fits: {text}"
    return weight * (best + 0.25 * (total - best)), reason


def search(lines: Sequence[Line], text: str) -> tuple[Hit, ...]:
    """Playbooks and steps in which every word of the text stands, or one like it; at most two hundred.

    `lines` are those of `lines_of`. Best first, ties in the order of the files. An empty text finds every playbook,
    in order.
    """
    words = _WORD.findall(text.casefold())
    if not words:
        return tuple(Hit(line.playbook, "", line.shown, line.line, 0.0) for line in lines if not line.step)
    there = frozenset().union(*(line.words for line in lines))
    # Once for each word of the runbook, not for each of its lines.
    worth = [{other: _alike(word, other) for other in there} for word in words]
    near = [{other: value for other, value in each.items() if value} for each in worth]
    found: list[Hit] = []
    for line in lines:
        scores = [max((each[other] for other in each.keys() & line.words), default=0.0) for each in near]
        if all(scores):
            score = line.worth * sum(scores) / len(scores)
            found.append(Hit(line.playbook, line.step, line.shown, line.line, round(score, 3)))
    return tuple(sorted(found, key=lambda hit: -hit.score)[:_HITS])


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that can be found."""

    playbook: Playbook
    step: str
    shown: str
    line: int
    worth: float
    words: frozenset[str]


def lines_of(runbook: Runbook) -> tuple[Line, ...]:
    """Everything of a runbook that `search` can find; once for each reading."""
    found: list[Line] = []
    for playbook in runbook.playbooks:
        about = " ".join((playbook.title, *playbook.symptoms, *playbook.trail))
        found.append(Line(playbook, "", playbook.title, playbook.line, 2.0, _words(about)))
        for step in playbook.steps:
            command = step.command.text if step.command is not None else ""
            words = _words(f"{step.text} {command} {step.condition}")
            found.append(Line(playbook, step.id, step.text or command, step.line, 1.0, words))
    return tuple(found)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _alike(word: str, other: str) -> float:
    """1 for the same, less for a beginning, a part, a slip of the fingers; 0 for another."""
    if word == other:
        return 1.0
    if other.startswith(word):
        return 0.9
    if len(word) > 2 and word in other:
        return 0.6
    if len(word) < 4 or abs(len(other) - len(word)) > 2:
        return 0.0
    compared = difflib.SequenceMatcher(None, word, other, autojunk=False)
    if compared.real_quick_ratio() < _CLOSE or compared.quick_ratio() < _CLOSE:
        return 0.0
    return 0.4 if compared.ratio() >= _CLOSE else 0.0
