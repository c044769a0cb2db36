"""Help made from what is bound and what the catalogue declares; typing after `/` narrows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from cockpit.actions.catalogue import Catalogue
from cockpit.model.action import Tier
from screens.dialogs import rows
from screens.dialogs.base import Dialog, Flow
from screens.dialogs.plan_text import TIER_STYLE

ASKS = {
    Tier.T0: "no confirmation",
    Tier.T1: "y",
    Tier.T2: "the plan card, then y",
    Tier.T3: "type environment/target, a reason, then y",
    Tier.T4: "as T3, and a second person approves, or a delay passes",
}
SAFETY = (
    "Every session starts in OBSERVE. ! arms it for a reason and a while.",
    "Upper-case letters open a plan and never act. No lower-case or ctrl key ever changes anything.",
    "On a plan card enter never confirms, paste is refused, and after a minute without a key the answer is no.",
    "Every intent and outcome is in the audit log: cockpit audit show, cockpit audit verify.",
)
_KEY_NAMES = {
    "question_mark": "?",
    "exclamation_mark": "!",
    "slash": "/",
    "colon": ":",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One line of help: a key or word, and what it means."""

    section: str
    key: str
    text: str
    style: str = rows.KEY


def key_name(key: str) -> str:
    """A key as people write it."""
    return _KEY_NAMES.get(key, key)


def topics_of(
    bindings: Sequence[Binding], catalogue: Catalogue | None, keys: Mapping[str, str] | None = None
) -> list[Topic]:
    """Keys (those of one binding on one line), actions with tier and summary, tiers, safety."""
    own = keys or {}
    actions = {spec.id for spec in catalogue.specs} if catalogue else set()
    joined: dict[tuple[str, str], list[str]] = {}
    for binding in bindings:
        if binding.description and not binding.system and binding.id not in actions:
            group = (binding.action, binding.description)
            if binding.key.isdigit():  # "Pane 1" ... "Pane 8" are one line
                group = (binding.action.partition("(")[0], binding.description.rstrip("0123456789 ") + " by number")
            names = joined.setdefault(group, [])
            if key_name(binding.key) not in names:
                names.append(key_name(binding.key))
    topics = [Topic("keys", " ".join(names), text) for (_, text), names in joined.items()]
    if catalogue is not None:
        for spec in (spec for spec in catalogue.specs if spec.listed):
            offers = [offer for offer in catalogue.offers() if offer.spec.id == spec.id]
            reason = "" if any(offer.available for offer in offers) else next((o.reason for o in offers), "")
            text = f"{spec.title} ({spec.pane.value}, {spec.tier.name}): {spec.summary}"
            key = own.get(spec.id, spec.key) or "a"  # without a key of its own it is in the menu
            topics.append(Topic("actions", key, f"{text} Not here: {reason}" if reason else text))
    topics += [Topic("tiers", tier.name, f"{tier.meaning}: {ASKS[tier]}", TIER_STYLE[tier]) for tier in Tier]
    return topics + [Topic("safety", "", text) for text in SAFETY]


def matching(topics: Sequence[Topic], words: str) -> list[Topic]:
    """Those that contain all words, case ignored."""
    wanted = words.lower().split()

    def holds(topic: Topic) -> bool:
        text = f"{topic.section} {topic.key} {topic.text}".lower()
        return all(word in text for word in wanted)

    return [topic for topic in topics if holds(topic)]


def lines_of(topics: Sequence[Topic], width: int) -> list[Content]:
    """Sections with their titles; two columns of keys where there is room."""
    lines: list[Content] = []
    section = ""
    for topic in topics:
        if topic.section != section:
            if section:
                lines.append(Content(""))
            section = topic.section
            lines.append(rows.styled(section, rows.MUTED))
        room = max(20, width - 12)
        for at, part in enumerate(rows.wrap(topic.text, room)):
            key = rows.cut(topic.key, 11) if at == 0 else ""
            lines.append(Content.assemble((key.ljust(12), topic.style), part))
    return lines or [rows.styled("nothing matches", rows.MUTED)]


class SearchDialog(Dialog[None]):
    """A long text with `/` to narrow it."""

    DEFAULT_CSS = """
    SearchDialog {
        #search { display: none; }
        #search.-open { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", show=False),
        Binding("q", "leave", "close", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def content_lines(self, width: int) -> list[Content]:
        """The text for a width, narrowed to `self.words`."""
        raise NotImplementedError

    def foot_keys(self) -> list[tuple[str, str]]:
        """The keys named in the foot."""
        return [("/", "search"), ("↑↓ PgDn", "scroll"), ("esc", "close")]

    def compose_body(self) -> ComposeResult:
        """The text."""
        yield Flow(self.content_lines, id="text")

    def compose_foot(self) -> ComposeResult:
        """The search line and the keys."""
        yield Input(id="search", placeholder="words", select_on_focus=False)
        yield Static(rows.keys(*self.foot_keys()), id="keys", markup=False)

    def opened(self) -> None:
        """A calm frame."""
        self.frame.add_class("-calm")

    def action_search(self) -> None:
        """Open the search line."""
        search = self.query_one("#search", Input)
        search.add_class("-open")
        search.focus()
        self.call_after_refresh(self._fit)

    @on(Input.Changed, "#search")
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.words = event.value
        self.query_one("#text", Flow).redraw()
        self.body.scroll_home(animate=False)

    @on(Input.Submitted, "#search")
    def _keep(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_focus(None)

    def action_leave(self) -> None:
        """The search first, then the dialog."""
        search = self.query_one("#search", Input)
        if search.has_class("-open"):
            search.value = ""
            search.remove_class("-open")
            self.set_focus(None)
            self.call_after_refresh(self._fit)
        else:
            self.finish(None)


class HelpScreen(SearchDialog):
    """Keys, actions, tiers, and what keeps the operator safe."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        super().__init__()
        self.topics = tuple(topics)

    def title_line(self) -> Content:
        """Help."""
        return Content.assemble(" ", ("Help", rows.STRONG), " ")

    def content_lines(self, width: int) -> list[Content]:
        """What matches."""
        return lines_of(matching(self.topics, self.words), width)
