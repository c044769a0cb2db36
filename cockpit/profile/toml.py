"""TOML text -> plain data, with as many syntax mistakes at once as can be told apart."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from cockpit.profile.positions import Position

_MOST = 20
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY = re.compile(r"""^[ \t]*(?:[A-Za-z0-9_-]+|"[^"\\\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*[A-Za-z0-9_-]+)*""")
_NO_EQUALS = "Expected '=' after a key"
# After these the rest of the document still means what it says: only their own line is in doubt.
_CONFINED = (
    "Invalid value",
    "Cannot overwrite a value",
    "Expected newline or end of document after a statement",
    "Illegal character '\\n'",
    "Unescaped '\\' in a string",
    "Found invalid character",
    "Invalid date or datetime",
    "Invalid hex value",
    _NO_EQUALS,
)
_WORDS = (
    ("Invalid value", "not a TOML value: text needs quotes, true and false are lower-case"),
    ("Cannot overwrite a value", "this key was given a value before"),
    ("Cannot declare", "this table was opened before; for one more of a list write [[double brackets]]"),
    ("Cannot mutate immutable namespace", "this was already defined as a value in one line and cannot be added to"),
    ("Expected newline", "the line should end here: is a quote missing, or a second value on the line?"),
    ("Illegal character '\\n'", "the text does not end on this line: is the closing quote missing?"),
    ("Illegal character", "a control character cannot stand here"),
    ("Unescaped '\\'", "a backslash in double quotes must be doubled, or use 'single quotes'"),
    ("Unterminated string", "a text in triple quotes is not closed"),
    ("Unclosed array", "a list is not closed, or a comma is missing"),
    ("Unclosed inline table", "a {table} in one line is not closed, or a comma is missing"),
    (_NO_EQUALS, 'expected "=" after the key'),
    ("Expected ']", "the [table] header is not closed"),
    ("Duplicate inline table key", "this key is in the {table} twice"),
    ("Invalid initial character for a key", "expected a key here"),
    ("Invalid statement", 'expected "key = value" or a [table] header'),
    ("Invalid date", "not a date"),
    ("Invalid hex value", "not a character code"),
)


@dataclass(frozen=True, slots=True)
class Slip:
    """One syntax mistake."""

    position: Position
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """What was read. `text` is what `data` came from: lines in doubt are blanked out.

    `data` is None where the mistakes leave nothing to go on with.
    """

    data: dict[str, object] | None
    text: str
    slips: tuple[Slip, ...] = ()

    @property
    def doubtful(self) -> frozenset[int]:
        """Lines whose content is not known."""
        return frozenset(slip.position.line for slip in self.slips)


def read(text: str) -> Document:
    """Parse; after a mistake that is confined to its line go on without that line's value."""
    text = text.replace("\r\n", "\n")
    slips: list[Slip] = []
    while True:
        try:
            return Document(tomllib.loads(text), text, tuple(slips))
        except tomllib.TOMLDecodeError as error:
            said = str(error)
        slip = Slip(_place(said, text), _message(said))
        row = slip.position.line
        again = bool(slips) and slips[-1].position.line == row
        backwards = bool(slips) and slips[-1].position.line > row
        lines = text.split("\n")
        placeholder = _placeholder(lines[row - 1], said)
        if not again:
            slips.append(slip)
        if placeholder is None or backwards or len(slips) == _MOST:
            return Document(None, text, tuple(slips))
        lines[row - 1] = "" if again else placeholder
        text = "\n".join(lines)


def _placeholder(line: str, said: str) -> str | None:
    """What may stand for a line with a mistake: its key with an empty value, so that it does not count as missing.

    None where the mistake may reach beyond the line.
    """
    key = _KEY.match(line)
    if key is None or not said.startswith(_CONFINED):
        return None
    if said.startswith("Cannot overwrite"):
        return ""
    has_equals = line[key.end() :].lstrip().startswith("=")
    return f'{key[0]} = ""' if has_equals or said.startswith(_NO_EQUALS) else None


def _place(said: str, text: str) -> Position:
    match = _PLACE.search(said)
    if match and match[1]:
        return Position(int(match[1]), int(match[2]))
    lines = text.rstrip("\n").split("\n")
    return Position(len(lines), len(lines[-1]) + 1)


def _message(said: str) -> str:
    for beginning, words in _WORDS:
        if said.startswith(beginning):
            return words
    return "this is not TOML"
