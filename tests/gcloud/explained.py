"""The table of differences: which of them is explained for which command."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FILE = Path(__file__).with_name("differences.toml")


@dataclass(frozen=True, slots=True)
class Explained:
    """One entry, its commands already found."""

    commands: frozenset[str]
    kinds: tuple[str, ...]
    why: str
    silent: bool = False  # the operator need not be told


def table(known: Sequence[str], file: Path = FILE) -> tuple[Explained, ...]:
    """All entries. ValueError for a pattern that no command of `known` has."""
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    groups: Mapping[str, Sequence[str]] = raw["groups"]
    return tuple(
        Explained(
            frozenset(_chosen(each["in"], groups, known)),
            tuple(each["kinds"]),
            each["why"],
            each.get("silent", False),
        )
        for each in raw["difference"]
    )


def _chosen(patterns: Sequence[str], groups: Mapping[str, Sequence[str]], known: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        plain = pattern.removeprefix("!")
        if plain in groups:
            meant = _chosen(groups[plain], groups, known)
        else:
            meant = {each for each in known if fnmatchcase(each, plain)}
        if not meant:
            raise ValueError(f"no recorded command is called {plain}")
        found = found - meant if pattern.startswith("!") else found | meant
    return found


def to_be_told(command: str, found: set[str], entries: Sequence[Explained]) -> list[str]:
    """The differences of the state that the operator must be told of before anything is sent."""
    silent = [kind for entry in entries if entry.silent and command in entry.commands for kind in entry.kinds]
    states = (each for each in sorted(found) if each.startswith("state "))
    return [each for each in states if not any(fnmatchcase(each, kind) for kind in silent)]


def unexplained(command: str, found: set[str], entries: Sequence[Explained]) -> list[str]:
    """What is wrong with the table for this command: differences without an entry, entries without a difference."""
    here = [(kind, entry.why) for entry in entries if command in entry.commands for kind in entry.kinds]
    wrong = [
        f"not explained: {each}" for each in sorted(found) if not any(fnmatchcase(each, kind) for kind, _ in here)
    ]
    gone = [
        f"explained, but there is no {kind!r}: {why}"
        for kind, why in here
        if not any(fnmatchcase(each, kind) for each in found)
    ]
    return wrong + gone
