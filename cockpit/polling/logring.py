"""The last entries of a log in little memory, and filtered views on them that fill from the newest end.

Closed segments are packed and compressed, the youngest entries are plain objects. Sequence numbers are absolute:
the entry that was number 812 stays number 812 until it falls off.
"""

from __future__ import annotations

import bisect
import itertools
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

from cockpit.model.logs import Level, LogEntry
from cockpit.text import clean

SEGMENT_ENTRIES = 1000
SEGMENT_CHARS = 256 * 1024  # a segment is unpacked as a whole: this bounds how long that takes
DECODED_SEGMENTS = 3
ADVANCE_S = 0.003  # an advance stops after the piece that crosses this
BEHIND = 20_000  # a view that missed more than this starts again from the newest end

_FIELD = "\x1f"  # cannot occur in cleaned text
_FIELDS_PER_LINE = 6
_LEVELS = {int(level) // 100: level for level in Level}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What to see. `text`: words that must all occur (any case) in origin, message, address, status or fields;
    `-word` must not occur. `level`: this or worse. `since`, `until`: seconds since the epoch, both included.
    """

    text: str = ""
    level: Level = Level.DEFAULT
    since: float | None = None
    until: float | None = None

    @property
    def everything(self) -> bool:
        """Hides nothing."""
        return not self.text.strip() and self.level <= Level.DEFAULT and self.since is None and self.until is None

    def words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Lower-case words that must occur, and those that must not. A lone "-" is an ordinary word."""
        wanted: list[str] = []
        unwanted: list[str] = []
        for word in self.text.lower().split():
            if word.startswith("-") and len(word) > 1:
                unwanted.append(word[1:])
            else:
                wanted.append(word)
        return tuple(wanted), tuple(unwanted)

    def matches(self, entry: LogEntry) -> bool:
        """Whether one entry is seen."""
        return _Matcher(self).entry(entry)


class LogRing:
    """The last `capacity` entries. `first` <= sequence number < `end` are there."""

    def __init__(self, capacity: int = 200_000) -> None:
        if capacity < 1:
            raise ValueError("a ring keeps at least one entry")
        self.capacity = capacity
        self.end = 0
        self._starts: list[int] = []
        self._segments: list[_Segment] = []
        self._open: list[LogEntry] = []
        self._open_start = 0
        self._open_chars = 0
        self._decoded: OrderedDict[int, _Decoded] = OrderedDict()

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def first(self) -> int:
        """Sequence number of the oldest entry kept, which is also how many fell off."""
        return max(0, self.end - self.capacity)

    @property
    def packed_bytes(self) -> int:
        """Bytes of the closed segments."""
        return sum(segment.size for segment in self._segments)

    def append(self, entries: Iterable[LogEntry]) -> None:
        """Add entries at the end, oldest first."""
        for entry in entries:
            self._open.append(entry)
            self.end += 1
            self._open_chars += len(entry.message) + len(entry.fields) + 64
            if len(self._open) >= SEGMENT_ENTRIES or self._open_chars >= SEGMENT_CHARS:
                self._close_segment()

    def get(self, seq: int) -> LogEntry:
        """The entry with that number; IndexError when it fell off or is not there yet."""
        if not self.first <= seq < self.end:
            raise IndexError(f"log entry {seq} is not kept")
        if seq >= self._open_start:
            return self._open[seq - self._open_start]
        place = bisect.bisect_right(self._starts, seq) - 1
        return self._decode(place).entry(seq - self._starts[place])

    def slice(self, start: int, stop: int) -> list[LogEntry]:
        """The entries start <= number < stop, as far as they are kept."""
        return [self.get(seq) for seq in range(max(start, self.first), min(stop, self.end))]

    def _close_segment(self) -> None:
        self._starts.append(self._open_start)
        self._segments.append(_Segment.pack(self._open))
        self._open = []
        self._open_chars = 0
        self._open_start = self.end
        first = self.first
        gone = 0
        while gone < len(self._segments) and self._starts[gone] + self._segments[gone].count <= first:
            self._decoded.pop(self._starts[gone], None)
            gone += 1
        del self._starts[:gone], self._segments[:gone]

    def _decode(self, place: int) -> _Decoded:
        start = self._starts[place]
        decoded = self._decoded.get(start)
        if decoded is None:
            decoded = _Decoded(self._segments[place])
            self._decoded[start] = decoded
            if len(self._decoded) > DECODED_SEGMENTS:
                self._decoded.popitem(last=False)
        else:
            self._decoded.move_to_end(start)
        return decoded

    def _scan(self, matcher: _Matcher, start: int, stop: int) -> tuple[int, int, list[int]]:
        """Match one piece that ends at `stop` and begins at `start` or later: (begin, end, matching numbers)."""
        if stop > self._open_start:
            begin = max(start, self._open_start)
            found = [
                seq
                for seq, entry in enumerate(
                    itertools.islice(self._open, begin - self._open_start, stop - self._open_start), begin
                )
                if matcher.entry(entry)
            ]
            return begin, stop, found
        place = bisect.bisect_right(self._starts, stop - 1) - 1
        base = self._starts[place]
        begin = max(start, base)
        found = [base + index for index in matcher.segment(self._segments[place], begin - base, stop - base)]
        return begin, stop, found


class LogView:
    """What a filter leaves of a ring. It knows nothing until `advance` is called, and then only what that did."""

    def __init__(self, ring: LogRing, wanted: LogFilter | None = None) -> None:
        self.ring = ring
        self.filter = wanted or LogFilter()
        self._matcher = _Matcher(self.filter)
        self._back = array("q")  # newest first, found while going back
        self._front = array("q")  # oldest first, found as the ring grew
        self._front_skip = 0  # leading entries of _front that fell off the ring
        self._low = self._high = ring.end  # low <= number < high is known

    def advance(self, budget_entries: int = 20_000) -> bool:
        """Look at up to about that many entries, a few milliseconds at most; True when nothing is left to look at."""
        if self.filter.everything:
            return True
        started = perf_counter()
        self._drop_fallen()
        if self.ring.end - self._high > BEHIND:
            self._restart()
        left = budget_entries
        while left > 0 and (self._high < self.ring.end or self._low > self.ring.first):
            left -= self._forward() if self._high < self.ring.end else self._backward()
            if perf_counter() - started > ADVANCE_S:
                break
        return self._high == self.ring.end and self._low <= self.ring.first

    @property
    def searched(self) -> float:
        """Share of the ring that was looked at, 0..1."""
        kept = len(self.ring)
        if self.filter.everything or kept == 0:
            return 1.0
        return max(0, self._high - max(self._low, self.ring.first)) / kept

    def __len__(self) -> int:
        if self.filter.everything:
            return len(self.ring)
        self._drop_fallen()
        return len(self._back) + len(self._front) - self._front_skip

    def seqs(self, start: int, stop: int) -> list[int]:
        """Sequence numbers of the matches at positions start <= i < stop; position 0 is the oldest known match."""
        size = len(self)
        start, stop = max(0, start), min(stop, size)
        if self.filter.everything:
            return list(range(self.ring.first + start, self.ring.first + stop))
        return [self._at(index) for index in range(start, stop)]

    def slice(self, start: int, stop: int) -> list[LogEntry]:
        """The matching entries at those positions."""
        return [self.ring.get(seq) for seq in self.seqs(start, stop)]

    def position(self, seq: int) -> int:
        """Where the match with that number is, or the first one after it: a cursor stays on its line by this."""
        if self.filter.everything:
            return min(max(seq, self.ring.first), self.ring.end) - self.ring.first
        return bisect.bisect_left(range(len(self)), seq, key=self._at)

    def _at(self, index: int) -> int:
        back = len(self._back)
        return self._back[back - 1 - index] if index < back else self._front[index - back + self._front_skip]

    def _forward(self) -> int:
        stop = min(self.ring.end, self._high + SEGMENT_ENTRIES)
        pieces: list[list[int]] = []
        while stop > self._high:
            stop, _, found = self.ring._scan(self._matcher, self._high, stop)
            pieces.append(found)
        for piece in reversed(pieces):
            self._front.extend(piece)
        looked = min(self.ring.end, self._high + SEGMENT_ENTRIES) - self._high
        self._high += looked
        return looked

    def _backward(self) -> int:
        begin, end, found = self.ring._scan(self._matcher, self.ring.first, self._low)
        self._back.extend(reversed(found))
        self._low = begin
        return end - begin

    def _restart(self) -> None:
        self._back, self._front, self._front_skip = array("q"), array("q"), 0
        self._low = self._high = self.ring.end

    def _drop_fallen(self) -> None:
        first = self.ring.first
        if self._high < first:
            self._restart()
            return
        while self._back and self._back[-1] < first:
            self._back.pop()
        if not self._back:
            skip = bisect.bisect_left(self._front, first, lo=self._front_skip)
            self._front_skip = skip
            if skip > 4096 and skip * 2 > len(self._front):
                del self._front[:skip]
                self._front_skip = 0


class _Segment:
    """Packed entries: levels stay readable, the rest is compressed."""

    __slots__ = ("count", "levels", "newest", "oldest", "packed_lines", "packed_numbers", "worst")

    def __init__(self, entries: Sequence[LogEntry], lines: bytes) -> None:
        times = array("d", [entry.at for entry in entries])
        latencies = array("d", [entry.latency_ms for entry in entries])
        self.count = len(entries)
        self.levels = bytes([entry.level // 100 for entry in entries])
        self.worst = max(self.levels)
        self.oldest, self.newest = min(times), max(times)
        self.packed_lines = zlib.compress(lines, 1)
        self.packed_numbers = zlib.compress(times.tobytes() + latencies.tobytes(), 1)

    @classmethod
    def pack(cls, entries: Sequence[LogEntry]) -> _Segment:
        text = "\n".join(map(_line, entries))
        if text.count("\n") != len(entries) - 1 or text.count(_FIELD) != (_FIELDS_PER_LINE - 1) * len(entries):
            # Uncleaned text slipped in. The separators must hold, whatever an adapter does.
            text = "\n".join(_FIELD.join(map(clean, _parts(entry))) for entry in entries)
        return cls(entries, text.encode("utf-8", "replace"))

    @property
    def size(self) -> int:
        return len(self.packed_lines) + len(self.packed_numbers) + len(self.levels)

    def text(self) -> str:
        return zlib.decompress(self.packed_lines).decode()

    def numbers(self) -> array[float]:
        """Times of all entries, then their latencies."""
        values = array("d")
        values.frombytes(zlib.decompress(self.packed_numbers))
        return values


class _Decoded:
    """An unpacked segment; entries are made one by one as they are asked for."""

    __slots__ = ("_levels", "_lines", "_numbers")

    def __init__(self, segment: _Segment) -> None:
        self._lines = segment.text().split("\n")
        self._numbers = segment.numbers()
        self._levels = segment.levels

    def entry(self, index: int) -> LogEntry:
        origin, message, client_ip, status, insert_id, fields = self._lines[index].split(_FIELD)
        return LogEntry(
            at=self._numbers[index],
            level=_LEVELS[self._levels[index]],
            origin=origin,
            message=message,
            fields=fields,
            client_ip=client_ip,
            status=int(status or 0),
            latency_ms=self._numbers[len(self._lines) + index],
            insert_id=insert_id,
        )


class _Matcher:
    """A filter made ready: the same answer for an entry as for its line in a segment."""

    def __init__(self, wanted: LogFilter) -> None:
        self._wanted, self._unwanted = wanted.words()
        self._words = bool(self._wanted or self._unwanted)
        self._level = int(wanted.level) // 100
        self._since = float("-inf") if wanted.since is None else wanted.since
        self._until = float("inf") if wanted.until is None else wanted.until

    def entry(self, entry: LogEntry) -> bool:
        if entry.level // 100 < self._level or not self._since <= entry.at <= self._until:
            return False
        return not self._words or self._line(_line(entry).lower())

    def segment(self, segment: _Segment, start: int, stop: int) -> list[int]:
        """Matching indexes in start <= i < stop."""
        if segment.worst < self._level or segment.newest < self._since or segment.oldest > self._until:
            return []
        level = self._level
        levels = segment.levels
        found = [index for index in range(start, stop) if levels[index] >= level] if level else range(start, stop)
        if segment.oldest < self._since or segment.newest > self._until:
            times = segment.numbers()
            found = [index for index in found if self._since <= times[index] <= self._until]
        if not self._words or not found:
            return list(found)
        text = segment.text().lower()
        if any(word not in text for word in self._wanted):
            return []
        lines = text.split("\n")
        return [index for index in found if self._line(lines[index])]

    def _line(self, line: str) -> bool:
        for word in self._wanted:
            if word not in line:
                return False
        return all(word not in line for word in self._unwanted)


def _parts(entry: LogEntry) -> tuple[str, str, str, str, str, str]:
    status = str(entry.status) if entry.status else ""
    return entry.origin, entry.message, entry.client_ip, status, entry.insert_id, entry.fields


def _line(entry: LogEntry) -> str:
    return (
        f"{entry.origin}\x1f{entry.message}\x1f{entry.client_ip}\x1f{entry.status or ''}"
        f"\x1f{entry.insert_id}\x1f{entry.fields}"
    )
