"""Incidents on a real API server from the first sign to the cure, through the engine with all its guards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.model.action import ActionRequest, Outcome, Verdict
from cockpit.model.severity import Severity
from cockpit.model.workloads import WorkloadsStatus

from ..servers.kube.fixtures import Namespace
from ..servers.kube.things import configmap, quota, service, workload
from .kubeengine import Crew, crew_on

SOURCE = "workloads/main"
IMAGE = "reg.test/api"


def tables(namespace: Namespace, more: str = "") -> str:
    config = namespace.kubeconfig()
    return f'[[kubernetes]]\nname = "main"\nkubeconfig = "{config}"\ninterval = "0.3s"\n{more}\n'


@pytest.fixture
async def crew(namespace: Namespace, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew_on(tmp_path, tables(namespace), watch="60s") as crew:
        yield crew


def deploy(namespace: Namespace, version: str, **more: object) -> None:
    namespace.apply(workload("api", f"{IMAGE}:{version}", notes={"kubernetes.io/change-cause": version}, **more))


def status(crew: Crew) -> WorkloadsStatus:
    state = crew.engine.hub.state(SOURCE)
    assert state is not None and state.reading is not None
    assert isinstance(state.reading.payload, WorkloadsStatus)
    return state.reading.payload


def image(namespace: Namespace) -> str:
    template = namespace.get("deployments/api", "apps/v1")["spec"]["template"]
    return str(template["spec"]["containers"][0]["image"])


async def test_a_crash_after_a_deployment_is_named_rolled_back_seen_to_hold_and_judged(
    crew: Crew, namespace: Namespace
) -> None:
    deploy(namespace, "v1")
    namespace.apply(service("api", {"app": "api"}))
    await asyncio.to_thread(namespace.rolled_out, "api")
    deploy(namespace, "v2-crash")
    finding = await crew.found("crash-after-rollout")
    assert finding.severity is Severity.CRIT and "deployment/api crashes since revision 2" in finding.text
    assert finding.action is not None and finding.action_title == "Undo api to revision 1"

    planned = await crew.planned(finding.action)
    assert planned.refusals == () and planned.plan.title == "Roll deployment/api back to revision 1"
    assert any(f"{IMAGE}:v1" in change.after for change in planned.plan.changes)
    record = await crew.agreed(planned)
    assert record.outcome is Outcome.SUCCEEDED and record.verification is not None and record.verification.holds
    assert image(namespace) == f"{IMAGE}:v1"
    await crew.until(lambda: crew.executor.records[-1].verdict, "the verdict")
    assert crew.executor.records[-1].verdict is Verdict.RECOVERED
    assert crew.finding("crash-after-rollout") is None
    await crew.until(lambda: "verdict" in crew.events(record.run), "the verdict in the record")
    assert crew.events(record.run) == ["intent", "outcome", "verified", "verdict"]
    offer = crew.executor.undo_offer
    assert offer is not None and offer.undo.text == "roll back to revision 2"


async def test_green_is_not_switched_to_before_it_is_ready_then_is_and_back(crew: Crew, namespace: Namespace) -> None:
    for name, behaviour in (("blue", "ok"), ("green", "unready")):
        labels = {"app": "api", "version": name}
        namespace.apply(workload(f"api-{name}", labels=labels, notes={"fake-node/behaviour": behaviour}))
    namespace.apply(service("api", {"app": "api", "version": "blue"}))
    await asyncio.to_thread(namespace.rolled_out, "api-blue")
    request = ActionRequest("workloads.switch", SOURCE, {"service": "api", "workload": "deployment/api-green"})
    early = await crew.planned(request)
    assert ["no pod of deployment/api-green is ready" in each.reason for each in early.refusals] == [True]
    refused = await crew.agreed(early)
    assert refused.outcome is Outcome.REFUSED
    assert namespace.get("services/api")["spec"]["selector"]["version"] == "blue"

    for pod in namespace.pods("version=green"):
        namespace.annotate(f"pods/{pod['metadata']['name']}", behaviour="ok")
    await asyncio.to_thread(namespace.rolled_out, "api-green")
    switched = await crew.do(request)
    assert switched.outcome is Outcome.SUCCEEDED and switched.summary.endswith("all of deployment/api-green")
    await crew.until(lambda: _live(crew) == "deployment/api-green", "the pane says so")
    assert switched.undo is not None and switched.undo.request is not None
    back = await crew.do(switched.undo.request)
    assert back.verification is not None and back.verification.holds
    assert namespace.get("services/api")["spec"]["selector"]["version"] == "blue"
    await crew.until(lambda: _live(crew) == "deployment/api-blue", "the pane says so")


def _live(crew: Crew) -> str:
    found = status(crew).service("api")
    return "" if found is None else ", ".join(each.workload for each in found.colours if each.live)


async def test_a_quota_stops_a_scale_up_before_it_is_sent_and_after(crew: Crew, namespace: Namespace) -> None:
    deploy(namespace, "v1", replicas=1)
    await asyncio.to_thread(namespace.rolled_out, "api")
    namespace.apply(quota("most", pods="2"))
    await crew.fresh(SOURCE)
    await crew.until(lambda: any(each.used == "1" for each in status(crew).headroom), "the quota counts")
    more = ActionRequest("workloads.scale", SOURCE, {"workload": "deployment/api", "replicas": "4"})
    planned = await crew.planned(more)
    (refusal,) = planned.refusals
    assert "quota most has room for 1 more pod" in refusal.reason and refusal.hint.startswith("2 would fit")

    namespace.client.patch(namespace.path("deployments/api", "apps/v1"), {"spec": {"replicas": 4}})  # by another
    finding = await crew.found("quota-stops")
    assert "A quota stops deployment/api at 2 of 4 pods" in finding.text
    assert any("quota most: pods 2 of 2" in line for line in finding.evidence)
    fewer = await crew.do(ActionRequest("workloads.scale", SOURCE, {**more.params, "replicas": "2"}))
    assert fewer.outcome is Outcome.SUCCEEDED
    await crew.until(lambda: crew.finding("quota-stops") is None, "the finding goes")


async def test_what_is_killed_for_its_memory_again_and_again_shows_how_it_ended(
    crew: Crew, namespace: Namespace
) -> None:
    deploy(namespace, "v1", replicas=1)
    await asyncio.to_thread(namespace.rolled_out, "api")
    (pod,) = namespace.pods()
    namespace.annotate(f"pods/{pod['metadata']['name']}", behaviour="oom")
    finding = await crew.found("out-of-memory")
    assert "deployment/api is killed for its memory again and again" in finding.text
    assert finding.action is None, "no revision is to blame"
    shown = await crew.until(lambda: _restarted(crew), "its last state is shown")
    assert (shown[0], shown[1]) == ("OOMKilled", 137)


def _restarted(crew: Crew) -> tuple[str, int | None] | None:
    for pod in status(crew).pods:
        for container in pod.containers:
            if container.last_reason and container.restarts > 1:
                return container.last_reason, container.last_exit
    return None


async def test_maintenance_mode_goes_on_and_off_and_whoever_reads_it_is_restarted(
    namespace: Namespace, tmp_path: Path
) -> None:
    deploy(namespace, "v1", replicas=1)
    namespace.apply(configmap("flags", maintenance="false", level="info"))
    await asyncio.to_thread(namespace.rolled_out, "api")
    more = '[kubernetes.maintenance]\nconfigmap = "flags"\nkey = "maintenance"\nrestart = ["deployment/api"]\n'
    async with crew_on(tmp_path, tables(namespace, more)) as crew:
        on = ActionRequest("workloads.maintenance", SOURCE, {"mode": "on"})
        (before,) = namespace.pods()
        record = await crew.do(on)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert record.verification is not None and record.verification.holds
        assert namespace.get("configmaps/flags")["data"] == {"maintenance": "true", "level": "info"}
        (after,) = namespace.pods()
        assert after["metadata"]["uid"] != before["metadata"]["uid"], "it reads the flag at its start only"
        again = await crew.planned(on)
        assert again.refusals, "it is on already"
        assert record.undo is not None and record.undo.request is not None
        off = await crew.do(record.undo.request)
        assert off.verification is not None and off.verification.holds
        assert namespace.get("configmaps/flags")["data"]["maintenance"] == "false"
        assert crew.events(off.run) == ["intent", "outcome", "verified"]
