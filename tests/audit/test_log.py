"""Whatever is done to the log afterwards, verify finds it."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.audit.actor import Actor
from cockpit.audit.log import AuditLog, Entry
from cockpit.errors import Misconfigured

ME = Actor("u", "me", "jump", "", "", 1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def written(path: Path, count: int = 5) -> AuditLog:
    log = AuditLog(path, ME)
    for number in range(count):
        log.append(Entry("intent", "shop", "demo", f"run{number}", {"n": number, "text": "naïve ☃ \x1b[31m"}), NOW)
    return log


def test_a_log_as_written_verifies_and_is_private(tmp_path: Path) -> None:
    log = written(tmp_path / "state" / "audit.jsonl")
    assert log.verify() == (5, ())
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700
    assert [entry.seq for entry in log.entries()] == [1, 2, 3, 4, 5]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_found(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "audit.jsonl"
    path.unlink(missing_ok=True)
    log = written(path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    old = content[at]
    content[at] = data.draw(st.integers(0, 255).filter(lambda value: value != old))
    path.write_bytes(content)
    same = [json.dumps(json.loads(line), sort_keys=True) for line in _whole_lines(bytes(content))]
    path_lines = [json.dumps(json.loads(line), sort_keys=True) for line in _whole_lines(_original(log, tmp_path))]
    if same != path_lines:  # white space between JSON tokens does not change what a line says
        assert log.verify()[1]


def _whole_lines(content: bytes) -> list[bytes]:
    found = []
    for line in content.split(b"\n"):
        try:
            json.loads(line)
        except ValueError:
            found.append(b'"broken"')
        else:
            found.append(line)
    return found


def _original(log: AuditLog, folder: Path) -> bytes:
    other = folder / "original.jsonl"
    other.unlink(missing_ok=True)
    written(other)
    return other.read_bytes()


@pytest.mark.parametrize("number", range(5))
def test_a_removed_line_is_found_the_last_one_too(tmp_path: Path, number: int) -> None:
    log = written(tmp_path / "audit.jsonl")
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    assert log.verify()[1]


def test_reordered_lines_are_found(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl")
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    assert log.verify()[1]


def test_a_whole_log_that_vanished_is_found_by_its_head(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl")
    log.path.unlink()
    assert "5 lines are missing" in log.verify()[1][0].message


def test_a_line_torn_by_a_crash_is_kept_said_and_not_taken_for_forgery(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl", 2)
    with log.path.open("ab") as file:
        file.write(b'{"seq": 3, "at": "20')
    assert log.verify()[1], "until it is explained"
    log.append(Entry("armed"), NOW)
    assert [entry.event for entry in log.entries()] == ["intent", "intent", "recovered", "armed"]
    assert log.verify() == (4, ())
    edited = log.path.read_bytes().replace(b'"at": "20', b'"at": "21')
    log.path.write_bytes(edited)
    assert log.verify()[1]


def _append_many(path: Path, count: int) -> None:
    log = AuditLog(path, ME)
    for _ in range(count):
        log.append(Entry("armed"), NOW)


def test_two_cockpits_share_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append_many, args=(path, 50)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert AuditLog(path, ME).verify() == (100, ())


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(Misconfigured, match="cannot be written"):
        AuditLog(tmp_path / "audit.jsonl", ME).append(Entry("armed"), NOW)


def test_the_actor_is_the_person_behind_sudo_and_ssh() -> None:
    actor = Actor.current({"SUDO_USER": "ana\x1b]0;x\x07", "SSH_CONNECTION": "10.1.2.3 50000 10.0.0.1 22"})
    assert actor.login == "ana" and actor.origin == "10.1.2.3" and actor.pid == os.getpid()
