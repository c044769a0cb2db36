"""What goes wrong on the way to a Prometheus, each in words that say what to do; and what is sent."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.prometheus import client
from cockpit.adapters.prometheus.answers import answer_of, failure, number
from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.metrics import MetricsStatus
from cockpit.sandbox.http import Response
from cockpit.text import UNSAFE

from ...servers.prometheus import shop
from ...servers.prometheus.fake import FakePrometheus, error
from .conftest import Maker

UP = {"title": "up", "query": "up"}


@pytest.mark.parametrize(
    ("response", "kind", "said"),
    [
        (Response.text("no token", 401), AuthenticationFailed, "no token"),
        (Response.text("<html>login</html>", 403), PermissionDenied, "HTTP 403"),
        (Response.text("404 page not found\n", 404), NotFound, "no Prometheus API there"),
        (error(422, "execution", "many-to-many matching not allowed"), Misconfigured, "many-to-many"),
        (error(503, "timeout", "query timed out in expression evaluation"), TimedOut, "query timed out"),
        (error(503, "unavailable", "not ready"), Unreachable, "not ready"),
        (error(500, "internal", "\x1b[31mdisk\x07"), Unreachable, "internal"),
        (Response.text("upstream", 502), Unreachable, "upstream"),
        (Response(302, b"", (("location", "https://login.example/"),)), Malformed, "sends us elsewhere"),
        (Response.text("<html>hello</html>"), Malformed, "no JSON object"),
        (Response.text('{"status":"success","data":{"resultType":"matrix","res'), Malformed, "half of an object"),
        (Response.text('{"status":"success"}'), Malformed, "no series"),
        (Response.text('{"status":"success","data":{"resultType":"matrix","result":[1]}}'), Malformed, "no series"),
        (Response.text("[" * 100_000), Malformed, "no JSON object"),
        (Response.text("{}"), Malformed, "neither success"),
    ],
)
async def test_where_every_query_fails_the_source_does(
    fake: FakePrometheus, board: Maker, response: Response, kind: type[CockpitError], said: str
) -> None:
    fake.plan[""] = response
    with pytest.raises(kind, match=said) as caught:
        await board(fake.url, [UP]).probe()
    assert fake.url.removeprefix("http://") in caught.value.message
    assert caught.value.hint
    assert not UNSAFE.search(str(caught.value))


async def test_a_limit_says_for_how_long(fake: FakePrometheus, board: Maker) -> None:
    fake.plan[""] = Response.of({}, 429, (("retry-after", "17"),))
    with pytest.raises(RateLimited) as caught:
        await board(fake.url, [UP]).probe()
    assert caught.value.retry_after_s == 17


async def test_warnings_are_notes_and_histograms_are_said_to_be_left_out(fake: FakePrometheus, board: Maker) -> None:
    row = {"metric": {"a": "b"}, "histograms": [[1, {"count": "3"}]]}
    value = {
        "status": "success",
        "data": {"resultType": "matrix", "result": [row]},
        "warnings": ["a store is \x07away"],
    }
    fake.plan["up"] = Response.of(value)
    seen = await board(fake.url, [UP]).probe()
    notes = seen.payload.notes  # type: ignore[union-attr]
    assert notes[0] == "up: a store is ␇away"
    assert "native histograms are left out" in notes[1]


async def test_what_is_sent(
    fake: FakePrometheus, board: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    monkeypatch.setenv("TENANT_OF_TEST", "shop")
    more = {"bearer": f"file:{tmp_path / 'token'}", "headers": {"X-Scope-OrgID": "env:TENANT_OF_TEST"}}
    made = board(f"{fake.url}/", [UP], **more)
    await made.probe()
    method, path, form, headers = next(each for each in fake.asked if each[1].endswith("query_range"))
    assert (method, path) == ("POST", "/api/v1/query_range")
    assert form == {
        "query": "up", "start": "1772362800.000", "end": "1772366400.000", "step": "15", "timeout": "9.700",
    }  # fmt: skip
    assert (headers["authorization"], headers["x-scope-orgid"]) == ("Bearer t0ken", "shop")
    (tmp_path / "token").write_text("newer")
    await made.probe()
    assert fake.asked[-1][3]["authorization"] == "Bearer newer"
    (tmp_path / "token").write_text("two\nlines")
    with pytest.raises(Misconfigured, match="cannot be sent") as caught:
        await made.probe()
    assert "lines" not in caught.value.message.replace("line breaks", "")


async def test_where_no_post_is_taken_it_is_asked_by_get(fake: FakePrometheus, board: Maker) -> None:
    handled = fake._handle

    async def picky(request: Any) -> Response:
        return Response.text("Method Not Allowed\n", 405) if request.method == "POST" else await handled(request)

    assert fake._server is not None
    fake._server._handler = picky
    seen = await board(fake.url, [UP]).probe()
    assert seen.summary == "1 panel"
    assert {each[0] for each in fake.asked} == {"GET"}


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _served(handler: Handler, board: Maker, **more: Any) -> CockpitError:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CockpitError) as caught:
            await board(f"http://127.0.0.1:{port}", [UP], **more).probe()
        return caught.value
    finally:
        server.close()


async def test_a_server_that_hangs_is_given_up_at_the_deadline(board: Maker) -> None:
    held: list[asyncio.StreamWriter] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    found = await _served(hang, board, timeout=0.3)
    assert isinstance(found, TimedOut)
    assert "gave no answer in 0.3 s" in found.message
    for writer in held:
        writer.close()


@pytest.mark.parametrize(
    ("sent", "kind", "said"),
    [
        (b"", Unreachable, "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Unreachable, "in the middle of its answer"),
        (b"SSH-2.0-x\r\n", Unreachable, "answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", Malformed, "unpacked"),
    ],
)
async def test_a_connection_that_breaks(board: Maker, sent: bytes, kind: type[CockpitError], said: str) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        writer.close()

    found = await _served(cut, board)
    assert isinstance(found, kind)
    assert said in found.message


async def test_nobody_there_and_no_authority(board: Maker, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        await board("http://127.0.0.1:1", [UP]).probe()
    with pytest.raises(Misconfigured, match="ca_file"):
        await board("https://127.0.0.1:1", [UP], ca_file=str(tmp_path / "none.pem")).probe()


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["status", "data", "resultType", "result", "metric", "value", "values", "warnings"]), inner,
        max_size=4,
    ),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_rubbish_is_malformed_and_nothing_worse(body: bytes) -> None:
    try:
        found = answer_of(body, "there")
    except Malformed:
        return
    assert all(isinstance(point.value, float) for each in found.series for point in each.points)


@given(st.sampled_from(["matrix", "vector"]), st.lists(st.lists(st.text(max_size=6) | st.floats(), max_size=3)))
def test_any_pairs_are_points_or_nothing(kind: str, pairs: list[Any]) -> None:
    row = {"metric": {"pod": "a"}, "values": pairs, "value": pairs[0] if pairs else None}
    body = json.dumps({"status": "success", "data": {"resultType": kind, "result": [row, row]}}).encode()
    first, second = answer_of(body, "there").series
    assert first == second
    assert list(first.points) == sorted(first.points, key=lambda point: point.at)


@given(st.integers(100, 599), st.binary(max_size=100), st.dictionaries(st.just("retry-after"), st.text(max_size=6)))
def test_any_status_is_some_error_in_clean_words(status: int, body: bytes, headers: dict[str, str]) -> None:
    found = failure(status, body, headers, "there")
    assert not UNSAFE.search(str(found))


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "1_000", "0x1", "nan", " 1", "", "1e999", 3, None])
def test_what_is_no_number(text: object) -> None:
    assert number(text) is None


async def test_a_large_answer_is_read_in_full_and_leaves_the_collector_as_it_was(
    fake: FakePrometheus, board: Maker
) -> None:
    moments = [shop.AT - 15 * ago for ago in range(240, -1, -1)]
    rows = [{"metric": {"pod": f"p{pod}"}, "values": [[at, str(pod)] for at in moments]} for pod in range(200)]
    data = {"resultType": "matrix", "result": rows}
    fake.plan["up"] = Response.of({"status": "success", "data": data, "warnings": ["one store is away"]})
    was_on = gc.isenabled()
    seen = await board(fake.url, [UP]).probe()
    assert gc.isenabled() is was_on
    assert isinstance(seen.payload, MetricsStatus)
    (up,) = seen.payload.panels
    assert {each.label for each in up.series} == {f"p{pod}" for pod in range(192, 200)}
    assert (up.more, len(up.series[0].points)) == (192, 241)
    assert seen.payload.notes == ("up: one store is away",)


async def test_an_answer_without_end_is_given_up(
    fake: FakePrometheus, board: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BODY_BYTES", 1000)
    fake.plan["up"] = Response.text("x" * 2000)
    fake.plan["max(timestamp(up))"] = fake.plan["up"]
    with pytest.raises(Malformed, match="answers more than") as caught:
        await board(fake.url, [UP]).probe()
    assert "sum by" in caught.value.hint
