from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from cockpit.text import UNSAFE
from screens.terminal.filters import AsciiFilter, SafeFilter, to_ascii

BLACK = Color(0, 0, 0)


def safe(*segments: Segment) -> list[Segment]:
    return SafeFilter().apply(list(segments), BLACK)


def test_an_ordinary_line_is_passed_on_as_it_is() -> None:
    segments = [Segment("● pool 97 %", Style(bold=True)), Segment("é中")]
    assert SafeFilter().apply(segments, BLACK) is segments


@given(st.text())
def test_no_text_gets_through_with_an_unsafe_character_or_another_width(text: str) -> None:
    result = safe(Segment(text))[0].text
    assert not UNSAFE.search(result)
    assert cell_len(result) == cell_len(text)


def test_escape_sequences_lose_what_makes_them_work() -> None:
    assert safe(Segment("A\x1b]52;c;UFdORUQ=\x07B\x9b31mC\x00"))[0].text == "A]52;c;UFdORUQ=B31mC"


def test_emoji_joined_by_invisible_characters_keep_the_width_of_the_line() -> None:
    for text in ("a👨\u200d👩\u200d👧b", "❤\ufe0f!", "\u2764\ufe0f\u200d\U0001f525x"):
        assert cell_len(safe(Segment(text))[0].text) == cell_len(text)


def test_hyperlinks_are_taken_out_of_styles() -> None:
    kept = safe(Segment("a", Style(bold=True, link="http://evil.example")))[0].style
    assert kept is not None
    assert kept.link is None
    assert kept.bold


@given(st.text())
def test_ascii_mode_gives_ascii_of_the_same_width(text: str) -> None:
    cleaned = safe(Segment(text))
    result = AsciiFilter().apply(cleaned, BLACK)[0].text
    assert result.isascii()
    assert cell_len(result) == cell_len(text)


def test_the_glyphs_of_the_screen_stay_apart_in_ascii() -> None:
    glyphs = "●▲✖?⚑━─│"
    assert to_ascii(glyphs) == "*!x?F=-|"
    assert len(set(to_ascii(glyphs))) == len(glyphs)
    assert to_ascii("▁▂▃▄▅▆▇█") == "_.,-=+##"
    assert to_ascii("中é") == "???"
