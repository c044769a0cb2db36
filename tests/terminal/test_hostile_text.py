"""Hostile text through every widget and every pane: what the terminal receives is accounted for byte by byte."""

import base64
import json
import re
import time
from typing import Any

import pytest

from cockpit.text import UNSAFE

pytestmark = pytest.mark.pty

TEXTS = {
    "escape sequences": "\x1b[31;1337m\x1b]0;PWNED\x07\x1b]52;c;UFdORUQ=\x07\x1bP+q\x1b\\\x1bc",
    "C1 and other controls": "\x9b1337m\x9d0;PWNED\x9c\x00\x08\x7f\x0e\x85\x0b\x0c",
    "invisible and reordering": "\u202e\u2066\u200b\u200d\ufe0f\u2028\ufeff\u00ad\U000e0041",
    "markup": "[/x] [@click=app.quit]Q[/] [red] [link=http://evil.example]",
    "combining and wide": "e\u0301\u0302\u0303\u0304中👩\u200d👩\u200d👧🏳\ufe0f\u200d🌈",
}
# What is left of them on the screen, so that a test cannot pass for want of text.
SHOWN = {"escape sequences": "]0;PWNED", "C1 and other controls": "1337m", "markup": "[/x] [@click=app.quit]Q[/]"}
# Everything that a screen has to send: cursor, style, modes, mode queries, kitty keys.
WANTED = re.compile(
    r"\x1b\[\d+;\d+H|\x1b\[\d+G|\x1b\[[0-9;]*m|\x1b\[\?[0-9;]+[hl]|\x1b\[\?[0-9]+\$p|\x1b\[>[0-9]*u|\x1b\[<u"
)


ESCAPE = "\x1b[27u"  # as a terminal with kitty keys says it, without a delay


def press(host: Any, key: str) -> None:
    """Press a key and read until the screen has answered and rests (faster, it would be a paste)."""
    mark = len(host.raw)
    host.send(key)
    end = time.monotonic() + 0.3  # not every key changes something in every layout
    while len(host.raw) == mark and time.monotonic() < end:
        host.pump(0.01)
    size = 0
    while len(host.raw) != size:
        size = len(host.raw)
        host.pump(0.015)


def without_copies(raw: bytes) -> tuple[bytes, list[str]]:
    """What was sent, without the writes to the clipboard, and their texts."""
    copies = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
    return copies.sub(b"", raw), [base64.b64decode(data).decode() for data in copies.findall(raw)]


def unaccounted(raw: bytes) -> list[str]:
    """Characters that act on a terminal and are not part of a sequence the screen has to send."""
    rest = WANTED.sub("", re.sub(r"\x1b[^A-Za-z]*$", "", raw.decode("utf-8", "ignore")))
    return sorted({repr(found) for found in UNSAFE.findall(rest)})


@pytest.mark.parametrize("name", TEXTS)
def test_no_widget_lets_a_dangerous_character_out(start: Any, name: str) -> None:
    host = start("widgets", env={"HOSTILE": json.dumps(TEXTS[name])}, columns=100, lines=70)
    host.shows("READY")
    if name in SHOWN:
        assert host.text.count(SHOWN[name]) > 8, "the text reached the screen by too few ways to prove anything"
    assert unaccounted(bytes(host.raw)) == []
    assert host.running


def test_without_the_diff_only_the_line_ends_of_stock_textual_are_added(start: Any) -> None:
    text = TEXTS["escape sequences"]
    host = start("widgets", "--stock", env={"HOSTILE": json.dumps(text)}, columns=100, lines=70)
    assert unaccounted(bytes(host.raw)) in (["'\\n'", "'\\r'"], ["'\\n'"])


@pytest.mark.parametrize(("name", "columns"), [*((name, 120) for name in TEXTS), ("escape sequences", 80)])
def test_no_pane_lets_a_dangerous_character_out(start: Any, name: str, columns: int) -> None:
    host = start("panes", env={"HOSTILE": json.dumps(TEXTS[name])}, columns=columns, lines=40)
    host.send("y")  # first, since what is just closing would take it
    host.until(lambda: without_copies(bytes(host.raw))[1], "the copy that was asked for")
    for number in "12345":
        for key in (number, "j", "\r", ESCAPE):
            press(host, key)
    for opening in ("f", "t", "a", "A", ":"):
        press(host, opening)
        press(host, ESCAPE)
    for key in ("z", "?"):
        press(host, key)
    assert "arrived at once" not in host.text
    raw, copied = without_copies(bytes(host.raw))
    assert unaccounted(raw) == []
    assert len(copied) == 1, "the one that was asked for"
    assert not UNSAFE.search(copied[0].replace("\n", "").replace("\t", ""))
    assert host.running
    if name in SHOWN:
        assert SHOWN[name][:5].encode() in host.raw


def test_the_whole_cockpit_in_ascii_sends_no_byte_above_127(start: Any) -> None:
    env = {"HOSTILE": json.dumps("é中\u0301●"), "TERM": "vt100", "LC_ALL": "C"}
    host = start("panes", env=env, columns=120, lines=40)
    for key in ("3", "j", "?"):
        press(host, key)
    assert max(host.raw) < 128
