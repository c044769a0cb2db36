"""All actions on the pods and the configuration of a namespace: what is declared, and the handlers."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler
from cockpit.actions.kube import evict, failed, isolate, kubectl_upkeep, maintenance, rejoin
from cockpit.actions.kube.ground import KubeGround

SPECS = (maintenance.MAINTENANCE, evict.EVICT, failed.CLEAR, isolate.ISOLATE, isolate.REJOIN)
REPLACES = kubectl_upkeep.replacements(SPECS)


def handlers(ground: KubeGround) -> list[ActionHandler]:
    """One of each."""
    return [
        maintenance.Maintenance(maintenance.MAINTENANCE, ground),
        evict.Evict(evict.EVICT, ground),
        failed.ClearFailed(failed.CLEAR, ground),
        isolate.Isolate(isolate.ISOLATE, ground),
        rejoin.Rejoin(isolate.REJOIN, ground),
    ]
