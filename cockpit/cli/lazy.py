"""A click group that imports a command only when it runs, and takes what is no command for a profile to open."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it is, and its line in the list of commands."""

    name: str
    target: str  # "package.module:attribute"
    summary: str


class LazyGroup(click.Group):
    """`entries` in the order of the list; `otherwise` runs with all words when the first is none of them."""

    def __init__(self, *args: object, entries: Sequence[Entry] = (), otherwise: str = "", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own, handed through
        self._entries = {entry.name: entry for entry in entries}
        self._otherwise = otherwise

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order they were given."""
        return [*self._entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return it."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is not a command")
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command's name in front where no command is named."""
        own = {option for param in self.get_params(ctx) for option in param.opts}
        names = self.list_commands(ctx)
        if self._otherwise and (not args or (args[0] not in own and args[0] not in names)):
            args = [self._otherwise, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in self._entries.values()])
