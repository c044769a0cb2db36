"""Which lines of a block are one command, of which kind, and what introduces it."""

import pytest

from cockpit.runbooks.shell.blocks import commands_of, inline_command


def read(block, language="bash", line=10):
    return commands_of(block, language=language, line=line, file="r.md")


def test_each_statement_is_one_command_with_its_line_and_comment():
    first, second = read(
        "# How many\nkubectl get pods \\\n  -n ferry | wc -l\n\n# Gone\nkubectl delete pod x  # really\n"
    )
    assert (first.line, first.text, first.caption) == (11, "kubectl get pods \\\n  -n ferry | wc -l", "How many")
    assert (second.line, second.caption) == (15, "Gone; really")


def test_a_comment_of_another_paragraph_is_no_caption():
    (only,) = read("# About something else\n\n# List\nls")
    assert only.caption == "List"


def test_the_sentence_above_the_block_is_the_caption_where_no_comment_is():
    (only,) = commands_of("ls", language="", line=1, caption="List them:")
    assert only.caption == "List them:"


@pytest.mark.parametrize(
    "text",
    [
        "for p in a b; do\n  kubectl delete pod $p\ndone",
        "if [ -f x ]; then\n  rm x\nfi",
        "cat <<EOF > f\n# no comment\n$ x\nEOF",
        "a &&\nb ||\nc",
        'psql -c "\nSELECT 1\n"',
        "f() {\n  x\n}",
        "case $x in\n  a) b;;\nesac",
        "echo $(a |\n  b)",
    ],
)
def test_a_statement_of_several_lines_is_one_command(text):
    found = read(text + "\nls -l")
    assert [each.text for each in found] == [text, "ls -l"]
    assert not any(each.broken for each in found)


def test_what_never_closes_loses_no_line():
    found = read('echo "open\nkubectl delete ns x\nls')
    assert [each.text for each in found] == ['echo "open', "kubectl delete ns x", "ls"]
    assert found[0].broken and not found[1].broken


@pytest.mark.parametrize(
    "block",
    [
        '{"status": "ok",\n "jobs": 3}',
        "status: ok\nversion: 2",
        "┌───┐   ┌───┐\n│ A │──▶│ B │\n└───┘   └───┘",
        "Web\n  ↓\nApp (3 of them)\n  ↓\nDatabase",
        "1. Page the first\n   ↓ after 10 minutes\n2. Page the second",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "2026-01-02 03:04:05 ERROR no connection\n2026-01-02 03:04:06 ERROR no connection",
        "",
    ],
)
def test_an_untagged_block_of_something_else_holds_no_command(block):
    assert read(block, "") == ()


@pytest.mark.parametrize(
    "language", ["json", "yaml", "promql", "markdown", "python", "toml", "dockerfile", "mermaid"]
)
def test_a_block_of_data_holds_no_command(language):
    assert read("rm -rf /", language) == ()


@pytest.mark.parametrize("language", ["bash", "sh", "shell", "console", "zsh", "", "bash title=x", "{.sh}", "Shell"])
def test_shell_goes_by_many_names(language):
    assert [call.program for call in read("kubectl get pods", language)[0].calls] == ["kubectl"]


def test_a_session_has_prompts_continuations_and_output():
    found = read(
        "$ kubectl get pods\nNAME  READY\napi   1/1\n"
        "$ echo a \\\n> b\na b\nroot@h:/# reboot now\nshop=> SELECT 1\nshop-> FROM t;\n"
        "127.0.0.1:6379> TTL k\n(integer) 4",
        "console",
    )
    assert [(each.line, each.text) for each in found] == [
        (10, "kubectl get pods"),
        (13, "echo a \\\nb"),
        (16, "reboot now"),
        (17, "SELECT 1\nFROM t;"),
        (19, "TTL k"),
    ]
    assert [each.calls[0].program for each in found][-2:] == ["sql", "redis"]


def test_what_is_typed_into_a_client_knows_its_opener():
    found = read("gcloud sql connect ferry-db --user=postgres\n\n# Who\nSELECT 1\nFROM t;\n\n\\dt\n\\q\nls -l")
    assert [(each.calls[0].program, each.calls[0].verb, bool(each.opener)) for each in found] == [
        ("gcloud", "sql connect", False),
        ("sql", "SELECT", True),
        ("sql", "\\dt", True),
        ("sql", "\\q", True),
        ("ls", "", False),
    ]
    redis = read("docker exec -it cache redis-cli\nKEYS seat:*\nttl seat:1")
    assert [each.calls[0].verb for each in redis[1:]] == ["KEYS", "TTL"]
    assert redis[2].opener == "docker exec -it cache redis-cli"


def test_a_request_line_takes_its_headers_and_body():
    first, second = read(
        'POST /api/seats HTTP/1.1\nContent-Type: application/json\n\n{"n": 1}\n\nGET /api/seats', "http"
    )
    assert first.calls[0].headers == {"Content-Type": "application/json"}
    assert first.calls[0].body == '{"n": 1}'
    assert (second.calls[0].verb, second.calls[0].args[0].text) == ("GET", "/api/seats")
    assert read("GET /api/health")[0].calls[0].program == "http"


def test_a_crontab_line_has_a_schedule():
    first, second, third = read("0 2 * * * /b.sh --all\n@daily c.sh\n*/5 * * * * root /d.sh")
    assert (first.schedule, first.calls[0].program) == ("0 2 * * *", "b.sh")
    assert (second.schedule, second.calls[0].program) == ("@daily", "c.sh")
    assert third.calls[0].program == "d.sh"


def test_sql_is_split_at_semicolons_outside_quotes():
    found = read("-- all\nBEGIN;\nUPDATE t\n\n  SET a = 'x;y';\nCOMMIT;", "sql")
    assert [each.text for each in found] == ["BEGIN;", "UPDATE t\n\n  SET a = 'x;y';", "COMMIT;"]
    assert [each.calls[0].verb for each in found] == ["BEGIN", "UPDATE", "COMMIT"]


def test_powershell_is_shown_and_not_read():
    first, second = read("Get-Service | `\n  Restart-Service\nGet-Process", "powershell")
    assert first.broken and first.calls == () and second.line == 12


@pytest.mark.parametrize(
    "code",
    [
        "kubectl get pods",
        "./deploy/setup.sh",
        "psql $DATABASE_URL",
        "GET /health",
        "SELECT pg_reload_conf();",
        "A=1 kubectl get x",
    ],
)
def test_a_code_span_with_a_known_tool_is_a_command(code):
    found = inline_command(code, line=3, file="r.md", headings=(), caption="")
    assert found is not None and found.text == code and found.line == 3 and found.language == "inline"


@pytest.mark.parametrize(
    "code",
    [
        "kubectl",
        "DATABASE_URL",
        "/docs/x.md",
        "jobs.stuck",
        "ferry-api",
        "LOG_LEVEL=debug",
        "test it",
        "deploy.sh",
        "DROP TABLE",
        "> 90%",
        "#incidents",
        "a b c",
        "./notes.md",
        "http://x.io/y",
        "find it",
    ],
)
def test_a_code_span_with_a_name_is_no_command(code):
    assert inline_command(code, line=1, file="", headings=(), caption="") is None


def test_control_characters_never_get_through():
    (only,) = read("echo \x1b]52;c;aGk=\x07 \u202e done")
    assert "\x1b" not in only.text and "\u202e" not in only.text
