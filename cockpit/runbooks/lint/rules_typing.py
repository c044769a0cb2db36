"""What a word processor makes of a command: dashes, quotes and blanks that only look like those of a keyboard."""

from __future__ import annotations

import re

from cockpit.model.runbook import Level
from cockpit.runbooks.lint.engine import Found, Scene, on_command

_SHELLS = ("", "bash", "sh", "shell", "zsh", "console", "terminal", "inline")
_DASH = re.compile(r"[‒–—―−]{1,2}[A-Za-z]")
_QUOTE = re.compile(r"[“”„‘’‚«»]")
_BLANK = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")
_PLAIN = str.maketrans({**dict.fromkeys("‒–—―−", "-"), **dict.fromkeys("“”„«»", '"'), **dict.fromkeys("‘’‚", "'")})


@on_command(
    "typographic-signs",
    Level.ERROR,
    "Typographic dashes, quotes and blanks mean nothing to a shell: options become names, and names get longer.",
)
def typographic(scene: Scene) -> Found | None:
    """A word that begins with a long dash or a curly quote, or holds a no-break space, outside of real quotes."""
    command = scene.command
    if command.language.lower() not in _SHELLS or command.opener:
        return None
    for call in command.calls:
        for word in call.words if call.program not in ("echo", "printf") else call.words[:1]:
            bare = _QUOTED.sub("", word.source)
            sign = _DASH.match(bare) or _QUOTE.match(bare) or _BLANK.search(bare)
            if sign is not None:
                plain = _BLANK.sub(" ", command.text.translate(_PLAIN))
                return Found(
                    f"{word.source[:40]!r} has a sign (U+{ord(sign.group()[0]):04X}) that only looks like one of the "
                    "keyboard: the shell takes it for a part of the name.",
                    plain,
                )
    return None


RULES = (typographic,)
