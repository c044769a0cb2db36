"""Colour themes from TOML files, ours and the user's. A bad file is refused with a sentence, not pasted into CSS."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

import themes
from cockpit.errors import Misconfigured
from cockpit.text import clean

NAMES = ("dark", "light", "high-contrast", "colour-blind")
DEFAULT = "dark"
COLOURS = (
    "primary",
    "secondary",
    "warning",
    "error",
    "success",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
)  # fmt: skip
OWN = ("muted", "line", "cursor", "error-tint", "warning-tint")
_VARIABLE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LIMIT = 64 * 1024


def folder_theme(name: str) -> Theme:
    """One of `NAMES`."""
    return _parse(themes.folder() / f"{name}.toml", f"theme {name}")


def file_theme(path: Path) -> Theme:
    """A theme from a user's file. Raises Misconfigured saying what is wrong with it."""
    return _parse(path, clean(str(path), 200))


def find(wanted: str) -> Theme:
    """By name, or by path where it looks like one. Raises Misconfigured."""
    if wanted in NAMES:
        return folder_theme(wanted)
    if wanted.endswith(".toml") or "/" in wanted:
        return file_theme(Path(wanted).expanduser())
    raise Misconfigured(
        f"there is no theme {clean(wanted, 60)!r}",
        hint=f"Known are {', '.join(NAMES)}, any of Textual's own such as ansi-dark, or a path to a .toml file",
    )


def variable_defaults(theme: Theme | None) -> dict[str, str]:
    """Our own variables for a theme that does not know them."""
    if theme is None:
        return {"muted": "#9aa7b5", "line": "#3b4856", "cursor": "#1d3350", "error-tint": "#43242a",
                "warning-tint": "#3a3120"}  # fmt: skip
    if theme.ansi:
        light = not theme.dark
        return {
            "muted": "ansi_bright_black" if light else "ansi_white",
            "line": "ansi_white" if light else "ansi_bright_black",
            "cursor": "ansi_bright_white" if light else "ansi_bright_black",
            "error-tint": "ansi_default",
            "warning-tint": "ansi_default",
        }
    generated = theme.to_color_system().generate()
    ground, text = Color.parse(generated["background"]), Color.parse(generated["foreground"])
    primary = Color.parse(generated["primary"])
    return {
        "muted": ground.blend(text, 0.72).hex6,
        "line": ground.blend(text, 0.28).hex6,
        "cursor": ground.blend(primary, 0.28).hex6,
        "error-tint": ground.blend(Color.parse(generated["error"]), 0.24).hex6,
        "warning-tint": ground.blend(Color.parse(generated["warning"]), 0.18).hex6,
    }


def _parse(source: Traversable | Path, what: str) -> Theme:
    try:
        text = source.read_bytes()[: _LIMIT + 1].decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Misconfigured(f"{what} cannot be read: {reason}") from error
    if len(text) > _LIMIT:
        raise Misconfigured(f"{what} is too long for a theme")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{what} is not TOML: {clean(str(error), 200)}") from error
    return _theme(data, what)


def _theme(data: Mapping[str, object], what: str) -> Theme:
    problems: list[str] = []
    unknown = set(data) - {"name", "dark", "colors", "variables"}
    problems += [f"unknown key {clean(key, 40)!r}" for key in sorted(unknown)]
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append("name must be lower-case letters, digits and dashes")
    dark = data.get("dark", True)
    if not isinstance(dark, bool):
        problems.append("dark must be true or false")
    colours = _colours(data.get("colors"), "colors", problems)
    variables = _colours(data.get("variables", {}), "variables", problems)
    problems += [f"colors.{clean(key, 40)} is not one of {', '.join(COLOURS)}" for key in set(colours) - set(COLOURS)]
    problems += [f"colors.{key} is missing" for key in ("primary", "foreground", "background") if key not in colours]
    if problems:
        raise Misconfigured(f"{what} is not a usable theme: {'; '.join(problems)}")
    theme = Theme(str(name), colours["primary"], dark=bool(dark))
    for key, value in colours.items():
        setattr(theme, key, value)
    theme.variables = {**variable_defaults(theme), **variables}
    return theme


def _colours(section: object, where: str, problems: list[str]) -> dict[str, str]:
    if not isinstance(section, dict):
        problems.append(f"[{where}] is missing")
        return {}
    found: dict[str, str] = {}
    for key, value in section.items():
        if not _VARIABLE.fullmatch(key):
            problems.append(f"{where}.{clean(str(key), 40)} is not a name of lower-case letters, digits and dashes")
            continue
        try:
            # Written back from the parsed colour, so that nothing of the file's own text can reach the style sheet.
            found[key] = Color.parse(value).hex if isinstance(value, str) else ""
        except ColorParseError:
            found[key] = ""
        if not found[key]:
            problems.append(f'{where}.{key} must be a colour such as "#6cb6ff", not {clean(repr(value), 40)}')
    return found
