"""What follows a question in a pipe: jq paths, grep and pagers only choose from the answer, so the look does that."""

from __future__ import annotations

import re
from dataclasses import replace

from cockpit.looks.switches import spread
from cockpit.model.command import Call, Intent

_STEP = re.compile(r"""\.(?P<name>[A-Za-z_]\w*)|\.?\[\s*(?P<index>-?\d+|)\s*\]|\.?\[?"(?P<quoted>[^"\\]+)"\]?""")
_PLAIN_WORD = re.compile(r"[\w.:/@%-]+( [\w.:/@%-]+)*")
_JQ_SHOWING = frozenset(
    ("-r", "--raw-output", "-C", "-M", "-S", "-c", "--color-output", "--monochrome-output", "-e", "--sort-keys")
)
_GREP_SHOWING = frozenset(("-i", "--ignore-case", "-E", "-F", "-n", "--color", "--line-buffered", "-h"))
# What the look at a certificate shows anyway: https://docs.openssl.org/master/man1/openssl-x509/
_X509 = frozenset(("-noout", "-dates", "-startdate", "-enddate", "-subject", "-issuer"))
_PAGERS = frozenset(("less", "more", "cat"))
_LOOKS_AT_LINES = ("health.get",)
_LOOKS_FOR_ANY = (
    "workloads.logs",
    "workloads.pods",
    "workloads.use",
    "workloads.everywhere",
    "containers.list",
    "containers.logs",
)  # lines with any of several words, whatever their case


def refined(intent: Intent, after: Call) -> Intent | None:
    """The look with the next command of its pipe taken in; None where that does more than choose what to show."""
    if after.program in _PAGERS and not after.args and not after.redirects:
        return intent
    if after.program in ("python", "python3") and [word.text for word in after.words[1:]] == ["-m", "json.tool"]:
        return intent
    if after.redirects:
        return None
    if after.program == "jq":
        return _jq(intent, after)
    if after.program in ("grep", "egrep", "fgrep"):
        return _grep(intent, after)
    if after.program == "openssl" and after.verb == "x509" and not after.args and not after.flags.keys() - _X509:
        return intent if intent.name == "health.certificate" else None
    if after.program in ("head", "tail") and not after.has("-f", "-F", "--follow") and not after.args:
        return replace(intent, differs=_and(intent.differs, "The whole answer is shown, not only its first lines."))
    return None


def jmespath_of(filter_: str) -> str | None:
    """`.a.b[0]."c-d"` of jq as JMESPath, "" for `.`; None for anything that computes."""
    text = filter_.strip()
    if text in ("", "."):
        return ""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            return None
        if match["name"]:
            found.append(f".{match['name']}")
        elif match["quoted"]:
            if text[at : match.end()].count("[") != text[at : match.end()].count("]"):
                return None
            found.append(f'."{match["quoted"]}"')
        else:
            found.append(f"[{match['index']}]")
        at = match.end()
    return "".join(found).removeprefix(".")


def _jq(intent: Intent, after: Call) -> Intent | None:
    if spread(after, "rCMScen").keys() - _JQ_SHOWING or len(after.args) > 1:
        return None
    if after.args and after.args[0].placeholders:
        return None
    wanted = jmespath_of(after.args[0].text if after.args else ".")
    if intent.name in _LOOKS_AT_LINES:
        if wanted is None or (wanted and intent.params.get("json")):
            return None
        return replace(intent, params={**intent.params, "json": wanted}) if wanted else intent
    if intent.name in ("logs.query", "logs.tail"):
        return replace(intent, differs=_and(intent.differs, "The entries are shown as they are, not cut by jq."))
    return None


def _grep(intent: Intent, after: Call) -> Intent | None:
    if spread(after, "iEFnh").keys() - _GREP_SHOWING or len(after.args) != 1:
        return None
    word = after.args[0]
    if intent.name in _LOOKS_FOR_ANY:
        wanted = _alternatives(word.text, extended=after.program == "egrep" or after.has("-E"))
        if word.placeholders or wanted is None or intent.params.get("contains"):
            return None
        return replace(intent, params={**intent.params, "contains": "|".join(wanted)})
    if word.placeholders or not _PLAIN_WORD.fullmatch(word.text) or intent.params.get("contains"):
        return None
    if intent.name not in _LOOKS_AT_LINES:
        return None
    return replace(intent, params={**intent.params, "contains": word.text})


def _alternatives(pattern: str, *, extended: bool) -> tuple[str, ...] | None:
    """The plain words of `a\\|b` or, extended, `(a|b)`; None for any other pattern."""
    if extended:
        pattern = pattern[1:-1] if pattern.startswith("(") and pattern.endswith(")") else pattern
        words = pattern.split("|")
    else:
        words = pattern.split(r"\|")
    return tuple(words) if all(_PLAIN_WORD.fullmatch(each) for each in words) else None


def _and(one: str, other: str) -> str:
    return other if not one else one if other in one else f"{one} {other}"
