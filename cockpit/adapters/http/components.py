"""The component tree in a health body: Spring Actuator, health+json, and the home-made kinds that look like them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cockpit.model.health import Component
from cockpit.model.severity import Severity
from cockpit.text import clean

MAX_DEPTH = 6
MAX_COMPONENTS = 200
_MAX_FACTS = 8
_NAME_LENGTH, _WORD_LENGTH, _FACT_LENGTH = 60, 40, 60

_WORDS = {
    Severity.OK: "healthy ok okay up pass passed passing green good available running ready alive serving connected "
    "operational online success successful normal enabled active true disabled skipped not_configured",
    Severity.WARN: "degraded warn warning yellow orange partial slow starting maintenance impaired unstable draining",
    Severity.CRIT: "down unhealthy fail failed failing failure error errored critical out_of_service red dead "
    "offline unavailable disconnected unreachable timeout timed_out outage false not_ready bad",
}
SEVERITY_OF = {word: severity for severity, words in _WORDS.items() for word in words.split()}
_STATUS_KEYS = ("status", "state", "health", "healthy", "ok", "result")
_GROUP_KEYS = ("components", "services", "checks", "dependencies", "details", "subsystems", "indicators")
_DESCRIBING = ("provider", "version", "model", "region", "environment")
_NAME_KEYS = ("name", "component", "componentName", "componentId", "service", "id", "check")


class _Budget:
    """Counts nodes, so that no body can make the tree large."""

    def __init__(self) -> None:
        self.left = MAX_COMPONENTS
        self.cut = False

    def take(self) -> bool:
        if self.left <= 0:
            self.cut = True
            return False
        self.left -= 1
        return True


def component_tree(body: object) -> tuple[tuple[Component, ...], bool]:
    """The parts that the body names, its own status first, and whether the tree was cut. Empty for other bodies."""
    if not isinstance(body, dict):
        return (), False
    budget = _Budget()
    own = _own_status(body)
    parts = list(_parts(body, 1, budget))
    if own is not None:
        severity, word = own
        parts.insert(0, Component("status", severity, word, _facts(body)))
    return tuple(parts), budget.cut


def word_severity(word: object) -> Severity:
    """What a status word means; UNKNOWN for one that is not known."""
    if isinstance(word, bool):
        return Severity.OK if word else Severity.CRIT
    if not isinstance(word, str):
        return Severity.UNKNOWN
    return SEVERITY_OF.get(word.strip().lower().replace(" ", "_").replace("-", "_"), Severity.UNKNOWN)


def _own_status(body: dict[str, Any]) -> tuple[Severity, str] | None:
    for key in _STATUS_KEYS:
        value = body.get(key)
        if isinstance(value, bool) or (isinstance(value, str) and value):
            return word_severity(value), _word(value)
    return None


def _parts(body: dict[str, Any], depth: int, budget: _Budget) -> Iterator[Component]:
    """Parts under the keys that usually hold them, else the values that look like parts themselves."""
    if depth > MAX_DEPTH:
        budget.cut = True
        return
    grouped = False
    for key in _GROUP_KEYS:
        group = body.get(key)
        if isinstance(group, dict):
            found = list(_named(group.items(), depth, budget, sure=key != "details"))
        elif isinstance(group, list):
            found = list(_listed(group, depth, budget))
        else:
            continue
        grouped = grouped or bool(found)
        yield from found
    if not grouped:
        others = (
            (key, value) for key, value in body.items() if key not in (*_STATUS_KEYS, *_GROUP_KEYS, *_NAME_KEYS)
        )
        yield from _named(others, depth, budget, sure=False)


def _named(items: Any, depth: int, budget: _Budget, *, sure: bool) -> Iterator[Component]:
    """Parts by name. Not `sure`: only what has a status, or is a word that means one."""
    for name, value in items:
        if isinstance(value, dict):
            if not sure and _own_status(value) is None:
                continue
        elif isinstance(value, list):
            if not any(isinstance(entry, dict) and _own_status(entry) for entry in value):
                continue
        elif not _is_status(value, sure) or _describes(name, value):
            continue
        if not budget.take():
            return
        yield _part(_name(name), value, depth, budget)


def _is_status(value: object, sure: bool) -> bool:
    if sure:
        return isinstance(value, str | bool)
    return isinstance(value, str) and word_severity(value) is not Severity.UNKNOWN


def _describes(name: object, value: object) -> bool:
    """It says what is used, not how it is: "llm_provider": "openai" beside "redis": "healthy"."""
    last = str(name).lower().replace("-", "_").rpartition("_")[2]
    return last in _DESCRIBING and isinstance(value, str) and word_severity(value) is Severity.UNKNOWN


def _listed(entries: list[Any], depth: int, budget: _Budget) -> Iterator[Component]:
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        if not budget.take():
            return
        name = next((entry[key] for key in _NAME_KEYS if isinstance(entry.get(key), str)), str(index))
        yield _part(_name(name), entry, depth, budget)


def _part(name: str, value: Any, depth: int, budget: _Budget) -> Component:
    if isinstance(value, dict):
        own = _own_status(value)
        children = tuple(_parts(value, depth + 1, budget))
    elif isinstance(value, list):
        entries = [entry for entry in value if isinstance(entry, dict)]
        if len(entries) == 1:
            return _part(name, entries[0], depth, budget)
        own, children = None, tuple(_listed(entries, depth + 1, budget)) if depth < MAX_DEPTH else ()
        return Component(name, max((c.severity for c in children), default=Severity.UNKNOWN), "", "", children)
    else:
        return Component(name, word_severity(value), _word(value))
    severity, word = own if own is not None else (None, "")
    below = max((child.severity for child in children), default=None)
    worst = max((level for level in (severity, below) if level is not None), default=Severity.UNKNOWN)
    return Component(name, worst, word, _facts(value), children)


def _facts(body: dict[str, Any]) -> str:
    """Scalars beside the status: "latency_ms 12, version 7.2"; Spring puts them under details."""
    details = body.get("details")
    scalars = list(body.items()) + (list(details.items()) if isinstance(details, dict) else [])
    facts = [
        f"{_name(key)} {clean(str(value), _FACT_LENGTH)}"
        for key, value in scalars
        if isinstance(value, str | int | float)
        and key not in (*_STATUS_KEYS, *_NAME_KEYS)
        and not (isinstance(value, str) and word_severity(value) is not Severity.UNKNOWN)
    ]
    return ", ".join(facts[:_MAX_FACTS])


def _name(name: object) -> str:
    return clean(str(name), _NAME_LENGTH)


def _word(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else clean(str(value), _WORD_LENGTH)
