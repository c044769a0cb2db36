"""Whether a runbook may run anything: accepted once by somebody, in exactly this text.

What was accepted is kept with its text, so that a later change can be shown as a difference.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cockpit.errors import Misconfigured
from cockpit.text import clean

DIFF_LINES = 400
_LINE_CHARS = 400
_MAX_BYTES = 64 * 1024 * 1024
_COMPARED = 4_000_000  # pairs of lines: beyond it a change is shown as all out, all in

Texts = Sequence[tuple[str, str]]
"""Name and text of each file, in the profile's order."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody read this very text and said yes."""

    digest: str
    at: datetime  # UTC
    who: str


@dataclass(frozen=True, slots=True)
class New:
    """Nobody has said yes to any text of these files."""

    digest: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Another text was accepted. `diff` is unified, cleaned, at most 400 lines; `cut` where there is more."""

    digest: str
    diff: tuple[str, ...]
    cut: bool
    at: datetime  # UTC, when the other one was accepted
    who: str


TrustState = Accepted | New | Changed


def digest_of(texts: Texts) -> str:
    """sha256 (hex) over names and texts. The lengths are in it, so that no text can pass for two."""
    whole = hashlib.sha256()
    for part in itertools.chain.from_iterable(texts):
        data = part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big"))
        whole.update(data)
    return whole.hexdigest()


class Trust:
    """What was accepted on this machine, by files: one JSON file, 0600, for each set of paths. Its methods block."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "runbooks"

    def state(self, texts: Texts) -> TrustState:
        """How these texts stand. What cannot be read, or is no such record, was never accepted."""
        digest, known = digest_of(texts), self._known(texts)
        if known is None:
            return New(digest)
        accepted, at, who = known
        # Compared by their text: a record that was edited by hand counts for nothing else than what it holds.
        if digest_of(accepted) == digest:
            return Accepted(digest, at, who)
        lines = list(itertools.islice(_diff(accepted, texts), DIFF_LINES + 1))
        return Changed(digest, tuple(lines[:DIFF_LINES]), len(lines) > DIFF_LINES, at, who)

    def accept(self, texts: Texts, who: str, now: datetime) -> Accepted:
        """Say yes to these texts; durable when it returns. Raises Misconfigured when it cannot be kept."""
        body = {"at": now.astimezone(UTC).isoformat(), "who": who, "texts": [list(text) for text in texts]}
        path = self._path(texts)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_durably(temporary, json.dumps(body).encode())
            temporary.replace(path)
            _sync_folder(self._folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise Misconfigured(
                f"that the runbook was accepted cannot be kept in {path}: {error.strerror}",
                hint="Free space or mend the permissions: until then nothing of it runs",
            ) from error
        return Accepted(digest_of(texts), now, who)

    def _known(self, texts: Texts) -> tuple[list[tuple[str, str]], datetime, str] | None:
        try:
            with self._path(texts).open("rb") as file:
                body = json.loads(file.read(_MAX_BYTES))
            accepted = [(str(name), str(text)) for name, text in body["texts"]]
            return accepted, datetime.fromisoformat(body["at"]).astimezone(UTC), clean(str(body["who"]), 200)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _path(self, texts: Texts) -> Path:
        names = json.dumps([name for name, _ in texts])
        return self._folder / f"{hashlib.sha256(names.encode()).hexdigest()[:16]}.json"


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _diff(before: Texts, after: Texts) -> Iterator[str]:
    """The difference of each file, in order; the names are the same, for the record is kept by them."""
    for (name, old), (_, new) in zip(before, after, strict=False):
        if old != new:
            yield from (clean(line, _LINE_CHARS) for line in _unified(name, old.split("\n"), new.split("\n")))


def _unified(name: str, old: list[str], new: list[str]) -> Iterator[str]:
    """A unified difference in time that does not explode, whatever the lines are."""
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    tail = min(len(old), len(new)) - same
    ends = zip(reversed(old), reversed(new), strict=False)
    last = sum(1 for _ in itertools.islice(itertools.takewhile(lambda pair: pair[0] == pair[1], ends), tail))
    changed_old, changed_new = old[same : len(old) - last], new[same : len(new) - last]
    if len(changed_old) * len(changed_new) <= _COMPARED:
        yield from difflib.unified_diff(old, new, f"{name} (accepted)", f"{name} (now)", lineterm="")
        return
    yield f"--- {name} (accepted)"
    yield f"+++ {name} (now)"
    yield f"@@ -{same + 1},{len(changed_old)} +{same + 1},{len(changed_new)} @@"
    yield from (f"-{line}" for line in changed_old)
    yield from (f"+{line}" for line in changed_new)
