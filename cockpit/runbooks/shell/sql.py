"""SQL text -> statements, by sqlglot's PostgreSQL grammar: the kind, the tables, whether it provably only reads.

A statement only reads when its syntax tree holds nothing that writes or locks, and each function that it names is on
a list of functions that read. Anything else is not proven, which is not the same as writing.
"""

from __future__ import annotations

import functools
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

from cockpit.model.command import SqlStatement
from cockpit.runbooks.shell import placeholders
from cockpit.runbooks.shell.sql_words import HARMLESS_META, READING_FUNCTIONS, SYNTAX
from cockpit.runbooks.shell.tool import names

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.dialects import Dialect

LIMIT = 65_536  # characters of one statement that are parsed
_NESTING = 60  # brackets within brackets that are parsed
_PARTS = re.compile(
    r"--[^\n]*|/\*|'|\"|\$[A-Za-z_]\w*\$|\$\$|;|\\|[()]",
)
_STRING = re.compile(r"(?:[^']|'')*'")
_ESCAPED = re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL)
_IDENTIFIER = re.compile(r"[^\"]*\"")
_LEAD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+")
_OBJECT = re.compile(
    r"(?:(?:OR\s+REPLACE|UNIQUE|TEMP|TEMPORARY|UNLOGGED|GLOBAL|LOCAL|FOREIGN|RECURSIVE)\s+)*"
    r"(MATERIALIZED\s+VIEW|ACCESS\s+METHOD|EVENT\s+TRIGGER|DEFAULT\s+PRIVILEGES|[A-Z]+)",
    re.IGNORECASE,
)
_EXPLAIN = re.compile(r"EXPLAIN\b\s*(?:\(([^()]*)\)|((?:\s*\b(?:ANALY[ZS]E|VERBOSE)\b)*))\s*", re.IGNORECASE)
_VACUUM = re.compile(r"VACUUM\b\s*(?:\(([^()]*)\)|((?:\s*\b(?:FULL|FREEZE|VERBOSE|ANALY[ZS]E)\b)*))", re.IGNORECASE)
_SHELL_VALUE = re.compile(r"\$\([^)]*\)|`[^`]*`|\$\{[^}]*\}|\$[A-Za-z_]\w*")
_STARTS = names(
    """
    SELECT WITH INSERT UPDATE DELETE CREATE ALTER DROP VACUUM ANALYZE REINDEX EXPLAIN BEGIN COMMIT ROLLBACK SHOW GRANT
    REVOKE TRUNCATE COPY REFRESH DO CALL LOCK
    """
)
_TEMPLATE = re.compile(r"\{[#%{]|\bU&[\"']", re.IGNORECASE)
_NUMBERS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\b[0-9]+\b", re.DOTALL)
_DIGITS = re.compile("[0-9]+")
_STAND_IN = "70070"  # before the place of a number among those of its statement
_STOOD_IN = re.compile(rf"{_STAND_IN}(\d{{4}})")
_EXACT = re.compile(rf"\\|\$|\b0[box]|\b[bexnu&]+'|{_STAND_IN}", re.IGNORECASE)  # digits may be more than a value
_ALIKE = 4000  # characters of a statement that is compared with others
_PARSED = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "("})


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a text. `row`: lines below the first; `odd`: holds a backslash outside quotes."""

    text: str
    row: int
    odd: bool = False
    nesting: int = 0
    open: bool = False  # a quote or bracket in it never closes


def pieces(text: str) -> list[Piece]:
    """A script -> its statements and psql commands, in linear time."""
    found: list[Piece] = []
    start = at = nesting = deepest = 0
    odd = unclosed = False

    def close(end: int) -> None:
        nonlocal start, odd, deepest, nesting
        lead = _LEAD.match(text, start, end)
        first = lead.end() if lead else start
        statement = text[first:end].strip()
        if statement:
            found.append(Piece(statement, text.count("\n", 0, first), odd, deepest, unclosed))
        odd, deepest, nesting = False, 0, 0

    while (match := _PARTS.search(text, at)) is not None:
        part, at = match.group(), match.end()
        if part == ";":
            close(match.start())
            start = at
        elif part == "\\":
            if not _LEAD.sub("", text[start : match.start()]) if match.start() - start < 200 else False:
                end = text.find("\n", at)
                end = len(text) if end < 0 else end
                found.append(Piece(text[match.start() : end].strip(), text.count("\n", 0, match.start()), True))
                start = at = end
            else:
                odd = True
        elif part == "(":
            nesting += 1
            deepest = max(deepest, nesting)
        elif part == ")":
            nesting -= 1
        elif not part.startswith("--"):
            at, closed = _skip(text, part, match.start(), at)
            unclosed = unclosed or not closed
    close(len(text))
    return found


def _skip(text: str, part: str, start: int, at: int) -> tuple[int, bool]:
    """The offset after the quoted part that `part` opens, and whether it closes."""
    if part == "/*":
        end = text.find("*/", at)
        return (end + 2, True) if end >= 0 else (len(text), False)
    if part.startswith("$"):
        end = text.find(part, at)
        return (end + len(part), True) if end >= 0 else (at, True)
    if part == '"':
        match = _IDENTIFIER.match(text, at)
    else:
        escaped = start > 0 and text[start - 1] in "eE" and not text[start - 2 : start - 1].isalnum()
        match = (_ESCAPED if escaped else _STRING).match(text, at)
    return (match.end(), True) if match else (len(text), False)


class Ends:
    """Finds where a statement ends in a block of lines, in linear time."""

    def __init__(self, rows: Sequence[str]) -> None:
        self.rows = rows
        self.budget = 4 * (sum(map(len, rows)) + len(rows)) + LIMIT

    def end(self, start: int, *, apart: bool) -> tuple[int, str]:
        """Index after the last line of the statement, and what never closes. `apart`: a blank line ends it too."""
        if self.rows[start].lstrip().startswith("\\") or self.budget <= 0:
            return start + 1, ""
        quote, size = "", 0
        for index in range(start, len(self.rows)):
            row = self.rows[index]
            size += len(row) + 1
            if not quote and index > start and self._apart(index, apart):
                return index, ""
            quote, ended = _scan(row, quote)
            if ended:
                return index + 1, ""
            if size > LIMIT:
                break
        else:
            if not quote:
                return len(self.rows), ""
        self.budget -= size
        return start + 1, f"{quote or 'the semicolon'} is missing"

    def _apart(self, index: int, apart: bool) -> bool:
        row = self.rows[index].strip()
        if row:
            return apart and row.startswith("#")
        if apart:
            return True
        following = next((each.strip() for each in self.rows[index + 1 : index + 2]), "")
        return not following or following.startswith("--") or following.split()[0].upper() in _STARTS


def _scan(row: str, quote: str) -> tuple[str, bool]:
    """The quote still open after a line, and whether a semicolon ends the statement on it."""
    at, ended = 0, False
    while at <= len(row):
        if quote:
            close = row.find({"/*": "*/"}.get(quote, quote), at)
            if close < 0:
                return quote, False
            at, quote = close + len(quote), ""
        match = _PARTS.search(row, at)
        rest = row[at : match.start() if match else len(row)]
        ended = ended and not rest.strip()
        if match is None:
            return "", ended
        part, at = match.group(), match.end()
        if part == ";":
            ended = True
        elif part in ("'", '"', "/*") or part.startswith("$"):
            quote, ended = part, ended and part == "/*"
        elif part.startswith("--"):
            return "", ended
        else:
            ended = False
    return quote, ended


def statements(text: str) -> Iterator[tuple[int, SqlStatement]]:
    """Each statement of a script with its row."""
    for piece in pieces(text):
        yield piece.row, statement(piece)


def statement(piece: Piece) -> SqlStatement:
    """One statement."""
    text = piece.text
    if text.startswith("\\"):
        name = text.split()[0]
        return SqlStatement(name, text, name.rstrip("+") in HARMLESS_META and "|" not in text and "`" not in text)
    kind = _kind(text)
    if kind.startswith("EXPLAIN") and not _TEMPLATE.search(text):
        return _explain(piece, kind)
    if _TEMPLATE.search(text):  # what the parser takes for a comment, and the server does not; escaped identifiers
        return SqlStatement(kind, text, False)
    if piece.odd or piece.open or piece.nesting > _NESTING or len(text) > LIMIT:
        return SqlStatement("" if piece.open else kind, text, False)
    if kind.split(" ")[0] in _PARSED:
        return _parsed(text, kind)
    plain = len(text.split()) <= 3 and not re.search(r"\bprepared\b", text, re.IGNORECASE)
    return SqlStatement(kind, text, kind in ("SHOW", "BEGIN", "ROLLBACK") and plain)


def _kind(text: str) -> str:
    """From the first words, for statements whether or not they can be parsed."""
    first = _WORD.match(text)
    if first is None:
        return "SELECT" if text.startswith("(") else ""
    word = first.group().upper()
    rest = text[first.end() :].lstrip()
    if word in ("CREATE", "ALTER", "DROP"):
        match = _OBJECT.match(rest)
        return f"{word} {' '.join(match.group(1).upper().split())}" if match else word
    if word == "REINDEX":
        match = re.match(r"(?:\([^()]*\)\s*)?(INDEX|TABLE|SCHEMA|DATABASE|SYSTEM)\b", rest, re.IGNORECASE)
        return f"REINDEX {match.group(1).upper()}" if match else word
    if word == "REFRESH":
        return "REFRESH MATERIALIZED VIEW"
    if word == "VACUUM":
        return _vacuum(text)
    if word == "EXPLAIN":
        match = _EXPLAIN.match(text)
        options = (match.group(1) or match.group(2) or "") if match else ""
        runs = re.search(r"\bANALY[ZS]E\b(?!\s+(?:off|false|0)\b)", options, re.IGNORECASE)
        return "EXPLAIN ANALYZE" if runs else "EXPLAIN"
    return {"ANALYSE": "ANALYZE", "START": "BEGIN", "END": "COMMIT", "ABORT": "ROLLBACK"}.get(word, word)


def _vacuum(text: str) -> str:
    match = _VACUUM.match(text)
    options = ((match.group(1) or match.group(2) or "") if match else "").upper()
    if re.search(r"\bFULL\b(?!\s+(?:OFF|FALSE|0)\b)", options):
        return "VACUUM FULL"
    return "VACUUM ANALYZE" if "ANALY" in options else "VACUUM"


def _explain(piece: Piece, kind: str) -> SqlStatement:
    match = _EXPLAIN.match(piece.text)
    rest = piece.text[match.end() :] if match else ""
    nested = not rest or _kind(rest).startswith("EXPLAIN")  # which no server takes, and no end of them may follow
    inner = SqlStatement("", "", False) if nested else statement(replace(piece, text=rest, row=0))
    plannable = inner.kind in ("SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE") and not piece.odd
    proven = inner.reads_only if kind == "EXPLAIN ANALYZE" else plannable and not piece.open
    return SqlStatement(kind, piece.text, proven, inner.tables, inner.functions, inner.where, inner.limited)


@functools.cache
def _sqlglot() -> ModuleType:
    import sqlglot

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings would be written over the screen
    return sqlglot


@functools.cache
def _postgres() -> Dialect:
    from sqlglot.dialects import Postgres

    return Postgres()


def _parsed(text: str, kind: str) -> SqlStatement:
    """Statements that differ in nothing but numbers are parsed once: one with other numbers in their places."""
    if len(text) > _ALIKE or _EXACT.search(text):
        return _read(text, kind)
    numbers: list[str] = []

    def placed(match: re.Match[str]) -> str:
        numbers.append(match[0])
        return f"{_STAND_IN}{len(numbers) - 1:04}"

    def each(match: re.Match[str]) -> str:  # not in a quoted name or a comment
        return match[0] if match[0][0] in '"-/' else _DIGITS.sub(placed, match[0])

    found = _read(_NUMBERS.sub(each, text), kind)
    if _STAND_IN in " ".join((*found.tables, *found.functions)):
        return _read(text, kind)
    where = _STOOD_IN.sub(lambda match: numbers[int(match[1])], found.where) if found.where else ""
    return SqlStatement(found.kind, text, found.reads_only, found.tables, found.functions, where, found.limited)


@functools.lru_cache(maxsize=4096)
def _read(text: str, kind: str) -> SqlStatement:
    glot = _sqlglot()
    filled = placeholders.mask(text)
    masked = _SHELL_VALUE.sub(lambda match: "x" * len(match.group()), filled)
    try:
        postgres = _postgres()
        tokens = postgres.tokenize(masked)
        trees = postgres.parser().parse(tokens, masked)
        if not trees or trees[0] is None:
            raise glot.errors.ParseError("nothing in it")
        tree = trees[0] if len(trees) == 1 else glot.exp.Block(expressions=trees)
        return _described(text, kind, tree, _called(tokens), certain=masked == filled)
    except (glot.errors.SqlglotError, RecursionError):
        return SqlStatement("" if kind == "WITH" else kind, text, False)


def _called(tokens: list[object]) -> tuple[tuple[str, ...], bool]:
    """Names before an opening bracket, and whether each is known to read."""
    found: dict[str, None] = {}
    proven = True
    for index, (name, follows) in enumerate(itertools.pairwise(tokens)):
        if follows.text != "(" or follows.token_type.name != "L_PAREN":  # type: ignore[attr-defined]
            continue
        text, type_ = name.text, name.token_type.name  # type: ignore[attr-defined]
        if not re.match(r"[^\W\d]\w*\Z", text) or type_ in ("STRING", "NATIONAL_STRING"):
            proven = proven and (type_ != "IDENTIFIER")
            continue
        schema = tokens[index - 2].text if index > 1 and tokens[index - 1].text == "." else ""  # type: ignore[attr-defined]
        lower = text if type_ == "IDENTIFIER" else text.lower()
        if not schema and type_ != "IDENTIFIER" and lower in SYNTAX:
            continue
        found[lower] = None
        proven = proven and lower in READING_FUNCTIONS and schema.lower() in ("", "pg_catalog")
    return tuple(found), proven


def _described(
    text: str, kind: str, tree: exp.Expression, called: tuple[tuple[str, ...], bool], *, certain: bool
) -> SqlStatement:
    from sqlglot import exp

    functions, proven = called
    writes = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Copy)
    told = (*writes, exp.Into, exp.Lock)
    nodes = [node for node in tree.walk() if isinstance(node, (*told, exp.CTE, exp.Table))]
    found = [node for node in nodes if isinstance(node, told)]
    ctes = {node.alias_or_name for node in nodes if isinstance(node, exp.CTE)}
    tables = dict.fromkeys(
        ".".join(part.name for part in node.parts)
        for node in nodes
        if isinstance(node, exp.Table) and node.name and (node.name not in ctes or node.db)
    )
    change = next((node for node in found if isinstance(node, writes)), None)
    if change is not None and not isinstance(change, exp.Command):
        kind = change.key.upper()
    elif any(isinstance(node, exp.Into) for node in found):
        kind = "SELECT INTO"
    elif kind in ("WITH", "TABLE", "("):
        kind = "SELECT"
    limited = any(tree.args.get(name) is not None for name in ("limit", "fetch"))
    reads = not found and isinstance(tree, (exp.Query, exp.Values))
    where = (change or tree).args.get("where")
    condition = where.this.pop() if where is not None else None  # out of the tree, which is of no use from here on
    return SqlStatement(
        kind,
        text,
        certain and proven and reads,
        tuple(tables),
        functions,
        _postgres().generate(condition, copy=False) if condition is not None else "",
        limited,
    )
