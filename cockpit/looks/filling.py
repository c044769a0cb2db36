"""Placeholders inside a text that is asked with: each is a parameter of its own, `fill1`
to `fill3`; what is filled in is checked, so that it stays the value that the author left open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cockpit.errors import Refused
from cockpit.model.action import Param, ParamKind
from cockpit.model.command import Placeholder
from cockpit.model.look import LookRequest

MOST = 3
_VALUE = re.compile(r"[\w.:/@+-]{1,200}", re.ASCII)
_GAP = "{{fill{}}}"


def slots(of: str) -> tuple[Param, ...]:
    """The parameters that a look needs for them."""
    return tuple(
        Param(f"fill{number}", ParamKind.TEXT, f"what stands for {_GAP.format(number)} in {of}", required=False)
        for number in range(1, MOST + 1)
    )


def marked(text: str, placeholders: Sequence[Placeholder]) -> tuple[str, Mapping[str, Placeholder]] | None:
    """The text with {fill1} ... where the placeholders stood, and what to fill in for each; None where there are too
    many, or one is not in the text.
    """
    if len(placeholders) > MOST:
        return None
    asks: dict[str, Placeholder] = {}
    for number, mark in enumerate(placeholders, 1):
        if mark.spelled not in text:
            return None
        text = text.replace(mark.spelled, _GAP.format(number))
        asks[f"fill{number}"] = mark
    return text, asks


def filled(request: LookRequest, name: str) -> str:
    """The text with its gaps filled. Raises Refused for a value that could mean more than itself."""
    text = request.get(name)
    for number in range(1, MOST + 1):
        value, gap = request.get(f"fill{number}"), _GAP.format(number)
        if gap not in text:
            continue
        if not value:
            raise Refused("parameters", f"fill{number} is needed")
        if not _VALUE.fullmatch(value):
            raise Refused("parameters", f"fill{number} may have letters, digits and . : / @ + - _ only")
        text = text.replace(gap, value)
    return text
