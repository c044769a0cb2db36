"""The guide over the real engine and a real file: read, accepted, ticked, planned, changed, recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cockpit.audit.actor import Actor
from cockpit.audit.log import AuditLog
from cockpit.engine.places import audit_path, state_folder
from cockpit.sandbox.process import free_port
from screens.app import CockpitApp
from screens.dialogs.plan_card import PlanCard
from screens.guide.trust import TrustDialog

PROFILE = """
system = "shop"
environment = "staging"
[[health]]
name = "web"
url = "http://127.0.0.1:{port}/health"
[runbook]
files = ["ON-CALL.md"]
"""
RUNBOOK = """# On call

## The web shop is down

**Symptoms:** the health endpoint refuses connections

### Diagnosis

1. Look whether it answers
   ```bash
   curl -fsS http://127.0.0.1:{port}/health
   ```
2. See how much room is left on this machine
   ```bash
   df -h /
   ```
3. Ask the others whether they see it too

### Escalation

If it is not resolved in 30 minutes, call the engineering lead.
"""


class Sitting:
    """The app on a profile, keys, and conditions with a deadline."""

    def __init__(self, app: CockpitApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def until(self, holds: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(20):
                while not holds():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            pytest.fail(f"not within 20 s: {what}\n{self.text}")
        await self.pilot.pause()

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.text, words)

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def accept(self) -> None:
        await self.until(lambda: isinstance(self.app.screen, TrustDialog), "the question")
        dialog: Any = self.app.screen
        await self.until(lambda: dialog.gate.open, "the dead time")
        await self.pilot.press("y")


async def test_from_the_file_to_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    port = free_port()
    profile, runbook = tmp_path / "shop.toml", tmp_path / "ON-CALL.md"
    profile.write_text(PROFILE.format(port=port))
    runbook.write_text(RUNBOOK.format(port=port))

    async def prepare(say: Callable[[str], None]) -> Path:
        return profile

    given: Callable[[Callable[[str], None]], Awaitable[Path]] = prepare
    app = CockpitApp(given)
    async with app.run_test(size=(200, 50)) as pilot:
        sitting = Sitting(app, pilot)
        await sitting.until(lambda: app.engine is not None and app.engine.guide is not None, "the engine")
        await pilot.press("r")
        await sitting.accept()
        await sitting.sees("The web shop is down")
        await sitting.until(lambda: "not accepted" not in sitting.text, "the acceptance")
        await sitting.sees("fits what is found now")
        await pilot.press("enter")
        await sitting.sees("since opened")
        await sitting.sees("[live]")
        view: Any = app.cockpit_screen.guide
        assert "escalate to" in sitting.text

        prose = next(step for step in view.playbook.session.steps if "Ask the others" in step.text)
        view.playbook.go(prose.id)
        await pilot.press("space")
        await sitting.sees("[x] 3 Ask the others")

        script = next(
            step for step in view.playbook.session.steps if step.command is not None and "df -h" in step.command.text
        )
        view.playbook.go(script.id)
        await pilot.press("enter")
        await sitting.until(lambda: isinstance(app.screen, PlanCard), "the plan")
        await sitting.sees("df -h /")
        await pilot.press("escape")
        await sitting.until(lambda: app.flow is not None and not app.flow.busy, "the end of the flow")

        runbook.write_text(RUNBOOK.format(port=port).replace("df -h /", "rm -rf /tmp/[red]"))
        await sitting.sees("changed since it was accepted")
        assert "not accepted" in sitting.text
        await pilot.press("a")
        await sitting.sees("rm -rf /tmp/[red]")
        await pilot.press("escape")

    entries = list(AuditLog(audit_path(state_folder()), Actor.current()).entries())
    assert [entry.event for entry in entries if entry.event == "runbook accepted"] == ["runbook accepted"]
    ticked = [entry for entry in entries if entry.event == "guide step" and entry.facts.get("state") == "done"]
    assert [entry.facts["text"] for entry in ticked] == ["Ask the others whether they see it too"]
