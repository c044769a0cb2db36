"""Pictures of the cockpit: `screenshot.py OUT.svg --size 120x40 --theme dark --scenario incident --keys 3,z`.

Draws the sample scenarios of the tests, or with `--profile` the system of a profile (the sandbox's, say) after it
has been watched for some seconds. With rsvg-convert on PATH, `--png` makes a PNG beside the SVG.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from screens.app import CockpitApp

FONT = "JetBrains Mono"


def _samples() -> ModuleType:
    path = Path(__file__).parents[1] / "tests" / "screens" / "samples" / "__init__.py"
    spec = importlib.util.spec_from_file_location("samples", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["samples"] = module
    spec.loader.exec_module(module)
    return module


async def picture(arguments: argparse.Namespace) -> str:
    width, _, height = arguments.size.partition("x")

    async def given(say: object) -> Path:
        return Path(arguments.profile)

    app = CockpitApp(given if arguments.profile else None, theme=arguments.theme)
    async with app.run_test(size=(int(width), int(height))) as pilot:
        if arguments.profile:
            await asyncio.sleep(arguments.watch)
        elif arguments.scenario != "start":
            app.attach(getattr(_samples(), arguments.scenario)())
        await pilot.pause()
        for key in filter(None, arguments.keys.split(",")):
            if key[0] == "+" and key[1:]:
                await asyncio.sleep(float(key[1:]))
            else:
                await pilot.press(key)
        await pilot.pause()
        await pilot.pause(0.1)
        return app.export_screenshot(title=arguments.title)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--scenario", default="incident", help="start, empty, incident, calm or broken")
    parser.add_argument("--profile", help="watch this system instead of sample data")
    parser.add_argument("--watch", type=float, default=20.0, help="seconds to watch it")
    parser.add_argument("--keys", default="", help="keys to press, separated by commas; +2 waits two seconds")
    parser.add_argument("--title", default="cockpit")
    parser.add_argument("--png", action="store_true")
    arguments = parser.parse_args()
    svg = asyncio.run(picture(arguments))
    # A picture in a README loads nothing from elsewhere: the viewer's own monospaced font has to do.
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", FONT).replace("<text ", '<text xml:space="preserve" ')
    arguments.out.write_text(svg)
    converter = shutil.which("rsvg-convert")
    if arguments.png and converter:
        png = arguments.out.with_suffix(".png")
        subprocess.run([converter, "-w", "1920", "-o", str(png), str(arguments.out)], check=True)


if __name__ == "__main__":
    main()
