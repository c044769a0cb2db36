"""The SARIF document has what the standard requires, and points at the right lines."""

from __future__ import annotations

import json

from cockpit.model.runbook import Level
from cockpit.runbooks.lint import lint, rules
from cockpit.runbooks.lint.sarif import document
from cockpit.runbooks.read import parse

TEXT = """# Shop

## Look

```bash
kubectl logs -n shop
gcloud run services update web \\
  --region=europe-west1
redis-cli -h cache KEYS 'x:*'
```
"""


def made(name: str = "ops/RUN BOOK.md") -> dict:
    return json.loads(json.dumps(document(lint(parse([(name, TEXT)])), rules(), "1.2.3")))


def test_what_the_standard_requires_is_there() -> None:
    log = made()
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("cockpit", "1.2.3")
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"]) == len(rules())
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")


def test_each_result_names_its_rule_level_and_lines() -> None:
    (run,) = made()["runs"]
    found = {}
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert "Instead: " in result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "ops/RUN%20BOOK.md"
        found[result["ruleId"]] = (result["level"], place["region"]["startLine"], place["region"]["endLine"])
    assert found == {
        "kubectl-logs-names-no-pod": ("error", 6, 6),
        "cloud-run-update-restarts-nothing": ("error", 7, 8),
        "redis-keys-blocks": ("warning", 9, 9),
    }


def test_every_level_has_a_word_in_sarif() -> None:
    levels = {result["level"] for result in made()["runs"][0]["results"]}
    assert levels <= {level.value for level in Level}


def test_an_absolute_path_becomes_a_file_uri() -> None:
    (run,) = made("/srv/ops/RUNBOOK.md")["runs"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert uris == {"file:///srv/ops/RUNBOOK.md"}
