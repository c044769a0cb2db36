"""Structured log records of many makes -> LogEntry: the keys that Cloud Logging, structlog, pino, bunyan, zap,
logrus and their kin use for time, level, message, origin, address, status and latency.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cockpit.model.logs import Level, LogEntry
from cockpit.text import clean

FIELDS_CHARS = 4096
_HEADLINE_IN = 16_384  # characters of a long text that are looked through

_TIME = ("time", "timestamp", "ts", "@timestamp", "datetime", "asctime", "t")
_LEVEL = ("severity", "level", "lvl", "levelname", "log.level", "loglevel")
_MESSAGE = ("message", "msg", "event", "textPayload", "error", "err")
_ORIGIN = ("component", "logger", "service", "name", "module", "app", "caller")
_ADDRESS = ("client_ip", "clientIp", "client_addr", "remote_ip", "remoteIp", "remote_addr", "ip", "client")
_STATUS = ("status", "status_code", "statusCode", "http_status", "code")
_LATENCY = ("latency_ms", "duration_ms", "elapsed_ms", "responseTime", "latency", "duration", "elapsed")
_INSERT_ID = ("insertId", "insert_id", "logging.googleapis.com/insertId")

_LEVELS = {
    "trace": Level.DEBUG,
    "debug": Level.DEBUG,
    "fine": Level.DEBUG,
    "verbose": Level.DEBUG,
    "info": Level.INFO,
    "information": Level.INFO,
    "informational": Level.INFO,
    "notice": Level.NOTICE,
    "warn": Level.WARNING,
    "warning": Level.WARNING,
    "err": Level.ERROR,
    "error": Level.ERROR,
    "severe": Level.ERROR,
    "exception": Level.ERROR,
    "critical": Level.CRITICAL,
    "crit": Level.CRITICAL,
    "fatal": Level.CRITICAL,
    "dpanic": Level.CRITICAL,
    "panic": Level.ALERT,
    "alert": Level.ALERT,
    "emergency": Level.EMERGENCY,
    "emerg": Level.EMERGENCY,
}
# pino and bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal
_TENS = {1: Level.DEBUG, 2: Level.DEBUG, 3: Level.INFO, 4: Level.WARNING, 5: Level.ERROR, 6: Level.CRITICAL}
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m)?")
_MS_PER_UNIT = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1000.0, "m": 60000.0}
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=str).encode
_REMEMBERED_LEVELS: dict[str, Level] = dict(_LEVELS)


def level_of(value: object) -> Level:
    """The level that a word or a number means; DEFAULT for none."""
    if isinstance(value, str):
        known = _REMEMBERED_LEVELS.get(value)
        if known is not None:
            return known
        word = value.strip().lower()
        level = _LEVELS.get(word)
        if level is None:
            return level_of(int(word)) if word.isascii() and word.isdigit() and len(word) < 5 else Level.DEFAULT
        if len(_REMEMBERED_LEVELS) < 200:
            _REMEMBERED_LEVELS[value] = level
        return level
    if isinstance(value, int) and not isinstance(value, bool):
        if 100 <= value <= 800:
            return Level(value // 100 * 100)
        return _TENS.get(value // 10, Level.DEFAULT)
    return Level.DEFAULT


def time_of(value: object) -> float | None:
    """Seconds since the epoch of an ISO 8601 text or a number of s, ms, us, ns; a text without zone is local time."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for limit, divisor in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if 0 < value < limit:
            return value / divisor
    return None


def milliseconds(value: object, key: str = "") -> float:
    """A latency in ms: "0.012s" and "12ms" say their unit; a bare number is ms where the key says so, else s."""
    if isinstance(value, str):
        match = _SECONDS.fullmatch(value.strip())
        if match is None:
            return 0.0
        if match[2]:
            return float(match[1]) * _MS_PER_UNIT[match[2]]
        value = float(match[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return 0.0
    return float(value) if key.endswith("_ms") or key == "responseTime" else float(value) * 1000.0


def entry_from_record(
    record: dict[str, Any],
    *,
    at: float | None = None,
    level: Level | None = None,
    origin: str = "",
    insert_id: str = "",
) -> LogEntry:
    """One decoded JSON object -> one cleaned entry. `record` is used up: what no column shows is left as `fields`.

    `at`, `level`, `origin`, `insert_id` come from an envelope and win over the record's own; without any time the
    entry has `at` 0.
    """
    moment = _take_time(record) if at is None else at
    own_level = _take(record, _LEVEL)
    status, address, latency, request = _request_columns(record)
    found = level if level is not None else level_of(own_level)
    if found is Level.DEFAULT and status >= 500:
        found = Level.ERROR
    message = _take(record, _MESSAGE)
    if isinstance(message, dict):
        message = _encode(message)
    if message is None:
        message = request
    message = message if isinstance(message, str) else str(message)
    if "\n" in message:
        record.setdefault("text", message)
        message = headline(message)
    own_origin = origin or _take(record, _ORIGIN) or ""
    number = insert_id or _take(record, _INSERT_ID) or ""
    return LogEntry(
        at=moment or 0.0,
        level=found,
        origin=clean(own_origin if isinstance(own_origin, str) else _encode(own_origin), 80),
        message=clean(message),
        fields=clean(_encode(record), FIELDS_CHARS) if record else "",
        client_ip=clean(address, 64) if address else "",
        status=status,
        latency_ms=latency,
        insert_id=clean(str(number), 64) if number else "",
    )


def headline(text: str) -> str:
    """The line of a text of several that says what it is about: of a Python traceback the last, else the first."""
    lines = [line.strip() for line in text[-_HEADLINE_IN:].splitlines() if line.strip()]
    if text.startswith("Traceback (most recent call last)") and lines:
        return lines[-1]
    return next((line.strip() for line in text[:_HEADLINE_IN].splitlines() if line.strip()), "")


def _take(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        if key in record:
            return record.pop(key)
    return None


def _take_time(record: dict[str, Any]) -> float | None:
    for key in _TIME:
        if key in record:
            moment = time_of(record[key])
            if moment is not None:
                del record[key]
                return moment
    return None


def _request_columns(record: dict[str, Any]) -> tuple[int, str, float, str]:
    """Status, client address, latency (ms) and a message for a record that has none of its own."""
    request = record.get("httpRequest")
    if isinstance(request, Mapping):
        return http_request_columns(request)
    status = 0
    for key in _STATUS:
        if key in record:
            status = _status(record[key])
            if status:
                del record[key]
                break
    address = _take(record, _ADDRESS)
    for key in _LATENCY:
        if key in record:
            latency = milliseconds(record[key], key)
            if latency:
                del record[key]
                return status, address if isinstance(address, str) else "", latency, ""
    return status, address if isinstance(address, str) else "", 0.0, ""


def http_request_columns(request: Mapping[str, Any]) -> tuple[int, str, float, str]:
    """Cloud Logging's HttpRequest -> status, remote address, latency (ms), "GET /path 500"."""
    status = _status(request.get("status"))
    line = f"{request.get('requestMethod', '')} {request.get('requestUrl', '')}".strip()
    latency = milliseconds(request.get("latency"))
    return status, str(request.get("remoteIp", "")), latency, f"{line} {status or ''}".strip()


def _status(value: object) -> int:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599 else 0
