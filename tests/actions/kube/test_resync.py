"""A restart after a secret was really fetched: nobody is restarted before, and nobody where it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cockpit.actions.kube.resync import Resync
from cockpit.errors import CockpitError, Conflict, Refused, Unreachable
from cockpit.model.action import Grant, Outcome, Plan

from ...servers.kube.client import Object
from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import container, external_secret, rights, secret, workload
from .keeping_desk import KeepingDesk, keeping_on

GROUP = "external-secrets.io/v1"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def reads(name: str, secret_name: str) -> Object:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": secret_name, "key": "key"}}}]
    return workload(name, replicas=1, containers=[container("app", "reg.test/app:v1", env=env)])


async def filled(namespace: Namespace, **notes: str) -> None:
    """`api` and `worker` read what is fetched, `other` reads something else."""
    namespace.apply(external_secret("fetched", "key"), secret("own", key="x"))
    await until_async(lambda: namespace.get("externalsecrets/fetched", GROUP)["status"]["syncedResourceVersion"])
    for name, read in (("api", "fetched"), ("worker", "fetched"), ("other", "own")):
        namespace.apply(reads(name, read))
    for name in ("api", "worker", "other"):
        await asyncio.to_thread(namespace.rolled_out, name)
    if notes:
        namespace.annotate("externalsecrets/fetched", GROUP, **notes)
        await until_async(lambda: settled(namespace, notes["sync"]))


def settled(namespace: Namespace, told: str) -> bool:
    """What is told to the operator before the test begins has had its effect, where it has one."""
    status = namespace.get("externalsecrets/fetched", GROUP)["status"]
    return told == "never" or status["conditions"][0]["status"] == "False"


def value(namespace: Namespace) -> str:
    found: str = namespace.get("secrets/fetched")["data"]["key"]
    return found


def marks(namespace: Namespace) -> set[str]:
    """Names of the workloads that were restarted."""
    found = namespace.client.items(namespace.path("deployments", "apps/v1"))
    return {
        each["metadata"]["name"]
        for each in found
        if RESTARTED in (each["spec"]["template"]["metadata"].get("annotations") or {})
    }


async def planned(desk: KeepingDesk, **params: str) -> Plan:
    return await desk.plan("workloads.resync", **{"workload": "deployment/api", **params})


async def test_the_workload_is_restarted_with_the_new_value(namespace: Namespace) -> None:
    await filled(namespace)
    old = value(namespace)
    async with keeping_on(namespace) as desk:
        plan, result = await desk.done(await planned(desk))
        assert result.outcome is Outcome.SUCCEEDED
        assert (await desk.planned(plan.request)).request == plan.request
    assert value(namespace) != old
    assert marks(namespace) == {"api"}
    assert plan.objects == ("externalsecret/fetched", "deployment/api")
    asked, restarted = (
        next(index for index, note in enumerate(desk.told) if words in note)
        for words in ("externalsecret/fetched", "pod")
    )
    assert asked < restarted


async def test_all_that_read_the_secret_are_restarted_and_nobody_else(namespace: Namespace) -> None:
    await filled(namespace)
    async with keeping_on(namespace) as desk:
        plan, result = await desk.done(await planned(desk, others="yes", externalsecret="fetched"))
    assert set(plan.objects) == {"externalsecret/fetched", "deployment/api", "deployment/worker"}
    assert marks(namespace) == {"api", "worker"}
    assert result.total == 3


@pytest.mark.parametrize("told", ["never", "error the store said no: \x1b[31m<b>"])
async def test_nobody_is_restarted_where_it_is_not_fetched(
    namespace: Namespace, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Resync, "SYNC_S", 2.0)
    await filled(namespace)
    namespace.annotate("externalsecrets/fetched", GROUP, sync="never")
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        if told != "never":
            namespace.annotate("externalsecrets/fetched", GROUP, sync=told)
            await until_async(lambda: settled(namespace, told))
            plan = await planned(desk)
            assert any("is not in sync now: SecretSyncedError" in each for each in plan.warnings)
        result = await desk.run(plan)
        assert result.outcome is Outcome.FAILED
        assert "NOTHING was restarted" in result.summary and "\x1b" not in result.summary
        assert (await desk.verify(plan, result)).holds is not True
    assert marks(namespace) == set()


async def test_who_may_not_make_it_fetch_changes_nothing(namespace: Namespace) -> None:
    await filled(namespace)
    namespace.apply(
        *rights(
            "acting",
            "responder",
            [
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "patch"]},
                {"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"], "verbs": ["get", "list"]},
            ],
        )
    )
    async with keeping_on(namespace, "responder") as desk:
        plan = await planned(desk)
        assert plan.permission.grant is Grant.DENIED
        assert plan.permission.needs == f"patch externalsecrets.external-secrets.io in {namespace.name}"
        handler: Any = desk.handlers["workloads.resync"]
        with pytest.raises(CockpitError):
            await plan.basis["sync"].send(handler._ground.gateway)  # type: ignore[attr-defined]
    assert marks(namespace) == set()


async def test_what_was_changed_or_made_anew_since_is_left_alone(namespace: Namespace) -> None:
    await filled(namespace)
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        namespace.client.patch(
            namespace.path("deployments/api", "apps/v1"),
            [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "reg.test/app:v2"}],
            "json",
        )
        result = await desk.run(plan)
        assert result.outcome is Outcome.FAILED and "could not be restarted" in result.summary
        assert (await planned(desk)).digest != plan.digest
        again = await planned(desk)
        namespace.client.delete(namespace.path("externalsecrets/fetched", GROUP))
        namespace.apply(external_secret("fetched", "key"))
        with pytest.raises(Conflict):
            await desk.run(again)
    assert marks(namespace) == set()


async def test_a_lost_answer_is_unknown_and_nobody_is_restarted(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(namespace)
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)

        async def lost(*_: object, **__: object) -> None:
            raise Unreachable("no answer came", effect_possible=True)

        monkeypatch.setattr(desk.kube.gateway, "change", lost)
        with pytest.raises(Unreachable) as found:
            await desk.run(plan)
        assert found.value.effect_possible
    assert marks(namespace) == set()


async def test_what_reads_no_such_secret_is_refused(namespace: Namespace) -> None:
    await filled(namespace)
    async with keeping_on(namespace) as desk:
        with pytest.raises(Refused, match="reads no secret that External Secrets writes"):
            await planned(desk, workload="deployment/other")
        wrong = await planned(desk, workload="deployment/other", externalsecret="fetched")
        assert "does not read secret/fetched" in wrong.refusals[0].reason
        other = await planned(desk, uid="of-another")
        assert [each.step for each in other.refusals] == ["identity"]
        assert [each.value for each in await desk.handlers["workloads.resync"].choices("externalsecret")] == [
            "fetched"
        ]
