"""One mutating action at a time on one target, across all cockpits of a machine.

A lock is a file held by flock: it ends with its process, however that ends. It names its owner, and can be broken
by unlinking the file; its former owner notices before it acts.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cockpit.errors import Misconfigured
from cockpit.text import clean


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a target."""

    who: str
    reason: str
    since: datetime
    run: str


class TargetLock:
    """A held lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def still_held(self) -> bool:
        """False once somebody broke it."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give the target free."""
        if self._descriptor < 0:
            return
        if self.still_held():
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


class Locks:
    """The folder of lock files. All calls are short file operations on a local disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, target: str, holder: Holder) -> TargetLock | Holder:
        """The lock, or whoever holds it."""
        path = self._path(target)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    other = _read(descriptor)
                    os.close(descriptor)
                    return other
                lock = TargetLock(path, descriptor)
                if lock.still_held():  # else its former owner unlinked it between open and flock
                    break
                os.close(descriptor)
            try:
                _write(descriptor, holder)
            except OSError:
                lock.release()  # a full disk must not leave the target held by nobody
                raise
            return lock
        except OSError as error:
            raise Misconfigured(f"the lock {path} cannot be taken: {error.strerror}") from error

    def holder(self, target: str) -> Holder | None:
        """Who holds the target now."""
        return _held_by(self._path(target))

    def runs_in_flight(self) -> set[str]:
        """Run ids that a living process is busy with."""
        holders = [_held_by(path) for path in self._folder.glob("*.lock")] if self._folder.is_dir() else []
        return {holder.run for holder in holders if holder is not None}

    def break_(self, target: str, run: str) -> None:
        """Take the target from this run, while that holds it. The caller audits this."""
        path = self._path(target)
        holder = _held_by(path)
        if holder is not None and holder.run == run:
            path.unlink(missing_ok=True)

    def _path(self, target: str) -> Path:
        return self._folder / f"{hashlib.sha256(target.encode()).hexdigest()[:32]}.lock"


def _held_by(path: Path) -> Holder | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look must not see each other
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _write(descriptor: int, holder: Holder) -> None:
    body = {"who": holder.who, "reason": holder.reason, "since": holder.since.isoformat(), "run": holder.run}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(body).encode(), 0)


def _read(descriptor: int) -> Holder:
    try:
        body = json.loads(os.pread(descriptor, 8192, 0))
        return Holder(
            clean(str(body["who"]), 100),
            clean(str(body["reason"]), 200),
            datetime.fromisoformat(str(body["since"])),
            str(body["run"]),
        )
    except (ValueError, KeyError, TypeError):
        return Holder("somebody", "", datetime.fromtimestamp(os.fstat(descriptor).st_mtime).astimezone(), "")
