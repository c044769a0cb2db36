"""Questions to the host of a health source: its headers go there, and nowhere else, whatever a runbook says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from cockpit.adapters.http.asking import HealthAsker
from cockpit.errors import Malformed, Misconfigured, Refused, TimedOut, Unreachable
from cockpit.profile.origin import origin_of, same_page
from cockpit.profile.schema import HealthSource

HttpServer = Any  # tests/adapters/http/conftest.py
AskerFor = Callable[..., HealthAsker]


@pytest.fixture
def asker(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> HealthAsker:
    monkeypatch.setenv("ASKING_TOKEN", "s3cret")
    fields = {"name": "shop", "url": server.url("/health"), "bearer": "env:ASKING_TOKEN", "timeout": 1}
    return HealthAsker(HealthSource.model_validate(fields))


async def test_another_path_is_asked_with_the_credentials_of_the_source(
    server: HttpServer, asker: HealthAsker
) -> None:
    server.answers["/api/jobs"] = server.reply(json.dumps({"jobs": {"stuck": 7}}), Content_Type="application/json")
    found = await asker.fetch("GET", server.url("/api/jobs"), "", "")
    assert (found.status, found.cut) == (200, False)
    assert found.lines == ("{", '  "jobs": {', '    "stuck": 7', "  }", "}")
    assert server.asked[0].headers["authorization"] == "Bearer s3cret"
    value = await asker.fetch("GET", server.url("/api/jobs"), "jobs.stuck", "")
    assert (value.value, value.lines) == ("7", ("7",))
    part = await asker.fetch("GET", server.url("/api/jobs"), "jobs", "")
    assert part.value == "an object of 1" and part.lines[1] == '  "stuck": 7'
    head = await asker.fetch("HEAD", server.url("/api/jobs"), "", "")
    assert head.lines == ("",) and server.asked[-1].method == "HEAD"


async def test_only_lines_with_a_word_are_shown(server: HttpServer, asker: HealthAsker) -> None:
    server.answers["/metrics"] = server.reply("\n".join(f"metric_{n} {n}" for n in range(900)) + "\nOTHER 1")
    assert (await asker.fetch("GET", server.url("/metrics"), "", "other")).lines == ("OTHER 1",)
    everything = await asker.fetch("GET", server.url("/metrics"), "", "")
    assert len(everything.lines) == 200 and everything.cut


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/health",
        "https://127.0.0.1:{port}/health",
        "http://127.0.0.1:1/health",
        "http://localhost:{port}/health",
        "http://127.0.0.1:{port}@example.com/health",
        "http://user@127.0.0.1:{port}/health",
        "http://127.0.0.1:{port}\\@example.com/",
        "http://example.com\\@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\t.example.com/",
        "//127.0.0.1:{port}/x",
        "file:///etc/passwd",
        "http://[::1/health",
    ],
)
async def test_no_other_host_is_ever_asked(server: HttpServer, asker: HealthAsker, url: str) -> None:
    with pytest.raises(Refused, match="nothing was sent"):
        await asker.fetch("GET", url.replace("{port}", str(server.port)), "", "")
    assert server.asked == []


@pytest.mark.parametrize("method", ["POST", "DELETE", "get", "TRACE"])
async def test_a_look_changes_nothing(server: HttpServer, asker: HealthAsker, method: str) -> None:
    with pytest.raises(Refused, match="may change something"):
        await asker.fetch(method, server.url("/x"), "", "")
    assert server.asked == []


async def test_a_redirect_is_shown_and_not_followed(server: HttpServer, asker: HealthAsker) -> None:
    server.answers["/old"] = server.reply("", 302, Location="http://example.com/steal")
    found = await asker.fetch("GET", server.url("/old"), "", "")
    assert found.status == 302 and len(server.asked) == 1


async def test_what_is_no_json_has_no_path_and_is_shown_clean(server: HttpServer, asker: HealthAsker) -> None:
    server.answers["/page"] = server.reply("a\x1b]0;evil\x07b\n\u202ec", Content_Type="application/json")
    found = await asker.fetch("GET", server.url("/page"), "", "")
    assert "\x1b" not in "".join(found.lines) and "\u202e" not in "".join(found.lines)
    with pytest.raises(Malformed, match="HTTP 200"):
        await asker.fetch("GET", server.url("/page"), "jobs", "")
    server.answers["/json"] = server.reply("{}", Content_Type="application/json")
    with pytest.raises(Misconfigured, match="no JMESPath"):
        await asker.fetch("GET", server.url("/json"), "a[", "")


async def test_silence_and_a_closed_door_have_their_words(server: HttpServer, asker: HealthAsker) -> None:
    async def silent(_asked: object, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.answers["/silent"] = silent
    with pytest.raises(TimedOut, match="no answer in 1 s"):
        await asker.fetch("GET", server.url("/silent"), "", "")
    nobody = HealthAsker(HealthSource(name="gone", url="http://127.0.0.1:1/health"))
    with pytest.raises(Unreachable, match="nothing listens"):
        await nobody.fetch("GET", "http://127.0.0.1:1/health", "", "")


def test_an_origin_is_exact_and_never_guessed() -> None:
    assert origin_of("HTTPS://API.Example.com/x") == "https://api.example.com:443"
    assert origin_of("http://[::1]:8080/") == "http://[::1]:8080"
    for bad in ("ftp://a/", "a.b/c", "http://", "http://a:99999/", "http://a b/", "http://u:p@a/", "http://a\\b/"):
        assert origin_of(bad) == ""
    assert same_page("https://a.b/health/", "https://A.B:443/health")
    assert not same_page("https://a.b/health", "https://a.b/health?full=1")
    assert not same_page("", "")
