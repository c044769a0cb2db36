"""One connection to one Redis server: greeting, pipelined exchanges one at a time, deadlines. Nothing is sent twice.

Works on redis-py's bare connection, not its client: no pool, no retry, no health check, RESP2.
"""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from cockpit.adapters.cache.address import Address, locate
from cockpit.adapters.cache.failure import answered, broken
from cockpit.errors import AuthenticationFailed, CockpitError, Misconfigured, TimedOut
from cockpit.profile.schema import RedisSource
from cockpit.text import clean

CLIENT_NAME = "cockpit"
_SLOW = "it may be stopped, swapping, or busy with one slow command"
Command = tuple[str | bytes | int, ...]
Reply = Any  # bytes, int, None, a list of those, or the ResponseError that the server answered with


class LinkChanged(Exception):
    """The connection that an exchange was bound to is gone; nothing was sent."""


class Link:
    """`exchange` is the only way through; `generation` counts connections, so that a caller notices a new one."""

    def __init__(self, source: RedisSource) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._address: Address | None = None
        self.generation = 0

    @property
    def address(self) -> Address:
        """Where it leads; known after `prepare`."""
        return self._address if self._address is not None else Address(host="redis")

    async def prepare(self) -> None:
        """Fetch the secrets, once. Their references have deadlines of their own. Raises Misconfigured, TimedOut."""
        if self._address is None:
            self._address = await locate(self._source)

    async def exchange(
        self, *commands: Command, within: float, bound_to: int | None = None, mutating: bool = False
    ) -> tuple[int, list[Reply]]:
        """Send the commands in one write and read all answers: (generation, replies), in `within` seconds.

        Error replies are values of the list. Raises Unreachable, TimedOut, AuthenticationFailed (with `mutating`, an
        interrupted exchange is `effect_possible`), and LinkChanged when the connection is not `bound_to` any more.
        """
        await self.prepare()
        sent = False
        phase = "was busy with an earlier question"
        try:
            async with asyncio.timeout(within), self._lock:
                if bound_to is not None and (self._connection is None or bound_to != self.generation):
                    raise LinkChanged
                try:
                    phase = "did not complete the connection (TLS, greeting)" if self.address.tls else "did not greet"
                    connection = await self._connected()
                    phase = "accepted the connection but gave no answer"
                    sent = True
                    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                    return self.generation, [await _reply(connection) for _ in commands]
                except BaseException:
                    await self._drop()
                    raise
        except TimeoutError:
            raise TimedOut(
                f"{self.address.place} {phase} within {within:g} s",
                hint=_SLOW if sent or not self.address.tls else f"{_SLOW}; or it does not speak TLS on this port",
                effect_possible=mutating and sent,
            ) from None
        except (OSError, RedisError, EOFError) as error:
            failure = broken(error, self.address.place, self.address.tls)
            failure.effect_possible = mutating and sent
            if isinstance(failure, AuthenticationFailed):
                self._address = None  # the secret may have been rotated: fetch it anew
            raise failure from None
        except CockpitError as error:
            if isinstance(error, AuthenticationFailed):
                self._address = None
            raise

    async def close(self) -> None:
        """Close the connection."""
        await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _connected(self) -> AbstractConnection:
        if self._connection is None:
            connection = _connection(self.address)
            self._connection = connection
            if isinstance(connection, SSLConnection):
                # Reads all authorities, tens of milliseconds; the connection keeps what it made.
                await asyncio.to_thread(connection.ssl_context.get)
            await connection.connect()  # type: ignore[no-untyped-call]  # untyped in redis-py
            await self._greet(connection)
            self.generation += 1
        return self._connection

    async def _greet(self, connection: AbstractConnection) -> None:
        """AUTH, CLIENT SETNAME, SELECT in one write; a refused name is no reason to see nothing."""
        address = self.address
        commands: list[Command] = []
        if address.password is not None:
            secret = address.password.reveal()
            commands.append(("AUTH", address.username, secret) if address.username else ("AUTH", secret))
        commands.append(("CLIENT", "SETNAME", CLIENT_NAME))
        if address.database:
            commands.append(("SELECT", address.database))
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        for command in commands:
            reply = await _reply(connection)
            if isinstance(reply, ResponseError) and command[0] != "CLIENT":
                raise answered(reply, address.place, str(command[0]))


async def _reply(connection: AbstractConnection) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


def _connection(address: Address) -> AbstractConnection:
    """Not yet connected, and without credentials: the greeting sends them. The deadline is the caller's."""
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "health_check_interval": 0,
    }
    known = inspect.signature(AbstractConnection.__init__).parameters
    options |= {"driver_info": None} if "driver_info" in known else {"lib_name": None, "lib_version": None}
    if address.path:
        return UnixDomainSocketConnection(path=address.path, **options)
    options |= {"host": address.host, "port": address.port}
    if not address.tls:
        return Connection(**options)
    for what, file in (("ca_file", address.ca_file), ("certificate", address.certificate), ("key", address.key)):
        if file and not Path(file).is_file():
            raise Misconfigured(f"the {what} {clean(file, 200)} of {address.place} does not exist")
    return SSLConnection(
        ssl_cert_reqs="required" if address.verify else "none",
        ssl_check_hostname=address.verify,
        ssl_ca_certs=address.ca_file or None,
        ssl_certfile=address.certificate or None,
        ssl_keyfile=address.key or None,
        **options,
    )
