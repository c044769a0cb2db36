"""The blocks that a runbook is made of, as values."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from cockpit.runbooks.markdown.htmltables import Row

CHECKBOX = re.compile(r"\[([ xX])\](?:\s+|$)")


class BlockKind(enum.Enum):
    """What a block is."""

    HEADING = "heading"
    TEXT = "text"
    ITEM = "item"
    FENCE = "fence"
    TABLE = "table"
    RULE = "rule"


class Block(NamedTuple):
    """One block. Texts are as written, with their markup."""

    kind: BlockKind
    line: int  # of its first line in the file, from 1; of a fence: of its first content line
    text: str = ""  # of several lines where the paragraph has them; of a fence the content
    level: int = 0  # heading: 1 to 6; else how many list items it is inside of, itself counted
    number: str = ""  # ordered item: "3"
    checkbox: bool | None = None
    language: str = ""  # fence: first word of its info string
    rows: tuple[Row, ...] = ()  # table: the header first


def language_of(info: str) -> str:
    """The first word of what stands behind the marks of a fence."""
    words = info.split(maxsplit=1)
    return words[0].strip("{}.") if words else ""
