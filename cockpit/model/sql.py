"""One SQL statement cut into its parts by PostgreSQL's lexical rules: enough to see where it ends, which functions it
names, and which table and condition a change has. It is no parser: what it cannot cut cleanly it refuses.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_PIECE = re.compile(
    r"""(?P<space>[ \t\n\r\f\v]+|--[^\n\r]*)
    |(?P<comment>/\*)
    |(?P<dollar>\$(?P<tag>[A-Za-z_]\w*)?\$)
    |(?P<escape>[eE]'(?:[^'\\]|\\.|'')*')
    |(?P<unclosed>[eE]')
    |(?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*')
    |(?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    |(?P<parameter>\$[0-9]+)
    |(?P<number>[0-9][\w.]*|\.[0-9]\w*)
    |(?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f]")
_PAIRS = {")": "(", "]": "["}
_ENDS = ("SET", "WHERE", "USING", "FROM", "RETURNING", "VALUES", "SELECT", "ON", "OVERRIDING", "DEFAULT", "WITH")


class NotOne(ValueError):
    """The text is not exactly one statement; its message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, literal or symbol at text[start:end], within so many brackets."""

    kind: str  # "word", "quoted", "string", "number", "parameter", "symbol"
    text: str
    start: int
    end: int
    depth: int

    @property
    def upper(self) -> str:
        """A keyword's spelling; "" for what cannot be one."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a statement that changes rows says of them. Texts are cut from the statement itself."""

    verb: str  # "UPDATE", "DELETE", "INSERT", "TRUNCATE", "DROP TABLE"
    table: str  # as written: "jobs", 'shop."Order"'
    alias: str = ""
    others: str = ""  # FROM or USING items
    where: str = ""
    rows: str = ""  # INSERT: the query that it takes rows from
    tuples: int = 0  # INSERT: rows after VALUES


@lru_cache(maxsize=512)
def tokens(sql: str) -> tuple[Token, ...]:
    """Without comments and space. Raises NotOne for what is not closed."""
    found: list[Token] = []
    open_: list[str] = []
    at = 0
    while at < len(sql):
        match = _PIECE.match(sql, at)
        if match is None or match.lastgroup is None:
            raise NotOne("it cannot be read")
        kind, end = match.lastgroup, match.end()
        if kind == "comment":
            at = _comment_end(sql, at)
            continue
        if kind == "dollar":
            close = sql.find(match["dollar"], end)
            if close < 0:
                raise NotOne("a $$ quote is not closed")
            kind, end = "string", close + len(match["dollar"])
        text = sql[at:end]
        _check(kind, text, open_)
        if kind != "space":
            found.append(Token("string" if kind == "escape" else kind, text, at, end, len(open_)))
        if kind == "symbol" and text in "([":
            open_.append(text)
        at = end
    if open_:
        raise NotOne("a bracket is not closed")
    return tuple(found)


def _check(kind: str, text: str, open_: list[str]) -> None:
    """Refuses what cannot be; takes the bracket that this one closes off `open_`."""
    if kind == "quoted" and text[0] in "uU":
        raise NotOne("it holds a name in U& form")
    if kind == "unclosed":
        raise NotOne("a quote is not closed")
    if kind != "symbol":
        return
    if text in "'\"":
        raise NotOne("a quote is not closed")
    if text in _PAIRS and (not open_ or open_.pop() != _PAIRS[text]):
        raise NotOne("a bracket is not opened")


def _comment_end(sql: str, at: int) -> int:
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[at:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return at + mark.end()
    raise NotOne("a comment is not closed")


def single(sql: str) -> str:
    """The one statement, without its final semicolon. Raises NotOne for none, several, or a psql command."""
    found = tokens(sql)
    while found and found[-1].text == ";":
        found = found[:-1]
    if not found:
        raise NotOne("it is empty")
    symbols = {token.text for token in found if token.kind == "symbol"}
    if ";" in symbols:
        raise NotOne("there is more than one statement")
    if "\\" in symbols:
        raise NotOne("it holds a command of psql")
    return sql[found[0].start : found[-1].end]


def one_line(sql: str) -> str:
    """The one statement without comments and line breaks. Raises NotOne, also for a literal with a line break."""
    text = single(sql)
    made, end = "", 0
    for token in tokens(text):
        if _CONTROL.search(token.text):
            raise NotOne("a literal in it has a line break")
        made += (" " if made and token.start > end else "") + token.text
        end = token.end
    return made


def called(sql: str) -> tuple[str, ...]:
    """Names before a bracket, folded as PostgreSQL does, each once: functions, and some keywords. Raises NotOne."""
    found = tokens(sql)
    names = [
        token.text.lower() if token.kind == "word" else token.text[1:-1].replace('""', '"')
        for token, following in itertools.pairwise(found)
        if following.text == "(" and token.kind in ("word", "quoted")
    ]
    return tuple(dict.fromkeys(names))


def first_words(sql: str, count: int = 3) -> tuple[str, ...]:
    """The leading keywords in upper case. Raises NotOne."""
    found: list[str] = []
    for token in tokens(sql)[:count]:
        if not token.upper:
            break
        found.append(token.upper)
    return tuple(found)


def reads_alone(sql: str) -> bool:
    """Whether it is one SELECT, WITH, VALUES or TABLE that writes nothing by its words. What its functions do, only
    the server knows. Raises NotOne."""
    found = tokens(single(sql))
    if not found or found[0].upper not in ("SELECT", "WITH", "VALUES", "TABLE"):
        return False
    starts = [following for token, following in itertools.pairwise(found) if token.text in ("(", ")")]
    changes = any(token.upper in ("INSERT", "UPDATE", "DELETE", "MERGE") for token in starts)
    return not changes and not any(token.upper == "INTO" for token in found)


def row_change(sql: str) -> RowChange | None:
    """What it changes; None where it is none of the five, or not written plainly (WITH ...). Raises NotOne."""
    text = single(sql)
    found = tokens(text)
    match first_words(text):
        case ("UPDATE", *_):
            return _update(text, found[1:])
        case ("DELETE", "FROM", *_):
            return _delete(text, found[2:])
        case ("INSERT", "INTO", *_):
            return _insert(text, found[2:])
        case ("TRUNCATE", *_) | ("DROP", "TABLE", *_):
            return _whole(text, found)
    return None


def _name(text: str, found: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    """A table's name with its schema, and what follows it; "" where there is none."""
    if not found or found[0].kind not in ("word", "quoted") or found[0].upper == "ONLY":
        return "", found
    length = 1
    while length + 1 < len(found) and found[length].text == "." and found[length + 1].kind in ("word", "quoted"):
        length += 2
    name, rest = text[found[0].start : found[length - 1].end], found[length:]
    return name, rest[1:] if rest and rest[0].text == "*" else rest


def _alias(found: Sequence[Token]) -> tuple[str, Sequence[Token]]:
    if found and found[0].upper == "AS":
        found = found[1:]
    if found and found[0].kind in ("word", "quoted") and found[0].upper not in _ENDS:
        return found[0].text, found[1:]
    return "", found


def _clauses(text: str, found: Sequence[Token], words: Sequence[str]) -> dict[str, str]:
    """The outermost clauses that begin with these words, each without its word."""
    heads = [
        (place, token)
        for place, token in enumerate(found)
        if token.depth == 0
        and token.upper in words
        and not (token.upper == "FROM" and place and found[place - 1].upper == "DISTINCT")  # IS DISTINCT FROM
    ]
    clauses: dict[str, str] = {}
    for number, (place, token) in enumerate(heads):
        following = heads[number + 1][0] if number + 1 < len(heads) else len(found)
        inside = found[place + 1 : following]
        if token.upper in clauses or not inside:
            return {}
        clauses[token.upper] = text[inside[0].start : inside[-1].end]
    return clauses


def _update(text: str, found: Sequence[Token]) -> RowChange | None:
    table, found = _name(text, found)
    alias, found = _alias(found)
    clauses = _clauses(text, found, ("SET", "FROM", "WHERE", "RETURNING"))
    if (
        not table
        or "SET" not in clauses
        or found[0].upper != "SET"
        or "CURRENT OF" in clauses.get("WHERE", "").upper()
    ):
        return None
    return RowChange("UPDATE", table, alias, clauses.get("FROM", ""), clauses.get("WHERE", ""))


def _delete(text: str, found: Sequence[Token]) -> RowChange | None:
    table, found = _name(text, found)
    alias, found = _alias(found)
    clauses = _clauses(text, found, ("USING", "WHERE", "RETURNING"))
    if not table or (found and not clauses) or "CURRENT OF" in clauses.get("WHERE", "").upper():
        return None
    return RowChange("DELETE", table, alias, clauses.get("USING", ""), clauses.get("WHERE", ""))


def _insert(text: str, found: Sequence[Token]) -> RowChange | None:
    table, found = _name(text, found)
    alias, found = _alias(found)
    start = next(
        (i for i, token in enumerate(found) if token.depth == 0 and token.upper in ("VALUES", "SELECT")), None
    )
    if not table or start is None or any(token.upper == "WITH" and token.depth == 0 for token in found[:start]):
        return None
    end = next(
        (i for i in range(start, len(found)) if found[i].depth == 0 and found[i].upper in ("ON", "RETURNING")
         and (found[i].upper == "RETURNING" or (i + 1 < len(found) and found[i + 1].upper == "CONFLICT"))),
        len(found),
    )  # fmt: skip
    body = found[start:end]
    if body[0].upper == "VALUES":
        tuples = sum(1 for token in body if token.depth == 0 and token.text == "(")
        return RowChange("INSERT", table, alias, tuples=tuples) if tuples else None
    return RowChange("INSERT", table, alias, rows=text[body[0].start : body[-1].end])


def _whole(text: str, found: Sequence[Token]) -> RowChange | None:
    """TRUNCATE [TABLE] t, DROP TABLE [IF EXISTS] t: one table."""
    verb = "TRUNCATE" if found[0].upper == "TRUNCATE" else "DROP TABLE"
    rest = list(found[1:])
    if rest and rest[0].upper == "TABLE":
        rest = rest[1:]
    if verb == "DROP TABLE" and [token.upper for token in rest[:2]] == ["IF", "EXISTS"]:
        rest = rest[2:]
    table, left = _name(text, rest)
    tail = " ".join(token.upper for token in left)
    known = ("", "CASCADE", "RESTRICT", "RESTART IDENTITY", "CONTINUE IDENTITY", "RESTART IDENTITY CASCADE")
    return RowChange(verb, table) if table and tail in known else None
