"""Who would take a change by hand back: Argo CD, Flux, Helm, Config Sync, an operator; and whom a pod belongs to.

What they mark their objects with: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/,
https://fluxcd.io/flux/components/kustomize/kustomizations/, https://helm.sh/docs/chart_best_practices/labels/.
"""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.adapters.kube.fields import annotations_of, controller_of, labels_of, part
from cockpit.adapters.kube.terms import Json
from cockpit.model.workloads import Owner

_ARGO = "argocd.argoproj.io/"
_FLUX = "kustomize.toolkit.fluxcd.io/"
_FLUX_HELM = "helm.toolkit.fluxcd.io/"


def owner_of(obj: Json) -> Owner | None:
    """Of one object; the one that puts its own state back, where several mark it. None where nobody does."""
    kind, name, _ = controller_of(obj)
    if kind:
        return Owner(kind, name, True)
    labels, annotations = labels_of(obj), annotations_of(obj)
    return _gitops(labels, annotations) or _helm(labels, annotations)


def _gitops(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Owner | None:
    tracked = annotations.get(f"{_ARGO}tracking-id", "").partition(":")[0]
    application = tracked or labels.get(f"{_ARGO}instance", "")
    if application:  # whether it heals by itself stands in its Application, which lives elsewhere
        return Owner("Argo CD", application, True)
    flux = labels.get(f"{_FLUX}name", "")
    if flux:
        namespace = labels.get(f"{_FLUX}namespace", "")
        off = "disabled" in (annotations.get(f"{_FLUX}reconcile", ""), labels.get(f"{_FLUX}reconcile", ""))
        return Owner("Flux", f"{namespace}/{flux}" if namespace else flux, not off)
    if annotations.get("configmanagement.gke.io/managed") == "enabled":
        return Owner("Config Sync", annotations.get("configsync.gke.io/resource-id", ""), True)
    if labels.get("addonmanager.kubernetes.io/mode") == "Reconcile":
        return Owner("addon manager", "", True)
    return None


def _helm(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Owner | None:
    """Helm, by hand or by Flux: it undoes a change at its next upgrade."""
    flux = labels.get(f"{_FLUX_HELM}name", "")
    if flux:
        namespace = labels.get(f"{_FLUX_HELM}namespace", "")
        return Owner("Flux HelmRelease", f"{namespace}/{flux}" if namespace else flux, False)
    release = annotations.get("meta.helm.sh/release-name", "")
    if release or labels.get("app.kubernetes.io/managed-by") == "Helm":
        return Owner("Helm", release or labels.get("app.kubernetes.io/instance", ""), False)
    return None


def workload_ref(pod: Json, replica_sets: Mapping[str, Json], *, seen: bool) -> str:
    """ "deployment/api" for a pod of its ReplicaSet, "job/backup" for others, "" where nobody owns it.

    `replica_sets` by uid; where they cannot be `seen`, the ReplicaSet's name without the pod's hash says it.
    """
    kind, name, uid = controller_of(pod)
    if kind != "ReplicaSet":
        return f"{kind.lower()}/{name}" if kind else ""
    if uid in replica_sets:
        above, parent, _ = controller_of(replica_sets[uid])
        return f"{above.lower()}/{parent}" if above else f"replicaset/{name}"
    labels = part(pod, "metadata", "labels")
    hashed = labels.get("pod-template-hash")
    if not seen and isinstance(hashed, str) and hashed and name.endswith(f"-{hashed}"):
        return f"deployment/{name.removesuffix(f'-{hashed}')}"
    return f"replicaset/{name}"
