"""Copying out of a terminal, by every way that may work, and saying which: OSC 52, the tmux buffer, a file."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cockpit.text import UNSAFE
from screens.terminal.crash import state_folder

# xterm and others take at most 100,000 bytes of base64 in one OSC 52: about 74 kB of text.
LIMIT_BYTES = 74_000
TMUX_DEADLINE_S = 2.0
FILE_NAME = "copied.txt"


class Terminal(Protocol):
    """The part of the app that is needed here (`textual.app.App.copy_to_clipboard`, which sends OSC 52)."""

    def copy_to_clipboard(self, text: str) -> None:
        """Ask the terminal to set its clipboard; there is no answer."""


async def copy(app: Terminal, text: str, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """Copy `text` and return a sentence that says what was done; never raises for a way that does not work.

    Characters that act on a terminal are left out, since the next thing that happens to the text is a paste. Whether
    the terminal honours OSC 52 cannot be known, so the sentence only says that it was asked, and the file is always
    written (`copied.txt`, 0600, in the state folder).
    """
    environ = os.environ if environ is None else environ
    kept, cut = _bounded(UNSAFE.sub(lambda match: match.group() if match.group() in "\n\t" else "", text))
    if not kept:
        return "nothing to copy"
    app.copy_to_clipboard(kept)
    ways = ["sent to the terminal's clipboard"]
    if environ.get("TMUX") and await _to_tmux(kept):
        ways = ["put into the tmux buffer and clipboard"]
    path = await asyncio.to_thread(_to_file, kept, folder)
    ways.append(f"saved to {path}" if path is not None else "not saved to a file (no space, or no permission)")
    lines = kept.count("\n") + (not kept.endswith("\n"))
    amount = f"{lines} lines" if lines > 1 else f"{len(kept)} characters"
    over = f" (the first {LIMIT_BYTES // 1000} kB)" if cut else ""
    return f"copied {amount}{over}: {', '.join(ways)}"


def _bounded(text: str) -> tuple[str, bool]:
    data = text.encode("utf-8", "replace")
    if len(data) <= LIMIT_BYTES:
        return data.decode("utf-8"), False
    return data[:LIMIT_BYTES].decode("utf-8", "ignore"), True


async def _to_tmux(text: str) -> bool:
    """Hand the text to tmux itself, which drops OSC 52 by default; `-w` (tmux 3.2) also sets the outer clipboard."""
    for flags in (["-w"], []):
        try:
            process = await asyncio.create_subprocess_exec(
                "tmux",
                "load-buffer",
                *flags,
                "-",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(TMUX_DEADLINE_S):
                await process.communicate(text.encode("utf-8"))
        except TimeoutError:
            return False
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == 0:
            return True
    return False


def _to_file(text: str, folder: Path | None) -> Path | None:
    try:
        path = (state_folder() if folder is None else folder) / FILE_NAME
        # A new file each time: an older one may have another owner's eyes on it.
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return None
    return path
