"""Secrets as references: a profile names where a secret is, never the secret itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from cockpit.errors import Misconfigured, TimedOut

SCHEMES = ("env", "file", "cmd")
COMMAND_DEADLINE_S = 10.0
REAP_DEADLINE_S = 2.0
_MAX_BYTES = 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secret:
    """A value that shows itself only when asked to by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value. Its use stays inside the adapter that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class SecretRef:
    """`env:NAME`, `file:PATH` or `cmd:COMMAND LINE`. The command line is split into words, never given a shell."""

    __slots__ = ("locator", "scheme")

    def __init__(self, reference: str) -> None:
        scheme, separator, locator = reference.partition(":")
        if not separator or scheme not in SCHEMES or not locator.strip():
            # The text is not repeated: it may be the secret itself, written where a reference belongs.
            raise ValueError("must be a reference: env:NAME, file:PATH or cmd:COMMAND")
        self.scheme = scheme
        self.locator = locator.strip()
        if scheme == "env" and not _VARIABLE.fullmatch(self.locator):
            raise ValueError("must name an environment variable after env: (letters, digits and _)")
        if scheme == "cmd":
            try:
                words = shlex.split(self.locator)
            except ValueError:
                words = []
            if not words:
                raise ValueError("the command after cmd: has an unclosed quote or is empty")

    async def resolve(self, environ: Mapping[str, str] | None = None) -> Secret:
        """Fetch the value now; trailing line breaks are dropped.

        Raises Misconfigured when the reference leads nowhere or to nothing, TimedOut when a command takes over
        10 s. No frame that raises holds the value: a traceback with locals cannot show it.
        """
        if self.scheme == "env":
            value = (os.environ if environ is None else environ).get(self.locator)
            if value is None:
                raise Misconfigured(
                    f"the environment variable {self.locator} is not set", hint=f"export {self.locator}=..."
                )
            return Secret(value)
        if self.scheme == "file":
            return Secret(await asyncio.to_thread(self._read_file))
        return Secret(await self._run_command())

    def _read_file(self) -> str:
        path = Path(self.locator).expanduser()
        try:
            # Only regular files: a FIFO or a device could hold this thread for ever.
            if not stat.S_ISREG(path.stat().st_mode):
                raise Misconfigured(f"the secret file {path} is not a regular file", hint="check the path")
            with path.open("rb") as file:
                return _text(bytearray(file.read(_MAX_BYTES + 1)), f"the secret file {path}")
        except OSError as error:
            raise Misconfigured(
                f"cannot read the secret file {path}: {error.strerror}", hint="check path and owner"
            ) from None

    async def _run_command(self) -> str:
        words = shlex.split(self.locator)
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise Misconfigured(
                f"cannot run the secret command {words[0]}: {error.strerror}", hint="is it in PATH?"
            ) from None
        try:
            async with asyncio.timeout(COMMAND_DEADLINE_S):
                return await _answer(process, words[0])
        except TimeoutError:
            raise TimedOut(f"the secret command {words[0]} gave no answer in {COMMAND_DEADLINE_S:.0f} s") from None
        finally:
            # What it started goes too: it has a session, and so a process group, of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await _reaped(process)

    def __str__(self) -> str:
        return f"{self.scheme}:***" if self.scheme == "cmd" else f"{self.scheme}:{self.locator}"

    def __repr__(self) -> str:
        return f"SecretRef({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretRef) and (self.scheme, self.locator) == (other.scheme, other.locator)

    def __hash__(self) -> int:
        return hash((self.scheme, self.locator))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def _validate(cls, value: object) -> SecretRef:
        if isinstance(value, SecretRef):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a reference in quotes: env:NAME, file:PATH or cmd:COMMAND")
        return cls(value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": "^(env|file|cmd):.+", "title": "Secret reference"}


async def _reaped(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a killed process; not for ever on a pipe that somebody else still holds."""
    assert process.stdout is not None  # noqa: S101 - created with a pipe
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REAP_DEADLINE_S):
            # asyncio sees the end only after the pipe's, which it does not while a full buffer pauses reading.
            while await process.stdout.read(65536):
                pass
            await process.wait()


async def _answer(process: asyncio.subprocess.Process, program: str) -> str:
    assert process.stdout is not None  # noqa: S101 - created with a pipe
    output = bytearray()
    while len(output) <= _MAX_BYTES and (chunk := await process.stdout.read(8192)):
        output += chunk
        del chunk
    if len(output) <= _MAX_BYTES and await process.wait():
        output.clear()
        raise Misconfigured(
            f"the secret command {program} ended with exit code {process.returncode}",
            hint="run it by hand to see why",
        )
    return _text(output, f"the secret command {program}")


def _text(value: bytearray, origin: str) -> str:
    """The bytes as text without the last line breaks; Misconfigured for what cannot be a secret.

    It empties `value` before it raises, so that no frame of the traceback holds a part of the secret.
    """
    size = len(value)
    try:
        text = value.decode("utf-8").rstrip("\r\n")
        problem = f"gave more than {_MAX_BYTES // 1024} KiB" if size > _MAX_BYTES else "gave nothing"
    except UnicodeDecodeError:
        text, problem = "", "gave what is not UTF-8 text"
    value.clear()
    if text and size <= _MAX_BYTES:
        return text
    text = ""
    raise Misconfigured(f"{origin} {problem}", hint="look at what it holds")
