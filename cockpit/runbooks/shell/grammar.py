"""Shell text -> simple commands, by the tree-sitter grammar of Bash. Walks trees without recursion."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from cockpit.model.command import Placeholder, Redirect, Word
from cockpit.runbooks.shell import placeholders, words
from cockpit.runbooks.shell.tool import names
from cockpit.runbooks.shell.words import word

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LIMIT = 65_536  # characters of one statement; a longer one is not read
# One command of words and closed quotes in which nothing is expanded: what the grammar would say is known without it.
_MORE = r"(?:[A-Za-z0-9_./:@%+,=-]|'[^']*'|\"[^\"\\`$]*\")*+"
_WORD = re.compile(rf"(?:[A-Za-z0-9_./:@%+,-]|'[^']*'|\"[^\"\\`$]*\"){_MORE}")
_BARE = re.compile(rf"[a-z./][A-Za-z0-9_./-]*+(?:(?: ++| *+\\\n *+){_WORD.pattern})*+\Z")
_RESERVED = names(
    """
    if then else elif fi for while until do done case esac select function time in declare typeset export readonly
    local unset unsetenv test coproc
    """
)
_PARSED = 16_384  # characters that are parsed: unfinished loops cost the parser the square of their number
_MANY = 2048
_OPERATORS = re.compile(r"[|(`]|\b(?:case|if|for|while|until|select)\b")
# The grammar's scanner asks the C library's isdigit() about code points that only fit a byte: beyond it the process
# may die (seen with tree-sitter-bash 0.25.1 and "{5" before a rare character). Outside ASCII every byte is a plain
# part of a word to a shell, so a dot does as well.
_PLAIN = bytes(byte if byte < 0x80 else ord(".") for byte in range(256))
_STATEMENTS = frozenset({"command", "declaration_command", "unset_command", "test_command", "variable_assignment"})
_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_LAST = frozenset({"pipeline", "list", "program"})  # a redirect after them belongs to their last command


@dataclass(slots=True)
class Simple:
    """One simple command: words after quoting, what stands before and after it."""

    words: list[Word]
    text: str
    row: int  # lines below the first of the text
    assigned: dict[str, str] = field(default_factory=dict)
    redirects: list[Redirect] = field(default_factory=list)
    body: str = ""  # here-document or here-string
    body_row: int = 0  # lines between the command and its body
    asides: list[Placeholder] = field(default_factory=list)  # in assignments and in the body
    fed: Simple | None = None  # the command before it in the pipeline
    piped: bool = False
    substituted: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands."""

    piped: bool = False
    substituted: bool = False
    redirects: tuple[Node, ...] = ()
    after: int = -1  # id of the node whose last command feeds this one


_own = threading.local()  # a parser has a state: each thread has its own


def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    parser: Parser | None = getattr(_own, "parser", None)
    if parser is None:
        parser = _own.parser = Parser(Language(tree_sitter_bash.language()))
    return parser


class Reading(NamedTuple):
    """What a shell text holds."""

    simples: list[Simple]  # in the order of their starts
    fault: str  # why it is broken, "" where it is not
    comment: str = ""  # behind the commands


def read(text: str) -> Reading:
    """Shell text -> its simple commands. Never fails; a text beyond the limit is not read."""
    if _BARE.match(text) and (words := _WORD.findall(text))[0] not in _RESERVED:
        return Reading([Simple([word(each, first=index == 0) for index, each in enumerate(words)], text, 0)], "")
    if len(text) > _PARSED:
        return Reading([], f"longer than {_PARSED // 1024} KB")
    if len(text) > _MANY and len(_OPERATORS.findall(text)) > _MANY // 8:
        return Reading([], "too many operators to be read")  # the parser's time grows with their square
    source = text.encode("utf-8", "replace")
    masked = _mask_bytes(text, source)
    tree = _parser().parse(masked.translate(_PLAIN))
    root = tree.root_node
    found = _Walk(source).walk(root)
    comments = [source[each.start_byte + 1 : each.end_byte] for each in root.children if each.type == "comment"]
    return Reading(
        found,
        _fault(root, source) if root.has_error else "",
        " ".join(each.decode("utf-8", "replace").strip() for each in comments),
    )


def _mask_bytes(text: str, source: bytes) -> bytes:
    masked = placeholders.mask(text)
    if masked is text or masked == text:
        return source
    return b"".join(
        b"x" * len(old.encode("utf-8", "replace")) if old != new else new.encode("utf-8", "replace")
        for old, new in zip(text, masked, strict=True)
    )


def _fault(root: Node, source: bytes) -> str:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_missing:
            return f"{node.type} is missing"
        if node.type == "ERROR":
            start = source[node.start_byte : node.end_byte].decode("utf-8", "replace").strip().split("\n")[0]
            return f"not shell grammar at: {start[:40]}"
        stack.extend(child for child in reversed(node.children) if child.has_error or child.is_missing)
    return "not shell grammar"


class _Walk:
    """Collects the simple commands of one tree."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.found: list[Simple] = []
        self.stack: list[tuple[Node, _Place]] = []
        self.last: dict[int, Simple] = {}  # node id -> the last simple command in it

    def walk(self, root: Node) -> list[Simple]:
        self.stack.append((root, _Place()))
        while self.stack:
            node, place = self.stack.pop()
            kind = node.type
            if kind in _STATEMENTS:
                self._simple(node, place)
            elif kind == "redirected_statement":
                self._redirected(node, place)
            elif kind == "pipeline":
                self._pipeline(node, place)
            elif kind in _SUBSTITUTIONS:
                self._push(node.named_children, _Place(substituted=True))
            elif kind == "list":
                self._list(node, place)
            elif node.child_count:
                inner = _Place(
                    place.piped, place.substituted, place.redirects if kind != "program" else (), place.after
                )
                self._push([child for child in node.children if child.is_named], inner)
        return self.found

    def _push(self, nodes: list[Node], place: _Place) -> None:
        self.stack.extend((node, place) for node in reversed(nodes))

    def _pipeline(self, node: Node, place: _Place) -> None:
        parts = [child for child in node.children if child.is_named]
        pushed = []
        before = -1
        for index, part in enumerate(parts):
            pushed.append(
                (
                    part,
                    _Place(
                        place.piped if index == 0 else True,
                        place.substituted,
                        place.redirects if index == len(parts) - 1 else (),
                        place.after if index == 0 else before,
                    ),
                )
            )
            before = part.id
        self.stack.extend(reversed(pushed))

    def _list(self, node: Node, place: _Place) -> None:
        parts = [child for child in node.children if child.is_named]
        last = len(parts) - 1
        self.stack.extend(
            (
                part,
                _Place(
                    place.piped if index == 0 else False,
                    place.substituted,
                    place.redirects if index == last else (),
                    place.after if index == 0 else -1,
                ),
            )
            for index, part in reversed(list(enumerate(parts)))
        )

    def _redirected(self, node: Node, place: _Place) -> None:
        body, redirects = None, list(place.redirects)
        rest: list[tuple[Node, _Place]] = []
        for child in node.children:
            if child.type in _REDIRECTS:
                redirects.append(child)
                if child.type == "heredoc_redirect":
                    rest += self._after_heredoc(child, node.id if body is None else body.id, place, redirects)
            elif child.is_named:
                body = child
        for child in redirects[len(place.redirects) :]:
            self.stack.extend((each, _Place(substituted=True)) for each in reversed(list(_substitutions(child))))
        self.stack.extend(reversed(rest))
        if body is not None:
            self.stack.append((body, replace(place, redirects=tuple(redirects))))
        elif redirects:
            self._bare(node, redirects, place)

    def _after_heredoc(
        self, heredoc: Node, feeder: int, place: _Place, redirects: list[Node]
    ) -> list[tuple[Node, _Place]]:
        """`cat <<EOF | psql` and `cat <<EOF && next`: the grammar keeps what follows inside the redirect."""
        rest = []
        for child in heredoc.children:
            if child.type in _REDIRECTS:
                redirects.append(child)
            elif child.type == "pipeline":
                rest.append((child, _Place(True, place.substituted, (), feeder)))
            elif child.type in _STATEMENTS or child.type in ("list", "redirected_statement"):
                rest.append((child, _Place(False, place.substituted)))
        return rest

    def _bare(self, node: Node, redirects: list[Node], place: _Place) -> None:
        """`> file` alone empties the file."""
        simple = Simple([], self._text(node), node.start_point[0], substituted=place.substituted)
        for redirect in redirects:
            self._redirect(simple, redirect)
        self.found.append(simple)

    def _simple(self, node: Node, place: _Place) -> None:
        simple = Simple([], self._text(node), node.start_point[0], piped=place.piped, substituted=place.substituted)
        self._words(simple, node)
        for redirect in place.redirects:
            self._redirect(simple, redirect)
        if place.piped:
            simple.fed = self._feeder(place)
        self.found.append(simple)
        if b"$(" in self.source or b"`" in self.source or b"<(" in self.source or b">(" in self.source:
            for child in reversed(list(_substitutions(node))):
                self.stack.append((child, _Place(substituted=True)))

    def _feeder(self, place: _Place) -> Simple | None:
        return next((each for each in reversed(self.found) if each.substituted == place.substituted), None)

    def _words(self, simple: Simple, node: Node) -> None:
        kind = node.type
        if kind == "variable_assignment":
            self._assign(simple, node)
            return
        if kind == "test_command":
            simple.words = [word("test"), word(self._text(node))]
            return
        end = -1
        for child in node.children:
            type_, start, stop = child.type, child.start_byte, child.end_byte
            if type_ == "variable_assignment" and kind == "command":
                self._assign(simple, child)
            elif type_ in _REDIRECTS:
                self._redirect(simple, child)
            elif type_ != "comment" or child.is_named:
                text = self.source[start:stop].decode("utf-8", "replace")
                if start == end and simple.words:
                    simple.words[-1] = word(simple.words[-1].source + text, first=len(simple.words) == 1)
                elif stop > start:
                    simple.words.append(word(text, first=not simple.words))
                if type_ == "variable_assignment":
                    self._assign(simple, child)
                end = stop

    def _assign(self, simple: Simple, node: Node) -> None:
        name, _, value = self._text(node).partition("=")
        read = word(value)
        simple.assigned[name] = read.text
        simple.asides.extend(read.placeholders)

    def _redirect(self, simple: Simple, node: Node) -> None:
        if node.type == "heredoc_redirect":
            self._heredoc(simple, node)
            return
        descriptor, operator, targets = "", "", []
        for child in node.children:
            if child.type == "file_descriptor":
                descriptor = self._text(child)
            elif not child.is_named:
                operator = operator or self._text(child)
            else:
                targets.append(child)
        target = word(self._text(targets[0])) if targets else Word("", "")
        if node.type == "herestring_redirect":
            simple.body = target.text
        elif operator in (">&", "<&") and target.text.isdigit() | (target.text == "-"):
            operator += target.text
        simple.redirects.append(Redirect(descriptor + operator, target))
        simple.words.extend(word(self._text(extra)) for extra in targets[1:])

    def _heredoc(self, simple: Simple, node: Node) -> None:
        tag = body = ""
        row = simple.row
        for child in node.children:
            if child.type == "heredoc_start":
                tag = self._text(child)
            elif child.type == "heredoc_body":
                body, row = self._text(child), child.start_point[0]
            elif child.type == "ERROR":
                simple.words.extend(word(self._text(each)) for each in child.named_children)
        simple.body = body
        simple.asides.extend(each for _, each in placeholders.angles(body))
        if not any(char in tag for char in "'\"\\") and "$" in body:
            simple.asides.extend(words.variables(body))
        simple.body_row = max(row - simple.row, 0)
        simple.redirects.append(Redirect("<<", word(tag)))

    def _text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _substitutions(node: Node) -> Iterator[Node]:
    """The outermost substitutions below a node, in order."""
    stack = list(reversed(node.children))
    while stack:
        child = stack.pop()
        if child.type in _SUBSTITUTIONS:
            yield child
        elif child.child_count:
            stack.extend(reversed(child.children))
