"""Bodies of a health endpoint: packed, large, damaged, hostile."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from cockpit.adapters.http.body import BODY_LIMIT, IN_A_THREAD, read_json
from cockpit.adapters.http.health import HealthProbe
from cockpit.errors import Malformed
from cockpit.model.health import HealthStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity

ProbeFor = Callable[..., HealthProbe]


HttpServer = Any  # tests/adapters/http/conftest.py


def seen(observation: Observation) -> HealthStatus:
    assert isinstance(observation.payload, HealthStatus)
    return observation.payload


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw"])
async def test_packed_bodies_are_unpacked(coding: str, server: HttpServer, probe_for: ProbeFor) -> None:
    plain = json.dumps({"status": "ok", "jobs": 7}).encode()
    if coding == "raw":
        pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = pack.compress(plain) + pack.flush()
    else:
        packed = gzip.compress(plain) if coding == "gzip" else zlib.compress(plain)
    server.answers["/health"] = server.reply(packed, Content_Encoding="deflate" if coding == "raw" else coding)
    found = await probe_for(server.url(), check=[{"path": "jobs", "warn": "> 5"}]).probe()
    assert (found.severity, found.summary) == (Severity.WARN, "jobs 7 > 5")
    assert seen(found).body_bytes == len(plain)


async def test_a_bomb_is_cut_at_ten_megabytes_without_holding_up_the_loop(
    server: HttpServer, probe_for: ProbeFor
) -> None:
    bomb = gzip.compress(b"\0" * (60 * 1024 * 1024), 9)
    server.answers["/health"] = server.reply(bomb, Content_Encoding="gzip", Content_Type="application/json")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    found = await probe_for(server.url(), timeout=10).probe()
    watching.cancel()
    assert seen(found).body_bytes == BODY_LIMIT
    assert "body cut at 10 MB" in seen(found).notes
    assert (found.severity, found.summary) == (Severity.WARN, "body over 10 MB")
    assert longest < 1.0


async def test_a_large_json_body_is_read_while_others_run(server: HttpServer, probe_for: ProbeFor) -> None:
    rows = ",".join(f'{{"id": {number}, "name": "job {number}"}}' for number in range(200_000))
    body = f'{{"status": "ok", "stuck": 9, "rows": [{rows}]}}'.encode()
    assert 5_000_000 < len(body) < BODY_LIMIT
    server.answers["/health"] = server.reply(body, Content_Type="application/json")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    found = await probe_for(server.url(), timeout=10, check=[{"path": "stuck", "critical": "> 5"}]).probe()
    watching.cancel()
    assert (found.severity, found.summary) == (Severity.CRIT, "stuck 9 > 5")
    assert longest < 1.0


async def test_large_bodies_are_parsed_in_a_thread_and_small_ones_at_once() -> None:
    small, large = b'{"a": 1}', b'{"a": "' + b"x" * IN_A_THREAD + b'"}'
    assert await read_json(small, lambda _: threading.get_ident()) == threading.get_ident()
    assert await read_json(large, lambda _: threading.get_ident()) != threading.get_ident()


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (b'{"status": ', "not JSON"),
        (b"<html>login</html>", "not JSON"),
        (b"[" * 100_000, "too deep"),
        (b'{"a": "\xff\xfe"}', "not UTF-8"),
    ],
)
async def test_json_that_is_none_is_a_warning_and_with_checks_unknown(
    body: bytes, note: str, server: HttpServer, probe_for: ProbeFor
) -> None:
    server.answers["/health"] = server.reply(body, Content_Type="application/json")
    found = await probe_for(server.url()).probe()
    assert (found.severity, found.summary) == (Severity.WARN, "body is not JSON")
    assert note in seen(found).notes[0]
    checked = await probe_for(server.url(), check=[{"path": "status", "critical": "!= ok"}]).probe()
    assert checked.severity is Severity.UNKNOWN
    assert seen(checked).checks[0].value == "missing"


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"Content_Encoding": "gzip"}, b"not gzip"), ({"Content_Encoding": "br"}, b"brotli, unasked")],
)
async def test_a_damaged_or_unasked_packing_is_not_understood(
    headers: dict[str, str], body: bytes, server: HttpServer, probe_for: ProbeFor
) -> None:
    server.answers["/health"] = server.reply(body, **headers)
    with pytest.raises(Malformed, match="damaged|not asked for"):  # noqa: RUF043
        await probe_for(server.url()).probe()


async def test_a_packed_body_that_ends_too_early_says_so(server: HttpServer, probe_for: ProbeFor) -> None:
    packed = gzip.compress(json.dumps({"status": "ok" * 500}).encode())
    server.answers["/health"] = server.reply(packed[:-12], Content_Encoding="gzip", Content_Type="application/json")
    found = await probe_for(server.url()).probe()
    assert (found.severity, found.summary) == (Severity.WARN, "the packed body ends too early")


async def test_hostile_text_in_a_body_is_cleaned(server: HttpServer, probe_for: ProbeFor) -> None:
    body = json.dumps({"components": {"re\x1b[2Jdis": {"status": "down\x07", "note": "\u202eevil"}}})
    server.answers["/health"] = server.reply(body, Content_Type="application/json")
    found = await probe_for(server.url(), check=[{"path": "components.*.note", "warn": "== x"}]).probe()
    shown = repr(found) + found.summary
    assert "\x1b" not in found.summary + seen(found).components[0].name
    assert "\u202e" not in seen(found).components[0].detail + seen(found).checks[0].value
    assert "\x07" not in shown


async def test_what_is_used_is_no_part_whose_state_is_unknown(server: HttpServer, probe_for: ProbeFor) -> None:
    services = {"redis": "healthy", "llm_provider": "openai"}
    server.answers["/health"] = server.reply(json.dumps({"status": "healthy", "services": services}))
    found = await probe_for(server.url()).probe()
    assert found.severity is Severity.OK and [each.name for each in seen(found).components] == ["status", "redis"]
    odd = {"services": {"redis": "healthy", "queue": "kaputt"}}
    server.answers["/health"] = server.reply(json.dumps(odd))
    assert (await probe_for(server.url()).probe()).severity is Severity.UNKNOWN
