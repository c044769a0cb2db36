"""Lines of many makes of logs become the same columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.logfields import level_of, milliseconds, time_of
from cockpit.adapters.loglines import entry_of_line
from cockpit.model.logs import Level, LogEntry
from cockpit.text import UNSAFE

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 21, 4, 11, 21, 500_000, tzinfo=UTC).timestamp()


def entry_of(text: str, before: float = 0.0) -> LogEntry:
    entry = entry_of_line(text.encode(), NOW, before)
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("line", "level", "origin", "message"),
    [
        # Cloud Logging's structured stdout
        (
            {"time": "2026-11-21T04:11:21.5Z", "severity": "ERROR", "message": "no", "component": "cart"},
            Level.ERROR,
            "cart",
            "no",
        ),
        # structlog
        (
            {"timestamp": "2026-11-21T04:11:21.500000Z", "level": "warning", "event": "slow", "logger": "db"},
            Level.WARNING,
            "db",
            "slow",
        ),
        # pino
        ({"level": 50, "time": 1795234281500, "msg": "no", "pid": 7, "hostname": "h"}, Level.ERROR, "", "no"),
        # bunyan
        (
            {"v": 0, "level": 40, "name": "api", "time": "2026-11-21T04:11:21.5Z", "msg": "hm"},
            Level.WARNING,
            "api",
            "hm",
        ),
        # zap
        ({"level": "info", "ts": 1795234281.5, "logger": "http", "msg": "ok"}, Level.INFO, "http", "ok"),
        # Elastic Common Schema
        ({"@timestamp": "2026-11-21T04:11:21.500Z", "log.level": "fatal", "message": "x"}, Level.CRITICAL, "", "x"),
    ],
)
def test_json_of_the_usual_libraries_is_understood(
    line: dict[str, object], level: Level, origin: str, message: str
) -> None:
    entry = entry_of(json.dumps(line))
    assert (entry.at, entry.level, entry.origin, entry.message) == (AT, level, origin, message)


def test_a_request_fills_its_columns_and_the_rest_stays_as_fields() -> None:
    entry = entry_of(
        '{"ts":1795234281.5,"msg":"GET /","status":503,"client_ip":"203.0.113.7","latency_ms":12.5,"user":{"id":3}}'
    )
    assert (entry.status, entry.client_ip, entry.latency_ms, entry.level) == (503, "203.0.113.7", 12.5, Level.ERROR)
    assert json.loads(entry.fields) == {"user": {"id": 3}}


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ('Traceback (most recent call last):\n  File "a.py", line 1\nKeyError: 7\n', "KeyError: 7"),
        ("java.lang.Oops: no\n\tat com.example.A\n\tat com.example.B", "java.lang.Oops: no"),
        ("\n\n  late start\nmore", "late start"),
    ],
)
def test_a_text_of_several_lines_is_named_by_the_one_that_matters_and_kept_whole(text: str, headline: str) -> None:
    entry = entry_of(json.dumps({"ts": AT, "level": "error", "msg": text}))
    assert entry.message == headline
    assert json.loads(entry.fields)["text"] == text


def test_cloud_loggings_http_request_is_understood() -> None:
    entry = entry_of(
        '{"severity":"INFO","httpRequest":{"requestMethod":"GET","requestUrl":"/a","status":200,"latency":"0.25s",'
        '"remoteIp":"203.0.113.9"}}'
    )
    assert (entry.message, entry.status, entry.latency_ms, entry.client_ip) == (
        "GET /a 200",
        200,
        250.0,
        "203.0.113.9",
    )


def test_logfmt_is_understood() -> None:
    entry = entry_of('ts=2026-11-21T04:11:21.5Z level=error msg="no \\"cart\\"" component=api status=500 dur=1')
    assert (entry.at, entry.level, entry.message, entry.origin) == (AT, Level.ERROR, 'no "cart"', "api")
    assert json.loads(entry.fields) == {"dur": "1"}


def test_an_access_log_is_understood() -> None:
    entry = entry_of('203.0.113.7 - bob [21/Nov/2026:04:11:21 +0000] "GET /cart HTTP/1.1" 502 157 "-" "curl"')
    assert (entry.at, entry.status, entry.client_ip, entry.level) == (AT - 0.5, 502, "203.0.113.7", Level.ERROR)
    assert entry.message.startswith("GET /cart HTTP/1.1 502")


@pytest.mark.parametrize(
    ("line", "at", "level", "message"),
    [
        ("2026-11-21T04:11:21.5Z ERROR no cart", AT, Level.ERROR, "ERROR no cart"),
        ("[2026-11-21 04:11:21,500+00:00] WARN: slow", AT, Level.WARNING, "WARN: slow"),
        ("1795234281.5 info ok", AT, Level.INFO, "info ok"),
        ("no time at all, no errors", NOW, Level.DEFAULT, "no time at all, no errors"),
    ],
)
def test_time_and_level_of_plain_text_are_guessed(line: str, at: float, level: Level, message: str) -> None:
    entry = entry_of(line)
    assert (entry.at, entry.level, entry.message) == (at, level, message)


def test_a_line_of_a_stack_trace_belongs_to_the_time_before_it() -> None:
    assert entry_of('  File "app.py", line 3, in cart', before=NOW - 5).at == NOW - 5


def test_syslog_of_last_december_is_not_in_the_future() -> None:
    entry = entry_of("Dec 31 23:59:58 host app: bye")
    assert datetime.fromtimestamp(entry.at).year == 2025
    assert entry.message == "host app: bye"


@pytest.mark.parametrize("line", ["{broken", "[1,2]", '{"a":' * 3000, "level= msg", "{}x"])
def test_what_looks_structured_but_is_not_stays_text(line: str) -> None:
    assert entry_of(line).message.startswith(line[:4])


@pytest.mark.parametrize("line", [b"", b"\n", b"  \r\n", b"\x00\x00\n"])
def test_a_blank_line_is_no_entry(line: bytes) -> None:
    assert entry_of_line(line, NOW, 0) is None


@given(st.binary(max_size=300))
def test_no_line_raises_or_lets_an_unsafe_character_through(line: bytes) -> None:
    entry = entry_of_line(line, NOW, 0.0)
    if entry is not None:
        assert not UNSAFE.search(entry.message + entry.origin + entry.fields + entry.client_ip)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(
    ("time", "level", "msg", "severity", "message", "status", "latency", "ip", "logger", "insertId")
)


@given(st.dictionaries(_keys | st.text(max_size=5), _json, max_size=6))
def test_no_json_object_raises_or_lets_an_unsafe_character_through(record: dict[str, object]) -> None:
    entry = entry_of_line(json.dumps(record).encode(), NOW, 0.0)
    assert entry is not None
    assert not UNSAFE.search(entry.message + entry.origin + entry.fields + entry.client_ip + entry.insert_id)


def test_numbers_of_levels_times_and_latencies() -> None:
    assert [level_of(value) for value in (10, 30, 60, 400, "500", True, None, 9999)] == [
        Level.DEBUG,
        Level.INFO,
        Level.CRITICAL,
        Level.WARNING,
        Level.ERROR,
        Level.DEFAULT,
        Level.DEFAULT,
        Level.DEFAULT,
    ]
    assert [time_of(value) for value in (1.5e9, 1.5e12, 1.5e15, 1.5e18, -1, "soon", True)] == [
        1.5e9, 1.5e9, 1.5e9, 1.5e9, None, None, None
    ]  # fmt: skip
    assert [milliseconds(value, key) for value, key in (("12ms", ""), ("0.5s", ""), (3, "duration_ms"), (3, ""))] == [
        12.0,
        500.0,
        3.0,
        3000.0,
    ]
