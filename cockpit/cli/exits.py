"""Exit codes of all commands, and how an error becomes one: a sentence on standard error, never a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import click

from cockpit.errors import CockpitError, Conflict, Misconfigured, NotFound, PermissionDenied, Refused
from cockpit.profile.problems import ProfileProblems
from cockpit.text import clean, clean_lines

T = TypeVar("T")
_OUTPUT_LOST = (errno.EPIPE, errno.EIO, errno.ENOSPC)


class Exit(enum.IntEnum):
    """What a command's exit code means. `check` uses 0 to 3 for the system's severity."""

    OK = 0
    WARN = 1
    CRIT = 2
    UNKNOWN = 3
    REFUSED = 4  # a guard said no: nothing was changed
    FAILED = 5  # the action failed, or does not hold
    UNKNOWN_OUTCOME = 6  # the action may have happened
    USAGE = 64  # the command line or the profile is wrong
    UNAVAILABLE = 69  # what was asked for could not be reached
    DEFECT = 70  # a defect of the cockpit
    LOST_OUTPUT = 74  # nobody reads the output any more
    INTERRUPTED = 130  # ctrl+c
    TERMINATED = 143  # SIGTERM


EXIT_CODES = """\b
Exit codes:
  0-3  check: ok, warning, critical, unknown; everything else: 0 when it went well
  4    refused by a guard: nothing was changed
  5    the action failed, or its effect does not hold
  6    unknown: the action may have happened
  64   wrong usage, or a profile with problems
  69   what was asked for cannot be reached
  70   a defect of the cockpit
"""


def run(command: click.Command, words: Sequence[str]) -> int:
    """Run a command line; the exit code. Errors are told on standard error in sentences."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character must not end the command
    try:
        code = _invoke(command, words)
        if code != Exit.LOST_OUTPUT:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _OUTPUT_LOST:
            _say(_defect(error))
            return Exit.DEFECT
        return _output_lost(error)
    return code


def _invoke(command: click.Command, words: Sequence[str]) -> int:
    try:
        answer = command.main(list(words), prog_name="cockpit", standalone_mode=False)
    except click.UsageError as error:
        _say(_usage(error))
        return Exit.USAGE
    except click.ClickException as error:
        _say(error.format_message())
        return Exit.USAGE
    except SystemExit:  # how click ends when a pipe broke, with `check`'s code for a warning
        return _output_lost(BrokenPipeError(errno.EPIPE, "broken pipe"))
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return Exit.INTERRUPTED
    except Terminated:
        _say("terminated")
        return Exit.TERMINATED
    except CockpitError as error:
        return _told(error, "--json" in words)
    except OSError:
        raise  # the caller knows which of them are about the output
    except Exception as error:
        _say(_defect(error))
        return Exit.DEFECT
    return int(answer) if isinstance(answer, int) else Exit.OK


def _told(error: CockpitError, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"error": _error_json(error)}, indent=2))
    for line in error.lines() if isinstance(error, ProfileProblems) else (str(error),):
        _say(line)
    if isinstance(error, Misconfigured):
        return Exit.USAGE
    # A target that is gone, has changed or may not be touched: nothing was sent, as when a guard says no.
    refused = isinstance(error, Refused | NotFound | Conflict | PermissionDenied)
    return Exit.REFUSED if refused else Exit.UNAVAILABLE


def _error_json(error: CockpitError) -> dict[str, Any]:
    told: dict[str, Any] = {"word": error.word, "message": error.message, "hint": error.hint}
    if isinstance(error, ProfileProblems):
        told["problems"] = [
            {
                "file": str(problem.file),
                "line": problem.line,
                "column": problem.column,
                "key": problem.key,
                "message": problem.message,
                "nearest": problem.nearest,
            }
            for problem in error.problems
        ]
    return told


def _usage(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx is not None else "cockpit"
    return f"{error.format_message()}\n{path} --help shows what it takes."


def _defect(error: Exception) -> str:
    """Where it happened, without values: they may be secrets."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in reversed(frames))  # noqa: PTH119
    return (
        f"a defect of the cockpit: {type(error).__name__} at {places}.\n"
        "Nothing more was done. Please report it with this line."
    )


def _output_lost(error: OSError) -> int:
    """The reader of a pipe went away, or the disk is full; Python must not try again at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        _say(f"the output could not be written: {error.strerror}")
    return Exit.LOST_OUTPUT


def _say(text: str) -> None:
    for line in clean_lines(text):
        click.echo(line, err=True)


def note(text: str) -> None:
    """A line for the operator beside the output proper: on standard error."""
    click.echo(clean(text), err=True)


class Terminated(Exception):
    """SIGTERM arrived: everything that was started ends in order."""


_instead_of_ending: list[Callable[[], None]] = []


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a new event loop; SIGTERM cancels it as ctrl+c does, and is told apart.

    Raises Terminated or KeyboardInterrupt after the work has closed what it had opened.
    """
    terminated = False

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - inside a task

        def end() -> None:
            nonlocal terminated
            if _instead_of_ending:
                _instead_of_ending[-1]()
            else:
                terminated = True
                task.cancel()

        if _signals_arrive_here():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise (Terminated if terminated else KeyboardInterrupt) from None


@contextlib.contextmanager
def stopping_at_a_step(stop: Callable[[], None]) -> Iterator[None]:
    """For work of which a record must stay: ctrl+c and SIGTERM call `stop`, only the second one ends the command.

    A lost terminal (SIGHUP) ends nothing.
    """
    if not _signals_arrive_here():
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked = False

    def handle() -> None:
        nonlocal asked
        if asked and task is not None:
            task.cancel()
        asked = True
        stop()

    own = (signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in own}
    loop.add_signal_handler(signal.SIGINT, handle)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    _instead_of_ending.append(handle)
    try:
        yield
    finally:
        _instead_of_ending.pop()
        for number in own:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def _signals_arrive_here() -> bool:
    """Only the main thread hears signals; a command that runs in another is ended by whoever runs it there."""
    return threading.current_thread() is threading.main_thread()
