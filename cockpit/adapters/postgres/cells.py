"""Values of rows -> text for people, and text -> the values that a statement's parameters take."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from cockpit.adapters.capabilities import QueryResult
from cockpit.errors import Refused
from cockpit.text import clean

CELL = 120
_NO = ("f", "false", "no", "off", "0")
_YES = ("t", "true", "yes", "on", "1")


def result_of(names: Sequence[str], rows: Sequence[Any], most: int) -> QueryResult:
    """At most `most` rows. Names may repeat, so cells go by position."""
    cells = tuple(tuple(cell(value) for value in row.values()) for row in rows[:most])
    return QueryResult(tuple(clean(name, 60) for name in names), cells, len(rows) > most)


def cell(value: object) -> str:
    """One value in one line."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case timedelta():
            return str(value - timedelta(microseconds=value.microseconds))
        case bytes():
            return clean(f"\\x{value[:CELL].hex()}", CELL)
        case list() | tuple():
            return clean("{" + ", ".join(cell(each) for each in value[:20]) + "}", CELL)
        case float():
            return f"{value:.10g}"
    return clean(str(value)[: 4 * CELL], CELL)


_READERS: dict[str, Callable[[str], object]] = {
    "int2": int, "int4": int, "int8": int, "oid": int,
    "float4": float, "float8": float, "numeric": Decimal,
    "text": str, "varchar": str, "bpchar": str, "name": str, "unknown": str,
    "uuid": uuid.UUID, "date": date.fromisoformat, "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
}  # fmt: skip


def bound(values: Sequence[str], types: Sequence[str]) -> list[object]:
    """What was typed, as the types that the server inferred for $1, $2 ... Raises Refused for what does not fit."""
    if len(values) != len(types):
        raise Refused("parameters", f"the statement has {len(types)} gaps, {len(values)} were filled")
    return [_value(text, kind, number) for number, (text, kind) in enumerate(zip(values, types, strict=True), 1)]


def _value(text: str, kind: str, number: int) -> object:
    if kind == "bool":
        if text.lower() in (*_YES, *_NO):
            return text.lower() in _YES
        raise Refused("parameters", f"fill{number} must be true or false")
    if kind in ("json", "jsonb"):
        return json.dumps(text)
    reader = _READERS.get(kind)
    if reader is None:
        raise Refused("parameters", f"fill{number} stands for a {clean(kind, 40)}, which cannot be typed here")
    try:
        return reader(text)
    except (ValueError, InvalidOperation):
        raise Refused("parameters", f"fill{number} must be a {clean(kind, 40)}") from None
