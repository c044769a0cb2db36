"""Calls of clients -> what they ask for: psql -> SQL statements, redis-cli -> Redis commands, curl -> requests."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from cockpit.model.command import Call, Placeholder, SqlStatement, Word, Wrapper
from cockpit.runbooks.shell import http, placeholders, redis, sql
from cockpit.runbooks.shell.arguments import Split, split
from cockpit.runbooks.shell.grammar import Simple
from cockpit.runbooks.shell.words import word

POSTGRES = frozenset({"psql", "pgcli"})
REDIS = frozenset({"redis-cli", "valkey-cli", "keydb-cli"})
WEB = frozenset({"curl", "wget", "http", "https", "httpie", "xh", "curlie"})
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ash", "ksh", "fish"})


@dataclass(frozen=True, slots=True)
class Scene:
    """What a call stands in: the simple command that it comes from, and the wrappers around it."""

    simple: Simple
    line: int  # in the file
    within: tuple[Wrapper, ...] = ()
    assigned: tuple[tuple[str, str], ...] = ()
    rows: bool = True  # rows inside its quoted text are lines of the file

    def call(self, program: str, words: list[Word], found: Split) -> Call:
        """The call of a program as it stands."""
        simple = self.simple
        return Call(
            program,
            found.verb,
            tuple(found.args),
            found.flags,
            tuple(words),
            simple.text,
            self.line,
            self.within,
            found.channel,
            None,
            {**simple.assigned, **dict(self.assigned)},
            tuple(simple.redirects),
            simple.body,
            {},
            simple.substituted,
            simple.piped,
            tuple(dict.fromkeys(simple.asides)),
        )


def leaf(program: str, words: list[Word], scene: Scene) -> tuple[Call, ...]:
    """A call that wraps no other program."""
    found = split(program, words[1:])
    if program in POSTGRES:
        return _psql(program, words, found, scene)
    if program in REDIS:
        return _redis(program, words, found, scene)
    if program in WEB:
        return _web(program, words, found, scene)
    found.args = [*found.args, *found.rest]
    return (scene.call(program, words, found),)


def printed(simple: Simple | None) -> str | None:
    """What a command is known to print: `echo "SELECT 1"`, `printf`, `cat <<EOF`; None for any other."""
    if simple is None or not simple.words:
        return None
    name, rest = simple.words[0].text, simple.words[1:]
    if name in ("echo", "printf"):
        while rest and re.fullmatch(r"-[neE]+", rest[0].text):
            rest = rest[1:]
        return " ".join(each.text for each in rest).replace("\\n", "\n")
    return simple.body if name == "cat" and simple.body and not rest else None


def sql_calls(text: str, base: Call, *, marks: Word | None = None, rows: bool = True) -> tuple[Call, ...]:
    """A script -> a call of program "sql" for each statement. `base` gives everything else."""
    calls = []
    for row, statement in sql.statements(text):
        spelled = marks.placeholders if marks else ()
        found = tuple(each for each in spelled if each.spelled in statement.text and each.style.name != "CAPITALS")
        named = tuple(each for each in placeholders.in_sql(statement.text) if each not in found)
        calls.append(
            replace(
                base,
                program="sql",
                verb=statement.kind,
                args=(),
                flags={},
                words=(Word(statement.text, statement.text, found + named),),
                text=statement.text,
                line=base.line + (row if rows else 0),
                statement=statement,
            )
        )
    return tuple(calls)


def sql_base(line: int, within: tuple[Wrapper, ...] = ()) -> Call:
    """For SQL that stands in the runbook by itself."""
    return Call("sql", line=line, within=within)


def _psql(program: str, words: list[Word], found: Split, scene: Scene) -> tuple[Call, ...]:
    flags = dict(found.flags)
    for name, each in zip(("--dbname", "--username"), found.args, strict=False):
        flags.setdefault(name, (each.text,))
    where = flags.get("--host", flags.get("--dbname", ("",)))[-1]
    own = tuple(
        each for one in words for each in one.placeholders if one.text not in found.flags.get("--command", ())
    )
    base = replace(
        scene.call(program, words, found),
        within=(*scene.within, Wrapper(program, where, flags, own)),
        flags={},
        args=(),
    )
    texts: list[tuple[str, Word | None]] = []
    for value in found.flags.get("--command", ()):
        texts.append((value, next((each for each in words if each.text.endswith(value)), None)))
    files = "--file" in found.flags or any(each.operator == "<" for each in scene.simple.redirects)
    if not texts and scene.simple.body:
        texts.append((scene.simple.body, _variables(scene.simple)))
    printed_text = printed(scene.simple.fed) if scene.simple.piped and not texts else None
    if printed_text is not None:
        texts.append((printed_text, next(iter(scene.simple.fed.words[1:]), None) if scene.simple.fed else None))
    calls: list[Call] = []
    for text, marks in texts:
        start = _row(scene, text)
        calls.extend(sql_calls(text, replace(base, line=base.line + start), marks=marks, rows=scene.rows))
    if not calls or files:
        calls.append(scene.call(program, words, found))
    if marks_open(texts):
        calls = [replace(call, statement=_unproven(call.statement)) for call in calls]
    return tuple(calls)


def marks_open(texts: list[tuple[str, Word | None]]) -> bool:
    """A shell puts something into the statement that is not known here."""
    return any(
        marks is not None and any(each.style.name in ("VARIABLE", "SUBSTITUTION") for each in marks.placeholders)
        for _, marks in texts
    )


def _unproven(statement: SqlStatement | None) -> SqlStatement | None:
    return replace(statement, reads_only=False) if statement else None


def _variables(simple: Simple) -> Word | None:
    """What a here-document's shell would expand, as placeholders; None where its tag is quoted."""
    tag = next((each.target for each in simple.redirects if each.operator == "<<"), None)
    if tag is None or tag.text != tag.source:
        return None
    quoted = '"' + simple.body.replace('"', " ") + '"'
    return word(quoted)


def _row(scene: Scene, text: str) -> int:
    """Lines between the call and the quoted text in it."""
    if not scene.rows:
        return 0
    if scene.simple.body == text:
        return scene.simple.body_row
    at = scene.simple.text.find(text)
    return scene.simple.text.count("\n", 0, at) if at > 0 else 0


def _redis(program: str, words: list[Word], found: Split, scene: Scene) -> tuple[Call, ...]:
    flags = found.flags
    where = flags.get("--host", flags.get("--uri", ("",)))[-1]
    plain = scene.call(program, words, found)
    base = replace(plain, within=(*scene.within, Wrapper(program, where, flags)), flags={}, args=(), program="redis")
    given = [*found.args, *found.rest]
    if given:
        verb, args = redis.verb_of([replace(each, placeholders=_kept(each)) for each in given])
        return (replace(base, verb=verb, args=tuple(args)),)
    if "--scan" in flags:
        return (replace(base, verb="SCAN", flags=flags),)
    text = scene.simple.body or (printed(scene.simple.fed) if scene.simple.piped else None)
    if text:
        return tuple(redis_call(line, base) for line in text.splitlines() if line.strip())
    return (plain,)


def _kept(each: Word) -> tuple[Placeholder, ...]:
    allowed = redis.plain(each).placeholders
    return tuple(
        mark for mark in each.placeholders if mark in allowed or mark.style.name in ("VARIABLE", "SUBSTITUTION")
    )


def redis_call(line: str, base: Call) -> Call:
    """One line typed into redis-cli."""
    words = redis.words_of(line)
    verb, args = redis.verb_of(words)
    return replace(base, program="redis", verb=verb, args=tuple(args), words=tuple(words), text=line.strip())


def _web(program: str, words: list[Word], found: Split, scene: Scene) -> tuple[Call, ...]:
    plain = scene.call(program, words, found)
    request = http.of(program, found)
    if request is None:
        return (plain,)
    body = request.body
    if body.startswith("@-"):
        body = scene.simple.body or printed(scene.simple.fed) or body
    return tuple(
        replace(plain, program="http", verb=request.method, args=(url,), headers=request.headers, body=body)
        for url in request.urls
    )
