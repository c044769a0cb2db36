"""The files of a kubeconfig, merged as kubectl does: the first file that names an entry wins, and a path inside an
entry is relative to the file that holds it (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cockpit.errors import Misconfigured
from cockpit.text import clean

MOST_BYTES = 8 << 20
MOST_DEEP = 50
_NULLS = ("", "~", "null", "Null", "NULL")
# Every scalar stays text: a token of digits is not a number, a name "no" is not false.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """A cluster, user or context: its fields as they are written, and the file that holds it."""

    name: str
    fields: Mapping[str, Any]
    file: Path

    def text(self, key: str) -> str:
        """A field that is a text, "" where it is missing."""
        return text_of(self.fields.get(key), f"{shown(self.file)}: {key} of {clean(self.name, 120)}")

    def path(self, key: str) -> str:
        """A field that names a file, as an absolute path; "" where it is missing."""
        said = self.text(key)
        return str(self.file.parent / said) if said else ""


@dataclass(slots=True)
class Files:
    """What all files say together."""

    read: list[Path] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    current: str = ""
    clusters: dict[str, Entry] = field(default_factory=dict)
    users: dict[str, Entry] = field(default_factory=dict)
    contexts: dict[str, Entry] = field(default_factory=dict)

    @property
    def named(self) -> str:
        """The files in words."""
        return ", ".join(shown(each) for each in self.read or self.missing) or "no kubeconfig"


def shown(path: Path) -> str:
    """A path as it may be shown."""
    return clean(str(path), 200)


def places_of(kubeconfig: str | None, environ: Mapping[str, str]) -> tuple[list[Path], bool]:
    """Which files count, and whether they must exist: the one of the profile, $KUBECONFIG, else ~/.kube/config."""
    home = environ.get("HOME", "")
    if kubeconfig:
        return [_expanded(kubeconfig, home)], True
    listed = [each for each in environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    if listed:
        return [_expanded(each, home) for each in dict.fromkeys(listed)], False
    return ([Path(home, ".kube", "config")] if home else []), False


def _expanded(path: str, home: str) -> Path:
    if home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    return Path(path).absolute()


def merged(paths: list[Path], *, required: bool) -> Files:
    """Read and merge. Blocking. Raises Misconfigured for a file that cannot be read or understood."""
    files = Files()
    for path in paths:
        content = _content(path, required=required)
        if content is None:
            files.missing.append(path)
            continue
        files.read.append(path)
        _merge(files, path, _parsed(path, content))
    return files


def _content(path: Path, *, required: bool) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        if not required:
            return None
        raise Misconfigured(
            f"the kubeconfig {shown(path)} does not exist", hint="check kubeconfig in the profile"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise Misconfigured(
            f"the kubeconfig {shown(path)} cannot be read: {clean(str(reason), 120)}", hint="check its permissions"
        ) from None
    if len(content) > MOST_BYTES:
        raise Misconfigured(
            f"the kubeconfig {shown(path)} is larger than {MOST_BYTES >> 20} MB", hint="name another file"
        )
    return content


def _parsed(path: Path, content: bytes) -> Mapping[str, Any]:
    fix = f"kubectl config view --kubeconfig {shown(path)} says where"
    try:
        _shallow(content)
        value = yaml.load(content, Loader=_LOADER)  # noqa: S506 - the base loader makes texts, lists and maps only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        # Its own words would quote the file, and with it a token.
        raise Misconfigured(f"the kubeconfig {shown(path)} is no YAML{line}", hint=fix) from None
    except (RecursionError, ValueError, UnicodeError):
        raise Misconfigured(f"the kubeconfig {shown(path)} cannot be understood", hint=fix) from None
    if value is None or (isinstance(value, str) and value.strip() in _NULLS):
        return {}  # an empty file is a kubeconfig with nothing in it, for kubectl too
    if not isinstance(value, dict):
        raise Misconfigured(f"the kubeconfig {shown(path)} is no kubeconfig: it holds no mapping", hint=fix)
    kind = value.get("kind")
    if isinstance(kind, str) and kind not in ("", "Config"):
        raise Misconfigured(
            f"{shown(path)} is no kubeconfig: its kind is {clean(kind, 60)}", hint="check kubeconfig in the profile"
        )
    return value


def _shallow(content: bytes) -> None:
    """Raises ValueError for what is nested deeper than any kubeconfig: libyaml would crash the process on it."""
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEEP:
                raise ValueError("too deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _merge(files: Files, path: Path, value: Mapping[str, Any]) -> None:
    files.current = files.current or text_of(value.get("current-context"), f"{shown(path)}: current-context")
    for key, one, into in (
        ("clusters", "cluster", files.clusters),
        ("users", "user", files.users),
        ("contexts", "context", files.contexts),
    ):
        listed = value.get(key)
        if isinstance(listed, str) and listed.strip() in _NULLS:
            continue
        if listed is None:
            continue
        if not isinstance(listed, list):
            raise Misconfigured(f"{shown(path)}: {key} is no list", hint="look at the file")
        here: set[str] = set()
        for element in listed:
            entry = _entry(path, one, element)
            if entry.name in here:
                raise Misconfigured(
                    f"{shown(path)}: two entries of {key} are named {clean(entry.name, 120)}",
                    hint="remove or rename one of them",
                )
            here.add(entry.name)
            into.setdefault(entry.name, entry)


def _entry(path: Path, one: str, element: object) -> Entry:
    if not isinstance(element, dict):
        raise Misconfigured(f"{shown(path)}: a {one} is no mapping", hint="look at the file")
    name = text_of(element.get("name"), f"{shown(path)}: name of a {one}")
    fields = element.get(one)
    if fields is None or (isinstance(fields, str) and fields.strip() in _NULLS):
        fields = {}
    if not isinstance(fields, dict):
        raise Misconfigured(f"{shown(path)}: {one} {clean(name, 120)} is no mapping", hint="look at the file")
    return Entry(name, fields, path)


def text_of(value: object, what: str) -> str:
    """A text, "" for none. Raises Misconfigured for a list or a mapping."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Misconfigured(f"{what} is no text", hint="look at the file")
    return "" if value in _NULLS else value
