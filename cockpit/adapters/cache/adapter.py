"""A Redis or Valkey server: how it is, and deletion of keys bound to one server process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redis.exceptions import NoPermissionError, ResponseError

from cockpit.adapters.cache import permission
from cockpit.adapters.cache.failure import MISSING, answered
from cockpit.adapters.cache.info import Counters, Info, read_prefixes, read_slowlog, read_status
from cockpit.adapters.cache.judgement import judge
from cockpit.adapters.cache.link import Command, Link, LinkChanged, Reply
from cockpit.adapters.cache.reading import command_of, lines_of
from cockpit.adapters.capabilities import Aborted, Progress
from cockpit.clock import Clock
from cockpit.errors import CockpitError, Conflict, Malformed, TimedOut, Unreachable
from cockpit.model.action import Grant, Permission
from cockpit.model.cache import SlowCommand
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.reading import Observation
from cockpit.profile.schema import RedisSource
from cockpit.text import clean

SLOWLOG_LENGTH = 10
SCAN_COUNT = 1000  # some 0.3 ms of the server's time
CANARY = 10
BATCH = 500
SAMPLE = 100
RANDOM_KEYS = 64
PREFIXES_FOR_S = 15.0
DENIED_FOR_S = 600.0  # a command refused for want of permission is not sent again before
_DISTINCT = 100_000  # SCAN may give a key twice while the table grows; told apart up to here
_SECTIONS: tuple[Command, ...] = (("INFO", "server"), ("INFO", "replication"))


class RedisAdapter:
    """Probing, Diagnosing, KeyDeleting, KeyReading over one connection; every exchange has `source.timeout`."""

    def __init__(self, source: RedisSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._link = Link(source)
        self._before: Counters | None = None
        self._slowlog: tuple[SlowCommand, ...] = ()
        self._slowlog_of = ""  # run_id
        self._prefixes: tuple[float, tuple[tuple[str, float], ...]] | None = None
        self._denied: dict[str, tuple[float, CockpitError]] = {}

    async def probe(self) -> Observation:
        """INFO and the newest slowlog entry in one round-trip; more of the slowlog only when there is more.

        Raises CockpitError: Unreachable, TimedOut after `source.timeout`, AuthenticationFailed, PermissionDenied.
        """
        self._raise_denied("INFO")
        with_slowlog = not self._is_denied("SLOWLOG")
        commands: list[Command] = [("INFO",)]
        if with_slowlog:
            commands.append(("SLOWLOG", "GET", 1 if self._slowlog_of else SLOWLOG_LENGTH))
        started = self._clock.monotonic()
        generation, replies = await self._link.exchange(*commands, within=self._source.timeout)
        info = Info(self._checked("INFO", replies[0]))
        now = Counters.of(info, self._clock.monotonic())
        if with_slowlog:
            await self._note_slowlog(replies[1], now.run_id, generation, started)
        prefixes = await self._dominant_prefixes(info, generation, started)
        status = read_status(
            info,
            now,
            self._before,
            server=self._link.address.server,
            database=self._link.address.database,
            slowlog=self._slowlog,
            prefixes=prefixes,
            notes=self._notes(),
        )
        self._before = now
        severity, summary = judge(status, info, self._source)
        bounds = (self._source.memory_warn, self._source.memory_critical)
        return Observation(severity, summary, replace(status, bounds=bounds))

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    # KeyDeleting

    async def server_identity(self) -> dict[str, str]:
        """server, run_id, role and logical database; run_id is "" where the server hides it."""
        return (await self._identify())[1]

    def client_command(self) -> tuple[str, ...]:
        """redis-cli's argv; the password belongs into REDISCLI_AUTH."""
        return self._link.address.client_command()

    async def key_count(self) -> int:
        """DBSIZE."""
        [reply] = await self._ask(("DBSIZE",))
        size = self._checked("DBSIZE", reply)
        if not isinstance(size, int):
            raise Malformed("the answer to DBSIZE is no number")
        return size

    async def read(self, words: Sequence[str]) -> tuple[tuple[str, ...], bool]:
        """The answer to one short read command as lines, and whether it was cut. Raises Refused, CockpitError."""
        await self._link.prepare()
        command = command_of(words)
        [reply] = await self._ask(command)
        return lines_of(words, self._checked(str(command[0]), reply))

    async def sample_keys(self, pattern: str, progress: Progress, aborted: Aborted) -> tuple[int, list[str]]:
        """Count what matches by SCAN and keep the first hundred; stops early when `aborted`.

        `progress` is told keys looked at, keys in all, and a note. Until a hundred thousand, keys are counted once
        even where SCAN repeats them; beyond, a repeated one may count twice.
        """
        total = await self.key_count()
        first: list[str] = []
        seen: set[int] = set()
        count = looked = 0
        cursor: bytes = b"0"
        while not aborted():
            [reply] = await self._ask(("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT))
            cursor, keys = self._page(reply)
            for key in keys:
                mark = hash(key)
                if mark in seen:
                    continue
                if len(seen) < _DISTINCT:
                    seen.add(mark)
                count += 1
                if len(first) < SAMPLE:
                    first.append(clean(key, 200))
            looked = total if cursor == b"0" else min(total, looked + SCAN_COUNT)
            progress(looked, total, f"{count} match")
            if cursor == b"0":
                break
        return count, first

    async def may_run(self, commands: Sequence[Sequence[str]]) -> Permission:
        """As the server tells it: ACL DRYRUN, else the user's rules; UNKNOWN where it tells neither."""
        needs = " ".join(f"+{command[0].lower()}" for command in commands)
        if self._is_denied("ACL"):
            return Permission(Grant.UNKNOWN, needs, "this user may not ask the server for its rights (ACL)")
        found = await permission.may_run(self._ask, commands)
        if found.grant is Grant.UNKNOWN and "permission" in found.how:
            self._denied["ACL"] = (self._clock.monotonic(), CockpitError(found.how))
        return found

    async def unlink_matching(
        self, pattern: str, identity: dict[str, str], progress: Progress, aborted: Aborted
    ) -> int:
        """SCAN and UNLINK: ten keys first, then batches of five hundred; how many went. Stops when `aborted`.

        `progress` is told keys deleted so far. Each connection is used only after it turned out to lead to the same
        server process in the same role: Conflict otherwise. An error after the first deletion is `effect_possible`.
        """
        generation = await self._same_server(identity)
        done = 0
        cursor: bytes = b"0"
        try:
            while not aborted():
                generation, [reply] = await self._bound(
                    generation, identity, ("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT)
                )
                cursor, keys = self._page(reply)
                while keys and not aborted():
                    batch = keys[: BATCH if done else CANARY]
                    keys = keys[len(batch) :]
                    generation, [reply] = await self._bound(generation, identity, ("UNLINK", *batch), mutating=True)
                    done += int(self._checked("UNLINK", reply))
                    progress(done, 0, f"{done} deleted")
                if cursor == b"0":
                    break
        except CockpitError as error:
            if done:
                error.message = f"{error.message}; {done} keys were deleted before that"
                error.effect_possible = True
            raise
        return done

    async def flush(self, identity: dict[str, str]) -> None:
        """FLUSHDB ASYNC where the identity still holds; Conflict where it does not."""
        generation = await self._same_server(identity)
        _, [reply] = await self._bound(generation, identity, ("FLUSHDB", "ASYNC"), mutating=True)
        self._checked("FLUSHDB", reply)

    # Diagnosing

    async def diagnose(self) -> Sequence[Diagnosis]:
        """Connection, role, ACL rights for each thing that the cockpit does."""
        try:
            observation = await self.probe()
        except CockpitError as error:
            return [Diagnosis("connect", False, error.message, error.hint)]
        status = observation.payload
        found = [Diagnosis("connect", True, f"{self._link.address.server}: {observation.summary}")]
        role = getattr(status, "role", "")
        found.append(
            Diagnosis("role", True, "master")
            if role == "master"
            else Diagnosis("role", None, "a replica: deleting and flushing are refused", "point url at the master")
        )
        if not getattr(status, "run_id", ""):
            found.append(Diagnosis("run_id", None, "the server hides its run_id: actions are refused"))
        if self._link.address.tls and not self._link.address.verify:
            found.append(Diagnosis("tls", None, "the certificate is not verified", "set ca_file instead"))
        if self._is_denied("SLOWLOG"):
            found.append(Diagnosis("slowlog", None, "SLOWLOG is not permitted", "ACL SETUSER ... +slowlog|get"))
        found += [await self._may(check, commands) for check, commands in _ACTIONS]
        return found

    async def _may(self, check: str, commands: Sequence[Sequence[str]]) -> Diagnosis:
        try:
            found = await self.may_run(commands)
        except CockpitError as error:
            return Diagnosis(check, None, error.message, error.hint)
        ok = {Grant.GRANTED: True, Grant.DENIED: False, Grant.UNKNOWN: None}[found.grant]
        return Diagnosis(check, ok, f"{found.needs}: {found.grant.value}", found.how)

    # How it is asked

    async def _ask(self, *commands: Command) -> list[Reply]:
        return (await self._link.exchange(*commands, within=self._source.timeout))[1]

    async def _identify(self) -> tuple[int, dict[str, str]]:
        self._raise_denied("INFO")
        generation, [server, replication] = await self._link.exchange(*_SECTIONS, within=self._source.timeout)
        return generation, {
            "server": self._link.address.place,
            "run_id": Info(self._checked("INFO", server)).text("run_id"),
            "role": Info(self._checked("INFO", replication)).text("role"),
            "database": str(self._link.address.database),
        }

    async def _same_server(self, identity: dict[str, str]) -> int:
        """The connection's generation, once it is known to lead to what the identity names."""
        generation, found = await self._identify()
        for name, was in identity.items():
            if not was or found.get(name) != was:
                raise Conflict(
                    f"{self._link.address.place} is not the server that the plan was made for: "
                    f"{name} was {was or 'unknown'} and is {found.get(name) or 'unknown'}",
                    hint="it was restarted, failed over or replaced; look at it and plan again",
                )
        return generation

    async def _bound(
        self, generation: int, identity: dict[str, str], command: Command, *, mutating: bool = False
    ) -> tuple[int, list[Reply]]:
        """One command on a connection that is known to be right. A new connection is looked at before it is used."""
        for _ in range(3):
            try:
                return await self._link.exchange(
                    command, within=self._source.timeout, bound_to=generation, mutating=mutating
                )
            except LinkChanged:
                generation = await self._same_server(identity)
        raise Unreachable(f"the connection to {self._link.address.place} breaks again and again")

    def _page(self, reply: Reply) -> tuple[bytes, list[bytes]]:
        page = self._checked("SCAN", reply)
        if not isinstance(page, list) or len(page) != 2 or not isinstance(page[1], list):
            raise Malformed("the answer to SCAN is no page of keys")
        return page[0], page[1]

    # What was refused

    def _checked(self, command: str, reply: Reply) -> Reply:
        if not isinstance(reply, ResponseError):
            return reply
        error = answered(reply, self._link.address.place, command)
        if isinstance(reply, NoPermissionError) or str(reply).lower().startswith(MISSING):
            self._denied[command] = (self._clock.monotonic(), error)
        raise error

    def _is_denied(self, command: str) -> bool:
        since = self._denied.get(command)
        if since is not None and self._clock.monotonic() - since[0] >= DENIED_FOR_S:
            del self._denied[command]
            return False
        return since is not None

    def _raise_denied(self, command: str) -> None:
        if self._is_denied(command):
            error = self._denied[command][1]
            raise type(error)(error.message, hint=error.hint)

    async def _note_slowlog(self, reply: Reply, run_id: str, generation: int, started: float) -> None:
        """Keep the slowlog; ask for more than the newest entry only when that one is new."""
        entries = await self._slow_entries(reply)
        if entries is None:
            return
        known = self._slowlog[0].id if self._slowlog and self._slowlog_of == run_id else None
        if len(entries) == 1 and self._slowlog_of and entries[0].id != known:
            try:
                _, [reply] = await self._link.exchange(
                    ("SLOWLOG", "GET", SLOWLOG_LENGTH), within=self._left(started), bound_to=generation
                )
            except (LinkChanged, TimedOut, Unreachable):
                return  # the status is here already; the entries come with the next poll
            entries = await self._slow_entries(reply)
            if entries is None:
                return
        elif entries and entries[0].id == known:
            return
        self._slowlog, self._slowlog_of = entries, run_id

    async def _slow_entries(self, reply: Reply) -> tuple[SlowCommand, ...] | None:
        if isinstance(reply, list):
            return read_slowlog(reply)
        self._slowlog = ()
        self._denied["SLOWLOG"] = (
            self._clock.monotonic(),
            answered(reply, self._link.address.place, "SLOWLOG")
            if isinstance(reply, ResponseError)
            else Malformed("the answer to SLOWLOG is no list"),
        )
        return None

    async def _dominant_prefixes(self, info: Info, generation: int, started: float) -> tuple[tuple[str, float], ...]:
        """What fills a server that is near its limit, from random keys; looked at every 15 s at most."""
        limit = info.integer("maxmemory") or info.integer("total_system_memory")
        if (
            not limit
            or info.integer("used_memory") < self._source.memory_warn * limit
            or self._is_denied("RANDOMKEY")
        ):
            self._prefixes = None
            return ()
        now = self._clock.monotonic()
        if self._prefixes is not None and now - self._prefixes[0] < PREFIXES_FOR_S:
            return self._prefixes[1]
        asked: list[Command] = [("RANDOMKEY",)] * RANDOM_KEYS
        try:
            _, keys = await self._link.exchange(*asked, within=self._left(started), bound_to=generation)
            self._checked("RANDOMKEY", keys[0])
        except (LinkChanged, CockpitError):
            keys = []  # the reading is complete without it; a refusal is remembered
        self._prefixes = (now, read_prefixes(keys))
        return self._prefixes[1]

    def _left(self, started: float) -> float:
        return max(0.05, self._source.timeout - (self._clock.monotonic() - started))

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self._is_denied("SLOWLOG"):
            notes.append(f"no slowlog: {self._denied['SLOWLOG'][1].message}")
        if self._link.address.tls and not self._link.address.verify:
            notes.append("the server's certificate is not verified (ssl_cert_reqs=none)")
        if self._source.shared:
            notes.append("other systems use this server too (shared = true)")
        return tuple(notes)


_ACTIONS: tuple[tuple[str, Sequence[Sequence[str]]], ...] = (
    ("redis.delete", (("scan", "0"), ("unlink", "cockpit:permission"))),
    ("redis.flush", (("flushdb", "async"),)),
)
