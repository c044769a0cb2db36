"""Any text is read: nothing of a fence is lost, lines are those of the file, and it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.errors import Misconfigured
from cockpit.runbooks.markdown import blocks as reading
from cockpit.runbooks.markdown.blocks import blocks
from cockpit.runbooks.markdown.comments import loose_comments
from cockpit.runbooks.markdown.inline import code_spans, links, plain
from cockpit.runbooks.markdown.parts import BlockKind
from cockpit.runbooks.markdown.plainly import plain_blocks
from cockpit.runbooks.markdown.source import decode, source
from cockpit.runbooks.read import parse, read

SAMPLE = Path(__file__).parents[1] / "samples" / "ferry.md"

_MARKS = st.sampled_from(
    [
        "# ", "## ", "### 1. ", "- ", "  - ", "1. ", "   ", "    ", "\t", "> ", ">>>>>>> ", "```", "```bash",
        "~~~", "|", "|-|-|", "**", "**Symptoms:**", "If x:", "`", "``", "[", "](", "![", "<", "<!--", "-->",
        "<pre>", "</pre>", "---", "===", "\\", "*", "_", "[ ] ", "[x] ", "&amp;", "\n", "\n\n", "\r\n", "\r",
        "\x00", "\x1b[31m", "\u202e", "\ufeff", "kubectl get pods", "5 min", "every ", "> 5 %", "#channel",
        "https://x.example/a", "$(date)", "<<EOF", "'", '"', "é", "\ud800",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.lists(st.one_of(_MARKS, st.text(max_size=8)), max_size=60).map("".join), st.text(max_size=200))
_WORDS = st.text("abcxyz -_=/.$'\"|&;()<>*`#0123456789", min_size=1, max_size=30).filter(
    lambda text: text.strip() != ""
)
_CONTENT = st.lists(_WORDS.filter(lambda text: "```" not in text and "~~~" not in text), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_any_text_is_read(text: str) -> None:
    runbook = parse([("any.md", text)])
    runbook.work_out()
    steps = [step for playbook in runbook.playbooks for step in playbook.steps]
    commands = [step.command for step in steps if step.command is not None]
    assert sorted(commands, key=lambda command: command.line) == list(runbook.commands)
    count = len(source("any.md", text).lines)
    for step in steps:
        assert step.text
        assert 1 <= step.line <= count
    for playbook in runbook.playbooks:
        assert len({step.id for step in playbook.steps}) == len(playbook.steps)
    assert len({playbook.id for playbook in runbook.playbooks}) == len(runbook.playbooks)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    parse([("any.md", decode(data))])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["", "bash", "sh", "sql", "json"]), _CONTENT, st.sampled_from(["", "1. Do:\n\n   ", "- Do:\n  "])
)
def test_every_line_of_a_fence_is_kept_at_its_line(language: str, content: list[str], lead: str) -> None:
    indent = " " * (len(lead) - len(lead.rstrip(" ")))
    body = "\n".join(indent + line for line in content)
    text = f"# Title\n\n{lead}```{language}\n{body}\n{indent}```\n\nAfter.\n"
    lines = source("x", text).lines
    (fence,) = [block for block in blocks(lines) if block.kind is BlockKind.FENCE]
    got = fence.text.split("\n")
    assert [line.strip() for line in got] == [line.strip() for line in content]
    for offset, line in enumerate(got):
        assert lines[fence.line - 1 + offset].endswith(line)


@settings(max_examples=200, deadline=None)
@given(_CONTENT)
def test_every_line_of_a_shell_fence_is_a_command_or_a_comment(content: list[str]) -> None:
    text = "# Title\n\n```bash\n" + "\n".join(content) + "\n```\n"
    runbook = parse([("x", text)])
    if not runbook.commands and not all(line.strip().startswith("#") for line in content):
        return  # its content is data, whatever its tag says
    covered: set[int] = set()
    for command in runbook.commands:
        covered |= set(range(command.line, command.line + command.text.count("\n") + 1))
    steps = {step.line for playbook in runbook.playbooks for step in playbook.steps}
    captions = " ".join(command.caption for command in runbook.commands)
    for number, line in enumerate(content, 4):
        if number in covered or number in steps or not any(char.isalnum() for char in line):
            continue
        assert line.strip().startswith("#")
        assert line.strip(" #-/").split()[0] in captions


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_parts_give_the_same_blocks_as_the_whole(text: str) -> None:
    lines = source("x", text + "\n\n# End\n\n" + text).lines
    in_parts = blocks(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "end_of_part", lambda given, begun: len(given))
        assert in_parts == blocks(lines)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_inline_marks_never_fail(text: str) -> None:
    plain(text)
    for span in code_spans(text):
        assert text[span.start] == text[span.end - 1] == "`"
    for _, target, offset in links(text):
        assert target
        assert 0 <= offset < len(text)


def test_what_is_nested_beyond_reason_is_read_line_by_line() -> None:
    deep = "> " * 60 + "```bash\n" + "> " * 60 + "uptime\n" + "> " * 60 + "```\n"
    found = blocks(source("x", f"# Title\n\n{deep}").lines)
    assert [block.kind for block in found] == [BlockKind.HEADING, BlockKind.FENCE]
    assert "uptime" in found[1].text
    nested = "".join("  " * depth + "- a\n" for depth in range(100))
    assert len(blocks(source("x", nested).lines)) == 100


def test_a_line_by_line_reading_keeps_headings_items_and_fences() -> None:
    found = plain_blocks(source("x", SAMPLE.read_text()).lines)
    whole = blocks(source("x", SAMPLE.read_text()).lines)
    titles = [block.text for block in whole if block.kind is BlockKind.HEADING]
    assert [block.text for block in found if block.kind is BlockKind.HEADING] == titles


def test_an_unclosed_comment_hides_nothing() -> None:
    runbook = parse([("x", "# A\n\n<!-- note\n\n```bash\nuptime\n```\n")])
    assert [command.text for command in runbook.commands] == ["uptime"]


def test_other_encodings_and_marks() -> None:
    text = "# Löschen\n\n```\nuptime\n```\n"
    for encoding in ("utf-8-sig", "utf-16", "latin-1"):
        runbook = parse([("x", decode(text.encode(encoding)))])
        assert runbook.playbooks[0].title == "Löschen"


def test_a_fence_of_data_has_no_loose_comments() -> None:
    assert loose_comments("# not one\nkey: value", (), "yaml", 1) == ()


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        read([tmp_path / "none.md"])
    large = tmp_path / "large.md"
    large.write_bytes(b"a" * (8 * 1024 * 1024 + 1))
    with pytest.raises(Misconfigured, match="larger than 8 MB"):
        read([large])
