"""Mutates blocks of runbooks until one crashes or hangs the reader: `python -m tests.fuzz.shell_blocks [corpus]`.

Needs the extra "fuzz" (atheris); stops with its message where it is not installed.
"""

from __future__ import annotations

import sys

LANGUAGES = ("bash", "", "sql", "console", "http", "redis", "powershell", "crontab")


def one_input(data: bytes) -> None:
    """The first byte chooses the language, the rest is the block."""
    from cockpit.runbooks.shell.blocks import commands_of, inline_command

    if not data:
        return
    block = data[1:].decode("utf-8", "surrogateescape")
    last = 0
    for command in commands_of(block, language=LANGUAGES[data[0] % len(LANGUAGES)], line=1):
        assert command.line > last, "two commands share a line"
        last = command.line + command.text.count("\n")
        assert "\x1b" not in command.text
    inline_command(block[:200], line=1)


def main() -> None:
    """Runs until stopped."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed; it comes with: pip install 'oncall-cockpit[fuzz]'")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
