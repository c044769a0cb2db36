"""The sandbox's HTTP server stays up whatever a client does to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest

from cockpit.sandbox.http import BadRequest, HttpServer, Limits, Request, Response


async def _echo(request: Request) -> Response:
    if request.path == "/fail":
        raise RuntimeError("on purpose")
    if request.path == "/bad":
        raise BadRequest("not like this")
    if request.path == "/hang":
        await asyncio.Event().wait()
    return Response.of(
        {"method": request.method, "host": request.host, "path": request.path, "q": dict(request.query),
         "body": request.body.decode(), "bearer": request.bearer}
    )  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    limits = Limits(idle_s=5, request_s=0.3, handler_s=0.3, body_bytes=1000, connections=4)
    async with await HttpServer.start(_echo, limits=limits) as running:
        yield running


async def _raw(server: HttpServer, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


async def test_requests_share_a_connection_and_come_through_whole(server: HttpServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        for number in range(3):
            answer = await client.post(
                f"/a%20b?x={number}&y=", content="text", headers={"Authorization": "Bearer t-1"}
            )
            assert answer.json() == {
                "method": "POST", "host": "127.0.0.1", "path": "/a b", "q": {"x": str(number), "y": ""},
                "body": "text", "bearer": "t-1",
            }  # fmt: skip
        assert (await client.head("/")).content == b""
        assert (await client.get("/")).status_code == 200


async def test_absolute_targets_are_taken_as_a_proxy_does(server: HttpServer) -> None:
    async with httpx.AsyncClient(proxy=server.url) as client:
        body = (await client.get("http://run.googleapis.com/v2/x?a=b")).json()
    assert (body["host"], body["path"], body["q"]) == ("run.googleapis.com", "/v2/x", {"a": "b"})


async def test_faults_of_a_handler_are_answered(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/fail")).status_code == 500
        assert "on purpose" in caplog.text
        assert (await client.get("/bad")).text == "not like this"
        assert (await client.get("/hang")).status_code == 504
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x00\xff\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", b"408"),
        (b"GET / HT", b"408"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000, b"413"),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_broken_slow_and_greedy_requests_are_refused(server: HttpServer, data: bytes, status: bytes) -> None:
    assert (await _raw(server, data)).split(b" ", 2)[1] == status


async def test_more_connections_than_allowed_are_dropped_and_the_others_live(server: HttpServer) -> None:
    lines = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
    async with httpx.AsyncClient(base_url=server.url) as client:
        with pytest.raises(httpx.TransportError):
            await client.get("/")
        for _, writer in lines:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await client.get("/")).status_code == 200
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.01)


async def test_close_ends_waiting_connections(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    await server.close()
    async with asyncio.timeout(2):
        try:
            rest = await reader.read()
        except ConnectionResetError:
            rest = b""
    assert rest == b""
    writer.close()


async def test_what_comes_in_pieces_is_sent_as_it_comes_and_ends_when_the_client_goes() -> None:
    more, ended = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one\n"
            await more.wait()
            yield b"two\n"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def answer(request: Request) -> Response:
        return Response(200, chunks=pieces())

    async with asyncio.timeout(10), await HttpServer.start(answer) as server, httpx.AsyncClient() as client:
        async with client.stream("GET", server.url) as stream:
            chunks = stream.aiter_raw()
            assert await anext(chunks) == b"one\n"
            more.set()
            assert await anext(chunks) == b"two\n"
        await ended.wait()
