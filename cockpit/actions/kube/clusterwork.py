"""All actions on the cluster around a namespace: what is declared, and the handlers."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler
from cockpit.actions.kube import configmap, drain, kubectl_upkeep, nodes
from cockpit.actions.kube.ground import KubeGround

SPECS = (configmap.CONFIGMAP, nodes.CORDON, nodes.UNCORDON, drain.DRAIN)
REPLACES = kubectl_upkeep.replacements(SPECS)


def handlers(ground: KubeGround) -> list[ActionHandler]:
    """One of each."""
    return [
        configmap.ConfigMap(configmap.CONFIGMAP, ground),
        nodes.Cordon(nodes.CORDON, ground),
        nodes.Cordon(nodes.UNCORDON, ground),
        drain.Drain(drain.DRAIN, ground),
    ]
