"""What must fit together across the tables of a profile: unique names, references that lead somewhere.

It looks at plain data, so that it can also judge a profile that has other mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAMED_KINDS = ("health", "database", "redis", "cloud_run", "logs", "http_action")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One contradiction: where (a path of keys and indices), and in which words."""

    path: tuple[str | int, ...]
    message: str

    @property
    def where(self) -> str:
        """The path in one word: health[1].name."""
        return dotted(self.path)


def dotted(path: Sequence[str | int]) -> str:
    """("health", 0, "url") -> "health[0].url"."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def conflicts(data: Mapping[str, object]) -> list[Conflict]:
    """All contradictions between the entries of `data`; parts of an unexpected type are passed over."""
    found: list[Conflict] = []
    for kind in NAMED_KINDS:
        first: dict[str, int] = {}
        for index, name in _texts(data, kind, "name"):
            if name in first:
                found.append(Conflict((kind, index, "name"), f"this name is already used by {kind}[{first[name]}]"))
            else:
                first[name] = index
    actions = {name for _, name in _texts(data, "http_action", "name")}
    found += [
        Conflict(("http_action", index, "undo"), "names an http_action that does not exist")
        for index, undo in _texts(data, "http_action", "undo")
        if undo not in actions
    ]
    return found


def _texts(data: Mapping[str, object], kind: str, key: str) -> list[tuple[int, str]]:
    entries = data.get(kind)
    if not isinstance(entries, list | tuple):
        return []
    return [
        (index, entry[key])
        for index, entry in enumerate(entries)
        if isinstance(entry, Mapping) and isinstance(entry.get(key), str)
    ]
