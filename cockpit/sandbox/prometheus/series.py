"""Samples in memory, by name and labels."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

LOOK_BACK_S = 300.0  # how old a sample may be to count as the value of a moment
_KEPT = 4000
Labels = tuple[tuple[str, str], ...]
Matcher = tuple[str, str, str]  # label, sign, value


@dataclass(slots=True)
class Samples:
    """Of one series. `grown` is a counter's value with its resets taken out."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    grown: list[float] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        """A sample later than all before."""
        before = self.values[-1] if self.values else value
        grown = self.grown[-1] if self.grown else 0.0
        self.times.append(at)
        self.values.append(value)
        self.grown.append(grown + (value - before if value >= before else value))
        if len(self.times) > _KEPT:
            for held in (self.times, self.values, self.grown):
                del held[: _KEPT // 4]

    def at(self, moment: float) -> tuple[float, float] | None:
        """Time and value of the newest sample up to that moment, where it is not too old."""
        place = bisect_right(self.times, moment) - 1
        if place < 0 or moment - self.times[place] >= LOOK_BACK_S:
            return None
        return self.times[place], self.values[place]

    def between(self, start: float, end: float) -> range:
        """Places of the samples after `start` up to `end`."""
        return range(bisect_right(self.times, start), bisect_right(self.times, end))


class Database:
    """All series."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Labels, Samples]] = {}

    def add(self, name: str, labels: Mapping[str, str], at: float, value: float) -> None:
        """One sample."""
        key = tuple(sorted(labels.items()))
        self._held.setdefault(name, {}).setdefault(key, Samples()).add(at, value)

    def find(self, name: str, matchers: Sequence[Matcher]) -> Iterator[tuple[Labels, Samples]]:
        """The series of that name whose labels fit."""
        tests = [_test(each) for each in matchers]
        for labels, samples in self._held.get(name, {}).items():
            named = dict(labels)
            if all(test(named) for test in tests):
                yield labels, samples


def _test(matcher: Matcher) -> Callable[[Mapping[str, str]], bool]:
    label, sign, value = matcher
    if sign in ("=", "!="):
        return lambda labels: (labels.get(label, "") == value) is (sign == "=")
    pattern = re.compile(value)  # anchored, as Prometheus has it
    return lambda labels: (pattern.fullmatch(labels.get(label, "")) is not None) is (sign == "=~")
