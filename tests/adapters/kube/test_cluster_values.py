"""Nodes, events, quotas, secrets and certificates from what an API server really sent, shortened."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.kube import clusterstate, events, extras, nodes, packed, podfacts
from cockpit.model.cluster import ClusterStatus
from cockpit.model.severity import Severity
from cockpit.text import UNSAFE

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def node(name: str, ready: str = "True", *, spec: dict | None = None, **pressure: str) -> dict:
    at = "2026-11-21T19:50:00Z"
    conditions = [{"type": kind, "status": state, "reason": f"Kubelet{kind}"} for kind, state in pressure.items()]
    conditions.append({"type": "Ready", "status": ready, "lastTransitionTime": at, "reason": "KubeletX"})
    return {
        "metadata": {"name": name, "uid": f"u-{name}", "creationTimestamp": at},
        "spec": spec or {},
        "status": {
            "conditions": conditions,
            "allocatable": {"cpu": "3920m", "memory": "12Gi", "pods": "110"},
            "nodeInfo": {"kubeletVersion": "v1.31.4"},
        },
    }


def pod(name: str, on: str, cpu: str = "500m", phase: str = "Running", **spec: object) -> dict:
    resources = {"requests": {"cpu": cpu, "memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    return {
        "metadata": {"name": name},
        "spec": {"nodeName": on, "containers": [{"name": "c", "resources": resources}], **spec},
        "status": {"phase": phase},
    }


async def test_a_node_says_what_is_wrong_with_it_and_how_full_it_is() -> None:
    wanted = await nodes.asked(
        [pod("a", "n1"), pod("b", "n1", "1"), pod("done", "n1", phase="Succeeded"), pod("c", "n2")]
    )
    used = {"n1": {"usage": {"cpu": "1250m", "memory": "3Gi"}}}
    found = nodes.node_of(node("n1", MemoryPressure="True"), used, wanted, NOW)
    assert (found.severity, found.ready, found.pressures) == (Severity.WARN, True, ("MemoryPressure",))
    assert found.said == "short of memory: KubeletMemoryPressure"
    assert (found.usage.cpu, found.usage.cpu_request, found.usage.cpu_limit) == (1250, 1500, 3920)
    assert (found.pods, found.pods_allowed) == (2, 110)


@pytest.mark.parametrize(
    ("ready", "spec", "severity", "said"),
    [
        ("False", {}, Severity.CRIT, "not ready for 10 min: KubeletX"),
        ("Unknown", {}, Severity.CRIT, "its kubelet stopped answering for 10 min: KubeletX"),
        ("True", {"unschedulable": True}, Severity.WARN, "cordoned: no new pods"),
        ("True", {}, Severity.OK, ""),
    ],
)
def test_a_node_is_judged_by_its_conditions(ready: str, spec: dict, severity: Severity, said: str) -> None:
    found = nodes.node_of(node("n", ready, spec=spec), {}, None, NOW)
    assert (found.severity, found.said) == (severity, said)
    assert found.usage.cpu_request is None, "what nobody could list is unknown, not 0"


def test_an_init_container_that_asks_for_more_counts_alone() -> None:
    spec = pod("a", "n", "200m", initContainers=[{"resources": {"requests": {"cpu": "2", "memory": "1Mi"}}}])["spec"]
    assert nodes.requests_of(spec) == (2000, 256 << 20)
    assert nodes.limits_of(spec) == (None, 512 << 20)


def event(name: str, message: str, count: int, last: str, kind: str = "Pod", **more: object) -> dict:
    return {
        "type": "Warning",
        "reason": "BackOff",
        "message": message,
        "count": count,
        "involvedObject": {"kind": kind, "name": name},
        "firstTimestamp": "2026-11-21T19:00:00Z",
        "lastTimestamp": last,
        "source": {"component": "kubelet", "host": "n1"},
        **more,
    }


async def test_events_of_siblings_are_one_line_newest_first() -> None:
    said = "Back-off restarting failed container in pod "
    held = packed.Packed()
    for number, each in enumerate((
        event("api-5d9f-x2x9p", said + "api-5d9f-x2x9p", 4, "2026-11-21T19:58:00Z"),
        event("api-5d9f-k4k4k", said + "api-5d9f-k4k4k", 3, "2026-11-21T19:59:00Z"),
        event("db-0", "Readiness probe failed: HTTP 503", 1, "2026-11-21T19:59:30Z", type="Warning"),
    )):  # fmt: skip
        held.put(str(number), packed.pack(each))
    owners = {"api-5d9f-x2x9p": "deployment/api", "api-5d9f-k4k4k": "deployment/api"}
    read = events.Events()
    found = await read.grouped(held.now(), owners)
    assert [(each.about, each.count) for each in found] == [("pod/db-0", 1), ("2 pods of deployment/api", 7)]
    assert found[1].said.endswith("api-5d9f-k4k4k"), "the newest says it"
    assert found[1].source == "kubelet, n1"
    assert await read.grouped(held.now(), owners) is found, "nothing changed, nothing is made again"
    held.put("2", packed.pack(event("db-0", "Readiness probe failed: HTTP 503", 2, "2026-11-21T19:59:40Z")))
    assert [each.count for each in await read.grouped(held.now(), owners)] == [2, 7]
    owned = await read.grouped(held.now(), {**owners, "db-0": "statefulset/db"})
    assert len(owned) == 2 and owned[0].key != found[0].key, "whose it is has become known"
    held.drop("2")
    assert [each.count for each in await read.grouped(held.now(), owners)] == [7]


def test_an_event_of_the_new_kind_has_its_times_in_the_series() -> None:
    made = {
        "metadata": {"creationTimestamp": "2026-11-21T19:00:00Z"},
        "eventTime": "2026-11-21T19:00:01.000000Z",
        "series": {"count": 9, "lastObservedTime": "2026-11-21T19:30:00.000000Z"},
    }
    assert events.span_of(made) == (
        datetime(2026, 11, 21, 19, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 19, 30, tzinfo=UTC),
        9,
    )


def test_a_quota_leaves_a_share_of_each_resource() -> None:
    status = {
        "hard": {"pods": "20", "requests.cpu": "4", "secrets": "0"},
        "used": {"pods": "20", "requests.cpu": "1"},
    }
    found = extras.quotas([{"metadata": {"name": "team"}, "status": status}])
    assert [(each.resource, each.used, each.hard, each.share) for each in found] == [
        ("pods", "20", "20", 1.0), ("requests.cpu", "1", "4", 0.25), ("secrets", "0", "0", 0.0),
    ]  # fmt: skip


def external(status: str, refreshed: str = "2026-11-21T19:30:00Z") -> dict:
    return {
        "metadata": {"name": "pay", "uid": "u"},
        "spec": {"refreshInterval": "1h0m0s", "secretStoreRef": {"name": "vault"}, "target": {"name": "pay-env"}},
        "status": {
            "refreshTime": refreshed,
            "conditions": [
                {"type": "Ready", "status": status, "reason": "SecretSyncedError", "message": "forbidden"}
            ],
        },
    }


def test_an_external_secret_is_synced_only_where_its_operator_says_so() -> None:
    assert extras.external_secret(external("True")).synced
    bad = extras.external_secret(external("False"))
    assert (bad.synced, bad.said, bad.target) == (False, "SecretSyncedError: forbidden", "pay-env")
    unsaid = extras.external_secret({"metadata": {"name": "new"}})
    assert not unsaid.synced and "nothing" in unsaid.said


def test_a_secret_that_was_not_refreshed_for_two_intervals_is_late() -> None:
    late = extras.external_secret(external("True", "2026-11-21T17:30:00Z"))
    assert extras.overdue(late, NOW) and not extras.overdue(extras.external_secret(external("True")), NOW)


@pytest.mark.parametrize(
    ("written", "seconds"), [("1h0m0s", 3600), ("90s", 90), ("1.5h", 5400), ("0", 0), ("x", 0), ("..h", 0)]
)
def test_an_interval_is_written_as_go_does(written: str, seconds: int) -> None:
    assert extras.interval(written) == timedelta(seconds=seconds)


def test_the_last_change_of_a_configmap_is_told_once_it_was_seen() -> None:
    changes = extras.Changes()
    before = {"metadata": {"uid": "u", "name": "c"}, "data": {"LOG_LEVEL": "INFO", "OLD": "1"}}
    after = {"metadata": {"uid": "u", "name": "c"}, "data": {"LOG_LEVEL": "DEBUG", "NEW": "x\x1b[31m"}}
    assert changes.seen(before) == ()
    told = ("LOG_LEVEL: INFO -> DEBUG", "NEW: added x", "OLD: removed, was 1")
    assert changes.seen(after) == changes.seen(after) == told
    changes.keep([])
    assert changes.seen(after) == ()


def test_the_status_of_an_object_is_no_change_of_it() -> None:
    fields = [
        {"manager": "kubectl-edit", "time": "2026-11-21T19:00:00Z"},
        {"manager": "controller", "time": "2026-11-21T19:59:00Z", "subresource": "status"},
    ]
    assert extras.changed_of({"metadata": {"managedFields": fields}}) == (NOW - timedelta(hours=1), "kubectl-edit")


def test_nodes_that_may_not_be_seen_are_not_called_ready() -> None:
    status = ClusterStatus("c", "https://s", "u", "ns", "v1.31", (), (), notes=("nodes: nodes is forbidden",))
    found = clusterstate.judge(status, NOW)
    assert (found.severity, found.summary) == (Severity.OK, "nodes cannot be listed")


def test_the_worst_comes_first_in_the_judgement() -> None:
    status = ClusterStatus(
        "c", "https://s", "u", "ns", "v1.31", (nodes.node_of(node("n1", "False"), {}, {}, NOW),), (),
        extras.quotas([{"metadata": {"name": "q"}, "status": {"hard": {"pods": "2"}, "used": {"pods": "2"}}}]),
        external_secrets=(extras.external_secret(external("False")),),
    )  # fmt: skip
    found = clusterstate.judge(status, NOW)
    assert found.severity is Severity.CRIT
    assert found.summary == "n1 not ready, quota of pods 2/2, pay not synced"


@given(ANY)
def test_no_object_from_outside_breaks_a_reader(value: object) -> None:
    obj = {"metadata": {"name": value}, "spec": value, "status": value, "data": value, "involvedObject": value}
    said = [
        nodes.node_of(obj, {}, asyncio.run(nodes.asked([obj])), NOW).said,
        extras.external_secret(obj).said,
        extras.certificate(obj).said,
        extras.ingress(obj).address,
        *extras.configmap(obj, extras.Changes(), {}).keys,
        *(each.resource for each in extras.quotas([obj])),
        *(each.about for each in asyncio.run(events.Events().grouped({"u": obj}, {}))),
        *podfacts.configmaps_of(obj),
    ]
    assert not any(UNSAFE.search(each) for each in said)


async def test_facts_of_pods_are_worked_out_anew_for_what_changed() -> None:
    facts = podfacts.PodFacts()
    spec = {"containers": [{"envFrom": [{"configMapRef": {"name": "settings"}}]}]}
    owner = {"kind": "ReplicaSet", "name": "api-5d", "controller": True}
    sets = [{"metadata": {"name": "api-5d", "ownerReferences": [{**owner, "kind": "Deployment", "name": "api"}]}}]
    pod = {
        "metadata": {"name": "api-1", "uid": "u", "resourceVersion": "1", "ownerReferences": [owner]},
        "spec": spec,
    }
    held, above = packed.Packed(), {str(number): each for number, each in enumerate(sets)}
    held.put("u", packed.pack(pod))
    await facts.look(above, held)
    assert (facts.owners["api-1"], facts.readers()) == ("deployment/api", {"settings": ("deployment/api",)})
    before = facts.owners
    await facts.look(above, held.now())
    assert facts.owners is before
    held.put("u", packed.pack({**pod, "spec": {}}))
    await facts.look(above, held)
    assert facts.readers() == {}
    await facts.look(above, {})
    assert facts.owners == {"api-5d": "deployment/api"}
    (top,) = facts.top([("shop", "x", 1, 9), ("shop", "api-1", 1, 8)], 1)
    assert (top.name, top.usage.memory) == ("x", 9)
