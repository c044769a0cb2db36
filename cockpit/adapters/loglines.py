"""One line of a log -> one entry: JSON, logfmt, web server access logs, or plain text with a guess."""

from __future__ import annotations

import json
import re
from datetime import datetime

from cockpit.adapters.logfields import entry_from_record, level_of, time_of
from cockpit.model.logs import Level, LogEntry
from cockpit.text import clean

_GUESS_CHARS = 160
_LEADING_TIME = re.compile(
    r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:\s?Z|\s?[+-]\d\d:?\d\d)?|\d{9,10}\.\d+|\d{13})\]?[\s:|-]*"
)
_SYSLOG_TIME = re.compile(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) ")
_LEVEL_WORD = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC"
    r"|debug|info|notice|warn|warning|error|critical|fatal|panic)\b"
)
_ACCESS = re.compile(
    r'(\S+) \S+ \S+ \[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\] "([^"]*)" (\d{3}) (\S+)(.*)'
)
_PAIR = re.compile(r'([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPE = re.compile(r"\\(.)")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


def entry_of_line(line: bytes, now: float, before: float) -> LogEntry | None:
    """The entry, None for a blank line. A line without a time takes `before`, that of the line before it, or `now`.

    Times are seconds since the epoch. A time without a zone is local.
    """
    text = line.decode("utf-8", "replace").rstrip("\r\n \x00").lstrip("\x00")
    if not text:
        return None
    entry: LogEntry | None = None
    if text[0] == "{":
        entry = _json_line(text)
    elif "=" in text and ("level=" in text or "msg=" in text or "lvl=" in text):
        entry = _logfmt(text)
    if entry is None:
        return _plain(text, now, before)
    return entry if entry.at else _at(entry, before or now)


def _json_line(text: str) -> LogEntry | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry_from_record(record) if isinstance(record, dict) else None


def _logfmt(text: str) -> LogEntry | None:
    record: dict[str, object] = {}
    for key, value in _PAIR.findall(text):
        record[key] = _ESCAPE.sub(r"\1", value[1:-1]) if value.startswith('"') and len(value) > 1 else value
    if not ({"msg", "message"} & record.keys() and {"level", "lvl", "severity"} & record.keys()):
        return None
    return entry_from_record(record)


def _plain(text: str, now: float, before: float) -> LogEntry:
    access = _ACCESS.match(text)
    if access is not None:
        return _access(access, now)
    at, rest = _leading_time(text, now)
    match = _LEVEL_WORD.search(rest, 0, _GUESS_CHARS)
    level = level_of(match[1]) if match else Level.DEFAULT
    return LogEntry(at=at or before or now, level=level, origin="", message=clean(rest))


def _leading_time(text: str, now: float) -> tuple[float | None, str]:
    """The time that a line begins with, and the line without it."""
    match = _LEADING_TIME.match(text)
    if match is not None:
        at = time_of(match[1].replace(",", ".").replace(" Z", "Z").replace(" +", "+").replace(" -", "-"))
        return (at, text[match.end() :] or text) if at is not None else (None, text)
    syslog = _SYSLOG_TIME.match(text)
    if syslog is None or syslog[1] not in _MONTHS:
        return None, text
    today = datetime.fromtimestamp(now)
    try:
        at = _syslog_time(today.year, syslog)
        if at > now + 86400:
            at = _syslog_time(today.year - 1, syslog)
    except ValueError:
        return None, text
    return at, text[syslog.end() :]


def _syslog_time(year: int, match: re.Match[str]) -> float:
    day, hour, minute, second = (int(match[group]) for group in (2, 3, 4, 5))
    return datetime(year, _MONTHS[match[1]], day, hour, minute, second).timestamp()


def _access(match: re.Match[str], now: float) -> LogEntry:
    address, day, month, year, clock, zone, request, status, _, rest = match.groups()
    at = time_of(f"{year}-{_MONTHS.get(month, 1):02d}-{day}T{clock}{zone}")
    code = int(status)
    level = Level.ERROR if code >= 500 else Level.WARNING if code >= 400 else Level.INFO
    return LogEntry(
        at=at if at is not None else now,
        level=level,
        origin="",
        message=clean(f"{request} {status}{rest}"),
        client_ip=clean(address, 64),
        status=code if 100 <= code <= 599 else 0,
    )


def _at(entry: LogEntry, at: float) -> LogEntry:
    return LogEntry(
        at,
        entry.level,
        entry.origin,
        entry.message,
        entry.fields,
        entry.client_ip,
        entry.status,
        entry.latency_ms,
        entry.insert_id,
    )
