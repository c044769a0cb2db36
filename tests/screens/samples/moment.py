"""When all of it happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 14, 3, 41, tzinfo=UTC)


NOW = START.timestamp()


def ago(seconds: float) -> datetime:
    return START - timedelta(seconds=seconds)
