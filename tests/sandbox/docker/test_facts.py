"""What the adapter asks, and what is played in an engine's place, against the recorded facts of the Engine API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from cockpit.adapters.docker import changing
from cockpit.adapters.docker.asking import DockerAsker
from cockpit.adapters.docker.changing import Containers
from cockpit.adapters.docker.cloning import creation
from cockpit.adapters.docker.containers import ContainersProbe
from cockpit.adapters.docker.gateway import Gateway
from cockpit.adapters.docker.logs import ContainerLogs
from cockpit.adapters.docker.replacing import replace
from cockpit.adapters.docker.terms import Asked
from cockpit.clock import SystemClock
from cockpit.profile.docker import DockerSource
from cockpit.profile.schema import LogSource
from cockpit.sandbox.docker.engine import Engine
from cockpit.sandbox.docker.server import DockerServer
from cockpit.sandbox.docker.state import Box, Image
from cockpit.sandbox.http import HttpServer

from .facts import FACTS, Documented

STAY = ["sh", "-c", "while true; do sleep 1; done"]
LABEL = "com.docker.compose."


class Played:
    """An engine whose every answer is compared."""

    def __init__(self) -> None:
        self.engine = Engine(stop_s=0.0, healthy_s=0.0)
        config = {"Entrypoint": ["/start"], "Env": ["DEBUG=1", "MODE=a"]}
        made = datetime(2026, 1, 1, tzinfo=UTC)
        self.image = self.engine.add_image(Image(f"sha256:{'a' * 64}", ["shop/api:1"], [], made, 2 << 20, config))
        self.engine.network("front")
        self.engine.network("back")
        self.documented = Documented(DockerServer(self.engine))
        self.url = ""

    def box(self, name: str = "api", **more: object) -> Box:
        labels = {f"{LABEL}project": "shop", f"{LABEL}service": name, f"{LABEL}container-number": "1"}
        body = {"Image": "shop/api:1", "Entrypoint": [""], "Cmd": STAY, "Labels": labels}
        made = self.engine.create(name, body | more)
        self.engine.start(made)
        return made

    async def ask(self, method: str, path: str, **query: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url) as client:
            return await client.request(method, f"/v1.47{path}", params=query)


@asynccontextmanager
async def serving() -> AsyncIterator[Played]:
    played = Played()
    server = await HttpServer.start(played.documented.handle)
    played.url = f"http://127.0.0.1:{server.port}"
    try:
        yield played
    finally:
        played.engine.close()
        await server.close()
    played.documented.operations()


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    async with serving() as made:
        yield made


async def test_all_that_the_adapter_sends_is_documented(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "_STEADY_S", 0.0)
    joined = {"NetworkingConfig": {"EndpointsConfig": {"front": {}, "back": {"Aliases": ["books"]}}}}
    played.box(HostConfig={"NetworkMode": "front", "Binds": ["data:/data:ro,Z"]}, Env=["DEBUG", "MODE=b"], **joined)
    url = played.url.replace("http", "tcp")
    table = DockerSource.model_validate({"name": "main", "project": "shop", "host": url, "timeout": 30.0})
    gateway, clock = Gateway(table, SystemClock(), {}), SystemClock()
    asker, containers = DockerAsker(gateway, "shop", clock), Containers(gateway, "shop", clock)
    probe = ContainersProbe(gateway, table, clock)
    source = LogSource.model_validate({"name": "app", "type": "docker", "engine": "main"})
    log = ContainerLogs(gateway, table, source, clock)
    try:
        await probe.probe()
        await log.read()
        await log.diagnose()
        await asker.logs(Asked(), since_s=60)
        await asker.processes(Asked())
        await asker.images()
        await asker.disk()
        await gateway.get("/info")
        await containers.images()
        await containers.others_on([played.image.id])
        (old,) = await containers.of("api")
        _, why = await replace(containers, old, creation(old, await containers.image(old["Image"])), 30.0)
        assert why == ""
        (new,) = await containers.of("api")
        assert new["Id"] != old["Id"] and new["Mounts"] == old["Mounts"]
        assert new["Path"] == "sh" and new["Config"]["Env"] == old["Config"]["Env"] == ["DEBUG", "MODE=b"]
        assert set(new["NetworkSettings"]["Networks"]) == {"front", "back"}
        for verb in ("restart", "pause", "unpause", "stop", "start"):
            await containers.post(new["Id"], verb)
    finally:
        await log.close()
        await probe.close()
        await gateway.close()
    asked = played.documented.operations()
    theirs = {"ContainerKill", "ImageDelete", "NetworkList", "NetworkInspect", "SystemPing"}  # nobody's here
    assert {each.operation for each in FACTS} - asked <= theirs | {"SystemEvents"}


async def test_a_state_that_does_not_fit_is_refused_with_a_documented_code(played: Played) -> None:
    box = played.box()
    codes = [(await played.ask("POST", f"/containers/api/{each}")).status_code for each in ("unpause", "pause")]
    codes += [(await played.ask("POST", f"/containers/api/{each}")).status_code for each in ("pause", "start")]
    assert codes == [500, 204, 409, 409]
    kept = await played.ask("DELETE", "/containers/api")
    assert kept.status_code == 409 and kept.json()["message"].endswith("is paused and must be unpaused first")
    assert (await played.ask("POST", "/containers/api/unpause")).status_code == 204
    assert (await played.ask("POST", "/containers/api/kill")).status_code == 204
    ended = [(await played.ask("POST", f"/containers/api/{each}")).status_code for each in ("kill", "pause", "stop")]
    assert ended == [409, 409, 304] and not box.running
    assert (await played.ask("GET", "/containers/api/top")).status_code == 409
    assert (await played.ask("GET", "/containers/api/logs")).status_code == 400
    assert (await played.ask("POST", "/containers/api/rename", name="-")).status_code == 400
    assert (await played.ask("DELETE", f"/images/{played.image.id}")).status_code == 409
    assert (await played.ask("DELETE", "/images/nobody-has-it")).status_code == 404


async def test_one_that_waits_for_its_restart_counts_as_running(played: Played) -> None:
    played.engine._closed = True  # the restart does not come
    box = played.box(Cmd=["false"], HostConfig={"RestartPolicy": {"Name": "always"}})
    played.engine._end(box, 1)
    assert box.status == "restarting"
    assert [each["State"] for each in (await played.ask("GET", "/containers/json")).json()] == ["restarting"]
    assert (await played.ask("POST", "/containers/api/start")).status_code == 304
    assert (await played.ask("DELETE", "/containers/api")).status_code == 409
    assert (await played.ask("DELETE", "/containers/api", force="true")).status_code == 204


async def test_a_failure_is_tried_again_so_often_and_no_more(played: Played) -> None:
    played.engine._closed = True
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    box = played.box(HostConfig={"RestartPolicy": policy})
    box.restarts = 1
    played.engine._end(box, 1)
    assert box.status == "restarting"
    played.engine.start(box)
    assert box.restarts == 0, "by hand: counted anew"
    box.restarts = 2
    played.engine._end(box, 1)
    assert box.status == "exited"


async def test_the_last_so_many_are_listed_whether_they_run_or_not(played: Played) -> None:
    await played.engine.stop(played.box("one"))
    played.box("two")
    names = [each["Names"] for each in (await played.ask("GET", "/containers/json", limit="5")).json()]
    assert names == [["/two"], ["/one"]]
    assert (await played.ask("GET", "/containers/json", limit="many")).status_code == 400


async def test_who_is_in_a_network_is_told_of_one_alone(played: Played) -> None:
    box = played.box(HostConfig={"NetworkMode": "front"})
    assert all(each["Containers"] == {} for each in (await played.ask("GET", "/networks")).json())
    assert set((await played.ask("GET", "/networks/front")).json()["Containers"]) == {box.id}
    played.engine.connect(played.engine.networks["back"].id, {"Container": box.id})
    assert set(box.networks) == {"front", "back"}


async def test_no_check_is_no_health(played: Played) -> None:
    assert "Health" not in (await played.ask("GET", f"/containers/{played.box().id}/json")).json()["State"]
    box = played.box("other", Healthcheck={"Test": ["NONE"]})
    assert "Health" not in (await played.ask("GET", f"/containers/{box.id}/json")).json()["State"]


async def test_an_image_goes_with_its_last_name_unless_it_is_used(played: Played) -> None:
    box, image = played.box(), played.image
    image.tags.append("shop/api:latest")
    answer = await played.ask("DELETE", "/images/shop/api")
    assert answer.json() == [{"Untagged": "shop/api:latest"}]
    used = await played.ask("DELETE", "/images/shop/api:1")
    assert used.status_code == 409 and box.id[:12] in used.json()["message"]
    assert (await played.ask("DELETE", "/images/shop/api:1", force="true")).json() == [{"Untagged": "shop/api:1"}]
    assert (await played.ask("DELETE", f"/images/{image.id}", force="true")).status_code == 409
    await played.engine.remove(box, force=True)
    image.tags.append("shop/api:2")
    gone = (await played.ask("DELETE", "/images/shop/api:2")).json()
    assert gone == [{"Untagged": "shop/api:2"}, {"Deleted": image.id}]


async def test_events_have_the_documented_fields(played: Played) -> None:
    box = played.box()
    until = str(int(datetime.now(UTC).timestamp()) + 1)
    async with (
        httpx.AsyncClient(base_url=played.url) as client,
        client.stream("GET", "/v1.47/events", params={"since": "1", "until": until}) as answer,
        aclosing(answer.aiter_lines()) as lines,
    ):
        told = json.loads(await anext(lines))
    assert {"Type", "Action", "Actor", "scope", "time", "timeNano"} <= set(told)
    assert told["Actor"]["ID"] == box.id and told["Action"] == "create"
