"""What runs in a namespace: workloads with their pods and history, and the services that decide which is live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cockpit.model.severity import Severity


@dataclass(frozen=True, slots=True)
class Usage:
    """What containers use, ask for and may have: CPU in thousandths of a core, memory in bytes; None where unset."""

    cpu: int | None = None
    memory: int | None = None
    cpu_request: int | None = None
    memory_request: int | None = None
    cpu_limit: int | None = None
    memory_limit: int | None = None


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container of a pod."""

    name: str
    image: str  # as written in the template
    image_id: str  # with digest, "" while unknown
    state: str  # "running", "waiting", "terminated", "unknown"
    ready: bool
    restarts: int
    reason: str = ""  # of the state: "CrashLoopBackOff", "Completed"
    said: str = ""  # the kubelet's message
    exit_code: int | None = None  # of the state, where terminated
    last_reason: str = ""  # of the run before: "OOMKilled"
    last_exit: int | None = None
    last_ended: datetime | None = None
    init: bool = False
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, with the reason that a person needs."""

    name: str
    uid: str
    workload: str  # "deployment/api", "" for one that nobody owns
    owner: str  # uid of the controller that owns it (a ReplicaSet's for a deployment), ""
    severity: Severity
    reason: str  # "Running", "CrashLoopBackOff", "OOMKilled", "ImagePullBackOff", "Evicted", "Pending" ...
    said: str  # why, in the cluster's words: "0/2 nodes are available: 2 Insufficient cpu."
    phase: str
    ready: int  # containers
    total: int
    restarts: int
    created: datetime
    node: str = ""
    address: str = ""
    containers: tuple[ContainerState, ...] = ()
    labels: Mapping[str, str] | None = None
    template_hash: str = ""  # pod-template-hash
    deleting: bool = False
    usage: Usage = NO_USAGE
    last_restart: datetime | None = None


@dataclass(frozen=True, slots=True)
class RolloutRevision:
    """One entry of a deployment's history: a ReplicaSet (of the others: a ControllerRevision)."""

    revision: int
    name: str
    uid: str
    created: datetime
    images: tuple[tuple[str, str], ...]  # container, image
    change_cause: str = ""
    replicas: int = 0
    ready: int = 0
    current: bool = False  # its template is that of the workload now
    differs: tuple[str, ...] = ()  # what its template has otherwise than the workload now: "image api: v2 -> v1"


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    name: str
    minimum: int
    maximum: int
    current: int
    desired: int
    said: str = ""  # what its conditions complain of


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget."""

    name: str
    allowed: int  # disruptions that may happen now
    healthy: int
    wanted: int
    expected: int = 0


@dataclass(frozen=True, slots=True)
class Owner:
    """Whoever would undo a change by hand: Argo CD, Flux, Helm, an operator."""

    kind: str  # "Argo CD", "Flux", "Helm", "ReplicaSet", or the kind of an owner reference
    name: str
    reverts: bool  # it puts its own state back by itself


@dataclass(frozen=True, slots=True)
class Workload:
    """A deployment, stateful set or daemon set."""

    kind: str  # "deployment", "statefulset", "daemonset"
    name: str
    uid: str
    severity: Severity
    state: str  # "ready", "progressing", "degraded" (rolled out, pods are missing now), "failed", "paused", "stopped"
    said: str  # why, in the cluster's words, "" where all is well
    desired: int
    updated: int
    ready: int
    available: int
    images: tuple[tuple[str, str], ...]  # container, image
    created: datetime
    selector: Mapping[str, str]  # matchLabels
    labels: Mapping[str, str]  # of its pod template
    revision: int = 0  # deployment.kubernetes.io/revision, 0 where there is none
    change_cause: str = ""
    generation: int = 0
    observed: int = 0
    paused: bool = False
    replicas: int = 0  # that exist, of all templates
    history: tuple[RolloutRevision, ...] = ()  # newest first
    autoscaler: Autoscaler | None = None
    budgets: tuple[Budget, ...] = ()
    owner: Owner | None = None
    live_by: tuple[str, ...] = ()  # services whose selector chooses its pods
    configmaps: tuple[str, ...] = ()  # that its template reads
    secrets: tuple[str, ...] = ()
    restarted: datetime | None = None  # kubectl.kubernetes.io/restartedAt
    usage: Usage = NO_USAGE
    template: str = ""  # what tells its pod template from another

    @property
    def ref(self) -> str:
        """ "deployment/api": how it is named everywhere."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Colour:
    """A workload that a service's selector could choose."""

    workload: str  # "deployment/api-green"
    labels: Mapping[str, str]  # what the selector must say for it, where that differs from the others
    ready: int  # pods that would serve
    live: bool


@dataclass(frozen=True, slots=True)
class LiveService:
    """A service: its selector decides what is live."""

    name: str
    uid: str
    selector: Mapping[str, str]
    ready: int  # endpoints
    not_ready: int
    backs: tuple[str, ...]  # workloads that it chooses
    colours: tuple[Colour, ...] = ()  # two or more where it could choose otherwise
    ports: tuple[str, ...] = ()  # "8000/TCP"

    @property
    def split(self) -> bool:
        """It can be switched between colours."""
        return len(self.colours) > 1


@dataclass(frozen=True, slots=True)
class Headroom:
    """What a quota leaves of one resource, as the cluster writes it."""

    quota: str
    resource: str  # "pods", "requests.cpu"
    used: str
    hard: str
    share: float  # 0 to 1 and above; 0 where it cannot be computed


@dataclass(frozen=True, slots=True)
class WorkloadsStatus:
    """A namespace, once."""

    context: str
    server: str  # URL of the API server
    user: str
    namespace: str
    version: str  # of the server: "v1.31.4-gke.1"
    workloads: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    services: tuple[LiveService, ...] = ()
    headroom: tuple[Headroom, ...] = ()
    notes: tuple[str, ...] = ()  # what could not be seen, and why
    stale: tuple[str, ...] = ()  # resources whose watch is behind: "pods since 21:04:10"
    metered: bool = False  # metrics.k8s.io answers
    hidden: int = 0  # workloads of the namespace that the profile does not name

    def workload(self, ref: str) -> Workload | None:
        """By "kind/name"."""
        return next((each for each in self.workloads if each.ref == ref), None)

    def pod(self, name: str) -> Pod | None:
        """By name."""
        return next((each for each in self.pods if each.name == name), None)

    def service(self, name: str) -> LiveService | None:
        """By name."""
        return next((each for each in self.services if each.name == name), None)

    def pods_of(self, ref: str) -> tuple[Pod, ...]:
        """Those of one workload."""
        return tuple(pod for pod in self.pods if pod.workload == ref)


def idle(workload: Workload, services: Iterable[LiveService]) -> bool:
    """A colour that no service chooses, of a service that could: nobody is served by it."""
    colours = [each for service in services for each in service.colours if each.workload == workload.ref]
    return bool(colours) and not any(each.live for each in colours) and not workload.live_by
