"""What a command does in a container of this engine: says something and ends, or runs on. No process is started."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")
_SERVE = ("uvicorn", "gunicorn", "celery", "postgres", "redis-server", "node", "docker-entrypoint.sh", "tail")
_QUIET = ("trap", "touch", "mkdir", "cd", "export", ":")


@dataclass(frozen=True, slots=True)
class Act:
    """A command from its start to its end."""

    lines: tuple[tuple[bool, str], ...] = ()  # (to the error stream, text)
    code: int | None = None  # None: it runs until it is stopped
    after_s: float = 0.0  # when it ends


def act_of(words: Sequence[str], env: Mapping[str, str]) -> Act:
    """Of the words of a command; of a shell's -c what stands between the semicolons, as far as it is known here."""
    if not words:
        return Act()
    if words[0] in _SHELLS and "-c" in words[1:2] and len(words) > 2:
        return _script(words[2], env)
    return _command(list(words), env)


def _script(text: str, env: Mapping[str, str]) -> Act:
    lines: list[tuple[bool, str]] = []
    waited = 0.0
    code = 0
    for sentence in text.replace("&&", ";").split(";"):
        words = shlex.split(sentence)
        if not words:
            continue
        if words[0] in ("while", "exec"):
            return Act(tuple(lines))
        if words[0] == "exit":
            return Act(tuple(lines), int(words[1]) if len(words) > 1 else code, waited)
        done = _command(words, env)
        lines += done.lines
        if done.code is None:
            return Act(tuple(lines))
        code, waited = done.code, waited + done.after_s
    return Act(tuple(lines), code, waited)


def _command(words: list[str], env: Mapping[str, str]) -> Act:
    program = words[0].rpartition("/")[2]
    if program in _SERVE:
        return Act()
    match program:
        case "true" | "false":
            return Act((), int(program == "false"))
        case "sleep":
            return Act((), 0, float(words[1]))
        case "echo":
            aside = words[-1] == ">&2"
            said = " ".join(words[1:-1] if aside else words[1:])
            for name, value in env.items():
                said = said.replace(f"${name}", value)
            return Act(((aside, said),), 0)
    if program in _QUIET:
        return Act((), 0)
    return Act(((False, f"{shlex.join(words)}: begun"), (False, "done, nothing else to do")), 0, 0.5)
