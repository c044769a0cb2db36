"""A WebSocket to a subresource of a pod: messages of bytes, each behind a byte that names its channel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import yarl

HEARTBEAT_S = 20.0  # a peer that is gone is noticed on a silent connection


class NotUpgraded(Exception):
    """The server answered something else than a WebSocket."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Socket:
    """One that is open."""

    def __init__(self, inner: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._inner = inner

    async def send(self, channel: int, data: bytes) -> None:
        """Raises ConnectionError once it is closed."""
        try:
            await self._inner.send_bytes(bytes([channel]) + data)
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionError(str(error)) from error

    async def receive(self) -> tuple[int, bytes] | None:
        """Channel and bytes of the next message; None once it has ended, in whatever way."""
        while True:
            message = await self._inner.receive()
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                return message.data[0], message.data[1:]
            if message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                continue  # an empty one, or one that says no channel
            return None

    async def close(self) -> None:
        """Safe to call twice. A peer that is slow in parting is not waited for."""
        response = self._inner
        try:
            await asyncio.wait_for(response.close(), 1.0)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return


async def opened(
    session: aiohttp.ClientSession,
    url: yarl.URL,
    headers: Mapping[str, str],
    protocols: Sequence[str],
    way: Mapping[str, Any],
) -> Socket:
    """Raises NotUpgraded, and what aiohttp raises where no answer comes. The caller sets the deadline."""
    try:
        inner = await session.ws_connect(
            url, headers=dict(headers), protocols=protocols, heartbeat=HEARTBEAT_S, max_msg_size=0, **way
        )
    except aiohttp.WSServerHandshakeError as error:
        raise NotUpgraded(error.status) from None
    if inner.protocol not in protocols:
        await inner.close()
        raise NotUpgraded(400)
    return Socket(inner)
