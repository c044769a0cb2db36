"""The probe of a namespace against the real API server: what is shown, what may not be seen, what is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cockpit.adapters.kube import workloads as reading_of
from cockpit.adapters.kube.asking import NamespaceAsker
from cockpit.adapters.kube.workloads import MAIN, WorkloadsProbe
from cockpit.clock import SystemClock
from cockpit.errors import PermissionDenied, TimedOut, Unreachable
from cockpit.findings.rules import find
from cockpit.model.reading import Observation, Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.model.workloads import WorkloadsStatus
from cockpit.profile.kube import KubernetesSource

from ...servers.kube import things
from ...servers.kube.fixtures import Namespace, make_namespace, until
from ...servers.kube.server import KubeServer
from .conftest import Opener

Prober = Callable[..., WorkloadsProbe]
ALL = ("list", "watch", "get")


@pytest.fixture
async def prober(namespace: Namespace, opened: Opener) -> AsyncIterator[Prober]:
    """`prober(user="viewer", services=("api",))`."""
    made: list[WorkloadsProbe] = []

    def one(user: str = "admin", **table: object) -> WorkloadsProbe:
        config = namespace.kubeconfig(user)
        kube = opened(config)
        source = KubernetesSource(name="shop", kubeconfig=str(config), **table)  # type: ignore[arg-type]  # of the test
        made.append(WorkloadsProbe(kube, source, SystemClock()))
        return made[-1]

    yield one
    for each in made:
        await each.close()


def status_of(seen: Observation) -> WorkloadsStatus:
    assert isinstance(seen.payload, WorkloadsStatus)
    return seen.payload


async def seen(probe: WorkloadsProbe, so: Callable[[WorkloadsStatus], bool]) -> Observation:
    """Probe until it is so."""
    async with asyncio.timeout(60):
        while True:
            found = await probe.probe()
            try:
                if so(status_of(found)):
                    return found
            except (AttributeError, IndexError):
                pass  # something is not there yet
            await asyncio.sleep(0.05)


def colour(name: str, tone: str, image: str = "reg.test/shop/api:v1", **more: object) -> dict[str, object]:
    return things.workload(name, image, labels={"app": "api", "tone": tone}, **more)  # type: ignore[arg-type]


async def test_what_is_live_is_what_the_selector_says_and_follows_it(namespace: Namespace, prober: Prober) -> None:
    namespace.apply(
        colour("api-a", "a"), colour("api-b", "b", replicas=1), things.service("api", {"app": "api", "tone": "a"})
    )
    probe = prober()
    found = status_of(await seen(probe, lambda status: status.service("api").ready == 2 and len(status.pods) == 3))
    assert found.service("api").backs == ("deployment/api-a",)
    assert [each.live for each in found.service("api").colours] == [True, False]
    assert found.workload("deployment/api-a").live_by == ("api",)
    namespace.apply(things.service("api", {"app": "api", "tone": "b"}))
    after = await seen(probe, lambda status: status.service("api").ready == 1)
    assert status_of(after).service("api").backs == ("deployment/api-b",)
    await seen(probe, lambda status: all(each.state == "ready" for each in status.workloads))
    assert (await probe.probe()).summary == "api 1/1 live b"


async def test_a_rollout_that_crashes_leaves_the_old_pods_and_the_way_back(
    namespace: Namespace, prober: Prober
) -> None:
    namespace.apply(things.workload("worker", "reg.test/worker:v7"))
    namespace.rolled_out("worker")
    namespace.apply(things.workload("worker", "reg.test/worker:v8-crash"))
    probe = prober()
    found = await seen(
        probe, lambda status: any(pod.reason == "CrashLoopBackOff" for pod in status.pods_of("deployment/worker"))
    )
    status = status_of(found)
    worker = status.workload("deployment/worker")
    assert worker.state == "progressing" and worker.available == 2 and worker.severity is Severity.WARN
    new, old = worker.history
    assert (new.revision, new.current, old.revision, old.ready) == (2, True, 1, 2)
    assert old.differs == ("image app: v8-crash -> v7",)
    crashed = next(pod for pod in status.pods if pod.severity is Severity.CRIT)
    assert "exit 1" in crashed.said and crashed.restarts > 0 and crashed.node
    assert new.name.endswith(crashed.template_hash)
    assert "worker CrashLoopBackOff" in found.summary
    reading = Reading("workloads/shop", SourceKind.WORKLOADS, SystemClock().now(), 0.1, found.severity, "", status)
    state = SourceState(reading.source, reading.kind, "shop", 2.0, reading, freshness=Freshness.FRESH, age_s=0.0)
    cause = find([state], reading.taken_at.timestamp())[0]
    assert cause.rule == "crash-after-rollout" and cause.action is not None
    assert cause.action.get("revision") == "1" and cause.action.get("uid") == worker.uid


async def test_every_trouble_of_a_pod_is_told_with_its_reason(namespace: Namespace, prober: Prober) -> None:
    namespace.apply(
        things.workload("thumbs", notes={"fake-node/behaviour": "oom"}, replicas=1),
        things.workload("mailer", "reg.test/mailer:missing", replicas=1),
        things.workload("late", notes={"fake-node/behaviour": "unready"}, replicas=1),
        things.pod("gone", notes={"fake-node/behaviour": "evict"}),
        things.workload("db", kind="StatefulSet"),
        things.workload("logs", kind="DaemonSet"),
    )

    def told(status: WorkloadsStatus) -> bool:
        reasons = {pod.workload or pod.name: pod.reason for pod in status.pods}
        return reasons.get("deployment/thumbs") == "OOMKilled" and reasons.get("gone") == "Evicted" and (
            reasons.get("deployment/mailer") == "ImagePullBackOff"
        ) and status.workload("statefulset/db").available == 2  # fmt: skip

    probe = prober()
    status = status_of(await seen(probe, told))
    late = next(pod for pod in status.pods if pod.workload == "deployment/late")
    assert late.reason in ("NotReady", "ContainerCreating", "Pending")
    oom = next(pod for pod in status.pods if pod.workload == "deployment/thumbs")
    assert "exit 137" in oom.said and "limit 128 MiB" in oom.said
    assert status.workload("statefulset/db").history[0].current
    assert {pod.workload for pod in status.pods} >= {"statefulset/db", "daemonset/logs", "deployment/mailer", ""}
    kinds = [each.kind for each in status.workloads]
    assert kinds.count("deployment") == 3 and "daemonset" in kinds


async def test_a_quota_that_stops_pods_is_the_reason_that_is_told(namespace: Namespace, prober: Prober) -> None:
    namespace.apply(things.quota("small", pods="1"))
    until(lambda: "pods" in namespace.get("resourcequotas/small")["status"]["hard"])
    namespace.apply(things.workload("api", replicas=3))
    probe = prober()
    found = status_of(await seen(probe, lambda status: "exceeded quota" in status.workload("deployment/api").said))
    assert found.workload("deployment/api").severity in (Severity.WARN, Severity.CRIT)
    await seen(probe, lambda status: any(each.resource == "pods" and each.share >= 1 for each in status.headroom))


async def test_scaling_budgets_and_owners_belong_to_their_workload(namespace: Namespace, prober: Prober) -> None:
    api = things.workload("api", replicas=2)
    api["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    namespace.apply(api, things.budget("api", {"app": "api"}, min_available=2), things.autoscaler("api", "api", 2, 5))
    probe = prober()
    status = status_of(await seen(probe, lambda status: status.workload("deployment/api").budgets[0].healthy == 2))
    found = status.workload("deployment/api")
    assert (found.autoscaler.minimum, found.autoscaler.maximum) == (2, 5)
    assert (found.budgets[0].allowed, found.budgets[0].wanted) == (0, 2)
    assert (found.owner.kind, found.owner.reverts) == ("Helm", False)


async def test_what_may_not_be_listed_is_named_and_the_rest_is_shown(namespace: Namespace, prober: Prober) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["pods", "services", "endpoints"], "verbs": ALL},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ALL},
    ]
    namespace.apply(
        things.workload("api"), things.service("api", {"app": "api"}), *things.rights("some", "responder", rules)
    )
    namespace.rolled_out("api")
    probe = prober("responder")
    status = status_of(await seen(probe, lambda status: status.service("api").ready == 2))
    assert [each.ref for each in status.workloads] == ["deployment/api"]
    assert status.workloads[0].history == ()
    assert len(status.pods_of("deployment/api")) == 2, "without ReplicaSets the pod's hash tells"
    notes = " ".join(status.notes)
    for name in ("replicasets", "statefulsets", "resourcequotas", "endpointslices"):
        assert f"{name} cannot be listed" in notes
    assert "the history of deployments is not known" in notes
    assert "use of pods is not available" in notes and not status.metered
    checks = {each.check: each for each in await probe.diagnose()}
    assert checks["replicasets"].ok is None and 'resources: ["replicasets"]' in checks["replicasets"].fix
    assert "deployments" not in checks


async def test_who_may_see_nothing_is_told_so_and_shown_no_zero(namespace: Namespace, prober: Prober) -> None:
    namespace.apply(things.workload("api"))
    probe = prober("viewer")
    with pytest.raises(PermissionDenied) as refused:
        await probe.probe()
    assert namespace.name in refused.value.message
    checks = {each.check: each.ok for each in await probe.diagnose()}
    assert checks["deployments"] is False and checks["pods"] is False


async def test_the_profile_chooses_workloads_and_misses_what_is_not_there(
    namespace: Namespace, prober: Prober
) -> None:
    namespace.apply(things.workload("api"), things.workload("web"), things.workload("other"))
    probe = prober(workloads=("deployment/web", "deployment/api", "deployment/gone"), services=("public",))
    status = status_of(await seen(probe, lambda status: len(status.workloads) == 2))
    assert [each.name for each in status.workloads] == ["web", "api"]
    assert status.hidden == 1
    assert "deployment/gone is in the profile, and not in the namespace" in status.notes
    assert "service/public is in the profile, and not in the namespace" in status.notes


async def test_use_comes_from_the_metrics_api_beside_what_is_asked_for(namespace: Namespace, prober: Prober) -> None:
    namespace.apply(things.workload("api"))
    namespace.rolled_out("api")
    group = "metrics.k8s.io/v1beta1"
    until(lambda: len(namespace.get("pods", group)["items"]) == 2)
    probe = prober()
    status = status_of(await seen(probe, lambda status: status.metered and len(status.pods) == 2))
    used = status.pods[0].usage
    assert used.cpu is not None and used.memory and (used.cpu_request, used.memory_limit) == (50, 128 << 20)
    assert status.workload("deployment/api").usage.memory_request == 2 * (64 << 20)
    assert not any("use of pods" in each for each in status.notes)
    assert {each.check: each.ok for each in await probe.diagnose()}["metrics.k8s.io"]


async def test_events_and_other_namespaces_are_asked_for(namespace: Namespace, opened: Opener) -> None:
    namespace.apply(things.pod("sad", notes={"fake-node/behaviour": "crash"}))
    until(lambda: namespace.get("events", fieldSelector="reason=BackOff")["items"])
    asker = NamespaceAsker(opened(namespace.kubeconfig()), SystemClock())
    pod = namespace.pods()[0]
    events = await asker.events_about(pod["metadata"]["uid"])
    assert any("BackOff" in text for _, text in events)
    assert events == sorted(events, key=lambda each: each[0], reverse=True)
    assert (namespace.name, "sad") in {(where, each.name) for where, each in await asker.pods_everywhere()}
    restricted = NamespaceAsker(opened(namespace.kubeconfig("viewer")), SystemClock())
    with pytest.raises(PermissionDenied):
        await restricted.pods_everywhere()


async def test_an_api_server_that_goes_away_fails_the_source(
    start_cluster: Callable[..., KubeServer], opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_of, "_BEHIND_S", 0.0)
    server = start_cluster(extensions=())
    namespace = await asyncio.to_thread(make_namespace, server, "shop")
    namespace.apply(things.workload("api", replicas=1))
    kube = opened(namespace.kubeconfig(), timeout=2.0)
    source = KubernetesSource(name="shop", kubeconfig=str(namespace.kubeconfig()), timeout=2.0)
    probe = WorkloadsProbe(kube, source, SystemClock())
    await seen(probe, lambda status: status.workload("deployment/api").state == "ready")
    await asyncio.to_thread(server.stop)
    async with asyncio.timeout(60):
        with pytest.raises((Unreachable, TimedOut)):
            while True:
                await probe.probe()
                await asyncio.sleep(0.05)
    await probe.close()


def test_what_is_watched_is_what_a_role_has_to_grant() -> None:
    assert set(MAIN) == {"deployments", "statefulsets", "daemonsets", "replicasets", "pods", "services"}
