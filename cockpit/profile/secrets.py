"""Secrets as references: a profile names where a secret is, never the secret itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from cockpit.errors import Misconfigured, TimedOut

SCHEMES = ("env", "file", "cmd")
COMMAND_DEADLINE_S = 10.0
_MAX_BYTES = 64 * 1024


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

    async def resolve(self, environ: Mapping[str, str] | None = None) -> Secret:
        """Fetch the value now; trailing line breaks are dropped.

        Raises Misconfigured when the reference leads nowhere, TimedOut when a command takes over 10 s.
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
            with path.open("rb") as file:
                return file.read(_MAX_BYTES).decode("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8 text"
            raise Misconfigured(
                f"cannot read the secret file {path}: {reason}", hint="check path and owner"
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
                output, _ = await process.communicate()
        except TimeoutError:
            raise TimedOut(f"the secret command {words[0]} gave no answer in {COMMAND_DEADLINE_S:.0f} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise Misconfigured(
                f"the secret command {words[0]} ended with exit code {process.returncode}",
                hint="run it by hand to see why",
            )
        return output.decode("utf-8", "replace").rstrip("\r\n")

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
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(), serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": "^(env|file|cmd):.+", "title": "Secret reference"}
