import itertools
import random
import unicodedata
from typing import Any

import pyte
import pytest
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from screens.terminal.diff import Shadow, pieces, transition, usable

WIDTH, HEIGHT = 48, 8
GLYPHS = "abcXYZ 019.-─━●▲✖⚑é"
WIDE = "中文字漢한가ｗ"
MARKS = ("e\u0301", "a\u0308\u0323", "o\u0302")
STYLES = [
    None,
    Style(bold=True),
    Style(color="red"),
    Style(color="bright_green", bgcolor="blue", dim=True),
    Style(color="color(123)", bgcolor="color(17)"),
    Style(color="#102030", bgcolor="#405060", underline=True),
    Style(bgcolor="#405060", reverse=True, italic=True),
    Style(color="default", bgcolor="default"),
]


class Canvas:
    """A screen of cells that changes at random, and the frames that Textual would make of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows = [self.row() for _ in range(HEIGHT)]

    def row(self) -> Strip:
        segments: list[Segment] = []
        width = 0
        while width < WIDTH:
            style = self.random.choice(STYLES)
            text = ""
            for _ in range(self.random.randint(1, 9)):
                room = WIDTH - width
                kind = self.random.random()
                if not room:
                    break
                if kind < 0.12 and room > 1:
                    text += self.random.choice(WIDE)
                    width += 2
                elif kind < 0.2:
                    text += self.random.choice(MARKS)
                    width += 1
                else:
                    text += self.random.choice(GLYPHS)
                    width += 1
            segments.append(Segment(text, style))
        return Strip(segments)

    def mutate(self) -> None:
        for y in range(HEIGHT):
            kind = self.random.random()
            if kind < 0.25:
                self.rows[y] = self.row()
            elif kind < 0.6:
                start = self.random.randrange(WIDTH)
                end = self.random.randint(start, WIDTH)
                before, _, after = self.rows[y].crop(0, start), None, self.rows[y].crop(end, WIDTH)
                self.rows[y] = Strip.join([before, self.row().crop(start, end), after])
            elif kind < 0.7:
                self.rows[y] = Strip(list(self.rows[y]._segments))

    def chops(self) -> tuple[list[dict[int, Strip | None]], list[list[int]]]:
        chops: list[dict[int, Strip | None]] = []
        ends: list[list[int]] = []
        for row in self.rows:
            cuts = sorted({0, WIDTH, *self.random.sample(range(1, WIDTH), self.random.randint(0, 3))})
            chops.append(
                {start: without_leading_mark(row.crop(start, end)) for start, end in itertools.pairwise(cuts)},
            )
            ends.append(cuts[1:])
        return chops, ends

    def frame(self) -> CompositorUpdate:
        self.mutate()
        chops, ends = self.chops()
        if self.random.random() < 0.3:
            lines = [[strip for strip in chop.values() if strip is not None] for chop in chops]
            return LayoutUpdate(list(lines), Region(0, 0, WIDTH, HEIGHT))
        spans = []
        for y in sorted(self.random.sample(range(HEIGHT), self.random.randint(1, HEIGHT))):
            first = self.random.randrange(WIDTH - 1)
            spans.append((y, first, self.random.randint(first + 1, WIDTH)))
        return ChopsUpdate(chops, spans, ends)


def without_leading_mark(strip: Strip) -> Strip:
    """A cut may part a letter from its mark; stock Textual then draws the mark over the pane to the left."""
    segments = list(strip._segments)
    while segments and (segments[0].text == "" or unicodedata.combining(segments[0].text[0])):
        segments[0] = Segment(segments[0].text[1:], segments[0].style)
        if not segments[0].text:
            segments.pop(0)
    return Strip(segments, strip.cell_length)


def screen() -> tuple[pyte.Screen, pyte.Stream]:
    shown = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(shown)
    stream.feed("\x1b[?7l")
    return shown, stream


def cells(shown: pyte.Screen) -> list[list[object]]:
    return [[visible(shown.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


def visible(cell: Any) -> object:
    """The cell as it looks: on a blank the colour and weight of letters cannot be seen."""
    if cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough):
        return cell._replace(fg="default", bold=False, italics=False, blink=False)
    return cell


@pytest.mark.parametrize("system", [ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR])
@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_frames_leaves_the_same_cells_with_and_without_the_diff(
    seed: int, system: ColorSystem
) -> None:
    names = {ColorSystem.STANDARD: "standard", ColorSystem.EIGHT_BIT: "256", ColorSystem.TRUECOLOR: "truecolor"}
    console = Console(force_terminal=True, color_system=names[system], width=WIDTH)
    canvas, shadow = Canvas(seed), Shadow()
    (plain, plain_stream), (reduced, reduced_stream) = screen(), screen()
    sent = saved = 0
    for _ in range(12):
        frame = canvas.frame()
        # Strips keep their rendering for one colour system; each test has its own strips but shares the styles.
        for _, _, strip in pieces(frame):
            strip._render_cache = None
            for _, style, _ in strip._segments:
                if style is not None:
                    style._ansi = None
        data = shadow.reduce(frame, Size(WIDTH, HEIGHT), system)
        stock = frame.render_segments(console)
        plain_stream.feed(stock)
        reduced_stream.feed(data)
        sent, saved = sent + len(data), saved + len(stock)
        assert cells(reduced) == cells(plain)
    assert sent < saved


def test_an_equal_frame_sends_nothing() -> None:
    canvas, shadow = Canvas(1), Shadow()
    lines = [[row] for row in canvas.rows]
    again = [[Strip(list(row._segments))] for row in canvas.rows]
    region = Region(0, 0, WIDTH, HEIGHT)
    assert shadow.reduce(LayoutUpdate(list(lines), region), Size(WIDTH, HEIGHT), ColorSystem.STANDARD)
    assert shadow.reduce(LayoutUpdate(list(again), region), Size(WIDTH, HEIGHT), ColorSystem.STANDARD) == ""


def test_one_changed_cell_costs_a_few_bytes() -> None:
    shadow = Shadow()
    region = Region(0, 0, 10, 1)
    shadow.reduce(LayoutUpdate([[Strip([Segment("connection")])]], region), Size(10, 1), ColorSystem.STANDARD)
    assert (
        shadow.reduce(LayoutUpdate([[Strip([Segment("connextion")])]], region), Size(10, 1), ColorSystem.STANDARD)
        == "\x1b[1;6Hx"
    )


def test_after_forgetting_or_another_width_everything_is_sent() -> None:
    shadow = Shadow()
    frame = LayoutUpdate([[Strip([Segment("connection")])]], Region(0, 0, 10, 1))
    first = shadow.reduce(frame, Size(10, 1), ColorSystem.STANDARD)
    assert shadow.reduce(frame, Size(10, 1), ColorSystem.STANDARD) == ""
    shadow.forget()
    assert shadow.reduce(frame, Size(10, 1), ColorSystem.STANDARD) == first
    assert shadow.reduce(frame, Size(12, 1), ColorSystem.STANDARD) == first


def test_a_strip_over_a_wider_one_is_not_taken_for_the_old_neighbours() -> None:
    shadow = Shadow()

    def show(chops: dict[int, Strip | None]) -> str:
        ends = [start + strip.cell_length for start, strip in chops.items() if strip is not None]
        return shadow.reduce(ChopsUpdate([chops], [(0, 0, 10)], [ends]), Size(10, 1), ColorSystem.STANDARD)

    halves: dict[int, Strip | None] = {0: Strip([Segment("aaaaa")]), 5: Strip([Segment("bbbbb")])}
    show(halves)
    show({0: Strip([Segment("cccccccccc")])})
    assert show(halves) == "\x1b[1;1Haaaaabbbbb"


def test_the_half_of_a_wide_character_that_was_overwritten_from_outside_is_sent_again() -> None:
    shadow = Shadow()

    def show(chops: dict[int, Strip | None], spans: list[tuple[int, int, int]]) -> str:
        ends = [start + strip.cell_length for start, strip in chops.items() if strip is not None]
        return shadow.reduce(ChopsUpdate([chops], spans, [ends]), Size(4, 1), ColorSystem.STANDARD)

    show({0: Strip([Segment("a中b")])}, [(0, 0, 4)])
    assert show({0: Strip([Segment("a ")]), 2: Strip([Segment("xb")])}, [(0, 3, 4)]) == "\x1b[1;3Hx"
    assert show({0: Strip([Segment("a ")]), 2: Strip([Segment("xb")])}, [(0, 0, 4)]) == "\x1b[1;2H "


def test_a_mark_at_the_edge_of_a_pane_does_not_reach_its_neighbour() -> None:
    shadow = Shadow()
    frame = LayoutUpdate([[Strip([Segment("ab")]), Strip([Segment("\u0301\u0302cd")], 2)]], Region(0, 0, 4, 1))
    assert shadow.reduce(frame, Size(4, 1), ColorSystem.STANDARD) == "\x1b[1;1Habcd"


def test_what_lies_outside_of_a_terminal_that_has_shrunk_is_left_out() -> None:
    shadow = Shadow()
    lines = [[Strip([Segment("abc")]), Strip([Segment("def")])], [Strip([Segment("ghi")]), Strip([Segment("jkl")])]]
    frame = LayoutUpdate(list(lines), Region(0, 0, 6, 2))
    assert shadow.reduce(frame, Size(3, 1), ColorSystem.STANDARD) == "\x1b[1;1Habc"
    assert shadow.reduce(frame, Size(5, 1), ColorSystem.STANDARD) == "\x1b[1;1Habcde"
    assert shadow.reduce(frame, Size(2, 2), ColorSystem.STANDARD) == "\x1b[1;1Hab\x1b[2;1Hgh"


def test_a_wide_character_cut_by_the_edge_is_a_blank() -> None:
    frame = LayoutUpdate([[Strip([Segment("ab中")])]], Region(0, 0, 4, 1))
    assert Shadow().reduce(frame, Size(3, 1), ColorSystem.STANDARD) == "\x1b[1;1Hab "


def test_an_empty_strip_is_nothing() -> None:
    frame = LayoutUpdate([[Strip([]), Strip([Segment("")]), Strip([Segment("a")])]], Region(0, 0, 1, 1))
    assert Shadow().reduce(frame, Size(1, 1), ColorSystem.STANDARD) == "\x1b[1;1Ha"


def test_a_pen_changes_only_in_what_differs() -> None:
    assert transition("1;31;44", "1;32;44") == "\x1b[32m"
    assert transition("31", "31;48;5;17") == "\x1b[48;5;17m"
    assert transition("1;31", "31") == "\x1b[0;31m"
    assert transition("31", "") == "\x1b[0m"
    assert transition("31", "1") == "\x1b[0;1m"
    assert transition("38;2;1;2;3;48;2;9;9;9", "38;2;4;5;6;48;2;9;9;9") == "\x1b[38;2;4;5;6m"


def test_a_blank_costs_no_change_of_the_letters_colour() -> None:
    shadow = Shadow()
    strip = Strip(
        [
            Segment("ab", Style(color="red", bgcolor="blue")),
            Segment("  ", Style(color="green", bold=True, bgcolor="blue")),
            Segment("cd", Style(color="red", bgcolor="blue")),
            Segment(" ", Style(color="red", bgcolor="white")),
            Segment("e", Style(color="red", bgcolor="white")),
        ]
    )
    sent = shadow.reduce(LayoutUpdate([[strip]], Region(0, 0, 8, 1)), Size(8, 1), ColorSystem.STANDARD)
    assert sent == "\x1b[1;1H\x1b[31;44mab  cd\x1b[47m e\x1b[0m"


def test_an_underlined_or_reversed_blank_is_drawn_as_such() -> None:
    shadow = Shadow()
    strip = Strip([Segment("a", Style(color="red")), Segment("  ", Style(reverse=True, color="green"))])
    sent = shadow.reduce(LayoutUpdate([[strip]], Region(0, 0, 3, 1)), Size(3, 1), ColorSystem.STANDARD)
    assert sent == "\x1b[1;1H\x1b[31ma\x1b[7;32m  \x1b[0m"


def test_the_private_api_that_the_diff_builds_on_is_there() -> None:
    assert usable()
