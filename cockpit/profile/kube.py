"""What a profile may say of Kubernetes and Prometheus. Docstrings are documentation here too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from cockpit.profile.consistency import Conflict, prometheus_conflicts
from cockpit.profile.fields import Duration, Headers, Name, Url
from cockpit.profile.google import MetricBound
from cockpit.profile.secrets import SecretRef
from cockpit.profile.section import Section, Source

_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_WORKLOAD = re.compile(r"(deployment|statefulset|daemonset)/[a-z0-9]([-a-z0-9.]*[a-z0-9])?")

_FORWARD = re.compile(
    r"(service|svc|pod|po|deployment|deploy|statefulset|sts)/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?:[a-z0-9-]{1,15}"
)


def _object(text: str) -> str:
    if len(text) > 253 or not _OBJECT.fullmatch(text):
        raise ValueError("must be the name of a Kubernetes object: small letters, digits, - and .")
    return text


def _workload(text: str) -> str:
    if len(text) > 270 or not _WORKLOAD.fullmatch(text):
        raise ValueError('must be a workload such as "deployment/api", "statefulset/db", "daemonset/agent"')
    return text


def _forward(text: str) -> str:
    if not _FORWARD.fullmatch(text):
        raise ValueError('must be "service/prometheus:9090" or "pod/prometheus-0:9090"; the port may be a name')
    return text


ObjectName = Annotated[str, AfterValidator(_object)]
WorkloadName = Annotated[str, AfterValidator(_workload)]


class MaintenanceMode(Section):
    """A flag in a ConfigMap that switches the system into maintenance, and who must be restarted to see it."""

    configmap: ObjectName
    """Name of the ConfigMap."""
    key: str
    """Key in its data."""
    on: str = "true"
    """Value while maintenance is on."""
    off: str = "false"
    """Value while it is off."""
    restart: tuple[WorkloadName, ...] = ()
    """Workloads that read it at their start only and are restarted after the change."""
    verify_url: Url | None = None
    """Where the effect can be read back (GET)."""
    verify_on: str = ""
    """What the answer of verify_url contains while it is on."""
    verify_off: str = ""
    """What the answer of verify_url contains while it is off."""


class KubernetesSource(Source):
    """A namespace of a Kubernetes cluster, 1.20 and later, and the cluster around it."""

    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 2.0
    """Time between two judgements; objects come by watches as they change."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one request."""
    context: str | None = None
    """Context of the kubeconfig. Without it the current one, as it is when the cockpit starts."""
    kubeconfig: str | None = None
    """Path of the kubeconfig; without it $KUBECONFIG, ~/.kube/config, or the service account of this pod."""
    namespace: ObjectName | None = None
    """Namespace; without it that of the context."""
    workloads: tuple[WorkloadName, ...] = ()
    """The workloads to show, in this order; without it all of the namespace."""
    services: tuple[ObjectName, ...] = ()
    """Services whose selector says which colour is live; without it every service that could choose between two
    workloads."""
    maintenance: MaintenanceMode | None = None
    """Maintenance mode of the system."""
    backups: str | None = None
    """Folder where backups of the namespace are kept."""
    backup_recipient: str | None = None
    """Public key for age: with it the secrets of a backup are kept encrypted, without it they are left out."""


class PromPanelSpec(Section):
    """One PromQL query and how to judge it."""

    title: str
    """Title of the panel."""
    query: str
    """PromQL; a value for each moment: rate(http_requests_total[5m])."""
    unit: str = ""
    """Unit of the values: "%", "ms", "1/s", "B"; a share from 0 to 1 with "%" is shown times 100."""
    legend: str = ""
    """Label that tells series apart: "pod", "status"; without it all labels that differ."""
    warn: MetricBound | None = None
    """Comparison that makes it a warning: "> 0.1"."""
    critical: MetricBound | None = None
    """Comparison that makes it critical."""
    for_: Annotated[Duration, Field(ge=0, le=86400)] = Field(default=0.0, alias="for")
    """How long the comparison must hold without a break before it counts."""


class PrometheusSource(Source):
    """Panels from a Prometheus server, by URL or through a port-forward into a cluster."""

    interval: Annotated[Duration, Field(ge=1, le=3600)] = 30.0
    """Time between the starts of two polls."""
    timeout: Annotated[Duration, Field(ge=0.1, le=120)] = 10.0
    """Deadline of one query."""
    url: Url | None = None
    """Base URL of the server."""
    headers: Headers = {}
    """Extra request headers; a value may be a secret reference."""
    bearer: SecretRef | None = None
    """Token for the Authorization header."""
    ca_file: str | None = None
    """PEM file of the authority that signs this host, where it is not a public one."""
    cluster: Name | None = None
    """Name of the kubernetes table through which it is reached by a port-forward."""
    namespace: ObjectName | None = None
    """Its namespace; without it that of the kubernetes table."""
    forward: Annotated[str, AfterValidator(_forward)] | None = None
    """What the port-forward leads to: "service/prometheus:9090", "pod/prometheus-0:9090"."""
    window: Annotated[Duration, Field(ge=600, le=7 * 86400)] = 3600.0
    """How far back the plots go."""
    panel: tuple[PromPanelSpec, ...] = ()
    """The panels."""

    @staticmethod
    def conflicts(entry: Mapping[str, object]) -> list[Conflict]:
        """As the base says."""
        return prometheus_conflicts(entry)
