"""Fields of JSON objects as they come from outside: any may be missing, null or of another type than its API says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cockpit.text import clean

Json = dict[str, Any]
_MOST = 1e18


def part(value: object, *path: str) -> Json:
    """The object under these keys, {} where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else {}


def parts(value: object, *path: str) -> Iterator[Json]:
    """The objects of the list under these keys."""
    found = part(value, *path[:-1]).get(path[-1]) if path else value
    for each in found if isinstance(found, list) else ():
        if isinstance(each, dict):
            yield each


def text(value: object, limit: int = 400) -> str:
    """A cleaned text, "" for what is none."""
    return clean(value, limit) if isinstance(value, str) else ""


def texts(value: object, limit: int = 400) -> tuple[str, ...]:
    """The cleaned texts of a list."""
    return tuple(text(each, limit) for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def number(value: object) -> int:
    """An integer, 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST else 0


def moment(value: object) -> datetime | None:
    """An RFC 3339 time in UTC; None for what is none."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    try:
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except OverflowError:
        return None
