"""All actions at Render, and what of a runbook they stand in for."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler
from cockpit.actions.render import deploys, postgres, serving
from cockpit.actions.render.commands import replacements
from cockpit.actions.render.ground import RenderGround
from cockpit.actions.render.maintenance import MAINTENANCE, Maintenance

SPECS = (
    deploys.ROLLBACK,
    deploys.REDEPLOY,
    serving.RESTART,
    serving.SCALE,
    serving.SUSPEND,
    serving.RESUME,
    MAINTENANCE,
    postgres.BACKUP,
    postgres.RECOVER,
)
REPLACES = replacements(SPECS)


def handlers(ground: RenderGround) -> list[ActionHandler]:
    """All of them on one [[render]] table."""
    return [
        deploys.Rollback(ground),
        deploys.Redeploy(ground),
        serving.Restart(ground),
        serving.Scale(ground),
        serving.Suspend(ground),
        serving.Resume(ground),
        Maintenance(ground),
        postgres.Backup(ground),
        postgres.Recover(ground),
    ]
