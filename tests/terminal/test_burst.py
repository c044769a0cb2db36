import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens.terminal.burst import LIMIT, QUIET_S, WINDOW_S, KeyBurst
from screens.terminal.paste import PASTE_IDLE_S, PASTE_LIMIT, PasteGate

START, END = "\x1b[200~", "\x1b[201~"


def test_a_text_that_arrives_at_once_is_a_paste() -> None:
    assert KeyBurst().pasted(list("rm -rf /"), 0.0)


def test_a_word_of_navigation_letters_is_still_a_paste() -> None:
    assert KeyBurst().pasted(list("engine"), 0.0)
    assert KeyBurst().pasted(list("jkjkjk"), 0.0)


def test_up_to_five_keys_at_once_are_typing() -> None:
    assert not KeyBurst().pasted(list("3zGyA"), 0.0)


@pytest.mark.parametrize("key", ["j", "k", "n", "E", "down", "pageup", "backspace"])
def test_a_held_motion_key_is_never_a_paste(key: str) -> None:
    assert not KeyBurst().pasted([key] * 200, 0.0)


@pytest.mark.parametrize("key", ["y", "C", "R", "enter", "space", "!"])
def test_repeats_of_a_key_that_does_something_are_a_paste(key: str) -> None:
    assert KeyBurst().pasted([key] * 6, 0.0)


def test_a_held_key_and_what_follows_it_pass_together() -> None:
    assert not KeyBurst().pasted([*"jjjjjjjjjj", "enter", *"kkkkkkk"], 0.0)


def test_keys_trickling_in_faster_than_fingers_are_caught_at_the_sixth() -> None:
    burst = KeyBurst()
    assert [burst.pasted([key], index * 0.002) for index, key in enumerate("abcdefgh")] == [False] * 5 + [True] * 3


def test_fast_typing_is_typing() -> None:
    burst = KeyBurst()
    assert not any(burst.pasted([key], index * 0.03) for index, key in enumerate("the quick brown fox jumps"))


def test_the_tail_of_a_paste_is_swallowed_until_it_is_quiet() -> None:
    burst = KeyBurst()
    assert burst.pasted(list("kubectl delete"), 0.0)
    assert burst.pasted(["R"], QUIET_S - 0.01)
    quiet = QUIET_S - 0.01 + QUIET_S
    assert not burst.ended(quiet - 0.001)
    assert burst.ended(quiet)
    assert not burst.pasted(["R"], quiet)


def test_a_key_right_behind_a_bracketed_paste_came_out_of_it() -> None:
    burst = KeyBurst()
    burst.bracket_ended(1.0)
    assert burst.pasted(["q"], 1.0)
    other = KeyBurst()
    other.bracket_ended(1.0)
    assert not other.pasted(["q"], 1.0 + WINDOW_S)


@given(st.lists(st.sampled_from(string.ascii_uppercase + string.digits + "!@ "), min_size=LIMIT + 1))
def test_no_text_of_six_command_keys_gets_through_at_once(keys: list[str]) -> None:
    distinct = [key for index, key in enumerate(keys) if key not in "NE" or not index or keys[index - 1] != key]
    assert KeyBurst().pasted(keys, 0.0) == (len(distinct) > LIMIT)


@given(
    st.lists(
        st.sampled_from([*"ab\r\n中", "\x1b", "[", "2", "0", "1", "~", "\x07", END[:3], START[:4]]), max_size=30
    ),
    st.lists(st.integers(1, 9), max_size=40),
)
def test_however_a_paste_is_cut_into_reads_the_parser_sees_one_inert_paste(
    parts: list[str], sizes: list[int]
) -> None:
    text = "".join(parts).replace(START, "").replace(END, "")
    stream = f"a{START}{text}{END}b"
    gate = PasteGate()
    out = ""
    at = 0
    for size in [*sizes, len(stream)]:
        out += "".join(gate.feed(stream[at : at + size], 0.0))
        at += size
    inert = text.replace("\x1b", "").replace("\x07", "")
    assert out == f"a{START}{inert}{END}b"


def test_a_paste_is_capped() -> None:
    gate = PasteGate()
    out = "".join(gate.feed(START + "y" * (PASTE_LIMIT * 3) + END + "z", 0.0))
    assert out == START + "y" * PASTE_LIMIT + END + "z"


def test_a_paste_that_never_ends_is_ended() -> None:
    gate = PasteGate()
    assert "".join(gate.feed(START + "abc", 0.0)) == START + "abc"
    assert gate.overdue(PASTE_IDLE_S - 0.01) == ""
    assert gate.overdue(PASTE_IDLE_S) == END
    assert gate.overdue(PASTE_IDLE_S + 5) == ""
    assert "".join(gate.feed("q", 9.0)) == "q"
