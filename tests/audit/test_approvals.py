"""An approval is a file that somebody else made for this very plan, lately."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.audit.approvals import Approvals
from cockpit.errors import Refused

DIGEST = "ab" * 32
NOW = datetime.now(UTC)
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="giving a file to another account needs root")


def by_somebody_else(path: Path) -> Path:
    path.touch()
    os.chown(path, 1, 1)
    os.utime(path, (NOW.timestamp() - 1, NOW.timestamp() - 1))
    return path


@needs_root
def test_somebody_elses_file_of_the_last_quarter_of_an_hour_counts(tmp_path: Path) -> None:
    by_somebody_else(tmp_path / f"{DIGEST}.1")
    approvals = Approvals(tmp_path)
    assert approvals.approver(DIGEST, NOW)
    assert approvals.approver("cd" * 32, NOW) == ""
    assert approvals.approver(DIGEST, NOW + timedelta(minutes=16)) == ""
    assert approvals.approver(DIGEST, NOW - timedelta(minutes=1)) == "", "one from the future is no yes"


@needs_root
def test_a_file_made_for_another_purpose_is_no_approval(tmp_path: Path) -> None:
    other = by_somebody_else(tmp_path / "notes.txt")
    (tmp_path / f"{DIGEST}.1").hardlink_to(other)
    folder = tmp_path / f"{DIGEST}.2"
    folder.mkdir()
    os.chown(folder, 1, 1)
    assert Approvals(tmp_path).approver(DIGEST, NOW) == ""


def test_ones_own_yes_is_written_and_does_not_count(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    path = approvals.give(DIGEST)
    assert path.name == f"{DIGEST}.{os.getuid()}"
    assert approvals.approver(DIGEST, datetime.now(UTC) + timedelta(seconds=1)) == ""
    with pytest.raises(Refused, match="digest"):
        approvals.give("../../etc/passwd")
