"""The JSON Schema that the models give: it takes what they take, refuses what they refuse, and explains itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from cockpit.profile.jsonschema import schema, schema_text
from cockpit.profile.schema import Profile

EXAMPLE = Path(__file__).parent / "example.toml"
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
ANNOTATIONS = {"title", "description", "default", "$schema", "$defs"}


def faults(value: Any, node: dict[str, Any], root: dict[str, Any], at: str = "") -> list[str]:
    """What the schema has against the value. Knows the words that our schema uses, and fails on any other."""
    found: list[str] = []
    for word, given in node.items():
        match word:
            case "$ref":
                found += faults(value, root["$defs"][given.removeprefix("#/$defs/")], root, at)
            case "anyOf":
                found += [] if any(not faults(value, one, root, at) for one in given) else [f"{at}: fits none"]
            case "type":
                names = given if isinstance(given, list) else [given]
                right = isinstance(value, tuple(kind for name in names for kind in TYPES[name]))
                if not right or (isinstance(value, bool) and "boolean" not in names):
                    found.append(f"{at}: not {given}")
            case "properties" if isinstance(value, dict):
                found += [
                    f
                    for key, inner in given.items()
                    if key in value
                    for f in faults(value[key], inner, root, f"{at}.{key}")
                ]
            case "additionalProperties" if isinstance(value, dict):
                extra = {key: inner for key, inner in value.items() if key not in node.get("properties", {})}
                if given is False:
                    found += [f"{at}.{key}: unknown" for key in extra]
                else:
                    found += [f for key, inner in extra.items() for f in faults(inner, given, root, f"{at}.{key}")]
            case "required" if isinstance(value, dict):
                found += [f"{at}.{key}: missing" for key in given if key not in value]
            case "items" if isinstance(value, list):
                found += [
                    f for index, inner in enumerate(value) for f in faults(inner, given, root, f"{at}[{index}]")
                ]
            case "enum":
                found += [] if value in given else [f"{at}: not of {given}"]
            case "const":
                found += [] if value == given else [f"{at}: not {given}"]
            case "pattern" if isinstance(value, str):
                found += [] if re.search(given, value) else [f"{at}: does not match"]
            case "maxLength" if isinstance(value, str):
                found += [] if len(value) <= given else [f"{at}: too long"]
            case "minItems" if isinstance(value, list):
                found += [] if len(value) >= given else [f"{at}: too few"]
            case "minimum" if isinstance(value, int | float):
                found += [] if value >= given else [f"{at}: too small"]
            case "maximum" if isinstance(value, int | float):
                found += [] if value <= given else [f"{at}: too large"]
            case "exclusiveMinimum" if isinstance(value, int | float):
                found += [] if value > given else [f"{at}: too small"]
            case "properties" | "additionalProperties" | "required" | "items" | "pattern" | "maxLength" | "minItems":
                pass  # says nothing of a value of another type
            case "minimum" | "maximum" | "exclusiveMinimum":
                pass
            case _:
                assert word in ANNOTATIONS, f"{word} is not a word of the schemas that this test knows"
    return found


def test_the_example_profile_fits_the_schema() -> None:
    root = schema()
    assert faults(tomllib.loads(EXAMPLE.read_text()), root, root) == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('system = "shop"', 'sytem = "shop"', ".sytem: unknown"),
        ('system = "shop"', "", ".system: missing"),
        ('system = "shop"', 'system = "Shop!"', ".system: does not match"),
        ('argv = ["scripts/clean-up.sh"]', "argv = []", ".script[1].argv: too few"),
        ('interval = "5s"', 'interval = "soon"', ".health[0].interval: does not match"),
        ("interval = 2\n", "interval = 7200\n", ".database[0].interval: too large"),
        ("pool_warn = 0.8", "pool_warn = 1.5", ".database[0].pool_warn: too large"),
        ('method = "GET"', 'method = "TRACE"', ".health[0].method: not of ['GET', 'HEAD', 'POST']"),
        ('warn = "> 5"', 'warn = "5"', ".health[0].check[0].warn: fits none"),
        ('dsn = "file:~/.config/cockpit/orders.dsn"', 'dsn = "postgres://"', ".database[0].dsn: fits none"),
        ("sessions = 20", "sessions = 0", ".limits.sessions: too small"),
        ("shared = true", 'shared = "yes"', ".redis[0].shared: not boolean"),
    ],
)
def test_the_schema_refuses_what_the_models_refuse(before: str, after: str, fault: str) -> None:
    text = EXAMPLE.read_text()
    assert before in text
    root = schema()
    assert fault in faults(tomllib.loads(text.replace(before, after, 1)), root, root)


def test_every_key_is_explained() -> None:
    root = schema()
    bare = [
        f"{name}.{key}"
        for name, node in {"Profile": root, **root["$defs"]}.items()
        for key, inner in node.get("properties", {}).items()
        if "description" not in inner
    ]
    assert bare == []


def test_the_schema_names_every_key_of_the_models() -> None:
    root = schema()

    def keys(model: type[BaseModel]) -> set[str]:
        return {field.alias or name for name, field in model.model_fields.items()}

    assert set(root["properties"]) == keys(Profile)
    assert "for" in root["$defs"]["Threshold"]["properties"]
    assert "title" in root["$defs"]["HttpAction"]["properties"], "a key called title is no title"


def test_the_command_prints_the_same_text_every_time() -> None:
    program = Path(sys.executable).with_name("cockpit")
    printed = subprocess.run([program, "schema"], capture_output=True, text=True, timeout=30, check=True).stdout
    assert printed == schema_text() + "\n"
    assert json.loads(printed) == schema()
    assert json.dumps(json.loads(printed), indent=2, sort_keys=True) + "\n" == printed
