"""Looks at a namespace: answered from the reading, and the kubectl lines that they stand in for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.clock import ManualClock
from cockpit.errors import CockpitError, NotFound, PermissionDenied, Refused, Unreachable
from cockpit.looks import workloads
from cockpit.looks.book import LookBook
from cockpit.looks.labelselector import chooses, requirements
from cockpit.model.command import Intent
from cockpit.model.jobs import Job
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.model.workloads import (
    Autoscaler,
    Colour,
    ContainerState,
    Headroom,
    LiveService,
    Pod,
    RolloutRevision,
    Usage,
    Workload,
    WorkloadsStatus,
)
from cockpit.runbooks.shell.blocks import commands_of

SOURCE = "workloads/main"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MIB = 1 << 20
V2, V1 = (("app", "reg/api:v2"),), (("app", "reg/api:v1"),)
HISTORY = (
    RolloutRevision(8, "api-9f", "r8", NOW - timedelta(minutes=4), V2, "release 8", 2, 1, current=True),
    RolloutRevision(
        7, "api-5d", "r7", NOW - timedelta(days=1), V1, "", differs=("image app: v2 -> v1", "label x: a -> b")
    ),
)
API = Workload(
    "deployment", "api", "u", Severity.WARN, "progressing", "1 of 2 new pods have been made", 2, 1, 2, 2, V2,
    NOW - timedelta(days=9), {"app": "api"}, {"app": "api", "tone": "sky"}, revision=8, history=HISTORY,
    autoscaler=Autoscaler("scaler", 2, 5, 2, 2), live_by=("api",), configmaps=("settings",),
)  # fmt: skip
DB = replace(API, kind="statefulset", name="db", severity=Severity.OK, state="ready", said="", history=(), live_by=(),
             autoscaler=None)  # fmt: skip


def pod(name: str, severity: Severity = Severity.OK, reason: str = "Running", **more: object) -> Pod:
    usage = Usage(40, 120 * MIB, 50, 64 * MIB, None, 128 * MIB)
    held = ContainerState(
        "app", "reg/api:v2", "", "running", True, 3, last_reason="OOMKilled", last_exit=137, usage=usage
    )
    fields = {"phase": "Running", "labels": {"app": "api", "tone": "sky"}, "usage": usage} | more
    ready = int(severity is Severity.OK)
    return Pod(
        name, f"uid-{name}", "deployment/api", "r8", severity, reason, "", fields.pop("phase"), ready, 1, 3, NOW,
        "node-1", containers=(held,), **fields,
    )  # type: ignore[arg-type]  # fmt: skip


SAD = pod("api-9f-x", Severity.CRIT, "CrashLoopBackOff", usage=Usage(9, 8 * MIB))
GONE = pod("api-9f-y", Severity.WARN, "Evicted", phase="Failed", labels={"app": "other"}, usage=Usage())
SERVICE = LiveService(
    "api", "s", {"app": "api", "tone": "sky"}, 2, 1, ("deployment/api",),
    (Colour("deployment/api", {"tone": "sky"}, 2, True), Colour("deployment/moss", {"tone": "moss"}, 0, False)),
    ("80/TCP",),
)  # fmt: skip
STATUS = WorkloadsStatus(
    "gke", "https://x", "ana", "shop", "v1.31", (API, DB), (SAD, GONE, pod("api-5d-z")), (SERVICE,),
    (Headroom("small", "pods", "2", "2", 1.0),), ("a note",), metered=True,
)  # fmt: skip


class Asker:
    def __init__(self, error: CockpitError | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    async def events_about(self, uid: str) -> list[tuple[datetime, str]]:
        self.asked.append(uid)
        if self.error is not None:
            raise self.error
        return [(NOW - timedelta(minutes=3), "Warning BackOff (4 times): restarting")]

    async def jobs(self) -> list[Job]:
        if self.error is not None:
            raise self.error
        return [
            Job("job", "import", Severity.OK, "complete", "", NOW - timedelta(days=2), NOW - timedelta(days=1)),
            Job(
                "cronjob", "tidy", Severity.OK, "scheduled", "*/5 * * * *", NOW - timedelta(days=9), counts="1 active"
            ),
            Job("job", "tidy-7", Severity.WARN, "failed", "late", NOW - timedelta(hours=3), owner="cronjob/tidy"),
        ]

    async def pods_everywhere(self) -> list[tuple[str, Pod]]:
        if self.error is not None:
            raise self.error
        return [("shop", SAD), ("shop", pod("a")), ("web", GONE)]


async def look(
    name: str,
    status: WorkloadsStatus = STATUS,
    freshness: Freshness = Freshness.FRESH,
    asker: Asker | None = None,
    **params: str,
) -> Sight:
    reading = Reading(SOURCE, SourceKind.WORKLOADS, NOW, 0.1, Severity.WARN, "said", status)
    state = SourceState(SOURCE, SourceKind.WORKLOADS, "main", 2.0, reading, freshness=freshness, age_s=7.0)
    book = LookBook(workloads.SPECS, workloads.lookers(SOURCE, lambda _: state, ManualClock(NOW), asker or Asker()))
    return await book.look(LookRequest(name, SOURCE, params))


async def test_every_look_that_is_declared_can_be_asked() -> None:
    for spec in workloads.SPECS:
        values = {"workload": "deployment/api", "pod": "api-9f-x"}
        params = {param.name: values[param.name] for param in spec.params if param.required}
        sight = await look(spec.id, **params)
        assert sight.summary and sight.lines, spec.id


async def test_the_list_has_counts_reasons_and_what_is_live() -> None:
    sight = await look("workloads.list")
    text = "\n".join(sight.lines)
    assert sight.summary == "2 workloads, 1 in trouble"
    assert (
        "! deployment/api  2/2 ready, 1 updated, 2 available  9 d  progressing: 1 of 2 new pods have been made"
        in text
    )
    assert "x api-9f-x  0/1  CrashLoopBackOff" in text
    assert "live tone=sky: deployment/api (2 ready)  could be tone=moss: deployment/moss (0 ready)" in text
    only = await look("workloads.list", kind="statefulset")
    assert only.summary == "1 statefulsets, 0 in trouble" and "api" not in only.lines[0].split("  ")[0]


async def test_a_workload_is_found_by_its_name_where_that_is_enough() -> None:
    for name in ("api", "deployment/api"):
        sight = await look("workloads.workload", workload=name)
        assert sight.summary == "api progressing, 2/2 available: 1 of 2 new pods have been made"
        assert "reads configmap settings" in sight.lines
    twice = replace(STATUS, workloads=(API, replace(DB, name="api")))
    with pytest.raises(NotFound, match="several workloads are called api"):
        await look("workloads.workload", twice, workload="api")
    with pytest.raises(NotFound, match="web is not in shop"):
        await look("workloads.workload", workload="web")


async def test_history_shows_one_revision_with_all_that_differs() -> None:
    sight = await look("workloads.history", workload="deployment/api")
    assert sight.summary == "api is at revision 8" and len(sight.lines) == 3
    one = await look("workloads.history", workload="deployment/api", revision="7")
    assert "  image app: v2 -> v1" in one.lines and not any("revision 8" in line for line in one.lines)
    with pytest.raises(NotFound, match="no revision 3"):
        await look("workloads.history", workload="deployment/api", revision="3")


@pytest.mark.parametrize(
    ("params", "summary"),
    [
        ({}, "1 of 3 pods ready, 2 in trouble, worst: api-9f-x CrashLoopBackOff"),
        ({"selector": "app=api,tone in (sky)"}, "1 of 2 pods ready, 1 in trouble, worst: api-9f-x CrashLoopBackOff"),
        ({"selector": "app=web"}, "no pod is chosen"),
        ({"contains": "evicted|nothing"}, "0 of 1 pods ready, 1 in trouble, worst: api-9f-y Evicted"),
        ({"contains": "api-5d"}, "1 of 1 pods ready, 0 in trouble"),
        ({"phase": "Failed"}, "0 of 1 pods ready, 1 in trouble, worst: api-9f-y Evicted"),
        ({"phase": "!Failed"}, "1 of 2 pods ready, 1 in trouble, worst: api-9f-x CrashLoopBackOff"),
    ],
)
async def test_pods_are_those_that_are_chosen_and_none_is_no_good_news(params: dict[str, str], summary: str) -> None:
    sight = await look("workloads.pods", **params)
    assert sight.summary == summary
    assert (sight.severity is Severity.OK) is summary.endswith("0 in trouble")
    with pytest.raises(Refused):
        await look("workloads.pods", selector="app=((")


async def test_use_is_sorted_and_plainly_absent_where_nobody_measures() -> None:
    by_memory = await look("workloads.use")
    assert by_memory.lines[0].startswith(
        "api-5d-z  CPU 40m, asks for 50m; memory 120 MiB, asks for 64 MiB, limit 128 MiB"
    )
    assert by_memory.summary == "2 pods measured, 1 near their memory limit"
    blind = replace(STATUS, metered=False, notes=("use of pods is not available: no metrics-server",))
    sight = await look("workloads.use", blind)
    assert (sight.severity, sight.summary) == (Severity.UNKNOWN, "use of pods is not available: no metrics-server")


async def test_a_pod_has_its_events_or_why_there_are_none() -> None:
    asker = Asker()
    sight = await look("workloads.pod", asker=asker, pod="pod/api-9f-x")
    assert asker.asked == ["uid-api-9f-x"]
    assert "3 m ago  Warning BackOff (4 times): restarting" in sight.lines
    assert any("last run: OOMKilled, exit 137" in line for line in sight.lines)
    denied = await look("workloads.pod", asker=Asker(PermissionDenied("events: denied")), pod="api-9f-x")
    assert "events cannot be read: events: denied" in denied.lines
    with pytest.raises(NotFound):
        await look("workloads.pod", pod="none")


async def test_services_and_limits() -> None:
    one = await look("workloads.services", service="api")
    assert one.summary == "api: 2 endpoints ready, deployment/api" and one.severity is Severity.OK
    dead = await look("workloads.services", replace(STATUS, services=(replace(SERVICE, ready=0),)))
    assert dead.severity is Severity.CRIT
    with pytest.raises(NotFound):
        await look("workloads.services", service="web")
    limits = await look("workloads.limits")
    assert limits.summary == "1 quotas, full: pods"
    assert "autoscaler scaler of deployment/api: 2 to 5, has 2, wants 2" in limits.lines


async def test_pods_of_all_namespaces_are_asked_for() -> None:
    sight = await look("workloads.everywhere")
    assert sight.summary == "3 pods in 2 namespaces, 2 in trouble"
    assert [line.split()[0] for line in sight.lines] == ["shop", "web"]
    some = await look("workloads.everywhere", contains="web")
    assert some.summary == "1 pod in 1 namespace, 1 in trouble"
    with pytest.raises(PermissionDenied):
        await look("workloads.everywhere", asker=Asker(PermissionDenied("one namespace only")))


async def test_jobs_are_asked_for_the_failed_ones_first() -> None:
    sight = await look("workloads.jobs")
    assert (sight.severity, sight.summary) == (Severity.WARN, "2 jobs, 1 failed, 0 running; 1 cronjobs")
    assert [line.split()[0] for line in sight.lines] == ["!", "cronjob/tidy", "job/import"]
    assert "job/tidy-7  failed: late" in sight.lines[0] and sight.lines[0].endswith("made 3 h ago  of cronjob/tidy")
    one = await look("workloads.jobs", kind="cronjob", job="tidy")
    assert "scheduled: */5 * * * *  1 active" in one.lines[0] and len(one.lines) == 1
    with pytest.raises(NotFound):
        await look("workloads.jobs", kind="job", job="tidy")


async def test_an_old_reading_says_so_first_and_none_at_all_is_an_error() -> None:
    sight = await look("workloads.pods", freshness=Freshness.STALE, selector="tone=sky")
    assert sight.lines[0] == "this is 7 s old: nothing newer came" and sight.severity >= Severity.UNKNOWN
    behind = await look("workloads.list", replace(STATUS, stale=("pods since 11:59:00: refused",)))
    assert behind.lines[0] == "behind: pods since 11:59:00: refused"
    with pytest.raises(Unreachable):
        await workloads.lookers(SOURCE, lambda _: None, ManualClock(NOW), Asker())[0].look(LookRequest("x", SOURCE))


async def test_choices_are_what_is_there_the_sick_recommended() -> None:
    reading = Reading(SOURCE, SourceKind.WORKLOADS, NOW, 0.1, Severity.WARN, "", STATUS)
    state = SourceState(SOURCE, SourceKind.WORKLOADS, "main", 2.0, reading, freshness=Freshness.FRESH, age_s=1.0)
    looker = workloads.lookers(SOURCE, lambda _: state, ManualClock(NOW), Asker())[0]
    assert [(each.value, each.recommended) for each in await looker.choices("workload")] == [
        ("deployment/api", True),
        ("statefulset/db", False),
    ]
    assert [each.value for each in await looker.choices("service")] == ["api"]
    assert (await looker.choices("pod"))[0].recommended and await looker.choices("x") == ()


def understood(line: str) -> Intent | None:
    (command,) = commands_of(line, language="bash", line=1)
    found = (
        each.understand(command.calls[0]) for each in workloads.REPLACES if each.program == command.calls[0].program
    )
    return next((each for each in found if each is not None), None)


IN = {"namespace": "shop"}


@pytest.mark.parametrize(
    ("line", "look", "params"),
    [
        ("kubectl get pods -n shop", "workloads.pods", {}),
        ("kubectl get po -n shop -o wide", "workloads.pods", {}),
        ("kubectl get pods -l tier=web,app!=x -n shop", "workloads.pods", {"selector": "tier=web,app!=x"}),
        ("kubectl get pods -n shop --field-selector=status.phase!=Running", "workloads.pods", {"phase": "!Running"}),
        ("kubectl get pod/api-1 -n shop", "workloads.pod", {"pod": "api-1"}),
        ("kubectl describe pod api-1 -n shop", "workloads.pod", {"pod": "api-1"}),
        ("kubectl get deployments -n shop", "workloads.list", {"kind": "deployment"}),
        ("kubectl get deploy api -n shop", "workloads.workload", {"workload": "deployment/api"}),
        ("kubectl describe deployment.apps api -n shop", "workloads.workload", {"workload": "deployment/api"}),
        ("kubectl rollout status deployment/api -n shop --timeout=2m", "workloads.workload",
         {"workload": "deployment/api"}),
        ("kubectl rollout status sts db -n shop", "workloads.workload", {"workload": "statefulset/db"}),
        ("kubectl rollout history deployment/api -n shop", "workloads.history", {"workload": "deployment/api"}),
        ("kubectl rollout history deployment/api --revision=2 -n shop", "workloads.history",
         {"workload": "deployment/api", "revision": "2"}),
        ("kubectl get all -n shop", "workloads.list", {}),
        ("kubectl get deployments,replicasets,hpa,pdb -n shop", "workloads.list", {}),
        ("kubectl get jobs -n shop", "workloads.jobs", {"kind": "job"}),
        ("kubectl get jobs,cj -n shop", "workloads.jobs", {}),
        ("kubectl describe cronjob tidy -n shop", "workloads.jobs", {"kind": "cronjob", "job": "tidy"}),
        ("kubectl get svc -n shop", "workloads.services", {}),
        ("kubectl describe service api -n shop", "workloads.services", {"service": "api"}),
        ("kubectl get endpoints api -n shop", "workloads.services", {"service": "api"}),
        ("kubectl get endpointslices -l kubernetes.io/service-name=api -n shop", "workloads.services",
         {"service": "api"}),
        ("kubectl describe resourcequota -n shop", "workloads.limits", {}),
        ("kubectl get hpa -n shop", "workloads.limits", {}),
        ("kubectl top pods -n shop --sort-by=cpu", "workloads.use", {"sort": "cpu"}),
        ("kubectl top pod api-1 -n shop", "workloads.pod", {"pod": "api-1"}),
        ("kubectl wait --for=condition=Ready pod -l tone=moss --timeout=300s -n shop", "workloads.pods",
         {"selector": "tone=moss"}),
        ("kubectl port-forward svc/api 8001:8000 -n shop", "workloads.services", {"service": "api"}),
        ("kubectl port-forward api-1 8001:8000 9001 --address 127.0.0.1 -n shop", "workloads.pod", {"pod": "api-1"}),
        ("kubectl -n shop port-forward deploy/api 8001:8000", "workloads.workload", {"workload": "deployment/api"}),
    ],
)  # fmt: skip
def test_lines_that_only_ask_are_answered_from_the_reading(line: str, look: str, params: dict[str, str]) -> None:
    intent = understood(line)
    assert intent is not None
    assert (intent.name, dict(intent.params), dict(intent.target)) == (look, params, IN)
    spec = next(each for each in workloads.SPECS if each.id == look)
    assert set(params) <= {param.name for param in spec.params}


@pytest.mark.parametrize(
    "line",
    [
        "kubectl get pods -n shop -o json",
        "kubectl get jobs,pods -n shop",
        "kubectl get jobs -A",
        "kubectl delete job tidy-7 -n shop",
        "kubectl get deployment api -o yaml -n shop",
        "kubectl get pods -o jsonpath='{.items[0].metadata.name}' -n shop",
        "kubectl get pods api-1 api-2 -n shop",
        "kubectl get pods -n shop --field-selector=spec.nodeName=node-1",
        "kubectl get pods -n shop -l 'app in (a'",
        "kubectl get pods -A -l app=x",
        "kubectl get deployments -A",
        "kubectl get nodes",
        "kubectl get secrets -n shop",
        "kubectl get pods,secrets -n shop",
        "kubectl get pods --as=admin -n shop",
        "kubectl get pods --kubeconfig other -n shop",
        "kubectl delete pod api-1 -n shop",
        "kubectl rollout undo deployment/api -n shop",
        "kubectl rollout history deployment/api --revision=x -n shop",
        "kubectl wait --for=delete pod/api-1 -n shop",
        "kubectl wait --for=condition=complete job/x -n shop",
        "kubectl top pods -A",
        "kubectl top nodes",
        "kubectl describe pods -A",
        "kubectl get pods -w -o json",
        "kubectl port-forward api-1 -n shop",
        "kubectl port-forward job/x 80 -n shop",
        "kubectl port-forward svc/api 80 --as=admin -n shop",
    ],
)
def test_lines_that_ask_more_or_do_something_are_left_alone(line: str) -> None:
    assert understood(line) is None


def test_what_has_to_be_filled_in_is_asked_for() -> None:
    intent = understood("kubectl describe pod <pod-name> -n shop")
    assert intent is not None and intent.asks["pod"].spelled == "<pod-name>" and not intent.params
    intent = understood("kubectl rollout status deployment/$NAME -n $NS")
    assert intent is not None and intent.asks["workload"].spelled == "$NAME" and dict(intent.target) == {}
    intent = understood("kubectl get pods --all-namespaces --context gke")
    assert intent is not None and (intent.name, dict(intent.target)) == ("workloads.everywhere", {"context": "gke"})


@pytest.mark.parametrize(
    ("selector", "labels", "chosen"),
    [
        ("", {}, True),
        ("a=1", {"a": "1"}, True),
        ("a==1,b!=2", {"a": "1"}, True),
        ("a!=1", {"a": "1"}, False),
        ("a in (1, 2)", {"a": "2"}, True),
        ("a notin (1,2),b", {"a": "3", "b": ""}, True),
        ("!a", {"a": "1"}, False),
        ("x.io/a", {"x.io/a": ""}, True),
        ("a", {}, False),
    ],
)
def test_selectors_choose_as_kubectl_does(selector: str, labels: dict[str, str], chosen: bool) -> None:
    wanted = requirements(selector)
    assert wanted is not None and chooses(wanted, labels) is chosen


@pytest.mark.parametrize("selector", ["a in (1", "=1", "a b", "a=1;b", "a in 1", "()"])
def test_what_is_no_selector_is_none(selector: str) -> None:
    assert requirements(selector) is None
