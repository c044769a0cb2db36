"""One key of a ConfigMap: set, added, removed and taken back; who reads it, and their restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cockpit.errors import Conflict, PermissionDenied, Refused
from cockpit.model.action import Grant, Outcome

from ....servers.kube.fixtures import Namespace
from ....servers.kube.things import configmap, container, rights, workload
from ..conftest import Desk, Desks

ACTION = "cluster.configmap"
LEVEL = {"configmap": "settings", "key": "LEVEL"}


def reader(name: str, **more: Any) -> Mapping[str, Any]:
    return workload(name, replicas=1, containers=[container("app", "reg.test/app:v1", **more)])


def data(namespace: Namespace) -> dict[str, str]:
    return dict(namespace.get("configmaps/settings").get("data", {}))


def settings(namespace: Namespace, **values: str) -> None:
    namespace.apply(configmap("settings", **(values or {"LEVEL": "INFO", "OTHER": "1"})))


def restarted(namespace: Namespace, name: str) -> bool:
    meta = namespace.get(f"deployments/{name}", "apps/v1")["spec"]["template"]["metadata"]
    return "kubectl.kubernetes.io/restartedAt" in meta.get("annotations", {})


async def test_a_value_is_set_and_taken_back(desk: Desk, namespace: Namespace) -> None:
    settings(namespace)
    plan, result = await desk.do(ACTION, **LEVEL, value="DEBUG")
    assert [(each.what, each.before, each.after) for each in plan.changes] == [("LEVEL", "INFO", "DEBUG")]
    assert plan.dry_run == "the API server accepts it (dryRun=All)"
    assert data(namespace) == {"LEVEL": "DEBUG", "OTHER": "1"}
    assert plan.warnings == ("no deployment, stateful set or daemon set here reads LEVEL of configmap/settings",)
    back, result = await desk.undo(plan, result)
    assert data(namespace) == {"LEVEL": "INFO", "OTHER": "1"}
    await desk.undo(back, result)
    assert data(namespace)["LEVEL"] == "DEBUG"


@pytest.mark.parametrize("before", [{"OTHER": "1"}, {}])
async def test_a_key_is_added_and_removed_again(desk: Desk, namespace: Namespace, before: dict[str, str]) -> None:
    made = configmap("settings", **before)
    if not before:
        del made["data"]
    namespace.apply(made)
    plan, result = await desk.do(ACTION, **LEVEL, value="DEBUG")
    assert data(namespace) == before | {"LEVEL": "DEBUG"} and plan.changes[0].before == "unset"
    back, result = await desk.undo(plan, result)
    assert data(namespace) == before and back.title == "Remove LEVEL of configmap/settings"
    await desk.undo(back, result)
    assert data(namespace) == before | {"LEVEL": "DEBUG"}


async def test_values_of_several_lines_and_empty_ones_come_back(desk: Desk, namespace: Namespace) -> None:
    old = "a = 1\nb = 2\n\tc = \u202e3\n# ü && <b>\n"
    settings(namespace, LEVEL=old)
    plan, result = await desk.do(ACTION, **LEVEL, exact='"a = 1\\nb = 5\\n"')
    assert (plan.changes[0].what, plan.changes[0].before) == ("LEVEL, line 2", "b = 2 |     c = <202E>3 | # ü && <b>")
    assert data(namespace)["LEVEL"] == "a = 1\nb = 5\n"
    await desk.undo(plan, result)
    assert data(namespace)["LEVEL"] == old
    plan, result = await desk.do(ACTION, **LEVEL, exact='""')
    assert data(namespace)["LEVEL"] == ""
    await desk.undo(plan, result)
    assert data(namespace)["LEVEL"] == old


async def test_who_reads_it_is_told_and_restarted_where_that_is_wanted(desk: Desk, namespace: Namespace) -> None:
    settings(namespace)
    volume = {"name": "conf", "configMap": {"name": "settings"}}
    mounts = [{"name": "conf", "mountPath": "/conf"}]
    files = workload("files", replicas=1, containers=[container("app", "reg.test/a:v1", volumeMounts=mounts)])
    files["spec"]["template"]["spec"]["volumes"] = [volume]
    one = [{"name": "OTHER", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "OTHER"}}}]
    namespace.apply(reader("all", envFrom=[{"configMapRef": {"name": "settings"}}]), files, reader("other", env=one))
    for name in ("all", "files", "other"):
        await asyncio.to_thread(namespace.rolled_out, name)
    plan, result = await desk.do(ACTION, **LEVEL, value="DEBUG")
    assert plan.warnings == (
        "deployment/all reads LEVEL: variables, read at the start only",
        "deployment/files reads LEVEL: files, renewed within about a minute; whether it reads them again is its own"
        " matter",
        "without a restart nothing changes for deployment/all: restart=yes restarts it at once",
    )
    assert result.details == ("next: workloads.restart of deployment/all, it does not see it before",)
    assert not restarted(namespace, "all")
    plan, result = await desk.do(ACTION, **LEVEL, value="WARN", restart="yes")
    assert plan.title == "Set LEVEL of configmap/settings and restart deployment/all"
    assert result.outcome is Outcome.SUCCEEDED and restarted(namespace, "all") and not restarted(namespace, "files")
    again = await desk.planned(plan.undo.request) if plan.undo.request else plan
    assert again.title.endswith("and restart deployment/all")


async def test_a_restart_that_fails_keeps_the_way_back(desk: Desk, namespace: Namespace) -> None:
    settings(namespace)
    namespace.apply(reader("all", envFrom=[{"configMapRef": {"name": "settings"}}]))
    await asyncio.to_thread(namespace.rolled_out, "all")
    plan = await desk.plan(ACTION, **LEVEL, value="DEBUG", restart="yes")
    note = {"spec": {"template": {"metadata": {"labels": {"changed": "since"}}}}}
    namespace.client.patch(namespace.path("deployments/all", "apps/v1"), note)
    result = await desk.run(plan)
    assert result.outcome is Outcome.FAILED and "deployment/all was not restarted" in result.summary
    assert data(namespace)["LEVEL"] == "DEBUG" and result.undo is not None
    assert (await desk.verify(plan, result)).holds is False


async def test_what_changed_since_the_plan_is_left_alone(desk: Desk, namespace: Namespace) -> None:
    settings(namespace)
    changed = await desk.plan(ACTION, **LEVEL, value="DEBUG")
    added = await desk.plan(ACTION, configmap="settings", key="NEW", value="1")
    namespace.client.patch(namespace.path("configmaps/settings"), {"data": {"OTHER": "2"}})
    unharmed = await desk.planned(changed.request)
    assert unharmed.digest == changed.digest, "another key is another matter"
    namespace.client.patch(namespace.path("configmaps/settings"), {"data": {"LEVEL": "WARN", "NEW": "0"}})
    for plan in (changed, added):
        with pytest.raises(Conflict) as refused:
            await desk.run(plan)
        assert not refused.value.effect_possible
    namespace.client.delete(namespace.path("configmaps/settings"))
    settings(namespace)
    with pytest.raises(Conflict):
        await desk.run(changed)
    assert data(namespace) == {"LEVEL": "INFO", "OTHER": "1"}


async def test_the_way_back_is_void_once_somebody_else_changed_it(desk: Desk, namespace: Namespace) -> None:
    settings(namespace)
    plan, _ = await desk.do(ACTION, **LEVEL, value="DEBUG")
    namespace.client.patch(namespace.path("configmaps/settings"), {"data": {"LEVEL": "WARN"}})
    assert plan.undo.request is not None
    again = await desk.planned(plan.undo.request)
    assert [each.reason for each in again.refusals] == ["LEVEL of configmap/settings was changed since"]


async def test_who_may_not_is_told_what_is_missing(desk_of: Desks, namespace: Namespace) -> None:
    settings(namespace)
    reads = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    namespace.apply(*rights("reading", "viewer", reads))
    desk = desk_of("viewer")
    plan = await desk.plan(ACTION, **LEVEL, value="DEBUG")
    assert plan.permission.grant is Grant.DENIED
    assert plan.permission.needs == f"patch configmaps in {namespace.name}"
    assert "deployments cannot be seen: whether one of them reads LEVEL is not known" in plan.warnings
    with pytest.raises(PermissionDenied):
        await plan.basis["wanted"].change.send(desk.kube.gateway)  # type: ignore[attr-defined]
    assert data(namespace)["LEVEL"] == "INFO"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"value": "INFO"}, "LEVEL of configmap/settings has that value already"),
        ({"exact": "null", "key": "NONE"}, "NONE of configmap/settings is not there"),
        ({"value": "1", "key": "a/b"}, "a/b is no key of a ConfigMap"),
        ({"value": "1", "uid": "another"}, "configmap/settings was deleted and made again"),
        ({"value": "1", "key": "BINARY"}, "BINARY of configmap/settings is binary"),
    ],
)
async def test_refusals(desk: Desk, namespace: Namespace, params: dict[str, str], said: str) -> None:
    settings(namespace)
    namespace.client.patch(namespace.path("configmaps/settings"), {"binaryData": {"BINARY": "AAAA"}})
    plan = await desk.plan(ACTION, **{**LEVEL, **params})
    assert [each.reason for each in plan.refusals] == [said]


async def test_what_is_not_said_is_asked_for(desk: Desk, namespace: Namespace) -> None:
    settings(namespace)
    with pytest.raises(Refused, match="no value was given"):
        await desk.plan(ACTION, **LEVEL)
    with pytest.raises(Refused, match="both a value and an exact value"):
        await desk.plan(ACTION, **LEVEL, value="1", exact="null")
    with pytest.raises(Refused, match="neither a JSON string nor null"):
        await desk.plan(ACTION, **LEVEL, exact="{}")
    namespace.apply({**configmap("fixed", LEVEL="INFO"), "immutable": True})
    plan = await desk.plan(ACTION, configmap="fixed", key="LEVEL", value="DEBUG")
    assert [each.reason for each in plan.refusals] == ["configmap/fixed is immutable"]
