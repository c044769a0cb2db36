"""A runbook's lines -> a flat list of blocks in order: headings, texts, list items, fences, tables.

markdown-it-py finds the blocks. Its inline parser is not used: it is the slow and the quadratic part, and what a
runbook needs of it is in `inline`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.parser_block import RuleFuncBlockType
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from cockpit.runbooks.markdown.chunks import end_of_part
from cockpit.runbooks.markdown.dialects import plainer
from cockpit.runbooks.markdown.htmltables import Row, rows_of
from cockpit.runbooks.markdown.parts import CHECKBOX, Block, BlockKind, language_of
from cockpit.runbooks.markdown.swift import swift_blocks

MAX_NESTING = 40  # markdown-it counts a list as two
_MOST_QUOTES = 5  # a quote reads its lines once for each level
_DEEP = re.compile(r"[ \t>\-*+.)0-9]*")
_PRE = re.compile(r"</?(?:pre|code)\b[^>]{0,200}>", re.IGNORECASE)


def blocks(lines: Sequence[str]) -> tuple[Block, ...]:
    """All blocks. A document nested beyond reason is read line by line instead."""
    lines = plainer(lines)
    if not any(map(_too_deep, [line for line in lines if ">" in line])):
        found, begun = swift_blocks(lines)
        while begun < len(lines):
            end = end_of_part(lines, begun)
            tokens = _parser().parse("\n".join(lines[begun:end]) + "\n")
            if any(token.level >= MAX_NESTING - 2 for token in tokens):  # it skips what is deeper
                break
            found += _Walk(begun).walk(tokens)
            more, begun = swift_blocks(lines, end)
            found += more
        else:
            return tuple(found)
    from cockpit.runbooks.markdown.plainly import plain_blocks

    return plain_blocks(lines)


def _too_deep(line: str) -> bool:
    if not line or line[0] not in " \t>-*+0123456789":
        return False
    found = _DEEP.match(line)
    return found is not None and found[0].count(">") > _MOST_QUOTES


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    md.enable("table").disable(["inline", "text_join", "reference"])
    # Each rule is asked only where its first character stands: that saves a third of the time.
    ruler = md.block.ruler
    for rule in ruler.__rules__:
        if rule.name in _STARTS:
            rule.fn = _only_at(_STARTS[rule.name], rule.fn)
        elif rule.name in _PRECHECKS:
            rule.fn = _only_if(_PRECHECKS[rule.name], rule.fn)
    ruler.__cache__ = None
    return md


_STARTS = {
    "fence": frozenset("`~"),
    "blockquote": frozenset(">"),
    "hr": frozenset("*-_"),
    "list": frozenset("*-+0123456789"),
    "heading": frozenset("#"),
}


def _only_at(starts: frozenset[str], rule: RuleFuncBlockType) -> RuleFuncBlockType:
    def guarded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        return at < state.eMarks[start] and state.src[at] in starts and rule(state, start, end, silent)

    return guarded


def _only_if(check: object, rule: RuleFuncBlockType) -> RuleFuncBlockType:
    def guarded(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return check(state, start, end) and rule(state, start, end, silent)  # type: ignore[operator]

    return guarded


def _may_be_table(state: StateBlock, start: int, end: int) -> bool:
    """The next line may be its delimiter."""
    if start + 1 >= end:
        return False
    at = state.bMarks[start + 1] + state.tShift[start + 1]
    return at < state.eMarks[start + 1] and state.src[at] in "|-:"


def _may_be_underlined(state: StateBlock, start: int, end: int) -> bool:
    """A heading over a line of = or -: not where the paragraph ends at once."""
    return start + 1 < end and not state.isEmpty(start + 1)


def _hides(state: StateBlock, start: int, end: int) -> bool:
    """Comments, <pre>, tables, scripts. Other HTML is prose: what stands inside of it is Markdown to its author."""
    at = state.bMarks[start] + state.tShift[start]
    if at >= state.eMarks[start] or state.src[at] != "<":
        return False
    opening = state.src[at : at + 8].lower()
    if opening.startswith("<!--"):
        if "last comment end" not in state.env:
            state.env["last comment end"] = state.src.rfind("-->")
        return bool(state.env["last comment end"] >= at)  # an unclosed one hides nothing
    return opening.startswith(("<pre", "<script", "<style", "<table"))


_PRECHECKS = {"table": _may_be_table, "lheading": _may_be_underlined, "html_block": _hides}


class _Walk:
    """Tokens -> blocks."""

    def __init__(self, before: int) -> None:
        self._before = before  # lines of the file above this part
        self._depth = 0
        self._found: list[Block] = []
        self._item: tuple[int, str] | None = None  # an item that has not had its text yet

    def walk(self, tokens: Sequence[Token]) -> list[Block]:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            kind = token.type
            if kind == "list_item_open":
                self._flush()
                self._depth += 1
                self._item = (self._line(token), token.info)
            elif kind == "list_item_close":
                self._flush()
                self._depth -= 1
            elif kind == "inline":
                self._text(token)
            elif kind == "heading_open":
                self._flush()
                inline = tokens[index + 1]
                self._add(BlockKind.HEADING, self._line(token), inline.content, level=int(token.tag[1]))
                index += 1
            elif kind in ("fence", "code_block"):
                self._flush()
                self._code(token)
            elif kind == "table_open":
                self._flush()
                index = self._table(tokens, index)
            elif kind == "html_block":
                self._flush()
                self._html(token)
            elif kind == "hr":
                self._flush()
                self._add(BlockKind.RULE, self._line(token))
            index += 1
        return self._found

    def _add(
        self, kind: BlockKind, line: int, text: str = "", *, level: int | None = None, language: str = ""
    ) -> None:
        self._found.append(Block(kind, line, text, self._depth if level is None else level, language=language))

    def _flush(self) -> None:
        """An item without a text of its own."""
        if self._item is not None:
            line, number = self._item
            self._item = None
            self._found.append(Block(BlockKind.ITEM, line, "", self._depth, number))

    def _text(self, token: Token) -> None:
        text, line = token.content, self._line(token)
        if self._item is None:
            self._add(BlockKind.TEXT, line, text)
            return
        number = self._item[1]
        self._item = None
        box = CHECKBOX.match(text)
        ticked = box[1] != " " if box else None
        self._found.append(
            Block(BlockKind.ITEM, line, text[box.end() :] if box else text, self._depth, number, ticked)
        )

    def _code(self, token: Token) -> None:
        fenced = token.type == "fence"
        language = language_of(token.info)
        content = token.content.removesuffix("\n")
        if fenced or content.strip():
            self._add(BlockKind.FENCE, self._line(token) + fenced, content, language=language)

    def _table(self, tokens: Sequence[Token], index: int) -> int:
        rows: list[Row] = []
        cells: list[str] = []
        line = first = self._line(tokens[index])
        while tokens[index].type != "table_close":
            token = tokens[index]
            if token.type == "tr_open":
                cells, line = [], self._line(token)
            elif token.type == "inline":
                cells.append(token.content)
            elif token.type == "tr_close":
                rows.append(Row(line, tuple(cells)))
            index += 1
        self._found.append(Block(BlockKind.TABLE, first, level=self._depth, rows=tuple(rows)))
        return index

    def _html(self, token: Token) -> None:
        """<pre> is a fence, <table> a table; comments and scripts are not for the reader."""
        if token.content.lstrip()[:6].lower() == "<table":
            rows = rows_of(token.content, self._line(token))
            if rows:
                self._found.append(Block(BlockKind.TABLE, self._line(token), level=self._depth, rows=rows))
            return
        if token.content.lstrip()[:4].lower() != "<pre":
            return
        line = self._line(token)
        body = html.unescape(_PRE.sub("", token.content)).rstrip()
        skipped = len(body) - len(body.lstrip("\n"))
        if body.strip():
            self._add(BlockKind.FENCE, line + skipped, body.lstrip("\n"))

    def _line(self, token: Token) -> int:
        return self._before + (token.map[0] + 1 if token.map else 1)
