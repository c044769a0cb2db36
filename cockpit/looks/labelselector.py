"""Label selectors as kubectl takes them with -l: "version=green,app in (a,b),!old"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_TERM = re.compile(
    rf"\s*(?:(?P<not>!)\s*(?P<absent>{_KEY})"
    rf"|(?P<among>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<key>{_KEY})\s*(?:(?P<sign>==|=|!=)\s*(?P<value>{_VALUE}))?)\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """The label is one of `values` (or not one of them); without values: it is there (or not)."""

    key: str
    values: frozenset[str] | None
    holds: bool

    def chooses(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels passes."""
        if self.values is None:
            return (self.key in labels) is self.holds
        return (labels.get(self.key) in self.values) is self.holds


def requirements(text: str) -> tuple[Requirement, ...] | None:
    """All must hold; None for what is no selector."""
    found: list[Requirement] = []
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or match.end() == at:
            return None
        at = match.end()
        if match["not"]:
            found.append(Requirement(match["absent"], None, False))
        elif match["among"]:
            values = frozenset(each.strip() for each in match["values"].split(","))
            found.append(Requirement(match["among"], values, match["word"] == "in"))
        elif match["sign"]:
            found.append(Requirement(match["key"], frozenset((match["value"],)), match["sign"] != "!="))
        else:
            found.append(Requirement(match["key"], None, True))
    return tuple(found)


def chooses(wanted: tuple[Requirement, ...], labels: Mapping[str, str]) -> bool:
    """Whether an object with these labels passes all of them."""
    return all(each.chooses(labels) for each in wanted)
