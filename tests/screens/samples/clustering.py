"""The cluster around a namespace: a node under pressure, a quota that is full, a secret that is not synced."""

from __future__ import annotations

from datetime import timedelta

from cockpit.model.cluster import (
    Certificate,
    ClusterStatus,
    ConfigMapBrief,
    EventGroup,
    ExternalSecret,
    IngressBrief,
    Node,
    PodUse,
    SecretBrief,
)
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.workloads import Headroom, Usage

from .engine import SampleEngine
from .moment import START, ago

MI = 1 << 20


def node(name: str, severity: Severity = Severity.OK, said: str = "", cpu: int = 900, memory: int = 3000) -> Node:
    usage = Usage(cpu, memory * MI, 3200, 6000 * MI, 3920, 12_800 * MI)
    return Node(
        name, f"uid-{name}", severity, not said.startswith("not ready"), "cordoned" in said, said,
        ("MemoryPressure",) if "memory" in said else (), "v1.31.4-gke.1", ago(40 * 86400), "europe-west1-b",
        "standard-4", (), usage, 31, 110,
    )  # fmt: skip


def event(reason: str, about: str, said: str, count: int, last_s: float, warning: bool = True) -> EventGroup:
    return EventGroup(f"{reason}/{about}", warning, reason, about, said, count, ago(last_s + 900), ago(last_s),
                      (about,), "kubelet, pool-a-1")  # fmt: skip


def cluster() -> ClusterStatus:
    return ClusterStatus(
        context="gke-shop",
        server="https://10.20.0.2",
        user="ana@shop.example",
        namespace="shop",
        version="v1.31.4-gke.1",
        nodes=(
            node("pool-a-1"),
            node("pool-a-2", Severity.WARN, "short of memory: KubeletHasInsufficientMemory", 3800, 12_500),
            node("pool-b-1", Severity.CRIT, "not ready for 4 min: KubeletNotReady: container runtime is down", 0, 0),
            node("pool-b-2", Severity.WARN, "cordoned: no new pods"),
        ),
        events=(
            event("BackOff", "3 pods of deployment/checkout", "Back-off restarting failed container", 42, 8),
            event("FailedCreate", "replicaset/worker-7d9f", "exceeded quota: team, requested: pods=1, used: pods=20,"
                  " limited: pods=20", 9, 70),
            event("ScalingReplicaSet", "deployment/checkout", "Scaled up checkout-6c8 to 3", 1, 320, False),
        ),
        headroom=(Headroom("team", "pods", "20", "20", 1.0), Headroom("team", "requests.cpu", "3200m", "4", 0.8)),
        top_pods=(
            PodUse("checkout-6c8-x2x9p", "shop", Usage(420, 480 * MI, 250, 256 * MI, None, 512 * MI)),
            PodUse("worker-7d9f-k2k2k", "shop", Usage(35, 120 * MI)),
        ),
        external_secrets=(
            ExternalSecret("checkout", "uid-es1", True, "", ago(1500), "1h", "vault", "checkout"),
            ExternalSecret("payments", "uid-es2", False, "SecretSyncedError: could not get secret data: forbidden",
                           ago(9000), "1h", "vault", "payments"),
        ),
        secrets=(SecretBrief("checkout", "uid-s1", ago(90 * 86400), ago(1500), {}, "externalsecret/checkout"),),
        configmaps=(
            ConfigMapBrief("checkout-config", "uid-c1", ("LOG_LEVEL", "MAINTENANCE"), ago(90 * 86400), ago(240),
                           "kubectl-edit", ("LOG_LEVEL: INFO -> DEBUG",), ("deployment/checkout",)),
            ConfigMapBrief("kube-root-ca.crt", "uid-c2", ("ca.crt",), ago(90 * 86400)),
        ),
        ingresses=(IngressBrief("shop", ("shop.example",), ("checkout",), "203.0.113.9", ("shop-tls",)),),
        certificates=(
            Certificate("shop-tls", "uid-t1", True, "", "shop-tls", START + timedelta(days=9),
                        START - timedelta(days=2), "ClusterIssuer/letsencrypt", ("shop.example",), 4),
        ),
    )  # fmt: skip


def add_cluster(engine: SampleEngine) -> SampleEngine:
    """`engine`, with a cluster beside what it watches."""
    engine.add("cluster/main", SourceKind.CLUSTER, 2.0)
    engine.say("cluster/main", Severity.CRIT, "1 of 4 nodes not ready", cluster())
    return engine
