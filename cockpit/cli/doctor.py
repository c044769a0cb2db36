"""`cockpit doctor`: whether each source can be reached, what the cockpit may do there, and how to grant the rest.

And how far the runbook is ready: read, accepted, its names bound to sources.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.exits import EXIT_CODES, Exit, on_loop
from cockpit.cli.options import Given, with_json, with_profile
from cockpit.cli.output import Style, say, say_json, table
from cockpit.errors import CockpitError
from cockpit.model.diagnosis import Diagnosis
from cockpit.model.severity import Severity
from cockpit.text import counted

if TYPE_CHECKING:
    from cockpit.engine.compose import Part
    from cockpit.engine.engine import Engine

GRACE_S = 1.0
_MORE = 3  # a diagnosis asks several questions, each with the source's deadline
_MARKS = {True: Severity.OK, None: Severity.WARN, False: Severity.CRIT}


@dataclass(frozen=True, slots=True)
class Examined:
    """One source, the cockpit's own ground ("cockpit"), the runbook ("runbook"), the account at Google ("google")."""

    source: str
    kind: str
    reachable: bool | None
    latency_ms: float | None
    found: tuple[Diagnosis, ...]

    @property
    def severity(self) -> Severity:
        """The worst of what was found."""
        return max((_MARKS[diagnosis.ok] for diagnosis in self.found), default=Severity.OK)


@click.command(epilog=EXIT_CODES)
@with_profile
@with_json
def doctor(given: Given, as_json: bool) -> int:
    """Examine each source: reachable, permitted, how fast, what is missing and how to grant it; and the runbook.

    Exit code 0: all is well; 1: something works in a lesser way; 2: something does not work.
    """
    examined = on_loop(_examine(given))
    if as_json:
        scene = {"system": given.profile.system, "environment": given.profile.environment}
        say_json({**scene, "sources": [_json(one) for one in examined]})
    else:
        _print(given, examined)
    worst = max(one.severity for one in examined)
    return {Severity.OK: Exit.OK, Severity.WARN: Exit.WARN}.get(worst, Exit.CRIT)


async def _examine(given: Given) -> list[Examined]:
    from cockpit.engine.engine import Engine

    engine = Engine(given.profile)
    try:
        await engine.prepare()
        own = await asyncio.to_thread(_own_ground, given, engine)
        book = await asyncio.to_thread(_runbook, engine)
        sources = await asyncio.gather(*(_source(part) for part in engine.parts))
        return [own, *book, *_google(engine), *sources]
    finally:
        await engine.close()


async def _source(part: Part) -> Examined:
    """One poll for reachability and latency, then what the adapter says of itself."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    found: list[Diagnosis] = []
    latency_ms: float | None = None
    try:
        async with asyncio.timeout(part.timeout_s + GRACE_S):
            observation = await part.probe.probe()
        latency_ms = (loop.time() - started) * 1000
        found.append(Diagnosis("poll", True, observation.summary))
    except CockpitError as error:
        found.append(Diagnosis("poll", False, f"{error.word}: {error.message}", error.hint))
    except TimeoutError:
        found.append(Diagnosis("poll", False, f"no answer in {part.timeout_s:g} s", "is it alive, is the way open?"))
    reachable = found[0].ok
    told = await _said_by_adapter(part)
    if any(diagnosis.ok is False for diagnosis in told) and not reachable:
        found = []  # the adapter says where exactly it fails
    return Examined(part.source, part.kind.value, reachable, latency_ms, (*found, *told))


async def _said_by_adapter(part: Part) -> Sequence[Diagnosis]:
    from cockpit.adapters.capabilities import Diagnosing

    if not isinstance(part.adapter, Diagnosing):
        return ()
    try:
        async with asyncio.timeout(part.timeout_s * _MORE + GRACE_S):
            return await part.adapter.diagnose()
    except TimeoutError:
        return (Diagnosis("diagnosis", None, f"not finished in {part.timeout_s * _MORE:g} s"),)
    except CockpitError as error:
        return (Diagnosis("diagnosis", False, f"{error.word}: {error.message}", error.hint),)


def _own_ground(given: Given, engine: Engine) -> Examined:
    """The profile's file and the audit log. Blocking."""
    found = [_profile_file(given.path), _audit_log(engine)]
    for name, path in _secret_files(given):
        found += _secret_file(name, path)
    return Examined("cockpit", "cockpit", True, None, tuple(found))


def _google(engine: Engine) -> list[Examined]:
    """As whom and by which way Google is asked, once the sources have asked it."""
    from cockpit.engine.google import ground

    found = ground(engine.profile, engine.clock)
    return [Examined("google", "google", None, None, found)] if found else []


def _runbook(engine: Engine) -> list[Examined]:
    """The team's runbook on this profile, where it has one. Blocking."""
    from cockpit.engine.readiness import examine

    found = examine(engine)
    return [Examined("runbook", "runbook", found[0].ok, None, found)] if found else []


def _profile_file(path: Path) -> Diagnosis:
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        # It names commands that the cockpit runs (cmd: references, the block action).
        return Diagnosis("profile", False, f"{path} can be changed by every account", f"chmod o-w {path}")
    return Diagnosis("profile", True, f"{path} is valid")


def _audit_log(engine: Engine) -> Diagnosis:
    path = engine.audit.path
    try:
        count, problems = engine.audit.verify()
    except CockpitError as error:
        return Diagnosis("audit log", False, error.message, error.hint or "until then nothing above T1 runs")
    if problems:
        return Diagnosis("audit log", False, f"{path} is not intact", "cockpit audit verify")
    place = next(place for place in (path, *path.parents) if place.exists())
    if not os.access(place, os.W_OK):
        return Diagnosis(
            "audit log", False, f"{place} cannot be written: nothing above T1 runs", f"chmod u+w {place}"
        )
    return Diagnosis("audit log", True, f"{path}: {counted(count, 'line')}, intact")


def _secret_files(given: Given) -> list[tuple[str, Path]]:
    from pydantic import BaseModel

    from cockpit.profile.secrets import SecretRef

    found: list[tuple[str, Path]] = []

    def walk(value: object, name: str) -> None:
        if isinstance(value, SecretRef) and value.scheme == "file":
            found.append((name, Path(value.locator).expanduser()))
        elif isinstance(value, tuple):
            for index, inner in enumerate(value):
                walk(inner, f"{name}[{index}]")
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}")
        elif isinstance(value, BaseModel):
            for key, inner in vars(value).items():
                walk(inner, f"{name}.{key}" if name else key)

    walk(given.profile, "")
    return found


def _secret_file(name: str, path: Path) -> list[Diagnosis]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return [Diagnosis(name, False, f"{path}: {error.strerror}", "check path and owner")]
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [Diagnosis(name, None, f"{path} can be read by other accounts", f"chmod 600 {path}")]
    return []


def _print(given: Given, examined: Sequence[Examined]) -> None:
    style = Style.of()
    say(style.strong(f"{given.profile.system} {given.profile.environment}"))
    for one in examined:
        latency = f"  {one.latency_ms:.0f} ms" if one.latency_ms is not None else ""
        say(f"\n{style.strong(one.source)}{latency}")
        rows = table([(diagnosis.check, diagnosis.detail) for diagnosis in one.found])
        for diagnosis, row in zip(one.found, rows, strict=True):
            say(f"  {style.mark(_MARKS[diagnosis.ok])}  {style.plain(row)}")
            if diagnosis.fix:
                say(style.plain(f"{'':13}→ {diagnosis.fix}"))


def _json(one: Examined) -> dict[str, Any]:
    return {
        "source": one.source,
        "kind": one.kind,
        "severity": one.severity.word,
        "reachable": one.reachable,
        "latency_ms": None if one.latency_ms is None else round(one.latency_ms, 1),
        "checks": [
            {"check": diagnosis.check, "ok": diagnosis.ok, "detail": diagnosis.detail, "fix": diagnosis.fix}
            for diagnosis in one.found
        ],
    }
