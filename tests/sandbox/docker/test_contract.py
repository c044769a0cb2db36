"""What holds of the played engine holds of a real one: the same tests over both, through HTTP and the adapter.

Status codes are those of moby/moby docs/api/v1.47.yaml (facts.tsv); where Podman answers otherwise, a test says so.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cockpit.adapters.docker.changing import Containers
from cockpit.adapters.docker.cloning import creation, environment
from cockpit.adapters.docker.containers import ContainersProbe
from cockpit.adapters.docker.events import event_of
from cockpit.adapters.docker.framing import Lines
from cockpit.adapters.docker.gateway import Gateway
from cockpit.adapters.docker.replacing import replace
from cockpit.adapters.docker.usage import Meter
from cockpit.clock import SystemClock
from cockpit.model.containers import ContainersStatus
from cockpit.profile.docker import DockerSource
from cockpit.sandbox.docker.engine import Engine
from cockpit.sandbox.docker.server import DockerServer
from cockpit.sandbox.docker.state import Image

from ...servers.podman.server import IMAGE

STAY = ["sh", "-c", "trap 'exit 0' TERM; echo ready; echo oops >&2; while true; do sleep 0.2; done"]
LABEL = "com.docker.compose."
DEADLINE_S = 60.0


@dataclass
class Side:
    """One engine, as a client sees it."""

    kind: str
    http: httpx.AsyncClient
    gateway: Gateway
    project: str

    async def ask(self, method: str, path: str, body: object = None, **query: str) -> httpx.Response:
        return await self.http.request(method, f"/v1.41{path}", params=query, json=body)

    async def made(self, name: str, words: list[str], *, start: bool = True, **more: Any) -> str:
        labels = {f"{LABEL}project": self.project, f"{LABEL}service": "web", f"{LABEL}container-number": "1"}
        host = {"NetworkMode": "host", **more.pop("HostConfig", {})}
        body = {"Image": IMAGE, "Cmd": words, "Labels": {**labels, f"{LABEL}oneoff": "False"}, "HostConfig": host}
        answer = await self.ask("POST", "/containers/create", {**body, **more}, name=f"{self.project}-{name}")
        assert answer.status_code == 201, answer.text
        id = answer.json()["Id"]
        if start:
            assert (await self.ask("POST", f"/containers/{id}/start")).status_code == 204
        return str(id)

    async def state(self, id: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/containers/{id}/json")
        return dict(answer.json()["State"])

    async def until(self, id: str, status: str) -> dict[str, Any]:
        end = time.monotonic() + DEADLINE_S
        while (found := await self.state(id))["Status"] != status:
            assert time.monotonic() < end, found
            await asyncio.sleep(0.05)
        return found

    async def listed(self, **query: str) -> list[dict[str, Any]]:
        filters = json.dumps({"label": [f"{LABEL}project={self.project}"]})
        return list((await self.ask("GET", "/containers/json", filters=filters, **query)).json())

    async def lines(self, id: str, **query: str) -> list[tuple[int, str]]:
        answer = await self.ask("GET", f"/containers/{id}/logs", **{"stdout": "true", "stderr": "true", **query})
        assert answer.status_code == 200, answer.text
        read = Lines(tty=False)
        return [(line.stream, line.text.decode()) for line in (*read.feed(answer.content), *read.rest())]

    async def said(self, id: str, count: int) -> list[tuple[int, str]]:
        """Its lines, as soon as there are so many."""
        end = time.monotonic() + DEADLINE_S
        while len(found := await self.lines(id)) < count:
            assert time.monotonic() < end, found
            await asyncio.sleep(0.05)
        return found


@pytest.fixture(params=["played", "podman"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    played: DockerServer | None = None
    if request.param == "podman":
        server = request.getfixturevalue("podman")
        url, base, uds = server.url, "http://docker", str(server.socket)
    else:
        engine = Engine(stop_s=0.02, healthy_s=0.05)
        engine.add_image(Image(f"sha256:{'b' * 64}", [f"{IMAGE}:latest"], [], datetime.now(UTC), 2 << 20))
        played = DockerServer(engine)
        await played.start()
        url, base, uds = played.url, played.url.replace("tcp", "http"), None
    project = f"p{request.node.name.encode().hex()[-12:]}{time.monotonic_ns() % 10**6}"
    table = DockerSource.model_validate({"name": "x", "project": project, "host": url, "timeout": 30.0})
    gateway = Gateway(table, SystemClock(), {})
    transport = httpx.AsyncHTTPTransport(uds=uds)
    async with httpx.AsyncClient(transport=transport, base_url=base, timeout=DEADLINE_S) as client:
        yield Side(request.param, client, gateway, project)
        await gateway.close()
    if played is not None:
        await played.close()


def message(answer: httpx.Response) -> str:
    found = answer.json()["message"]
    assert isinstance(found, str) and found
    return found


async def test_a_container_lives_and_ends(side: Side) -> None:
    id = await side.made("a", STAY, start=False)
    assert (await side.state(id))["Status"] == "created"
    assert (await side.ask("POST", f"/containers/{id}/start")).status_code == 204
    assert (await side.ask("POST", f"/containers/{id}/start")).status_code == 304
    first = await side.until(id, "running")
    assert first["Running"] is True and first["ExitCode"] == 0
    assert (await side.ask("POST", f"/containers/{id}/restart")).status_code == 204
    second = await side.until(id, "running")
    assert second["StartedAt"] > first["StartedAt"]
    assert (await side.ask("POST", f"/containers/{id}/stop")).status_code == 204
    assert (await side.ask("POST", f"/containers/{id}/stop")).status_code == 304
    ended = await side.until(id, "exited")
    assert ended["Running"] is False and ended["FinishedAt"] > second["StartedAt"]
    assert (await side.ask("DELETE", f"/containers/{id}")).status_code == 204
    gone = await side.ask("GET", f"/containers/{id}/json")
    assert gone.status_code == 404 and "container" in message(gone).lower()


async def test_what_runs_is_only_removed_by_force(side: Side) -> None:
    id = await side.made("a", STAY)
    refused = await side.ask("DELETE", f"/containers/{id}")
    # Podman's message says the same, with 500.
    assert refused.status_code == (409 if side.kind == "played" else 500) and message(refused)
    assert (await side.ask("DELETE", f"/containers/{id}", force="true")).status_code == 204


async def test_a_name_belongs_to_one(side: Side) -> None:
    first, second = await side.made("a", STAY, start=False), await side.made("b", STAY, start=False)
    taken = f"{side.project}-a"
    conflict = (409,) if side.kind == "played" else (409, 500)  # some versions of Podman have no status for it
    made = await side.ask("POST", "/containers/create", {"Image": IMAGE, "Cmd": STAY}, name=taken)
    assert made.status_code in conflict and taken in message(made)
    renamed = await side.ask("POST", f"/containers/{second}/rename", name=taken)
    assert renamed.status_code in conflict and message(renamed)
    assert (await side.ask("POST", f"/containers/{first}/rename", name=f"{side.project}-old")).status_code == 204
    assert (await side.ask("POST", f"/containers/{second}/rename", name=taken)).status_code == 204
    by_name = await side.ask("GET", f"/containers/{taken}/json")
    assert by_name.json()["Id"] == second and by_name.json()["Name"].removeprefix("/") == taken


async def test_the_list_has_what_runs_or_all_of_a_label(side: Side) -> None:
    running, ended = await side.made("a", STAY), await side.made("b", ["true"])
    await side.until(ended, "exited")
    assert [each["Id"] for each in await side.listed()] == [running]
    everything = {each["Id"]: each for each in await side.listed(all="true", size="true")}
    assert set(everything) == {running, ended}
    one = everything[running]
    assert one["State"] == "running" and one["Names"] == [f"/{side.project}-a"] and one["SizeRw"] >= 0
    assert one["Labels"][f"{LABEL}service"] == "web" and isinstance(one["Created"], int)
    other = await side.ask("GET", "/containers/json", all="true", filters=json.dumps({"label": ["nobody=has-it"]}))
    assert other.json() in ([], None)


async def test_how_a_container_ended_is_told(side: Side) -> None:
    id = await side.made("a", ["sh", "-c", "exit 7"])
    assert (await side.until(id, "exited"))["ExitCode"] == 7


async def test_both_streams_of_a_log_come_framed(side: Side) -> None:
    id = await side.made("a", STAY)
    assert sorted(await side.said(id, 2)) == [(1, "ready"), (2, "oops")]
    assert await side.lines(id, stderr="false") == [(1, "ready")]
    assert len(await side.lines(id, tail="1")) == 1
    assert await side.lines(id, since=str(int(time.time()) + 3600)) == []
    read = Lines(tty=False)
    query = {"stdout": "true", "stderr": "true", "timestamps": "true"}
    stamped = read.feed((await side.ask("GET", f"/containers/{id}/logs", **query)).content)
    assert all(abs(line.at / 1e9 - time.time()) < 3600 for line in stamped)
    none = await side.ask("GET", f"/containers/{id}/logs")
    assert none.status_code == 400 and message(none)


async def test_a_followed_log_ends_with_its_container(side: Side) -> None:
    id = await side.made("a", STAY)
    query = {"stdout": "true", "stderr": "true", "follow": "true"}
    read = Lines(tty=False)
    heard: list[bytes] = []
    stopped = False
    async with asyncio.timeout(DEADLINE_S):
        async with aclosing(side.gateway.stream(f"/containers/{id}/logs", query, patient=True)) as chunks:
            async for chunk in chunks:
                heard += [line.text for line in read.feed(chunk)]
                if len(heard) == 2 and not stopped:
                    stopped = True
                    await side.ask("POST", f"/containers/{id}/stop")
    assert sorted(heard) == [b"oops", b"ready"]


async def test_events_are_told_in_their_order(side: Side) -> None:
    since = int(time.time()) - 1
    id = await side.made("a", ["sh", "-c", "exit 3"])
    await side.until(id, "exited")
    await side.ask("DELETE", f"/containers/{id}")
    filters = json.dumps({"type": ["container"], "label": [f"{LABEL}project={side.project}"]})
    wanted = ["create", "start", "die", "destroy"]
    end = time.monotonic() + DEADLINE_S
    while True:
        query = {"since": str(since), "until": str(int(time.time()) + 1), "filters": filters}
        answer = await side.ask("GET", "/events", **query)
        told = [event_of(json.loads(line), side.project) for line in answer.content.splitlines() if line.strip()]
        events = [each[1] for each in sorted((t for t in told if t is not None), key=lambda each: each[0])]
        names = [each.action for each in events if each.action in wanted]
        if names == wanted:
            break
        assert time.monotonic() < end, names
    (died,) = (each for each in events if each.action == "die")
    assert died.container == id and died.service == "web" and "code 3" in died.said


async def test_images_are_told_and_kept_while_used(side: Side) -> None:
    id = await side.made("a", STAY, start=False)
    answer = await side.ask("GET", f"/images/{IMAGE}/json")
    image = answer.json()["Id"]
    assert (await side.ask("GET", f"/containers/{id}/json")).json()["Image"].removeprefix("sha256:") in image
    listed = {each["Id"].removeprefix("sha256:"): each for each in (await side.ask("GET", "/images/json")).json()}
    found = listed[image.removeprefix("sha256:")]
    assert found["Size"] > 0 and any(IMAGE in tag for tag in found["RepoTags"])
    missing = await side.ask("GET", "/images/nobody-has-it:1/json")
    assert missing.status_code == 404 and message(missing)
    used = await side.ask("DELETE", f"/images/{image}")
    assert used.status_code == 409 and message(used)
    unmade = await side.ask("POST", "/containers/create", {"Image": "nobody-has-it:1", "Cmd": ["true"]})
    assert unmade.status_code == 404 and message(unmade)


async def test_usage_has_what_the_meter_reads(side: Side) -> None:
    id = await side.made("a", STAY)
    answer = await side.ask("GET", f"/containers/{id}/stats", stream="false")
    meter = Meter()
    meter.read(id, answer.json())
    total = answer.json()["cpu_stats"]["cpu_usage"]["total_usage"]
    assert isinstance(total, int) and total >= 0
    disk = (await side.ask("GET", "/system/df")).json()
    assert any(each["Id"] == id for each in disk["Containers"]) and disk["Images"]


async def test_the_adapter_reads_and_replaces_on_both(side: Side) -> None:
    await side.made("a", STAY, Env=["MODE=good"], HostConfig={"RestartPolicy": {"Name": "unless-stopped"}})
    probe = ContainersProbe(side.gateway, side.gateway.table, SystemClock())
    try:
        status = (await probe.probe()).payload
        assert isinstance(status, ContainersStatus)
        (service,), (container,) = status.services, status.containers
        assert (service.name, service.running, container.state) == ("web", 1, "running")
        containers = Containers(side.gateway, side.project, SystemClock())
        (old,) = await containers.of("web")
        image = await containers.image(old["Image"])
        new, why = await replace(containers, old, creation(old, image, env={"MODE": "soft"}), DEADLINE_S)
        assert why == ""
        (after,) = await containers.of("web")
        assert after["Id"] == new and environment(after["Config"])["MODE"] == "soft" and after["Name"] == old["Name"]
        assert (
            after["Config"]["Labels"][f"{LABEL}service"] == "web" and after["Config"]["Cmd"] == old["Config"]["Cmd"]
        )
        bad = creation(after, image, command=["sh", "-c", "exit 3"]) | {"HostConfig": {"NetworkMode": "host"}}
        _, why = await replace(containers, after, bad, DEADLINE_S)
        assert "code 3" in why
        (back,) = await containers.of("web")
        assert back["Id"] == new and back["State"]["Running"] is True
    finally:
        await probe.close()
