"""The audit log: append-only JSON lines, 0600, fsynced, each line bound to the one before by its hash.

A second small file holds the hash of the newest line, so that lines cut off the end are noticed too. Whoever may
write both files can still forge both: ship the log elsewhere where that matters.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cockpit.audit.actor import Actor
from cockpit.errors import Misconfigured

GENESIS = "0" * 64
_TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `run` binds the intent, outcome and verdict of one action together."""

    event: str  # intent, outcome, verdict, refused, armed, disarmed, lock broken, checked, recovered
    system: str = ""
    environment: str = ""
    run: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""  # UTC, ISO 8601
    actor: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    prev: str = GENESIS
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What `verify` found. `line` counts from 1; 0 is the file as a whole."""

    line: int
    message: str


class AuditLog:
    """One file, shared by all cockpits of one user; a lock on it orders their lines."""

    def __init__(self, path: Path, actor: Actor) -> None:
        self.path = path
        self._head = path.with_suffix(".head")
        self._actor = actor

    def append(self, entry: Entry, now: datetime) -> Entry:
        """Write one line and fsync it; returns it as written. Blocking: call it in a thread.

        Raises Misconfigured when the line cannot be made durable.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                return self._append_locked(descriptor, entry, now)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Misconfigured(
                f"the audit log {self.path} cannot be written: {error.strerror}",
                hint="Free space or mend the permissions: until then nothing above T1 runs",
            ) from error

    def _append_locked(self, descriptor: int, entry: Entry, now: datetime) -> Entry:
        seq, prev, torn = self._last(descriptor)
        if torn is not None:
            note = Entry(
                "recovered", facts={"torn_bytes": len(torn), "torn_sha256": hashlib.sha256(torn).hexdigest()}
            )
            written = self._sealed(note, seq + 1, prev, now)
            self._write(descriptor, b"\n" + _line(written))
            seq, prev = written.seq, written.hash
        written = self._sealed(entry, seq + 1, prev, now)
        self._write(descriptor, _line(written))
        self._write_head(written)
        return written

    def _sealed(self, entry: Entry, seq: int, prev: str, now: datetime) -> Entry:
        body = {
            "seq": seq,
            "at": now.astimezone(UTC).isoformat(timespec="milliseconds"),
            "event": entry.event,
            "system": entry.system,
            "environment": entry.environment,
            "run": entry.run,
            "actor": self._actor.as_facts(),
            "facts": dict(entry.facts),
            "prev": prev,
        }
        return _entry({**body, "hash": _digest(body)})

    @staticmethod
    def _write(descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)

    def _write_head(self, entry: Entry) -> None:
        temporary = self._head.with_suffix(f".head.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._write(descriptor, json.dumps({"seq": entry.seq, "hash": entry.hash}).encode())
        finally:
            os.close(descriptor)
        temporary.replace(self._head)

    def _last(self, descriptor: int) -> tuple[int, str, bytes | None]:
        """Sequence and hash of the newest whole line, and the torn bytes after it, if any."""
        size = os.fstat(descriptor).st_size
        window = _TAIL
        while True:
            start = max(0, size - window)
            data = os.pread(descriptor, size - start, start)
            whole, _, torn = data.rpartition(b"\n")
            for raw in reversed(whole.split(b"\n") if start == 0 else whole.split(b"\n")[1:]):
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    line = json.loads(raw)
                    return int(line["seq"]), str(line["hash"]), torn or None
            if start == 0:
                return 0, GENESIS, torn or None
            window *= 4

    def entries(self) -> Iterator[Entry]:
        """All readable lines, oldest first. Blocking."""
        for _, entry in self._parsed():
            if entry is not None:
                yield entry

    def _parsed(self) -> Iterator[tuple[bytes, Entry | None]]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise Misconfigured(f"the audit log {self.path} cannot be read: {error.strerror}") from error
        with file:
            for raw in file:
                try:
                    yield raw, _entry(json.loads(raw))
                except (ValueError, TypeError, KeyError):
                    yield raw, None

    def verify(self) -> tuple[int, tuple[Problem, ...]]:
        """Number of whole lines, and every line that was edited, removed, reordered or torn. Blocking."""
        problems: list[Problem] = []
        prev, seq, count = GENESIS, 0, 0
        torn: tuple[int, bytes] | None = None
        for number, (raw, entry) in enumerate(self._parsed(), 1):
            if entry is None:
                torn = (number, raw.rstrip(b"\n"))
                problems.append(Problem(number, "is not a whole line"))
                continue
            if torn is not None:
                if entry.facts.get("torn_sha256") == hashlib.sha256(torn[1]).hexdigest():
                    problems.pop()  # a crash tore it, and the next start said so
                torn = None
            problems += [Problem(number, text) for text in _faults(entry, seq, prev)]
            prev, seq, count = entry.hash, entry.seq, count + 1
        problems += self._check_head(seq, prev)
        return count, tuple(problems)

    def _check_head(self, seq: int, last: str) -> list[Problem]:
        try:
            head = json.loads(self._head.read_bytes())
            wanted, digest = int(head["seq"]), str(head["hash"])
        except FileNotFoundError:
            return [Problem(0, "the head file is missing: lines may have been cut off the end")] if seq else []
        except (OSError, ValueError, TypeError, KeyError):
            return [Problem(0, "the head file cannot be read")]
        if wanted > seq:
            return [Problem(0, f"{wanted - seq} lines are missing from the end")]
        if wanted == seq and digest != last:
            return [Problem(0, "the newest line is not the one that was written")]
        return []


def _faults(entry: Entry, seq: int, prev: str) -> list[str]:
    found = []
    if _digest(_body(entry)) != entry.hash:
        found.append("was edited: its content does not fit its hash")
    if entry.seq != seq + 1:
        found.append(f"has number {entry.seq} where {seq + 1} belongs: lines were removed or reordered")
    elif entry.prev != prev:
        found.append("does not follow the line before it: lines were replaced")
    return found


def _body(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": entry.at,
        "event": entry.event,
        "system": entry.system,
        "environment": entry.environment,
        "run": entry.run,
        "actor": dict(entry.actor),
        "facts": dict(entry.facts),
        "prev": entry.prev,
    }


def as_json(entry: Entry) -> dict[str, Any]:
    """The line as it stands in the file."""
    return {**_body(entry), "hash": entry.hash}


def _entry(line: Mapping[str, Any]) -> Entry:
    return Entry(
        event=str(line["event"]),
        system=str(line["system"]),
        environment=str(line["environment"]),
        run=str(line["run"]),
        facts=dict(line["facts"]),
        at=str(line["at"]),
        actor=dict(line["actor"]),
        seq=int(line["seq"]),
        prev=str(line["prev"]),
        hash=str(line["hash"]),
    )


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _line(entry: Entry) -> bytes:
    return json.dumps(as_json(entry), separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
