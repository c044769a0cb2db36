"""The one connection: made when needed, dropped when it misbehaves, limited so that it cannot hurt the server.

Every turn has the deadline of the source. What is read is cheap to repeat; what changes something is sent once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import asyncpg

from cockpit.adapters.postgres.failures import EXPECTED, translated
from cockpit.adapters.postgres.queries import Query
from cockpit.adapters.postgres.target import Address, Target, resolve_target
from cockpit.errors import CockpitError, Misconfigured, NotFound, PermissionDenied, TimedOut, Unreachable
from cockpit.profile.schema import DatabaseSource
from cockpit.text import clean

STATEMENT_TIMEOUT = "400ms"
LOCK_TIMEOUT = "100ms"
Row = Any  # asyncpg.Record: a row by column name; asyncpg ships no types
# A prepared statement that is gone or already there, a start-up setting that is refused: a pooler sits in between.
_POOLER_STATES = ("26000", "42P05")


@dataclass(frozen=True, slots=True)
class Who:
    """What `identify.sql` found when the connection was made."""

    address: Address
    row: Row
    pooled: bool  # a pooler in transaction mode may give each transaction another session


class Link:
    """The connection of one source. All use goes through `turn`.

    `plain`: for statements of others. The session keeps the role's own settings; limits are the user's to set.
    """

    def __init__(self, source: DatabaseSource, *, plain: bool = False) -> None:
        self._source = source
        self._plain = plain
        self._lock = asyncio.Lock()
        self._connection: Any = None
        self._who: Who | None = None
        self._pooled = False
        self._closed = False
        self.target: Target | None = None
        self.generation = 0  # counts connections made
        self.sent = 0  # counts queries sent

    @property
    def server(self) -> str:
        """host:port/database, as far as it is known."""
        if self.target is None:
            return f"database {self._source.name}"
        address = self._who.address if self._who else self.target.addresses[0]
        return self.target.label(address)

    @property
    def who(self) -> Who:
        """The present connection; only within a turn or after one."""
        if self._who is None:
            raise Unreachable(f"{self.server} is not connected")
        return self._who

    @property
    def live(self) -> Any:
        """The asyncpg connection, within a turn; for a plain link, whose statements are not among `Query`."""
        return self._live

    @property
    def _live(self) -> Any:
        """The connection, which `close` may take away between two queries of a turn."""
        if self._connection is None:
            raise Unreachable(f"{self.server} is closed")
        return self._connection

    @asynccontextmanager
    async def turn(self, within_s: float | None = None) -> AsyncIterator[None]:
        """Exclusive use of a live connection, within the source's deadline or `within_s`.

        Raises CockpitError, and nothing else expected.
        """
        limit_s = self._source.timeout if within_s is None else within_s
        try:
            async with asyncio.timeout(limit_s) as deadline, self._lock:
                if self._closed:
                    raise Unreachable(f"{self.server} is closed")
                try:
                    await self._ensure(deadline.when())
                    yield
                except asyncio.CancelledError:
                    # An answer may still be on its way: this connection must not be read by the next turn.
                    self.drop()
                    raise
        except TimeoutError:
            raise TimedOut(
                f"{self.server} gave no answer within {limit_s:g} s",
                hint="it hangs, or the network drops packets",
            ) from None
        except EXPECTED as error:
            if not isinstance(error, asyncpg.PostgresError) or self._broken():
                self.drop()
            raise translated(error, self.server) from None

    async def fetch(self, query: Query, *args: object) -> Sequence[Row]:
        """Rows of one read, inside a turn. Raises what asyncpg raises."""
        self.sent += 1
        if not self._pooled:
            rows: Sequence[Row] = await self._live.fetch(query.sql, *args)
            return rows
        async with self._live.transaction(readonly=True):
            await self._live.fetch(Query.LIMITS.sql, STATEMENT_TIMEOUT, LOCK_TIMEOUT)
            rows = await self._live.fetch(query.sql, *args)
        return rows

    async def fetch_with_path(self, schema: str, query: Query) -> Sequence[Row]:
        """As `fetch`, with `schema` (quoted) behind pg_catalog in the search path."""
        self.sent += 2
        async with self._live.transaction(readonly=True):
            if self._pooled:
                await self._live.fetch(Query.LIMITS.sql, STATEMENT_TIMEOUT, LOCK_TIMEOUT)
            await self._live.fetch(Query.SEARCH_PATH.sql, schema)
            rows: Sequence[Row] = await self._live.fetch(query.sql)
            return rows

    async def call_once(self, query: Query, *args: object) -> bool | None:
        """The boolean of a statement that changes something, None for no row; sent at most once.

        `effect_possible` is set on the error when the statement had been sent and no definite answer came.
        """
        sent = False
        try:
            async with self.turn():
                statement = None if self._pooled else await self._live.prepare(query.sql)
                sent = True
                if statement is None:
                    rows = await self.fetch(query, *args)
                else:
                    self.sent += 1
                    rows = await statement.fetch(*args)
                return bool(rows[0]["done"]) if rows else None
        except CockpitError as error:
            error.effect_possible = sent and not isinstance(error, PermissionDenied | NotFound)
            raise

    def drop(self) -> None:
        """Abandon the connection at once, without waiting for anybody."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """End for good; says goodbye to the server only if that takes no time."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=0.3)
        except (*EXPECTED, asyncio.CancelledError):
            connection.terminate()

    def _broken(self) -> bool:
        return self._connection is None or self._connection.is_closed()

    async def _ensure(self, deadline: float | None) -> None:
        if not self._broken():
            return
        self.drop()
        if self.target is None:
            self.target = await resolve_target(self._source)
        try:
            await self._connect(self.target, deadline)
        except BaseException as error:
            # Nothing half-made stays: who we are on it is not known.
            self.drop()
            if not isinstance(error, (*EXPECTED, CockpitError)):
                raise
            failure = translated(error, self.server)
            # A rotated password, a changed service file: look again next time.
            self.target = None
            raise failure from None

    async def _connect(self, target: Target, deadline: float | None) -> None:
        """Try the hosts as libpq does: on to the next one unless somebody there said no to us."""
        wishes = ("standby", "any") if target.session_attrs == "prefer-standby" else (target.session_attrs,)
        attempts = [(address, wish) for wish in wishes for address in target.addresses]
        last: Exception | None = None
        for position, (address, wish) in enumerate(attempts):
            left = (deadline - asyncio.get_running_loop().time()) if deadline is not None else 60.0
            share = left if position == len(attempts) - 1 else left / (len(attempts) - position)
            share = min(share, target.connect_timeout_s or share)
            try:
                async with asyncio.timeout(max(share, 0.01)):
                    await self._open(target, address, wish)
                return
            except (
                OSError,
                ssl.SSLError,
                asyncpg.CannotConnectNowError,
                asyncpg.TargetServerAttributeNotMatched,
            ) as error:
                self.drop()
                last = error
        if last is not None:
            label = ", ".join(str(address) for address in target.addresses)
            raise translated(last, f"{label}/{target.database}") from None

    async def _open(self, target: Target, address: Address, wish: str) -> None:
        self._connection = await self._raw_connection(target, address, wish)
        if self._closed:  # meanwhile
            raise Unreachable(f"{self.server} is closed")
        try:
            row = (await self.fetch(Query.IDENTIFY))[0]
        except asyncpg.PostgresError as error:
            if self._pooled or error.sqlstate not in _POOLER_STATES:
                raise
            row = None
        if not self._pooled and (row is None or row["pid"] != self._live.get_server_pid()):
            # Someone else answers for the server: no prepared statements, no session settings from here on.
            self._pooled = True
            self.drop()
            self._connection = await self._raw_connection(target, address, wish)
            row = (await self.fetch(Query.IDENTIFY))[0]
        self._who = Who(address, row, self._pooled)
        self.generation += 1

    async def _raw_connection(self, target: Target, address: Address, wish: str) -> Any:
        try:
            return await self._dial(target, address, wish)
        except asyncpg.PostgresError as error:
            if self._pooled or "startup parameter" not in str(error):
                raise
            self._pooled = True
            return await self._dial(target, address, wish)

    async def _dial(self, target: Target, address: Address, wish: str) -> Any:
        settings = {"application_name": "cockpit"}
        if self._plain:
            settings |= {"options": target.options} if target.options and not self._pooled else {}
        elif not self._pooled:
            settings |= {
                "statement_timeout": STATEMENT_TIMEOUT,
                "lock_timeout": LOCK_TIMEOUT,
                "default_transaction_read_only": "on",
                "search_path": "pg_catalog",
                "jit": "off",
            }
            if target.options:
                settings["options"] = target.options
        try:
            return await self._asyncpg(target, address, wish, settings)
        except EXPECTED:
            raise
        except ValueError as error:  # a host name that is none
            raise Misconfigured(f"cannot connect to {target.label(address)}: {clean(str(error), 200)}") from None

    async def _asyncpg(self, target: Target, address: Address, wish: str, settings: dict[str, str]) -> Any:
        return await asyncpg.connect(
            host=address.host,
            port=address.port,
            user=target.user,
            password=address.password.reveal(),
            database=target.database,
            statement_cache_size=0 if self._pooled else 32,
            max_cached_statement_lifetime=0,
            target_session_attrs=wish,
            server_settings=settings,
            timeout=None,
            **_tls_arguments(target, address),
            **target.kerberos,
        )


def _tls_arguments(target: Target, address: Address) -> dict[str, Any]:
    """asyncpg takes the details of TLS only in a URI; with sslrootcert=system it needs a context of ours."""
    if address.is_socket:
        return {"ssl": "disable"}
    if target.tls.get("sslrootcert") == "system":
        context = ssl.create_default_context()
        if "sslcert" in target.tls:
            context.load_cert_chain(
                target.tls["sslcert"], target.tls.get("sslkey"), password=lambda: target.tls.get("sslpassword", "")
            )
        return {"ssl": context, "direct_tls": target.tls.get("sslnegotiation") == "direct"}
    return {"dsn": "postgresql://?" + urlencode({"sslmode": target.sslmode, **target.tls})}
