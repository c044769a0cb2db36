"""What must fit together in and across the tables of a profile: unique names, references that lead somewhere.

The rules take plain data, so that they can also judge a table that has other mistakes; a part of an unexpected type
is passed over, for the schema reports it. Paths are relative to the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.model.sql import NotOne, tokens

SOURCE_IDS = {
    "health": "health",
    "database": "database",
    "redis": "redis",
    "cloud_run": "revisions",
    "logs": "logs",
    "metrics": "metrics",
    "cloud_sql": "cloudsql",
    "memorystore": "memorystore",
    "armor": "armor",
    "secrets": "secrets",
    "access": "access",
    "kubernetes": "workloads",
    "prometheus": "prometheus",
    "docker": "containers",
    "render": "render",
    "github": "github",
    "script": "scripts",
}  # table of the profile -> first part of its sources' ids
ALSO = {
    "kubernetes": ("cluster",),
    "render": ("rendermetrics",),
}  # table -> further sources that each of its entries makes
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|DATABASE_URL|REDIS_URL|DSN$", re.I
)
_STEERS = re.compile(r"(LD|DYLD)_|BASH|PYTHON|PERL5|RUBY|NODE_|(IFS|ENV|SHELL|PS[0-4]|SHELLOPTS|PATH|HOME|CDPATH)$")
_REFERENCES = (
    ("logs", "cluster", "kubernetes"),
    ("prometheus", "cluster", "kubernetes"),
    ("logs", "engine", "docker"),
    ("logs", "render", "render"),
    ("script", "undo", "script"),
)  # table, key, the table whose names it takes
NAMED_KINDS = (*SOURCE_IDS, "http_action")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One contradiction: where (a path of keys and indices), and in which words."""

    path: tuple[str | int, ...]
    message: str

    @property
    def where(self) -> str:
        """The path in one word: health[1].name."""
        return dotted(self.path)


def dotted(path: Sequence[str | int]) -> str:
    """("health", 0, "url") -> "health[0].url"."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def profile_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """Names used twice among their kind, and references to names that do not exist."""
    found: list[Conflict] = []
    for kind in NAMED_KINDS:
        first: dict[str, int] = {}
        for index, name in _texts(entry, kind, "name"):
            if name in first:
                found.append(Conflict((kind, index, "name"), f"this name is already used by {kind}[{first[name]}]"))
            else:
                first[name] = index
    actions = {name for _, name in _texts(entry, "http_action", "name")}
    found += [
        Conflict(("http_action", index, "undo"), "names an http_action that does not exist")
        for index, undo in _texts(entry, "http_action", "undo")
        if undo not in actions
    ]
    return found + _restart_conflicts(entry) + _reference_conflicts(entry) + _target_conflicts(entry)


def _reference_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """What is reached through another table, or undone by another entry, which the profile does not have."""
    found: list[Conflict] = []
    for kind, key, table in _REFERENCES:
        names = [name for _, name in _texts(entry, table, "name")]
        said = f"names no {table} table of this profile; there are: {', '.join(names) or 'none'}"
        found += [Conflict((kind, index, key), said) for index, name in _texts(entry, kind, key) if name not in names]
    return found


def _restart_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """Who is restarted when a secret is rotated: Cloud Run services of this profile."""
    services = [f"revisions/{name}" for _, name in _texts(entry, "cloud_run", "name")]
    known = ", ".join(services) or "none"
    tables = entry.get("secrets")
    found: list[Conflict] = []
    for index, table in enumerate(tables if isinstance(tables, list | tuple) else ()):
        names = table.get("restarts") if isinstance(table, Mapping) else getattr(table, "restarts", None)
        for place, name in enumerate(names if isinstance(names, list | tuple) else ()):
            if isinstance(name, str) and name not in services:
                said = f"names no Cloud Run service of this profile; there are: {known}"
                found.append(Conflict(("secrets", index, "restarts", place), said))
    return found


def _target_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """Targets of the runbook that name no source of this profile."""
    runbook = entry.get("runbook")
    targets = runbook.get("targets") if isinstance(runbook, Mapping) else getattr(runbook, "targets", None)
    if not isinstance(targets, Mapping):
        return []
    sources = [
        f"{id_}/{name}"
        for kind, first in SOURCE_IDS.items()
        for id_ in (first, *ALSO.get(kind, ()))
        for _, name in _texts(entry, kind, "name")
    ]
    known = ", ".join(sources) or "none"
    return [
        Conflict(("runbook", "targets", str(name)), f"names a source that does not exist; there are: {known}")
        for name, source in targets.items()
        if isinstance(source, str) and source not in sources
    ]


def runbook_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """At least one file, each once; variables with the names that a shell takes."""
    files, env = entry.get("files"), entry.get("env")
    found: list[Conflict] = []
    if isinstance(files, list | tuple):
        if not files:
            found.append(Conflict(("files",), "needs at least one file"))
        for index, file in enumerate(files):
            if file == "":
                found.append(Conflict(("files", index), "is empty"))
            elif file in files[:index]:
                found.append(Conflict(("files", index), "is named twice"))
    return found + _environment_conflicts(env if isinstance(env, Mapping) else {}, entry.get("pass_env"))


def _environment_conflicts(env: Mapping[str, object], passed: object) -> list[Conflict]:
    named = [
        Conflict(("env", str(name)), "is no name of a variable (letters, digits and _)")
        for name in env
        if not _VARIABLE.fullmatch(str(name))
    ]
    return named + _passed_conflicts(passed, env)


def _passed_conflicts(names: object, env: Mapping[str, object]) -> list[Conflict]:
    """Variables that are passed as they are: shown on the plan, so no secrets; and none that replaces a program."""
    found: list[Conflict] = []
    listed = list(names) if isinstance(names, list | tuple) else []
    for index, name in enumerate(listed):
        if not isinstance(name, str):
            continue
        if not _VARIABLE.fullmatch(name):
            said = "is no name of a variable (letters, digits and _)"
        elif _SECRET.search(name) and not name.upper().endswith(("_FILE", "_PATH", "_DIR")):
            said = f'looks like a secret: give it in env as a reference, {name} = "env:{name}"'
        elif _STEERS.match(name):
            said = "changes which programs run, or how: it is not passed"
        elif name in env:
            said = "is in env already"
        elif name in listed[:index]:
            said = "is named twice"
        else:
            continue
        found.append(Conflict(("pass_env", index), said))
    return found


def threshold_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """A bound is needed."""
    return (
        [Conflict((), "needs warn, critical or both")]
        if _absent(entry, "warn") and _absent(entry, "critical")
        else []
    )


def database_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """One way to connect; a warning before the alarm."""
    found = _rising(entry, "pool_warn", "pool_critical")
    if not _absent(entry, "dsn") and not _absent(entry, "service"):
        found.append(Conflict(("service",), "give dsn or service, not both"))
    names: set[str] = set()
    for index, name in _texts(entry, "update", "name"):
        if name in names:
            found.append(Conflict(("update", index, "name"), "this name is already used"))
        names.add(name)
    return found


def update_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """As many inputs as its statement has places, each under a name of its own."""
    statement, inputs = entry.get("statement"), entry.get("input")
    if not isinstance(statement, str) or not isinstance(inputs, list | tuple):
        return []
    try:
        places = {int(token.text[1:]) for token in tokens(statement) if token.kind == "parameter"}
    except NotOne:  # the schema says so
        return []
    found: list[Conflict] = []
    if places != set(range(1, len(inputs) + 1)):
        wanted = ", ".join(f"${number}" for number in sorted(places)) or "none"
        found.append(Conflict(("input",), f"there are {len(inputs)}, the statement asks for {wanted}"))
    names = [name for _, name in _texts(entry, "input", "name")]
    twice = sorted({name for name in names if names.count(name) > 1})
    taken = [name for name in ("name", "at_most") if name in names]
    found += [Conflict(("input",), f"two are named {name}") for name in twice]
    found += [Conflict(("input",), f"none may be named {name}: the action has that itself") for name in taken]
    return found


def redis_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """A warning before the alarm."""
    return _rising(entry, "memory_warn", "memory_critical")


_LOGS_NEED = {
    "cloud_logging": "project",
    "file": "path",
    "kubernetes": "cluster",
    "docker": "engine",
    "render": "render",
}


def log_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """What each type of log needs."""
    needs = _LOGS_NEED.get(str(entry.get("type")))
    return [Conflict((), f"type {entry['type']} needs {needs}")] if needs and _absent(entry, needs) else []


def prometheus_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """One way there."""
    url, cluster, forward = (not _absent(entry, key) for key in ("url", "cluster", "forward"))
    if url == (cluster or forward):
        return [Conflict((), "needs url, or cluster and forward")]
    if cluster != forward:
        return [Conflict((), "needs cluster and forward together")]
    return []


def docker_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """A client's certificate with its key; Compose has a program."""
    found: list[Conflict] = []
    if _absent(entry, "cert_file") != _absent(entry, "key_file"):
        found.append(Conflict((), "needs cert_file and key_file together"))
    if entry.get("program") in ((), []):
        found.append(Conflict(("program",), "is empty"))
    return found


def script_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """A program; variables as the runbook's have them."""
    found = [
        Conflict((key, 0), "is empty: it must be a program")
        for key in ("argv", "dry_run")
        if isinstance(words := entry.get(key), list | tuple) and words and words[0] == ""
    ]
    env = entry.get("env")
    return found + _environment_conflicts(env if isinstance(env, Mapping) else {}, entry.get("pass_env"))


def block_conflicts(entry: Mapping[str, object]) -> list[Conflict]:
    """The commands say where the address goes."""
    found: list[Conflict] = []
    for key in ("command", "undo"):
        words = entry.get(key)
        if isinstance(words, list | tuple) and not any("{ip}" in str(word) for word in words[1:]):
            found.append(Conflict((key,), "needs a word with {ip} after the program's name"))
    return found


def _absent(entry: Mapping[str, object], key: str) -> bool:
    return entry.get(key) in (None, "")


def _rising(entry: Mapping[str, object], low: str, high: str) -> list[Conflict]:
    first, second = entry.get(low), entry.get(high)
    if isinstance(first, int | float) and isinstance(second, int | float) and first > second:
        return [Conflict((low,), f"must not be above {high}")]
    return []


def _texts(entry: Mapping[str, object], kind: str, key: str) -> list[tuple[int, str]]:
    """The texts under `key` in the list of tables `kind`, with their index; tables may be models already."""
    tables = entry.get(kind)
    found: list[tuple[int, str]] = []
    for index, table in enumerate(tables if isinstance(tables, list | tuple) else ()):
        text = table.get(key) if isinstance(table, Mapping) else getattr(table, key, None)
        if isinstance(text, str):
            found.append((index, text))
    return found
