"""Filling the placeholders of a command: a value is data in every place, never a piece of a shell's text.

An argument list gets the value as (a part of) one word. A shell text gets a quoted reference to a variable in its
place, and the value travels in the environment. Where what the value lands in is code of another language (SQL, JSON,
a remote shell), only values without any character that could mean something there are taken.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockpit.actions.quoting import Spot, Where, spots
from cockpit.errors import Refused
from cockpit.model.command import Placeholder, PlaceholderStyle
from cockpit.text import UNSAFE

PREFIX = "RB_"
_LIMIT = 4096
# Programs that read a part of their arguments as a program of their own.
_EVALUATORS = (
    "ash|awk|bash|dash|eval|expect|fish|gawk|jq|ksh|mail|make|mawk|mysql|node|parallel|perl|php|psql|python[0-9.]*|"
    "redis-cli|ruby|screen|sed|sh|sqlite3|ssh|su|sudo\\s+-[is]|tmux|trap|watch|xargs|yq|zsh|mongosh|mongo|valkey-cli"
)
# Words of the shell that work out an index or a name: a[$(...)] runs there, quoted or not.
_COMPUTERS = "let|read|readarray|mapfile|unset|declare|typeset|local|readonly|getopts|wait|test|printf\\s+-v"
_EVALUATES = re.compile(rf"(?<![\w.-])(?:{_EVALUATORS}|{_COMPUTERS})(?![\w-])|\[\[|\(\(|(?:^|[\s;&|(])\[\s")
_SQL = re.compile(r"(?<![\w.-])(?:psql|mysql|sqlite3|SELECT|UPDATE|DELETE|INSERT)(?![\w-])")
_SQL_VALUE = re.compile(r"(?:[=<>(,]|\b(?:in|like|limit|offset|and|or|interval|values|between|than))\s*$", re.I)
_PLAIN_PIECE = re.compile(r"[A-Za-z0-9_.:@/+,=%~^*-]*")
_HARMLESS = re.compile(r"[A-Za-z0-9_.:/@+,=-]+")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_SECRET_NAME = re.compile(
    r"PASSW|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|DATABASE_URL|_DSN$|^DSN$|_URI$", re.I
)
_DANGEROUS_NAME = re.compile(
    r"LD_|DYLD_|BASH|PYTHON|PERL5|RUBY(LIB|OPT)|NODE_(OPTIONS|PATH)$|GIT_(SSH|EXEC|CONFIG|PAGER|EDITOR|ASKPASS|PROXY)|"
    r"(IFS|ENV|PS[0-4]|SHELLOPTS|PATH|HOME|SHELL|PAGER|EDITOR|VISUAL|BROWSER|CDPATH|GLOBIGNORE)$|PROMPT_"
)


_REFERENCES = {
    Where.BARE: '"${{{}}}"',
    Where.DOUBLE: "${{{}}}",
    Where.SINGLE: "'\"${{{}}}\"'",
    Where.ANSI: "'\"${{{}}}\"$'",
    Where.DOCUMENT: "${{{}}}",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A command ready to run. `variables` are the values, by the names under which `text` or the shell finds them."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    text: str  # what the shell reads; "" without a shell


def asked(placeholders: Sequence[Placeholder], text: str, known: Sequence[str] = ()) -> tuple[Placeholder, ...]:
    """What somebody has to fill in, each once: no substitution, and no variable that the text sets or is `known`."""
    found: dict[str, Placeholder] = {}
    for placeholder in placeholders:
        if placeholder.style is PlaceholderStyle.SUBSTITUTION:
            continue
        if placeholder.style is PlaceholderStyle.VARIABLE and (
            placeholder.name in known or not placeholder.name.isidentifier() or _sets(text, placeholder.name)
        ):
            continue
        found.setdefault(key_of(placeholder), placeholder)
    return tuple(found.values())


def key_of(placeholder: Placeholder) -> str:
    """The name under which its value is given: a variable by its name however it is spelled, else as spelled."""
    return placeholder.name if placeholder.style is PlaceholderStyle.VARIABLE else placeholder.spelled


def optional(placeholder: Placeholder) -> bool:
    """A variable with a default of its own: ${TAG:-latest}."""
    return placeholder.style is PlaceholderStyle.VARIABLE and ":-" in placeholder.spelled


def secret(placeholder: Placeholder) -> str:
    """Why nobody is asked to type it here, "" where somebody may be: what is typed stands in the record."""
    name = placeholder.name
    if not _SECRET_NAME.search(name):
        return ""
    if placeholder.style is PlaceholderStyle.VARIABLE:
        return f'{name} looks like a secret: give it as a reference, [runbook] env = {{ {name} = "env:{name}" }}'
    if re.search(r"(name|id|file|path)$", name, re.IGNORECASE):
        return ""
    return f"{name} looks like a secret: it would stand in the record; run this one by hand"


def problem(placeholder: Placeholder, value: str, text: str, argv: Sequence[str] = ()) -> str:
    """Why the value must not stand there, "" when it may. It says nothing of a value's meaning."""
    name = placeholder.name
    if reason := secret(placeholder):
        return reason
    if placeholder.style is PlaceholderStyle.VARIABLE and _DANGEROUS_NAME.match(name):
        return f"{name} changes how programs run: it is not set from here"
    if not value:
        return "" if optional(placeholder) else f"{name} is needed"
    if len(value) > _LIMIT or UNSAFE.search(value):
        return f"{name} is too long or has characters that cannot be shown"
    if placeholder.style is PlaceholderStyle.VARIABLE:
        # Where it stands without quotes the shell splits it and takes it for a pattern.
        if not _HARMLESS.fullmatch(value) or value.startswith("-"):
            return f"{name} may have letters, digits and . _ : / @ + , = - only, and no dash in front"
        return ""
    found = _places(placeholder, text, argv)
    if not found:
        return f"{placeholder.spelled} cannot be found in the command"
    return next((reason for spot in found if (reason := _fault(spot, name, value, text))), "")


def fill(
    text: str,
    argv: Sequence[str],
    placeholders: Sequence[Placeholder],
    values: Mapping[str, str],
    known: Sequence[str] = (),
) -> Filled:
    """The command with its values by `key_of`; without `argv` it is for bash. `known` are variables that are there.

    Raises Refused for a value that must not stand where it would.
    """
    wanted = asked(placeholders, text, known)
    variables = {
        p.name: values[key_of(p)] for p in wanted if p.style is PlaceholderStyle.VARIABLE and values.get(key_of(p))
    }
    if variables:
        argv = ()  # a shell puts them in: what else is filled in stands in its text
    faults = [reason for p in wanted if (reason := problem(p, values.get(key_of(p), ""), text, argv))]
    if faults:
        raise Refused("parameters", "; ".join(faults), hint="Fill it in again")
    marked = {p.spelled: p for p in wanted if p.style is not PlaceholderStyle.VARIABLE}
    if argv and not any(p.style is PlaceholderStyle.VARIABLE for p in placeholders):
        return Filled(_words(argv, marked, values), {}, "")
    names = _names(tuple(marked.values()))
    variables |= {names[spelled]: values[spelled] for spelled in marked}
    found = [spot for p in marked.values() for spot in _places(p, text, (), tuple(marked.values()))]
    made, at = "", 0
    for spot in sorted(found, key=lambda spot: (spot.start, -spot.end)):
        if spot.start >= at and spot.where is not Where.COMMENT:
            made += text[at : spot.start] + _REFERENCES[spot.where].format(names[spot.spelled])
            at = spot.end
    made += text[at:]
    return Filled(("bash", "--noprofile", "--norc", "-o", "pipefail", "-c", made), variables, made)


def _words(argv: Sequence[str], marked: Mapping[str, Placeholder], values: Mapping[str, str]) -> tuple[str, ...]:
    """All at once: a value that looks like another placeholder stays what it is."""
    if not marked:
        return tuple(argv)
    longest_first = sorted(marked.values(), key=lambda p: -len(p.spelled))
    pattern = re.compile("|".join(_pattern(p).pattern for p in longest_first))
    return tuple(pattern.sub(lambda match: values[match.group()], word) for word in argv)


def _pattern(placeholder: Placeholder) -> re.Pattern[str]:
    spelled = re.escape(placeholder.spelled)
    if placeholder.style is PlaceholderStyle.CAPITALS:
        return re.compile(rf"(?<![A-Za-z0-9_$])(?<!\$\{{){spelled}(?![A-Za-z0-9_])")
    return re.compile(spelled)


def _places(
    placeholder: Placeholder, text: str, argv: Sequence[str], all_: Sequence[Placeholder] = ()
) -> tuple[Spot, ...]:
    pattern = _pattern(placeholder)
    if not argv:
        others = [_pattern(other) for other in all_ if other is not placeholder]
        return tuple(spots(text, pattern, placeholder.spelled, others))
    return tuple(
        Spot(
            placeholder.spelled,
            match.start(),
            match.end(),
            Where.BARE,
            word[: match.start()],
            word[match.end() :],
            argv[index - 1] if index else "",
        )
        for index, word in enumerate(argv)
        for match in pattern.finditer(word)
    )


def _fault(spot: Spot, name: str, value: str, text: str) -> str:
    if spot.where is Where.COMMENT:
        return ""
    if spot.where not in _REFERENCES:
        return f"{name} stands in {spot.where.value}: it cannot be filled in there; run the command by hand"
    around = spot.before + spot.after
    code = spot.where is Where.DOCUMENT or not _PLAIN_PIECE.fullmatch(around) or bool(_EVALUATES.search(text))
    if code and _SQL.search(text):
        literal = spot.before.count("'") % 2 == 1
        if not literal and _SQL_VALUE.search(spot.before) and not _NUMBER.fullmatch(value):
            return f"{name} stands where SQL takes a value without quotes: only a number fits"
        if not literal and not _IDENTIFIER.fullmatch(value):
            return f"{name} stands in SQL: only letters, digits, dots and underscores fit"
    if code and not _HARMLESS.fullmatch(value):
        return f"{name} becomes part of another program's text: only letters, digits and . _ : / @ + , = - fit"
    after_flag = spot.word_before.startswith("-") and _NUMBER.fullmatch(value)
    if value.startswith("-") and not spot.before and not after_flag:
        return f"{name} must not begin with a dash: it would be taken for an option"
    return ""


def _sets(text: str, name: str) -> bool:
    """The command itself gives the variable its value."""
    word = re.escape(name)
    return bool(
        re.search(
            rf"(?:^|[\s;&|(])(?:\w+\s+)?{word}\+?=|\bfor\s+{word}\b|\b(?:read|mapfile)\b[^;|\n]*\s{word}\b", text
        )
    )


def _names(marked: Sequence[Placeholder]) -> dict[str, str]:
    """A variable for each, in its own words."""
    found: dict[str, str] = {}
    for p in marked:
        stem = PREFIX + (re.sub(r"[^A-Za-z0-9]+", "_", p.name).strip("_").upper()[:40] or "VALUE")
        name, number = stem, 2
        while name in found.values():
            name, number = f"{stem}_{number}", number + 1
        found[p.spelled] = name
    return found


def by_hand(filled: Filled) -> str:
    """The same, to paste elsewhere."""
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in filled.variables.items())
    return f"{given} {shlex.join(filled.argv)}".strip()
