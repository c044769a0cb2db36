"""A cockpit that was killed leaves its command running: the next one says where to look for it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cockpit.actions.guards import Confirmation
from cockpit.actions.handler import RunControl
from cockpit.actions.record import process_of
from cockpit.audit.actor import Actor
from cockpit.audit.log import AuditLog, Entry
from cockpit.clock import ManualClock
from cockpit.model.action import ActionRequest, Outcome

ON = ActionRequest("switch.set", "database/main", {"to": "on"})
HERE = Actor.current().host


def left_behind(rig: Any, host: str, group: object) -> None:
    """What a killed cockpit on that host has in the audit log."""
    log = AuditLog(rig.folder / "audit.jsonl", Actor("u", "me", host, "", "", 1))
    for event, facts in (("intent", {"title": "Run line 7"}), ("began", {"process_group": group})):
        log.append(Entry(event, "shop", "production", "run1", facts), ManualClock().now())


async def test_the_process_group_stands_between_intent_and_outcome(rig: Any) -> None:
    def begin(control: RunControl) -> None:
        control.began(4711)

    rig.switch.before_run = begin
    await rig.executor.arm("incident 7")
    record = await rig.executor.execute(await rig.executor.plan(ON), Confirmation("y", "incident 7"))
    await rig.executor.close()
    assert record.outcome is Outcome.SUCCEEDED
    about = [(entry.event, dict(entry.facts)) for entry in rig.audit.entries() if entry.run == record.run]
    assert [event for event, _ in about][:3] == ["intent", "began", "outcome"]
    assert about[1][1] == {"process_group": 4711}
    assert await rig.executor.unresolved() == ()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as begun:
        yield begun
        begun.kill()


async def test_a_command_that_outlived_its_cockpit_is_pointed_at(rig: Any, process: subprocess.Popen[bytes]) -> None:
    left_behind(rig, HERE, process.pid)
    (left,) = await rig.executor.unresolved()
    os.killpg(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    (gone,) = await rig.executor.unresolved()
    assert (left.title, left.run) == ("Run line 7", "run1")
    assert f"process group {process.pid}: one of this number is alive" in left.process
    assert f"ps -o pid,etime,args -g {process.pid}" in left.process
    assert "none of it is alive any more" in gone.process


async def test_on_another_machine_it_can_only_be_pointed_at(rig: Any) -> None:
    left_behind(rig, "jump-2", 4711)
    (left,) = await rig.executor.unresolved()
    assert left.process.startswith("process group 4711 on jump-2: it may still run; look there with ps")


@pytest.mark.parametrize("group", [None, "4711", 0, 1, -1, True])
def test_what_is_no_process_group_is_asked_of_nobody(group: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object) -> None:
        pytest.fail("a signal was sent")

    monkeypatch.setattr(os, "killpg", never)
    assert process_of(HERE, HERE, {"process_group": group}) == ""


async def test_an_intent_without_a_process_says_nothing_of_one(
    make_rig: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "jump")
    rig = make_rig()
    rig.audit.append(Entry("intent", "shop", "production", "run1", {"title": "x"}), ManualClock().now())
    (left,) = await rig.executor.unresolved()
    assert left.process == ""
