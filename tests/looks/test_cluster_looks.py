"""Looks at the cluster around a namespace and at logs of pods, and which kubectl lines of a runbook they answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cockpit.adapters.kube.podreading import Answer, Question
from cockpit.clock import SystemClock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks import cluster, podlogs
from cockpit.looks.pipes import refined
from cockpit.model.cluster import ClusterStatus, EventGroup, ExternalSecret, Node, SecretBrief
from cockpit.model.command import Call, Intent
from cockpit.model.look import LookRequest, Sight
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from cockpit.model.workloads import Usage, Workload, WorkloadsStatus
from cockpit.runbooks.shell.blocks import commands_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCE = "cluster/pay"
USE = Usage(1900, 3 << 30, 1000, 6 << 30, 2000, 8 << 30)
STATUS = ClusterStatus(
    "gke-pay", "https://10.0.0.1", "ann", "pay", "v1.31.4",
    (
        Node("n1", "u1", Severity.OK, True, False, "", (), "v1.31", NOW, usage=USE, pods=12),
        Node("n2", "u2", Severity.CRIT, False, False, "not ready for 4 min", (), "v1.31", NOW),
    ),
    (EventGroup("k", True, "BackOff", "3 pods of deployment/api", "restarting", 9, NOW, NOW),),
    external_secrets=(ExternalSecret("pay", "u", False, "forbidden", NOW - timedelta(hours=3), "1h", "v", "pay"),),
    secrets=(SecretBrief("pay", "u", NOW),),
    notes=("ingresses: denied",),
)  # fmt: skip


def state(payload: object, kind: SourceKind, source: str, freshness: Freshness = Freshness.FRESH) -> SourceState:
    reading = Reading(source, kind, NOW, 0.1, Severity.CRIT, "n2 not ready", payload)
    return SourceState(source, kind, "pay", 2, reading, freshness=freshness, age_s=40)


async def look(which: str, status: ClusterStatus | None = STATUS, **params: str) -> Sight:
    shown = state(status, SourceKind.CLUSTER, SOURCE) if status is not None else None
    (found,) = [each for each in cluster.lookers(SOURCE, lambda _: shown) if each.spec.id == which]
    return await found.look(LookRequest(which, SOURCE, params))


def understood(line: str) -> list[Intent]:
    (command,) = commands_of(line, language="bash", line=1)
    intents = [each.understand(command.calls[0]) for each in (*cluster.REPLACES, *podlogs.REPLACES)]
    return [each for each in intents if each is not None]


async def test_nodes_say_how_full_they_are_and_why_one_is_down() -> None:
    sight = await look("cluster.nodes")
    assert sight.lines[0] == "n1: ready, CPU used 95 %, asked 50 %, memory used 38 %, asked 75 %, 12 pods, v1.31"
    assert sight.lines[1].startswith("n2: NOT READY, not ready for 4 min")
    assert "context gke-pay, namespace pay" in sight.lines[2] and sight.severity is Severity.CRIT
    assert (await look("cluster.nodes", name="n2")).lines[0].startswith("n2:")
    with pytest.raises(NotFound, match="none named n9"):
        await look("cluster.nodes", name="n9")


@pytest.mark.parametrize("name", [spec.id for spec in cluster.SPECS])
async def test_every_look_answers_and_says_where_it_looked(name: str) -> None:
    sight = await look(name)
    assert any("gke-pay" in line for line in sight.lines)
    empty = await look(name, ClusterStatus("gke-pay", "https://s", "ann", "pay", "v1", (), ()))
    if name not in ("cluster.info",):
        assert any(line.startswith("none: ") for line in empty.lines)


async def test_what_the_cluster_does_not_have_is_told_from_what_is_empty() -> None:
    none = await look("cluster.certificates")
    assert "none: this cluster does not have them" in none.lines
    denied = await look("cluster.ingresses")
    assert "none: ingresses: denied" in denied.lines
    empty = await look("cluster.certificates", replace(STATUS, certificates=()))
    assert "none: the namespace has none" in empty.lines


async def test_without_a_reading_nothing_is_said() -> None:
    with pytest.raises(Unreachable):
        await look("cluster.nodes", None)


@pytest.mark.parametrize(
    ("line", "name", "params"),
    [
        ("kubectl get nodes -o wide", "cluster.nodes", {}),
        ("kubectl get no", "cluster.nodes", {}),
        ("kubectl top nodes", "cluster.nodes", {}),
        ("kubectl describe node n1", "cluster.nodes", {"name": "n1"}),
        ("kubectl get events -n pay --sort-by=.lastTimestamp", "cluster.events", {}),
        ("kubectl get secrets -n pay", "cluster.secrets", {}),
        ("kubectl get externalsecrets -n pay", "cluster.external", {}),
        ("kubectl describe externalsecret pay -n pay", "cluster.external", {"name": "pay"}),
        ("kubectl get cm -n pay", "cluster.configmaps", {}),
        ("kubectl cluster-info", "cluster.info", {}),
        ("kubectl logs api-1 -n pay --previous", "workloads.logs", {"pod": "api-1", "previous": "yes"}),
        ("kubectl logs -f deploy/api --tail=20", "workloads.logs", {"workload": "deployment/api", "tail": "20"}),
        ("kubectl logs -l app=api --since=1h -c web", "workloads.logs",
         {"selector": "app=api", "since": "1h", "container": "web"}),
        ("kubectl logs -n pay --since=1h", "workloads.logs", {"since": "1h"}),
    ],
)  # fmt: skip
def test_a_kubectl_line_is_answered_by(line: str, name: str, params: dict[str, str]) -> None:
    (found,) = understood(line)
    assert (found.name, dict(found.params)) == (name, params)


@pytest.mark.parametrize(
    "line",
    [
        "kubectl get secrets -o yaml", "kubectl get secret pay -n pay", "kubectl get configmaps -A",
        "kubectl --as=root get nodes", "kubectl get nodes --server=https://other", "kubectl describe node a b",
        "kubectl logs job/x", "kubectl logs api --since-time=2026-01-01T00:00:00Z", "kubectl logs a b c",
        "sudo kubectl get nodes",
    ],
)  # fmt: skip
def test_what_it_does_not_know_it_does_not_answer(line: str) -> None:
    assert understood(line) == []


def test_logs_without_a_pod_are_said_to_be_refused_by_kubectl() -> None:
    (found,) = understood("kubectl logs -n pay --since=1h")
    assert "names no pod" in found.differs


@pytest.mark.parametrize(
    ("grep", "contains"),
    [
        (r'grep -i "memory\|oom"', "memory|oom"), ('grep -E "(ERROR|failed)"', "ERROR|failed"), ("grep x", "x"),
        ('grep -E "a.*b"', None), ("grep -v x", None), ("grep -c x", None),
    ],
)  # fmt: skip
def test_a_grep_behind_it_chooses_the_lines(grep: str, contains: str | None) -> None:
    (command,) = commands_of(f"kubectl logs api-1 | {grep}", language="bash", line=1)
    first, after = command.calls
    (intent,) = [each for replacement in podlogs.REPLACES if (each := replacement.understand(first))]
    assert isinstance(after, Call)
    found = refined(intent, after)
    assert (found.params.get("contains") if found else None) == contains


class Reader:
    """Answers what it is given and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, Question()

    async def ask(self, question: Question) -> Answer:
        self.asked = question
        return self.answer


async def test_an_answer_says_how_much_was_read_and_what_was_not() -> None:
    reader = Reader(Answer(("12:00 api-1/web: oom",), 40, 2, ("api-2/web: denied",), "deployment/api in pay"))
    found = podlogs.PodLogLook("workloads/pay", reader, lambda _: None, SystemClock())
    sight = await found.look(
        LookRequest(
            "workloads.logs", "workloads/pay", {"workload": "deployment/api", "since": "15m", "contains": "oom"}
        )
    )
    assert sight.summary == "1 line with oom, of 40 lines of 2 containers, deployment/api in pay"
    assert sight.lines == ("api-2/web: denied", "12:00 api-1/web: oom") and sight.severity is Severity.UNKNOWN
    assert (reader.asked.since_s, reader.asked.contains) == (900, ("oom",))
    for wrong in ({"since": "soon"}, {"tail": "-1"}):
        with pytest.raises(Refused):
            await found.look(LookRequest("workloads.logs", "workloads/pay", wrong))


async def test_the_choices_are_what_was_read_last() -> None:
    api = Workload("deployment", "api", "u", Severity.OK, "ready", "", 2, 2, 2, 2, (), NOW, {}, {})
    status = WorkloadsStatus("c", "s", "u", "pay", "v1", (api,), ())
    shown = state(status, SourceKind.WORKLOADS, "workloads/pay")
    found = podlogs.PodLogLook("workloads/pay", Reader(Answer((), 0, 0, (), "")), lambda _: shown, SystemClock())
    assert [each.value for each in await found.choices("workload")] == ["deployment/api"]
    assert list(await found.choices("pod")) == []
