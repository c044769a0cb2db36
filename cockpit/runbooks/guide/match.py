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
from cockpit.runbooks.guide.synonyms import GENERAL, SUBJECTS
from cockpit.runbooks.guide.wants import content, topics, wants

MOST = 3  # suggestions
NAMED = 100.0  # score of what the profile names
LEAST = 1.15  # score of one
_NEAR = 0.4  # of the best for the same finding: what fits much less is left out
_VAGUE = 0.35  # of a general topic in a title that names something that nobody here knows
_BEHIND = 15  # ranks behind the finding that is nearest to the cause
_FOLLOWS = 0.45  # of what only follows from that
_PARTLY = 0.7  # where it names something that the finding names too
_ELSE = 0.3  # of what a title says that is about another general topic
_OTHER = 0.1  # of what a title says that is about something else
_HITS = 200
_WORD = re.compile(r"[^\W_]+")  # of any script
_CLOSE = 0.8  # how alike a mistyped word must be
_TITLE, _SYMPTOM, _CAUSE, _CONDITION, _STEPS = 3.0, 2.5, 1.2, 1.2, 0.5
_PHRASES = {**SUBJECTS, **GENERAL}


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
    runbook: Runbook,
    findings: Sequence[Finding],
    states: Sequence[SourceState] = (),
    named: Sequence[tuple[str, str]] = (),
) -> tuple[Suggestion, ...]:
    """The playbooks that are about what is found, best first, at most three.

    `named` are headings that the profile itself gives for what is wrong, with that in a sentence: these come first.
    Only what is wrong counts, and only a subject that they share: that both speak of errors or of a service is not
    enough. The same input gives the same order; ties stand as in the runbook.
    """
    nearest = min((finding.rank for finding in findings if finding.severity is not Severity.UNKNOWN), default=50)
    wrong = [(finding.text, wants(finding), _weight(finding), _rests(finding, nearest)) for finding in findings]
    wrong += [
        (f"{state.source}: {state.summary}", wants(_as_finding(state)), 0.5, 1.0)
        for state in states
        if state.severity in (Severity.WARN, Severity.CRIT)
    ]
    books = [_About(playbook) for playbook in runbook.playbooks]
    best: dict[int, tuple[float, str]] = {}
    for text, wanted, weight, rests in wrong:
        fits = [about.fits(text, wanted, weight) for about in books] if wanted else []
        least = max(LEAST, max((score for score, _ in fits), default=0.0) * _NEAR)
        for index, fit in enumerate(fits):
            if fit[0] >= least and fit[0] * rests > best.get(index, (0.0, ""))[0]:
                best[index] = (fit[0] * rests, fit[1])
    found = [Suggestion(runbook.playbooks[n], round(score, 3), reason) for n, (score, reason) in sorted(best.items())]
    best_first = sorted(found, key=lambda suggestion: -suggestion.score)
    told: dict[str, Suggestion] = {}
    for heading, text in named:
        for playbook in under(runbook, heading)[:1]:
            told.setdefault(playbook.id, Suggestion(playbook, NAMED - len(told), f"the profile names it for: {text}"))
    rest = (suggestion for suggestion in best_first if suggestion.playbook.id not in told)
    return (*told.values(), *rest)[:MOST]


def under(runbook: Runbook, heading: str) -> tuple[Playbook, ...]:
    """The playbooks with that heading, or below it; case, and spaces in a row, make no difference."""
    wanted = _folded(heading)
    exact = tuple(playbook for playbook in runbook.playbooks if _folded(playbook.title) == wanted)
    below = (book for book in runbook.playbooks if any(_folded(each) == wanted for each in book.trail))
    return exact or tuple(below)


def _folded(heading: str) -> str:
    return " ".join(heading.casefold().split())


def _as_finding(state: SourceState) -> Finding:
    return Finding("", state.severity, f"{state.kind.value} {state.summary}", "", (), state.source)


def _weight(finding: Finding) -> float:
    return 1.0 if finding.severity is Severity.CRIT else 0.85


def _rests(finding: Finding, nearest: int) -> float:
    """What follows from something nearer to the cause comes behind it: errors behind a lock are cured at the lock."""
    return _FOLLOWS if finding.rank >= nearest + _BEHIND else 1.0


class _About:
    """What a playbook is about: its title, and what it says that one sees."""

    def __init__(self, playbook: Playbook) -> None:
        self._title = _Said(playbook.title, _TITLE, "its title")
        self._places = [_Said(symptom, _SYMPTOM, "its symptom") for symptom in playbook.symptoms]
        self._places += [_Said(cause, _CAUSE, "a cause that it names") for cause, _ in playbook.causes]
        conditions = dict.fromkeys(step.condition for step in playbook.steps if step.condition)
        self._places += [_Said(each, _CONDITION, "a case that it names") for each in conditions]
        told = (topics(f"{step.text} {step.command.text if step.command else ''}") for step in playbook.steps)
        self._done = frozenset().union(*told) & SUBJECTS.keys()

    def fits(self, text: str, wanted: dict[str, float], weight: float) -> tuple[float, str]:
        """How well, and why."""
        title = self._title.shares(wanted)
        pure = self._purity(wanted)
        best, reason, total = title * pure, self._title.reason(text) if title else "", 0.0
        for place in self._places:
            plain = not place.words or any(wanted.get(subject, 0.0) > 0.5 for subject in place.subjects)
            score = place.shares(wanted) * (max(pure, 0.6) if plain and pure > _ELSE else pure)
            total += score
            if score > best:
                best, reason = score, place.reason(text)
        # What its steps do is a hint only: everything looks at the database somewhere.
        done = max((wanted[topic] for topic in self._done if topic in wanted), default=0.0) if title else 0.0
        return weight * (best + 0.2 * min(total, 5.0) + _STEPS * done * pure), reason

    def _purity(self, wanted: dict[str, float]) -> float:
        """Less where the title is about something else, much less where it names another subject."""
        title = self._title
        shared = title.subjects & wanted.keys()
        strong = any(wanted[subject] > 0.5 for subject in shared)
        if title.subjects - wanted.keys():
            return _VAGUE if strong else _OTHER
        if strong:
            return 1.0
        named = [f"={word}" in wanted for word in title.words]
        if not all(named):
            return _PARTLY if any(named) else _VAGUE
        return 0.9 if shared or not title.general or title.general & wanted.keys() else _ELSE


class _Said:
    """A line of a playbook, by its topics."""

    def __init__(self, text: str, worth: float, name: str) -> None:
        self._text, self._worth, self._name = text, worth, name
        self._topics = topics(text)
        self.subjects = self._topics & SUBJECTS.keys()
        self.general = self._topics & GENERAL.keys()
        said = {word.strip() for topic in self._topics for phrase in _PHRASES[topic] for word in content(phrase)}
        self.words = tuple(word for word in content(text) if not any(word.startswith(each) for each in said))

    def shares(self, wanted: dict[str, float]) -> float:
        """Worth times the topics that are wanted; a long line that touches a topic in passing says less."""
        shared = sum(wanted[topic] for topic in self._topics if topic in wanted)
        shared += sum(wanted.get(f"={word}", 0.0) for word in dict.fromkeys(self.words))
        return self._worth * min(shared, 1.6) / (1 + 0.03 * len(self.words))

    def reason(self, text: str) -> str:
        return f"{self._name} “{self._text}” fits: {text}"


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
