"""Actions that keep a namespace whole: its backup, manifests, secrets and certificates, and a shell in a pod."""

from __future__ import annotations

from cockpit.actions.handler import ActionHandler
from cockpit.actions.kube import apply, backup, certificate, kubectl_keeping, namespace, resync, shell, unapply
from cockpit.actions.kube.applied import Shelf
from cockpit.actions.kube.ground import KubeGround

SPECS = (
    backup.BACKUP,
    certificate.RENEW,
    namespace.DELETE_NAMESPACE,
    apply.APPLY,
    unapply.UNAPPLY,
    resync.RESYNC,
    shell.SHELL,
)
REPLACES = kubectl_keeping.replacements(SPECS)


def handlers(ground: KubeGround) -> list[ActionHandler]:
    """Those of the pane around the workloads."""
    shelf = Shelf()
    return [
        backup.Backup(backup.BACKUP, ground),
        certificate.Renew(certificate.RENEW, ground),
        namespace.DeleteNamespace(namespace.DELETE_NAMESPACE, ground),
        apply.Apply(apply.APPLY, ground, shelf),
        unapply.Unapply(unapply.UNAPPLY, ground, shelf),
    ]


def workload_handlers(ground: KubeGround) -> list[ActionHandler]:
    """Those on workloads and their pods."""
    return [resync.Resync(resync.RESYNC, ground), shell.Shell(shell.SHELL, ground)]
