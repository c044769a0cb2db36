"""Reflectors where the way to the server breaks: cut, silent, half an event, rubbish, a version from the future."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.adapters.kube.gateway import Gateway
from cockpit.adapters.kube.reflector import Reflector

from .conftest import Opener
from .raw import Exchange, RawServer

PATH = "/api/v1/namespaces/shop/configmaps"
DEADLINE_S = 8.0


def thing(name: str, version: int) -> dict[str, object]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


def event(kind: str, item: dict[str, object]) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def expired(code: int, message: str) -> bytes:
    return event("ERROR", {"kind": "Status", "code": code, "message": message, "reason": "Expired"})


class Watched:
    """Answers lists with one object; watches are played by `plays`, further ones by the last."""

    def __init__(self, raw: RawServer, *plays: Callable[[Exchange], object]) -> None:
        self.lists = 0
        self.versions: list[str] = []
        self._plays = list(plays)
        raw.handler = self._handle

    async def _handle(self, exchange: Exchange) -> None:
        if "watch=true" not in exchange.target:
            self.lists += 1
            await exchange.answer({"kind": "List", "metadata": {"resourceVersion": "10"}, "items": [thing("a", 5)]})
            return
        self.versions.append(exchange.target.partition("resourceVersion=")[2].partition("&")[0])
        await exchange.stream()
        play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
        await play(exchange)  # type: ignore[misc]


async def hold(exchange: Exchange) -> None:
    await exchange.chunk(event("BOOKMARK", thing("", 90)))
    await exchange.chunk(event("ADDED", thing("held", 91)))
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.adapters.kube.reflector.FIRST_S", 0.01)
    monkeypatch.setattr("cockpit.adapters.kube.reflector.MOST_S", 0.05)


@pytest.fixture
def gateway(raw: RawServer, tmp_path: Path, opened: Opener) -> Gateway:
    return opened(raw.kubeconfig(tmp_path)).gateway


async def until(reflector: Reflector, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await reflector.until(lambda: bool(condition()))


async def test_a_cut_watch_is_taken_up_where_it_was(raw: RawServer, gateway: Gateway) -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.chunk(event("ADDED", thing("b", 11)))
        exchange.cut()

    watched = Watched(raw, cut, hold)
    stale: list[str] = []
    maps = Reflector(gateway, PATH)
    maps.start()
    await until(maps, lambda: stale.append(maps.said) or ("held" in maps.items and maps.live))
    assert watched.versions == ["10", "11"] and watched.lists == 1
    assert set(maps.items) == {"a", "b", "held"}
    assert any("the connection broke" in said and "context raw" in said for said in stale)
    await maps.close()


async def test_half_an_event_is_not_taken_for_one(raw: RawServer, gateway: Gateway) -> None:
    async def half(exchange: Exchange) -> None:
        whole = event("ADDED", thing("b", 11))
        await exchange.chunk(whole + event("ADDED", thing("c", 12))[:-20])
        await exchange.send(b"0\r\n\r\n")

    watched = Watched(raw, half, hold)
    maps = Reflector(gateway, PATH)
    maps.start()
    await until(maps, lambda: "held" in maps.items and maps.live)
    assert watched.versions == ["10", "11"] and set(maps.items) == {"a", "b", "held"}
    await maps.close()


async def test_an_event_in_a_thousand_pieces_is_one_event(raw: RawServer, gateway: Gateway) -> None:
    async def pieces(exchange: Exchange) -> None:
        made = thing("b", 11)
        made["data"] = {"text": "é" * 200_000}
        whole = event("ADDED", made)
        for at in range(0, len(whole), 1000):
            await exchange.chunk(whole[at : at + 1000])
        await asyncio.Event().wait()

    Watched(raw, pieces)
    maps = Reflector(gateway, PATH)
    maps.start()
    await until(maps, lambda: "b" in maps.items)
    assert maps.items["b"]["data"]["text"] == "é" * 200_000
    await maps.close()


async def test_a_silent_connection_ends_with_the_cycle_and_is_resumed(
    raw: RawServer, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.adapters.kube.gateway.CYCLE_GRACE_S", 0.1)

    async def silent(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    watched = Watched(raw, silent, hold)
    stale: list[str] = []
    maps = Reflector(gateway, PATH, cycle_s=0.1)
    maps.start()
    await until(maps, lambda: stale.append(maps.said) or ("held" in maps.items and maps.live))
    assert any("does not answer within 0.2 s" in said for said in stale)
    assert watched.versions[:2] == ["10", "10"] and watched.lists == 1
    await maps.close()


@pytest.mark.parametrize(
    ("code", "message"),
    [(410, "too old resource version: 10 (99)"), (504, "Too large resource version: 10, current: 3")],
)
async def test_a_version_too_old_or_too_new_leads_to_a_list(
    raw: RawServer, gateway: Gateway, code: int, message: str
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.chunk(expired(code, message))
        await exchange.send(b"0\r\n\r\n")

    watched = Watched(raw, refuse, hold)
    maps = Reflector(gateway, PATH)
    await maps.ready()
    await until(maps, lambda: "held" in maps.items)
    assert watched.lists == 2 and set(maps.items) == {"a", "held"} and maps.live
    await maps.close()


@pytest.mark.parametrize("rubbish", [b"rubbish\n", b"[]\n", b'{"type":"ADDED"}\n', b'{"type":1,"object":{}}\n'])
async def test_rubbish_in_a_watch_is_said_and_survived(raw: RawServer, gateway: Gateway, rubbish: bytes) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.chunk(rubbish)
        await exchange.send(b"0\r\n\r\n")

    Watched(raw, talk, hold)
    stale: list[str] = []
    maps = Reflector(gateway, PATH)
    maps.start()
    await until(maps, lambda: stale.append(maps.said) or ("held" in maps.items and maps.live))
    assert any("brings no events" in said for said in stale)
    await maps.close()


async def test_watches_that_end_as_they_begin_are_not_asked_for_in_a_whirl(raw: RawServer, gateway: Gateway) -> None:
    async def end(exchange: Exchange) -> None:
        await exchange.send(b"0\r\n\r\n")

    Watched(raw, end, end, hold)
    stale: list[str] = []
    maps = Reflector(gateway, PATH)
    maps.start()
    await until(maps, lambda: stale.append(maps.said) or "held" in maps.items)
    assert any("end as soon as they begin" in said for said in stale)
    await maps.close()


async def test_an_object_of_a_shape_nobody_thought_of_ends_nothing(raw: RawServer, gateway: Gateway) -> None:
    async def odd(exchange: Exchange) -> None:
        await exchange.chunk(event("ADDED", {"metadata": {"uid": "odd", "name": "odd"}}))
        await asyncio.Event().wait()

    def keep(item: dict[str, object]) -> dict[str, object]:
        metadata = item["metadata"]
        assert isinstance(metadata, dict)
        if metadata["uid"] == "odd":
            raise KeyError("resourceVersion")
        return item

    Watched(raw, odd, hold)
    stale: list[str] = []
    maps = Reflector(gateway, PATH, keep=keep)
    maps.start()
    await until(maps, lambda: stale.append(maps.said) or ("held" in maps.items and maps.live))
    assert any("an object cannot be read: KeyError" in said for said in stale) and set(maps.items) == {"a", "held"}
    await maps.close()


async def test_two_places_of_the_same_name_are_never_mixed_up(tmp_path: Path, opened: Opener) -> None:
    """Two kubeconfigs, in each a context `raw`, a user `ana` and a namespace `shop`, of two servers."""
    kubes, servers = [], []
    for number in (1, 2):
        server = await RawServer.start()
        servers.append(server)

        async def answer(exchange: Exchange, number: int = number) -> None:
            if "watch=true" in exchange.target:
                await exchange.stream()
                await asyncio.Event().wait()
            listed = [thing(f"of-{number}", 5)]
            await exchange.answer({"kind": "List", "metadata": {"resourceVersion": "10"}, "items": listed})

        server.handler = answer
        folder = tmp_path / str(number)
        folder.mkdir()
        kubes.append(opened(server.kubeconfig(folder, {"token": f"token-{number}"}), name=f"shop-{number}"))
    found = []
    for kube in kubes:
        maps = kube.resource("configmaps")
        await maps.ready()
        found.append(set(maps.items))
    assert found == [{"of-1"}, {"of-2"}]
    assert [kube.place.context for kube in kubes] == ["raw", "raw"] and kubes[0].place.server != kubes[1].place.server
    for number, server in enumerate(servers, 1):
        assert {each.headers["authorization"] for each in server.seen} == {f"Bearer token-{number}"}
    for kube in kubes:
        await kube.close()
    for server in servers:
        await server.close()
