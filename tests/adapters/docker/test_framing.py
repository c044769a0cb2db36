"""Bytes of a log in any pieces, and the lines that they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.adapters.docker.framing import LINE_BYTES, Lines
from cockpit.errors import Malformed


def frame(payload: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


AT = b"2026-11-21T14:00:00.123456789Z "
NANO = 1795269600123456789


def test_streams_and_times_are_told():
    lines = Lines(tty=False)
    found = lines.feed(frame(AT + b"out\n") + frame(AT + b"err\n", 2))
    assert [(each.at, each.text, each.stream) for each in found] == [(NANO, b"out", 1), (NANO, b"err", 2)]


@pytest.mark.parametrize(
    "stamp", [b"2026-11-21T14:00:00Z ", b"2026-11-21T15:00:00+01:00 ", b"2026-11-21T14:00:00.0Z "]
)
def test_times_come_in_several_forms(stamp):
    (found,) = Lines(tty=True).feed(stamp + b"x\r\n")
    assert (found.at, found.text) == (NANO // 10**9 * 10**9, b"x")


def test_a_long_line_comes_in_several_frames_each_with_its_time():
    lines = Lines(tty=False)
    assert lines.feed(frame(AT + b"begun ") + frame(AT + b"other\n", 2))[0].text == b"other"
    (found,) = lines.feed(frame(AT + b"and ended\n"))
    assert found.text == b"begun and ended"


def test_the_end_of_a_stream_ends_its_line():
    lines = Lines(tty=False)
    assert lines.feed(frame(AT + b"no break")) == []
    assert [each.text for each in lines.rest()] == [b"no break"]
    assert lines.rest() == []


def test_a_line_without_end_takes_no_more_than_its_room():
    lines = Lines(tty=True)
    for _ in range(8):
        lines.feed(b"x" * LINE_BYTES)
    (found,) = lines.feed(b"\n")
    assert len(found.text) == LINE_BYTES
    assert lines.cut == 1


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 200 OK\r\n", b"\x09\0\0\0\0\0\0\1x", b"\1\0\0\0\xff\xff\xff\xff", b"\1a\0\0\0\0\0\0"]
)
def test_what_is_no_frame_is_not_guessed_at(garbage):
    with pytest.raises(Malformed, match="not framed"):
        Lines(tty=False).feed(garbage)


TEXT = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"").rstrip(b"\r"))


@given(st.lists(st.tuples(TEXT, st.sampled_from([1, 2])), max_size=12), st.lists(st.integers(1, 30), max_size=40))
def test_pieces_make_no_difference(said, cuts):
    whole = b"".join(frame(AT + text + b"\n", stream) for text, stream in said)
    lines, found, at = Lines(tty=False), [], 0
    for cut in [*cuts, len(whole)]:
        found += lines.feed(whole[at : at + cut])
        at += cut
    assert [(each.text, each.stream) for each in found] == said
    assert all(each.at == NANO for each in found)


@given(st.lists(TEXT, max_size=12), st.lists(st.integers(1, 30), max_size=40))
def test_pieces_make_no_difference_on_a_terminal(said, cuts):
    whole = b"".join(AT + text + b"\r\n" for text in said)
    lines, found, at = Lines(tty=True), [], 0
    for cut in [*cuts, len(whole)]:
        found += lines.feed(whole[at : at + cut])
        at += cut
    assert [each.text for each in found] == said


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_garbage_is_lines_or_malformed(chunks, tty):
    lines = Lines(tty=tty)
    try:
        for chunk in chunks:
            lines.feed(chunk)
    except Malformed:
        assert not tty
    assert all(b"\n" not in each.text for each in lines.rest())
