"""Playbooks are suggested by what is found, in other words too, and found by what somebody types."""

from __future__ import annotations

import pytest

from cockpit.model.finding import Finding
from cockpit.model.reading import SourceState
from cockpit.model.runbook import Runbook
from cockpit.model.severity import Severity, SourceKind
from cockpit.runbooks.guide.match import lines_of, search, suggest
from cockpit.runbooks.read import parse

RUNBOOK = """# Shop

## Playbooks

### Too many failed requests after a release
**Symptoms**:
- 5xx responses above 2 %
1. Look at the log
2. Roll back
   ```bash
   kubectl rollout undo deploy/api
   ```

### The checkout is slow
**Symptoms**:
- p95 latency above 2 s
1. Look at slow queries

### Database refuses connections
**Symptoms**:
- "too many clients already"
1. Terminate idle sessions

### Redis is full
**Symptoms**:
- OOM command not allowed
1. Look at the keys

### Orders pile up
**Symptoms**:
- the queue grows, workers stuck
1. Restart the worker

### Certificate about to expire
1. Renew it

### Weekly clean-up
1. Remove old images
"""


@pytest.fixture(scope="module")
def runbook() -> Runbook:
    return parse([("R.md", RUNBOOK)])


def finding(text: str, rule: str = "x", rank: int = 50, severity: Severity = Severity.CRIT) -> Finding:
    return Finding(rule, severity, text, "", (), "logs/api", rank=rank)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("error rate 34 %: 120 errors in 60 s", "Too many failed requests after a release"),
        ("errors rose 40 s after revision api-7 took over", "Too many failed requests after a release"),
        ("response time of api is 3.1 s", "The checkout is slow"),
        ("pool 97 % of 100", "Database refuses connections"),
        ("memory 99 % of 64 MiB, evicting", "Redis is full"),
        ("jobs.stuck is 12, more than 5", "Orders pile up"),
        ("the TLS certificate expires in 3 days", "Certificate about to expire"),
    ],
)
def test_a_finding_leads_to_the_playbook_that_speaks_of_it_in_other_words(
    runbook: Runbook, text: str, title: str
) -> None:
    found = suggest(runbook, [finding(text)])
    assert found and found[0].playbook.title == title
    assert text in found[0].reason


def test_nothing_found_suggests_nothing(runbook: Runbook) -> None:
    assert suggest(runbook, []) == ()
    assert suggest(runbook, [finding("the moon is full")]) == ()


def test_what_is_worse_and_nearer_to_the_cause_comes_first(runbook: Runbook) -> None:
    slow = finding("latency p95 3 s", rank=40, severity=Severity.WARN)
    pool = finding("connection pool exhausted", rank=5)
    titles = [each.playbook.title for each in suggest(runbook, [slow, pool])]
    assert titles[0] == "Database refuses connections" and "The checkout is slow" in titles


def test_a_pane_that_is_wrong_counts_too(runbook: Runbook) -> None:
    state = SourceState("redis/cache", SourceKind.REDIS, "cache", 1.0)
    assert suggest(runbook, [], [state]) == (), "unknown is no symptom"


def test_the_order_is_the_same_every_time(runbook: Runbook) -> None:
    findings = [finding("errors and latency and memory and connections and stuck jobs")]
    first = suggest(runbook, findings)
    assert first == suggest(runbook, findings) and len(first) <= 5
    assert [each.score for each in first] == sorted((each.score for each in first), reverse=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("redis full", "Redis is full"),
        ("full redis", "Redis is full"),
        ("certif", "Certificate about to expire"),
        ("certifcate", "Certificate about to expire"),
        ("p95", "The checkout is slow"),
        ("too many clients", "Database refuses connections"),
        ("WORKERS STUCK", "Orders pile up"),
    ],
)
def test_a_search_finds_titles_and_symptoms_also_mistyped(runbook: Runbook, text: str, line: str) -> None:
    assert search(lines_of(runbook), text)[0].playbook.title == line


def test_a_search_finds_commands_and_says_which_step(runbook: Runbook) -> None:
    hit = search(lines_of(runbook), "rollout undo")[0]
    assert hit.playbook.title == "Too many failed requests after a release"
    assert hit.step in {step.id for step in hit.playbook.steps}
    assert RUNBOOK.split("\n")[hit.line - 1].strip() != ""


def test_an_empty_search_lists_every_playbook_in_order(runbook: Runbook) -> None:
    for text in ("", "   ", "…"):
        assert [hit.playbook for hit in search(lines_of(runbook), text)] == list(runbook.playbooks)


def test_every_word_counts(runbook: Runbook) -> None:
    assert search(lines_of(runbook), "redis giraffe") == ()


def test_words_of_any_script_are_found() -> None:
    text = "# R\n\n## Disk is full\n\n1. Look\n\n## Überlauf der Warteschlange\n\n1. 日本語の手順\n"
    lines = lines_of(parse([("R.md", text)]))
    assert [hit.playbook.title for hit in search(lines, "überlauf")] == ["Überlauf der Warteschlange"]
    assert [hit.text for hit in search(lines, "日本")] == ["日本語の手順"]


def test_what_only_follows_comes_behind_its_cause_however_well_it_fits(runbook: Runbook) -> None:
    lock = finding("connection pool exhausted", rank=20)
    late = finding("the checkout is slow: latency p95 8 s", rank=50)
    assert suggest(runbook, [late])[0].playbook.title == "The checkout is slow"
    assert suggest(runbook, [lock, late])[0].playbook.title == "Database refuses connections"
