"""What every table of a profile has, and every source that is polled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cockpit.profile.consistency import Conflict
from cockpit.profile.fields import Duration, Name


class Section(BaseModel):
    """Base of every table in a profile."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """What contradicts itself in a table with these keys, defaults filled in; of any type, also wrong ones."""
        return []

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if found := self.conflicts(self.__dict__):  # dict(self) would take a field called keys for a method
            raise ValueError("; ".join(f"{conflict.where}: {conflict.message}".lstrip(": ") for conflict in found))
        return self


class Source(Section):
    """What every polled source has."""

    name: Name
    """Short name, unique among its kind: shown in titles and used as KIND/NAME on the command line."""
    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 5.0
    """Time between the starts of two polls."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 3.0
    """Deadline of one poll; after it this source is failed, and no other is delayed."""
    playbook: str | None = None
    """Heading of the runbook that the guide suggests first when this source is not well."""
