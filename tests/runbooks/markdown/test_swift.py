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
    "\\# no heading", "\u00a0", "",
]  # fmt: skip

_line = st.builds(
    lambda indent, text: " " * indent + text, st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4]), st.sampled_from(_LINES)
)
_texts = st.lists(_line, max_size=12).map("\n".join)


def by_the_parser_alone(text: str) -> tuple[Block, ...]:
    lines = source("R.md", text).lines
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "swift_blocks", lambda part, before: None)
        patch.setattr(module, "chunks", lambda lines: [(0, lines)])
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
    found = swift_blocks(section, 10)
    assert found is not None
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


@pytest.mark.parametrize("line", ["> quoted", "<div>", "    code", "- - twice", "Title\n===", "```\nnever closed"])
def test_what_is_unusual_is_left_to_the_parser(line: str) -> None:
    assert swift_blocks(line.split("\n"), 0) is None
