"""A health endpoint over real sockets: what is an observation, what is a failure, and what each says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cockpit.adapters.capabilities import Probing
from cockpit.adapters.http.health import HealthProbe
from cockpit.clock import ManualClock
from cockpit.errors import Malformed, Misconfigured, TimedOut, Unreachable
from cockpit.model.health import HealthStatus
from cockpit.model.reading import Observation
from cockpit.model.severity import Severity

ProbeFor = Callable[..., HealthProbe]


HttpServer = Any  # tests/adapters/http/conftest.py


Writer = asyncio.StreamWriter


def seen(observation: Observation) -> HealthStatus:
    assert isinstance(observation.payload, HealthStatus)
    return observation.payload


async def test_an_expected_answer_is_ok_with_its_latency(server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers["/health"] = server.reply("fine", Content_Type="text/plain")
    probe = probe_for(server.url())
    assert isinstance(probe, Probing)
    found = await probe.probe()
    status = seen(found)
    assert found.severity is Severity.OK
    assert found.summary == f"200 in {status.latency_ms:.0f} ms"
    assert (status.status, status.expected, status.body_bytes, status.notes) == (200, True, 4, ())
    assert 0 < status.latency_ms < 3000
    assert server.asked[0].headers["user-agent"] == "cockpit"


async def test_polls_share_one_connection(server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers["/health"] = server.reply("fine")
    probe = probe_for(server.url())
    for _ in range(3):
        await probe.probe()
    assert (server.connections, len(server.asked)) == (1, 3)


async def test_an_unexpected_status_is_a_critical_observation(server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers["/health"] = server.reply("down", 503)
    found = await probe_for(server.url()).probe()
    assert found.severity is Severity.CRIT
    assert found.summary.startswith("503 in ")
    assert found.summary.endswith("expected 200")
    assert not seen(found).expected
    assert (await probe_for(server.url(), expect=(200, 503)).probe()).severity is Severity.OK


async def test_an_unexpected_status_names_the_part_that_is_down(server: HttpServer, probe_for: ProbeFor) -> None:
    body = json.dumps({"status": "DOWN", "components": {"db": {"status": "UP"}, "redis": {"status": "DOWN"}}})
    server.answers["/health"] = server.reply(body, 503, Content_Type="application/json")
    found = await probe_for(server.url()).probe()
    assert found.severity is Severity.CRIT
    assert [part.name for part in seen(found).components] == ["status", "db", "redis"]


async def test_method_headers_bearer_and_body_are_sent_with_their_secrets(
    server: HttpServer, probe_for: ProbeFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "s3cret")
    monkeypatch.setenv("TEST_KEY", "k3y")
    server.answers["/health"] = server.reply("fine")
    probe = probe_for(
        server.url(),
        method="POST",
        body='{"deep": true}',
        headers={"X-Plain": "yes", "X-Api-Key": "env:TEST_KEY"},
        bearer="env:TEST_TOKEN",
    )
    found = await probe.probe()
    [asked] = server.asked
    assert (asked.method, asked.body) == ("POST", b'{"deep": true}')
    assert asked.headers["authorization"] == "Bearer s3cret"
    assert asked.headers["x-api-key"] == "k3y"
    assert asked.headers["x-plain"] == "yes"
    assert asked.headers["content-type"] == "application/json"
    assert "s3cret" not in repr(found)
    assert "k3y" not in repr(found)


async def test_a_rotated_token_is_fetched_anew_after_a_refusal(
    server: HttpServer, probe_for: ProbeFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "old")

    async def by_token(asked: Any, writer: Writer) -> None:
        writer.write(server.reply("", 200 if asked.headers["authorization"] == "Bearer new" else 401))

    server.answers["/health"] = by_token
    probe = probe_for(server.url(), bearer="env:TEST_TOKEN")
    assert seen(await probe.probe()).status == 401
    monkeypatch.setenv("TEST_TOKEN", "new")
    assert seen(await probe.probe()).status == 200


@pytest.mark.parametrize("secret", ["two\nlines", "ümlaut", "bell\x07"])
async def test_a_secret_that_no_header_can_hold_is_misconfigured_and_not_shown(
    secret: str, server: HttpServer, probe_for: ProbeFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", secret)
    with pytest.raises(Misconfigured, match="header Authorization") as caught:
        await probe_for(server.url(), bearer="env:TEST_TOKEN").probe()
    assert secret not in str(caught.value)
    assert server.asked == []


async def test_one_byte_at_a_time_is_timed_out_at_the_deadline_with_what_came(
    server: HttpServer, probe_for: ProbeFor
) -> None:
    async def drip(asked: Any, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    server.answers["/health"] = drip
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"answer not complete after 0\.4 s, \d+ bytes") as caught:
        await probe_for(server.url(), timeout=0.4).probe()
    assert 0.35 < time.monotonic() - began < 1.0
    assert int(caught.value.message.split()[-2]) >= 3


async def test_headers_that_drip_are_timed_out_too(server: HttpServer, probe_for: ProbeFor) -> None:
    async def drip(asked: Any, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    server.answers["/health"] = drip
    with pytest.raises(TimedOut, match=r"connected, but no answer in 0\.3 s"):
        await probe_for(server.url(), timeout=0.3).probe()


async def test_a_silent_server_does_not_delay_another_probe(server: HttpServer, probe_for: ProbeFor) -> None:
    async def silent(asked: Any, writer: Writer) -> None:
        await asyncio.Event().wait()

    server.answers |= {"/silent": silent, "/health": server.reply("fine")}
    slow = asyncio.create_task(probe_for(server.url("/silent"), timeout=0.5).probe())
    quick = probe_for(server.url())
    for _ in range(5):
        assert seen(await quick.probe()).latency_ms < 300
    assert not slow.done()
    with pytest.raises(TimedOut):
        await slow


async def test_after_a_time_out_the_next_poll_works(server: HttpServer, probe_for: ProbeFor) -> None:
    gate = asyncio.Event()

    async def once(asked: Any, writer: Writer) -> None:
        await gate.wait()
        writer.write(server.reply("fine"))

    server.answers["/health"] = once
    probe = probe_for(server.url(), timeout=0.2)
    with pytest.raises(TimedOut):
        await probe.probe()
    gate.set()
    assert seen(await probe.probe()).status == 200


async def test_connections_that_cannot_be_made(probe_for: ProbeFor) -> None:
    with pytest.raises(Unreachable, match=r"nothing listens at 127.0.0.1:1: connection refused") as caught:
        await probe_for("http://127.0.0.1:1/").probe()
    assert "{" not in caught.value.message
    with pytest.raises(Unreachable, match="nothing listens at localhost:1"):
        await probe_for("http://localhost:1/").probe()


async def test_a_name_that_does_not_resolve(probe_for: ProbeFor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unreachable, match=r"does-not-exist\.invalid cannot be resolved"):
        await probe_for("http://does-not-exist.invalid/").probe()


@pytest.mark.parametrize(
    ("sent", "error", "words"),
    [
        (b"", Unreachable, "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Malformed, "is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", Unreachable, "after 5 bytes, before the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", Malformed, "is no HTTP"),
    ],
)
async def test_answers_that_are_no_answers(
    sent: bytes, error: type[Exception], words: str, server: HttpServer, probe_for: ProbeFor
) -> None:
    async def broken(asked: Any, writer: Writer) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    server.answers["/health"] = broken
    with pytest.raises(error, match=words):
        await probe_for(server.url()).probe()


async def test_https_to_a_plain_port(server: HttpServer, probe_for: ProbeFor) -> None:
    with pytest.raises(TimedOut, match=r"no connection in 0\.4 s"):  # the server waits for the end of a line
        await probe_for(server.url().replace("http:", "https:"), timeout=0.4).probe()


async def test_redirects_are_followed_and_recorded(server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers |= {
        "/health": server.reply("", 302, Location="/a?token=s3cret"),
        "/a?token=s3cret": server.reply("", 307, Location="b"),
        "/b": server.reply("fine"),
    }
    found = await probe_for(server.url()).probe()
    assert found.severity is Severity.OK
    assert seen(found).redirects == (server.url(), server.url("/a?token=***"))
    assert (await probe_for(server.url(), expect=(302,)).probe()).severity is Severity.OK


async def test_a_redirect_loop_ends_after_five_and_is_critical(server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers["/health"] = server.reply("", 302, Location="/health")
    found = await probe_for(server.url()).probe()
    assert found.severity is Severity.CRIT
    assert found.summary.startswith("more than 5 redirects")
    assert len(server.asked) == 6


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "javascript:alert(1)", "file:///etc"])
async def test_a_redirect_to_nowhere_is_critical(location: str, server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers["/health"] = server.reply("", 302, Location=location)
    found = await probe_for(server.url()).probe()
    assert (found.severity, found.summary) == (Severity.CRIT, "redirects to something that is no web address")


async def test_secrets_and_headers_never_go_to_another_origin(
    server: HttpServer, serve_with: Any, probe_for: ProbeFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "s3cret")
    other = await serve_with()
    other.answers["/health"] = server.reply("fine")
    server.answers |= {
        "/health": server.reply("", 302, Location="/second"),
        "/second": server.reply("", 302, Location=other.url()),
    }
    headers = {"X-Api-Key": "env:TEST_TOKEN", "X-Plain": "literal"}
    await probe_for(server.url(), bearer="env:TEST_TOKEN", headers=headers).probe()
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer s3cret"] * 2
    assert not {"authorization", "x-api-key", "x-plain"} & set(other.asked[0].headers)
    posted = await probe_for(server.url(), method="POST", body="{}").probe()
    assert posted.severity is Severity.OK  # 302 turns POST into GET, as browsers do
    assert other.asked[-1].method == "GET"
    server.answers["/health"] = server.reply("", 307, Location=other.url())
    kept = await probe_for(server.url(), method="POST", body="{}").probe()
    assert kept.severity is Severity.CRIT
    assert len(other.asked) == 2


async def test_a_slow_answer_is_a_warning(server: HttpServer, probe_for: ProbeFor) -> None:
    async def slow(asked: Any, writer: Writer) -> None:
        await asyncio.sleep(0.06)
        writer.write(server.reply("fine"))

    server.answers["/health"] = slow
    found = await probe_for(server.url(), slow=0.05).probe()
    assert found.severity is Severity.WARN
    assert found.summary.startswith("slow: 200 in ")
    assert (await probe_for(server.url(), slow=2).probe()).severity is Severity.OK


async def test_a_comparison_must_hold_for_as_long_as_the_profile_says(
    server: HttpServer, probe_for: ProbeFor
) -> None:
    clock = ManualClock()
    probe = probe_for(server.url(), clock, check=[{"path": "stuck", "warn": "> 5", "critical": "> 50", "for": "1m"}])

    async def with_value(value: int, seconds: float) -> Any:
        server.answers["/health"] = server.reply(json.dumps({"stuck": value}))
        await clock.advance(seconds)
        return seen(await probe.probe()).checks[0]

    check = await with_value(7, 0)
    assert (check.severity, check.pending_s, check.threshold) == (Severity.OK, 0, "> 5")
    check = await with_value(8, 30)
    assert (check.severity, check.pending_s) == (Severity.OK, 30)
    check = await with_value(8, 30)
    assert (check.severity, check.pending_s) == (Severity.WARN, None)
    check = await with_value(60, 30)
    assert (check.severity, check.pending_s, check.threshold) == (Severity.WARN, 0, "> 5")
    check = await with_value(60, 60)
    assert (check.severity, check.pending_s, check.threshold) == (Severity.CRIT, None, "> 50")
    check = await with_value(1, 1)
    assert (check.severity, check.pending_s) == (Severity.OK, None)
    check = await with_value(7, 1)
    assert (check.severity, check.pending_s) == (Severity.OK, 0)


@pytest.mark.parametrize(
    "check", [{"path": "a..b[", "warn": "> 5"}, {"path": "a", "warn": "> many"}, {"path": "a", "critical": ">= true"}]
)
async def test_a_check_that_cannot_be_read_is_misconfigured(
    check: dict[str, str], server: HttpServer, probe_for: ProbeFor
) -> None:
    probe = probe_for(server.url(), check=[check])
    with pytest.raises(Misconfigured):
        await probe.probe()
    assert server.asked == []
    assert (await probe.diagnose())[0].ok is False


async def test_the_diagnosis(server: HttpServer, probe_for: ProbeFor) -> None:
    server.answers["/health"] = server.reply('{"jobs": 1}')
    good = await probe_for(server.url(), check=[{"path": "jobs", "warn": "> 5"}]).diagnose()
    assert [(entry.check, entry.ok) for entry in good] == [("request", True), ("check jobs", True)]
    bad = await probe_for(server.url(), check=[{"path": "none", "warn": "> 5"}], expect=(204,)).diagnose()
    assert [(entry.check, entry.ok) for entry in bad] == [("request", False), ("check none", False)]
    server.answers["/health"] = server.reply("", 401)
    assert "bearer" in (await probe_for(server.url()).diagnose())[0].fix
