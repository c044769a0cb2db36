"""Whatever stands in a block: no crash, no hang, no line lost."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.runbooks.shell import content, statements
from cockpit.runbooks.shell.blocks import commands_of, inline_command
from cockpit.text import clean

WORDS = r"""
kubectl¦get pods¦psql -c¦"¦'¦`¦$(¦)¦<<EOF¦EOF¦<pod>¦<¦>¦>>¦\¦|¦;¦&&¦if x¦then¦fi¦for i in a¦do¦done¦{¦}¦((¦[[¦]]¦||
SELECT 1;¦UPDATE t SET¦# note¦$ ls¦> x¦0 2 * * * /x¦GET /a¦KEYS *¦redis-cli¦sudo¦ssh h¦bash -c¦${A¦é→¦--¦\!¦eval
docker exec -it¦-n¦=¦A=1¦$$¦/*¦*/¦case¦esac¦a)¦;;¦!¦&¦xargs¦echo¦[¦$'¦<(¦<<<¦\dt¦a:¦{"a":¦db=> SELECT¦find -exec
"""
PIECES = st.sampled_from([*WORDS.strip().replace("\n", "¦").split("¦"), "\n", "\n\n", " ", "\t", "\x1b[1m", "\0"])
BLOCKS = st.lists(PIECES, max_size=40).map(" ".join) | st.text(max_size=300)
LANGUAGES = st.sampled_from(["bash", "", "sql", "console", "http", "redis", "powershell", "crontab", "json"])


def rows_of(command):
    return range(command.line, command.line + command.text.count("\n") + 1)


@settings(max_examples=300, deadline=None)
@given(BLOCKS, LANGUAGES)
def test_any_block_is_read(block, language):
    total = block.count("\n") + block.count("\r") + 1
    last = 0
    for command in commands_of(block, language=language, line=1, file="f"):
        assert command.text.strip() and last < command.line <= total
        last = command.line + command.text.count("\n")
        assert all(call.program or not call.words[0].text for call in command.calls)  # "" names no program


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=30).map(" ".join))
def test_no_line_of_a_shell_block_is_lost(block):
    block = "kubectl get pods\n" + block.replace("\r", "").replace("$ ls", "ls")
    lines = block.split("\n")
    covered = [row for command in commands_of(block, language="bash", line=1) for row in rows_of(command)]
    assert len(covered) == len(set(covered))
    for row, line in enumerate(lines, 1):
        text = clean(line).strip()
        comment = text.startswith(("#", "-- ", "//")) or text == "--"
        assert not text or comment or row in covered, (row, line)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_any_code_span_is_read(code):
    found = inline_command(code, line=4, file="f", headings=(), caption="")
    assert found is None or (found.line == 4 and found.calls)


@pytest.mark.parametrize(
    "piece", ["(", "$(", "{ ", '"$(', "[[ ", "if x; then ", "sudo ", "bash -c ", "`", "<(", "a=(", "${a:-", "! "]
)
def test_deep_nesting_does_not_crash(piece):
    assert len(commands_of(piece * 10_000, language="bash", line=1)) == 1


@pytest.mark.parametrize(
    "nested", ["SELECT " + "(" * 20_000, "SELECT " + "a+" * 20_000 + "a", "SELECT " + "- " * 20_000 + "1"]
)
def test_deep_sql_does_not_crash(nested):
    (only,) = commands_of(nested, language="sql", line=1)
    assert only.calls[0].verb == "SELECT"


@pytest.mark.parametrize(
    "piece", ["if x\n", 'echo "a\n', "cat <<A\n", "$(x\n", "(\n", "SELECT 'a\n", "a |\n", "<pod> ", "{a "]
)
def test_the_work_grows_with_the_length_only(piece, monkeypatch):
    read = []
    line_of = statements._State.line
    monkeypatch.setattr(
        statements._State, "line", lambda self, line: (read.append(len(line) + 1), line_of(self, line))
    )
    block = piece * 5000
    commands_of(block, language="bash", line=1)
    assert sum(read) <= (statements.BUDGET + 2) * (len(block) + 65_536)


def test_the_real_runbooks_hold_no_broken_command():
    shared = Path(__file__).parents[3] / "../shared/runbooks"
    if not shared.is_dir():
        pytest.skip("the real runbooks are not here: ../shared/runbooks is absent")
    found = []
    for path in sorted(shared.glob("*.md")):
        block: list[str] | None = None
        language = ""
        for line in path.read_text().splitlines():
            if line.strip().startswith("```"):
                if block is None:
                    block, language = [], line.strip()[3:]
                else:
                    found += commands_of("\n".join(block), language=language, line=1, file=path.name)
                    block = None
            elif block is not None:
                block.append(line)
    assert len(found) > 200
    assert [each.text for each in found if each.broken or not each.calls] == []


def test_crontab_needs_five_fields_and_a_command():
    assert content.schedule("0 2 * * *") is None
    assert content.schedule("1 2 3 4 5 6") is None


def test_rare_characters_where_the_grammar_expects_digits_do_not_end_the_process() -> None:
    # In a process of its own: what this guards against is no exception but a segmentation fault.
    code = """if True:
        from cockpit.runbooks.shell.grammar import read
        for point in range(0x80, 0x110000, 61):
            if not 0xD800 <= point < 0xE000:
                for text in ("{5%s", "{5%s}", "echo $(( {5%s..3} ))"):
                    read(text % chr(point))
        """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
