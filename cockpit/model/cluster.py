"""The cluster around a namespace: nodes, events, quotas, secrets and certificates by their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity
from cockpit.model.workloads import NO_USAGE, Headroom, Usage


@dataclass(frozen=True, slots=True)
class Node:
    """One node."""

    name: str
    uid: str
    severity: Severity
    ready: bool
    cordoned: bool
    said: str  # why it is not ready, or which pressure there is, "" where all is well
    pressures: tuple[str, ...]  # "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"
    version: str  # of the kubelet
    created: datetime
    zone: str = ""
    pool: str = ""  # cloud.google.com/gke-nodepool
    taints: tuple[str, ...] = ()
    usage: Usage = NO_USAGE  # used; requests of its pods; allocatable as the limit
    pods: int = 0
    pods_allowed: int = 0


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events that say the same of the same object or of its siblings."""

    key: str
    warning: bool
    reason: str  # "BackOff", "FailedCreate"
    about: str  # "pod/api-5d..." or "pods of deployment/api"
    said: str
    count: int
    first: datetime
    last: datetime
    objects: tuple[str, ...] = ()
    source: str = ""  # who says so: "kubelet, node-1"


@dataclass(frozen=True, slots=True)
class ExternalSecret:
    """A secret that an operator fetches from elsewhere (External Secrets)."""

    name: str
    uid: str
    synced: bool
    said: str  # reason and message where it is not
    refreshed: datetime | None
    interval: str  # "1h"
    store: str
    target: str  # the secret that it writes
    version: str = ""  # status.syncedResourceVersion


@dataclass(frozen=True, slots=True)
class SecretBrief:
    """A secret by its metadata alone: values and key names are never asked for."""

    name: str
    uid: str
    created: datetime
    changed: datetime | None = None  # newest of its managed fields
    labels: Mapping[str, str] | None = None
    owner: str = ""  # "externalsecret/api"


@dataclass(frozen=True, slots=True)
class ConfigMapBrief:
    """A ConfigMap, and its last change where that was seen."""

    name: str
    uid: str
    keys: tuple[str, ...]
    created: datetime
    changed: datetime | None = None
    changed_by: str = ""  # field manager
    diff: tuple[str, ...] = ()  # of the last change since the cockpit looks: "LOG_LEVEL: INFO -> DEBUG"
    readers: tuple[str, ...] = ()  # workloads whose template reads it


@dataclass(frozen=True, slots=True)
class IngressBrief:
    """An ingress."""

    name: str
    hosts: tuple[str, ...]
    services: tuple[str, ...]
    address: str
    tls: tuple[str, ...] = ()  # names of secrets
    said: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of cert-manager."""

    name: str
    uid: str
    ready: bool
    said: str
    secret: str
    expires: datetime | None
    renews: datetime | None
    issuer: str = ""
    names: tuple[str, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True)
class PodUse:
    """What one pod uses, for the list of the hungriest."""

    name: str
    namespace: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """A cluster as seen from one namespace, once."""

    context: str
    server: str
    user: str
    namespace: str
    version: str
    nodes: tuple[Node, ...]
    events: tuple[EventGroup, ...]  # newest first
    headroom: tuple[Headroom, ...] = ()
    top_pods: tuple[PodUse, ...] = ()
    external_secrets: tuple[ExternalSecret, ...] | None = None  # None: the cluster does not have them
    secrets: tuple[SecretBrief, ...] = ()
    configmaps: tuple[ConfigMapBrief, ...] = ()
    ingresses: tuple[IngressBrief, ...] = ()
    certificates: tuple[Certificate, ...] | None = None  # None: the cluster does not have cert-manager
    metrics: str = ""  # why there are no metrics of nodes and pods, "" where there are
    notes: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    def node(self, name: str) -> Node | None:
        """By name."""
        return next((each for each in self.nodes if each.name == name), None)
