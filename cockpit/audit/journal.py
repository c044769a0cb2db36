"""Which revision served when, on disk: what makes "the revision before" a fact and no guess.

JSON lines, mode 0600, bounded; a torn last line is skipped. Not part of the audit log: losing it loses no record
of an action.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cockpit.errors import Misconfigured
from cockpit.text import clean

KEPT_PER_SERVICE = 50
COMPACT_LINES = 1000
REFRESH_S = 300.0  # how often "still serving" is written


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One revision serving without a break, as far as it was seen."""

    revision: str
    since: float
    until: float


class FileJournal:
    """ServingJournal in a file. Writes are rare (a change, or every five minutes) and small."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stretches: dict[str, list[_Stretch]] | None = None
        self._lines = 0
        self._written: dict[str, tuple[str, float]] = {}

    def observe(self, service: str, revision: str, at: datetime) -> None:
        """Note that it serves now. Misconfigured when the file cannot be written; it is noted in memory even then."""
        moment = at.timestamp()
        stretches = self._load().setdefault(service, [])
        _extend(stretches, revision, moment)
        last = self._written.get(service)
        if last is not None and last[0] == revision and 0 <= moment - last[1] < REFRESH_S:
            return
        line = json.dumps({"service": service, "revision": revision, "at": moment}, separators=(",", ":"))
        try:
            self._append(line)
        except OSError as error:
            raise Misconfigured(
                f"{clean(str(self._path))} cannot be written: {error.strerror}",
                hint="which revision served before is known only for this session",
            ) from error
        self._written[service] = (revision, moment)

    def before(self, service: str, revision: str) -> tuple[str, datetime] | None:
        """The revision that served before `revision` last took over, and when it was last seen serving."""
        stretches = self._load().get(service, [])
        place = next((i for i in range(len(stretches) - 1, -1, -1) if stretches[i].revision == revision), None)
        # A revision never seen serving is just taking over from the last one that was.
        earlier = stretches if place is None else stretches[:place]
        if not earlier:
            return None
        return earlier[-1].revision, datetime.fromtimestamp(earlier[-1].until, tz=UTC)

    def _load(self) -> dict[str, list[_Stretch]]:
        if self._stretches is None:
            self._stretches = {}
            for service, revision, moment in self._read():
                _extend(self._stretches.setdefault(service, []), revision, moment)
        return self._stretches

    def _read(self) -> Iterator[tuple[str, str, float]]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Misconfigured(
                f"{clean(str(self._path))} cannot be read: {error.strerror}", hint="check its owner and mode"
            ) from error
        for line in data.splitlines():
            self._lines += 1
            try:
                record = json.loads(line)
                found = (str(record["service"]), clean(str(record["revision"]), 200), float(record["at"]))
            except (ValueError, KeyError, TypeError):
                continue  # torn by a crash in the middle of a write
            yield found

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lines >= COMPACT_LINES:
            self._compact()
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another cockpit compacts at this moment; it knows the same, and the next poll writes again.
            os.close(descriptor)
            return
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, ("\n" if torn else "").encode() + line.encode() + b"\n")
            self._lines += 1
        finally:
            os.close(descriptor)

    def _compact(self) -> None:
        """Rewrite the file with the last stretches of each service."""
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        lines: list[str] = []
        for service, stretches in self._load().items():
            del stretches[:-KEPT_PER_SERVICE]
            for stretch in stretches:
                for moment in sorted({stretch.since, stretch.until}):
                    record = {"service": service, "revision": stretch.revision, "at": moment}
                    lines.append(json.dumps(record, separators=(",", ":")) + "\n")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(lines)
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
        self._lines = len(lines)


def _extend(stretches: list[_Stretch], revision: str, moment: float) -> None:
    if stretches and stretches[-1].revision == revision:
        stretches[-1] = _Stretch(revision, stretches[-1].since, max(moment, stretches[-1].until))
    else:
        stretches.append(_Stretch(revision, moment, moment))
