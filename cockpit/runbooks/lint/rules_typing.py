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
_COMMENT_BEHIND = re.compile(r"\\\s+#")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(?:=.*)?")
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


@on_command(
    "line-does-not-go-on",
    Level.ERROR,
    "A backslash joins lines only as the last sign of its line. Otherwise the options below it are a command of "
    "their own, which there is not, and the command above it runs without them.",
)
def broken_continuation(scene: Scene) -> Found | None:
    """`--atomic \\  # comment`, or an option at the start of a line that no backslash joins to the one above."""
    command = scene.command
    if command.language.lower() not in _SHELLS or command.opener or command.language == "inline":
        return None
    if any("<<" in each.operator for call in command.calls for each in call.redirects):
        return None
    row = next((each for each in _rows_outside_quotes(command.text) if _COMMENT_BEHIND.search(each)), "")
    if row:
        return Found(
            f"After {row.strip()[:40]!r} the line ends: a backslash before a comment joins nothing. The command runs "
            "without the options of the next lines, and those fail as a command.",
            "put the comments on lines of their own above the command",
        )
    first = next((word.text for call in command.calls[:1] for word in call.words[:1]), "")
    if not _OPTION.fullmatch(first) or not scene.block_before:
        return None
    return Found(
        f"{first} stands alone: the line above does not end in a backslash, so that it runs without {first}, and "
        "this line fails as a command.",
        "end the line above in a backslash, with nothing behind it",
    )


def _rows_outside_quotes(text: str) -> list[str]:
    """All lines but the last, without what is quoted; none where a quote stays open at a line's end."""
    rows = [_QUOTED.sub("", each) for each in text.split("\n")]
    return [] if any(sign in row for row in rows for sign in "'\"") else rows[:-1]


RULES = (typographic, broken_continuation)
