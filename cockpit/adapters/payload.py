"""The value of a new secret, fetched from where a reference says: `env:NAME`, `file:PATH`, or `typed:NUMBER` for what
was typed into a hidden field of the screen and is held in memory only; byte for byte.

A profile's own secrets are texts and may come from a command; see `cockpit.profile.secrets`. Here a line break at the
end belongs to the value, as it does for gcloud, and a command is not taken: its words would stand in the audit log.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from cockpit.errors import Misconfigured
from cockpit.text import clean

MOST_BYTES = 64 * 1024  # of a secret's payload: https://cloud.google.com/secret-manager/quotas
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOW = "env:NAME or file:PATH"
_TYPED_KEPT = 3
_TYPED_S = 15 * 60.0


class Payload:
    """Bytes that show themselves only when asked to by name."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes. Their use stays inside the adapter that sends them."""
        return self._value

    @property
    def ends_with_break(self) -> bool:
        """Often a mistake: an editor or `echo` put it there."""
        return self._value.endswith((b"\n", b"\r"))

    def __repr__(self) -> str:
        return "Payload(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value would come from, as far as that can be told without reading it."""

    said: str  # "the file /run/secrets/new", "the environment variable NEW_KEY"
    identity: str  # changes when the file does
    before: str  # what a shell needs before gcloud: 'printf %s "$NEW_KEY" | '
    option: str  # what gcloud takes it by: "--data-file=/run/secrets/new"
    warnings: tuple[str, ...] = ()


class Payloads:
    """Looks at references and fetches what they lead to; holds what was typed until it is fetched."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._typed: dict[str, Payload] = {}
        self._numbers = itertools.count(1)

    def keep(self, value: str) -> str:
        """The reference to what was typed. It is forgotten once it was fetched, and after a quarter of an hour."""
        number = str(next(self._numbers))
        self._typed[number] = Payload(value.encode())
        for old in list(self._typed)[:-_TYPED_KEPT]:
            del self._typed[old]
        asyncio.get_running_loop().call_later(_TYPED_S, self._typed.pop, number, None)
        return f"typed:{number}"

    async def look(self, reference: str) -> Origin:
        """Where the value would come from. Raises Misconfigured; the reference is not repeated unless it is one."""
        scheme, locator = _parts(reference)
        if scheme == "typed":
            self._held(locator)
            return Origin("the value that was typed", f"typed value {locator}", "", "--data-file=-")
        if scheme == "env":
            self._variable(locator)
            said = f"the environment variable {locator}"
            return Origin(said, said, f'printf %s "${locator}" | ', "--data-file=-")
        return await asyncio.to_thread(_origin, locator)

    async def read(self, reference: str) -> Payload:
        """The value. Raises Misconfigured where there is none, or more than 64 KiB; no message holds a part of it."""
        scheme, locator = _parts(reference)
        if scheme == "typed":
            self._held(locator)
            return _checked(self._typed.pop(locator).reveal(), "the value that was typed")
        if scheme == "env":
            return _checked(self._variable(locator), f"the environment variable {locator}")
        return await asyncio.to_thread(_read, locator)

    def _held(self, number: str) -> None:
        if number not in self._typed:
            raise Misconfigured("the value that was typed is no longer held", hint="begin again, and type it again")

    def _variable(self, name: str) -> bytes:
        value = self._environ.get(name)
        if value is None:
            raise Misconfigured(f"the environment variable {name} is not set", hint=f"export {name}=...")
        return value.encode("utf-8", "surrogateescape")


def _parts(reference: str) -> tuple[str, str]:
    scheme, separator, locator = reference.partition(":")
    locator = locator.strip()
    if scheme == "cmd" and separator:
        raise Misconfigured("a command is not taken: its words would be recorded", hint=_HOW)
    named = scheme in ("file", "typed") or (scheme == "env" and _VARIABLE.fullmatch(locator))
    if not separator or not locator or not named:
        # The text is not repeated: it may be the secret itself, written where a reference belongs.
        raise Misconfigured("from must say where the value is, not what it is", hint=_HOW)
    return scheme, locator


def _origin(locator: str) -> Origin:
    path = Path(locator).expanduser().absolute()
    found = _status(path)
    if found.st_size > MOST_BYTES:
        raise Misconfigured(f"the file {_shown(path)} has more than {MOST_BYTES // 1024} KiB", hint="is it the one?")
    if not found.st_size:
        raise Misconfigured(f"the file {_shown(path)} is empty", hint="is it the one?")
    said = f"the file {_shown(path)}"
    changed = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
    warnings = [f"{_shown(path)} can be read by others on this machine"] if found.st_mode & 0o077 else []
    return Origin(said, f"{said}, last written {changed}", "", f"--data-file={path}", tuple(warnings))


def _read(locator: str) -> Payload:
    path = Path(locator).expanduser().absolute()
    _status(path)
    try:
        with path.open("rb") as file:
            return _checked(file.read(MOST_BYTES + 1), f"the file {_shown(path)}")
    except OSError as error:
        raise Misconfigured(f"cannot read {_shown(path)}: {error.strerror}", hint="check path and owner") from None


def _status(path: Path) -> os.stat_result:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise Misconfigured(f"cannot read {_shown(path)}: {reason}", hint="check path and owner") from None
    if not stat.S_ISREG(found.st_mode):  # a FIFO or a device could hold this thread for ever
        raise Misconfigured(f"{_shown(path)} is not a regular file", hint="check the path")
    return found


def _checked(value: bytes, said: str) -> Payload:
    size = len(value)
    payload = Payload(value)
    del value  # no frame that raises holds it
    if not size:
        raise Misconfigured(f"{said} is empty", hint="a secret without a value is a mistake")
    if size > MOST_BYTES:
        raise Misconfigured(f"{said} has more than {MOST_BYTES // 1024} KiB", hint="Secret Manager takes no more")
    return payload


def _shown(path: Path) -> str:
    return clean(str(path), 300)
