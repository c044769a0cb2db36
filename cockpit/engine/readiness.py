"""How far a profile's runbook is ready for an incident: read, accepted, bound; and what is missing, with the fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.engine.offers import Offers, Unplaced
from cockpit.engine.reading import Book, read_book, texts_of
from cockpit.errors import CockpitError
from cockpit.model.command import Kind
from cockpit.model.diagnosis import Diagnosis
from cockpit.profile.consistency import SOURCE_IDS
from cockpit.runbooks.trust import Accepted, Changed, Trust, TrustState
from cockpit.text import clean

if TYPE_CHECKING:
    from cockpit.engine.engine import Engine
    from cockpit.profile.schema import RunbookFiles

_TABLES = {kind: table for table, kind in SOURCE_IDS.items()}
_MOST_LINES = 5  # of the file, named for one finding


def examine(engine: Engine) -> tuple[Diagnosis, ...]:
    """One finding for each file, for the trust, and for each name that leads nowhere. Blocking, up to a second.

    Empty for a profile without a runbook. The engine must be prepared.
    """
    runbook = engine.profile.runbook
    if runbook is None:
        return ()
    paths = [Path(file) for file in runbook.files]
    unreadable = [found for path in paths if (found := _unreadable(path)) is not None]
    if unreadable:
        return tuple(unreadable)
    try:
        book = read_book(paths, engine.profile.script)
        trust = Trust(engine.state_dir).state(book.texts)
    except CockpitError as error:
        return (Diagnosis("runbook", False, error.message, error.hint),)
    offers = Offers(
        runbook, engine.catalogue, engine.looks, engine.names, engine.profile.read_only, engine.profile.http_action
    )
    return (*_files(book, offers, runbook), _trusted(trust), *_unplaced(book, offers))


def _unreadable(path: Path) -> Diagnosis | None:
    try:
        texts_of([path])
    except CockpitError as error:
        return Diagnosis(clean(path.name, 100), False, error.message, error.hint)
    return None


def _files(book: Book, offers: Offers, runbook: RunbookFiles) -> Iterable[Diagnosis]:
    """How its commands are offered on this profile, file by file."""
    counts: dict[str, Counter[Kind]] = {}
    for (file, _, _), known in book.known.items():
        counts.setdefault(file, Counter())[offers.offered("", known, "", {}).kind] += 1
    for name, path in zip(book.runbook.files, runbook.files, strict=True):
        found = counts.get(name, Counter())
        said = f"{clean(path, 300)}: {found.total()} commands, {_counted(found)}"
        yield Diagnosis(clean(name, 100), True if found else None, said, "" if found else "is it the right file?")


def _counted(found: Mapping[Kind, int]) -> str:
    words = {Kind.LIVE: "live", Kind.NATIVE: "native", Kind.SCRIPT: "as scripts", Kind.NOT_UNDERSTOOD: "by hand"}
    return ", ".join(f"{found.get(kind, 0)} {word}" for kind, word in words.items())


def _trusted(trust: TrustState) -> Diagnosis:
    short = trust.digest[:12]
    if isinstance(trust, Accepted):
        return Diagnosis("accepted", True, f"{short} by {trust.who} at {trust.at:%Y-%m-%d %H:%M} UTC")
    if isinstance(trust, Changed):
        said = f"{short} is not what {trust.who} accepted at {trust.at:%Y-%m-%d %H:%M} UTC: nothing of it runs"
        return Diagnosis("accepted", None, said, "open the cockpit, press r, read what changed, and accept it")
    said = f"nobody has accepted {short} yet: it can be read, and nothing of it runs"
    return Diagnosis("accepted", None, said, "open the cockpit, press r, read it, and accept it")


def _unplaced(book: Book, offers: Offers) -> Iterable[Diagnosis]:
    """Each name once, however many commands have it; then each kind of source that the profile lacks."""
    names: dict[tuple[str, tuple[str, ...]], list[tuple[Unplaced, str]]] = {}
    kinds: dict[str, list[str]] = {}
    for (file, line, _), known in book.known.items():
        if (found := offers.unplaced(known)) is None:
            continue
        at = f"{file}:{line}"
        if not found.candidates:
            kinds.setdefault(found.pane.value, []).append(at)
        else:
            names.setdefault((found.name, found.candidates), []).append((found, at))
    for (name, candidates), where in names.items():
        said = f"{_places([at for _, at in where])}: {where[0][0].reason}"
        fix = f'if that is the same: [runbook] targets = {{ "{clean(name, 200)}" = "{candidates[0]}" }}'
        others = f" (or {', '.join(candidates[1:])})" if candidates[1:] else ""
        yield Diagnosis("target", None, said, f"{fix}{others}" if name else "")
    for kind, places in kinds.items():
        said = (
            f"{_places(places)}: the profile has no source of this kind ({kind}), so they are scripts or done by hand"
        )
        yield Diagnosis("target", None, said, f"add a [[{_TABLES.get(kind, kind)}]] to the profile")


def _places(where: list[str]) -> str:
    more = len(where) - _MOST_LINES
    shown = clean(", ".join(where[:_MOST_LINES]), 400) + (f" and {more} more" if more > 0 else "")
    return f"{len(where)} command{'s' if len(where) > 1 else ''} ({shown})"
