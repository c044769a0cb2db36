"""A namespace: two colours of which one is live, a rollout that crashes, pods in trouble, a full quota."""

from __future__ import annotations

from datetime import datetime

from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity, SourceKind
from cockpit.model.workloads import (
    Autoscaler,
    Budget,
    Colour,
    ContainerState,
    Headroom,
    LiveService,
    Owner,
    Pod,
    RolloutRevision,
    Usage,
    Workload,
    WorkloadsStatus,
)

from .engine import SampleEngine
from .moment import ago

SOURCE = "workloads/shop"
MIB = 1 << 20
_LOG = ("14:03:01 app INFO listening on 8000", "14:03:02 app ERROR no route to db-0")


def _workload(
    name: str, severity: Severity, state: str, said: str, counts: str, image: str, **more: object
) -> Workload:
    """`counts`: desired updated ready available."""
    desired, updated, ready, available = map(int, counts.split())
    kind, _, name = name.rpartition("/")
    labels = more.pop("labels", {"app": name})
    return Workload(
        kind or "deployment", name, f"uid-{name}", severity, state, said, desired, updated, ready, available,
        (("app", image),), ago(9 * 86400), labels, labels, template=f"t-{name}", replicas=desired, **more,
    )  # type: ignore[arg-type]  # fmt: skip  # of the samples


def _revision(
    number: int, name: str, image: str, born: datetime, cause: str, differs: str = "", **more: object
) -> RolloutRevision:
    return RolloutRevision(
        number, name, f"uid-{name}", born, (("app", image),), cause, current=not differs,
        differs=(differs,) if differs else (), **more,
    )  # type: ignore[arg-type]  # fmt: skip  # of the samples


def pod(
    name: str,
    workload: str,
    severity: Severity = Severity.OK,
    reason: str = "Running",
    said: str = "",
    **more: object,
) -> Pod:
    ready = int(severity is Severity.OK)
    usage = more.pop("usage", Usage(40, 80 * MIB, 100, 64 * MIB, None, 128 * MIB))
    state = ContainerState("app", "reg.example/shop/app:v1", "", "running" if ready else "waiting", bool(ready),
                           int(more.get("restarts", 0)), "" if ready else reason, usage=usage)  # type: ignore[call-overload]  # fmt: skip
    return Pod(
        name, f"uid-{name}", workload, "", severity, reason, said, str(more.pop("phase", "Running")), ready, 1,
        int(more.pop("restarts", 0)), ago(3 * 3600), "node-a1", "10.4.0.9", (state,),
        {"app": workload.rpartition("/")[2]}, usage=usage, **more,
    )  # type: ignore[arg-type, call-overload]  # fmt: skip  # of the samples


def workloads() -> tuple[Workload, ...]:
    image = "reg.example/shop/api"
    blue = _workload(
        "api-blue", Severity.OK, "ready", "", "3 3 3 3", f"{image}:v1.4.1", labels={"app": "api", "version": "blue"},
        revision=41, live_by=("api",), autoscaler=Autoscaler("api-blue", 2, 3, 3, 3),
        budgets=(Budget("api", 0, 3, 3, 3),), usage=Usage(120, 240 * MIB, 300, 192 * MIB, None, 384 * MIB),
        history=(_revision(41, "api-blue-7d6", f"{image}:v1.4.1", ago(3 * 3600), "release 41", replicas=3, ready=3),
                 _revision(40, "api-blue-5c9", f"{image}:v1.4.0", ago(86400), "release 40",
                           "image app: v1.4.1 -> v1.4.0")),
    )  # fmt: skip
    green = _workload(
        "api-green", Severity.OK, "ready", "", "2 2 2 2", f"{image}:v1.5.0", revision=3,
        labels={"app": "api", "version": "green"}, configmaps=("api-config",),
    )  # fmt: skip
    worker = _workload(
        "worker", Severity.CRIT, "failed", "no progress within 600 s (ProgressDeadlineExceeded)", "2 1 2 2",
        "reg.example/shop/worker:v8", revision=8, owner=Owner("Argo CD", "shop", True),
        history=(_revision(8, "worker-8f2", "reg.example/shop/worker:v8", ago(720), "release 8", replicas=1),
                 _revision(7, "worker-9a1", "reg.example/shop/worker:v7", ago(86400), "release 7",
                           "image app: v8 -> v7", replicas=2, ready=2)),
    )  # fmt: skip
    return (
        blue,
        green,
        _workload("statefulset/db", Severity.OK, "ready", "", "2 2 2 2", "reg.example/postgres:16"),
        _workload("daemonset/shipper", Severity.OK, "progressing", "1 of 2 pods are updated", "2 1 2 2",
                  "reg.example/shipper:2.1"),
        _workload("thumbs", Severity.CRIT, "degraded", "0 of 1 updated pods are available", "1 1 0 0",
                  "reg.example/thumbs:3"),
        worker,
    )  # fmt: skip


def pods() -> tuple[Pod, ...]:
    oom = "last run: OOMKilled, exit 137, limit 128 MiB at 14:02:51; next start after 2m40s"
    crash = "last run: Error, exit 1 at 14:03:02; next start after 40s"
    blue = [pod(f"api-blue-7d6-{end}", "deployment/api-blue") for end in ("hx2wk", "mn2lh", "tntgw")]
    return (
        pod("thumbs-854c4c87f6-h5mcb", "deployment/thumbs", Severity.CRIT, "OOMKilled", oom, restarts=41),
        pod("worker-8f2-gchzz", "deployment/worker", Severity.CRIT, "CrashLoopBackOff", crash, restarts=6,
            template_hash="8f2"),
        pod("api-green-b58-7lz7v", "deployment/api-green", Severity.WARN, "Evicted",
            "The node was low on resource: memory.", phase="Failed"),
        *blue,
        *(pod(f"api-green-b58-{end}", "deployment/api-green") for end in ("cn57j", "nkx6n")),
        pod("db-0", "statefulset/db"), pod("db-1", "statefulset/db"),
    )  # fmt: skip


def namespace() -> WorkloadsStatus:
    colours = (
        Colour("deployment/api-blue", {"version": "blue"}, 3, True),
        Colour("deployment/api-green", {"version": "green"}, 2, False),
    )
    return WorkloadsStatus(
        "gke-shop", "https://10.0.0.2", "ana@shop.example", "shop", "v1.31.4-gke.1", workloads(), pods(),
        services=(
            LiveService("api", "uid-api", {"app": "api", "version": "blue"}, 3, 0, ("deployment/api-blue",), colours,
                        ("80/TCP",)),
            LiveService("db", "uid-db", {"app": "db"}, 2, 0, ("statefulset/db",), (), ("5432/TCP",)),
        ),
        headroom=(Headroom("shop", "pods", "14", "14", 1.0), Headroom("shop", "configmaps", "1", "20", 0.05)),
        notes=("poddisruptionbudgets cannot be listed (denied): which evictions are refused is not known",),
        metered=True,
    )  # fmt: skip


class SampleLooks:
    """Answers every question with the same two lines."""

    async def look(self, request: LookRequest) -> Sight:
        return Sight(Severity.OK, f"2 lines, {request.get('workload') or request.get('pod')}", ago(0), _LOG)


def clustered(engine: SampleEngine) -> SampleEngine:
    """The engine with a namespace that was read."""
    engine.looks = SampleLooks()
    engine.add(SOURCE, SourceKind.WORKLOADS, 2.0)
    engine.say(SOURCE, Severity.CRIT, "api 3/3 live blue, thumbs OOMKilled, 1 more", namespace())
    return engine
