"""What several commands take: the profile, --json, an action with its parameters, a duration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.profile.schema import Profile

    # Generic only since click 8.2, and there only for type checkers.
    GivenType = click.ParamType["Given"]
    SecondsType = click.ParamType[float]
    PairType = click.ParamType[tuple[str, str]]
else:
    GivenType = SecondsType = PairType = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Given:
    """A loaded profile and how the operator named it."""

    profile: Profile
    path: Path
    argument: str  # as typed, to be typed again


class ProfileArgument(GivenType):
    """A path, or a name in the config folder, loaded."""

    name = "profile"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Given:
        """Raises Misconfigured, or ProfileProblems with all that is wrong."""
        if isinstance(value, Given):
            return value
        from cockpit.profile.find import find
        from cockpit.profile.load import load

        path = find(str(value))
        return Given(load(path), path, clean(str(value)))


class ProfileOrShipped(ProfileArgument):
    """The same, or the name of a profile that comes with the cockpit where there is no own one of that name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Given:
        """As its base."""
        from cockpit.profile.find import names
        from cockpit.profile.shipped import NAMES, path_of

        if value in NAMES and value not in names():
            value = str(path_of(value))
        return super().convert(value, param, ctx)


class Seconds(SecondsType):
    """A duration such as 20s or 2m, or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """In seconds; more than none, at most a day."""
        from cockpit.profile.schema import parse_duration

        try:
            seconds = parse_duration(float(value) if _is_number(str(value)) else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0 < seconds <= 86400:
            self.fail("must be more than 0 and at most a day", param, ctx)
        return seconds


class Pair(PairType):
    """NAME=VALUE."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Name and value; the value may hold further equals signs."""
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"{clean(str(value), 60)} is not NAME=VALUE", param, ctx)
        return name.strip(), text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def with_profile(command: F) -> F:
    """The argument PROFILE."""
    return click.argument("given", metavar="PROFILE", type=ProfileArgument())(command)


def with_json(command: F) -> F:
    """The option --json."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")(command)


def with_action(command: F) -> F:
    """ACTION, --source and --set."""
    command = click.option(
        "--set",
        "pairs",
        type=Pair(),
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter of the action; may be repeated. `cockpit actions PROFILE` lists them.",
    )(command)
    command = click.option(
        "--source", metavar="KIND/NAME", help="Where; needed when several sources have the action."
    )(command)
    return click.argument("action", metavar="ACTION")(command)
