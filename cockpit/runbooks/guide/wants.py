"""What a playbook has to be about to help with a finding."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cockpit.model.finding import Finding
from cockpit.runbooks.guide.synonyms import GENERAL, IDLE, SUBJECTS, WORDS

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_POSTGRES = re.compile(r"postgresql", re.IGNORECASE)
_MYSQL = re.compile(r"mysql", re.IGNORECASE)
_NO_OUTAGE = re.compile(r"permission|denied|credential|not installed|not found|no such|configur|login|log in", re.I)

# Of the rules of cockpit.findings: topic -> how much it says.
_BY_RULE: Mapping[str, Mapping[str, float]] = {
    "pool-nearly-full": {"pool": 1.0, "dbconn": 0.8, "database": 0.3, "connect": 0.1},
    "lock-pileup": {"locks": 1.0, "slowquery": 0.7, "database": 0.35, "dbconn": 0.3, "pool": 0.2},
    "idle-in-transaction": {"locks": 1.0, "dbconn": 0.4, "pool": 0.4, "slowquery": 0.3, "database": 0.3},
    "slow-query": {"slowquery": 1.0, "slow": 0.5, "locks": 0.3, "database": 0.35},
    "redis-evicting": {"evict": 1.0, "redis": 0.7, "memory": 0.15},
    "redis-nearly-full": {"evict": 1.0, "redis": 0.7, "memory": 0.15},
    "redis-clients": {"redis": 1.0, "connect": 0.4},
    "redis-replica-cut-off": {"redis": 0.8, "replica": 0.6},
    "certificate-expiry": {"certificate": 1.0},
    "errors": {"errors": 1.0, "down": 0.3, "rollback": 0.2, "deploy": 0.05},
    "bad-revision": {"rollback": 1.2, "errors": 0.75, "deploy": 0.3},
    "container-errors-since": {"rollback": 1.2, "errors": 0.75, "deploy": 0.3},
    "serving-revision-failed": {"rollback": 1.0, "crash": 0.6, "down": 0.6, "deploy": 0.3},
}
_BY_KIND: Mapping[str, Mapping[str, float]] = {
    "database": {"dbconn": 1.0, "database": 0.4, "down": 0.3, "connect": 0.2},
    "redis": {"redis": 1.0, "down": 0.2, "connect": 0.2},
    "health": {"down": 1.0, "connect": 0.5, "errors": 0.4, "crash": 0.3},
}
_OWN = 0.25  # a word that the finding and the playbook share, and that is in no table


def topics(text: str) -> frozenset[str]:
    """The subjects and general topics that a text speaks of."""
    low = f" {' '.join(_words(text))} "
    found = {name for name, phrases in SUBJECTS.items() if any(_holds(low, phrase) for phrase in phrases)}
    found |= {name for name, phrases in GENERAL.items() if any(_holds(low, phrase) for phrase in phrases)}
    if "dbconn" not in found and found >= {"database", "connect"}:
        found.add("dbconn")
    return frozenset(found)


def _holds(low: str, phrase: str) -> bool:
    # A short word stands for itself, a longer one also for what begins with it.
    return f" {phrase} " in low if len(phrase) < 4 else f" {phrase}" in low


def _words(text: str) -> list[str]:
    """In lower case; names of alerts as the words that they are made of."""
    return _WORD.findall(_CAMEL.sub(" ", _MYSQL.sub("Mysql", _POSTGRES.sub("Postgres", text))).casefold())


def content(text: str) -> tuple[str, ...]:
    """Words that mean something of their own, in a plain form."""
    words = (WORDS.get(word, word).removesuffix("s") for word in _words(text) if word not in IDLE)
    return tuple(word for word in words if len(word) > 1 and word not in IDLE and not word[0].isdigit())


def wants(finding: Finding) -> dict[str, float]:
    """Topics, and words as "=word", with how much each says about the right playbook; empty where none can help."""
    if finding.rule == "sources-unseen":
        return {}  # the sentence about all of them: each has its own finding, too
    found = dict(_BY_RULE.get(finding.rule, {}))
    if finding.rule == "source-unseen":
        if _NO_OUTAGE.search(finding.text):
            return {}
        found = dict(_BY_KIND.get(finding.source.partition("/")[0], {}))
    elif not found:
        found = _said(finding.text)
        if finding.rule == "endpoint-unhealthy":
            found.setdefault("down", 0.6)
    if not found:
        return {}
    return {**{f"={word}": _OWN for word in content(finding.text)}, **found}


def _said(text: str) -> dict[str, float]:
    """By the words of a text, where no rule says what it is about."""
    here = topics(text)
    found = {topic: 1.0 if topic in SUBJECTS else 0.8 for topic in here}
    if len(here) > 1 and "connect" in found:
        found["connect"] = 0.1
    if "database" in found and len(here & SUBJECTS.keys()) > 1:
        found["database"] = 0.35
    if "pool" in found:
        found.setdefault("dbconn", 0.7)
    if "evict" in found:
        found.setdefault("redis", 0.5)
        found["memory"] = min(found.get("memory", 0.3), 0.4)
    if "rollback" in found:
        found["deploy"] = 0.3
    if "errors" in found:
        found.setdefault("rollback", 0.2)
        found.setdefault("deploy", 0.05)
    return found
