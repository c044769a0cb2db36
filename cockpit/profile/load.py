"""A profile's file -> `Profile`, or all that is wrong with it at once."""

from __future__ import annotations

import json
import os
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

from cockpit.profile.consistency import dotted
from cockpit.profile.fields import NAME_PATTERN, URL_PATTERN, parse_duration
from cockpit.profile.positions import Path as KeyPath
from cockpit.profile.positions import nearest, positions
from cockpit.profile.problems import Problem, ProfileProblems, nearest_name
from cockpit.profile.schema import Profile, Section
from cockpit.profile.toml import Document, read
from cockpit.text import clean

_MAX_BYTES = 1024 * 1024
_QUOTED = re.compile(r"'([^']*)'")
_PATTERNS = {
    NAME_PATTERN: "must be a short name of lower-case letters, digits, dots, dashes and underscores",
    URL_PATTERN: "must be a URL that begins with http:// or https://",
}
_SOURCE_KINDS = ("health", "database", "redis", "cloud_run", "logs")
# What people call these tables elsewhere.
_SYNONYMS: dict[KeyPath, str] = {
    ("postgres",): "database",
    ("postgresql",): "database",
    ("cache",): "redis",
    ("valkey",): "redis",
    ("revisions",): "cloud_run",
    ("service",): "cloud_run",
    ("http",): "health",
    ("endpoint",): "health",
    ("env",): "environment",
    ("name",): "system",
}
_PLAIN = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false, without quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "finite_number": "must be a number",
    "dict_type": 'must be a table: { key = "value" }',
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


def load(path: Path) -> Profile:
    """The profile in that file; the paths of its runbook made absolute, from the profile's folder.

    Raises ProfileProblems with everything that is wrong with it.
    """
    document = read(_text(path))
    problems = [Problem(path, slip.position.line, slip.position.column, "", slip.message) for slip in document.slips]
    profile: Profile | None = None
    if document.data is not None:
        profile, mistakes = _validate(document, path)
        problems += mistakes
    if problems or profile is None:
        raise ProfileProblems(problems)
    return _placed(profile, path)


def _placed(profile: Profile, path: Path) -> Profile:
    """Runbooks, backups and scripts lie beside the profile that names them, wherever the cockpit was started."""

    def absolute(text: str) -> str:
        # Not resolve(): a link may lead elsewhere tomorrow, and is followed when it is read.
        return os.path.abspath(path.parent / Path(text).expanduser())  # noqa: PTH100

    if any(table.backups for table in profile.kubernetes):
        tables = tuple(
            table.model_copy(update={"backups": absolute(table.backups)}) if table.backups else table
            for table in profile.kubernetes
        )
        profile = profile.model_copy(update={"kubernetes": tables})
    if profile.script:
        scripts = tuple(
            each.model_copy(update={"directory": absolute(each.directory or ".")}) for each in profile.script
        )
        profile = profile.model_copy(update={"script": scripts})
    runbook = profile.runbook
    if runbook is None:
        return profile
    folder = runbook.working_directory
    places = {
        "files": tuple(absolute(file) for file in runbook.files),
        "working_directory": None if folder is None else absolute(folder),
    }
    return profile.model_copy(update={"runbook": runbook.model_copy(update=places)})


def _text(path: Path) -> str:
    def whole_file(message: str) -> ProfileProblems:
        return ProfileProblems([Problem(path, 0, 0, "", message)])

    try:
        if not path.is_file():
            raise whole_file("is not a file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise whole_file(f"cannot be read: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise whole_file("is larger than 1 MiB: that is no profile")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ProfileProblems([Problem(path, line, column, "", "is not UTF-8 text from here on")]) from None


def _validate(document: Document, file: Path) -> tuple[Profile | None, list[Problem]]:
    """The profile, and what is wrong; what only follows from a line in doubt is left out."""
    data = document.data or {}
    found = positions(document.text)
    doubtful = {path for path, place in found.items() if place.line in document.doubtful}
    problems: list[Problem] = []

    def note(path: KeyPath, message: str, meant: str = "") -> None:
        place = nearest(found, path)
        if place.line not in document.doubtful:
            key = clean(dotted(path), 120)
            problems.append(Problem(file, place.line, place.column, key, message, meant))

    profile: Profile | None = None
    try:
        profile = _model(data)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            path = _path(details["loc"], data)
            if details["type"] != "value_error" or not _model_at(path):
                note(path, _message(details, path, data), _meant(details, path, data))
    # What contradicts itself within a table pydantic tells only where the rest of it is right.
    for path, message in _conflicts(data, Profile):
        if not any(known[0] == path[0] for known in doubtful):
            note(path, message)
    if profile is not None and not problems and profile.without_sources():
        note((), f"there is nothing to look at: add {', '.join(f'[[{kind}]]' for kind in _SOURCE_KINDS)}")
    return profile, problems


def _model(data: Mapping[str, object]) -> Profile:
    """Validated as JSON: only there does pydantic's strict mode take a list for a tuple.

    A TOML date becomes a table that no field takes, for JSON has no dates and no field wants one.
    """
    return Profile.model_validate_json(json.dumps(data, default=lambda _: {"date": True}), strict=True)


def _conflicts(data: object, annotation: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """The contradictions of each table from here down, with their places."""
    annotation = _bare(annotation)
    if isinstance(data, list):
        for index, inner in enumerate(data):
            yield from _conflicts(inner, (typing.get_args(annotation) or (None,))[0], (*path, index))
    elif isinstance(data, Mapping) and isinstance(annotation, type) and issubclass(annotation, Section):
        fields = annotation.model_fields
        defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
        for conflict in annotation.conflicts({**defaults, **data}):
            yield (*path, *conflict.path), conflict.message
        for name, field in fields.items():
            key = field.alias or name
            if key in data:
                yield from _conflicts(data[key], field.annotation, (*path, key))


def _path(location: tuple[str | int, ...], data: object) -> KeyPath:
    """The part of pydantic's location that exists in the data; the last key may be a missing one."""
    path: KeyPath = ()
    for part in location:
        if isinstance(data, Mapping):
            path, data = (*path, part), data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path, data = (*path, part), data[part]
        else:
            break
    return path


def _message(details: ErrorDetails, path: KeyPath, data: object) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{words} {context[key]:g}{' s' if _is_duration(path) else ''}"
    match kind:
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return _unknown_key(path)
        case "literal_error":
            return f"must be {'one of ' if ',' in context['expected'] else ''}{context['expected']}"
        case "string_pattern_mismatch":
            return _PATTERNS.get(context["pattern"], "has not the right form")
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "tuple_type":
            return _not_a_list(path, data)
        case "model_type":
            return f"must be a table: write [{dotted(path)}]"
        case _:
            return "has a value of the wrong kind"


def _not_a_list(path: KeyPath, data: object) -> str:
    table = isinstance(_value(path, data), Mapping)
    return f"must be a list of tables: write [[{dotted(path)}]]" if table else "must be a list: [ ..., ... ]"


def _unknown_key(path: KeyPath) -> str:
    known = _names(path[:-1])
    if len(path) > 1 and path[-1] in Profile.model_fields:
        return "unknown key here; keys of the whole profile stand above its first [table]"
    if nearest_name(str(path[-1]), known) or _SYNONYMS.get(path):
        return "unknown key"
    return f"unknown key; known here: {', '.join(known)}"


def _meant(details: ErrorDetails, path: KeyPath, data: object) -> str:
    if details["type"] == "extra_forbidden" and not (len(path) > 1 and path[-1] in Profile.model_fields):
        return _SYNONYMS.get(path) or nearest_name(str(path[-1]), _names(path[:-1]))
    if details["type"] == "literal_error":
        return nearest_name(str(_value(path, data)), _QUOTED.findall(details.get("ctx", {})["expected"]))
    return ""


def _value(path: KeyPath, data: object) -> object:
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
    return data


def _names(path: KeyPath) -> list[str]:
    """The keys that the table at `path` may have, as they are written."""
    model = _model_at(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _is_duration(path: KeyPath) -> bool:
    table = _model_at(path[:-1])
    if table is None:
        return False
    for name, field in table.model_fields.items():
        if path[-1] in (name, field.alias):
            return any(
                isinstance(mark, BeforeValidator) and mark.func is parse_duration
                for mark in (*field.metadata, *_marks(field.annotation))
            )
    return False


def _marks(annotation: object) -> Iterator[object]:
    if typing.get_origin(annotation) is Annotated:
        yield from typing.get_args(annotation)[1:]
    for inner in typing.get_args(annotation):
        yield from _marks(inner)


def _model_at(path: KeyPath) -> type[Section] | None:
    """The table that the schema has at `path`, None where it has none."""
    annotation: object = Profile
    for part in path:
        if isinstance(part, int):
            annotation = (typing.get_args(annotation) or (None,))[0]
        elif isinstance(annotation, type) and issubclass(annotation, Section):
            fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
            annotation = fields[part].annotation if part in fields else None
        else:
            return None
        annotation = _bare(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _bare(annotation: object) -> object:
    """Without Annotated, and without the None of an optional field."""
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next(inner for inner in typing.get_args(annotation) if inner is not type(None))
        else:
            return annotation
