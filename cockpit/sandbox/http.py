"""A small HTTP/1.1 server on asyncio and h11: deadlines on every read, write and handler, bounded everything.

It also takes absolute targets (`GET http://host/path`), as a client sends them to a proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from cockpit.sandbox.process import LOOPBACK

_LOG = logging.getLogger(__name__)
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """One complete request."""

    method: str
    host: str  # of an absolute target, else of the Host header; without the port
    path: str  # decoded
    query: Mapping[str, str]  # the last value of each name
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    peer: str  # address of the other end
    pairs: tuple[tuple[str, str], ...] = ()  # the query as it stands: a name may come several times

    def json(self) -> Any:
        """The body as JSON; BadRequest when it is none."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None

    def form(self) -> dict[str, str]:
        """The body as an HTML form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))

    @property
    def bearer(self) -> str:
        """Token of the Authorization header, "" without one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    chunks: AsyncGenerator[bytes, None] | None = None  # instead of a body: sent as they come, until the client goes

    @classmethod
    def of(cls, value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """JSON."""
        return cls(
            status, json.dumps(value).encode(), (("content-type", "application/json; charset=UTF-8"), *headers)
        )

    @classmethod
    def text(cls, value: str, status: int = 200) -> Response:
        """Plain text."""
        return cls(status, value.encode(), (("content-type", "text/plain; charset=utf-8"),))


class BadRequest(Exception):
    """The client's fault; the message goes to the client."""


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client may ask for; seconds and bytes."""

    idle_s: float = 75.0  # between two requests of a connection
    request_s: float = 10.0  # from the first byte of a request to its last
    handler_s: float = 60.0
    write_s: float = 10.0
    body_bytes: int = 4 * 1024 * 1024
    connections: int = 200


class HttpServer:
    """Listens on loopback and answers with one handler; `close` ends every connection."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    @classmethod
    async def start(cls, handler: Handler, *, port: int = 0, limits: Limits | None = None) -> HttpServer:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        server = cls(handler, limits or Limits())
        server._server = await asyncio.start_server(server._accept, LOOPBACK, port, limit=_CHUNK)
        server.port = server._server.sockets[0].getsockname()[1]
        return server

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    async def close(self) -> None:
        """Stop listening and end every connection, at once."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def __aenter__(self) -> HttpServer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= self._limits.connections:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await _Connection(reader, writer, self._handler, self._limits).serve()
        except asyncio.CancelledError:
            # The stream protocol's own callback would log a cancelled handler as an error: this is its end.
            if self._server is not None and self._server.is_serving():
                raise
        finally:
            self._connections.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    handler: Handler
    limits: Limits
    state: h11.Connection = field(default_factory=lambda: h11.Connection(h11.SERVER))
    bodyless: bool = False  # the answer has none: HEAD

    async def serve(self) -> None:
        """Requests one after the other until either side has had enough."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while await self._wait_for_first_byte():
                try:
                    async with asyncio.timeout(self.limits.request_s):
                        request = await self._read_request()
                    if request is None:
                        return
                    response = await self._answer(request)
                except TimeoutError:
                    response = Response.text("the request took too long to arrive", 408)
                except h11.RemoteProtocolError as error:
                    response = Response.text(str(error), error.error_status_hint)
                except BadRequest as error:
                    response = Response.text(str(error), 413 if "too large" in str(error) else 400)
                sent = self._send(response) if response.chunks is None else self._stream(response, response.chunks)
                if not await sent:
                    return

    async def _wait_for_first_byte(self) -> bool:
        if self.state.trailing_data[0]:
            return True
        async with asyncio.timeout(self.limits.idle_s):
            data = await self.reader.read(_CHUNK)
        self.state.receive_data(data)
        return bool(data)

    async def _event(self) -> Any:
        while (event := self.state.next_event()) is h11.NEED_DATA:
            if self.state.they_are_waiting_for_100_continue:
                self.writer.write(self.state.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            self.state.receive_data(await self.reader.read(_CHUNK))
        return event

    async def _read_request(self) -> Request | None:
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None  # the client closed
        self.bodyless = head.method == b"HEAD"
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > self.limits.body_bytes:
                raise BadRequest("the body is too large")
        if not isinstance(event, h11.EndOfMessage):
            return None
        return _request(head, bytes(body), self.writer)

    async def _answer(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self.limits.handler_s):
                return await self.handler(request)
        except TimeoutError:
            return Response.text("no answer in time", 504)
        except BadRequest:
            raise
        except Exception:  # the server must outlive any fault of a handler; the fault is logged
            _LOG.exception("the handler of %s %s failed", request.method, request.path)
            return Response.text("internal error", 500)

    async def _stream(self, response: Response, chunks: AsyncGenerator[bytes, None]) -> bool:
        """False, as the connection ends with the stream."""
        headers = [*response.headers, ("connection", "close")]
        head = h11.Response(status_code=response.status, headers=headers, reason=_reason(response.status))
        self.writer.write(self.state.send(head) or b"")
        gone = asyncio.ensure_future(self.reader.read(1))
        async with contextlib.aclosing(chunks):
            try:
                while True:
                    chunk = asyncio.ensure_future(anext(chunks, None))
                    try:
                        await asyncio.wait({chunk, gone}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not chunk.done():
                            chunk.cancel()
                            await asyncio.wait({chunk})
                    if chunk.cancelled() or (data := chunk.result()) is None:
                        break
                    self.writer.write(self.state.send(h11.Data(data=data)) or b"")
                    async with asyncio.timeout(self.limits.write_s):
                        await self.writer.drain()
            finally:
                gone.cancel()
        if not self.writer.is_closing():
            self.writer.write(self.state.send(h11.EndOfMessage()) or b"")
        return False

    async def _send(self, response: Response) -> bool:
        """False when the connection cannot be used any more."""
        if self.state.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return False
        broken = self.state.their_state is h11.ERROR or self.state.their_state is h11.SEND_BODY
        headers = [*response.headers, ("content-length", str(len(response.body)))]
        if broken:
            headers.append(("connection", "close"))
        head = h11.Response(status_code=response.status, headers=headers, reason=_reason(response.status))
        out = self.state.send(head) or b""
        if response.body and not self.bodyless:
            out += self.state.send(h11.Data(data=response.body)) or b""
        out += self.state.send(h11.EndOfMessage()) or b""
        self.writer.write(out)
        async with asyncio.timeout(self.limits.write_s):
            await self.writer.drain()
        states: set[object] = set(self.state.states.values())
        if states == {h11.DONE}:
            self.state.start_next_cycle()
            return True
        return False


def _reason(status: int) -> bytes:
    with contextlib.suppress(ValueError):
        return HTTPStatus(status).phrase.encode()
    return b""


def _request(head: h11.Request, body: bytes, writer: asyncio.StreamWriter) -> Request:
    try:
        target = urlsplit(head.target.decode("ascii"))
    except ValueError:
        raise BadRequest("the target is not a URL") from None
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    pairs = tuple(parse_qsl(target.query, keep_blank_values=True))
    host = target.hostname or headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    peer = writer.get_extra_info("peername") or ("", 0)
    return Request(
        method=head.method.decode("ascii"),
        host=host,
        path=unquote(target.path) or "/",
        query=dict(pairs),
        headers=headers,
        body=body,
        peer=str(peer[0]),
        pairs=pairs,
    )
