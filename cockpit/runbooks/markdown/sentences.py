"""What a sentence of a runbook is for, and which part of it introduces what follows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cockpit.model.runbook import Part
from cockpit.runbooks.markdown.inline import CodeSpan, code_spans
from cockpit.runbooks.markdown.remembered import remembered
from cockpit.runbooks.markdown.verbs import part_by_verb
from cockpit.text import clean

_RUN = re.compile(
    r"\b(?:re-?run|run|runs|running|execute|executing|invoke|invoking|type|enter|call|start|issue|launch|trigger|use|using"
    r"|with|via|(?:the|this)\s+(?:\w+\s+)?(?:command|script)s?|script|command|lancer|exécuter|ausführen|ejecutar|executar)"
    r"\s*:?\s*$",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"(?:(?:important|warning|caution|note)\s*:\s*)?(?:please\s+)?(?:do\s+not|don['’]t|never|must\s+not)\b[^.]*:$",
    re.I,
)
_FORBIDDEN = re.compile(
    r"\b(?:do\s+not|don['’]t|never|must\s+not|should\s+not|shouldn['’]t|avoid|not|instead\s+of|rather\s+than)"
    r"(?:\s+(?:ever|just|simply|blindly|manually|directly|run|running|use|using|call|calling|execute|executing|do|doing"
    r"|try|the|a))*[\s*_:]*$",
    re.IGNORECASE,
)
_ALLOWED = re.compile(
    r"[\s*_]*(?:unless|until|before|without|while|when|if|yet|more\s+than|twice|again)\b", re.IGNORECASE
)


def by_its_verb(part: Part, text: str) -> Part:
    """Where no heading says it, and for what ends a resolution: "Verify that ...", "Notify the team"."""
    if part not in (Part.OTHER, Part.RESOLUTION):
        return part
    said = part_by_verb(text)
    if said is Part.OTHER and ": " in text[:60]:
        said = part_by_verb(text.partition(": ")[2])
    return part if part is Part.RESOLUTION and said in (Part.OTHER, Part.DIAGNOSIS) else said


@remembered
def plain_comment(text: str) -> str:
    """A comment of a fence as a sentence: without the marks around it."""
    return text.strip().strip("#=-* ").strip() or text.strip()


@remembered
def last_sentence(said: str) -> str:
    """Of a paragraph, without its colon: what introduces the block below it."""
    cut = said.rstrip(": ")
    at = max(cut.rfind(". "), cut.rfind("! "), cut.rfind("? "))
    return clean(cut[at + 2 :] if 0 <= at < len(cut) - 3 else cut)


def told_to_run(text: str, start: int, end: int) -> bool:
    """The code at these places is what the sentence says to run, or stands alone."""
    return _RUN.search(text[max(0, start - 60) : start]) is not None or not (text[:start] + text[end:]).strip(
        " .;:\t"
    )


def spans_to_run(text: str) -> Iterator[CodeSpan]:
    """The `code` of a sentence that may be a command.

    Not what it says nobody is to run ("Do not `CODE`"; but "Do not `CODE` unless ..." says when), and not a fence
    that its indentation made a part of the sentence.
    """
    for span in code_spans(text):
        forbidden = _FORBIDDEN.search(text[max(0, span.start - 60) : span.start]) is not None
        allowed = forbidden and _ALLOWED.match(text[span.end : span.end + 40]) is not None
        if not text.startswith("```", span.start) and (allowed or not forbidden):
            yield span


def forbids_the_next(said: str) -> bool:
    """ "Do not run the following unless it is approved:"."""
    return _FORBIDS.match(said) is not None
