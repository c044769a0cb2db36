"""From what the operator types, a name or a path, to the profile's file; and what there is to choose from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from cockpit.errors import Misconfigured
from cockpit.profile.problems import nearest_name
from cockpit.text import clean

SUFFIX = ".toml"
_PEEK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Known:
    """A profile in the config folder. `system` and `environment` are "" where the file does not say them."""

    name: str  # as typed on the command line
    path: Path
    system: str = ""
    environment: str = ""


def config_folder() -> Path:
    """`$XDG_CONFIG_HOME/cockpit` on every platform, else the platform's own place."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(home).is_absolute():
        return Path(home) / "cockpit"
    place = user_config_path("cockpit")
    # The XDG specification: a relative path is to be ignored; not every platformdirs does.
    return place if place.is_absolute() else Path.home() / ".config" / "cockpit"


def names() -> tuple[str, ...]:
    """The names of the profiles in the config folder, sorted. Raises Misconfigured where it cannot be read."""
    folder = config_folder()
    try:
        found = [
            entry.stem for entry in folder.iterdir() if entry.suffix == SUFFIX and not entry.name.startswith(".")
        ]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise Misconfigured(f"the config folder {folder} cannot be read: {error.strerror}") from error
    return tuple(sorted(found))


def known() -> tuple[Known, ...]:
    """The profiles in the config folder, each with what it says it is for."""
    return tuple(_peek(name, config_folder() / f"{name}{SUFFIX}") for name in names())


def find(text: str, commands: Iterable[str] = ()) -> Path:
    """The file that `text` means: a path that exists, else a name in the config folder.

    Raises Misconfigured with the nearest name; `commands` are words that may have been meant instead.
    """
    path = Path(text).expanduser()
    is_path = "/" in text or text.startswith("~") or text.endswith(SUFFIX)
    if is_path and _exists(path):
        return path
    folder = config_folder()
    if path.name == text:
        named = folder / (text if text.endswith(SUFFIX) else f"{text}{SUFFIX}")
        if _exists(named):
            return named
    shown = clean(text, 200)
    if is_path and path.name != text:
        siblings = {other.name: other for other in path.parent.glob(f"*{SUFFIX}")}
        meant = nearest_name(path.name, siblings)
        hint = f"Did you mean {clean(str(siblings[meant]))}?" if meant else "Check the path"
        raise Misconfigured(f"there is no file {shown}", hint=hint)
    stems = {other.stem: other.name for other in Path().glob(f"*{SUFFIX}")} | {name: name for name in names()}
    meant = nearest_name(text.removesuffix(SUFFIX), [*stems, *commands])
    if path.is_file():
        hint = f"For the file of that name write ./{shown}"
    elif meant:
        hint = f"Did you mean {clean(stems.get(meant, meant))}?"
    else:
        hint = f"Profiles: {', '.join(clean(name, 60) for name in names())}" if names() else "There is no profile yet"
    raise Misconfigured(f"there is no profile {shown} in {folder}", hint=hint)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise Misconfigured(f"{clean(str(path))} cannot be looked at: {error.strerror}") from error


def _peek(name: str, path: Path) -> Known:
    """What a file says of itself, as far as it can be read; `load` tells what is wrong with it."""
    try:
        with path.open("rb") as file:
            data = tomllib.loads(file.read(_PEEK_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError):
        return Known(name, path)

    def said(key: str) -> str:
        return clean(value, 40) if isinstance(value := data.get(key), str) else ""

    return Known(name, path, said("system"), said("environment"))
