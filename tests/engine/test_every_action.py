"""Every action of the catalogue on the real servers of the sandbox: what it needs, what it does, and the way back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from cockpit.actions.guards import Confirmation
from cockpit.actions.record import Planned, Record
from cockpit.engine import compose
from cockpit.engine.engine import Engine
from cockpit.model.action import ActionRequest, Outcome
from cockpit.model.severity import Freshness, SourceKind
from cockpit.profile.load import load
from cockpit.sandbox.shop.database import BATCH_ROLE
from cockpit.sandbox.shop.revision import IMAGE
from cockpit.sandbox.system import Sandbox, Tempo

ADDRESS = "198.51.100.77"
WHY = "every action, once"


class Scene:
    """The sandbox, an engine on it, and ways to look at the servers that do not go through the cockpit."""

    def __init__(self, sandbox: Sandbox, engine: Engine) -> None:
        self.sandbox, self.engine = sandbox, engine
        self.executor = engine.executor
        self.sessions: dict[str, asyncpg.Connection] = {}
        assert sandbox.front is not None and sandbox.redis is not None
        self.shop = httpx.AsyncClient(
            base_url=sandbox.front.url, headers={"Authorization": f"Bearer {sandbox.admin_token}"}, trust_env=False
        )
        self.redis = Redis.from_url(sandbox.redis.url)

    async def close(self) -> None:
        await self.shop.aclose()
        await self.redis.aclose()
        for session in self.sessions.values():
            session.terminate()

    async def session(self, name: str) -> asyncpg.Connection:
        """A new session of the batch role, told apart by its name."""
        dsn = self.sandbox.dsn(BATCH_ROLE)
        assert dsn is not None
        self.sessions[name] = await asyncpg.connect(dsn, server_settings={"application_name": name})
        return self.sessions[name]

    async def alive(self, name: str) -> str:
        """State and kind of wait of a session as the server's superuser sees it, "" when it is gone."""
        assert self.sandbox.postgres is not None
        admin = await asyncpg.connect(self.sandbox.postgres.dsn())
        try:
            row = await admin.fetchrow(
                "SELECT state, wait_event_type FROM pg_stat_activity WHERE application_name = $1", name
            )
        finally:
            await admin.close()
        return "" if row is None else f"{row['state']}/{row['wait_event_type']}"

    async def until(self, looks: Callable[[], Awaitable[bool]], what: str) -> None:
        """Look until it is so; `what` is for the reader of a failure."""
        async with asyncio.timeout(15):
            while not await looks():  # noqa: ASYNC110  # servers are asked: nothing announces it
                await asyncio.sleep(0.02)

    async def fresh(self, source: str) -> None:
        """Wait for a reading that actions may be based on."""
        self.engine.hub.poll_now(source)

        async def is_fresh() -> bool:
            state = self.engine.hub.state(source)
            return state is not None and state.freshness is Freshness.FRESH

        await self.until(is_fresh, f"{source} is fresh")

    def service(self) -> tuple[Any, Any]:
        """Traffic and scaling as the control plane has them."""
        service = self.sandbox.plane.run.service("shop")
        return service.traffic, (service.scaling.min_instances, service.scaling.max_instances)

    def events(self, run: str) -> tuple[str, ...]:
        """What the audit log on disk has of one run."""
        return tuple(entry.event for entry in self.engine.audit.entries() if entry.run == run)

    async def run(self, planned: Planned) -> Record:
        """Give what the plan asks for."""
        return await self.executor.execute(planned, Confirmation(planned.requirement.phrase, WHY))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("every-action")
    sandbox = await Sandbox.start(folder / "shop", tempo=Tempo(settle_s=0.1, reads_per_minute=600))
    try:
        if sandbox.postgres is None or sandbox.redis is None or sandbox.profile is None:
            pytest.skip("needs PostgreSQL and Redis")
        async with Engine(load(sandbox.profile), state_dir=folder / "state") as engine:
            made = Scene(sandbox, engine)
            try:
                yield made
            finally:
                await made.close()
    finally:
        await sandbox.close()


@dataclass(frozen=True)
class Deed:
    """One action: its source, how to come to its parameters, and how to see from outside what is so."""

    source: str
    params: Callable[[Scene], Awaitable[dict[str, str]]]
    look: Callable[[Scene], Awaitable[object]]
    after: Callable[[object, object], bool]  # before, now: is it done?
    undone_by: str = ""  # the action that takes it back


async def maintenance(scene: Scene) -> object:
    return (await scene.shop.get("/admin/maintenance")).json()["enabled"]


async def door(scene: Scene) -> object:
    return (await scene.shop.get("/catalogue/books", headers={"X-Forwarded-For": ADDRESS})).status_code


async def denied(scene: Scene) -> object:
    policy = scene.sandbox.plane.compute.policies["shop-edge"]
    return policy.verdict("198.51.100.200"), sorted(policy.rules)


async def adaptive(scene: Scene) -> object:
    found = scene.sandbox.plane.compute.policies["shop-edge"].adaptive.get("layer7DdosDefenseConfig", {})
    return found.get("enable", False)


async def traffic(scene: Scene) -> object:
    return scene.service()[0]


async def tags(scene: Scene) -> set[str]:
    return {target.tag for target in scene.sandbox.plane.run.service("shop").traffic}


async def limits(scene: Scene) -> object:
    return scene.service()[1]


async def mode(scene: Scene) -> object:
    return scene.sandbox.plane.run.service("shop").scaling.stopped, await page(scene)


async def page(scene: Scene) -> object:
    return (await scene.shop.get("/catalogue/books")).status_code


async def memory(scene: Scene) -> object:
    return scene.sandbox.plane.run.service("shop").template.memory


async def image(scene: Scene) -> object:
    """The digest that serves: a way back by digest is the same image."""
    service = scene.sandbox.plane.run.service("shop")
    return [service.revisions[share.revision].digest for share in service.serving if share.percent]


async def serving(scene: Scene) -> object:
    return [share.revision for share in scene.sandbox.plane.run.service("shop").serving]


def state_of(name: str) -> Callable[[Scene], Awaitable[object]]:
    async def look(scene: Scene) -> object:
        return await scene.alive(name)

    return look


def keys_like(pattern: str) -> Callable[[Scene], Awaitable[object]]:
    async def look(scene: Scene) -> object:
        return len(await scene.redis.keys(pattern))

    return look


def given(**params: str) -> Callable[[Scene], Awaitable[dict[str, str]]]:
    async def params_(scene: Scene) -> dict[str, str]:
        return params

    return params_


async def busy(scene: Scene, name: str) -> dict[str, str]:
    session = await scene.session(name)
    task = asyncio.ensure_future(session.execute("SELECT pg_sleep(300)"))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def sleeps() -> bool:
        return (await scene.alive(name)).startswith("active")

    await scene.until(sleeps, "the statement runs")
    return {"pid": str(session.get_server_pid())}


async def statement_to_cancel(scene: Scene) -> dict[str, str]:
    return await busy(scene, "to-cancel")


async def session_to_end(scene: Scene) -> dict[str, str]:
    return await busy(scene, "to-end")


async def idle_session(scene: Scene) -> dict[str, str]:
    server = scene.sandbox.postgres
    assert server is not None
    host_dsn = str(scene.sandbox.dsn(BATCH_ROLE)).replace("/shop", "/postgres")
    scene.sessions["idle"] = await asyncpg.connect(host_dsn, server_settings={"application_name": "idle"})
    await scene.sessions["idle"].execute("SELECT 1")

    async def idle_for_a_second() -> bool:
        admin = await asyncpg.connect(server.dsn())
        try:
            text = "SELECT now() - state_change > '1 s' FROM pg_stat_activity WHERE application_name = 'idle'"
            return bool(await admin.fetchval(text))
        finally:
            await admin.close()

    await scene.until(idle_for_a_second, "idle for a second by the server's clock")
    return {"older_than": "1s", "database": "postgres"}


async def waiting_session(scene: Scene) -> dict[str, str]:
    root, waiter = await scene.session("root"), await scene.session("waiter")
    scene.sessions["transaction"] = root
    await root.execute("BEGIN; UPDATE inventory SET quantity = quantity WHERE product_id = 1")
    task = asyncio.ensure_future(waiter.execute("UPDATE inventory SET quantity = quantity WHERE product_id = 1"))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def waits() -> bool:
        return await scene.alive("waiter") == "active/Lock"

    await scene.until(waits, "the waiter waits")
    return {"pid": str(waiter.get_server_pid())}


async def keys_to_delete(scene: Scene) -> dict[str, str]:
    await scene.redis.mset({f"junk:{number}": "x" for number in range(50)})
    return {"pattern": "junk:*"}


async def other_revision(scene: Scene) -> dict[str, str]:
    service = scene.sandbox.plane.run.service("shop")
    serving = {share.revision for share in service.serving if share.percent}
    return {"revision": next(name for name in service.revisions if name not in serving)}


async def pinned_elsewhere(scene: Scene) -> dict[str, str]:
    """Traffic on an older revision, so that there is something to promote."""
    params = await other_revision(scene)
    planned = await scene.executor.plan(ActionRequest("revisions.rollback", "revisions/shop", params))
    assert (await scene.run(planned)).outcome is Outcome.SUCCEEDED
    return {"to": "latest"}


def unpinned(**params: str) -> Callable[[Scene], Awaitable[dict[str, str]]]:
    """Traffic on whatever is latest, so that a new revision serves."""

    async def params_(scene: Scene) -> dict[str, str]:
        planned = await scene.executor.plan(ActionRequest("revisions.promote", "revisions/shop", {"to": "latest"}))
        if "already so" not in str(planned.refusals):
            assert (await scene.run(planned)).outcome is Outcome.SUCCEEDED
        return params

    return params_


async def tagged(scene: Scene) -> dict[str, str]:
    return {**await other_revision(scene), "tag": "blue"}


async def a_tenth(scene: Scene) -> dict[str, str]:
    return {**await other_revision(scene), "percent": "10"}


def changed(before: object, now: object) -> bool:
    return now != before


KEYLESS = {f"revisions.{name}" for name in ("pin", "restart", "memory", "deploy", "stop", "ingress", "tag")}
KEYLESS.add("armor.adaptive")
DEEDS = {
    "health.call": Deed("health/shop", given(name="maintenance-on"), maintenance, changed, "health.call"),
    "logs.block": Deed("logs/shop", given(ip=ADDRESS), door, lambda _, now: now == 403, "logs.unblock"),
    "database.cancel": Deed(
        "database/shop", statement_to_cancel, state_of("to-cancel"), lambda _, now: now == "idle/Client"
    ),
    "database.terminate": Deed("database/shop", session_to_end, state_of("to-end"), lambda _, now: now == ""),
    "database.terminate_idle": Deed("database/shop", idle_session, state_of("idle"), lambda _, now: now == ""),
    "database.unblock": Deed(
        "database/shop", waiting_session, state_of("waiter"), lambda _, now: now == "idle/Client"
    ),
    "redis.delete": Deed("redis/cache", keys_to_delete, keys_like("junk:*"), lambda _, now: now == 0),
    "revisions.rollback": Deed("revisions/shop", other_revision, traffic, changed, "revisions.restore"),
    "revisions.promote": Deed("revisions/shop", pinned_elsewhere, traffic, changed, "revisions.restore"),
    "revisions.split": Deed("revisions/shop", a_tenth, traffic, changed, "revisions.restore"),
    "revisions.scale": Deed(
        "revisions/shop", given(min="1", max="7"), limits, lambda _, now: now == (1, 7), "revisions.restore_scale"
    ),
    "revisions.pin": Deed("revisions/shop", unpinned(), traffic, changed, "revisions.restore"),
    "revisions.restart": Deed("revisions/shop", unpinned(), serving, changed),
    "revisions.memory": Deed(
        "revisions/shop", unpinned(memory="2Gi"), memory, lambda _, now: now == "2Gi", "revisions.memory"
    ),
    "revisions.deploy": Deed("revisions/shop", unpinned(image=f"{IMAGE}:v2"), image, changed, "revisions.deploy"),
    "revisions.stop": Deed("revisions/shop", given(), mode, lambda _, now: now == (True, 503), "revisions.resume"),
    "revisions.ingress": Deed(
        "revisions/shop", given(ingress="internal"), page, lambda _, now: now == 404, "revisions.ingress"
    ),
    "revisions.tag": Deed("revisions/shop", tagged, tags, lambda _, now: "blue" in now, "revisions.restore"),
    "armor.deny": Deed("armor/edge", given(address=ADDRESS), door, lambda _, now: now == 403, "armor.lift"),
    "armor.lift": Deed("armor/edge", given(priority="9000"), denied, changed, "armor.deny"),
    "armor.adaptive": Deed("armor/edge", given(wanted="on"), adaptive, changed, "armor.adaptive"),
    # Last: the shop's own cache goes with it.
    "redis.flush": Deed("redis/cache", given(), keys_like("marker:*"), lambda _, now: now == 0),
}


def test_every_action_with_a_key_is_here_and_those_of_runbooks() -> None:
    # The others: test_every_*_action.py, tests/actions/{docker,database/test_declared_updates.py,test_teamscript.py}
    here = {*map(SourceKind, ("health", "logs", "database", "redis", "revisions", "armor")), SourceKind.METRICS}
    specs = [spec for spec in compose.specs() if spec.pane in here and spec.id != "database.update"]
    assert set(DEEDS) == {spec.id for spec in specs if spec.key or spec.id in KEYLESS}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("action", DEEDS)
async def test_it_is_refused_unarmed_and_unconfirmed_recorded_first_then_done_and_taken_back(
    scene: Scene, action: str
) -> None:
    deed, executor = DEEDS[action], scene.executor
    await scene.redis.set("marker:1", "x")
    await scene.fresh(deed.source)
    await executor.arm(WHY)
    request = ActionRequest(action, deed.source, await deed.params(scene))
    await scene.fresh(deed.source)
    before = await deed.look(scene)

    await executor.disarm()
    planned = await executor.plan(request)
    assert planned.refusals == () and planned.needs_arming
    assert [refusal.step for refusal in (await scene.run(planned)).refusals] == ["mode"]
    await executor.arm(WHY)
    planned = await executor.plan(request)
    wrong = await executor.execute(planned, Confirmation("Y", WHY))
    assert wrong.outcome is Outcome.REFUSED and wrong.refusals[0].step == "confirm"
    assert await deed.look(scene) == before, "a refusal changes nothing"

    written: list[tuple[str, ...]] = []

    def look() -> None:
        for running in executor.running:
            if running.phase == "running" and not written:
                written.append(scene.events(running.run))

    with contextlib.ExitStack() as leaving:
        leaving.callback(executor.subscribe(look))
        record = await scene.run(planned)
    assert record.outcome is Outcome.SUCCEEDED, record.summary
    assert record.verification is not None
    # What a command of the profile did, only the team knows how to see.
    assert record.verification.holds is (None if action == "logs.block" else True), record.verification
    assert written == [("intent",)], "what was intended is on disk before it runs"
    assert scene.events(record.run)[:3] == ("intent", "outcome", "verified")

    async def done() -> bool:
        return deed.after(before, await deed.look(scene))

    await scene.until(done, "its effect is seen from outside")
    if not deed.undone_by:
        assert record.undo is not None and record.undo.request is None
        assert record.undo.text.split(":")[0] in ("cannot be undone", "none"), "it says that there is no way back"
        return
    offer = executor.undo_offer
    assert offer is not None and offer.undo.request is not None
    assert offer.undo.request.action == deed.undone_by
    await scene.fresh(deed.source)
    back = await executor.plan(offer.undo.request)
    assert back.refusals == ()
    undone = await scene.run(back)
    assert undone.outcome is Outcome.SUCCEEDED, undone.summary
    assert await deed.look(scene) == before, "exactly what was there before"
