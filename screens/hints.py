"""Which keys the footer names: the pane's actions from the catalogue, what helps in it, the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cockpit.model.severity import SourceKind
from screens.frame.footer import Hint
from screens.panes.base import Pane

if TYPE_CHECKING:
    from cockpit.actions.catalogue import Catalogue

_SHORT = {
    "question_mark": "?",
    "exclamation_mark": "!",
    "slash": "/",
    "colon": ":",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
}
_COMMON = (
    ("detail", "enter", "Detail"),
    ("filter", "/", "Filter"),
    ("zoom", "z", "Zoom"),
    ("pause", "space", "Pause"),
    ("menu.row", "a", "Actions"),
    ("findings", "f", "Findings"),
    ("copy", "y", "Copy"),
    ("timeline", "t", "Timeline"),
    ("palette", ":", "Palette"),
)
_LOGS = (("error.next", "e", "Error"), ("log.longer", "[ ]", "Window"))
_ALWAYS = (("arm", "!", "Arm"), ("help", "?", "Help"), ("quit", "q", "Quit"))


def shown(key: str) -> str:
    """A key as people write it."""
    first = key.split(",")[0].strip()
    return _SHORT.get(first, first)


def hint(row: tuple[str, str, str], keys: Mapping[str, str]) -> Hint:
    """Binding id, key and word; the operator's own key where the profile sets one."""
    id_, key, word = row
    return Hint(shown(keys[id_]) if id_ in keys else key, word)


def move_hints(
    pane: Pane, keys: Mapping[str, str], pages: Sequence[Pane] = ()
) -> tuple[tuple[Hint, ...], tuple[Hint, ...]]:
    """(What helps here, what is always there). `keys` are the operator's own, by binding id; `pages` are the panes
    that are not in sight.
    """
    here = list(_COMMON)
    if pane.KIND is SourceKind.LOGS:
        here[2:2] = _LOGS
    here[1:1] = [(f"pane.{each.NUMBER}", str(each.NUMBER), each.LABEL) for each in pages]
    if pane.SWITCHES and pane.scenery is not None and len(pane.scenery.states) > 1:
        here.insert(0, ("source.next", "l", "Next source"))
    return tuple(hint(row, keys) for row in here), tuple(hint(row, keys) for row in _ALWAYS)


def action_hints(catalogue: Catalogue, pane: Pane, keys: Mapping[str, str]) -> tuple[Hint, ...]:
    """The pane's actions on the source that it shows."""
    offers = {offer.spec.id: offer for offer in catalogue.offers(pane.source or None)}
    hints: list[Hint] = []
    for spec in catalogue.specs:
        if spec.pane is not pane.kind or not spec.key:
            continue
        offer = offers.get(spec.id)
        key = shown(keys.get(spec.id, spec.key))
        hints.append(
            Hint(key, spec.short or spec.title.split()[0], offer is not None and offer.available, spec.title)
        )
    return tuple(hints)
