"""The profile's thresholds on a JSON body: comparisons, and for how long they must hold."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jmespath
import jmespath.exceptions

from cockpit.errors import Misconfigured
from cockpit.model.health import CheckResult
from cockpit.model.severity import Severity
from cockpit.profile.schema import Threshold
from cockpit.text import clean

_COMPARISON = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(.+?)\s*", re.DOTALL)
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_VALUE_LENGTH = 120
Scalar = str | float | bool | None


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison, e.g. "> 5"."""

    text: str
    sign: str
    against: Scalar

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Raises Misconfigured."""
        match = _COMPARISON.fullmatch(text)
        if match is None:
            raise Misconfigured(f"{clean(text, 60)} is no comparison", hint='write "> 5", "== false" or "!= ok"')
        sign, against = match[1], _scalar(match[2])
        if sign in _ORDERS and (isinstance(against, bool) or not isinstance(against, float)):
            raise Misconfigured(f"{clean(text, 60)}: only numbers can be more or less", hint="use == or !=")
        return cls(clean(text, 60).strip(), sign, against)

    def crossed(self, found: object) -> bool | None:
        """Whether it holds; None where the value cannot be compared with it."""
        if self.sign in _ORDERS:
            number = _number(found)
            return (
                None
                if number is None or not isinstance(self.against, float)
                else _ORDERS[self.sign](number, self.against)
            )
        if isinstance(found, dict | list):
            return None
        return self._same(found) if self.sign == "==" else not self._same(found)

    def _same(self, found: object) -> bool:
        if isinstance(self.against, str) and isinstance(found, str):
            return found.strip().lower() == self.against.lower()
        if isinstance(self.against, float):
            return _number(found) == self.against
        return found is self.against  # true, false or null: 0 is not false


def _scalar(text: str) -> Scalar:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip("'")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value if value is None or isinstance(value, bool | str) else text


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        return float(found)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """What a path led to: a scalar, or a structure as its text."""

    present: bool
    value: object
    text: str


class Bounds:
    """All thresholds of one endpoint. Paths are compiled once; how long each has been crossed is kept here."""

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        """Raises Misconfigured for a path or comparison that cannot be read."""
        self._thresholds = tuple(thresholds)
        self._paths = [_compiled(threshold.path) for threshold in thresholds]
        self._bounds = [
            tuple(
                (severity, Bound.parse(text))
                for severity, text in ((Severity.CRIT, threshold.critical), (Severity.WARN, threshold.warn))
                if text is not None
            )
            for threshold in thresholds
        ]
        self._since: dict[tuple[int, Severity], float] = {}

    def find(self, body: object) -> list[Found]:
        """Look the paths up. Needs nothing of this object that changes: may run in a thread."""
        return [_look_up(path, body) for path in self._paths]

    def judge(self, found: Sequence[Found], now: float) -> tuple[CheckResult, ...]:
        """Compare what was found at `now` (monotonic seconds). A path that leads nowhere is UNKNOWN."""
        return tuple(self._judge(index, value, now) for index, value in enumerate(found))

    def _judge(self, index: int, found: Found, now: float) -> CheckResult:
        threshold, bounds = self._thresholds[index], self._bounds[index]
        severity, shown, pending = Severity.OK, bounds[0][1], None
        for level, bound in bounds:
            crossed = bound.crossed(found.value) if found.present else None
            if crossed is None:
                self._since.pop((index, level), None)
                severity, shown = max(severity, Severity.UNKNOWN), bound if severity is Severity.OK else shown
                continue
            if not crossed:
                self._since.pop((index, level), None)
                continue
            held = now - self._since.setdefault((index, level), now)
            if held < threshold.for_:
                pending, shown = (held, bound) if pending is None and severity is Severity.OK else (pending, shown)
            elif level > severity:
                severity, shown = level, bound
        settled = severity is Severity.CRIT or (severity is Severity.WARN and pending is None)
        return CheckResult(
            path=clean(threshold.path, _VALUE_LENGTH),
            value=found.text,
            severity=severity,
            threshold=shown.text,
            pending_s=None if settled else pending,
        )


def _compiled(path: str) -> Any:
    try:
        return jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        reason = clean(str(error).splitlines()[0], 160)
        raise Misconfigured(
            f"the path {clean(path, 80)} is no JMESPath: {reason}", hint="see https://jmespath.org"
        ) from None


def _look_up(path: Any, body: object) -> Found:
    try:
        value = path.search(body)
    except (jmespath.exceptions.JMESPathError, RecursionError, TypeError, ValueError) as error:
        return Found(False, None, f"not applicable: {clean(str(error), 80)}")
    if value is None:
        return Found(False, None, "missing")
    if isinstance(value, dict | list):  # its text may have megabytes
        return Found(True, value, f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}")
    text = "true" if value is True else "false" if value is False else str(value)
    return Found(True, value, clean(text, _VALUE_LENGTH))


def lookup(path: str, body: object) -> str:
    """What one path finds, as text; "missing" where it leads nowhere. Raises Misconfigured for a bad path."""
    return _look_up(_compiled(path), body).text


def found_text(path: str, body: object) -> tuple[str, str]:
    """As `lookup`, with the whole of what was found laid out as JSON: (in one line, in full)."""
    found = _look_up(_compiled(path), body)
    structure = isinstance(found.value, dict | list)
    return found.text, json.dumps(found.value, indent=2, ensure_ascii=False) if structure else found.text
