"""One engine: its version, its errors, its silence. Nothing is sent twice that changes anything."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from cockpit.errors import (
    CockpitError,
    Conflict,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    TimedOut,
    Unreachable,
)

from .conftest import VERSION, answer


@pytest.mark.parametrize(
    ("told", "spoken"),
    [
        ({}, "1.41"),
        ({"ApiVersion": "1.99"}, "1.47"),
        ({"ApiVersion": "1.60", "MinAPIVersion": "1.52"}, "1.52"),
        ({"ApiVersion": "1.30"}, "1.30"),
    ],
)
async def test_the_version_is_agreed_upon(pretend, gateway, told, spoken):
    server = await pretend(lambda asked: answer(VERSION | told) if asked == "GET /version" else answer({"a": 1}))
    made = gateway(server.url)
    assert (await made.engine()).api == spoken
    assert await made.get("/info") == {"a": 1}
    assert server.asked == ["GET /version", f"GET /v{spoken}/info"]


async def test_an_engine_that_is_too_old_is_named(pretend, gateway):
    server = await pretend(lambda asked: answer(VERSION | {"ApiVersion": "1.18"}))
    with pytest.raises(Misconfigured, match=r"1\.18 is too old"):
        await gateway(server.url).engine()


async def test_podman_is_told_from_docker(pretend, gateway):
    told = VERSION | {"Components": [{"Name": "Podman Engine"}], "Version": "4.3.1"}
    server = await pretend(lambda asked: answer(told))
    engine = await gateway(server.url).engine()
    assert engine.said == f"Podman 4.3.1 at {server.url}"


async def test_a_socket_that_hangs_is_told_at_the_deadline(pretend, gateway):
    server = await pretend(lambda asked: None)
    with pytest.raises(TimedOut, match=r"gave no answer within 0\.3 s") as raised:
        await gateway(server.url, timeout=0.3).engine()
    assert not raised.value.effect_possible


async def test_a_stream_that_hangs_before_its_first_byte_ends_too(pretend, gateway):
    server = await pretend(lambda asked: answer() if "version" in asked else None)
    with pytest.raises(TimedOut):
        async with contextlib.aclosing(gateway(server.url, timeout=0.3).stream("/events")) as chunks:
            async for _ in chunks:
                pass


@pytest.mark.parametrize(
    "said", [b"\x15\x03\x01\x00\x02\x02\x46", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", answer(b"<html>"), answer([])]
)
async def test_garbage_is_no_engine(pretend, gateway, said):
    server = await pretend(lambda asked: said)
    with pytest.raises(Malformed):
        await gateway(server.url).engine()


async def test_an_answer_that_never_ends_is_cut_off(pretend, gateway, monkeypatch):
    monkeypatch.setattr("cockpit.adapters.docker.gateway.ANSWER_BYTES", 1000)
    server = await pretend(lambda asked: answer(b'"' + b"x" * 2000))
    with pytest.raises(Malformed, match="larger than"):
        await gateway(server.url).engine()


async def test_a_hang_up_without_an_answer_is_told(pretend, gateway):
    server = await pretend(lambda asked: b"")
    with pytest.raises(Unreachable):
        await gateway(server.url).engine()


async def test_a_kept_connection_that_was_closed_is_opened_anew(pretend, gateway):
    server = await pretend(lambda asked: answer() if "version" in asked else answer({"a": 1}))
    made = gateway(server.url)
    await made.engine()
    server.hang_up()
    assert await made.get("/info") == {"a": 1}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("404 Not Found", NotFound),
        ("409 Conflict", Conflict),
        ("403 Forbidden", PermissionDenied),
        ("400 Bad Request", Misconfigured),
        ("503 Service Unavailable", Unreachable),
        ("504 Gateway Timeout", TimedOut),
        ("500 Internal Server Error", CockpitError),
        ("302 Found", Malformed),
    ],
)
async def test_errors_are_told_in_the_engines_words(pretend, gateway, status, kind):
    said = {"message": "No such \x1b[31mcontainer: x\n"}
    server = await pretend(lambda asked: answer() if "version" in asked else answer(said, status))
    with pytest.raises(CockpitError) as raised:
        await gateway(server.url).get("/containers/x/json")
    assert type(raised.value) is kind
    assert "\x1b" not in str(raised.value)
    if kind is not Malformed:
        assert raised.value.message == f"{server.url}: No such container: x"


@pytest.mark.parametrize("reply", [None, b"", b"garbage\r\n\r\n", answer({"message": "x"}, "500 Oh")])
async def test_a_change_is_sent_once_and_its_effect_is_left_open(pretend, gateway, reply):
    server = await pretend(lambda asked: answer() if "version" in asked else reply)
    with pytest.raises(CockpitError) as raised:
        await gateway(server.url, timeout=0.5).change("POST", "/containers/x/restart")
    assert raised.value.effect_possible
    assert server.asked.count("POST /v1.41/containers/x/restart") == 1


async def test_a_change_that_was_refused_had_no_effect(pretend, gateway):
    server = await pretend(
        lambda asked: answer() if "version" in asked else answer({"message": "no"}, "409 Conflict")
    )
    with pytest.raises(Conflict) as raised:
        await gateway(server.url).change("POST", "/containers/x/restart", {"t": "0"}, {"a": 1})
    assert not raised.value.effect_possible


async def test_what_was_so_already_is_no_error(pretend, gateway):
    nothing = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    server = await pretend(lambda asked: answer() if "version" in asked else nothing)
    assert (await gateway(server.url).change("POST", "/containers/x/start")).status == 304


async def test_no_socket_and_nobody_behind_it(gateway, folder: Path):
    with pytest.raises(Unreachable, match="no such socket"):
        await gateway(f"unix://{folder}/none.sock").engine()
    with pytest.raises(Unreachable):
        await gateway(f"unix://{folder}").engine()
    with pytest.raises(CockpitError):
        await gateway("unix:///" + "x" * 200).engine()


async def test_a_change_that_found_no_engine_had_no_effect(pretend, gateway):
    server = await pretend(lambda asked: answer())
    made = gateway(server.url)
    await made.engine()
    await server.stop()
    with pytest.raises(Unreachable) as raised:
        await made.change("POST", "/containers/x/restart")
    assert not raised.value.effect_possible


async def test_a_socket_that_others_own_is_told_with_the_right_that_lacks(gateway, folder: Path, monkeypatch):
    async def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("anyio.connect_unix", refused)
    with pytest.raises(PermissionDenied, match="may not use") as raised:
        await gateway(f"unix://{folder}/x.sock").engine()
    assert raised.value.missing == f"read and write on {folder}/x.sock"
    assert "group docker" in raised.value.hint


SSH = """#!/bin/sh
echo "$@" > "{folder}/argv"
{rest}
"""


def _ssh(folder: Path, rest: str) -> dict[str, str]:
    program = folder / "ssh"
    program.write_text(SSH.format(folder=folder, rest=rest))
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


RELAY = 'exec python3 -c "{code}" {socket}'
CODE = (
    "import socket,sys,threading,os;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);"
    "threading.Thread(target=lambda:[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')],daemon=True).start();"
    "[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')]"
)


async def test_an_engine_behind_ssh_is_asked_as_the_docker_command_does(pretend, gateway, folder, monkeypatch):
    server = await pretend(lambda asked: answer() if "version" in asked else answer({"a": 1}))
    environ = _ssh(folder, RELAY.format(code=CODE, socket=server.url.removeprefix("unix://")))
    monkeypatch.setenv("PATH", environ["PATH"])
    made = gateway("ssh://ops@shop-1", environ)
    assert (await made.engine()).host == "ssh://ops@shop-1"
    assert await made.get("/info") == {"a": 1}
    (way,) = made._ways
    processes = [pipe._process for pipe in way._open]
    await made.close()
    assert (
        (await asyncio.to_thread((folder / "argv").read_text))
        .strip()
        .endswith("-l ops -- shop-1 docker system dial-stdio")
    )
    assert processes
    assert all(each.returncode is not None for each in processes)


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        ("ops@shop-1: Permission denied (publickey).", 255, "AuthenticationFailed"),
        ("Host key verification failed.", 255, "AuthenticationFailed"),
        ("ssh: Could not resolve hostname shop-1", 255, "Unreachable"),
        ("bash: docker: command not found", 127, "Misconfigured"),
        ("client_loop: send disconnect: Broken pipe", 255, "Unreachable"),
    ],
)
async def test_ssh_that_ends_says_why(gateway, folder, monkeypatch, said, status, kind):
    environ = _ssh(folder, f"echo '{said}' >&2; exit {status}")
    monkeypatch.setenv("PATH", environ["PATH"])
    with pytest.raises(CockpitError) as raised:
        await gateway("ssh://ops@shop-1", environ).engine()
    assert type(raised.value).__name__ == kind
    assert "shop-1" in raised.value.message
    assert not raised.value.effect_possible  # a read


async def test_without_ssh_that_is_said(gateway, folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Misconfigured, match="ssh is not installed"):
        await gateway("ssh://shop-1", {"PATH": str(folder)}).engine()
