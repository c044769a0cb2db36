"""What is wrong with a profile, as values and as sentences that repeat no value: it may be a secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cockpit.errors import Misconfigured
from cockpit.text import clean


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` and `column` count from 1 and are 0 where the whole file is meant."""

    file: Path
    line: int
    column: int
    key: str  # "health[0].url"; "" where the text is no TOML
    message: str
    nearest: str = ""  # the name that was probably meant

    def __str__(self) -> str:
        place = clean(str(self.file))
        if self.line:
            place += f":{self.line}:{self.column}"
        key = f"{clean(self.key, 120)}: " if self.key else ""
        meant = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        return f"{place}: {key}{self.message}{meant}"


class ProfileProblems(Misconfigured):
    """A profile cannot be used; `problems` are all that was found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column, problem.key)))
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        files = sorted({clean(str(problem.file)) for problem in self.problems})
        super().__init__(f"{count} {noun} in {', '.join(files)}: {'; '.join(_short(p) for p in self.problems)}")

    def lines(self) -> tuple[str, ...]:
        """One line a problem: file:line:column: key: message."""
        return tuple(str(problem) for problem in self.problems)


def _short(problem: Problem) -> str:
    place = f"line {problem.line} " if problem.line else ""
    return f"{place}{clean(problem.key, 120)} {problem.message}".strip()


def nearest_name(name: str, candidates: Iterable[str]) -> str:
    """The candidate that `name` is probably a slip of, "" when none is near."""
    by_folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.lower().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""
