"""All actions on workloads that roll out: what is declared, and the handlers of one namespace."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler
from cockpit.actions.kube import image, kubectl_workloads, pause, remove, restart, scale, switch, undo
from cockpit.actions.kube.ground import KubeGround

SPECS = (
    undo.UNDO,
    switch.SWITCH,
    scale.SCALE,
    restart.RESTART,
    image.IMAGE,
    pause.PAUSE,
    pause.RESUME,
    remove.DELETE,
    remove.CREATE,
)
REPLACES = kubectl_workloads.replacements(SPECS)


def handlers(ground: KubeGround) -> list[ActionHandler]:
    """One of each."""
    shelf = remove.Shelf()
    return [
        undo.UndoRollout(undo.UNDO, ground),
        switch.Switch(switch.SWITCH, ground),
        scale.Scale(scale.SCALE, ground),
        restart.Restart(restart.RESTART, ground),
        image.SetImage(image.IMAGE, ground),
        pause.Pause(pause.PAUSE, ground),
        pause.Resume(pause.RESUME, ground),
        remove.Delete(remove.DELETE, ground, shelf),
        remove.Create(remove.CREATE, ground, shelf),
    ]
