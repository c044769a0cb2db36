"""The way to Google through a SOCKS proxy: versions 4, 4A and 5, as gcloud goes it (PySocks), with deadlines.

httpx itself knows version 5 only, takes an answer that comes in two pieces for a bad one, and always has the proxy
look names up. https://www.openssh.com/txt/socks4.protocol, socks4a.protocol, RFC 1928, RFC 1929.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
from socksio import ProtocolError, SOCKSError, socks4, socks5

from cockpit.adapters.gcp.settings import SocksProxy
from cockpit.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDSHAKE_S = 10.0  # where the request names no deadline for connecting
# What is sent, and how many bytes are to come back; the last request has its whole answer read.
Talk = Generator[tuple[bytes, int], bytes, None]
_CODES_4 = {0x5B: "rejected or failed", 0x5C: "it found no identd on this machine", 0x5D: "identd knows another user"}
_CODES_5 = {
    1: "general failure",
    2: "its rules do not allow it",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "it does not know the command",
    8: "it does not know that kind of address",
}
_LENGTHS = {1: 4, 4: 16}  # of an address in an answer of version 5


class SocksFailed(httpcore.ProxyError):
    """The proxy did not open the way: nothing was sent to Google. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def async_transport(proxy: SocksProxy, verify: ssl.SSLContext | bool) -> httpx.AsyncHTTPTransport:
    """For httpx.AsyncClient."""
    made = httpx.AsyncHTTPTransport(verify=verify)
    made._pool._network_backend = _AsyncBackend(proxy)  # httpx lets no backend in, httpcore does
    return made


def transport(proxy: SocksProxy, verify: ssl.SSLContext | bool) -> httpx.HTTPTransport:
    """For httpx.Client. A name that this machine looks up takes as long as its resolver waits."""
    made = httpx.HTTPTransport(verify=verify)
    made._pool._network_backend = _Backend(proxy)
    return made


class _AsyncBackend(httpcore.AnyIOBackend):
    def __init__(self, proxy: SocksProxy) -> None:
        super().__init__()
        self._proxy = proxy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        proxy = self._proxy
        if not proxy.passes(host):
            return await super().connect_tcp(host, port, timeout, local_address, socket_options)
        within_s = HANDSHAKE_S if timeout is None else timeout
        stream: httpcore.AsyncNetworkStream | None = None
        opened = False
        try:
            with _told(proxy, host, port, within_s):
                async with asyncio.timeout(within_s):
                    address = await _looked_up(proxy, host, port)
                    stream = await super().connect_tcp(
                        proxy.host, proxy.port, within_s, local_address, socket_options
                    )
                    await _speak(stream, handshake(proxy, address, port))
            opened = True
            return stream
        finally:
            if stream is not None and not opened:
                await stream.aclose()


async def _looked_up(proxy: SocksProxy, host: str, port: int) -> str:
    if proxy.rdns or _is_address(host):
        return host
    found = await asyncio.get_running_loop().getaddrinfo(host, port, **_wanted(proxy))
    return str(found[0][4][0])


async def _speak(stream: httpcore.AsyncNetworkStream, talk: Talk) -> None:
    answer: bytes | None = None
    while True:
        try:
            message, count = talk.send(answer) if answer is not None else next(talk)
        except StopIteration:
            return
        await stream.write(message)
        answer = b""
        while len(answer) < count:
            piece = await stream.read(count - len(answer))
            if not piece:
                raise EOFError
            answer += piece


class _Backend(httpcore.SyncBackend):
    def __init__(self, proxy: SocksProxy) -> None:
        self._proxy = proxy

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        proxy = self._proxy
        if not proxy.passes(host):
            return super().connect_tcp(host, port, timeout, local_address, socket_options)
        within_s = HANDSHAKE_S if timeout is None else timeout
        until = time.monotonic() + within_s
        stream: httpcore.NetworkStream | None = None
        opened = False
        try:
            with _told(proxy, host, port, within_s):
                address = host
                if not (proxy.rdns or _is_address(host)):
                    address = str(socket.getaddrinfo(host, port, **_wanted(proxy))[0][4][0])
                stream = super().connect_tcp(proxy.host, proxy.port, _left(until), local_address, socket_options)
                _speak_until(stream, handshake(proxy, address, port), until)
            opened = True
            return stream
        finally:
            if stream is not None and not opened:
                stream.close()


def _speak_until(stream: httpcore.NetworkStream, talk: Talk, until: float) -> None:
    answer: bytes | None = None
    while True:
        try:
            message, count = talk.send(answer) if answer is not None else next(talk)
        except StopIteration:
            return
        stream.write(message, _left(until))
        answer = b""
        while len(answer) < count:
            piece = stream.read(count - len(answer), _left(until))
            if not piece:
                raise EOFError
            answer += piece


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _wanted(proxy: SocksProxy) -> dict[str, int]:
    """Version 4 knows only IPv4; for version 5 the first address is taken, as PySocks does."""
    family = socket.AF_INET if proxy.version == 4 else socket.AF_UNSPEC
    return {
        "family": family,
        "type": socket.SOCK_STREAM,
        "proto": socket.IPPROTO_TCP,
        "flags": socket.AI_ADDRCONFIG if proxy.version == 5 else 0,
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@contextmanager
def _told(proxy: SocksProxy, host: str, port: int, within_s: float) -> Iterator[None]:
    """Everything that goes wrong on the way to the proxy and with it, in words."""
    setting = f"gcloud config get {proxy.named}" if proxy.named.startswith("proxy/") else f"look at {proxy.named}"
    try:
        yield
    except socket.gaierror as error:
        reason = clean(str(error.strerror or error), 80)
        raise SocksFailed(
            f"{proxy.where} is to be given addresses, and this machine finds none for {host}: {reason}",
            _remote(proxy),
        ) from None
    except (TimeoutError, httpcore.TimeoutException):
        raise SocksFailed(
            f"{proxy.where} opened no way to {host}:{port} within {within_s:g} s",
            f"it hangs, or it is no SOCKS {proxy.version} proxy: {setting}",
        ) from None
    except (EOFError, httpcore.ReadError, httpcore.WriteError):
        raise SocksFailed(
            f"{proxy.where} hung up before the way to {host}:{port} was open",
            f"it lets nobody in from here, or it is no SOCKS {proxy.version} proxy: {setting}",
        ) from None
    except httpcore.ConnectError as error:
        reason = clean(str(error), 120)
        raise SocksFailed(f"{proxy.where} cannot be reached: {reason}", f"is it running? {setting}") from None
    except (SOCKSError, ValueError, OverflowError):
        raise SocksFailed(
            f"{proxy.where} answered something that is not SOCKS {proxy.version}",
            f"which kind of proxy is it? {setting}",
        ) from None


def _remote(proxy: SocksProxy) -> str:
    if proxy.named.startswith("proxy/"):
        return "let the proxy look names up: gcloud config unset proxy/rdns"
    return f"let the proxy look names up: socks{'4a' if proxy.version == 4 else '5h'}:// in {proxy.named}"


def _local(proxy: SocksProxy) -> str:
    if proxy.named.startswith("proxy/"):
        return "gcloud config set proxy/rdns false"
    return f"socks{proxy.version}:// in {proxy.named}"


def handshake(proxy: SocksProxy, host: str, port: int) -> Talk:
    """What is said to the proxy and how long its answer is, without a connection. Raises SocksFailed, SOCKSError."""
    return (_four if proxy.version == 4 else _five)(proxy, host, port)


def _refused(proxy: SocksProxy, host: str, port: int, why: str, hint: str) -> SocksFailed:
    return SocksFailed(f"{proxy.where} opens no way to {host}:{port}: {why}", hint)


def _four(proxy: SocksProxy, host: str, port: int) -> Talk:
    user, connect = proxy.user.encode(), socks4.SOCKS4Command.CONNECT
    if b"\0" in user:
        raise _refused(proxy, host, port, "the user's name holds a NUL", "gcloud config get proxy/username")
    named = not _is_address(host)
    if ":" in host:
        raise _refused(proxy, host, port, "version 4 knows no IPv6", "a SOCKS 5 proxy does")
    kind = socks4.SOCKS4ARequest if named else socks4.SOCKS4Request
    answer = yield kind.from_address(connect, (host, port), user).dumps(), 8
    if answer[0] != 0:
        raise ProtocolError
    if answer[1] == 0x5A:
        return
    if answer[1] not in _CODES_4:
        raise ProtocolError
    hint = "ask who runs the proxy whether it lets this machine through"
    if named:
        hint += f"; one without 4A cannot look names up: {_local(proxy)}"
    raise _refused(proxy, host, port, _CODES_4[answer[1]], hint)


def _five(proxy: SocksProxy, host: str, port: int) -> Talk:
    yield from _login(proxy, host, port)
    request = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port))
    answer = yield request.dumps(), 4
    if answer[0] != 5 or answer[1] > max(_CODES_5):
        raise ProtocolError
    if answer[1] != 0:
        hint = "ask who runs the proxy whether it lets this machine through"
        if answer[1] == 4 and not _is_address(host):
            hint += f"; if it cannot look names up: {_local(proxy)}"
        raise _refused(proxy, host, port, _CODES_5[answer[1]], hint)
    kind = answer[3]
    if kind == 3:
        (length,) = yield b"", 1
    elif kind in _LENGTHS:
        length = _LENGTHS[kind]
    else:
        raise ProtocolError
    yield b"", length + 2


def _login(proxy: SocksProxy, host: str, port: int) -> Talk:
    """RFC 1929 where the proxy wants it; no login is always offered too, as PySocks does."""
    user, password = proxy.user.encode(), proxy.password.encode()
    known = bool(user and password)
    own = proxy.named.startswith("proxy/")
    hint = f"look at {'proxy/username and proxy/password' if own else f'user:password in {proxy.named}'}"
    if max(len(user), len(password)) > 255:
        raise _refused(proxy, host, port, "user or password are longer than 255 bytes", hint)
    none, by_name = socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED, socks5.SOCKS5AuthMethod.USERNAME_PASSWORD
    answer = yield socks5.SOCKS5AuthMethodsRequest([none, by_name] if known else [none]).dumps(), 2
    if answer[0] != 5:
        raise ProtocolError
    if answer[1] == 2 and known:
        answer = yield socks5.SOCKS5UsernamePasswordRequest(user, password).dumps(), 2
        if answer[0] != 1:
            raise ProtocolError
        if answer[1] != 0:
            raise _refused(proxy, host, port, "it does not accept user and password", hint)
    elif answer[1] in (2, 0xFF):
        raise _refused(proxy, host, port, f"it wants {'another login' if known else 'user and password'}", hint)
    elif answer[1] != 0:
        raise ProtocolError
