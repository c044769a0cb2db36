"""The proof that what the cockpit sends means the same as what kubectl sends.

`recorded.jsonl`: recorded from kubectl 1.32 before a real API server, one command a line, with names of our own.
`differences.toml`: every difference, explained. The cockpit's side is the cockpit itself, from the command's text to
the API server; kubectl's side are its recorded requests, and kubectl itself where it is installed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..gcloud.explained import Explained, table
from .recorded import recorded

FILE = Path(__file__).with_name("differences.toml")


@pytest.fixture(scope="session")
def kubectl_explained() -> tuple[Explained, ...]:
    """The table of differences."""
    return table([each.id for each in recorded()], FILE)
