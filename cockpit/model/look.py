"""A look: a question that changes nothing, asked for a step of a runbook, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cockpit.model.action import Param
from cockpit.model.severity import Severity, SourceKind


@dataclass(frozen=True, slots=True)
class LookSpec:
    """One declared question. `live`: answered from the readings of the pane; else asked through the adapter."""

    id: str  # "database.query"
    title: str  # "Read-only query"
    pane: SourceKind
    summary: str  # one sentence
    params: tuple[Param, ...] = ()
    live: bool = True


@dataclass(frozen=True, slots=True)
class LookRequest:
    """A question to a source."""

    look: str
    source: str
    params: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    def get(self, name: str) -> str:
        """The parameter, "" when it is not set."""
        return self.params.get(name, "")


@dataclass(frozen=True, slots=True)
class Sight:
    """The answer: a judgement in one line, and the lines behind it. All text is cleaned."""

    severity: Severity
    summary: str
    at: datetime  # UTC, when it was true
    lines: tuple[str, ...] = ()  # at most 200
    cut: bool = False  # there was more
