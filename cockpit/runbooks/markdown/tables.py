"""Tables -> facts: which kind of table it is by its header and the headings above it, and its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockpit.model.runbook import Bound, Endpoint, ErrorCode, Objective, SeverityLevel
from cockpit.runbooks.markdown.bounds import cell_bound
from cockpit.runbooks.markdown.clocks import duration
from cockpit.runbooks.markdown.htmltables import Row
from cockpit.runbooks.markdown.inline import plain, urls
from cockpit.text import clean

_SCALE = re.compile(
    r"^(?:levels?|severit\w*|priorit\w*|sev|class|incident level|p-?level|tier|stufe|schweregrad|gravit\w*|gravedad"
    r"|severidade?|niveau|nivel|nível)\b",
    re.I,
)
_SCALE_NAME = re.compile(r"(?:p|s|sev|severity|priority|level|l)[- ]?\d\b", re.I)
_NAME_AND_REST = re.compile(
    r"(?P<name>(?:P|SEV|Sev|S|L|Severity|Priority|Level)[- ]?\d)\s*(?:[-–—:/]\s*)?(?P<rest>.*)$", re.S
)
_METRIC = re.compile(
    r"metric|signal|check|indicator|alert|resource|name|kpi|path|measure|component|what|item|parameter", re.I
)
_WARN = re.compile(r"warn|yellow|amber|degraded|minor|elevated", re.I)
_CRIT = re.compile(r"crit|red\b|page|alarm|severe|error|major|emergency", re.I)
_LIMIT = re.compile(r"threshold|limit|bound|alert\s+(?:at|when|if)|trigger|condition", re.I)
_VERSION = re.compile(r"version|release", re.IGNORECASE)
_TARGET = re.compile(r"target|objective|goal|sla|slo|rto|rpo|max(?:imum)?|time|value|commitment", re.I)
_OBJECTIVE = re.compile(
    r"\b(RTO|RPO|SLA|SLO)s?\b|recovery (time|point) objective|service level (agreement|objective)", re.I
)
_CODE = re.compile(r"^(?:error\s+)?codes?$|^error(?:\s+code)?$|^status(?:\s+code)?$|^exit\s+codes?$|^errno$", re.I)
_MEANING = re.compile(r"meaning|description|cause|message|reason|what", re.I)
_ACTION = re.compile(r"action|resolution|fix|solution|remedy|response|do\b|handling", re.I)
_ENVIRONMENTS = (
    ("production", re.compile(r"\b(?:prod(?:uction)?|prd|live)\b", re.I)),
    ("staging", re.compile(r"\b(?:stag(?:e|ing)|stg|pre-?prod(?:uction)?|uat|acceptance)\b", re.I)),
    ("development", re.compile(r"\b(?:dev(?:elopment)?|local(?:host)?)\b", re.I)),
    ("test", re.compile(r"\b(?:test(?:ing)?|qa|ci|preview|sandbox|demo)\b", re.I)),
)


def environment_in(text: str) -> str:
    """ "production", "staging", "development", "test" by any of their usual names; "" where none is there."""
    return next((name for name, pattern in _ENVIRONMENTS if pattern.search(text)), "")


def severity_name(text: str) -> tuple[str, str] | None:
    """ "P0 - Critical" -> ("P0", "Critical"); None where the text does not begin with such a name."""
    found = _NAME_AND_REST.match(text.strip())
    if found is None:
        return None
    return found["name"].replace("Severity ", "SEV").replace("Priority ", "P"), found["rest"].strip(" -–—:")


def severities(rows: Sequence[Row]) -> list[SeverityLevel]:
    """A scale: its first column names levels."""
    header = [plain(cell) for cell in rows[0].cells]
    firsts = [plain(row.cells[0]) for row in rows[1:]]
    named = sum(bool(_SCALE_NAME.match(first)) for first in firsts)
    if len(header) < 2 or not firsts or not (named * 2 > len(firsts) or _SCALE.match(header[0])):
        return []
    respond = _column(
        header, r"respon|acknowledg|react|ack\b|time|sla|within|reaktion|réponse|respuesta|resposta|délai"
    )
    examples = _column(header, r"example|symptom|scenario|criteria")
    meaning = _column(
        header,
        r"desc|meaning|definition|impact|what|name|criteria|label|bedeutung|beschreib|signif",
        besides=(respond, examples),
    )
    if respond < 0 and meaning < 0 and examples < 0:
        return []
    found: list[SeverityLevel] = []
    for row, first in zip(rows[1:], firsts, strict=True):
        if not first:
            continue
        name, rest = severity_name(first) or (first, "")
        said = _cell(row, meaning)
        response = _cell(row, respond)
        found.append(
            SeverityLevel(
                clean(name), " - ".join(filter(None, (clean(rest), said))), response, duration(response),
                _cell(row, examples), row.line,
            )
        )  # fmt: skip
    return found


def bounds(rows: Sequence[Row]) -> list[Bound]:
    """Metrics with a warning, an alarm or one threshold."""
    header = [plain(cell) for cell in rows[0].cells]
    warn = _column(header, _WARN.pattern)
    critical = _column(header, _CRIT.pattern, besides=(warn, 0))
    if warn < 0 and critical < 0:
        critical = _column(header, _LIMIT.pattern, besides=(0,))
    metric = _column(header, _METRIC.pattern, besides=(warn, critical))
    if critical >= 0 and _VERSION.search(header[critical]):
        return []
    if (warn < 0 and critical < 0) or len(header) < 2:
        return []
    found: list[Bound] = []
    for row in rows[1:]:
        low, low_unit = cell_bound(row.cells[warn]) if warn >= 0 else ("", "")
        high, high_unit = cell_bound(row.cells[critical]) if critical >= 0 else ("", "")
        name = _cell(row, max(metric, 0))
        if name and (low or high):
            found.append(Bound(name, low, high, low_unit or high_unit, row.line))
    return found


def endpoints(rows: Sequence[Row], trail: str) -> list[Endpoint]:
    """Every URL of a table; the column or the row may name the environment."""
    header = [plain(cell) for cell in rows[0].cells]
    about = _column(header, r"^env")
    found: list[Endpoint] = []
    for row in rows[1:]:
        name = _cell(row, 0)
        for index, cell in enumerate(row.cells):
            for url in urls(cell):
                environment = (
                    environment_in(header[index])
                    or (environment_in(plain(row.cells[about])) if about >= 0 else "")
                    or environment_in(name)
                    or environment_in(trail)
                )
                found.append(Endpoint(name if index else clean(header[0]), clean(url), environment, row.line))
    return found


def objectives(rows: Sequence[Row], trail: str) -> list[Objective]:
    """RTO, RPO, SLA: named by a column, or by the heading over a column of targets."""
    header = [plain(cell) for cell in rows[0].cells]
    found: list[Objective] = []
    named = [(n, kind) for n, name in enumerate(header) if n and (kind := objective_kind(name))]
    if not named and (kind := objective_kind(trail)):
        target = _column(header, _TARGET.pattern, besides=(0,))
        named = [(target, kind)] if target >= 0 else []
    for row in rows[1:]:
        for index, kind in named:
            if target_text := _cell(row, index):
                found.append(Objective(kind, _cell(row, 0), target_text, row.line))
    return found


def objective_kind(text: str) -> str:
    """ "RTO", "RPO", "SLA" (an SLO is one too), "" for another."""
    found = _OBJECTIVE.search(text)
    if found is None:
        return ""
    if found[1]:
        return "SLA" if found[1].upper() == "SLO" else found[1].upper()
    return {"time": "RTO", "point": "RPO"}.get((found[2] or "").lower(), "SLA")


def error_codes(rows: Sequence[Row]) -> list[ErrorCode]:
    """A table whose first column holds codes."""
    header = [plain(cell) for cell in rows[0].cells]
    meaning = _column(header, _MEANING.pattern, besides=(0,))
    action = _column(header, _ACTION.pattern, besides=(0, meaning))
    if not _CODE.match(header[0]) or (meaning < 0 and action < 0):
        return []
    return [
        ErrorCode(_cell(row, 0), _cell(row, meaning), _cell(row, action), row.line)
        for row in rows[1:]
        if _cell(row, 0)
    ]


def _column(header: Sequence[str], pattern: str, besides: Sequence[int] = ()) -> int:
    return next((n for n, name in enumerate(header) if n not in besides and re.search(pattern, name, re.I)), -1)


def _cell(row: Row, index: int) -> str:
    return clean(plain(row.cells[index])) if 0 <= index < len(row.cells) else ""
