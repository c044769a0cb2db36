"""Secrets are references in the profile and asterisks everywhere else."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
import os
import pickle
import select
import sys
import traceback
from pathlib import Path

import pytest

from cockpit.errors import Misconfigured, TimedOut
from cockpit.profile import secrets
from cockpit.profile.schema import DatabaseSource, HealthSource, Profile, RedisSource
from cockpit.profile.secrets import Secret, SecretRef

VALUE = "hunter2-s3cr3t"


@pytest.fixture
def references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, SecretRef]:
    monkeypatch.setenv("COCKPIT_TEST_TOKEN", VALUE)
    file = tmp_path / "token"
    file.write_text(VALUE + "\n")
    program = tmp_path / "print-token"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{VALUE}'\n")
    program.chmod(0o700)
    return {
        "env": SecretRef("env:COCKPIT_TEST_TOKEN"),
        "file": SecretRef(f"file:{file}"),
        "cmd": SecretRef(f"cmd:{program} --account checkout"),
    }


@pytest.mark.parametrize("scheme", ["env", "file", "cmd"])
async def test_a_reference_leads_to_its_value(references: dict[str, SecretRef], scheme: str) -> None:
    secret = await references[scheme].resolve()
    assert secret.reveal() == VALUE


@pytest.mark.parametrize("scheme", ["env", "file", "cmd"])
async def test_a_resolved_secret_is_masked_in_every_rendering(references: dict[str, SecretRef], scheme: str) -> None:
    secret = await references[scheme].resolve()

    @dataclasses.dataclass
    class Holder:
        token: Secret
        more: list[Secret]

    holder = Holder(secret, [secret])
    rendered = [
        repr(secret),
        str(secret),
        f"{secret}",
        "%s %r" % (secret, secret),  # noqa: UP031 - how logging renders its arguments
        repr(holder),
        repr(dataclasses.asdict(holder)),
        repr([secret]),
        repr({"token": secret}),
        repr(copy.deepcopy(secret)),
        logging.LogRecord("x", logging.INFO, "f", 1, "token %s", (secret,), None).getMessage(),
        repr(references[scheme]),
        str(references[scheme]),
    ]
    assert not [text for text in rendered if VALUE in text]


def test_a_secret_cannot_be_pickled_or_written_as_json() -> None:
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError):
        json.dumps(Secret(VALUE))


async def test_a_crash_report_with_locals_shows_no_secret(references: dict[str, SecretRef]) -> None:
    profile = Profile(
        system="shop",
        environment="production",
        health=(HealthSource(name="api", url="https://shop.example", bearer=references["env"]),),
        database=(DatabaseSource(name="main", dsn=references["file"]),),
        redis=(RedisSource(name="cache", password=references["cmd"]),),
    )

    async def crash() -> None:
        held = [await ref.resolve() for ref in references.values()]
        raise RuntimeError(f"crashed with {held} of {profile}")

    try:
        await crash()
    except RuntimeError:
        report = "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())
    assert "crashed with" in report and "held" in report
    assert VALUE not in report
    assert "--account checkout" not in report, "the arguments of a secret command may be secret too"
    assert VALUE not in repr(profile) and VALUE not in profile.model_dump_json()


LEAKS = {
    "it fails after printing": f"printf '{VALUE}'; exit 3",
    "it prints bytes that are no text": f"printf '{VALUE}\\377'",
    "it prints without end": f"yes {VALUE}",
}


@pytest.mark.parametrize("how", LEAKS)
async def test_a_failing_secret_command_leaves_its_output_in_no_frame(tmp_path: Path, how: str) -> None:
    program = tmp_path / "leaky"
    program.write_text(f"#!/bin/sh\n{LEAKS[how]}\n")
    program.chmod(0o700)
    try:
        await SecretRef(f"cmd:{program}").resolve()
    except Misconfigured as error:
        report = "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())
        assert error.hint
    else:
        pytest.fail("it did not fail")
    assert VALUE not in report


async def test_a_command_that_prints_without_end_is_ended_and_holds_nobody(tmp_path: Path) -> None:
    program = tmp_path / "chatty"
    program.write_text("#!/bin/sh\nyes\n")
    program.chmod(0o700)
    async with asyncio.timeout(30):
        for _ in range(20):  # whether its pipe was full at the end is a matter of chance
            with pytest.raises(Misconfigured, match="more than 64 KiB"):
                await SecretRef(f"cmd:{program}").resolve()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:COCKPIT_NOT_SET", "COCKPIT_NOT_SET is not set"),
        ("file:/nonexistent/token", "No such file"),
        ("file:/dev/zero", "not a regular file"),
        ("cmd:/nonexistent/program x", "cannot run the secret command /nonexistent/program"),
        ("cmd:false", "exit code 1"),
        ("cmd:true", "gave nothing"),
    ],
)
async def test_a_reference_that_leads_nowhere_says_so(reference: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        await SecretRef(reference).resolve(environ={"PATH": os.environ["PATH"]})


async def test_a_fifo_in_place_of_a_file_does_not_hold_the_cockpit(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with asyncio.timeout(5):
        with pytest.raises(Misconfigured, match="not a regular file"):
            await SecretRef(f"file:{fifo}").resolve()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux can wait for a process that is not a child")
async def test_a_command_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    program = tmp_path / "hangs"
    program.write_text(f"#!/bin/sh\nsleep 300 &\necho $! $$ > {pids}.part\nmv {pids}.part {pids}\nwait\n")
    program.chmod(0o700)
    monkeypatch.setattr(secrets, "COMMAND_DEADLINE_S", 0.5)
    with pytest.raises(TimedOut, match="no answer"):
        await SecretRef(f"cmd:{program}").resolve()
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2
    for pid in started:
        assert _ends(pid), f"process {pid} outlived the deadline"


def _ends(pid: int) -> bool:
    """Whether the process is gone, or goes within 5 s."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 5)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize("text", ["hunter2", "vault:x", "env:", "env:A-B", "env:$X", "cmd:'open", "cmd: ", "file:  "])
def test_what_is_no_reference_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|command") as caught:
        SecretRef(text)
    assert text not in str(caught.value) or text in ("env:", "cmd: ")


def test_a_header_or_url_that_looks_like_a_reference_is_one() -> None:
    source = HealthSource(name="a", url="http://x", headers={"X-Team": "shop", "X-Key": "env:KEY"})
    assert source.headers == {"X-Team": "shop", "X-Key": SecretRef("env:KEY")}
    assert RedisSource(name="r", url="file:/run/redis-url").url == SecretRef("file:/run/redis-url")
    assert RedisSource(name="r", url="redis://localhost").url == "redis://localhost"


def test_two_references_to_the_same_place_are_equal() -> None:
    assert SecretRef("env:A") == SecretRef("env: A")
    assert SecretRef("env:A") != SecretRef("file:A")
    assert len({SecretRef("env:A"), SecretRef("env:A")}) == 1
