"""What a command-line tool is, as far as splitting its words goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def names(text: str) -> frozenset[str]:
    """Words between blanks."""
    return frozenset(text.split())


def pairs(text: str) -> dict[str, str]:
    """`-n=--namespace` between blanks."""
    return dict(each.split("=", 1) for each in text.split())


@dataclass(frozen=True, slots=True)
class Tool:
    """One command-line tool. `depth`: words of its verb; a word of `groups` is always followed by one more."""

    depth: int = 0
    groups: frozenset[str] = frozenset()
    switches: frozenset[str] = frozenset()  # take no value
    valued: frozenset[str] = frozenset()  # short flags, and long ones where `greedy` is off, that take one
    aliases: Mapping[str, str] = field(default_factory=dict)  # short -> long
    greedy: bool = True  # an unknown long flag before a word takes it as its value
    single: bool = False  # `-connect host`: one dash and a word, no clusters
    by_verb: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Verb, "" before it -> short flags that mean something else there: their long name, "=" appended if valued."""
    inner: Mapping[str, int] = field(default_factory=dict)  # verb -> positionals after which the rest is not read
