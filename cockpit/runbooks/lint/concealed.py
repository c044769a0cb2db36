"""Secrets by their shape, so that a fault about a leaked secret does not leak it once more."""

from __future__ import annotations

import re

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b")),
    ("a GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("a Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("a Slack webhook", re.compile(r"https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,}")),
    ("a Google API key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("a Stripe key", re.compile(r"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}\b")),
    ("a model provider's key", re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_]{20,}\b")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{6,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
)
_HINT = re.compile(
    r"AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hooks\.slack|AIza|[sr]k_|sk-|eyJ|PRIVATE KEY|://[^\s/]{0,80}:[^\s/]*@"
)
URL_PASSWORD = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"]{0,80}:)([^\s:/@'\"$<{][^\s/@'\"]{0,120})@")


_STANDS_FOR = re.compile(
    r"(?i)[x*.•]{3,}|(?:your|my|new|the|some|example)[-_ ].*|changeme.*|[a-z]|foo|bar|foobar|example|dummy"
    r"|[\w-]{0,12}(?:\.{3}|…|[*•]{3,})[\w-]{0,6}|[a-z]{2,6}[-_](?:[a-z]{2,6}[-_])?x{3,}"
)


def may_hold_secret(text: str) -> bool:
    """One quick look, before all shapes are tried."""
    return _HINT.search(text) is not None


def conceal(text: str) -> str:
    """The text with everything that looks like a secret replaced by dots."""
    if not may_hold_secret(text):
        return text
    for _, shape in SHAPES:
        text = shape.sub("•••", text)
    return URL_PASSWORD.sub(lambda match: match[0] if is_stand_in(match[2]) else f"{match[1]}•••@", text)


def is_stand_in(value: str) -> bool:
    """It stands for a secret that is filled in later: <token>, $TOKEN, NEW_PASSWORD, your-token, xxx."""
    bare = value.strip("'\"")
    return (
        not bare
        or bare[0] in "$<{[`%"
        or (bare.isupper() and not any(char.isdigit() for char in bare))
        or bool(_STANDS_FOR.fullmatch(bare))
    )
