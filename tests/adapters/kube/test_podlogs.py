"""Logs of pods on the real API server: merged, followed over restarts, asked once; nothing selected is said aloud."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.adapters.kube.podlogs import PodLogs
from cockpit.adapters.kube.podreading import PodLogReader, Question
from cockpit.adapters.kube.podselect import matcher
from cockpit.clock import SystemClock
from cockpit.errors import Misconfigured, NotFound, PermissionDenied
from cockpit.model.logs import Level, LogEntry
from cockpit.profile.schema import LogSource
from cockpit.text import UNSAFE
from tests.servers.kube.fixtures import until_async
from tests.servers.kube.things import container, workload


def source(**more: object) -> LogSource:
    return LogSource(name="pods", type="kubernetes", cluster="shop", **more)


async def gathered(logs: PodLogs, wanted: str, deadline_s: float = 30.0) -> list[LogEntry]:
    """What is read until an entry has `wanted` in it."""
    found: list[LogEntry] = []
    async with asyncio.timeout(deadline_s):
        while not any(wanted in entry.message for entry in found):
            found += (await logs.read()).entries
            await asyncio.sleep(0.05)
    return found


async def test_all_containers_of_all_pods_of_a_workload_are_merged(namespace, opened) -> None:
    namespace.apply(
        workload("api", replicas=2, containers=[container("web", "r/web:v1"), container("side", "r/side:v1")]),
        workload("other", replicas=1),
    )
    namespace.rolled_out("api")
    namespace.rolled_out("other")
    logs = PodLogs(opened(namespace.kubeconfig()), source(workload="deployment/api"), SystemClock())
    pods = {pod["metadata"]["name"] for pod in namespace.pods("app=api")}
    wanted = {f"{pod}/{each}" for pod in pods for each in ("web", "side")}
    found: list[LogEntry] = []
    async with asyncio.timeout(30):
        while {entry.origin for entry in found} != wanted:
            batch = (await logs.read()).entries
            assert list(batch) == sorted(batch, key=lambda entry: entry.at)
            found += batch
            await asyncio.sleep(0.05)
    assert len({(entry.origin, entry.at, entry.message) for entry in found}) == len(found), "no line comes twice"
    await logs.close()


async def test_a_container_that_restarts_is_followed_on_and_its_last_words_are_kept(namespace, opened) -> None:
    namespace.apply(workload("api", replicas=1))
    namespace.rolled_out("api")
    logs = PodLogs(opened(namespace.kubeconfig()), source(workload="deployment/api"), SystemClock())
    await gathered(logs, "")
    (pod,) = namespace.pods("app=api")
    namespace.annotate(f"pods/{pod['metadata']['name']}", behaviour="crash")
    died = await gathered(logs, "ConnectionError")
    assert any(entry.level >= Level.ERROR for entry in died)
    await logs.close()


@pytest.mark.parametrize("wanted", [{"workload": "deployment/none"}, {"selector": "app=none"}])
async def test_no_pod_is_an_error_and_no_all_clear(namespace, opened, wanted: dict[str, str]) -> None:
    kube = opened(namespace.kubeconfig())
    logs = PodLogs(kube, source(**wanted), SystemClock())
    with pytest.raises(NotFound, match="no pod is selected, so no log was read"):
        await logs.read()
    assert (await logs.diagnose())[0].ok is False
    with pytest.raises(NotFound, match="no pod is selected") as caught:
        await PodLogReader(kube).ask(Question(**wanted))
    assert "no all-clear" in caught.value.hint
    await logs.close()


async def test_who_may_not_read_logs_is_told_which_right_is_missing(namespace, opened) -> None:
    namespace.apply(workload("api", replicas=1))
    namespace.rolled_out("api")
    rule = {"apiGroups": ["", "apps"], "resources": ["pods", "replicasets"], "verbs": ["list", "watch"]}
    namespace.apply(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": [rule]},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "r"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "responder"}],
        },
    )
    logs = PodLogs(opened(namespace.kubeconfig("responder")), source(workload="deployment/api"), SystemClock())
    with pytest.raises(PermissionDenied, match="pods/log"):
        async with asyncio.timeout(20):
            while True:
                await logs.read()
                await asyncio.sleep(0.05)
    await logs.close()


async def test_hostile_lines_are_cleaned_and_names_of_levels_are_read(namespace, opened) -> None:
    text = 'ERROR \x1b[2J[bold]x[/]\u202e\n{"level":"warning","msg":"slow \x1b]0;t\x07"}\nplain'
    namespace.apply(workload("api", replicas=1, notes={"fake-node/log": text}))
    namespace.rolled_out("api")
    logs = PodLogs(opened(namespace.kubeconfig()), source(selector="app in (api)"), SystemClock())
    found = await gathered(logs, "plain")
    assert [entry.level for entry in found][:2] == [Level.ERROR, Level.WARNING]
    assert not any(UNSAFE.search(entry.message + entry.fields + entry.origin) for entry in found)
    await logs.close()


async def test_a_question_is_asked_of_the_run_before_and_searched(namespace, opened) -> None:
    namespace.apply(workload("api", "r/api:v2-crash", replicas=1))
    kube = opened(namespace.kubeconfig())
    reader = PodLogReader(kube)

    def restarted() -> bool:
        states = [each for pod in namespace.pods() for each in pod["status"].get("containerStatuses", ())]
        return any(each.get("restartCount") for each in states)

    await until_async(restarted)
    (pod,) = namespace.pods()
    question = Question(pod=pod["metadata"]["name"], previous=True, contains=("connectionerror", "nothing"))
    answer = await reader.ask(question)
    assert answer.lines and all("ConnectionError" in line for line in answer.lines)
    assert (answer.containers, answer.unread) == (1, ()) and answer.read > len(answer.lines)
    everything = await reader.ask(Question())
    assert everything.origin.startswith("all pods in ") and everything.lines


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("app=api", True), ("app==api,tier!=batch", True), ("app!=api", False), ("!gone", True), ("tier", True),
        ("stage in (a, b),app", False), ("tier notin (web)", False), ("app in (api,other)", True),
    ],
)  # fmt: skip
def test_a_selector_means_what_kubectl_takes_it_for(selector: str, fits: bool) -> None:
    assert matcher(selector)({"app": "api", "tier": "web"}) is fits


@pytest.mark.parametrize("selector", ["a b", "a=(", "in (x)", "=x", "a in x"])
def test_a_selector_that_is_none_is_said(selector: str) -> None:
    with pytest.raises(Misconfigured, match="label selector"):
        matcher(selector)
