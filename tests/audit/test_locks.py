"""A target has one holder; a holder that dies lets go."""

from __future__ import annotations

import errno
import fcntl
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.audit.locks import Holder, Locks, TargetLock
from cockpit.errors import Misconfigured

ANA = Holder("ana@jump", "roll back", datetime(2026, 1, 1, tzinfo=UTC), "run1")
BEN = Holder("ben@jump", "flush", datetime(2026, 1, 1, tzinfo=UTC), "run2")
HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from cockpit.audit.locks import Holder, Locks
lock = Locks(Path(sys.argv[1])).take("db", Holder("ana@jump", "roll back", datetime.now(UTC), "run1"))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    first = locks.take("db", ANA)
    assert isinstance(first, TargetLock)
    assert locks.take("db", BEN) == ANA
    assert locks.holder("db") == ANA and locks.runs_in_flight() == {"run1"}
    assert isinstance(locks.take("cache", BEN), TargetLock), "another target is free"
    first.release()
    assert locks.holder("db") is None
    assert isinstance(locks.take("db", BEN), TargetLock)


def test_a_holder_killed_lets_go_and_a_living_one_does_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        locks = Locks(tmp_path)
        held = locks.take("db", BEN)
        assert isinstance(held, Holder) and held.who == "ana@jump"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert isinstance(locks.take("db", BEN), TargetLock)


def test_a_broken_lock_is_noticed_by_its_holder(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    first = locks.take("db", ANA)
    assert isinstance(first, TargetLock) and first.still_held()
    locks.break_("db", ANA.run)
    second = locks.take("db", BEN)
    assert isinstance(second, TargetLock)
    assert not first.still_held() and second.still_held()
    first.release()
    assert second.still_held(), "the former holder must not take the new one's lock along"


def test_a_lock_that_could_not_be_written_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    locks = Locks(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Misconfigured, match="no space"):
        patch.setattr("os.pwrite", full)
        locks.take("db", ANA)
    assert isinstance(locks.take("db", BEN), TargetLock)


def test_a_lock_is_broken_only_for_the_run_that_was_meant(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    first = locks.take("db", ANA)
    assert isinstance(first, TargetLock)
    locks.break_("db", BEN.run)
    assert first.still_held()


def test_who_looks_is_not_taken_for_a_holder(tmp_path: Path) -> None:
    """A crash leaves the file; two cockpits that look at it at once must not see each other as its holder."""
    locks = Locks(tmp_path)
    first = locks.take("db", ANA)
    assert isinstance(first, TargetLock)
    (path,) = tmp_path.glob("*.lock")
    text = path.read_text()
    first.release()
    path.write_text(text)
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert locks.holder("db") is None and locks.runs_in_flight() == set()
