"""Footer: what the keys do here. Keys come from the bindings in force, actions from the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screens.frame.strip import Bar, Bars, spans_length
from screens.paint import Span


@dataclass(frozen=True, slots=True)
class Hint:
    """A key with what it does; `available` False greys it."""

    key: str
    word: str
    available: bool = True
    long: str = ""


class Footer(Bars):
    """One line at the bottom; actions of the pane first, help and quit always."""

    def __init__(self) -> None:
        super().__init__(id="footer")
        self.actions: Sequence[Hint] = ()
        self.moves: Sequence[Hint] = ()
        self.always: Sequence[Hint] = ()

    def show(self, actions: Sequence[Hint], moves: Sequence[Hint], always: Sequence[Hint]) -> None:
        """Show these."""
        self.actions, self.moves, self.always = actions, moves, always
        self.update()

    def bars(self, width: int, height: int) -> Sequence[Bar]:
        """Long words where there is room; what does not fit is left out from the end."""
        right = _spans(self.always, False)
        room = width - 4 - spans_length(right)
        actions = _spans(self.actions, True)
        if spans_length(actions) + spans_length(_spans(self.moves, False)) > room:
            actions = _spans(self.actions, False)
        left: list[Span] = list(actions)
        for number, hint in enumerate(self.moves):
            more = _spans((hint,), False)
            if number == 0 and left:
                more.insert(0, ("│ ", "line"))
            if spans_length(left) + spans_length(more) > room:
                break
            left += more
        return [Bar(tuple(left), tuple(right))]


def _spans(hints: Sequence[Hint], long: bool) -> list[Span]:
    parts: list[Span] = []
    for hint in hints:
        word = hint.long if long and hint.long else hint.word
        key, style = ("primary bold", "") if hint.available else ("muted", "muted strike")
        parts += [(hint.key, key), (f" {word}  ", style)]
    return parts
