"""What a profile may say of a PostgreSQL server: how to reach it, own queries to watch, own changes to offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cockpit.model.sql import NotOne, reads_alone, row_change
from cockpit.model.sql import one_line as in_one_line
from cockpit.profile.consistency import Conflict, database_conflicts, update_conflicts
from cockpit.profile.fields import Duration, Name
from cockpit.profile.google import MetricBound
from cockpit.profile.secrets import SecretRef
from cockpit.profile.section import Section, Source


def _query(text: str) -> str:
    try:
        if reads_alone(text):
            return text
    except NotOne as error:
        raise ValueError(f"must be one SELECT: {error}") from None
    raise ValueError("must be one statement that only reads: SELECT, WITH ... SELECT, VALUES or TABLE")


def _statement(text: str) -> str:
    try:
        line = in_one_line(text)
        change = row_change(line)
    except NotOne as error:
        raise ValueError(f"must be one UPDATE, DELETE or INSERT: {error}") from None
    if change is None or change.verb not in ("UPDATE", "DELETE", "INSERT"):
        raise ValueError("must be one plain UPDATE, DELETE or INSERT of one table")
    if change.verb != "INSERT" and not change.where:
        raise ValueError(f"needs a WHERE: without one {change.verb} hits every row")
    return line


class SqlPanelSpec(Section):
    """A query of the team, shown in the database pane."""

    title: str
    """What it tells, in a few words."""
    query: Annotated[str, AfterValidator(_query)]
    """One statement that only reads. It runs in a READ ONLY transaction and calls no volatile function."""
    of: Literal["value", "rows"] = "value"
    """What is shown and judged: the first column of the first row, or how many rows there are."""
    unit: str = ""
    """Unit of that number: "s", "%" of 0 to 1, "ms", "By"; "" for a plain count."""
    warn: MetricBound | None = None
    """Comparison that makes it a warning: "> 5". No row, or NULL, breaks no bound."""
    critical: MetricBound | None = None
    """Comparison that makes it critical."""
    for_: Annotated[Duration, Field(ge=0, le=86400)] = Field(default=0.0, alias="for")
    """How long the comparison must hold without a break before it counts."""
    interval: Annotated[Duration, Field(ge=1, le=3600)] = 30.0
    """Time between two runs."""
    timeout: Annotated[Duration, Field(ge=0.1, le=30)] = 3.0
    """The server ends the query after this; the pane itself never waits for it."""
    rows: Annotated[int, Field(ge=1, le=100)] = 10
    """How many rows of its answer enter shows."""
    playbook: str | None = None
    """Heading of the runbook that the guide suggests first when a bound is broken."""


class SqlInput(Section):
    """A value that is asked for before a declared change: the first is $1 in its statement, the second $2."""

    name: Name
    """Short name."""
    kind: Literal["integer", "number", "text"] = "text"
    """What may be typed."""
    help: str = ""
    """What it means."""


class SqlUpdateSpec(Section):
    """A change of rows that the team's runbook knows, offered as a guarded action."""

    name: Name
    """Short name: database.update offers it under this."""
    title: str
    """What it does, in a few words."""
    statement: Annotated[str, AfterValidator(_statement)]
    """One plain UPDATE, DELETE or INSERT of one table, with a WHERE; $1, $2 ... for what is asked."""
    input: tuple[SqlInput, ...] = ()
    """What is asked for, in the order of $1, $2 ..."""
    tier: Literal["T2", "T3", "T4"] = "T3"
    """How much confirmation it needs; a tier more where it hits more rows than [limits] allows."""
    affects: str = "everything that reads the table"
    """Who will feel it."""
    undo: str = "none: rows do not come back. Keep them first"
    """How to get back, in a sentence."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return update_conflicts(entry)


class DatabaseSource(Source):
    """A PostgreSQL server, 13 to 18."""

    dsn: SecretRef | None = None
    """Reference to a libpq URI or keyword string. Without it the libpq environment, service and .pgpass apply."""
    service: str | None = None
    """Name of a libpq service (pg_service.conf)."""
    pool_warn: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of usable connections in use that is a warning."""
    pool_critical: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Share of usable connections in use that is critical."""
    blocked_warn: Annotated[Duration, Field(gt=0)] = 5.0
    """A lock wait longer than this is a warning."""
    long_transaction: Annotated[Duration, Field(gt=0)] = 300.0
    """A transaction older than this is a warning."""
    panel: tuple[SqlPanelSpec, ...] = ()
    """Queries of the team, below what the pane shows by itself."""
    update: tuple[SqlUpdateSpec, ...] = ()
    """Changes of rows that the runbook knows."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return database_conflicts(entry)
