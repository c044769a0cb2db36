"""Values of new secrets: where they come from, byte for byte, and that nothing shows them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from cockpit.adapters.payload import MOST_BYTES, Payload, Payloads
from cockpit.errors import Misconfigured


async def test_a_file_goes_in_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_bytes(b"p\xffw\n")
    payload = await Payloads().read(f"file:{file}")
    assert payload.reveal() == b"p\xffw\n" and payload.ends_with_break
    assert not Payload(b"p").ends_with_break


async def test_a_variable_goes_in_as_it_is() -> None:
    values = Payloads({"NEW_KEY": "k \n"})
    assert (await values.read("env:NEW_KEY")).reveal() == b"k \n"
    assert (await values.look("env:NEW_KEY")).said == "the environment variable NEW_KEY"


async def test_a_look_reads_nothing_and_notices_that_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_text("first")
    file.chmod(0o600)
    values = Payloads()
    before = await values.look(f"file:{file}")
    assert (before.said, before.option, before.warnings) == (f"the file {file}", f"--data-file={file}", ())
    assert before.before == ""
    assert await values.look(f"file:{file}") == before
    os.utime(file, (1, 1))
    assert (await values.look(f"file:{file}")).identity != before.identity
    file.chmod(0o644)
    assert "can be read by others" in (await values.look(f"file:{file}")).warnings[0]


@pytest.mark.parametrize(
    "reference", ["hunter2", "cmd:pass show hunter2", "env:hunter2-", "", "file:", "http:hunter2"]
)
async def test_what_is_no_reference_is_refused_and_not_repeated(reference: str) -> None:
    values = Payloads()
    for asked in (values.look, values.read):
        with pytest.raises(Misconfigured) as caught:
            await asked(reference)
        assert "hunter2" not in str(caught.value)


async def test_what_leads_nowhere_says_so(tmp_path: Path) -> None:
    values = Payloads({"EMPTY": ""})
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * (MOST_BYTES + 1))
    for reference, said in (
        ("env:UNSET_KEY", "UNSET_KEY is not set"),
        (f"file:{tmp_path}/none", "No such file"),
        (f"file:{tmp_path}/fifo", "is not a regular file"),
        (f"file:{tmp_path}", "is not a regular file"),
        (f"file:{tmp_path}/empty", "is empty"),
        (f"file:{tmp_path}/large", "more than 64 KiB"),
    ):
        with pytest.raises(Misconfigured, match=said):
            await values.look(reference)
        with pytest.raises(Misconfigured, match=said):
            await values.read(reference)
    with pytest.raises(Misconfigured, match="is empty"):
        await values.read("env:EMPTY")


async def test_what_is_typed_is_held_until_it_is_fetched() -> None:
    values = Payloads({})
    reference = values.keep("hunter2 ")
    assert reference == "typed:1"
    origin = await values.look(reference)
    assert (origin.said, origin.before, origin.option) == ("the value that was typed", "", "--data-file=-")
    assert await values.look(reference) == origin, "looking does not use it up"
    assert (await values.read(reference)).reveal() == b"hunter2 "
    for asked in (values.look, values.read):
        with pytest.raises(Misconfigured, match="no longer held"):
            await asked(reference)


async def test_only_the_last_few_typed_values_are_held() -> None:
    values = Payloads({})
    first, *later = [values.keep(f"value {number}") for number in range(4)]
    with pytest.raises(Misconfigured):
        await values.look(first)
    assert [(await values.read(each)).reveal() for each in later] == [b"value 1", b"value 2", b"value 3"]
    with pytest.raises(Misconfigured):
        await Payloads({}).read("typed:1")
    with pytest.raises(Misconfigured, match="is empty"):
        await values.read(values.keep(""))


def test_a_payload_shows_itself_nowhere() -> None:
    payload = Payload(b"hunter2")
    assert "hunter2" not in f"{payload} {payload!r} {[payload]}"
    with pytest.raises(TypeError):
        pickle.dumps(payload)
