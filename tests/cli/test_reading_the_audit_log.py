"""audit show, tail and verify on a log that the cockpit's own writer made."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cockpit.audit.actor import Actor
from cockpit.audit.log import AuditLog, Entry

Cockpit = Callable[..., Awaitable[Any]]
ANN = Actor("oncall", "ann", "jump1", "/dev/pts/3", "192.0.2.7", 42)
START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "state" / "cockpit" / "audit.jsonl", ANN)
    for number, (system, run, event, facts) in enumerate(
        [
            ("shop", "", "armed", {"reason": "checkout fails"}),
            ("shop", "aaa", "intent", {"title": "Roll back", "target": "checkout", "reason": "checkout fails"}),
            ("shop", "aaa", "outcome", {"outcome": "succeeded", "summary": "100 % on shop-1"}),
            ("billing", "bbb", "refused", {"title": "Flush", "refusals": [["mode", "the cockpit is in OBSERVE"]]}),
        ]
    ):
        log.append(Entry(event, system, "production", run, facts), START + timedelta(seconds=number))
    return log


async def test_show_prints_a_line_an_entry_oldest_first(cockpit: Cockpit, log: AuditLog) -> None:
    ran = await cockpit("audit", "show")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert len(lines) == 4
    assert re.split(r"\s{2,}", lines[1]) == [
        "2026-03-01 03:00:01",
        "intent",
        "aaa",
        "ann",
        "shop/production",
        "Roll back · checkout · checkout fails",
    ]
    assert "mode: the cockpit is in OBSERVE" in lines[3]


async def test_show_can_be_narrowed_to_a_system_or_one_action(cockpit: Cockpit, log: AuditLog) -> None:
    shop = (await cockpit("audit", "show", "--system", "shop", "--json")).json
    assert [entry["event"] for entry in shop["entries"]] == ["armed", "intent", "outcome"]
    one = (await cockpit("audit", "show", "--run", "aaa", "--json")).json
    assert [entry["seq"] for entry in one["entries"]] == [2, 3]
    assert one["path"] == str(log.path)
    assert one["entries"][0]["actor"]["login"] == "ann"


async def test_tail_prints_the_newest(cockpit: Cockpit, log: AuditLog) -> None:
    ran = await cockpit("audit", "tail", "-n", "1")
    assert "Flush" in ran.out and ran.out.count("\n") == 1


async def test_tail_follows_what_is_appended_until_it_is_stopped(start: Cockpit, log: AuditLog) -> None:
    process = await start("audit", "tail", "-n", "1", "-f", "--json")
    async with asyncio.timeout(20):
        assert json.loads(await process.stdout.readline())["seq"] == 4
        await asyncio.to_thread(log.append, Entry("disarmed", "shop", "production"), START)
        assert json.loads(await process.stdout.readline())["event"] == "disarmed"
        process.terminate()
        assert await process.wait() == 143


async def test_an_untouched_log_is_intact(cockpit: Cockpit, log: AuditLog) -> None:
    ran = await cockpit("audit", "verify")
    assert (ran.code, ran.out) == (0, f"4 lines in {log.path}: intact\n")
    assert (await cockpit("audit", "verify", "--json")).json == {
        "path": str(log.path),
        "lines": 4,
        "intact": True,
        "problems": [],
    }


def edited(text: str) -> str:
    return text.replace("100 % on shop-1", "100 % on shop-2")


def without_a_line(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[2:])


def swapped(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([lines[0], lines[2], lines[1], lines[3]])


def cut_short(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:3])


@pytest.mark.parametrize("change", [edited, without_a_line, swapped, cut_short])
async def test_a_log_that_was_changed_is_not_intact_and_exit_code_1(
    cockpit: Cockpit, log: AuditLog, change: Callable[[str], str]
) -> None:
    rewrite(log.path, change)
    ran = await cockpit("audit", "verify")
    assert ran.code == 1
    assert "NOT intact" in ran.out
    found = (await cockpit("audit", "verify", "--json")).json
    assert found["intact"] is False and found["problems"]


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


async def test_without_a_log_there_is_nothing_to_show(cockpit: Cockpit, tmp_path: Path) -> None:
    ran = await cockpit("audit", "show")
    assert (ran.code, ran.out) == (0, f"nothing recorded in {tmp_path}/state/cockpit/audit.jsonl\n")


async def test_an_escape_sequence_planted_in_the_log_does_not_reach_the_terminal(
    cockpit: Cockpit, log: AuditLog
) -> None:
    planted = Entry("intent", "shop", "production", "ccc", {"title": "x\x1b]52;c;ZXZpbA==\x07y"})
    await asyncio.to_thread(log.append, planted, START)
    for words in (("show",), ("tail",), ("show", "--json")):
        ran = await cockpit("audit", *words)
        assert "\x1b" not in ran.out and "\x07" not in ran.out


async def test_a_reader_that_goes_away_is_no_error(start: Cockpit, log: AuditLog) -> None:
    for _ in range(30):  # more than the pipe and the reader's buffer hold
        entry = Entry("armed", "shop", "production", "", {"reason": "x" * 50_000})
        await asyncio.to_thread(log.append, entry, START)
    process = await start("audit", "show", "--json")
    async with asyncio.timeout(20):
        await process.stdout.read(10)
        process.stdout._transport.close()  # as `| head` does
        assert await process.stderr.read() == b""
        assert await process.wait() == 74
