"""The action menu: what can be done here, with key and tier, and why it cannot. Picking opens a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cockpit.actions.catalogue import Catalogue, Offer
from cockpit.model.action import Scope
from cockpit.model.severity import SourceKind
from screens.dialogs import rows
from screens.dialogs.base import Dialog
from screens.dialogs.plan_text import TIER_STYLE
from screens.selecting import fitting

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `selection` goes into the request; `reason` is empty where it can be picked."""

    key: str
    offer: Offer
    selection: Mapping[str, str]
    reason: str = ""


def for_row(
    catalogue: Catalogue,
    kind: SourceKind,
    source: str,
    selection: Mapping[str, str],
    keys: Mapping[str, str],
    identity: Mapping[str, str] = _NOTHING,
) -> list[Entry]:
    """The actions of the pane that the cursor is in, on its source, those with a key first; `keys` are the operator's
    own by action id. `selection` is of the row, `identity` of the source that it belongs to.
    """
    offers = [offer for offer in catalogue.offers(source or None) if offer.spec.pane is kind and offer.spec.listed]
    offers.sort(key=lambda offer: not offer.spec.key)
    return [_entry(offer, selection, keys, identity) for offer in offers]


def for_system(catalogue: Catalogue, keys: Mapping[str, str]) -> list[Entry]:
    """Every action on every source. Those on a row tell how to reach them; those that only undo are left out."""
    return [_entry(offer, {}, keys, {}) for offer in catalogue.offers() if offer.spec.listed]


def _entry(
    offer: Offer,
    selection: Mapping[str, str],
    keys: Mapping[str, str],
    identity: Mapping[str, str],
) -> Entry:
    spec = offer.spec
    key = keys.get(spec.id, spec.key)
    if not offer.available:
        return Entry(key, offer, {}, offer.reason)
    known = {param.name for param in spec.params}
    chosen = fitting(selection, known) if spec.scope is Scope.ROW else {}
    if spec.scope is Scope.ROW and not chosen and any(param.identity and param.required for param in spec.params):
        return Entry(key, offer, {}, f"needs a row of the {spec.pane.value} pane")
    values = {**identity, **chosen}
    return Entry(key, offer, {name: value for name, value in values.items() if name in known})


class ActionMenu(Dialog[Entry | None]):
    """Dismisses with the picked entry. A letter picks; where two have it, it moves between them and enter picks."""

    DEFAULT_CSS = "ActionMenu #frame { max-width: 96; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("q", "leave", "close", show=False),
    ]

    def __init__(self, title: str, entries: Sequence[Entry], where: str) -> None:
        super().__init__()
        self.heading = title
        self.entries = tuple(entries)
        self._where = where

    def title_line(self) -> Content:
        """What the menu is about."""
        return Content.assemble(" ", (self.heading, rows.STRONG), "  ", (self._where, rows.MUTED), " ")

    def compose_body(self) -> ComposeResult:
        """One entry a line."""
        if self.entries:
            width = max(len(entry.offer.spec.title) for entry in self.entries)
            several = len({entry.offer.source for entry in self.entries}) > 1
            options = [Option(_line(entry, width, several)) for entry in self.entries]
            yield OptionList(*options, markup=False)
        else:
            yield Static(rows.styled("This profile has no action for what is here.", rows.MUTED), markup=False)

    def compose_foot(self) -> ComposeResult:
        """What the highlighted one does, and the keys."""
        yield Static(Content(""), id="about", markup=False)
        pairs = (("letter", "open the plan"), ("↑↓ enter", "choose"), ("esc", "close"))
        yield Static(rows.keys(*pairs), id="keys", markup=False)

    def opened(self) -> None:
        """The first that can be picked is highlighted."""
        self.frame.add_class("-calm")
        for listing in self.query(OptionList):
            listing.focus()
            first = next((at for at, entry in enumerate(self.entries) if not entry.reason), 0)
            listing.highlighted = first

    def action_move(self, step: int) -> None:
        """Up and down."""
        for listing in self.query(OptionList):
            if step > 0:
                listing.action_cursor_down()
            else:
                listing.action_cursor_up()

    def on_key(self, event: events.Key) -> None:
        """Letters pick."""
        found = [
            at for at, entry in enumerate(self.entries) if entry.key and event.key in (entry.key, _named(entry.key))
        ]
        if not found:
            return
        event.stop()
        if len(found) == 1:
            self._pick(found[0])
            return
        listing = self.query_one(OptionList)
        current = -1 if listing.highlighted is None else listing.highlighted
        listing.highlighted = next((at for at in found if at > current), found[0])

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._pick(event.option_index)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._tell(self.entries[event.option_index])

    def _tell(self, entry: Entry) -> None:
        text = rows.styled(entry.offer.spec.summary, rows.MUTED)
        if entry.reason:
            text = rows.styled(f"{entry.offer.spec.title}: {entry.reason}", rows.CARE)
        self.query_one("#about", Static).update(text)

    def _pick(self, at: int) -> None:
        entry = self.entries[at]
        if entry.reason:
            self._tell(entry)
        else:
            self.finish(entry)


def _named(key: str) -> str:
    return f"upper_{key.lower()}" if key.isupper() else key


def _line(entry: Entry, width: int, several: bool) -> Content:
    spec = entry.offer.spec
    usable = not entry.reason
    parts: list[tuple[str, str]] = [
        (f" {entry.key or ' '}  ", rows.KEY if usable else rows.MUTED),
        (spec.title.ljust(width + 2), "" if usable else rows.MUTED),
        (f"{spec.tier.name} ", TIER_STYLE[spec.tier] if usable else rows.MUTED),
    ]
    if several:
        parts.append((f" {entry.offer.source or '-'} ", rows.MUTED))
    if entry.reason:
        parts.append((f" {entry.reason}", rows.MUTED))
    return Content.assemble(*parts)


def usable(entries: Iterable[Entry]) -> list[Entry]:
    """Those that can be picked."""
    return [entry for entry in entries if not entry.reason]
