"""A folder that holds a backup: written beside its place, 0600, read back, and moved there as a whole.

A folder without its manifest, or with `.part` in its name, is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cockpit.adapters.kube.terms import Json
from cockpit.errors import Misconfigured

MANIFEST = "MANIFEST"  # without an ending that kubectl apply -f FOLDER would take for an object
_MODE = 0o600


def folder_name(context: str, namespace: str, moment: str) -> str:
    """What the folder is called; anything odd in the names becomes "-"."""
    odd = re.compile(r"[^A-Za-z0-9._-]+")
    context, namespace = (odd.sub("-", each).strip(".-")[:80] or "unnamed" for each in (context, namespace))
    return f"{context}_{namespace}_{moment}"


def listed(items: list[Json]) -> bytes:
    """Objects as kubectl apply takes them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, ensure_ascii=False, indent=1).encode()


class Keepsake:
    """One backup while it is written. Blocking: call it in a thread. Raises Misconfigured with what the disk said."""

    def __init__(self, root: Path, name: str) -> None:
        self.place = root / name
        self._part = root / f".{name}.part"
        self.digests: dict[str, str] = {}  # file -> sha256

    def open(self) -> None:
        """Make the folder, for nobody else to read. One that exists already is not touched."""
        if self.place.exists():
            raise Misconfigured(f"{self.place} exists already", hint="try again in a second")
        with _Said(self.place):
            self._part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._part.mkdir(mode=0o700)

    def write(self, name: str, content: bytes) -> None:
        """One file, on the disk when this returns, and the same when it is read again."""
        path = self._part / name
        with _Said(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            digest = hashlib.sha256(content).hexdigest()
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                raise Misconfigured(f"{path} reads otherwise than it was written", hint="look at that disk")
        self.digests[name] = digest

    def close(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest and move everything to its place."""
        whole = {**facts, "sha256": dict(sorted(self.digests.items()))}
        self.write(MANIFEST, json.dumps(whole, ensure_ascii=False, indent=1).encode())
        with _Said(self.place):
            _synced(self._part)
            self._part.rename(self.place)
            _synced(self.place.parent)

    def drop(self) -> None:
        """Nothing of what was written is left, unless it was closed."""
        shutil.rmtree(self._part, ignore_errors=True)


def damage(place: Path) -> str:
    """What is wrong with a backup as it lies on the disk, "" for nothing."""
    try:
        manifest = json.loads((place / MANIFEST).read_bytes())
        for name, digest in manifest["sha256"].items():
            path = place / name
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                return f"{name} is not as it was written"
            if path.stat().st_mode & 0o077:
                return f"{name} can be read by others"
            if path.suffix == ".json":
                json.loads(content)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except (ValueError, KeyError, AttributeError):
        return f"the manifest in {place} makes no sense"
    return ""


def _synced(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Said:
    """Errors of the disk in the operator's words."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise Misconfigured(
                f"{self._path} cannot be written: {error.strerror}", hint="look at backups in the profile"
            ) from error
