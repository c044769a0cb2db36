"""The team's own scripts, played: each [[script]] of a profile is a small program that says what it would do."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.sandbox.platform import Serving
from cockpit.sandbox.shape import Document, Shape
from cockpit.sandbox.shop.front import LogLine

FOLDER = "team"
_STEP_S = 0.4
_BLANK = re.compile(r"(\{[a-z_][a-z0-9_]*\})")
_SAID: dict[str, tuple[str, ...]] = {
    "check-env": ("DATABASE_URL is set", "REDIS_URL is set", "OPENAI_API_KEY is set", "all 14 variables are there"),
    "smoke": ("made a book for user-smoke", "story: 2.1 s", "pictures: 3.8 s", "smoke test passed"),
    "backup": ("dumping 3 tables", "uploaded 48 MB", "backup complete"),
    "migrate": ("2 migrations are pending", "applied 0041_add_ratings", "applied 0042_index_ratings"),
    "revert-migration": ("reverting 0042_index_ratings", "reverted"),
    "show-migrations": ("[X] 0040_sessions", "[X] 0041_add_ratings", "[ ] 0042_index_ratings"),
    "rotate-secrets": ("database password: a new version", "signing key: a new version", "restart who reads them"),
    "restore-to-staging": ("downloading the backup", "restored 30,000 rows to staging", "staging is ready"),
    "health-of-all": ("api: healthy", "database: healthy", "cache: healthy"),
    "checkout-main": ("Already on 'main'",),
    "pull": ("Already up to date.",),
    "monitor-canary": ("canary: 0.0 % errors", "canary: p95 112 ms", "canary: as good as the rest"),
}
_HEAD = """#!/bin/sh
# Plays a script of the team. It changes nothing.
case " $* " in
    *" --dry-run "*) verb='would have said:' ;;
    *) verb='' ;;
esac
say() { printf '%s %s\\n' "$verb" "$1" | sed 's/^ //'; sleep STEP; }
case "$*" in
""".replace("STEP", str(_STEP_S))
_TAIL = """esac
[ -z "$verb" ] || echo 'dry run: nothing was changed'
"""


class ScriptsPlatform:
    """Runs nothing itself: the cockpit runs what is written here."""

    def __init__(self) -> None:
        self._folder = Path()

    async def start(self, shape: Shape, serving: Serving, directory: Path) -> str:
        """As Platform says."""
        self._folder = directory / FOLDER
        scripts = (shape.profile or {}).get("script", [])
        await asyncio.to_thread(_write, self._folder, scripts)
        return f"{len(scripts)} scripts of the team in {self._folder}"

    async def deploy(self, tag: str) -> None:
        """Scripts run no shop."""

    def logged(self, line: LogLine) -> None:
        """Nobody reads it here."""

    def place(self, profile: Document) -> None:
        """The folder, and programs that are in it."""
        for table in profile.get("script", ()):
            table["directory"] = str(self._folder)
            for key in ("argv", "dry_run"):
                if words := table.get(key):
                    table[key] = [f"./{_file(words[0])}", *words[1:]]

    async def close(self) -> None:
        """As Platform says."""


def _file(program: str) -> str:
    """Where it is in the folder: "./scripts/x.sh" and "/scripts/x.sh" -> "scripts/x.sh", "npm" -> "bin/npm"."""
    own = program.removeprefix("./").lstrip("/")
    return own if "/" in own else f"bin/{own}"


def _write(folder: Path, scripts: Sequence[Mapping[str, Any]]) -> None:
    cases: dict[str, list[str]] = {}
    for table in scripts:
        said = _SAID.get(table["name"], (f"{table['title']}: begun", "done"))
        says = "\n".join(f"        say {shlex.quote(line)}" for line in said)
        for key in ("argv", "dry_run"):
            if words := table.get(key):
                cases.setdefault(_file(words[0]), []).append(f"    {_pattern(words[1:])})\n{says}\n        ;;\n")
    for name, found in cases.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_HEAD + "".join(found) + _TAIL, encoding="utf-8")
        path.chmod(0o755)


def _pattern(words: Sequence[str]) -> str:
    """Of a shell's case, for these arguments; what is asked for is any."""
    parts = _BLANK.split(" ".join(words))
    return "".join("*" if _BLANK.fullmatch(part) else shlex.quote(part) for part in parts if part) or "''"
