"""What stands inside a line of prose: `code`, links, emphasis. Every function is linear in any input."""

from __future__ import annotations

import html
import re
import sys
from bisect import bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass

from cockpit.runbooks.markdown.remembered import remembered

_TICKS = re.compile(r"`+")
_LINK = re.compile(
    r"!?\[([^\[\]]{0,300})\]\(\s*<?([^()\s<>]{1,2000}(?:\([^()\s]{0,200}\)[^()\s<>]{0,500})?)>?[^()]{0,300}\)"
)
_REFERENCE = re.compile(r"\[([^\[\]]{1,300})\]\[[^\[\]]{0,100}\]")
_DEFINITION = re.compile(r" {0,3}\[([^\[\]]{1,100})\]:\s+<?(\S+?)>?(?:\s|$)")
_URL = re.compile(r"\b(?:https?|wss?|ftp)://[^\s<>|\"'`\\)\]}*]+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
_TAG = re.compile(
    r"</?(?:a|abbr|b|blockquote|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p"
    r"|pre|s|small|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]{0,300})?/?>",
    re.IGNORECASE,
)
_STRONG = re.compile(r"\*{2,3}|~~|(?<!\w)__(?=\w)|(?<=[\w.!?:)])__(?!\w)")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])|(?<=[^\s*\\:/(])\*(?![\w*])|(?<!\w)_(?=[^\W_])|(?<=[^\W_])_(?!\w)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class CodeSpan:
    """`code` in prose: its text, and where it begins and ends in the prose."""

    text: str
    start: int
    end: int


def code_spans(text: str) -> tuple[CodeSpan, ...]:
    """As CommonMark has them: a run of backticks closes at the next run of the same length."""
    if "`" not in text:
        return ()
    runs = [match.span() for match in _TICKS.finditer(text)]
    places: dict[int, deque[int]] = defaultdict(deque)
    for index, (start, end) in enumerate(runs):
        places[end - start].append(index)
    found: list[CodeSpan] = []
    index = 0
    while index < len(runs):
        start, end = runs[index]
        same = places[end - start]
        while same and same[0] <= index:
            same.popleft()
        if not same:
            index += 1
            continue
        closing = same[0]
        body = text[end : runs[closing][0]].replace("\n", " ")
        if len(body) > 2 and body[0] == body[-1] == " ":
            body = body[1:-1]
        found.append(CodeSpan(body, start, runs[closing][1]))
        index = closing + 1
    return tuple(found)


@remembered
def plain(text: str) -> str:
    """As it is read: one line, without marks; the text of links, code as it is."""
    spans = code_spans(text)
    if not spans:
        return " ".join(_unmarked(text).split())
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += [_unmarked(text[at : span.start]), span.text]
        at = span.end
    parts.append(_unmarked(text[at:]))
    return " ".join("".join(parts).split())


def _unmarked(text: str) -> str:
    if "[" in text:
        text = _LINK.sub(r"\1", text)
        text = _REFERENCE.sub(r"\1", text)
    if "<" in text:
        text = _TAG.sub(" ", text)
        text = re.sub(r"<((?:https?|mailto):[^\s<>]{1,2000})>", r"\1", text)
    if "*" in text or "_" in text or "~" in text:
        text = _EMPHASIS.sub("", _STRONG.sub("", text))
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    return html.unescape(text) if "&" in text else text


@remembered
def links(text: str) -> tuple[tuple[str, str, int], ...]:
    """(text, target, offset): Markdown links, then URLs that stand for themselves; those in code are none."""
    if "](" not in text and "://" not in text:
        return ()
    code = [(span.start, span.end) for span in code_spans(text)]
    found: list[tuple[str, str, int]] = []
    taken: list[tuple[int, int]] = []
    for match in _LINK.finditer(text):
        if not _within(code, match.start()):
            found.append((plain(match[1]), match[2], match.start()))
            taken.append(match.span())
    for match in _URL.finditer(text):
        if not _within(taken, match.start()) and not _within(code, match.start()):
            url = match[0].rstrip(".,;:!?")
            found.append((url, url, match.start()))
    return tuple(sorted(found, key=lambda each: each[2]))


def _within(spans: list[tuple[int, int]], at: int) -> bool:
    """`spans` are sorted and do not overlap."""
    index = bisect_right(spans, (at, sys.maxsize)) - 1
    return index >= 0 and spans[index][0] <= at < spans[index][1]


def urls(text: str) -> tuple[str, ...]:
    """Every http(s) URL in a text, wherever it stands."""
    if "://" not in text:
        return ()
    return tuple(dict.fromkeys(match[0].rstrip(".,;:!?") for match in _URL.finditer(text)))


def mails(text: str) -> tuple[str, ...]:
    """Every mail address."""
    return tuple(dict.fromkeys(_MAIL.findall(text))) if "@" in text else ()
