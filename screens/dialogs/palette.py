"""The palette's entries: actions, suggestions, panes, sources, themes. Choosing opens something; it never acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from screens.dialogs import rows


@dataclass(frozen=True, slots=True)
class Command:
    """One entry. `about` stands beside the name; `run` opens what it names."""

    name: str
    about: str
    run: Callable[[], object]


@runtime_checkable
class Commanding(Protocol):
    """An app that has entries for its palette."""

    def palette_commands(self) -> Iterable[Command]:
        """All entries now, the most useful first."""


def shown(command: Command, offsets: Iterable[int] = (), style: str = rows.KEY) -> Content:
    """Name and explanation on two lines; text from outside stays text."""
    name = Content(command.name)
    for offset in offsets:
        name = name.stylize(style, offset, offset + 1)
    return Content.assemble(name, "\n", (command.about, rows.MUTED)) if command.about else name


class CockpitCommands(Provider):
    """Textual's palette asks this provider."""

    STYLE: ClassVar[str] = rows.KEY

    def _commands(self) -> list[Command]:
        app = self.app
        return list(app.palette_commands()) if isinstance(app, Commanding) else []

    async def discover(self) -> Hits:
        """All entries, before anything is typed."""
        for command in self._commands():
            yield DiscoveryHit(shown(command), command.run, text=command.name)

    async def search(self, query: str) -> Hits:
        """Those that match, by name first."""
        matcher = self.matcher(query)
        for command in self._commands():
            score, offsets = matcher.fuzzy_search.match(query, command.name)
            if score > 0:
                yield Hit(score, shown(command, offsets, self.STYLE), command.run, text=command.name)
            elif all(word in command.about.lower() for word in query.lower().split()):
                yield Hit(0.01, shown(command), command.run, text=command.name)
