"""Tables and lists that set one thing against another: cause and solution, step and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.runbooks.markdown.inline import plain
from cockpit.text import clean

_CAUSE = re.compile(
    r"causes?|scenarios?|problems?|issues?|symptoms?|errors?|situations?|failures?|conditions?|if|when|reasons?|titles?|alerts?|messages?",
    re.I,
)
_CURE = re.compile(
    r"solutions?|actions?|fix(?:es)?|resolutions?|remed\w+|mitigations?|responses?|what to do|recovery"
    r"|workarounds?|then|next steps?",
    re.IGNORECASE,
)
_STEP = re.compile(r"(?:step|#|no\.?|order|phase)s?$", re.IGNORECASE)
_DOING = re.compile(r"(?:action|task|what|instruction|description|activity|command|step)s?\b", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:→|->|=>|⇒|:\s|\s[-–—]\s)\s*")


def cause_columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Indices of the cause and the cure, where a table has both."""
    names = [plain(cell) for cell in header]
    cure = next((n for n, name in enumerate(names) if n and _CURE.search(name)), None)
    cause = next((n for n, name in enumerate(names) if n != cure and _CAUSE.search(name)), None)
    return (cause, cure) if cause is not None and cure is not None and cause < cure else None


def step_columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Indices of the number and the instruction, where the rows of a table are steps."""
    names = [plain(cell) for cell in header]
    if len(names) < 2 or not _STEP.match(names[0]):
        return None
    doing = next((n for n, name in enumerate(names) if n and _DOING.match(name)), 1)
    return 0, doing


def pair_of(text: str) -> tuple[str, str]:
    """ "Pool exhausted → restart the worker" -> both sides; the second is "" where there is none."""
    said = plain(text)
    parts = _BETWEEN.split(said, maxsplit=1)
    return (clean(parts[0]), clean(parts[1])) if len(parts) == 2 and all(parts) else (clean(said), "")
