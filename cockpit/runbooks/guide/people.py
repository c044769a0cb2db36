"""Who can be called and what can be opened: for a step of prose that names them, and as a list. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from cockpit.model.runbook import Contact, SeverityLevel, Step

MOST = 3  # lines below one step
# Words that are in the names of many links, and tell none of them from another.
_COMMON_WORDS = (
    "and api board center console dashboard dashboards doc docs documentation for home link logs main monitoring "
    "of page pages portal prod production site status support system the web"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_WORD = re.compile(r"[^\W_]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()/-]{6,22}\d(?![\w])")
_URL = re.compile(r"https?://[^\s<>\"'`)\]]+")


@dataclass(frozen=True, slots=True)
class Reach:
    """Somebody or something that a step names, and how to get there."""

    label: str  # "Database Admin", "Grafana"
    how: str  # mail, phone, handle, URL


@dataclass(frozen=True, slots=True)
class People:
    """What profile and runbook say of that. The profile's come first."""

    contacts: tuple[Contact, ...] = ()
    severities: tuple[SeverityLevel, ...] = ()
    channels: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = field(default=())  # name, URL

    def at_hand(self, step: Step) -> tuple[Reach, ...]:
        """Whom and what a step of prose names; nothing for a command, and nothing that stands in its text anyhow."""
        if step.command is not None or not step.text:
            return ()
        text = f"{step.text} {step.condition}"
        found: dict[str, Reach] = {}
        for contact in self.contacts:
            how = contact.reach or contact.name
            names = (contact.role, contact.name)
            if how and any(_names(text, name) for name in names) and how not in text:
                label = ", ".join(filter(None, names if contact.reach else (contact.role,)))
                found.setdefault(how, Reach(label, how))
        given = {link.target for link in step.links}
        for name, url in self.links:
            if url not in text and url not in given and _opens(text, name):
                found.setdefault(url, Reach(name, url))
        return tuple(found.values())[:MOST]

    def listed(self) -> list[tuple[str, str]]:
        """All of it as labels and texts, a heading in front of each kind."""
        lines: list[tuple[str, str]] = []
        for contact in self.contacts:
            who = ", ".join(filter(None, (contact.name, contact.reach))) or "not named"
            lines.append((contact.role or "call", f"{who}  ({contact.when})" if contact.when else who))
        for level in self.severities:
            lines.append(
                (level.name, "  ".join(filter(None, (level.meaning, level.response and f"[{level.response}]"))))
            )
        lines += [("channel" if number == 0 else "", channel) for number, channel in enumerate(self.channels)]
        return lines + list(self.links)


def copied(step: Step, reaches: Iterable[Reach]) -> str:
    """What is worth having on the clipboard of a step of prose: how to reach whom it names, else what it links to,
    else an address that stands in it; "" for none of these."""
    found = [reach.how for reach in reaches] or [link.target for link in step.links if link.target]
    found = found or _URL.findall(step.text) or _MAIL.findall(step.text) or _PHONE.findall(step.text)
    return "\n".join(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    words = r"\W+".join(re.escape(word) for word in _WORD.findall(name))
    # One word ("Team", "Render") is a name only as it is written; several are told by being together.
    return re.compile(rf"(?<!\w){words}(?:s|'s)?(?!\w)", re.IGNORECASE if len(_WORD.findall(name)) > 1 else 0)


def _names(text: str, name: str) -> bool:
    return bool(_WORD.search(name)) and _pattern(name).search(text) is not None


def _opens(text: str, name: str) -> bool:
    """The link's name, or a word of it that others do not have."""
    words = [word for word in _WORD.findall(name) if word.casefold() not in _COMMON and len(word) > 2]
    said = {word.casefold() for word in _WORD.findall(text)}
    return any(word.casefold() in said for word in words) if words else _names(text.casefold(), name.casefold())
