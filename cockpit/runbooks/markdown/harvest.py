"""What is gathered from one procedure, and what surrounds each part of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from cockpit.model.runbook import Clock, Link, Part, Step


@dataclass(frozen=True, slots=True)
class Place:
    """Where a procedure stands."""

    file: str
    headings: tuple[str, ...]


class Scope(NamedTuple):
    """What an item or a label says for the blocks under it."""

    depth: int
    item: bool
    part: Part
    condition: str = ""
    number: str = ""
    clocks: tuple[Clock, ...] = ()
    forbidden: bool = False


@dataclass(slots=True)
class Harvest:
    """What was found."""

    steps: list[Step] = field(default_factory=list)
    symptoms: list[str] = field(default_factory=list)
    causes: list[tuple[str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    ordered: int = 0  # numbered items and check-boxes
    bullets: int = 0  # items without a number
    comments: int = 0  # of shell fences, where they stand for a command
    labels: int = 0  # labels that announce something to do
