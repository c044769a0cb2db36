"""The sandbox's faults are real: visible in the servers themselves, cured by the right action, by no other."""

from __future__ import annotations

import asyncio
import stat
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import redis.asyncio

from cockpit.profile.schema import Profile
from cockpit.sandbox.process import NoBinary
from cockpit.sandbox.scenarios import IMPORT_NAME, JUNK_PREFIX, REPRICING_NAME, Scenario
from cockpit.sandbox.shop.database import ONCALL_ROLE
from cockpit.sandbox.shop.front import Front
from cockpit.sandbox.shop.load import SCRAPER
from cockpit.sandbox.shop.vitals import Served
from cockpit.sandbox.system import Sandbox, Tempo, Unavailable

Start = Callable[..., Awaitable[Sandbox]]
TEMPO = Tempo(requests_per_s=40, warm_up_s=0.5, settle_s=0.05)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a system with a scenario; ended with the test."""
    running: list[Sandbox] = []

    async def begin(scenario: Scenario = Scenario.NONE, tempo: Tempo = TEMPO) -> Sandbox:
        try:
            running.append(await Sandbox.start(tmp_path / "sandbox", scenario, tempo=tempo))
        except Unavailable as reason:
            pytest.skip(str(reason))
        return running[-1]

    yield begin
    for system in running:
        await system.close()


async def _until(condition: Callable[[], object], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if (await value) if isinstance(value, Awaitable) else value:
            return
        assert time.monotonic() < end, "the condition did not come true"
        await asyncio.sleep(0.02)


def _since(front: Front, moment: float) -> list[Served]:
    return [one for one in front.window.of() if one.at > moment]


def _failed(served: list[Served]) -> int:
    return sum(one.status >= 500 for one in served)


async def _goes_on(system: Sandbox, moment: float, failures: int = 5) -> None:
    """After `moment`, so many more requests fail."""
    front = _front(system)
    await _until(lambda: _failed(_since(front, moment)) >= failures)


async def _is_cured(system: Sandbox, moment: float, requests: int = 60) -> None:
    """After `moment` there comes a stretch of so many requests, checkouts among them, without a failure."""
    front = _front(system)

    def clean() -> bool:
        last = _since(front, moment)[-requests:]
        return len(last) == requests and not _failed(last) and any(one.kind == "checkout" for one in last)

    await _until(clean)


def _front(system: Sandbox) -> Front:
    assert system.front is not None
    return system.front


async def _roll_back(system: Sandbox, revision: str) -> None:
    """As an operator does it, over the API."""
    run = system.plane.run
    async with httpx.AsyncClient(base_url=system.plane.url) as api:
        token = (await api.post("/token", data={"grant_type": "client_credentials"})).json()["access_token"]
        path = f"/v2/projects/{run.project}/locations/{run.region}/services/shop"
        entry = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": revision, "percent": 100}
        headers = {"Authorization": f"Bearer {token}"}
        answer = await api.patch(path, json={"traffic": [entry]}, params={"updateMask": "traffic"}, headers=headers)
        name = answer.json()["name"]
        assert (await api.post(f"/v2/{name}:wait", json={}, headers=headers)).json()["done"]


async def _ask(system: Sandbox, statement: str, *values: object) -> Any:
    connection = await asyncpg.connect(system.dsn(ONCALL_ROLE))
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def _end(system: Sandbox, function: str, name: str) -> bool:
    found = f"SELECT bool_and({function}(pid)) FROM pg_stat_activity WHERE application_name = $1"
    return bool(await _ask(system, found, name))


async def test_without_a_fault_everything_works_and_the_profile_leads_there(start: Start) -> None:
    system = await start()
    await _is_cured(system, 0.0)
    assert system.profile is not None and system.load is not None
    profile = Profile.model_validate(tomllib.loads(system.profile.read_text()))
    async with httpx.AsyncClient() as client:
        for source in profile.health:
            assert (await client.get(source.url)).status_code == 200, source.url
        body = (await client.get(f"{_front(system).url}/health/detailed")).json()
    assert body["status"] == "healthy" and body["jobs"]["stuck"] == 0
    assert {"database", "redis", "checkout", "catalogue"} <= set(body["components"])
    assert profile.database[0].dsn is not None and profile.redis[0].url is not None
    connection = await asyncpg.connect((await profile.database[0].dsn.resolve()).reveal())
    assert await connection.fetchval("SELECT pg_has_role('pg_monitor', 'usage')")
    await connection.close()
    assert not isinstance(profile.redis[0].url, str)
    async with redis.asyncio.Redis.from_url((await profile.redis[0].url.resolve()).reveal()) as client:
        assert await client.dbsize() > 100
    for file in system.profile.parent.iterdir():
        if file.is_file():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert system.load.tally.lost == 0


async def test_a_bad_revision_fails_until_it_is_rolled_back(start: Start) -> None:
    system = await start(Scenario.BAD_REVISION)
    service = system.plane.run.service("shop")
    good, bad = list(service.revisions)[-2:]
    assert service.serving[0].revision == bad
    await _goes_on(system, 0.0)
    assert system.redis is not None
    async with redis.asyncio.Redis.from_url(system.redis.url) as cache:
        await cache.flushdb()
    await _end(system, "pg_terminate_backend", bad)
    await _goes_on(system, time.monotonic())
    body = await _read_logs(system, 'severity=ERROR jsonPayload.stack_trace:"discount_percent"')
    assert body["entries"][0]["resource"]["labels"]["revision_name"] == bad
    deploys = await _read_logs(system, 'log_id("cloudaudit.googleapis.com/activity")')
    assert deploys["entries"][-1]["protoPayload"]["authenticationInfo"]["principalEmail"] == "ci@shop.example"
    await _roll_back(system, good)
    await _is_cured(system, time.monotonic())


async def _read_logs(system: Sandbox, text: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {system.plane.tokens.issue()}"}
    body = {"resourceNames": [f"projects/{system.plane.run.project}"], "filter": text, "pageSize": 1000}
    async with httpx.AsyncClient(base_url=system.plane.url, headers=headers) as api:
        answer: dict[str, Any] = (await api.post("/v2/entries:list", json=body)).json()
        return answer


async def test_a_lock_pileup_fills_the_pool_until_its_root_is_terminated(start: Start) -> None:
    system = await start(Scenario.LOCK_PILEUP)
    state = "SELECT state FROM pg_stat_activity WHERE application_name = $1"
    assert await _ask(system, state, IMPORT_NAME) == "idle in transaction"
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
    front = _front(system)
    revision = front.main_revision()
    assert revision is not None
    await _until(lambda: revision.pool_in_use == revision.settings.pool_size)
    assert await _ask(system, blocked) >= 20
    await _goes_on(system, 0.0)
    await _roll_back(system, next(iter(system.plane.run.service("shop").revisions)))
    assert await _end(system, "pg_cancel_backend", IMPORT_NAME)
    await _goes_on(system, time.monotonic(), 10)
    assert await _end(system, "pg_terminate_backend", IMPORT_NAME)
    moment = time.monotonic()
    await _is_cured(system, moment)
    assert await _ask(system, blocked) == 0
    assert (await _read_logs(system, f'textPayload:"{IMPORT_NAME}: connection lost"'))["entries"]


async def test_a_full_redis_evicts_until_the_junk_is_deleted(start: Start) -> None:
    system = await start(Scenario.REDIS_FULL, replace(TEMPO, requests_per_s=100))
    assert system.redis is not None
    revision = _front(system).main_revision()
    assert revision is not None

    async def hit_rate() -> float:
        before = revision.hits, revision.misses
        await _until(lambda: revision.hits + revision.misses >= sum(before) + 80)
        return (revision.hits - before[0]) / (revision.hits + revision.misses - sum(before))

    async with redis.asyncio.Redis.from_url(system.redis.url) as cache:
        memory = await cache.info("memory")
        assert memory["used_memory"] > 0.95 * memory["maxmemory"]
        evicted = (await cache.info("stats"))["evicted_keys"]
        async with asyncio.timeout(20):
            while await hit_rate() > 0.5:
                assert (await cache.info("stats"))["evicted_keys"] > 0
        await _roll_back(system, next(iter(system.plane.run.service("shop").revisions)))
        revision = _front(system).main_revision()
        assert revision is not None
        assert await hit_rate() < 0.5

        async def evicts_on() -> bool:
            return bool((await cache.info("stats"))["evicted_keys"] > evicted)

        await _until(evicts_on)
        async for keys in _batches(cache, f"{JUNK_PREFIX}*"):
            await cache.unlink(*keys)
        evicted = (await cache.info("stats"))["evicted_keys"]
        async with asyncio.timeout(20):
            while await hit_rate() < 0.7:
                assert (await cache.info("stats"))["evicted_keys"] == evicted
        memory = await cache.info("memory")
        assert memory["used_memory"] < 0.7 * memory["maxmemory"]


async def _batches(cache: redis.asyncio.Redis, pattern: str) -> AsyncIterator[list[bytes]]:
    cursor = 0
    while True:
        cursor, keys = await cache.scan(cursor, pattern, 1000)
        if keys:
            yield keys
        if cursor == 0:
            return


async def test_a_slow_query_holds_orders_up_until_it_is_cancelled(start: Start) -> None:
    system = await start(Scenario.SLOW_QUERY, replace(TEMPO, statement_timeout_s=1.0))
    await _goes_on(system, 0.0)
    await _roll_back(system, next(iter(system.plane.run.service("shop").revisions)))
    await _goes_on(system, time.monotonic())
    assert await _ask(system, "SELECT state FROM pg_stat_activity WHERE application_name = $1", REPRICING_NAME) == (
        "active"
    )
    assert await _end(system, "pg_cancel_backend", REPRICING_NAME)
    await _is_cured(system, time.monotonic())
    assert (await _read_logs(system, f'textPayload:"{REPRICING_NAME}: gave up"'))["entries"]


async def test_admin_settings_take_effect_and_can_be_read_back(start: Start) -> None:
    system = await start()
    front = _front(system)
    async with httpx.AsyncClient(base_url=front.url) as stranger:
        assert (await stranger.post("/admin/maintenance", json={"enabled": True})).status_code == 401
    headers = {"Authorization": f"Bearer {system.admin_token}"}
    async with httpx.AsyncClient(base_url=front.url, headers=headers) as client:
        assert (await client.post("/admin/maintenance", json={"enabled": True})).json() == {"enabled": True}
        assert (await client.get("/catalogue/books")).status_code == 503
        assert (await client.get("/health")).json()["maintenance"]
        assert (await client.post("/admin/maintenance", json={"enabled": False})).json() == {"enabled": False}
        assert (await client.get("/catalogue/books")).status_code == 200
        await client.post("/admin/rate-limit", json={"per_minute": 2})
        assert (await client.get("/admin/rate-limit")).json() == {"per_minute": 2}
        statuses = [
            (await client.get("/products/1", headers={"X-Forwarded-For": "192.0.2.77"})).status_code for _ in range(3)
        ]
        assert statuses == [200, 200, 429]
        assert (await client.post("/admin/rate-limit", json={"per_minute": -1})).status_code == 400
        await client.post("/admin/rate-limit", json={"per_minute": 0})
        assert (await client.get("/admin/nothing")).status_code == 404


async def test_the_block_command_keeps_an_address_out(start: Start) -> None:
    system = await start()
    assert system.profile is not None
    block = Profile.model_validate(tomllib.loads(system.profile.read_text())).block
    assert block is not None and block.undo is not None and block.run
    async with httpx.AsyncClient(base_url=_front(system).url) as client:
        for command, status in ((block.command, 403), (block.undo, 200)):
            words = [word.replace("{ip}", SCRAPER) for word in command]
            process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
            async with asyncio.timeout(20):
                assert await process.wait() == 0
            answer = await client.get("/catalogue/books", headers={"X-Forwarded-For": SCRAPER})
            assert answer.status_code == status


async def test_requests_follow_the_traffic_split_and_are_logged(start: Start) -> None:
    system = await start()
    run, service = system.plane.run, system.plane.run.service("shop")
    old, new = service.revisions
    headers = {"Authorization": f"Bearer {system.plane.tokens.issue()}"}
    path = f"/v2/projects/{run.project}/locations/{run.region}/services/shop"
    async with httpx.AsyncClient(base_url=system.plane.url, headers=headers) as api:
        split = [
            {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": name, "percent": 50}
            for name in (old, new)
        ]
        operation = (await api.patch(path, json={"traffic": split}, params={"updateMask": "traffic"})).json()
        await api.post(f"/v2/{operation['name']}:wait", json={})
        since = (await api.get(path)).json()["updateTime"]

        async def both_serve() -> bool:
            entries = await _read_logs(system, f'log_id("run.googleapis.com/requests") timestamp>"{since}"')
            names = [entry["resource"]["labels"]["revision_name"] for entry in entries.get("entries", [])]
            return names.count(old) > 3 and names.count(new) > 3

        system.plane.logs.quota.per_minute = 10_000
        await _until(both_serve)
        entry = (await _read_logs(system, 'httpRequest.status=200 httpRequest.requestMethod="GET"'))["entries"][0]
        assert entry["resource"]["type"] == "cloud_run_revision" and entry["severity"] == "INFO"
        assert entry["httpRequest"]["latency"].endswith("s") and entry["httpRequest"]["remoteIp"]
        assert entry["trace"].startswith(f"projects/{run.project}/traces/") and entry["insertId"]
        stop = {"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 0}}
        operation = (await api.patch(path, json=stop, params={"updateMask": "scaling"})).json()
        await api.post(f"/v2/{operation['name']}:wait", json={})
        assert (await api.get(f"{_front(system).url}/catalogue/books")).status_code == 503
        assert (await api.get(f"{_front(system).url}/health")).status_code == 503

        async def changed(mask: str, **body: object) -> int:
            operation = (await api.patch(path, json=body, params={"updateMask": mask})).json()
            await api.post(f"/v2/{operation['name']}:wait", json={})
            return (await api.get(f"{_front(system).url}/catalogue/books")).status_code

        assert await changed("scaling", scaling={"scalingMode": "AUTOMATIC"}) == 200
        assert await changed("ingress", ingress="INGRESS_TRAFFIC_INTERNAL_ONLY") == 404
        assert await changed("ingress", ingress="INGRESS_TRAFFIC_ALL") == 200


async def test_a_machine_without_servers_gets_a_shop_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> None:
        raise NoBinary("no program here")

    monkeypatch.setattr("cockpit.sandbox.postgres.find_installation", nothing)
    monkeypatch.setattr("cockpit.sandbox.redis_server.find_program", nothing)
    async with Sandbox.running(tmp_path, Scenario.BAD_REVISION, tempo=TEMPO) as system:
        missing = {stage.name: stage.message for stage in system.stages if stage.missing}
        assert missing == {"postgres": "no program here", "redis": "no program here"}
        assert system.profile is not None
        profile = Profile.model_validate(tomllib.loads(system.profile.read_text()))
        assert not profile.database and not profile.redis and profile.cloud_run and profile.logs
        await _goes_on(system, 0.0)
        await _roll_back(system, list(system.plane.run.service("shop").revisions)[-2])
        await _is_cured(system, time.monotonic())
    for scenario in (Scenario.LOCK_PILEUP, Scenario.REDIS_FULL):
        with pytest.raises(Unavailable, match=scenario.value):
            await Sandbox.start(tmp_path, scenario, tempo=TEMPO)
