"""Tables with a comment behind each value -> the text of a profile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from cockpit.runbooks.draft.evidence import Value
from cockpit.text import clean

Written = str | list[str] | dict[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with its value, and where that comes from."""

    key: str
    value: Written
    told: Value | None = None
    listed: bool = True  # in the summary; the rest of a row is not


@dataclass(slots=True)
class Table:
    """One [table] or [[table]], "" for the keys at the top; `off` comments it out, and says why."""

    header: str
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # comment lines above
    off: str = ""

    def data(self) -> dict[str, object]:
        """As the profile would read it."""
        return {entry.key: entry.value for entry in self.entries}


def text_of(tables: Sequence[Table]) -> str:
    """The whole file."""
    parts = ["\n".join(_table(table)) for table in tables]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(table: Table) -> list[str]:
    lines = [f"# {clean(note)}" for note in table.notes]
    if table.off:
        lines.append(f"# {clean(table.off)}")
    body = [table.header] if table.header else []
    body += [_entry(entry) for entry in table.entries]
    return lines + [f"# {line}" for line in body] if table.off else lines + body


def _entry(entry: Entry) -> str:
    comment = clean(entry.told.comment) if entry.told is not None else ""
    return f"{entry.key} = {_value(entry.value)}" + (f"  # {comment}" if comment else "")


def _value(value: Written) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_text(key)} = {_text(each)}" for key, each in value.items()) + " }"
    return "[" + ", ".join(_text(each) for each in value) + "]"


def _text(text: str) -> str:
    """A basic string: what JSON escapes, TOML escapes the same way. `clean` left no control character in it."""
    return json.dumps(clean(text), ensure_ascii=False)
