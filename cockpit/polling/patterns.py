"""Messages that differ only in their variable parts, counted: what a flood of errors is about."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field

from cockpit.model.logs import Level, LogEntry, LogPattern

TEMPLATE_CHARS = 240
TEMPLATES = 300
SHOWN = 20
SLOT_S = 10
BASELINE_S = 60.0
BASELINE_ENTRIES = 200
NEW_FOR_S = 1800.0  # after that a pattern is no news any more
_REMEMBERED_MESSAGES = 512

_VARIABLE = re.compile(
    r"""
      (?P<str>"[^"]*"|(?<!\w)'[^']*'(?!\w)|`[^`]*`)
    | (?P<time>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?
              |\b\d\d:\d\d:\d\d(?:[.,]\d+)?)
    | (?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)
    | (?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:]))
    | (?P<hex>\b0[xX][0-9a-fA-F]+\b|\b(?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{8,}\b)
    | (?P<id>\b(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{12,}\b)
    | (?P<n>\d+(?:\.\d+)?)
    """,
    re.VERBOSE,
)


def template_of(message: str) -> str:
    """The message with quoted values, times, UUIDs, addresses, hex, ids and numbers as <placeholders>."""
    return _VARIABLE.sub(lambda match: f"<{match.lastgroup}>", message[:TEMPLATE_CHARS])


@dataclass(slots=True)
class _Pattern:
    level: Level
    first_seen: float
    last_seen: float
    new: bool
    slots: dict[int, int] = field(default_factory=dict)  # number of the 10-s slot -> count


class PatternBook:
    """Templates of WARNING and above, at most `TEMPLATES` of them; the least recently seen give way.

    A pattern is new when the log had been watched before it appeared: at least a minute of the log's own time
    or more than 200 entries.
    """

    def __init__(self, window_s: float = 300.0) -> None:
        self._window_slots = max(1, int(window_s // SLOT_S))
        self._patterns: OrderedDict[str, _Pattern] = OrderedDict()
        self._templates: OrderedDict[str, str] = OrderedDict()
        self._seen = 0
        self._oldest = float("inf")
        self._newest = float("-inf")

    def note(self, count: int, oldest: float, newest: float) -> None:
        """Tell how much of the log, of any level, was watched (times in seconds since the epoch)."""
        self._seen += count
        self._oldest = min(self._oldest, oldest)
        self._newest = max(self._newest, newest)

    def add(self, entry: LogEntry) -> None:
        """Count one entry; below WARNING it is left out."""
        if entry.level < Level.WARNING:
            return
        template = self._template(entry.message)
        pattern = self._patterns.get(template)
        if pattern is None:
            pattern = _Pattern(entry.level, entry.at, entry.at, self._has_baseline())
            self._patterns[template] = pattern
            if len(self._patterns) > TEMPLATES:
                self._patterns.popitem(last=False)
        else:
            self._patterns.move_to_end(template)
            pattern.level = max(pattern.level, entry.level)
            pattern.first_seen = min(pattern.first_seen, entry.at)
            pattern.last_seen = max(pattern.last_seen, entry.at)
        slot = int(entry.at // SLOT_S)
        pattern.slots[slot] = pattern.slots.get(slot, 0) + 1
        if len(pattern.slots) > 4 * self._window_slots:
            newest = max(pattern.slots)
            pattern.slots = {key: n for key, n in pattern.slots.items() if key > newest - self._window_slots}

    def top(self, now: float) -> tuple[LogPattern, ...]:
        """The patterns of the window that ends at `now`, most frequent first, at most `SHOWN`."""
        oldest_slot = int(now // SLOT_S) - self._window_slots
        found: list[LogPattern] = []
        for template, pattern in self._patterns.items():
            count = sum(n for slot, n in pattern.slots.items() if slot > oldest_slot)
            if count:
                new = pattern.new and now - pattern.first_seen <= NEW_FOR_S
                found.append(LogPattern(template, pattern.level, count, pattern.first_seen, pattern.last_seen, new))
        found.sort(key=lambda pattern: (-pattern.count, -pattern.level, pattern.template))
        shown = found[:SHOWN]
        # A new error matters more than a frequent warning: it is never cut off.
        late = [pattern for pattern in found[SHOWN:] if pattern.new and pattern.level >= Level.ERROR]
        return tuple(shown[: SHOWN - len(late[:5])] + late[:5])

    def _has_baseline(self) -> bool:
        return self._seen > BASELINE_ENTRIES or self._newest - self._oldest >= BASELINE_S

    def _template(self, message: str) -> str:
        template = self._templates.get(message)
        if template is None:
            template = self._templates[message] = template_of(message)
            if len(self._templates) > _REMEMBERED_MESSAGES:
                self._templates.popitem(last=False)
        return template
