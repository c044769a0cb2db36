"""Fences as people write them: output between commands, questions to a database of metrics, unknown programs."""

from __future__ import annotations

import pytest

from cockpit.runbooks.shell.blocks import commands_of, inline_command


def _texts(block: str, language: str = "") -> list[str]:
    return [command.text for command in commands_of(block, language=language, line=1)]


@pytest.mark.parametrize("language", ["", "sh", "bash", "console"])
@pytest.mark.parametrize(
    "query",
    [
        "(tank_used_bytes / tank_size_bytes) * 100",
        '100 * sum without(kind)\n(rate(calls{code=~"5..",job="pump"}[5m]))\n/ sum without(kind)\n(rate(all[5m]))',
        "histogram_quantile(0.95, sum by (le) (rate(wait_seconds_bucket[5m])))",
    ],
)
def test_a_question_to_prometheus_is_no_command_whatever_its_tag(query: str, language: str) -> None:
    assert _texts(query, language) == []


@pytest.mark.parametrize("answer", ['{"ok": true}', '{\n  "ok": true,\n  "parts": [1, 2]\n}', '[\n  {"id": 1}\n]'])
@pytest.mark.parametrize("language", ["", "bash"])
def test_the_json_that_a_command_answers_is_no_command(answer: str, language: str) -> None:
    block = f"curl -s http://pump.example/health\n{answer}\ncurl -s http://pump.example/ready"
    assert _texts(block, language) == ["curl -s http://pump.example/health", "curl -s http://pump.example/ready"]


def test_a_group_of_commands_is_no_answer() -> None:
    assert _texts("uptime\n{\n  date\n  uptime\n}", "bash") == ["uptime", "{\n  date\n  uptime\n}"]


def test_a_comment_behind_a_continuation_keeps_the_command_whole_and_is_told() -> None:
    (command,) = commands_of(
        "gcloud sql instances patch a \\\n  --tier=b \\  # or c\n  --project=d", language="bash", line=1
    )
    assert "comment behind" in command.broken
    assert command.calls[0].flags.keys() >= {"--tier", "--project"}


def test_the_prompt_of_a_shell_theme_with_its_directory_is_taken_off() -> None:
    assert _texts("➜  ~ kubectl get ns\nNAME   STATUS\n➜  api git:(main) ✗ kubectl get pods\nNAME") == [
        "kubectl get ns",
        "kubectl get pods",
    ]


def test_programs_that_nobody_knows_are_commands_where_each_line_has_a_flag() -> None:
    assert _texts("sander spread --all\nsander stop -n 3") == ["sander spread --all", "sander stop -n 3"]
    assert _texts("the sander\nis slow") == []


@pytest.mark.parametrize("code", ["sander spread", "tools/sand.sh", "make sand"])
def test_code_that_the_sentence_says_to_run_is_a_command(code: str) -> None:
    found = inline_command(code, line=1, told=True)
    assert found is not None
    assert found.text == code


@pytest.mark.parametrize(
    "code", ["sander", "Sand Box", "config.yaml or more", "a = b", "notes.md today", "key: value"]
)
def test_a_name_or_a_value_stays_one_even_after_run(code: str) -> None:
    assert inline_command(code, line=1, told=True) is None


@pytest.mark.parametrize("language", ["", "shell", "console"])
def test_an_angle_at_the_beginning_of_a_block_is_a_prompt_and_no_redirect(language: str) -> None:
    block = '> slowlog get 10\n1) 1) (integer) 5100\n   2) "del"\n> CONFIG SET latency-monitor-threshold 100\nOK'
    found = commands_of(block, language=language, line=1)
    assert [command.text for command in found] == ["slowlog get 10", "CONFIG SET latency-monitor-threshold 100"]
    assert {call.program for command in found for call in command.calls} == {"redis"}


def test_a_redirect_that_empties_a_file_stays_one() -> None:
    assert _texts("> app.log\nuptime", "bash") == ["> app.log", "uptime"]


def test_a_fence_of_sql_with_prompts_is_a_session() -> None:
    assert _texts("shop=# begin;\nBEGIN\nshop=# lock TABLE rides;\nLOCK TABLE", "sql") == [
        "begin;",
        "lock TABLE rides;",
    ]
