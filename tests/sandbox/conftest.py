"""What the local control planes answer is held against Google's documents, whatever they were asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..gcloud.discovery import faults_of


@pytest.fixture(autouse=True)
def answers_as_documented(exchanges: list[Any]) -> Iterator[None]:
    """Only requests that were accepted: the others are often wrong on purpose."""
    yield
    assert faults_of(each for each in exchanges if 200 <= each.status < 300) == set()
