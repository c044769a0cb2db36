"""PromQL, as far as panels and runbooks use it: selectors, rates, aggregations, quantiles, arithmetic, comparisons.

https://prometheus.io/docs/prometheus/latest/querying/basics/ and functions/, operators/ beside it. A query becomes a
function of the moment.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cockpit.sandbox.prometheus.series import Database, Labels, Matcher, Samples

Vector = list[tuple[Labels, float]]
Node = Callable[[float], "Vector | float"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)(?![a-zA-Z_])|(?P<range>\[[^\]]*\])"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^(){},=<>]))"
)
_DURATION = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_COMPARE = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "==": operator.eq,
            "!=": operator.ne}  # fmt: skip
_LEVELS = (tuple(_COMPARE), ("+", "-"), ("*", "/", "%"))
_AGGREGATE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "min": min,
    "max": max,
    "count": len,
    "avg": lambda values: math.fsum(values) / len(values),
}


class ParseError(ValueError):
    """No PromQL, or more of it than is played here."""


@dataclass(frozen=True, slots=True)
class _Range:
    find: Callable[[], Iterable[tuple[Labels, Samples]]]
    seconds: float


def parsed(database: Database, query: str) -> Node:
    """The query as a function of the moment. Raises ParseError."""
    parser = _Parser(database, list(_tokens(query)))
    node = parser.expression(0)
    if parser.at < len(parser.tokens):
        raise ParseError(f'1:{parser.at + 1}: parse error: unexpected "{parser.tokens[parser.at][1]}"')
    if isinstance(node, _Range):
        said = 'invalid expression type "range vector" for range query, must be Scalar or instant Vector'
        raise ParseError(said)
    return node


def _tokens(query: str) -> Iterable[tuple[str, str]]:
    at, text = 0, query.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ParseError(f"1:{at + 1}: parse error: unexpected character: {text[at]!r}")
        kind = str(found.lastgroup)
        yield kind, found[kind]
        at = found.end()


class _Parser:
    """Recursive descent; the weakest operators first."""

    def __init__(self, database: Database, tokens: list[tuple[str, str]]) -> None:
        self._database = database
        self.tokens = tokens
        self.at = 0

    def expression(self, level: int) -> Node | _Range:
        """Of that level of operators, or any stronger one."""
        if level == len(_LEVELS):
            return self._unary()
        left = self.expression(level + 1)
        while self._peek() in _LEVELS[level]:
            sign = self._take()
            as_bool = self._accept("bool")
            right = self.expression(level + 1)
            left = _binary(sign, _instant(left), _instant(right), as_bool=as_bool)
        return left

    def _unary(self) -> Node | _Range:
        if self._accept("-"):
            node = _instant(self._unary())
            return _binary("*", lambda at: -1.0, node, as_bool=False)
        kind, text = self._next()
        if kind == "number":
            value = float(text)
            return lambda at: value
        if text == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if text == "{":
            raise ParseError("1:1: parse error: a name is needed here")
        if kind != "name":
            raise ParseError(f'1:{self.at}: parse error: unexpected "{text}"')
        if text in _AGGREGATE and self._peek() in ("(", "by", "without"):
            return self._aggregated(text)
        if self._peek() == "(":
            return self._called(text)
        return self._selected(text)

    def _selected(self, name: str) -> Node | _Range:
        matchers: list[Matcher] = []
        if self._accept("{"):
            while not self._accept("}"):
                label, sign, value = self._take(), self._take(), self._take()
                if sign not in ("=", "!=", "=~", "!~"):
                    raise ParseError(f'1:{self.at}: parse error: unexpected "{sign}" in label matching')
                matchers.append((label, sign, _text(value)))
                self._accept(",")
        database = self._database
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "range":
            seconds = _seconds(self._take()[1:-1])
            return _Range(lambda: database.find(name, matchers), seconds)

        def node(at: float) -> Vector:
            found = []
            for labels, samples in database.find(name, matchers):
                if (told := samples.at(at)) is not None:
                    found.append((_with_name(labels, name), told[1]))
            return found

        node.__dict__["times"] = lambda at: [
            (labels, told[0]) for labels, samples in database.find(name, matchers) if (told := samples.at(at))
        ]
        return node

    def _aggregated(self, how: str) -> Node:
        names, without = self._grouping()
        self._expect("(")
        inner = _instant(self.expression(0))
        self._expect(")")
        if names is None:
            names, without = self._grouping()
        chosen, fold = names or [], _AGGREGATE[how]

        def node(at: float) -> Vector:
            groups: dict[Labels, list[float]] = {}
            for labels, value in _vector(inner(at)):
                kept = tuple(pair for pair in labels if (pair[0] in chosen) is not without and pair[0] != "__name__")
                groups.setdefault(kept, []).append(value)
            return [(labels, float(fold(values))) for labels, values in groups.items()]

        return node

    def _grouping(self) -> tuple[list[str] | None, bool]:
        word = self._peek()
        if word not in ("by", "without"):
            return None, False
        self._take()
        self._expect("(")
        names = []
        while not self._accept(")"):
            names.append(self._take())
            self._accept(",")
        return names, word == "without"

    def _called(self, name: str) -> Node:
        self._expect("(")
        given: list[Node | _Range] = []
        while not self._accept(")"):
            given.append(self.expression(0))
            self._accept(",")
        if name in _OVER_RANGE and len(given) == 1 and isinstance(given[0], _Range):
            return _over(_OVER_RANGE[name], given[0])
        if name == "time" and not given:
            return lambda at: at
        if name == "timestamp" and len(given) == 1 and "times" in getattr(given[0], "__dict__", {}):
            times: Node = given[0].__dict__["times"]
            return times
        if name == "histogram_quantile" and len(given) == 2:
            return _quantile(_instant(given[0]), _instant(given[1]))
        raise ParseError(f"1:{self.at}: parse error: {name} is not played here with these arguments")

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise ParseError("1:1: parse error: unexpected end of input")
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self) -> str:
        return self._next()[1]

    def _accept(self, text: str) -> bool:
        if self._peek() != text:
            return False
        self.at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise ParseError(f'1:{self.at + 1}: parse error: "{text}" is needed here')


def _rate(samples: Samples, places: range, seconds: float) -> float | None:
    grown = _increase(samples, places, seconds)
    return None if grown is None else grown / seconds


def _increase(samples: Samples, places: range, seconds: float) -> float | None:
    """What it grew by between the first and the last sample, carried on to the whole of the range."""
    if len(places) < 2:
        return None
    first, last = places[0], places[-1]
    span = samples.times[last] - samples.times[first]
    return (samples.grown[last] - samples.grown[first]) * min(seconds / span, 1.1)


def _folded(fold: Callable[[Sequence[float]], float]) -> Callable[[Samples, range, float], float | None]:
    return lambda samples, places, seconds: (
        float(fold(samples.values[places.start : places.stop])) if places else None
    )


_OVER_RANGE = {"rate": _rate, "increase": _increase, "irate": _rate} | {
    f"{name}_over_time": _folded(fold) for name, fold in _AGGREGATE.items()
}


def _over(what: Callable[[Samples, range, float], float | None], over: _Range) -> Node:
    def node(at: float) -> Vector:
        found = []
        for labels, samples in over.find():
            value = what(samples, samples.between(at - over.seconds, at), over.seconds)
            if value is not None:
                found.append((labels, value))
        return found

    return node


def _quantile(share: Node, buckets: Node) -> Node:
    """https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"""

    def node(at: float) -> Vector:
        wanted = share(at)
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in _vector(buckets(at)):
            bound = dict(labels).get("le", "")
            kept = tuple(pair for pair in labels if pair[0] not in ("le", "__name__"))
            groups.setdefault(kept, []).append((math.inf if bound == "+Inf" else float(bound), value))
        return [(labels, _of_buckets(float(wanted), sorted(held))) for labels, held in groups.items()]  # type: ignore[arg-type]

    return node


def _of_buckets(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if not total:
        return math.nan
    rank, low, below = share * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / (count - below) if count > below else bound
        low, below = bound, count
    return low


def _binary(sign: str, left: Node, right: Node, *, as_bool: bool) -> Node:
    def node(at: float) -> Vector | float:
        a, b = left(at), right(at)
        if isinstance(a, float) and isinstance(b, float):
            return _worked(sign, a, b)
        if isinstance(b, float):
            pairs = [(labels, value, b) for labels, value in _vector(a)]
        elif isinstance(a, float):
            pairs = [(labels, a, value) for labels, value in b]
        else:
            others = {_bare(labels): value for labels, value in b}
            pairs = [(labels, value, others[_bare(labels)]) for labels, value in a if _bare(labels) in others]
        if sign not in _COMPARE:
            return [(_bare(labels), _worked(sign, x, y)) for labels, x, y in pairs]
        if as_bool:
            return [(_bare(labels), _worked(sign, x, y)) for labels, x, y in pairs]
        return [(labels, y if isinstance(a, float) else x) for labels, x, y in pairs if _COMPARE[sign](x, y)]

    return node


def _worked(sign: str, a: float, b: float) -> float:
    match sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b if b else (math.nan if not a or math.isnan(a) else math.copysign(math.inf, a))
        case "%":
            return math.fmod(a, b) if b else math.nan
    return float(_COMPARE[sign](a, b))


def _instant(node: Node | _Range) -> Node:
    if isinstance(node, _Range):
        raise ParseError("1:1: parse error: a range vector is of no use here")
    return node


def _vector(value: Vector | float) -> Vector:
    return [((), value)] if isinstance(value, float) else value


def _bare(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


def _with_name(labels: Labels, name: str) -> Labels:
    return (("__name__", name), *labels)


def _text(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _seconds(text: str) -> float:
    found = _DURATION.findall(text)
    if not found or "".join(a + b for a, b in found) != text.strip():
        raise ParseError(f'1:1: parse error: not a valid duration string: "{text}"')
    return float(sum(int(count) * _SECONDS[unit] for count, unit in found))
