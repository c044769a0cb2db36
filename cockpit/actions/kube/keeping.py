"""Actions that keep a namespace whole: its backup, its secrets and certificates, and a shell in a pod."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler
from cockpit.actions.kube import backup
from cockpit.actions.kube.ground import KubeGround

SPECS = (backup.BACKUP,)


def handlers(ground: KubeGround) -> list[ActionHandler]:
    """Those of the pane around the workloads."""
    return [backup.Backup(backup.BACKUP, ground)]


def workload_handlers(ground: KubeGround) -> list[ActionHandler]:
    """Those on workloads and their pods."""
    return []
