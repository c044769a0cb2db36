"""Certificates issued again by cert-manager, the one in use never taken away; namespaces that nobody deletes."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.actions.handler import RunControl
from cockpit.actions.kube import certificate as renewing
from cockpit.errors import Conflict, NotFound, Refused, Unreachable
from cockpit.model.action import Grant, Outcome, Plan, Tier

from ...servers.kube.fixtures import Namespace, until_async
from ...servers.kube.things import certificate, rights
from .keeping_desk import KeepingDesk, keeping_on

GROUP = "cert-manager.io/v1"


async def issued(namespace: Namespace, revision: int = 1) -> None:
    await until_async(lambda: namespace.get("certificates/shop", GROUP)["status"]["revision"] == revision)


def pair(namespace: Namespace) -> Any:
    """Of the secret: its uid, and what is in it."""
    found = namespace.get("secrets/shop-tls")
    return found["metadata"]["uid"], found["data"]["tls.crt"]


async def planned(desk: KeepingDesk, **params: str) -> Plan:
    return await desk.plan("cluster.renew", **{"certificate": "shop", **params})


async def test_there_is_another_certificate_in_the_same_secret(namespace: Namespace) -> None:
    namespace.apply(certificate("shop", "shop.test", "www.shop.test"))
    await issued(namespace)
    uid, content = pair(namespace)
    async with keeping_on(namespace) as desk:
        plan, result = await desk.done(await planned(desk))
    assert plan.tier is Tier.T3
    assert result.outcome is Outcome.SUCCEEDED and "revision 2, valid until" in result.summary
    assert pair(namespace)[0] == uid and pair(namespace)[1] != content
    assert "shop.test, www.shop.test" in plan.affected


async def test_it_is_found_by_the_secret_that_it_keeps(namespace: Namespace) -> None:
    namespace.apply(certificate("shop", "shop.test"))
    await issued(namespace)
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.renew", secret="shop-tls")
        assert (plan.request.get("certificate"), plan.refusals) == ("shop", ())
        with pytest.raises(Refused, match="no Certificate keeps secret/other-tls"):
            await desk.plan("cluster.renew", secret="other-tls")


async def test_a_failed_renewal_says_why_and_the_one_in_use_stays(namespace: Namespace) -> None:
    namespace.apply(certificate("shop", "shop.test"))
    await issued(namespace)
    before = pair(namespace)
    namespace.annotate("certificates/shop", GROUP, renew="error too many certificates \x1b]0;x\x07")
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        result = await desk.run(plan)
        assert result.outcome is Outcome.FAILED
        assert "too many certificates" in result.summary and "\x1b" not in result.summary
        assert "the certificate in use is still there" in result.summary
        assert (await desk.verify(plan, result)).holds is False
        again = await planned(desk)
        assert any("tried in vain" in each for each in again.warnings)
    assert pair(namespace) == before


async def test_one_that_is_never_issued_is_not_waited_for_without_end(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewing, "_FOLLOW_S", 1.5)
    namespace.apply(certificate("shop", "shop.test"))
    await issued(namespace)
    namespace.annotate("certificates/shop", GROUP, renew="never")
    async with keeping_on(namespace) as desk:
        result = await desk.run(await planned(desk))
        assert result.outcome is Outcome.UNKNOWN and "goes on by itself" in result.summary
        busy = await planned(desk)
        assert busy.refusals[0].reason == "certificate/shop is being issued"
        stopped = await desk.handlers["cluster.renew"].verify(busy, result)
        assert stopped.holds is None


async def test_who_may_not_and_what_changed_since(namespace: Namespace) -> None:
    namespace.apply(certificate("shop", "shop.test"))
    await issued(namespace)
    before = pair(namespace)
    rules = [{"apiGroups": ["cert-manager.io"], "resources": ["certificates"], "verbs": ["get", "list", "patch"]}]
    namespace.apply(*rights("reading", "viewer", rules))
    async with keeping_on(namespace, "viewer") as desk:
        plan = await planned(desk)
        assert plan.permission.grant is Grant.DENIED
        assert plan.permission.needs == f"patch certificates.cert-manager.io/status in {namespace.name}"
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        status = namespace.get("certificates/shop", GROUP)["status"]
        status["conditions"][0]["message"] = "somebody else looked after it"
        namespace.client.patch(namespace.path("certificates/shop/status", GROUP), {"status": status})
        with pytest.raises(Conflict):
            await desk.run(plan)
        anew = await planned(desk)
        namespace.client.delete(namespace.path("certificates/shop", GROUP))
        namespace.apply(certificate("shop", "shop.test"))
        with pytest.raises(Conflict):
            await desk.run(anew)
        await issued(namespace)
        other = await planned(desk, uid="of-another")
        assert [each.step for each in other.refusals] == ["identity"]
        with pytest.raises(NotFound):
            await planned(desk, certificate="none")
    assert pair(namespace)[0] == before[0]


async def test_a_lost_answer_may_have_had_its_effect(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace.apply(certificate("shop", "shop.test"))
    await issued(namespace)
    async with keeping_on(namespace) as desk:
        plan = await planned(desk)
        sent = desk.kube.gateway.change

        async def lost(*given: Any, **more: Any) -> None:
            await sent(*given, **more)
            raise Unreachable("no answer came", effect_possible=True)

        monkeypatch.setattr(desk.kube.gateway, "change", lost)
        with pytest.raises(Unreachable) as found:
            await desk.run(plan)
        assert found.value.effect_possible
        await issued(namespace, 2)


async def test_nobody_deletes_a_namespace_from_here(namespace: Namespace) -> None:
    async with keeping_on(namespace) as desk:
        plan = await desk.plan("cluster.delete_namespace")
        assert plan.tier is Tier.T4
        assert plan.refusals and "cluster.backup" in plan.refusals[0].hint
        assert plan.operation == () and plan.equivalent == ()
        with pytest.raises(Refused):
            await desk.handlers["cluster.delete_namespace"].run(plan, RunControl(lambda *_: None, lambda: False))
    assert "deletionTimestamp" not in namespace.client.get(f"/api/v1/namespaces/{namespace.name}")["metadata"]
