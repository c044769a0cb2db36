"""The part of https://cloud.google.com/logging/docs/view/logging-query-language that on-call uses.

AND, OR, NOT (also - and a blank as AND; OR binds tighter than AND), parentheses, = != < <= > >= : =~ !~, `field:*`,
`field=(a OR b)`, bare words, log_id(), ip_in_net(), comments.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from cockpit.sandbox.gcp.errors import ApiError
from cockpit.sandbox.gcp.model import stamp

MAX_LENGTH = 20_000
Predicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"""\s+|--[^\n]*|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<op><=|>=|!=|=~|!~|[=<>:])|(?P<paren>[()])|(?P<comma>,)"""
    r"""|(?P<word>(?:[^\s"()=<>!:,.]|\.(?!")|\."(?:[^"\\]|\\.)*")+)"""
)
_SEVERITIES = {
    "DEFAULT": 0, "DEBUG": 100, "INFO": 200, "NOTICE": 300, "WARNING": 400, "ERROR": 500, "CRITICAL": 600,
    "ALERT": 700, "EMERGENCY": 800,
}  # fmt: skip
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_STAMPS = {"timestamp", "receiveTimestamp"}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: whether an entry matches, and the timestamps between which matches can lie."""

    matches: Predicate
    since: str = ""  # as log entries write it; "" unbounded
    until: str = "~"  # sorts after every timestamp


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse(text: str) -> Filter:
    """Raises INVALID_ARGUMENT with the reason."""
    if len(text) > MAX_LENGTH:
        raise ApiError("INVALID_ARGUMENT", f"The filter is longer than {MAX_LENGTH} characters.")
    parser = _Parser(list(_tokens(text)))
    if parser.at_end:
        return Filter(lambda entry: True)
    predicate = parser.conjunction()
    if not parser.at_end:
        raise _unparseable(f"unexpected '{parser.peek.text}'")
    return Filter(predicate, parser.since, parser.until)


def _unparseable(why: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"Unparseable filter: {why}")


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unparseable(f"syntax error at line 1, column {position + 1}, token '{text[position]}'")
        position = match.end()
        if match.lastgroup == "quoted":
            yield _Token("quoted", re.sub(r"\\(.)", _unescape, match[0][1:-1]))
        elif match.lastgroup:
            yield _Token(match.lastgroup, match[0])


def _unescape(match: re.Match[str]) -> str:
    # Only the quote and the backslash are escapes here; \d and \. stay, for regular expressions.
    return match[1] if match[1] in '"\\' else match[0]


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self.since = ""
        self.until = "~"

    @property
    def at_end(self) -> bool:
        return self._next >= len(self._tokens)

    @property
    def peek(self) -> _Token:
        return _Token("end", "") if self.at_end else self._tokens[self._next]

    def take(self) -> _Token:
        token = self.peek
        if token.kind == "end":
            raise _unparseable("syntax error at the end of the filter")
        self._next += 1
        return token

    def _is(self, kind: str, text: str) -> bool:
        return self.peek == _Token(kind, text)

    def conjunction(self) -> Predicate:
        terms = [self._disjunction()]
        while not self.at_end and not self._is("paren", ")"):
            if self._is("word", "AND"):
                self.take()
            terms.append(self._disjunction())
        if len(terms) == 1:
            return terms[0]
        return lambda entry: all(term(entry) for term in terms)

    def _disjunction(self) -> Predicate:
        before = (self.since, self.until)
        terms = [self._negation()]
        while self._is("word", "OR"):
            self.take()
            terms.append(self._negation())
        if len(terms) == 1:
            return terms[0]
        self.since, self.until = before
        return lambda entry: any(term(entry) for term in terms)

    def _negation(self) -> Predicate:
        negated = False
        before = (self.since, self.until)
        while self._is("word", "NOT") or self._is("word", "-"):
            self.take()
            negated = not negated
        if self.peek.kind == "word" and self.peek.text.startswith("-") and len(self.peek.text) > 1:
            self._tokens[self._next] = _Token("word", self.peek.text[1:])
            negated = not negated
        term = self._term()
        if not negated:
            return term
        self.since, self.until = before
        return lambda entry: not term(entry)

    def _term(self) -> Predicate:
        if self._is("paren", "("):
            self.take()
            inner = self.conjunction()
            self._close()
            return inner
        token = self.take()
        if token.kind not in ("word", "quoted"):
            raise _unparseable(f"syntax error, token '{token.text}'")
        if token.kind == "word" and self._is("paren", "("):
            return self._function(token.text)
        if self.peek.kind == "op":
            return self._comparison(token.text, self.take().text)
        if token.text in ("AND", "OR", "NOT"):
            raise _unparseable(f"syntax error, token '{token.text}'")
        needle = token.text.lower()
        return lambda entry: any(needle in text for text in _texts(entry))

    def _close(self) -> None:
        if not self._is("paren", ")"):
            raise _unparseable("a parenthesis is not closed")
        self.take()

    def _function(self, name: str) -> Predicate:
        self.take()
        arguments = []
        while not self._is("paren", ")"):
            arguments.append(self.take().text)
            if self._is("comma", ","):
                self.take()
        self._close()
        if name == "log_id" and len(arguments) == 1:
            wanted = arguments[0]
            return lambda entry: unquote(str(entry.get("logName", "")).partition("/logs/")[2]) == wanted
        if name == "ip_in_net" and len(arguments) == 2:
            try:
                network = ipaddress.ip_network(arguments[1])
            except ValueError as error:
                raise _unparseable(str(error)) from None
            path = _path(arguments[0])
            return lambda entry: any(_in_network(value, network) for value in _values(entry, path))
        raise _unparseable(f"unknown function {name}")

    def _comparison(self, field: str, op: str) -> Predicate:
        path = _path(field)
        if self._is("paren", "("):
            self.take()
            inner = self._value_group(path, op)
            self._close()
            return inner
        token = self.take()
        if token.kind not in ("word", "quoted"):
            raise _unparseable(f"syntax error, token '{token.text}'")
        if field == "timestamp":
            self._bound(op, token.text)
        return _compare(path, op, token)

    def _bound(self, op: str, text: str) -> None:
        try:
            moment = _moment(text)
        except ValueError:
            raise _unparseable(f"invalid timestamp '{text}'") from None
        if op in (">", ">=", "="):
            self.since = max(self.since, moment)
        if op in ("<", "<=", "="):
            self.until = min(self.until, moment)

    def _value_group(self, path: tuple[str, ...], op: str) -> Predicate:
        """field=(a OR b), field:(a AND b)."""
        groups: list[list[Predicate]] = [[]]
        joined = False
        while not self._is("paren", ")"):
            token = self.take()
            if token == _Token("word", "OR"):
                joined = True
                continue
            if token == _Token("word", "AND"):
                continue
            negated = token == _Token("word", "NOT")
            predicate = _compare(path, op, self.take() if negated else token)
            wanted = (lambda entry, p=predicate: not p(entry)) if negated else predicate
            if joined or not groups[-1]:
                groups[-1].append(wanted)
            else:
                groups.append([wanted])
            joined = False
        return lambda entry: all(any(term(entry) for term in group) for group in groups)


def _path(field: str) -> tuple[str, ...]:
    return tuple(
        re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
        for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^."]+)', field)
    )


def _values(entry: Mapping[str, Any], path: tuple[str, ...]) -> list[Any]:
    """All values at the path; lists are walked through."""
    found: list[Any] = [entry]
    for name in path:
        stepped = []
        for value in found:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Mapping) and name in item:
                    stepped.append(item[name])
        found = stepped
    return [item for value in found for item in (value if isinstance(value, list) else [value])]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value).lower()


def _compare(path: tuple[str, ...], op: str, token: _Token) -> Predicate:
    if op == ":" and token == _Token("word", "*"):
        return lambda entry: bool(_values(entry, path))
    if op in ("=~", "!~"):
        try:
            pattern = re.compile(token.text)
        except re.error as error:
            raise _unparseable(f"invalid regular expression: {error}") from None
        if op == "=~":
            return lambda entry: any(pattern.search(str(value)) for value in _values(entry, path))
        return lambda entry: bool(found := _values(entry, path)) and not any(pattern.search(str(v)) for v in found)
    if path == ("severity",) and op != ":":
        return _severity(op, token.text)
    if path[-1] in _STAMPS and op != ":":
        wanted, order = _moment(token.text), _ORDER[op]
        return lambda entry: any(order(_moment(str(value)), wanted) for value in _values(entry, path))
    if op == ":":
        needle = token.text.lower()
        return lambda entry: any(_has(value, needle) for value in _values(entry, path))
    order = _ORDER[op]
    if op == "!=":
        return lambda entry: (
            bool(found := _values(entry, path)) and all(_in_order(order, v, token.text) for v in found)
        )
    return lambda entry: any(_in_order(order, value, token.text) for value in _values(entry, path))


def _severity(op: str, text: str) -> Predicate:
    wanted = _SEVERITIES.get(text.upper(), int(text) if text.isdigit() else None)
    if wanted is None:
        raise _unparseable(f"unknown severity '{text}'")
    order = _ORDER[op]
    return lambda entry: order(_SEVERITIES.get(str(entry.get("severity", "DEFAULT")), 0), wanted)


def _has(value: object, needle: str) -> bool:
    if isinstance(value, Mapping):
        return any(needle in text for text in (*map(str.lower, value), *_texts(value)))
    if isinstance(value, bool | int | float):
        return str(value).lower() == needle
    return needle in str(value).lower()


def _in_order(order: Callable[[Any, Any], bool], value: object, text: str) -> bool:
    if isinstance(value, bool):
        return order(str(value).lower(), text.lower())
    number = _as_number(text)
    if isinstance(value, int | float):
        return number is not None and order(float(value), number)
    have = _as_number(str(value))
    if have is not None and number is not None and order not in (operator.eq, operator.ne):
        return order(have, number)
    return order(str(value).lower(), text.lower())


def _as_number(text: str) -> float | None:
    """A number, or seconds of a duration such as 0.25s or 250ms."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(ms|s|m|h)?", text)
    return float(match[1]) * {"ms": 0.001, "m": 60.0, "h": 3600.0}.get(match[2] or "", 1.0) if match else None


def _moment(text: str) -> str:
    """Any RFC 3339 time as the log store writes it; ValueError otherwise."""
    fixed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    moment = datetime.fromisoformat(fixed)
    if moment.tzinfo is None:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return stamp(moment)


def _in_network(value: object, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(str(value)) in network
    except ValueError:
        return False
