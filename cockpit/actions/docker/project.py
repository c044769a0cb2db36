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
from cockpit.actions.handler import ActionHandler

SPECS = (ROLLBACK, RESTART, SCALE, RECREATE, RUN, STOP, START, PRUNE, SHELL)
REPLACES = (*replacements(SPECS[:-1]), *SHELLS)


def handlers(ground: DockerGround, keep: Path) -> list[ActionHandler]:
    """Those of one source; `keep` is the folder for what commands write."""
    return [
        Rollback(ROLLBACK, ground),
        Lifecycle(RESTART, ground),
        Scale(SCALE, ground),
        Recreate(RECREATE, ground),
        RunOneOff(RUN, ground, keep),
        Stop(STOP, ground),
        Start(START, ground),
        Prune(PRUNE, ground),
        Shell(SHELL, ground),
    ]
