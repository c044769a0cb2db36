"""Looks at a Redis server: its last reading, keys counted without blocking it, and short read commands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cockpit.adapters.capabilities import KeyReading
from cockpit.clock import Clock
from cockpit.errors import Refused, Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.cache import CacheStatus
from cockpit.model.command import Call, Intent, Placeholder, Replacement, Word
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reach import redis_reach
from cockpit.model.severity import Severity, SourceKind

COUNT_FOR_S = 5.0
STATE = LookSpec(
    "redis.state",
    "Redis state",
    SourceKind.REDIS,
    "Memory, clients, keys, evictions and slow commands as of the last poll.",
)
SCAN = LookSpec(
    "redis.scan",
    "Matching keys",
    SourceKind.REDIS,
    "Counts the keys that match a pattern with SCAN, which blocks nobody, and shows the first hundred.",
    (Param("pattern", ParamKind.TEXT, "glob pattern such as session:*"),),
    live=False,
)
READ = LookSpec(
    "redis.read",
    "Read command",
    SourceKind.REDIS,
    "Sends one short read command (GET, TTL, LLEN, SLOWLOG GET, CLIENT LIST ...) and shows the answer, cut.",
    (
        Param("command", ParamKind.TEXT, "the command: TTL, MEMORY USAGE, INFO ..."),
        Param("key", ParamKind.TEXT, "its key, section or setting", required=False),
        Param("more", ParamKind.TEXT, "further arguments, with spaces between", required=False),
    ),
    live=False,
)
SPECS = (STATE, SCAN, READ)

# redis-cli's flags that say where and how to connect, or how to print.
_CONNECTION = (
    "-h --host -p --port -n --db -a --pass -u --uri -s --socket --user --askpass --no-auth-warning --tls --cacert "
    "--cert --key --insecure --sni --raw --no-raw --json --csv -2 -3 -e"
)
_CONNECTING = frozenset(_CONNECTION.split())
_WATCHING = frozenset(["--stat", "--latency", "--latency-history", "-i"])
# Command -> how many of its arguments; what an argument is, is the server's to say.
_READS: Mapping[str, tuple[int, int]] = {
    "GET": (1, 1), "TTL": (1, 1), "PTTL": (1, 1), "TYPE": (1, 1), "EXISTS": (1, 10), "STRLEN": (1, 1),
    "LLEN": (1, 1), "HLEN": (1, 1), "SCARD": (1, 1), "ZCARD": (1, 1), "XLEN": (1, 1), "HGET": (2, 2),
    "HEXISTS": (2, 2), "SISMEMBER": (2, 2), "ZSCORE": (2, 2), "LRANGE": (3, 3), "ZRANGE": (3, 4), "HGETALL": (1, 1),
    "SMEMBERS": (1, 1), "TIME": (0, 0), "ROLE": (0, 0), "LASTSAVE": (0, 0), "OBJECT ENCODING": (1, 1),
    "OBJECT IDLETIME": (1, 1), "OBJECT FREQ": (1, 1), "OBJECT REFCOUNT": (1, 1), "MEMORY USAGE": (1, 1),
    "MEMORY STATS": (0, 0), "MEMORY DOCTOR": (0, 0), "SLOWLOG GET": (0, 1), "SLOWLOG LEN": (0, 0),
    "CLIENT LIST": (0, 0), "CLIENT INFO": (0, 0), "CONFIG GET": (1, 1), "LATENCY LATEST": (0, 0),
    "LATENCY DOCTOR": (0, 0), "ACL WHOAMI": (0, 0),
}  # fmt: skip
_CUT = {"HGETALL": 100, "SMEMBERS": 100, "LRANGE": 100, "ZRANGE": 100}
# Sections of INFO that the pane has all of what matters of.
_IN_THE_PANE = ("", "CLIENTS", "MEMORY", "STATS", "KEYSPACE", "REPLICATION", "SERVER")
_ONE_WORD = re.compile(r"[\x21-\x7e]+")


def flags_of(call: Call) -> dict[str, str]:
    """The flags of redis-cli, whether they stand at the call or at the client that it runs in."""
    found = {
        name: values[-1]
        for wrapper in call.within
        if "redis" in wrapper.tool
        for name, values in wrapper.flags.items()
    }
    return found | {name: values[-1] for name, values in call.flags.items()}


def target_of(call: Call) -> dict[str, str]:
    """Where the command would go: host and logical database of its flags, container of what it runs in."""
    return redis_reach(call)


def elsewhere(call: Call) -> str:
    """What is to be said where the command names a logical database."""
    number = flags_of(call).get("-n", "")
    return f"The command names logical database {number}; the profile's own is used." if number else ""


def words_of(call: Call) -> tuple[str, tuple[Word, ...]] | None:
    """The Redis command in upper case, two words where it has a subcommand, and its arguments. None where a flag of
    redis-cli is not known."""
    if flags_of(call).keys() - _CONNECTING:
        return None
    parts = call.verb.upper().split()
    args = list(call.args)
    if len(parts) == 1 and args and f"{parts[0]} {args[0].text.upper()}" in (*_READS, "CLIENT KILL"):
        parts.append(args.pop(0).text.upper())
    return " ".join(parts), tuple(args)


def _state(call: Call) -> Intent | None:
    flags = flags_of(call).keys()
    if flags - _CONNECTING - _WATCHING or call.redirects:
        return None
    verb, section = call.verb.upper(), call.args[0].text.upper() if call.args else ""
    verb, _, inside = verb.partition(" ")
    section = inside or section
    differs = elsewhere(call)
    if not verb and not call.args:
        if not flags & _WATCHING:
            return None
        differs = f"The pane shows the state of the server, polled. {differs}".strip()
    elif verb == "MONITOR":
        differs = f"MONITOR slows the server down and never ends; the pane shows rate and slow commands. {differs}"
    elif not (verb in ("PING", "DBSIZE") and not call.args) and not (verb == "INFO" and section in _IN_THE_PANE):
        return None
    return Intent(STATE.id, SourceKind.REDIS, target_of(call), differs=differs.strip())


def _opened(call: Call) -> Intent | None:
    """redis-cli without a command: a session to type into."""
    if call.verb or call.args or flags_of(call).keys() - _CONNECTING or call.redirects or call.body or call.piped:
        return None
    said = "It would open a session to type into; the state of the server is shown instead."
    return Intent(STATE.id, SourceKind.REDIS, target_of(call), differs=f"{said} {elsewhere(call)}".strip())


def _scan(call: Call) -> Intent | None:
    """KEYS pattern, SCAN n MATCH pattern, redis-cli --scan --pattern P."""
    flags = flags_of(call)
    if flags.keys() - _CONNECTING - {"--scan", "--pattern"} or call.redirects:
        return None
    if "--scan" in flags and call.verb.upper() in ("", "SCAN") and not call.args:
        pattern = flags.get("--pattern", "")
        marks = [mark for mark in call.placeholders if pattern and mark.spelled in pattern]
        return None if marks else _scanning(call, Word(pattern or "*", ""), "")
    if "--scan" in flags or "--pattern" in flags:
        return None
    verb, args = call.verb.upper(), call.args
    if verb == "KEYS" and len(args) == 1:
        return _scanning(call, args[0], "KEYS holds up every other client; the keys are counted with SCAN.")
    if verb != "SCAN" or not args or len(args) % 2 == 0:
        return None
    options = {args[i].text.upper(): args[i + 1] for i in range(1, len(args), 2)}
    if set(options) - {"MATCH", "COUNT"} or args[0].placeholders:
        return None
    return _scanning(call, options.get("MATCH", Word("*", "")), "All pages are walked, not only one.")


def _scanning(call: Call, pattern: Word, said: str) -> Intent | None:
    said = f"{said} {elsewhere(call)}".strip()
    if pattern.placeholders:
        mark = pattern.placeholders[0]
        if len(pattern.placeholders) != 1 or mark.spelled != pattern.text:
            return None
        return Intent(SCAN.id, SourceKind.REDIS, target_of(call), {}, {"pattern": mark}, said)
    return Intent(SCAN.id, SourceKind.REDIS, target_of(call), {"pattern": pattern.text}, differs=said)


def _read(call: Call) -> Intent | None:
    found = words_of(call)
    if found is None or call.redirects:
        return None
    name, args = found
    fewest, most = _READS.get(name, (0, -1))
    if name == "INFO" and len(args) == 1:
        fewest = most = 1
    if not fewest <= len(args) <= most:
        return None
    params, asks = {"command": name}, dict[str, Placeholder]()
    for number, word in enumerate(args):
        slot = "key" if number == 0 else "more"
        if word.placeholders:
            if slot != "key" or len(word.placeholders) != 1 or word.placeholders[0].spelled != word.text:
                return None
            asks["key"] = word.placeholders[0]
        elif slot == "more" and not _ONE_WORD.fullmatch(word.text):
            return None
        else:
            params[slot] = f"{params['more']} {word.text}" if slot in params else word.text
    said = f"At most {_CUT[name]} elements are shown." if name in _CUT else ""
    return Intent(READ.id, SourceKind.REDIS, target_of(call), params, asks, f"{said} {elsewhere(call)}".strip())


REPLACES = (
    Replacement(STATE.id, "redis", Tier.T0, _state),
    Replacement(STATE.id, "redis-cli", Tier.T0, _state),
    Replacement(STATE.id, "redis", Tier.T0, _opened, session=True),
    Replacement(STATE.id, "redis-cli", Tier.T0, _opened, session=True),
    Replacement(SCAN.id, "redis", Tier.T0, _scan),
    Replacement(SCAN.id, "redis-cli", Tier.T0, _scan),
    Replacement(READ.id, "redis", Tier.T0, _read),
)


def lookers(source_id: str, adapter: KeyReading, state_of: StateOf, clock: Clock) -> list[Looker]:
    """All three for one source."""
    return [
        CacheState(source_id, state_of),
        Matching(source_id, adapter, clock),
        ReadCommand(source_id, adapter, clock),
    ]


class CacheState(BoundLook):
    """The last reading, laid out."""

    def __init__(self, source: str, state_of: StateOf) -> None:
        super().__init__(STATE, source)
        self._state_of = state_of

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading."""
        reading, notes = reading_of(self._source, self._state_of)
        status = reading.payload
        if not isinstance(status, CacheStatus):
            raise Unreachable(f"{self._source} has no reading of a Redis server")
        lines = [f"{status.server}: {status.product} {status.version}, {status.role}, up {status.uptime_s:,} s"]
        limit = f" of {_mb(status.limit)}" if status.limit else ", no limit"
        lines.append(f"memory {_mb(status.used_memory)}{limit}, peak {_mb(status.peak_memory)}, {status.policy}")
        blocked = f", {status.blocked_clients} blocked" if status.blocked_clients else ""
        lines.append(
            f"clients {status.clients} of {status.max_clients}{blocked}, answered in {reading.latency_s:.3f} s"
        )
        hits = "" if status.hit_ratio is None else f", hits {100 * status.hit_ratio:.1f} %"
        lines.append(
            f"{status.ops_per_s:,.0f} commands a second{hits}, {status.evicted:,} keys evicted since its start"
        )
        lines += [f"db{space.index}: {space.keys:,} keys, {space.expires:,} expire" for space in status.keyspace]
        lines += [f"slow: {slow.duration_ms:.1f} ms {slow.command}" for slow in status.slowlog[:10]]
        return sight_of(reading, notes, [*lines, *status.notes])


class Matching(BoundLook):
    """SCAN with a pattern, five seconds at most."""

    def __init__(self, source: str, adapter: KeyReading, clock: Clock) -> None:
        super().__init__(SCAN, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        pattern = request.get("pattern")
        until = self._clock.monotonic() + COUNT_FOR_S
        late = False

        def stop() -> bool:
            nonlocal late
            late = late or self._clock.monotonic() >= until
            return late

        count, first = await self._adapter.sample_keys(pattern, lambda *_: None, stop)
        of = await self._adapter.key_count()
        said = f"{'at least ' if late else ''}{count:,} of {of:,} keys match {pattern}"
        severity = Severity.UNKNOWN if late else Severity.OK
        return Sight(severity, said, self._clock.now(), tuple(first), count > len(first))


class ReadCommand(BoundLook):
    """One command of the adapter's table."""

    def __init__(self, source: str, adapter: KeyReading, clock: Clock) -> None:
        super().__init__(READ, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Refused for a command that is none of the table, and CockpitError."""
        key = request.get("key")
        if request.get("more") and not key:
            raise Refused("parameters", "more without key", hint="key is the first argument")
        words: Sequence[str] = [
            *request.get("command").split(),
            *([key] if key else []),
            *request.get("more").split(),
        ]
        lines, cut = await self._adapter.read(words)
        shown = " ".join(words)
        said = f"{shown}: {lines[0]}" if len(lines) == 1 else f"{shown}: {len(lines)}{'+' if cut else ''} lines"
        return Sight(Severity.OK, said, self._clock.now(), lines, cut)


def _mb(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MB"
