"""Port-forward and exec over WebSocket: the first byte of each message is its channel (v4.channel.k8s.io)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from cockpit.sandbox.kube.node.life import Life, note

_FORWARDING = ("v4.channel.k8s.io", "portforward.k8s.io")
_EXECUTING = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_IN, _OUT, _ERROR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_CHUNK = 1 << 15


async def _opened(request: web.Request, protocols: tuple[str, ...]) -> web.WebSocketResponse:
    """Raises 400 for SPDY, which this kubelet does not speak."""
    asked = {word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if request.headers.get("Upgrade", "").lower() != "websocket" or not asked & set(protocols):
        raise web.HTTPBadRequest(text=f"only WebSocket here, with one of {', '.join(protocols)}")
    socket = web.WebSocketResponse(protocols=protocols)
    await socket.prepare(request)
    return socket


async def forward(request: web.Request, life: Life) -> web.WebSocketResponse:
    """Two channels a port, data and error; each begins with the port as two bytes, little end first."""
    ports = [int(port) for words in request.query.getall("port", []) for port in words.split(",")]
    if not ports:
        raise web.HTTPBadRequest(text='query parameter "port" is required')
    socket = await _opened(request, _FORWARDING)
    ways: list[asyncio.StreamWriter | None] = []
    back: list[asyncio.Task[None]] = []
    for index, port in enumerate(ports):
        for channel in (2 * index, 2 * index + 1):
            await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(note(life.pod, f"port-{port}", "0")))
        except (OSError, ValueError) as error:
            meta = life.pod["metadata"]
            text = f"error forwarding port {port} to pod {meta['name']}, uid {meta['uid']}: {error}"
            await socket.send_bytes(bytes([2 * index + 1]) + text.encode())
            ways.append(None)
            continue
        ways.append(writer)
        back.append(asyncio.create_task(_back(socket, 2 * index, reader)))
    if back:
        there = asyncio.create_task(_there(socket, ways))
        await asyncio.wait({there, asyncio.create_task(_all(back))}, return_when=asyncio.FIRST_COMPLETED)
        there.cancel()
    for writer in ways:
        if writer is not None:
            writer.close()
    for task in back:
        task.cancel()
    await socket.close()
    return socket


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


async def _back(socket: web.WebSocketResponse, channel: int, reader: asyncio.StreamReader) -> None:
    """From the port to the client, until either ends."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            await socket.send_bytes(bytes([channel]) + data)


async def _there(socket: web.WebSocketResponse, ways: list[asyncio.StreamWriter | None]) -> None:
    """From the client to the ports, until the client goes."""
    async for channel, data in _messages(socket):
        writer = ways[channel // 2] if channel % 2 == 0 and channel // 2 < len(ways) else None
        if writer is not None:
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()


async def _messages(socket: web.WebSocketResponse) -> AsyncIterator[tuple[int, bytes]]:
    async for message in socket:
        if message.type is WSMsgType.BINARY and message.data:
            yield message.data[0], message.data[1:]


async def execute(request: web.Request, life: Life, container: str) -> web.WebSocketResponse:
    """Nothing is run: cat, echo and a toy sh are played, anything else answers what the annotations say."""
    words = request.query.getall("command", [])
    socket = await _opened(request, _EXECUTING)

    async def out(text: str | bytes, channel: int = _OUT) -> None:
        data = text.encode() if isinstance(text, str) else text
        await socket.send_bytes(bytes([channel]) + data)

    program = words[0].rpartition("/")[2] if words else ""
    code = 0
    if program == "echo":
        await out(" ".join(words[1:]) + "\n")
    elif program == "cat":
        async for data in _input(socket):
            await out(data)
    elif program in ("sh", "bash"):
        code = await _shell(socket, life, container)
    else:
        await out(note(life.pod, "exec-output"))
        code = int(note(life.pod, "exec-exit", "0"))
    await out(json.dumps(_outcome(code)), _STATUS)
    await socket.close()
    return socket


async def _input(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    """Until the client closes it (v5) or, for those that cannot say so, an end-of-transmission byte comes."""
    async for channel, data in _messages(socket):
        if (channel == _CLOSE and data[:1] == bytes([_IN])) or (channel == _IN and data == b"\x04"):
            return
        if channel == _IN:
            yield data


async def _shell(socket: web.WebSocketResponse, life: Life, container: str) -> int:
    """Says back what it is told, until "exit N"."""
    prompt = f"{container}@{life.pod['metadata']['name']}$ "
    await socket.send_bytes(bytes([_OUT]) + prompt.encode())
    line = b""
    async for data in _input(socket):
        line += data
        while (at := next((i for i, byte in enumerate(line) if byte in b"\r\n"), -1)) >= 0:
            told, line = line[:at].decode("utf-8", "replace").strip(), line[at + 1 :]
            if told.partition(" ")[0] == "exit":
                number = told.partition(" ")[2]
                return int(number) if number.isdigit() else 0
            await socket.send_bytes(bytes([_OUT]) + f"{told}\r\n{prompt}".encode())
    return 0


def _outcome(code: int) -> dict[str, object]:
    if not code:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: error executing command, exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
