"""facts.tsv against GitHub's own OpenAPI description, where it is at hand.

npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json
COCKPIT_GITHUB_DESCRIPTION=package/generated/api.github.com.json pytest tests/sandbox/github
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from .test_facts import FACTS

WHERE = os.environ.get("COCKPIT_GITHUB_DESCRIPTION", "")
ROOT = "/repos/{owner}/{repo}"
pytestmark = pytest.mark.skipif(not WHERE, reason="COCKPIT_GITHUB_DESCRIPTION names no description of GitHub's API")


def bare(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


class Description:
    """With what it refers to."""

    def __init__(self, path: Path) -> None:
        self.root: dict[str, Any] = json.loads(path.read_bytes())
        self.operations = {
            (method.upper(), bare(path.removeprefix(ROOT))): operation
            for path, methods in self.root["paths"].items()
            if path.startswith(ROOT)
            for method, operation in methods.items()
        }

    def at(self, thing: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in thing:
            found: Any = self.root
            for name in thing["$ref"].removeprefix("#/").split("/"):
                found = found[name.replace("~1", "/").replace("~0", "~")]
            thing = found
        return thing

    def schema(self, thing: dict[str, Any]) -> dict[str, Any]:
        return self.at(self.at(thing).get("content", {}).get("application/json", {}).get("schema", {}))

    def properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        found = self.at(schema)
        every = dict(found.get("properties", {}))
        for part in (*found.get("allOf", ()), *found.get("anyOf", ()), *found.get("oneOf", ())):
            every |= self.properties(part)
        return every | (self.properties(found["items"]) if "items" in found else {})


def test_facts_are_those_of_the_description() -> None:
    description = Description(Path(WHERE))
    for (method, route), fact in FACTS.items():
        if route == "/graphql":
            continue
        operation = description.operations[method, bare(route)]
        parameters = [description.at(each) for each in operation.get("parameters", ())]
        assert fact.query == {each["name"] for each in parameters if each["in"] == "query"}, route
        body = description.schema(operation.get("requestBody", {}))
        assert fact.body == set(description.properties(body)), route
        assert fact.required == set(body.get("required", ())), route
        assert fact.statuses - fact.beyond == {int(each) for each in operation["responses"]}, route
        answers: dict[str, Any] = {}
        for status, answer in operation["responses"].items():
            answers |= description.properties(description.schema(answer)) if status.startswith("2") else {}
        if fact.key:
            assert {fact.key} | fact.beside <= set(answers), route
            answers = description.properties(answers[fact.key])
        assert fact.fields <= set(answers), (route, fact.fields - set(answers))
