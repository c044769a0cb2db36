"""A declared action on the wire: shown masked, sent once, read back."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from typing import Any

import pytest

from cockpit.adapters.capabilities import HttpCalling
from cockpit.adapters.http.action import HttpActionClient
from cockpit.clock import SystemClock
from cockpit.errors import CockpitError, Malformed, Misconfigured, TimedOut, Unreachable
from cockpit.profile.schema import HttpAction

HttpServer = Any  # tests/adapters/http/conftest.py
Writer = asyncio.StreamWriter


def client_for(url: str, **options: object) -> HttpActionClient:
    action = HttpAction.model_validate({"name": "maintenance-on", "title": "Maintenance on", "url": url, **options})
    return HttpActionClient(action, SystemClock())


def ok(body: str = "done", status: int = 200) -> bytes:
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TEST_TOKEN", "s3cret")
    return "env:TEST_TOKEN"


async def test_it_is_sent_once_as_shown(server: HttpServer, token: str) -> None:
    server.answers["/mode"] = ok("maintenance is on\nand more")
    client = client_for(
        server.url("/mode"),
        method="PUT",
        body='{"on": true}',
        bearer=token,
        headers={"X-Api-Key": token, "X-Why": "us"},
    )
    assert isinstance(client, HttpCalling)
    assert client.request() == (
        f"PUT {server.url('/mode')}",
        "Authorization: Bearer ***",
        "Content-Type: application/json",
        "X-Api-Key: ***",
        "X-Why: us",
        '{"on": true}',
    )
    assert server.asked == []
    assert await client.send() == (200, "maintenance is on")
    [asked] = server.asked
    assert (asked.method, asked.path, asked.body) == ("PUT", "/mode", b'{"on": true}')
    assert asked.headers["authorization"] == "Bearer s3cret"
    assert asked.headers["x-api-key"] == "s3cret"


async def test_the_curl_command_does_the_same_and_holds_no_secret(server: HttpServer, token: str) -> None:
    server.answers["/mode?x=1&y='"] = ok()
    body = '{"why": "it\'s $HOME; `id`"}'
    client = client_for(server.url("/mode?x=1&y='"), body=body, bearer=token, headers={"X-Key": token})
    [line] = client.curl()
    assert "s3cret" not in line
    assert '"Authorization: Bearer $TEST_TOKEN"' in line
    assert '"X-Key: $TEST_TOKEN"' in line
    assert body in shlex.split(line)
    shown = 'curl() { for word; do printf "%s\\n" "$word"; done; }; ' + line
    run = await asyncio.to_thread(
        subprocess.run, ["sh", "-c", shown], capture_output=True, text=True, check=True, timeout=10
    )
    words = run.stdout.splitlines()
    assert "Authorization: Bearer s3cret" in words
    assert body in words


async def test_a_redirect_is_an_answer_and_never_followed(server: HttpServer) -> None:
    server.answers |= {
        "/mode": b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        "/other": ok(),
    }
    assert (await client_for(server.url("/mode")).send())[0] == 307
    assert [asked.path for asked in server.asked] == ["/mode"]


async def test_nobody_there_means_no_effect() -> None:
    with pytest.raises(Unreachable) as caught:
        await client_for("http://127.0.0.1:1/mode").send()
    assert not caught.value.effect_possible


async def test_no_answer_in_time_may_have_had_its_effect_and_is_not_repeated(server: HttpServer) -> None:
    async def silent(asked: Any, writer: Writer) -> None:
        await asyncio.Event().wait()

    server.answers["/mode"] = silent
    with pytest.raises(TimedOut, match=r"connected, but no answer in 0\.3 s") as caught:
        await client_for(server.url("/mode"), timeout=0.3).send()
    assert caught.value.effect_possible
    assert len(server.asked) == 1


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal", b"SSH-2.0\r\n\r\n"])
async def test_a_connection_that_breaks_may_have_had_its_effect(part: bytes, server: HttpServer) -> None:
    async def broken(asked: Any, writer: Writer) -> None:
        writer.write(part)
        await writer.drain()
        writer.close()

    server.answers["/mode"] = broken
    with pytest.raises(CockpitError) as caught:
        await client_for(server.url("/mode")).send()
    assert caught.value.effect_possible
    assert len(server.asked) == 1


async def test_a_certificate_that_is_not_accepted_stops_it_before_anything_is_sent(
    serve_with: Any, authority: Any
) -> None:
    server = await serve_with(authority.context(30))
    server.answers["/mode"] = ok()
    with pytest.raises(Unreachable, match="nothing was sent") as caught:
        await client_for(server.url("/mode", host="localhost")).send()
    assert not caught.value.effect_possible
    assert server.asked == []


async def test_the_effect_is_read_back(server: HttpServer, serve_with: Any, token: str) -> None:
    server.answers["/state"] = ok(json.dumps({"mode": {"maintenance": True}}))
    assert await client_for(server.url()).read_back() is None
    options = {"verify_url": server.url("/state"), "bearer": token}
    assert await client_for(server.url(), verify_path="mode.maintenance", **options).read_back() == "true"
    assert await client_for(server.url(), verify_path="mode.other", **options).read_back() == "missing"
    assert await client_for(server.url(), **options).read_back() == "HTTP 200"
    assert server.asked[0].method == "GET"
    assert server.asked[0].headers["authorization"] == "Bearer s3cret"
    server.answers["/state"] = ok("on\n")
    assert await client_for(server.url(), verify_equals="on", **options).read_back() == "on"
    other = await serve_with()
    other.answers["/state"] = ok("on")
    await client_for(server.url(), verify_url=other.url("/state"), bearer=token).read_back()
    assert "authorization" not in other.asked[0].headers
    server.answers["/state"] = ok("", 500)
    with pytest.raises(Malformed, match="answers HTTP 500"):
        await client_for(server.url(), **options).read_back()


async def test_a_secret_that_is_missing_is_found_before_anything_is_sent(server: HttpServer) -> None:
    client = client_for(server.url("/mode"), bearer="env:NOT_SET_ANYWHERE")
    with pytest.raises(Misconfigured, match="NOT_SET_ANYWHERE"):
        await client.prepare()
    with pytest.raises(Misconfigured) as caught:
        await client.send()
    assert not caught.value.effect_possible
    assert server.asked == []
