"""What is read without the parser is what the parser finds, whatever the lines are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.runbooks.markdown import blocks as module
from cockpit.runbooks.markdown.blocks import blocks
from cockpit.runbooks.markdown.parts import Block, BlockKind
from cockpit.runbooks.markdown.source import source
from cockpit.runbooks.markdown.swift import swift_blocks

_LINES = [
    "# Heading", "## Heading ##", "# #", "#x", "- item", "- item", "* **Bold**: item", "1. first", "2. second",
    "10. tenth", "  - inner", "    continued", "   1. inner", "- [ ] open", "- [x] done", "-", "- - twice",
    "- > quoted", "-     code", "Words and `code`", "**Label:**", "_emphasis_ first", "> quote", "| a | b |",
    "|---|---|", "|-|", "| 1 | 2 | 3 |", "| 1 |", "a | b", "--|--", "```bash", "```", "~~~", "  ```",
    "   ```sh", "kubectl get pods", "---", "===", "***", "<!-- one -->", "<!-- two", "-->", "<div>",
    "#", "## ", "#######", "<PRE>", "</pre>", "<table>", "  ---", "-- ", "=", "    \t", "\t", "      deeper",
    "<pre>```", "\\# no heading", "\u00a0", "",
]  # fmt: skip

_line = st.builds(
    lambda indent, text: " " * indent + text, st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4]), st.sampled_from(_LINES)
)
_texts = st.lists(_line, max_size=12).map("\n".join)


def by_the_parser_alone(text: str) -> tuple[Block, ...]:
    lines = source("R.md", text).lines
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "swift_blocks", lambda lines, begun=0: ([], begun))
        patch.setattr(module, "end_of_part", lambda lines, begun: len(lines))
        return blocks(lines)


@settings(max_examples=1000, deadline=None)
@given(_texts)
def test_the_same_blocks_with_and_without_the_parser(text: str) -> None:
    assert blocks(source("R.md", text).lines) == by_the_parser_alone(text)


def test_an_ordinary_section_needs_no_parser() -> None:
    section = [
        "## The queue grows", "", "**Symptoms:**", "- Depth > 500", "  over an hour", "", "1. Look:", "   ```bash",
        "   kubectl get pods", "   ```", "2. [ ] Restart it", "", "| Cause | Cure |", "|---|---|", "| A | B |",
        "", "---",
    ]  # fmt: skip
    found, end = swift_blocks([""] * 10 + section, 10)
    assert end == 10 + len(section)
    assert [(each.kind, each.line, each.level) for each in found] == [
        (BlockKind.HEADING, 11, 2),
        (BlockKind.TEXT, 13, 0),
        (BlockKind.ITEM, 14, 1),
        (BlockKind.ITEM, 17, 1),
        (BlockKind.FENCE, 19, 1),
        (BlockKind.ITEM, 21, 1),
        (BlockKind.TABLE, 23, 0),
        (BlockKind.RULE, 27, 0),
    ]
    assert found[4].text == "kubectl get pods"
    assert found[5].checkbox is False


def test_html_underlined_headings_and_indented_code_need_no_parser() -> None:
    text = "Title\n=====\n\n<details>\n<summary>More</summary>\n\n    one\n\n      two\n\nPart\n---\nWords"
    found, end = swift_blocks(text.split("\n"))
    assert end == 13
    assert [(each.kind, each.line, each.level, each.text) for each in found] == [
        (BlockKind.HEADING, 1, 1, "Title"),
        (BlockKind.TEXT, 4, 0, "<details>\n<summary>More</summary>"),
        (BlockKind.FENCE, 7, 0, "one\n\n  two"),
        (BlockKind.HEADING, 11, 2, "Part"),
        (BlockKind.TEXT, 13, 0, "Words"),
    ]


@pytest.mark.parametrize(
    "line", ["> quoted", "<pre>", "<!-- x -->", "- a\n\n      code", "- - twice", "- a\n===", "```\nnever closed"]
)
def test_what_is_unusual_is_left_to_the_parser(line: str) -> None:
    assert swift_blocks(line.split("\n")) == ([], 0)


def test_the_parser_gets_no_more_than_the_part_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = module._parser().parse
    monkeypatch.setattr(module._parser(), "parse", lambda text: parsed.append(text) or parse(text))  # type: ignore[func-returns-value]
    found = blocks(["# A", "", "Words", "", "# B", "", "> quoted", "", "# C", "", "> more", "# D", "", "# E"])
    assert parsed == ["# B\n\n> quoted\n\n", "# C\n\n> more\n# D\n\n"]
    assert [each.line for each in found] == [1, 3, 5, 7, 9, 11, 12, 14]
