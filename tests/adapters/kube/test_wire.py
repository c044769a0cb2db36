"""What no real API server does: rubbish, truncation, hanging, cutting, redirecting, answering twice."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from pathlib import Path

import pytest

from cockpit.adapters.kube import wire
from cockpit.adapters.kube.gateway import Gateway, PatchKind
from cockpit.clock import SystemClock
from cockpit.errors import (
    AuthenticationFailed,
    Malformed,
    Misconfigured,
    NotFound,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.profile.kube import KubernetesSource

from ...servers.kube.authority import Authority
from .conftest import Opener
from .raw import Exchange, RawServer

PATH = "/api/v1/namespaces/shop/configmaps/flags"


def status(code: int, reason: str, message: str) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }


async def test_rubbish_is_not_understood_and_a_change_may_have_happened(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    for body in (b"<html>login</html>", b'{"kind":', b"[1]", b"\xff\xfe", b"[" * 100_000):
        raw.handler = lambda exchange, body=body: exchange.answer(body)  # type: ignore[misc]
        with pytest.raises(Malformed) as read:
            await gateway.get(PATH)
        assert not read.value.effect_possible
        with pytest.raises(Malformed):
            await gateway.listed("/api/v1/namespaces/shop/pods")
        with pytest.raises(Malformed) as changed:
            await gateway.change("POST", "/api/v1/namespaces/shop/configmaps", {})
        assert changed.value.effect_possible


async def test_a_list_cut_short_is_no_list(raw: RawServer, tmp_path: Path, opened: Opener) -> None:
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    whole = json.dumps(
        {"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": {}}]}
    ).encode()
    for end in range(1, len(whole), 5):
        raw.handler = lambda exchange, end=end: exchange.answer(whole[:end])  # type: ignore[misc]
        with pytest.raises(Malformed):
            await gateway.listed("/api/v1/pods")
    raw.handler = lambda exchange: exchange.answer(gzip.compress(whole), Content_Encoding="gzip")
    assert (await gateway.listed("/api/v1/pods")).version == "7"


async def test_a_deletion_whose_answer_is_lost_is_sent_once_and_its_effect_is_open(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    async def cut(exchange: Exchange) -> None:
        exchange.cut()

    raw.handler = cut
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    for method in ("DELETE", "PUT", "POST"):
        raw.seen.clear()
        with pytest.raises(Unreachable) as lost:
            await gateway.change(method, PATH, {})
        assert lost.value.effect_possible
        assert [each.method for each in raw.seen] == [method]
    raw.seen.clear()
    with pytest.raises(Unreachable) as rehearsed:
        await gateway.change("DELETE", PATH, {}, dry_run=True)
    assert not rehearsed.value.effect_possible


async def test_a_deletion_is_sent_once_over_a_connection_that_was_used_before(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    async def first_then_cut(exchange: Exchange) -> None:
        if exchange.method == "GET":
            await exchange.answer({"kind": "ConfigMap"})
        else:
            exchange.cut()

    raw.handler = first_then_cut
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    await gateway.get(PATH)
    with pytest.raises(Unreachable):
        await gateway.change("DELETE", PATH, None)
    assert [each.method for each in raw.seen] == ["GET", "DELETE"]


async def test_a_server_that_hangs_is_given_up_after_the_time_out(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    async def hang(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async def drip(exchange: Exchange) -> None:
        await exchange.stream()
        while True:
            await exchange.chunk(b" ")
            await asyncio.sleep(0)

    gateway = opened(raw.kubeconfig(tmp_path), timeout=0.2).gateway
    for handler in (hang, drip):
        raw.handler = handler
        with pytest.raises((TimedOut, Malformed)):
            await gateway.get(PATH)
    raw.handler = hang
    with pytest.raises(TimedOut, match=r"does not answer within 0\.2 s") as late:
        await gateway.change("POST", PATH, {})
    assert late.value.effect_possible


async def test_nobody_there_is_unreachable_and_nothing_was_sent(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    await raw.close()
    with pytest.raises(Unreachable, match="connection refused") as gone:
        await gateway.change("DELETE", PATH, None)
    assert not gone.value.effect_possible


async def test_a_redirect_is_not_followed(raw: RawServer, tmp_path: Path, opened: Opener) -> None:
    raw.handler = lambda exchange: exchange.answer({}, 302, Location="http://127.0.0.1:1/steal")
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    with pytest.raises(Malformed, match="elsewhere"):
        await gateway.get(PATH)
    with pytest.raises(Malformed) as changed:
        await gateway.change("POST", PATH, {})
    assert changed.value.effect_possible
    assert len(raw.seen) == 2


async def test_every_request_says_what_its_body_is(raw: RawServer, tmp_path: Path, opened: Opener) -> None:
    raw.handler = lambda exchange: exchange.answer({})
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    await gateway.change("PATCH", PATH, {"a": 1}, kind=PatchKind.MERGE)
    await gateway.change("PATCH", PATH, {"a": 1}, kind=PatchKind.STRATEGIC)
    await gateway.change("PATCH", PATH, [], kind=PatchKind.JSON)
    await gateway.change("PATCH", PATH, {"a": 1}, kind=PatchKind.APPLY, dry_run=True)
    await gateway.change("DELETE", PATH, {"preconditions": {"uid": "u"}}, dry_run=True)
    await gateway.change("POST", f"{PATH}/eviction", {"kind": "Eviction"}, dry_run=True)
    kinds = [each.headers["content-type"] for each in raw.seen]
    assert (
        kinds
        == [*(kind.value for kind in (PatchKind.MERGE, PatchKind.STRATEGIC, PatchKind.JSON, PatchKind.APPLY))]
        + ["application/json"] * 2
    )
    assert [each.headers["authorization"] for each in raw.seen] == ["Bearer t0ken"] * 6
    assert raw.seen[0].target == f"{PATH}?fieldManager=cockpit&fieldValidation=Strict"
    assert raw.seen[3].target.endswith("&dryRun=All")
    assert raw.seen[4].target == PATH
    assert json.loads(raw.seen[4].body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u"},
        "dryRun": ["All"],
    }
    assert json.loads(raw.seen[5].body)["deleteOptions"] == {"dryRun": ["All"]}


@pytest.mark.parametrize(
    ("code", "reason", "message", "kind", "open_effect"),
    [
        (400, "BadRequest", "previous terminated container not found", Misconfigured, False),
        (401, "Unauthorized", "Unauthorized", AuthenticationFailed, False),
        (404, "NotFound", "the server could not find the requested resource", NotFound, False),
        (429, "TooManyRequests", "too many requests", RateLimited, False),
        (500, "InternalError", "etcdserver: leader changed", Unreachable, True),
        (503, "ServiceUnavailable", "the server is currently unable to handle the request", Unreachable, True),
        (504, "Timeout", "request timed out", TimedOut, True),
    ],
)
async def test_a_status_is_told_in_our_words(
    raw: RawServer,
    tmp_path: Path,
    opened: Opener,
    code: int,
    reason: str,
    message: str,
    kind: type[Exception],
    open_effect: bool,
) -> None:
    raw.handler = lambda exchange: exchange.answer(status(code, reason, message), code, Retry_After="7")
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    with pytest.raises(kind) as changed:
        await gateway.change("POST", PATH, {})
    assert changed.value.effect_possible is open_effect  # type: ignore[attr-defined]
    assert "context raw, namespace shop" in str(changed.value)
    if isinstance(changed.value, RateLimited):
        assert changed.value.retry_after_s == 7.0


async def test_escape_sequences_of_a_server_are_shown_harmless(
    raw: RawServer, tmp_path: Path, opened: Opener
) -> None:
    raw.handler = lambda exchange: exchange.answer(status(409, "Conflict", "\x1b]52;c;x\x07\u202eevil\x1b[2J"), 409)
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    with pytest.raises(Exception, match="evil") as told:
        await gateway.get(PATH)
    assert "\x1b" not in str(told.value) and "\u202e" not in str(told.value)


async def test_a_newer_login_in_the_kubeconfig_is_taken_after_a_401_another_cluster_is_not(
    raw: RawServer, tmp_path: Path
) -> None:
    async def only_new(exchange: Exchange) -> None:
        good = exchange.headers["authorization"] == "Bearer new"
        await exchange.answer({} if good else status(401, "Unauthorized", "Unauthorized"), 200 if good else 401)

    raw.handler = only_new
    path = raw.kubeconfig(tmp_path)
    gateway = Gateway(KubernetesSource(name="shop", kubeconfig=str(path)), SystemClock())
    try:
        with pytest.raises(AuthenticationFailed, match="a token in the kubeconfig of user ana"):
            await gateway.get(PATH)
        assert len(raw.seen) == 1  # the file says the same: asked again would be asked in vain
        raw.kubeconfig(tmp_path, {"token": "new"})
        gateway._relogin_at = float("-inf")
        assert await gateway.get(PATH) == {}
        raw.kubeconfig(tmp_path, {"token": "other"}, server="http://127.0.0.1:1")
        assert await gateway.get(PATH) == {}
        assert gateway.place.server == raw.url
    finally:
        await gateway.close()


async def test_two_in_a_hurry_share_one_connection_set_up(raw: RawServer, tmp_path: Path, opened: Opener) -> None:
    raw.handler = lambda exchange: exchange.answer({"kind": "ConfigMap"})
    gateway = opened(raw.kubeconfig(tmp_path)).gateway
    await asyncio.gather(*(gateway.get(PATH) for _ in range(20)))
    await gateway.close()
    await gateway.close()
    with pytest.raises(Unreachable, match="closed"):
        await gateway.get(PATH)


@pytest.mark.skipif(not wire._STAYS_OPEN, reason="this Python's asyncio ends them, aiohttp has no say")
async def test_no_connection_outlives_us_where_the_server_does_not_take_part_in_the_farewell(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(exchange: Exchange) -> None:
        await exchange.answer({"kind": "ConfigMap"})
        exchange.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of what reads and writes

    made: list[socket.socket] = []
    plain = wire._socket
    monkeypatch.setattr(wire, "_socket", lambda address: made.append(plain(address)) or made[-1])
    authority = Authority.new("raw")
    certificate, key = authority.issue(["127.0.0.1"])
    for name, content in (("crt", certificate), ("key", key), ("ca", authority.certificate)):
        (tmp_path / name).write_bytes(content)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    server = await RawServer.start(tls)
    server.handler = mute
    try:
        path = server.kubeconfig(tmp_path, **{"certificate-authority": str(tmp_path / "ca")})
        gateway = opened(path).gateway
        await gateway.get(PATH)
        await gateway.change("POST", "/api/v1/namespaces/shop/configmaps", {})
        await gateway.close()
        for _ in range(3):  # what is aborted is closed by the loop, in its next rounds
            await asyncio.sleep(0)
        assert [each.fileno() for each in made] == [-1, -1]
    finally:
        await server.close()
