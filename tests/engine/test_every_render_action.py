"""Every action at Render from a profile through the engine: recorded first, done, taken back; and what fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Planned, Record
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Grant, Outcome, Tier
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.render.estate import PlayedService
from cockpit.sandbox.render.server import KEY, RenderPlane

WHY = "on call"
SOURCE = "render/booking"
PROFILE = """
system = "booking"
environment = "test"
limits = {{ watch = "0s", t4_delay = "0s" }}

[[render]]
name = "booking"
token = "env:RENDER_KEY"
endpoint = "{url}"
services = ["srv-booking", "srv-mailer"]
postgres = ["dpg-booking"]
keyvalue = ["red-booking"]
interval = "60s"
timeout = "{timeout}s"

[render.maintenance]
service = "srv-booking"
uri = "https://status.booking.example"
"""


class Scene:
    """The engine on a played workspace."""

    def __init__(self, plane: RenderPlane, engine: Engine) -> None:
        self.plane, self.engine, self.executor = plane, engine, engine.executor

    @property
    def web(self) -> PlayedService:
        self.plane.estate.advance()
        return self.plane.estate.services["srv-booking"]

    @property
    def live(self) -> str:
        """The commit that serves."""
        live = self.web.live
        return str((live.commit or {}).get("id", ""))[:8] if live is not None else ""

    def sent(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.plane.requests)

    async def fresh(self) -> None:
        """Wait for a reading that actions may be based on."""
        self.engine.hub.poll_now(SOURCE)
        await self.until(self._is_fresh)

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(30):
            while not so():  # noqa: ASYNC110  # a server is asked: nothing announces it
                await asyncio.sleep(0.01)

    def _is_fresh(self) -> bool:
        state = self.engine.hub.state(SOURCE)
        return state is not None and state.freshness is Freshness.FRESH

    async def planned(self, action: str, **params: str) -> Planned:
        await self.fresh()
        return await self.executor.plan(ActionRequest(action, SOURCE, params))

    async def agreed(self, planned: Planned) -> Record:
        return await self.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))

    async def do(self, action: str, **params: str) -> Record:
        planned = await self.planned(action, **params)
        assert planned.refusals == (), planned.refusals
        return await self.agreed(planned)


@asynccontextmanager
async def scene_in(folder: Path, timeout_s: float = 10) -> AsyncIterator[Scene]:
    plane = RenderPlane(settle_s=0.01)
    await plane.start()
    plane.limits = {"reads": 6000, "logs": 6000, "changes": 6000, "deploys": 6000}
    profile = folder / "profile.toml"
    profile.write_text(PROFILE.format(url=plane.url, timeout=timeout_s), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENDER_KEY", KEY)
        try:
            async with Engine(load(profile), state_dir=folder / "state") as engine:
                await engine.executor.arm(WHY)
                yield Scene(plane, engine)
        finally:
            await plane.close()


@dataclass(frozen=True)
class Deed:
    """One action: its parameters, how grave it is, and what is so before and afterwards."""

    params: dict[str, str]
    tier: Tier
    operation: str
    look: Callable[[Scene], object]
    undone_by: str = ""
    before: str = ""  # an action that has to come first


_HOUR_AGO = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
WEB, PG = {"service": "srv-booking"}, {"postgres": "dpg-booking"}
DEEDS = {
    "render.rollback": Deed(WEB, Tier.T2, "rollback-deploy", lambda scene: scene.live, "render.rollback"),
    "render.redeploy": Deed(
        WEB | {"cache": "clear"}, Tier.T2, "create-deploy", lambda scene: scene.web.live and scene.web.live.id
    ),
    "render.restart": Deed(WEB, Tier.T2, "restart-service", lambda scene: tuple(scene.web.instances)),
    "render.scale": Deed(
        WEB | {"instances": "4"}, Tier.T2, "scale-service", lambda scene: len(scene.web.instances), "render.scale"
    ),
    "render.suspend": Deed(WEB, Tier.T3, "suspend-service", lambda scene: scene.web.suspended, "render.resume"),
    "render.resume": Deed(
        WEB, Tier.T3, "resume-service", lambda scene: scene.web.suspended, "render.suspend", "render.suspend"
    ),
    "render.maintenance": Deed(
        {"mode": "on"},
        Tier.T3,
        "update-service",
        lambda scene: scene.web.details["maintenanceMode"]["enabled"],
        "render.maintenance",
    ),
    "render.backup": Deed(
        PG, Tier.T2, "create-postgres-export", lambda scene: len(scene.plane.estate.stores["dpg-booking"].exports)
    ),
    "render.recover": Deed(
        PG | {"at": _HOUR_AGO, "name": "booking-again"},
        Tier.T4,
        "recover-postgres",
        lambda scene: sorted(each.document["name"] for each in scene.plane.estate.stores.values()),
    ),
}


def test_every_one_is_here() -> None:
    assert set(DEEDS) == {spec.id for spec in compose.specs() if spec.pane is SourceKind.RENDER}


@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_recorded_first_done_and_taken_back(tmp_path: Path, action: str) -> None:
    deed = DEEDS[action]
    async with scene_in(tmp_path) as scene:
        if deed.before:
            assert (await scene.do(deed.before, **deed.params)).outcome is Outcome.SUCCEEDED
        before = deed.look(scene)
        await scene.executor.disarm()
        unarmed = await scene.planned(action, **deed.params)
        refused = await scene.agreed(unarmed)
        assert (refused.outcome, scene.sent(deed.operation)) == (Outcome.REFUSED, 0)
        await scene.executor.arm(WHY)
        planned = await scene.planned(action, **deed.params)
        plan = planned.plan
        assert (plan.tier, planned.requirement.approval) == (deed.tier, deed.tier is Tier.T4)
        assert plan.permission.grant is Grant.UNKNOWN, "Render has no preflight, and that is said"
        assert plan.operation[0].split()[0] in ("POST", "PATCH")
        assert KEY not in repr(plan), "the key is on no card"
        assert plan.equivalent and plan.affected and plan.undo.text
        record = await scene.agreed(planned)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        assert record.verification is not None
        assert record.verification.holds is True, record.verification.text
        assert scene.sent(deed.operation) == 1, "sent once"
        events = [entry.event for entry in scene.engine.audit.entries() if entry.run == record.run]
        assert events.index("intent") < events.index("outcome")
        assert deed.look(scene) != before
        if not deed.undone_by:
            return
        assert record.undo is not None
        assert record.undo.request is not None
        assert record.undo.request.action == deed.undone_by
        back = await scene.do(record.undo.request.action, **dict(record.undo.request.params))
        assert back.outcome is Outcome.SUCCEEDED, back.summary
        assert deed.look(scene) == before


async def test_a_deploy_that_came_in_between_is_refused_and_the_new_plan_is_shown(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        planned = await scene.planned("render.rollback", **WEB)
        scene.plane.estate.deploy(scene.web, None, "new_commit", "feedbeef" * 5)
        await scene.until(lambda: scene.live == "feedbeef")
        record = await scene.agreed(planned)
        assert (record.outcome, scene.sent("rollback-deploy")) == (Outcome.REFUSED, 0)
        assert any("superseded" in each.reason for each in record.refusals), record.summary
        assert record.replanned is not None
        assert "feedbeef" in record.replanned.plan.changes[0].before


async def test_the_row_that_was_looked_at_counts_even_before_anything_is_planned(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        planned = await scene.planned("render.restart", **WEB, live="dep-long-ago")
        (refusal,) = planned.refusals
        assert refusal.step == "identity"
        assert "deploy superseded" in refusal.reason
        assert refusal.outdated == ("live",)


@pytest.mark.parametrize("action", DEEDS)
async def test_an_answer_that_does_not_come_is_unknown_and_not_sent_again(tmp_path: Path, action: str) -> None:
    deed = DEEDS[action]
    async with scene_in(tmp_path, 1.0) as scene:
        if deed.before:
            await scene.do(deed.before, **deed.params)
        planned = await scene.planned(action, **deed.params)
        assert planned.refusals == ()
        scene.plane.faults[deed.operation] = ["swallow"]
        record = await scene.agreed(planned)
        assert record.outcome is Outcome.UNKNOWN, record.summary
        assert scene.sent(deed.operation) == 1
        assert "may have happened" in record.summary


@pytest.mark.parametrize("action", DEEDS)
async def test_a_refusal_of_render_says_what_is_missing_and_nothing_was_done(tmp_path: Path, action: str) -> None:
    deed = DEEDS[action]
    async with scene_in(tmp_path) as scene:
        if deed.before:
            await scene.do(deed.before, **deed.params)
        before = deed.look(scene)
        for number, (fault, said) in enumerate(
            ((401, "API key was not accepted"), (403, "may not"), (429, "nothing was done"), (400, "as it stands")), 1
        ):
            planned = await scene.planned(action, **deed.params)
            scene.plane.faults[deed.operation] = [fault]
            record = await scene.agreed(planned)
            assert record.outcome is Outcome.FAILED, record.summary
            assert said in record.summary, record.summary
            assert (scene.sent(deed.operation), deed.look(scene)) == (number, before)


async def test_a_deploy_that_fails_says_what_still_serves(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        scene.web.fails = "build_failed"
        record = await scene.do("render.redeploy", **WEB)
        assert record.outcome is Outcome.FAILED
        assert "build failed" in record.summary
        assert "still live" in record.summary
        assert scene.live == "9c41d2ab"


async def test_a_deploy_that_is_queued_and_not_named_is_found_and_no_older_one_taken_for_it(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        before = scene.web.deploys[0].id
        scene.plane.faults["create-deploy"] = ["queue"]
        record = await scene.do("render.redeploy", **WEB)
        assert record.outcome is Outcome.SUCCEEDED, record.summary
        made = scene.web.live
        assert made is not None
        assert made.id != before
        assert record.verification is not None
        assert record.verification.holds is True, record.verification.text


async def test_a_deploy_that_another_one_cancels_is_no_success(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        scene.plane.estate.settle_s = 30.0
        planned = await scene.planned("render.redeploy", **WEB)
        running = asyncio.create_task(scene.agreed(planned))
        await scene.until(lambda: bool(scene.web.deploys[0].trigger == "api"))
        scene.plane.estate.deploy(scene.web, None, "new_commit", "feedbeef" * 5)
        record = await running
        assert record.outcome is Outcome.FAILED
        assert "canceled" in record.summary


async def test_what_makes_no_sense_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        live = scene.web.live
        assert live is not None
        for action, params, said in (
            ("render.rollback", WEB | {"deploy": live.id}, "live already"),
            ("render.scale", WEB | {"instances": "2"}, "already"),
            ("render.scale", WEB | {"instances": "0"}, "cannot be had"),
            ("render.scale", WEB | {"instances": "3", "expect": "7"}, "scaled since"),
            ("render.resume", WEB, "is not suspended"),
            ("render.maintenance", {"mode": "off"}, "off already"),
            ("render.recover", PG | {"at": "2020-01-01T00:00:00Z"}, "reaches back to"),
            ("render.recover", PG | {"at": "yesterday"}, "no moment"),
            ("render.backup", PG | {"created": "2001-01-01T00:00:00Z"}, "deleted and made again"),
        ):
            planned = await scene.planned(action, **params)
            assert said in planned.refusals[0].reason, (action, planned.refusals)
        for action, params in (
            ("render.restart", {"service": "srv-other"}),
            ("render.backup", {"postgres": "dpg-other"}),
            ("render.maintenance", {"mode": "maybe"}),
        ):
            with pytest.raises(Refused):
                await scene.planned(action, **params)


async def test_autoscaling_disks_and_billing_are_said_before(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        scene.web.details["autoscaling"] = {"enabled": True, "min": 2, "max": 6}
        planned = await scene.planned("render.scale", **WEB, instances="3")
        assert "Render ignores any other" in planned.refusals[0].reason
        del scene.web.details["autoscaling"]
        planned = await scene.planned("render.rollback", **WEB)
        assert any("autodeploy is on" in each for each in planned.plan.warnings)
        scene.plane.estate.stores["dpg-booking"].recovery = {"recoveryStatus": "BACKUP_NOT_READY"}
        planned = await scene.planned("render.recover", **PG, at=_HOUR_AGO)
        assert "first backup is not ready" in planned.refusals[0].reason


async def test_a_redeploy_of_the_same_code_can_be_taken_back_to_the_build_before(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        done = await scene.do("render.redeploy", **WEB)
        assert done.undo is not None
        assert done.undo.request is not None
        planned = await scene.planned(done.undo.request.action, **dict(done.undo.request.params))
        assert planned.refusals == ()
        assert any("only the build is another" in each for each in planned.plan.warnings)
        assert (await scene.agreed(planned)).outcome is Outcome.SUCCEEDED


async def test_a_restart_that_cannot_be_seen_says_so(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        scene.plane.denied.add("list-instances")
        record = await scene.do("render.restart", **WEB)
        assert record.outcome is Outcome.SUCCEEDED
        assert "does not tell" in record.summary
        assert record.verification is not None
        assert record.verification.holds is None


async def test_a_recovery_says_where_it_goes(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        ago = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        planned = await scene.planned("render.recover", **PG, at=ago)
        text = " ".join(planned.plan.warnings)
        assert "NEW database" in text
        assert "booking-db stays" in text
        assert "60 minutes of work" in text or "61 minutes" in text
        assert planned.plan.changes[1].before == planned.plan.changes[1].after


async def test_choices_are_of_what_is_there(tmp_path: Path) -> None:
    async with scene_in(tmp_path) as scene:
        handler = scene.executor.catalogue.handler("render.rollback", SOURCE)
        services = await handler.choices("service")
        assert [each.value for each in services] == ["srv-booking", "srv-mailer"]
        deploys = await handler.choices_among("deploy", WEB)  # type: ignore[attr-defined]
        assert [each.recommended for each in deploys] == [True, False]
