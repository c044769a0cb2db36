"""A script that only reads is sent without arming: nothing in its folder can make it do more."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cockpit.actions.handler import RunControl, Scene
from cockpit.actions.script import RunScript, Script, Shelf, handlers
from cockpit.clock import ManualClock
from cockpit.model.action import Plan, RunResult, Tier
from cockpit.model.command import EffectClass
from cockpit.profile.schema import RunbookFiles

git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


async def _planned(folder: Path, *argv: str) -> tuple[RunScript, Plan]:
    script = Script(" ".join(argv), "R.md", 7, "Read it", EffectClass.READS, Tier.T0, "here", argv, programs=argv[:1])
    shelf = Shelf()

    async def unchanged() -> bool:
        return True

    shelf.put([script], "d" * 64, unchanged)
    files = RunbookFiles(files=(str(folder / "R.md"),), script_timeout=20.0)
    (made,) = handlers(shelf, files, Scene("shop", "production"), ManualClock())
    assert isinstance(made, RunScript)
    return made, await made.plan(script.request({}))


async def _run(folder: Path, *argv: str) -> RunResult:
    made, plan = await _planned(folder, *argv)
    assert plan.refusals == (), plan.refusals
    return await made.run(plan, RunControl(lambda done, total, note: None, lambda: False))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def _program(path: Path, mark: Path) -> Path:
    path.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("entries", [".:{}", ":{}", "{}:", "bin:{}", "./bin:{}"])
async def test_a_program_is_not_taken_from_the_folder_of_the_runbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: str
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "bin").mkdir()
    _program(tmp_path / "uptime-of-it", mark)
    _program(tmp_path / "bin" / "uptime-of-it", mark)
    monkeypatch.setenv("PATH", entries.format("/usr/bin:/bin"))
    _, plan = await _planned(tmp_path, "uptime-of-it")
    assert any("not installed" in refusal.reason for refusal in plan.refusals)
    result = await _run(tmp_path, "sh", "-c", "uptime-of-it; echo $PATH")
    assert not mark.exists()
    assert result.details[-1] == "/usr/bin:/bin"


@git
async def test_git_starts_no_program_that_the_repository_names_for_its_status(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hook = _program(tmp_path / "hook", mark)
    repository = tmp_path / "r"
    _git("init", "-q", str(repository))
    _git("-C", str(repository), "config", "core.fsmonitor", str(hook))
    await _run(repository, "git", "status")
    assert not mark.exists()
    _git("-C", str(repository), "status")
    assert mark.exists()  # which it does without the settings
