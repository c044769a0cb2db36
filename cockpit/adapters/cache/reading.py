"""The read commands that a look may send, and their answers as lines: none blocks, walks all keys or writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from cockpit.errors import Refused
from cockpit.text import clean, clean_lines

LINES = 200
_WIDTH = 400
_PART = 4000  # bytes of one value
_PAGE = 100  # elements of one collection
_SECRETS = ("pass", "auth", "secret", "key-file")
Words = tuple[str | bytes | int, ...]
Make = Callable[[Sequence[str]], Words]


def _as_given(words: Sequence[str]) -> Words:
    return tuple(words)


def _range(words: Sequence[str]) -> Words:
    """LRANGE and ZRANGE, at most a hundred elements from where it begins."""
    name, key, start, stop, *rest = words
    first, last = int(start), int(stop)
    most = first + _PAGE - 1
    same_side = (first < 0) == (last < 0)
    return (name, key, first, min(last, most) if same_side or first < 0 else most, *rest)


# Command (with its subcommand) -> fewest and most arguments after it, and what is sent instead.
_ALLOWED: dict[str, tuple[int, int, Make]] = {
    "PING": (0, 0, _as_given),
    "DBSIZE": (0, 0, _as_given),
    "TIME": (0, 0, _as_given),
    "ROLE": (0, 0, _as_given),
    "LASTSAVE": (0, 0, _as_given),
    "INFO": (0, 1, _as_given),
    "GET": (1, 1, lambda words: ("GETRANGE", words[1], 0, _PART - 1)),
    "TTL": (1, 1, _as_given),
    "PTTL": (1, 1, _as_given),
    "TYPE": (1, 1, _as_given),
    "EXISTS": (1, 10, _as_given),
    "STRLEN": (1, 1, _as_given),
    "LLEN": (1, 1, _as_given),
    "HLEN": (1, 1, _as_given),
    "SCARD": (1, 1, _as_given),
    "ZCARD": (1, 1, _as_given),
    "XLEN": (1, 1, _as_given),
    "HGET": (2, 2, _as_given),
    "HEXISTS": (2, 2, _as_given),
    "SISMEMBER": (2, 2, _as_given),
    "ZSCORE": (2, 2, _as_given),
    "LRANGE": (3, 3, _range),
    "ZRANGE": (3, 4, _range),
    "HGETALL": (1, 1, lambda words: ("HSCAN", words[1], 0, "COUNT", _PAGE)),
    "SMEMBERS": (1, 1, lambda words: ("SSCAN", words[1], 0, "COUNT", _PAGE)),
    "OBJECT ENCODING": (1, 1, _as_given),
    "OBJECT IDLETIME": (1, 1, _as_given),
    "OBJECT FREQ": (1, 1, _as_given),
    "OBJECT REFCOUNT": (1, 1, _as_given),
    "MEMORY USAGE": (1, 1, _as_given),
    "MEMORY STATS": (0, 0, _as_given),
    "MEMORY DOCTOR": (0, 0, _as_given),
    "SLOWLOG GET": (0, 1, lambda words: (*words[:2], min(int(words[2]), _PAGE) if len(words) > 2 else 10)),
    "SLOWLOG LEN": (0, 0, _as_given),
    "CLIENT LIST": (0, 0, _as_given),
    "CLIENT INFO": (0, 0, _as_given),
    "CONFIG GET": (1, 1, _as_given),
    "LATENCY LATEST": (0, 0, _as_given),
    "LATENCY DOCTOR": (0, 0, _as_given),
    "COMMAND COUNT": (0, 0, _as_given),
    "ACL WHOAMI": (0, 0, _as_given),
}


def command_of(words: Sequence[str]) -> Words:
    """What is sent for a read command. Raises Refused for any other."""
    upper = [word.upper() for word in words]
    for length in (2, 1):
        name = " ".join(upper[:length])
        fewest, most, make = _ALLOWED.get(name, (0, -1, _as_given))
        if length <= len(words) and fewest <= len(words) - length <= most:
            try:
                return make((*upper[:length], *words[length:]))
            except ValueError:
                raise Refused("parameters", f"{name}: a number was expected") from None
    raise Refused(
        "parameters",
        f"{clean(' '.join(words), 80)} is none of the short read commands",
        hint="reading commands on one key, INFO, SLOWLOG GET, CLIENT LIST, CONFIG GET",
    )


def lines_of(words: Sequence[str], reply: Any) -> tuple[tuple[str, ...], bool]:
    """The answer as redis-cli lays it out, cut; passwords of the configuration are masked."""
    if [word.upper() for word in words[:2]] == ["CONFIG", "GET"] and isinstance(reply, list):
        return _settings(reply)
    more = isinstance(reply, bytes) and words[0].upper() == "GET" and len(reply) >= _PART
    if words[0].upper() in ("HGETALL", "SMEMBERS") and isinstance(reply, list) and len(reply) == 2:
        more, reply = reply[0] != b"0", reply[1]
    found: list[str] = []
    _lay_out(reply, "", found)
    return tuple(found[:LINES]), more or len(found) > LINES


def _lay_out(reply: Any, indent: str, found: list[str]) -> None:
    if len(found) > LINES:
        return
    if isinstance(reply, list):
        if not reply:
            found.append(f"{indent}(empty)")
        for number, element in enumerate(reply, 1):
            if isinstance(element, list) and element:
                found.append(f"{indent}{number})")
                _lay_out(element, f"{indent}   ", found)
            else:
                _lay_out(element, f"{indent}{number}) ", found)
    elif reply is None:
        found.append(f"{indent}(nil)")
    elif isinstance(reply, int):
        found.append(f"{indent}{reply}")
    elif isinstance(reply, ResponseError):
        found.append(f"{indent}{clean(str(reply), _WIDTH)}")
    else:
        lines = clean_lines(reply[: 64 * 1024].rstrip(b"\r\n"), _WIDTH, LINES + 1)
        found += [f"{indent}{line}" if number == 0 else line for number, line in enumerate(lines)]


def _settings(reply: Sequence[Any]) -> tuple[tuple[str, ...], bool]:
    found = []
    for name, value in zip(reply[::2], reply[1::2], strict=False):
        setting = clean(name, 100)
        secret = any(word in setting.lower() for word in _SECRETS) and value
        found.append(f"{setting} = {'***' if secret else clean(value, _WIDTH)}")
    return tuple(found[:LINES]) or ("(no such setting)",), len(found) > LINES
