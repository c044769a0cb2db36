"""What a table of effects says of one call: the class, the sentence why, and whether there is a way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cockpit.model.command import Call, EffectClass


class Ruling(NamedTuple):
    """One judgement. `final`: what is lost or replaced cannot be brought back, or the whole system feels it."""

    effect: EffectClass
    why: str  # a sentence without a full stop
    final: bool = False


Rule = Callable[[Call], Ruling]


def names(text: str) -> frozenset[str]:
    """Words between blanks."""
    return frozenset(text.split())


def pairs(text: str) -> frozenset[str]:
    """Every two words of the text, as verbs that consist of two."""
    words = text.split()
    return frozenset(f"{first} {second}" for first, second in zip(words[::2], words[1::2], strict=True))


def reads(why: str) -> Ruling:
    """Proven to change nothing."""
    return Ruling(EffectClass.READS, why)


def unknown(why: str) -> Ruling:
    """Not proven to be harmless; nothing more is known."""
    return Ruling(EffectClass.UNKNOWN, why)


def changes(why: str) -> Ruling:
    """Changes something that can be changed back."""
    return Ruling(EffectClass.CHANGES, why)


def destroys(why: str, *, final: bool = False) -> Ruling:
    """Data or service is lost, for a while or for good."""
    return Ruling(EffectClass.DESTROYS, why, final)


def worst(rulings: Iterable[Ruling]) -> Ruling:
    """The most dangerous of at least one, the first of equals; final when any of them is."""
    found = list(rulings)
    if len(found) == 1:
        return found[0]
    worst_of = max(found, key=lambda ruling: (ruling.effect, ruling.final))
    if worst_of.final or not any(each.final for each in found):
        return worst_of
    return worst_of._replace(final=True)


def name_of(call: Call) -> str:
    """Program and verb, as a sentence begins with it."""
    return f"{call.program} {call.verb}".strip()


def texts(call: Call) -> list[str]:
    """Its positional arguments as text."""
    return [word.text for word in call.args]


def is_zero(value: str | None) -> bool:
    """A count that is none: "0", "00"."""
    return value is not None and value.strip().isdigit() and int(value) == 0
