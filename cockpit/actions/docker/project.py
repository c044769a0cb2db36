"""All actions on a Compose project."""

from __future__ import annotations

from pathlib import Path

from cockpit.actions.docker.commands import replacements
from cockpit.actions.docker.ground import DockerGround
from cockpit.actions.docker.lifecycle import RESTART, START, STOP, Lifecycle, Start, Stop
from cockpit.actions.docker.oneoff import RUN, RunOneOff
from cockpit.actions.docker.prune import PRUNE, Prune
from cockpit.actions.docker.recreate import RECREATE, ROLLBACK, Recreate, Rollback
from cockpit.actions.docker.scale import SCALE, Scale
from cockpit.actions.docker.shell import REPLACES as SHELLS
from cockpit.actions.docker.shell import SHELL, Shell
from cockpit.actions.docker.up import UP, Up
from cockpit.actions.handler import ActionHandler
from cockpit.adapters.capabilities import ScriptRunning

SPECS = (ROLLBACK, RESTART, SCALE, RECREATE, UP, RUN, STOP, START, PRUNE, SHELL)
REPLACES = (*replacements(SPECS[:-1]), *SHELLS)


def handlers(ground: DockerGround, keep: Path, runner: ScriptRunning | None = None) -> list[ActionHandler]:
    """Those of one source; `keep` is the folder for what commands write. Without a `runner` they are processes."""
    if runner is None:
        from cockpit.adapters.files.script import ScriptRunner

        runner = ScriptRunner()
    return [
        Rollback(ROLLBACK, ground),
        Lifecycle(RESTART, ground),
        Scale(SCALE, ground),
        Recreate(RECREATE, ground),
        Up(UP, ground, keep, runner),
        RunOneOff(RUN, ground, keep),
        Stop(STOP, ground),
        Start(START, ground),
        Prune(PRUNE, ground),
        Shell(SHELL, ground),
    ]
