"""`cockpit runbook lint`: what it prints in each form, and its exit codes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

ERROR = "# Shop\n\n## Look\n\n```bash\nkubectl logs -n shop\n```\n"
WARNING = "# Shop\n\n## Look\n\n```bash\nredis-cli -h cache KEYS 'x:*'\n```\n"
NOTE = "# Shop\n\n## Look\n\n```bash\ncurl -f https://shop.example.com/health\n```\n"


@pytest.fixture
def book(tmp_path: Path):
    def write(text: str, name: str = "RUNBOOK.md") -> str:
        (tmp_path / name).write_text(text, "utf-8")
        return name

    return write


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [
        (ERROR, (), 1),
        (WARNING, (), 0),
        (WARNING, ("--fail-on", "warning"), 1),
        (NOTE, ("--fail-on", "warning"), 0),
        (NOTE, ("--fail-on", "note"), 1),
        (ERROR, ("--fail-on", "never"), 0),
        ("# Shop\n", ("--fail-on", "note"), 0),
    ],
)
async def test_the_exit_code_follows_the_worst_level(cockpit, book, text, fail_on, code) -> None:
    for form in ((), ("--json",), ("--sarif",)):
        assert (await cockpit("runbook", "lint", book(text), *fail_on, *form)).code == code


async def test_text_names_place_rule_reason_and_what_to_do_instead(cockpit, book) -> None:
    ran = await cockpit("runbook", "lint", book(ERROR))
    head, command, why, instead, summary = ran.out.splitlines()
    assert head == "RUNBOOK.md:6: error kubectl-logs-names-no-pod"
    assert command.strip() == "kubectl logs -n shop"
    assert why.strip().startswith("why ")
    assert "kubectl logs -l app=NAME -n shop" in instead
    assert summary == "1 error in 1 file"


async def test_notes_are_counted_and_shown_only_where_they_are_asked_for(cockpit, book) -> None:
    quiet = await cockpit("runbook", "lint", book(NOTE))
    assert quiet.out.splitlines() == ["1 note in 1 file (notes are shown with --fail-on note, and in --json)"]
    loud = await cockpit("runbook", "lint", book(NOTE), "--fail-on", "note")
    assert loud.out.startswith("RUNBOOK.md:6: note curl-has-no-deadline")


async def test_json_is_a_list_with_exactly_the_promised_fields(cockpit, book) -> None:
    ran = await cockpit("runbook", "lint", book(ERROR), book(WARNING, "second.md"), "--json")
    assert [(each["file"], each["line"], each["level"]) for each in ran.json] == [
        ("RUNBOOK.md", 6, "error"),
        ("second.md", 6, "warning"),
    ]
    for each in ran.json:
        assert list(each) == ["file", "line", "rule", "level", "command", "why", "instead"]


async def test_sarif_is_one_run_of_all_files(cockpit, book) -> None:
    ran = await cockpit("runbook", "lint", book(ERROR), book(WARNING, "second.md"), "--sarif")
    (run,) = ran.json["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["kubectl-logs-names-no-pod", "redis-keys-blocks"]


async def test_rules_lists_every_rule_with_its_reason(cockpit) -> None:
    from cockpit.runbooks.lint import rules

    told = (await cockpit("runbook", "lint", "--rules", "--json")).json
    assert [each["rule"] for each in told] == [rule.id for rule in rules()]
    assert all(each["why"] and each["level"] in ("error", "warning", "note") for each in told)
    text = await cockpit("runbook", "lint", "--rules")
    assert (text.code, text.out.count("\n")) == (0, 2 * len(told))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name at least one runbook"),
        (("RUNBOOK.md", "--json", "--sarif"), "choose one"),
        (("RUNBOOK.md", "--fail-on", "sometimes"), "sometimes"),
        (("missing.md",), "missing.md cannot be read"),
    ],
)
async def test_wrong_usage_ends_with_64_and_a_sentence(cockpit, book, words, says) -> None:
    book(ERROR)
    ran = await cockpit("runbook", "lint", *words)
    assert (ran.code, ran.out) == (64, "")
    assert says in ran.err


async def test_the_installed_command_lints_a_file(installed, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "RUNBOOK.md").write_text, ERROR, "utf-8")
    ran = await installed("runbook", "lint", "RUNBOOK.md")
    assert (ran.code, ran.err) == (1, "")


def test_the_hook_runs_the_command_on_runbooks_only() -> None:
    import re

    text = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text("utf-8")
    fields = dict(line.strip(" -").split(": ", 1) for line in text.splitlines())
    assert (fields["id"], fields["entry"]) == ("cockpit-runbook-lint", "cockpit runbook lint")
    chosen = re.compile(fields["files"])
    assert all(chosen.search(name) for name in ("RUNBOOK.md", "docs/runbooks/api.md", "ops/api-playbook.markdown"))
    assert not any(chosen.search(name) for name in ("README.md", "runbooks/data.json", "src/playbook.py"))
