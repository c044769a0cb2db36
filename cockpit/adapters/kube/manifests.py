"""Manifests on this machine: the objects of a file or folder as kubectl apply -f takes them. Nothing is sent.

YAML is read without timestamps (they stay texts, as in JSON) and without merge keys, within bounds on size, depth and
number of values: a few lines of YAML can stand for gigabytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cockpit.adapters.kube.fields import parts
from cockpit.adapters.kube.terms import Json
from cockpit.errors import Misconfigured
from cockpit.text import clean, counted

MOST_BYTES = 4 << 20
MOST_DEEP = 60
MOST_VALUES = 500_000
MOST_OBJECTS = 200
ENDINGS = (".yaml", ".yml", ".json")  # that kubectl takes of a folder


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # PyYAML has no types
    """Plain values only."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a path holds."""

    path: str
    digest: str  # sha256 of all of it
    objects: tuple[Json, ...]  # in their order, lists taken apart


def read_manifests(given: str) -> Manifests:
    """Blocking. Raises Misconfigured for what cannot be read, is no manifest, or is too much."""
    path = Path(given).expanduser().absolute()
    digest = hashlib.sha256()
    objects: list[Json] = []
    size = 0
    for file in _files(path):
        try:
            content = file.read_bytes()
        except OSError as error:
            raise Misconfigured(f"{_shown(file)} cannot be read: {error.strerror}") from None
        size += len(content)
        if size > MOST_BYTES:
            raise Misconfigured(f"{_shown(path)} is larger than {MOST_BYTES >> 20} MB", hint="apply it in parts")
        digest.update(file.name.encode() + b"\0" + content)
        objects.extend(_objects(file, content))
    if len(objects) > MOST_OBJECTS:
        said = f"{_shown(path)} holds {counted(len(objects), 'object')}"
        raise Misconfigured(f"{said}, more than {MOST_OBJECTS}", hint="apply it in parts")
    if not objects:
        raise Misconfigured(f"{_shown(path)} holds no object")
    return Manifests(_shown(path), digest.hexdigest(), tuple(objects))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix in ENDINGS and each.is_file())
        if not found:
            raise Misconfigured(f"{_shown(path)} holds no {', '.join(ENDINGS)}")
        return found
    if not path.is_file():
        hint = "a path that does not begin with / is looked for where the cockpit was started"
        raise Misconfigured(f"there is no file {_shown(path)}", hint=hint)
    return [path]


def _objects(file: Path, content: bytes) -> Iterator[Json]:
    try:
        _bounded(content)
        documents = list(yaml.load_all(content, Loader=_Loader))
        left = [MOST_VALUES]
        for each in documents:
            _counted(each, left)
        json.dumps(documents)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise Misconfigured(f"{_shown(file)} is no YAML{line}") from None
    except (RecursionError, ValueError, TypeError, UnicodeError):
        raise Misconfigured(
            f"{_shown(file)} cannot be understood: too deep, too much, merge keys (<<), or no JSON in it"
        ) from None
    for each in documents:
        if each is None:
            continue
        if not isinstance(each, dict) or not isinstance(each.get("kind"), str) or not each.get("apiVersion"):
            raise Misconfigured(f"{_shown(file)} holds something without apiVersion and kind")
        yield from parts(each, "items") if each["kind"].endswith("List") and "items" in each else [each]


def _bounded(content: bytes) -> None:
    """Raises ValueError for what is nested too deep, or merged: the loader would not come back from it."""
    depth = 0
    for event in yaml.parse(content, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEEP:
                raise ValueError("too deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise ValueError("merged")


def _counted(value: Any, left: list[int], depth: int = 0) -> None:
    """Raises ValueError for more values than anybody writes: aliases stand for the whole that they name."""
    left[0] -= 1
    if left[0] < 0 or depth > MOST_DEEP:
        raise ValueError("too much")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key is no text")
        for each in value.values():
            _counted(each, left, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _counted(each, left, depth + 1)


def _shown(path: Path) -> str:
    return clean(str(path), 300)
