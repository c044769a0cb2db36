"""Splits the words of a call into verb, positional arguments and flags, as each tool reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cockpit.model.command import Word


@dataclass(slots=True)
class Split:
    """The words of one call, sorted."""

    verb: str = ""
    args: list[Word] = field(default_factory=list)
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    channel: str = ""
    rest: list[Word] = field(default_factory=list)  # after `--`

    def add(self, name: str, value: str) -> None:
        self.flags[name] = (*self.flags.get(name, ()), value)


def split(program: str, words: Sequence[Word]) -> Split:
    """Words after the program."""
    found = Split()
    found.args = [word for word in words if not word.text.startswith("-")]
    return found
