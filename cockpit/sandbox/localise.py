"""A profile that comes with the cockpit, made to look at this machine's sandbox instead of the real system."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cockpit.sandbox.shape import Document

_GOOGLE = ("cloud_run", "logs", "cloud_sql", "memorystore", "armor", "secrets", "access", "metrics")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def localised(
    profile: Document,
    *,
    shop: str,
    project: str,
    control_plane: str,
    monitoring: str,
    secrets: Mapping[str, Path],
) -> Document:
    """The same with addresses of this machine. `secrets`: "database", "redis", "api-key" -> file that holds it.

    What this machine has no server for (no file for it) is left out.
    """
    made = copy.deepcopy(profile)
    made["environment"] = "sandbox"
    for table in made.get("health", ()):
        table["url"] = f"{shop}{urlsplit(table['url']).path or '/'}"
        table["interval"] = "1s" if table.get("interval", "5s") in ("5s", "10s") else "5s"
        table["headers"] = {name: f"file:{secrets['api-key']}" for name in table.get("headers", {})}
    for kind in _GOOGLE:
        for table in made.get(kind, ()):
            if "project" in table:
                table["project"] = project
                table["endpoint"] = monitoring if kind == "metrics" else control_plane
                table["interval"] = {"metrics": "10s", "access": "15s", "logs": "2s"}.get(kind, "5s")
                table["timeout"] = "10s" if kind == "metrics" else "3s"
    for table in made.get("metrics", ()):
        table["window"] = "30m"
    for kind, key, secret in (("database", "dsn", "database"), ("redis", "url", "redis")):
        if secret not in secrets:
            _leave_out(made, kind)
        for table in made.get(kind, ()):
            table.update({key: f"file:{secrets[secret]}", "interval": "1s", "timeout": "2s"})
    made["limits"] = {"watch": "60s", "keys_share": 1.0, "sessions_share": 0.9, "t4_delay": "30s"}
    return made


def _leave_out(profile: Document, kind: str) -> None:
    """Nothing may name what is not there."""
    profile.pop(kind, None)
    targets = profile.get("runbook", {}).get("targets", {})
    for name in [name for name, source in targets.items() if source.startswith(f"{kind}/")]:
        del targets[name]


def toml(profile: Document) -> str:
    """As TOML: tables of the top level as such, what is in them inline."""
    scalars = [f"{name} = {_value(value)}" for name, value in profile.items() if not _is_table(value)]
    tables = [
        "\n".join([header, *(f"{_key(key)} = {_value(value)}" for key, value in table.items())])
        for name, content in profile.items()
        if _is_table(content)
        for header, table in (
            [(f"[{name}]", content)] if isinstance(content, Mapping) else [(f"[[{name}]]", each) for each in content]
        )
    ]
    return "\n\n".join(["\n".join(scalars), *tables]) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and value != [] and isinstance(value[0], Mapping))


def _value(value: Any) -> str:
    """Basic strings, numbers and arrays of them are written as in JSON."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
