"""What a detail asks beside what the screen knows: a failure is said where the answer would stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.errors import CockpitError
from cockpit.model.look import LookRequest

if TYPE_CHECKING:
    from cockpit.looks.book import LookBook
    from screens.dialogs.detail import DetailScreen

_NAMES = {"github.diff": "difference", "github.run": "steps", "github.pull": "checks"}  # of what comes; else a log


async def asked_too(shown: DetailScreen, book: LookBook, question: LookRequest) -> None:
    """Ask, and put the answer below. Ends with the dialog, whose worker it is."""
    name = _NAMES.get(question.look, "log")
    waits = [("", ""), (name, "asking …")]
    shown.add(waits)
    try:
        sight = await book.look(question)
    except CockpitError as error:
        said = [(name, error.message), ("", error.hint)]
    else:
        said = [(name, sight.summary), *(("", line) for line in sight.lines)]
    shown.replace_last(len(waits), [("", ""), *[line for line in said if line[1]]])
