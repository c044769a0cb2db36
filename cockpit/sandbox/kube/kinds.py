"""The resources that the played API serves; of each group the versions that a server of 1.29 has.

https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.29/. An older version whose objects have the same
fields is served too, so that manifests of an older server are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VERSION = "v1.29.4"
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_READ = ("get", "list")


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource."""

    group: str  # "" for the core
    versions: tuple[str, ...]  # the preferred one first
    plural: str
    kind: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ("status",)
    verbs: tuple[str, ...] = VERBS
    custom: bool = False  # of an operator: no strategic merge patch

    @property
    def key(self) -> str:
        """ "deployments.apps"; "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        """apiVersion of its objects."""
        return f"{self.group}/{version}" if self.group else version


def _kinds() -> Iterator[Kind]:
    v1 = ("v1",)
    yield Kind("", v1, "pods", "Pod", ("po",), subresources=("status", "log", "eviction", "binding"))
    yield Kind("", v1, "services", "Service", ("svc",))
    yield Kind("", v1, "endpoints", "Endpoints", ("ep",), subresources=())
    yield Kind("", v1, "configmaps", "ConfigMap", ("cm",), subresources=())
    yield Kind("", v1, "secrets", "Secret", subresources=())
    yield Kind("", v1, "events", "Event", ("ev",), subresources=())
    yield Kind("", v1, "resourcequotas", "ResourceQuota", ("quota",))
    yield Kind("", v1, "limitranges", "LimitRange", ("limits",), subresources=())
    yield Kind("", v1, "serviceaccounts", "ServiceAccount", ("sa",), subresources=())
    yield Kind("", v1, "persistentvolumeclaims", "PersistentVolumeClaim", ("pvc",))
    yield Kind("", v1, "nodes", "Node", ("no",), namespaced=False)
    yield Kind("", v1, "namespaces", "Namespace", ("ns",), namespaced=False)
    scaled = ("status", "scale")
    yield Kind("apps", v1, "deployments", "Deployment", ("deploy",), subresources=scaled)
    yield Kind("apps", v1, "replicasets", "ReplicaSet", ("rs",), subresources=scaled)
    yield Kind("apps", v1, "statefulsets", "StatefulSet", ("sts",), subresources=scaled)
    yield Kind("apps", v1, "daemonsets", "DaemonSet", ("ds",))
    yield Kind("apps", v1, "controllerrevisions", "ControllerRevision", subresources=())
    yield Kind("batch", v1, "jobs", "Job")
    yield Kind("batch", v1, "cronjobs", "CronJob", ("cj",))
    yield Kind("autoscaling", ("v2",), "horizontalpodautoscalers", "HorizontalPodAutoscaler", ("hpa",))
    yield Kind("policy", ("v1", "v1beta1"), "poddisruptionbudgets", "PodDisruptionBudget", ("pdb",))
    yield Kind("networking.k8s.io", v1, "ingresses", "Ingress", ("ing",))
    yield Kind("networking.k8s.io", v1, "networkpolicies", "NetworkPolicy", ("netpol",), subresources=())
    yield Kind("discovery.k8s.io", v1, "endpointslices", "EndpointSlice", subresources=())
    yield Kind("coordination.k8s.io", v1, "leases", "Lease", subresources=())
    rbac = "rbac.authorization.k8s.io"
    yield Kind(rbac, v1, "roles", "Role", subresources=())
    yield Kind(rbac, v1, "rolebindings", "RoleBinding", subresources=())
    yield Kind("metrics.k8s.io", ("v1beta1",), "nodes", "NodeMetrics", (), False, (), _READ)
    yield Kind("metrics.k8s.io", ("v1beta1",), "pods", "PodMetrics", (), True, (), _READ)
    external = "external-secrets.io"
    yield Kind(external, ("v1", "v1beta1"), "externalsecrets", "ExternalSecret", ("es",), custom=True)
    yield Kind(external, ("v1", "v1beta1"), "secretstores", "SecretStore", custom=True)


KINDS = tuple(_kinds())
GROUPS = tuple(dict.fromkeys(kind.group for kind in KINDS))


def versions_of(group: str) -> tuple[str, ...]:
    """Those that are served of it, the preferred one first."""
    return tuple(dict.fromkeys(version for kind in KINDS if kind.group == group for version in kind.versions))


def find(group: str, version: str, plural: str) -> Kind | None:
    """The resource of that name in that version."""
    wanted = (each for each in KINDS if (each.group, each.plural) == (group, plural) and version in each.versions)
    return next(wanted, None)


def of_kind(group: str, kind: str) -> Kind | None:
    """By the word in objects: "Deployment"."""
    return next((each for each in KINDS if (each.group, each.kind) == (group, kind)), None)
