"""Which Redis commands of a runbook the actions on keys stand in for: FLUSHDB, FLUSHALL, DEL or UNLINK of one key."""

from __future__ import annotations

import re

from cockpit.model.action import Tier
from cockpit.model.command import Call, Intent, Replacement
from cockpit.model.reach import redis_reach
from cockpit.model.severity import SourceKind

_CONNECTION = (
    "-h --host -p --port -n --db -a --pass -u --uri -s --socket --user --askpass --no-auth-warning --tls --cacert "
    "--cert --key --insecure --sni --raw --no-raw --json --csv -2 -3 -e"
)
_CONNECTING = frozenset(_CONNECTION.split())
_GLOB = re.compile(r"([*?\[\]\\])")


def _flags(call: Call) -> dict[str, str]:
    found: dict[str, str] = {}
    for wrapper in call.within:
        if wrapper.tool == "redis-cli":
            found |= {name: values[-1] for name, values in wrapper.flags.items()}
    return found | {name: values[-1] for name, values in call.flags.items()}


def _plain(call: Call) -> bool:
    """Only says where to go; nothing more comes through a pipe."""
    inside = [wrapper.tool for wrapper in call.within]
    return not (_flags(call).keys() - _CONNECTING or call.redirects or call.piped or "xargs" in inside)


def _target(call: Call) -> dict[str, str]:
    # Without a number redis-cli means database 0: the keys of another one are not what the command deletes.
    return {"database": "0", **redis_reach(call)}


def _said(call: Call, text: str) -> str:
    number = _flags(call).get("-n", "")
    other = f"The command names logical database {number}; the profile's own is meant." if number else ""
    return f"{text} {other}".strip()


def _flushed(call: Call) -> Intent | None:
    verb, way = call.verb.upper(), [word.text.upper() for word in call.args]
    if verb not in ("FLUSHDB", "FLUSHALL") or not _plain(call) or way not in ([], ["ASYNC"], ["SYNC"]):
        return None
    everything = verb == "FLUSHALL"
    narrow = "Only the logical database of the profile is emptied; FLUSHALL empties all of the server."
    differs = _said(call, narrow if everything else "")
    tier = Tier.T4 if everything else Tier.T3
    return Intent("redis.flush", SourceKind.REDIS, _target(call), differs=differs, tier=tier)


def _deleted(call: Call) -> Intent | None:
    """One key: as a pattern that matches it and nothing else."""
    if call.verb.upper() not in ("DEL", "UNLINK") or len(call.args) != 1 or not _plain(call):
        return None
    key = call.args[0]
    if key.placeholders:
        mark = key.placeholders[0]
        if len(key.placeholders) > 1 or mark.spelled != key.text:
            return None
        said = _said(call, "What is filled in counts as a pattern: * and ? stand for other characters.")
        return Intent("redis.delete", SourceKind.REDIS, _target(call), {}, {"pattern": mark}, said)
    pattern = _GLOB.sub(r"\\\1", key.text)
    return Intent("redis.delete", SourceKind.REDIS, _target(call), {"pattern": pattern}, differs=_said(call, ""))


REPLACES = (
    Replacement("redis.flush", "redis", Tier.T3, _flushed),
    Replacement("redis.delete", "redis", Tier.T3, _deleted),
)
