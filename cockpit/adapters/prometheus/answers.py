"""What Prometheus answers: series, or an error with its type. Pure.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.errors import (
    AuthenticationFailed,
    CockpitError,
    Malformed,
    Misconfigured,
    NotFound,
    PermissionDenied,
    RateLimited,
    TimedOut,
    Unreachable,
)
from cockpit.model.point import Point
from cockpit.text import clean

SAID = 300
_LABEL, _VALUE = 80, 120
_NOTES = 5
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")  # what float() takes beside that is no number here
_RESULT = re.compile(r'"result"\s*:\s*\[\s*(?=\{)')
_BETWEEN = re.compile(r"\s*(,|\])\s*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Answered:
    """One series: its labels, cleaned, and its finite points, oldest first."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `notes`: warnings of the server, and what is left out of the answer here."""

    series: tuple[Answered, ...]
    notes: tuple[str, ...] = ()


def answer_of(body: bytes, where: str) -> Answer:
    """The series of a 2xx answer. Raises Malformed. Large ones take some time: call it in a thread."""
    value = _json(body, where)
    if value.get("status") != "success":
        raise Malformed(f"{where} says neither success nor what is wrong", hint="check url: is it a Prometheus?")
    data = value.get("data")
    kind = data.get("resultType") if isinstance(data, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if kind in ("scalar", "string"):
        rows: Sequence[object] = [{"metric": {}, "value": result}]
    elif kind in ("vector", "matrix") and isinstance(result, list):
        rows = result
    else:
        raise Malformed(f"{where} answers no series", hint="check url: is it a Prometheus?")
    notes = _texts(value.get("warnings")) + _texts(value.get("infos"))
    series = tuple(_series(row, where) for row in rows)
    if any(isinstance(row, dict) and ("histogram" in row or "histograms" in row) for row in rows):
        notes += ("native histograms are left out: ask for histogram_quantile(...) of them",)
    return Answer(series, notes)


def failure(status: int, body: bytes, headers: Mapping[str, str], where: str) -> CockpitError:
    """What an answer means that is not 2xx."""
    kind, said = _said(body)
    words = f"{where}: {said}" if said else f"{where} answers HTTP {status}"
    if status == 401:
        return AuthenticationFailed(words, hint="check bearer or headers in the profile: the token may have ended")
    if status == 403:
        return PermissionDenied(words, hint="whoever the token is may not ask this server")
    if status == 404 and not kind:
        return NotFound(f"{where} has no Prometheus API there", hint="check url: it ends before /api/v1")
    if status == 429:
        after = headers.get("retry-after", "")
        wait = float(after) if after.isascii() and after.isdigit() and len(after) < 6 else None
        return RateLimited(words, retry_after_s=wait, hint="the server limits queries: it is asked less often")
    if kind == "timeout" or status in (408, 504):
        return TimedOut(words, hint="the query is heavy, or the server busy: ask for fewer series or a shorter range")
    if kind == "bad_data" or status == 400:
        return Misconfigured(words, hint="correct the query")
    if kind == "execution" or status == 422:
        return Misconfigured(words, hint="the query can be read but not computed: see what it says")
    if 300 <= status < 400:
        target = clean(headers.get("location", ""), 120)
        return Malformed(
            f"{where} sends us elsewhere{f', to {target}' if target else ''}", hint="check url and login"
        )
    if status >= 500:
        return Unreachable(words, hint="the server, or a proxy before it, is not ready")
    return Misconfigured(words, hint="check url: is it a Prometheus?")


def number(value: object) -> float | None:
    """ "1.5" as Prometheus writes numbers; None for NaN, +Inf, -Inf and for what is none."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def labels_of(series: Sequence[Answered], legend: str) -> list[str]:
    """What the lines are called: by one label, else by those that differ; "" for the only one."""
    if legend:
        return [each.labels.get(legend, "") or "no " + legend for each in series]
    names = sorted({name for each in series for name in each.labels})
    telling = [name for name in names if len({each.labels.get(name) for each in series}) > 1]
    return [
        " ".join(filter(None, (each.labels.get(name, "") for name in telling))) or ("others" if telling else "")
        for each in series
    ]


def _said(body: bytes) -> tuple[str, str]:
    """errorType, and type and error in words; of other answers the first words, of web pages nothing."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("errorType"), str):
        kind, said = clean(value["errorType"], 40), clean(str(value.get("error") or ""), SAID).strip()
        return kind, f"{kind.replace('_', ' ')}: {said}" if said else kind.replace("_", " ")
    if b"<" in body[:200]:
        return "", ""
    return "", clean(body[:SAID], 160).strip("␊␍ ")


def _json(body: bytes, where: str) -> dict[str, Any]:
    """The object; a list of series one by one, so that a large one does not hold the interpreter in one go."""
    try:
        text = body.decode("utf-8")
        try:
            value = _piecewise(text)
        except (ValueError, RecursionError):
            value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        cut = body[:1] == b"{" and not body.rstrip().endswith(b"}")
        raise Malformed(
            f"{where} answers {'half of an object' if cut else 'something that is no JSON object'}",
            hint="the answer was cut off on its way" if cut else "check url: a proxy or login page may be in between",
        )
    return value


def _piecewise(text: str) -> object:
    """Raises ValueError where it is built otherwise than Prometheus builds it."""
    match = _RESULT.search(text)
    if match is None:
        return json.loads(text)
    rows: list[object] = []
    at = match.end()
    while True:
        row, at = _DECODER.raw_decode(text, at)
        rows.append(row)
        between = _BETWEEN.match(text, at)
        if between is None:
            raise ValueError("a list that does not go on")
        at = between.end()
        if between[1] == "]":
            break
    value = json.loads(f"{text[: match.end()]}]{text[at:]}")
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict) or data.get("result") != []:
        raise ValueError("that was another list")
    data["result"] = rows
    return value


def _series(row: object, where: str) -> Answered:
    if not isinstance(row, dict) or not isinstance(row.get("metric"), dict):
        raise Malformed(f"{where} answers something that is no series", hint="check url: is it a Prometheus?")
    pairs = row.get("values")
    if not isinstance(pairs, list):
        pairs = [row.get("value")]
    points: dict[float, float] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            continue
        at, value = pair[0], number(pair[1])
        if value is not None and isinstance(at, int | float) and abs(at) < 1e11:
            points[float(at)] = value
    labels = {clean(str(name), _LABEL): clean(str(value), _VALUE) for name, value in row["metric"].items()}
    return Answered(labels, tuple(Point(at, points[at]) for at in sorted(points)))


def _texts(value: object) -> tuple[str, ...]:
    found = [clean(str(each), SAID) for each in value] if isinstance(value, list) else []
    return tuple(dict.fromkeys(found))[:_NOTES]
