"""The journal of what served: across sessions, torn lines, foreign hands and limits."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.audit import journal
from cockpit.audit.journal import FileJournal
from cockpit.errors import Misconfigured

START = datetime(2026, 11, 21, 4, tzinfo=UTC)
SHOP = "projects/p/locations/r/services/shop"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "serving.jsonl"


def test_it_remembers_what_served_before_across_sessions(path: Path) -> None:
    first = FileJournal(path)
    assert first.before(SHOP, "r1") is None
    first.observe(SHOP, "r1", at(0))
    first.observe(SHOP, "r1", at(7))
    first.observe(SHOP, "r2", at(8))
    assert first.before(SHOP, "r2") == ("r1", at(7))
    second = FileJournal(path)
    assert second.before(SHOP, "r2") == ("r1", at(7))
    assert second.before(SHOP, "r1") is None
    assert second.before(SHOP, "r3") == ("r2", at(8))
    assert second.before("other", "r2") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_writes_only_changes_and_now_and_then_that_it_still_serves(path: Path) -> None:
    journal_ = FileJournal(path)
    for second in range(0, 600, 5):
        journal_.observe(SHOP, "r1", START + timedelta(seconds=second))
    assert len(path.read_text().splitlines()) == 2


def test_a_torn_last_line_is_skipped_and_not_continued(path: Path) -> None:
    FileJournal(path).observe(SHOP, "r1", at(0))
    with path.open("a") as file:
        file.write('{"service":"' + SHOP + '","rev')
    again = FileJournal(path)
    again.observe(SHOP, "r2", at(1))
    assert FileJournal(path).before(SHOP, "r2") == ("r1", at(0))
    assert len(path.read_text().splitlines()) == 3


def test_lines_of_other_shapes_are_skipped(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'[]\nnull\n{"service":1}\n\xff\xfe\n{"service":"s","revision":"r","at":"x"}\n')
    assert FileJournal(path).before("s", "r") is None


def test_the_file_stays_bounded_and_keeps_the_latest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "COMPACT_LINES", 20)
    monkeypatch.setattr(journal, "KEPT_PER_SERVICE", 5)
    kept = FileJournal(path)
    for number in range(200):
        kept.observe(SHOP, f"r{number}", at(number))
        assert len(path.read_text().splitlines()) <= 21
    assert FileJournal(path).before(SHOP, "r199") == ("r198", at(198))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        FileJournal(tmp_path).before(SHOP, "r1")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Misconfigured):
        FileJournal(file / "serving.jsonl").observe(SHOP, "r1", at(0))
