"""The proof that what the cockpit sends means the same as what gcloud sends.

`recorded.jsonl`: recorded from gcloud 528 against a local recorder, one command a line, with names of our own.
`differences.toml`: every difference, explained. The cockpit's side is the cockpit itself, from the command's text to
the control plane; gcloud's side are its recorded requests, and gcloud itself where it is installed.
"""

from __future__ import annotations

import pytest

from .explained import Explained, table
from .recorded import recorded


@pytest.fixture(scope="session")
def explained() -> tuple[Explained, ...]:
    """The table of differences."""
    return table([each.id for each in recorded()])
