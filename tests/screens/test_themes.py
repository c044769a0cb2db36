"""Themes: readable by computation, refused with a sentence when they are not themes."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from cockpit.errors import Misconfigured
from screens import themes
from screens.app import CockpitApp

TEXT = 7.0
SMALL = 4.5
GOOD = """
name = "mine"
dark = true
[colors]
primary = "#6cb6ff"
foreground = "#eeeeee"
background = "#101010"
"""


def luminance(colour: Color) -> float:
    parts = [channel / 255 for channel in colour.rgb]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2: 1 to 21."""
    lights = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


@pytest.mark.parametrize("name", themes.NAMES)
def test_text_can_be_read_on_every_ground(name):
    theme = themes.find(name)
    variables = {**theme.to_color_system().generate(), **theme.variables}
    grounds = [variables[key] for key in ("background", "surface", "panel", "cursor", "error-tint", "warning-tint")]
    for ground in grounds:
        assert contrast(variables["foreground"], ground) >= TEXT, ground
        assert contrast(variables["muted"], ground) >= SMALL, ground
    for key in ("error", "warning", "success", "primary", "accent"):
        for ground in grounds[:4]:
            assert contrast(variables[key], ground) >= SMALL, (key, ground)
        # chips: the ground's colour on the meaning's
        assert contrast(variables["background"], variables[key]) >= SMALL, key


@pytest.mark.parametrize("name", ["nord", "textual-light", "textual-dark", "gruvbox", "ansi-dark", "ansi-light"])
async def test_the_cockpit_starts_with_themes_that_do_not_know_our_variables(samples, name):
    app = CockpitApp(theme=name)
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(samples.incident())
        await pilot.pause()
        assert app.theme == name
        for own in themes.OWN:
            assert app.theme_variables[own]


@pytest.mark.parametrize("name", themes.NAMES)
async def test_changing_the_theme_repaints_everything(samples, name):
    app = CockpitApp(theme="dark" if name != "dark" else "light")
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(samples.incident())
        await pilot.pause()
        app.use_theme(name)
        await pilot.pause()
        await pilot.pause()
        ground = Color.parse(app.theme_variables["background"]).rich_color
        strips = app.screen._compositor.render_strips()
        body = [segment for strip in strips[8:30] for segment in strip if segment.style and segment.style.bgcolor]
        assert body
        cursor = Color.parse(app.theme_variables["cursor"]).rich_color
        assert {segment.style.bgcolor for segment in body if segment.style} <= {ground, cursor}


def test_a_users_file_is_a_theme(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + '[variables]\nmuted = "#aaaaaa"\n')
    theme = themes.find(str(path))
    assert theme.name == "mine"
    assert theme.variables["muted"].lower() == "#aaaaaa"
    assert theme.variables["cursor"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 3", "name must be"),
        ('name = "mine"', "colors] is missing"),
        (GOOD + 'extra = "#000000"', "colors.extra is not one of"),
        (GOOD.replace("#6cb6ff", "notacolour"), "colors.primary must be a colour"),
        (GOOD + '[variables]\nmuted = "red;} Screen{display:none"\n', "variables.muted must be a colour"),
        (GOOD + '[variables]\n"a b;}" = "#ffffff"\n', "is not a name"),
        (GOOD + "[variables]\nmuted = 7\n", "variables.muted must be a colour"),
        (GOOD.replace("dark = true", 'dark = "yes"'), "dark must be true or false"),
        (GOOD.replace('primary = "#6cb6ff"', ""), "colors.primary is missing"),
        ("\x00", "is not TOML"),
        (GOOD + "\n[more]\n", "unknown key 'more'"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, text: str, words: str):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=words.replace("]", r"\]")):
        themes.find(str(path))


def test_unknown_and_missing_themes_are_named():
    with pytest.raises(Misconfigured, match="no theme 'neon'"):
        themes.find("neon")
    with pytest.raises(Misconfigured, match="cannot be read"):
        themes.find("/nowhere/x.toml")
    with pytest.raises(Misconfigured):
        CockpitApp(theme="neon")
