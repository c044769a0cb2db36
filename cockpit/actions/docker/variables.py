"""Variables as parameters: plain ones literally, secrets by reference only, for parameters are written to the audit
log. What a secret was before is held in memory, so that it can be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cockpit.adapters.payload import Payloads
from cockpit.errors import Misconfigured, Refused
from cockpit.text import UNSAFE

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PAIR = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[^\s'\"]\S*|)(?:\s+|$)")
_SECRET = re.compile(r"PASSW|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE|DSN$|(DATABASE|REDIS|BROKER)_URL$", re.IGNORECASE)
_LOOKS = re.compile(r"://[^/\s]*:[^\s]*@|-----BEGIN|^(eyJ|gh[pousr]_|sk-|sk_live_|AKIA|xox[abp]-)\S{12,}")
_PLAIN = re.compile(r"[^\s'\"]+")
_WRITABLE = 300  # characters of a value that a parameter may have
_HOW = 'secret = "NAME=env:VARIABLE" or "NAME=file:PATH"'
FORMER = "former:"


def secretive(name: str, value: str = "") -> bool:
    """By its name, or by what it looks like."""
    return bool(_SECRET.search(name) or _LOOKS.search(value))


def shown(name: str, value: str | None) -> str:
    """For the card: what looks like a secret is not."""
    if value is None:
        return "not set"
    return "***" if secretive(name, value) else value


def changes_of(given: str, unset: str) -> dict[str, str | None]:
    """Variables to set, and to remove. Raises Refused, which repeats no value."""
    found: dict[str, str | None] = dict(_pairs("set", given, '"RATE_LIMIT=5 MODE=soft"'))
    for name, value in found.items():
        if secretive(name, value or ""):
            raise Refused("parameters", f"{name} looks like a secret: set is written to the audit log", hint=_HOW)
    for name in unset.split():
        if not _NAME.fullmatch(name):
            raise Refused("parameters", f"{name[:60]} is no name of a variable")
        found[name] = None
    return found


def references_of(given: str) -> dict[str, str]:
    """Variable -> where its value is. Raises Refused, which repeats no value."""
    found = _pairs("secret", given, _HOW)
    for name, reference in found.items():
        scheme, sign, place = reference.partition(":")
        if scheme not in ("env", "file", FORMER[:-1]) or not sign or not place.strip():
            raise Refused("parameters", f"secret must say where the value of {name} is, not what it is", hint=_HOW)
    return found


def _pairs(param: str, given: str, hint: str) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = given.strip()
    while rest:
        match = _PAIR.match(rest)
        if match is None:
            raise Refused("parameters", f"{param} is no list of NAME=value: quote values with spaces", hint=hint)
        value = match[2]
        found[match[1]] = value[1:-1] if value[:1] in ("'", '"') else value
        rest = rest[match.end() :]
    return found


def written(values: Mapping[str, str | None], id: str) -> dict[str, str]:
    """Former values of a container as parameters; what is a secret, or cannot be written, by reference."""
    plain, kept, gone = [], [], []
    for name, value in values.items():
        if value is None:
            gone.append(name)
        elif held(name, value):
            kept.append(f"{name}={FORMER}{id[:12]}")
        elif not value or _PLAIN.fullmatch(value):
            plain.append(f"{name}={value}")
        else:
            plain.append(f"{name}='{value}'" if '"' in value else f'{name}="{value}"')
    said = {"set": plain, "secret": kept, "unset": gone}
    return {key: " ".join(words) for key, words in said.items() if words}


def held(name: str, value: str) -> bool:
    """It goes into no parameter."""
    both = "'" in value and '"' in value
    return secretive(name, value) or both or len(value) > _WRITABLE or UNSAFE.search(value) is not None


class Values:
    """Where the values of references come from."""

    def __init__(self) -> None:
        self._payloads = Payloads()
        self._former: dict[tuple[str, str], str] = {}  # container and variable

    def keep(self, id: str, values: Mapping[str, str | None]) -> None:
        """Hold those that go into no parameter, as long as the cockpit runs."""
        for name, value in values.items():
            if value is not None and held(name, value):
                self._former[(id[:12], name)] = value

    async def look(self, name: str, reference: str) -> tuple[str, str, tuple[str, ...]]:
        """Where it would come from, what changes when that does, and warnings. Raises Misconfigured."""
        if reference.startswith(FORMER):
            self._held(name, reference)
            return "the former value", reference, ()
        origin = await self._payloads.look(reference)
        return f"what {origin.said} holds", origin.identity, origin.warnings

    async def read(self, references: Mapping[str, str]) -> dict[str, str]:
        """The values, one line break at the end left out, as a shell does. Raises Misconfigured."""
        found = {}
        for name, reference in references.items():
            if reference.startswith(FORMER):
                found[name] = self._held(name, reference)
                continue
            value = (await self._payloads.read(reference)).reveal()
            try:
                found[name] = value.decode().removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError:
                raise Misconfigured(f"the value of {name} is no text", hint="a variable must be text") from None
            if "\0" in found[name]:
                raise Misconfigured(f"the value of {name} has a zero byte", hint="a variable must be text")
        return found

    def _held(self, name: str, reference: str) -> str:
        value = self._former.get((reference.removeprefix(FORMER), name))
        if value is None:
            said = f"the former value of {name} is no longer held: it was in the cockpit's memory only"
            raise Misconfigured(said, hint=f"give it from where it is kept: {_HOW}")
        return value
