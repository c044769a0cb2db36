"""Thresholds: "> 5% critical", "should be < 1%", "5-10%" -> comparisons with their unit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cockpit.model.runbook import Bound
from cockpit.runbooks.markdown.inline import plain
from cockpit.runbooks.markdown.remembered import remembered
from cockpit.text import clean

_OPERATORS = {"≥": ">=", "≤": "<=", "=>": ">=", "=<": "<=", "=": "=="}
_WORDS = (
    (re.compile(r"\b(?:greater|more|higher|larger) than\b|\b(?:above|over|exceeds?|exceeding)\b", re.I), ">"),
    (re.compile(r"\b(?:less|lower|fewer|smaller) than\b|\b(?:below|under)\b", re.I), "<"),
    (re.compile(r"\bat least\b", re.I), ">="),
    (re.compile(r"\bat most\b", re.I), "<="),
)
_COMPARISON = re.compile(
    r"(?P<op>>=|<=|==|!=|=>|=<|≥|≤|>|<|=)\s*(?P<money>[$€£]?)(?P<number>-?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,9})?)\s?"
    r"(?P<unit>%|[A-Za-z]{1,8}(?:/[A-Za-z]{1,8})?\b|/[A-Za-z]{1,8}\b)?"
)
_WORD_COMPARISON = re.compile(r"^\s*(?P<op>==|!=|=)\s*(?P<word>[A-Za-z_][\w-]{0,40})\s*$")
_RANGE = re.compile(
    r"(?<![\w.])(?P<low>\d{1,9}(?:\.\d{1,6})?)\s?%?\s?[-–—]\s?(?P<high>\d{1,9}(?:\.\d{1,6})?)\s?(?P<unit>%|ms|s\b)"
)
_HEALTHY = re.compile(
    r"\b(?:should|must|target|expected?|normal(?:ly)?|healthy|keep|stays?|ideal(?:ly)?|goal)\b", re.I
)
_WARN = re.compile(r"\b(?:warn\w*|yellow|amber|minor|degraded|elevated|notice)\b", re.IGNORECASE)
_CRIT = re.compile(r"\b(?:crit\w*|red|page|severe|major|alarm|emergency|fatal)\b", re.IGNORECASE)
_MILD = re.compile(r"(?:info\w*|ok|normal|healthy|green|good|notice)\b", re.IGNORECASE)
_OPPOSITE = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
_NOT_UNIT = re.compile(
    r"(?:warn(?:ing)?|crit(?:ical)?|and|or|for|in|of|the|per|should|must|is|are|utili[sz]ation|usage|quota|then)$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """ "> 5" of "%"; where it begins and ends in its text."""

    text: str
    unit: str
    start: int
    end: int

    def opposite(self) -> str:
        """What is wrong where this is what is right."""
        operator, _, value = self.text.partition(" ")
        return f"{_OPPOSITE[operator]} {value}"


def comparison(text: str) -> Comparison | None:
    """The first comparison in a text; "5-10%" is "> 5"."""
    text = text[:400]
    for pattern, operator in _WORDS:
        text = pattern.sub(lambda match, operator=operator: operator.ljust(len(match[0])), text)  # type: ignore[misc]
    if found := _COMPARISON.search(text):
        operator = _OPERATORS.get(found["op"], found["op"])
        unit = found["unit"] or ""
        if _NOT_UNIT.match(unit):
            unit = ""
        number = found["number"].replace(",", "")
        return Comparison(f"{operator} {number}", found["money"] or unit, found.start(), found.end())
    if found := _WORD_COMPARISON.match(text):
        return Comparison(
            f"{_OPERATORS.get(found['op'], found['op'])} {found['word']}", "", found.start(), found.end()
        )
    if found := _RANGE.search(text):
        return Comparison(f"> {found['low']}", found["unit"], found.start(), found.end())
    return None


def cell_bound(text: str) -> tuple[str, str]:
    """(comparison, unit) of a cell of a table; a bare number is taken as "above it"."""
    said = plain(text)
    if found := comparison(said):
        return found.text, found.unit
    bare = re.match(r"(\d{1,15}(?:\.\d{1,9})?)\s?(%|[A-Za-z/]{1,8})?$", said)
    return (f"> {bare[1]}", bare[2] or "") if bare else ("", "")


def bound_of(lead: str, rest: str, line: int) -> tuple[Bound, ...]:
    """Of a list item "lead: rest": the lead is the metric, or the level: "Critical: error rate > 10%"."""
    if _MILD.match(lead):
        return ()
    if _WARN.match(lead) or _CRIT.match(lead):
        return tuple(_by_level(bool(_CRIT.match(lead)), clause, line) for clause in rest.split(",") if _named(clause))
    found = comparison(rest)
    if found is None:
        return ()
    after, before = rest[found.end :], rest[: found.start]
    critical, warn = bool(_CRIT.search(rest)), bool(_WARN.search(rest))
    if critical and warn and (second := comparison(after)) is not None:
        first_is_critical = bool(_CRIT.search(before) or _CRIT.match(after.strip(" ,(")))
        pair = (second.text, found.text) if first_is_critical else (found.text, second.text)
        return (Bound(clean(lead), *pair, found.unit, line),)
    qualified = re.match(r"\s*(p\d{2,3}|max|avg|average|median|mean)\b", rest, re.IGNORECASE)
    metric = f"{lead} {qualified[1].upper() if qualified[1][0] in 'pP' else qualified[1]}" if qualified else lead
    text = found.opposite() if _HEALTHY.search(before) else found.text
    return (Bound(clean(metric), "" if critical else text, text if critical else "", found.unit, line),)


@remembered
def metric_before(text: str) -> tuple[str, str] | None:
    """ "p99 latency > 500 ms (warning)" -> the metric and the rest; None where nothing stands before a comparison."""
    found = _COMPARISON.search(text[:400])
    metric = text[: found.start()].strip(" -–—:(") if found else ""
    if found is None or not 1 < len(metric) <= 80:
        return None
    name = re.sub(r"\s+(?:should|must)\s+(?:be|stay|remain)$", "", metric, flags=re.IGNORECASE)
    return name, f"{metric[len(name) :]} {text[found.start() :]}".strip()


def _named(clause: str) -> bool:
    found = comparison(clause)
    return found is not None and bool(clause[: found.start].strip())


def _by_level(critical: bool, clause: str, line: int) -> Bound:
    found = comparison(clause)
    if found is None:  # `_named` has seen to it
        return Bound(clean(clause.strip()), "", "", "", line)
    metric = clean(clause[: found.start].strip(" :-"))
    return Bound(metric, "" if critical else found.text, found.text if critical else "", found.unit, line)


def merged(bounds: list[Bound]) -> tuple[Bound, ...]:
    """Warning and alarm of one metric that stand on two lines become one bound."""
    found: dict[tuple[str, str], Bound] = {}
    for bound in bounds:
        key = (bound.metric.lower(), bound.unit)
        before = found.get(key)
        if before is None:
            found[key] = bound
        elif (before.warn and bound.warn) or (before.critical and bound.critical):
            found[(f"{bound.metric.lower()} {bound.line} {len(found)}", bound.unit)] = bound
        else:
            found[key] = Bound(
                before.metric, before.warn or bound.warn, before.critical or bound.critical, bound.unit, before.line
            )
    return tuple(found.values())
