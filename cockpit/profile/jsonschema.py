"""The JSON Schema of a profile, generated from its models: the same on every run and every machine."""

from __future__ import annotations

import json
from typing import Any

from cockpit.profile.schema import Profile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What pydantic writes for a bound on a value that is converted first.
_KEYWORDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def schema() -> dict[str, Any]:
    """As pydantic derives it, in the schema's own words, and without the titles that only repeat the keys."""
    derived = _tidied(Profile.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, "title": "Cockpit profile", **derived}


def schema_text() -> str:
    """With sorted keys."""
    return json.dumps(schema(), indent=2, sort_keys=True)


def _tidied(node: Any, names: bool = False) -> Any:
    """`names`: the keys of `node` are names of properties, of which one may be called title."""
    if isinstance(node, dict):
        return {
            key if names else _KEYWORDS.get(key, key): _tidied(value, not names and key in ("properties", "$defs"))
            for key, value in node.items()
            if names or key != "title"
        }
    return [_tidied(value) for value in node] if isinstance(node, list) else node
