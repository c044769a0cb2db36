"""A maintenance statement as values: VACUUM, ANALYZE and REINDEX, what each works on and which lock it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.model.sql import NotOne, Token, single, tokens

_OFF = ("FALSE", "OFF", "0")
_WORDS = (
    "FULL FREEZE VERBOSE ANALYZE ANALYSE SKIP_LOCKED DISABLE_PAGE_SKIPPING INDEX_CLEANUP TRUNCATE PARALLEL "
    "PROCESS_TOAST PROCESS_MAIN BUFFER_USAGE_LIMIT"
)
_VACUUM = frozenset(_WORDS.split())
_SCOPES = ("INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One statement. `relation` is the table or index that it names, "" for the whole database."""

    verb: str  # "VACUUM", "VACUUM FULL", "VACUUM ANALYZE", "ANALYZE", "REINDEX", "REINDEX CONCURRENTLY"
    relation: str = ""
    scope: str = ""  # "TABLE", "INDEX", "SCHEMA", "DATABASE", "SYSTEM"

    @property
    def locks_out(self) -> bool:
        """Others cannot write, or not even read, while it works on a table."""
        return self.verb in ("VACUUM FULL", "REINDEX")

    @property
    def lock(self) -> str:
        """What it takes on each table, and what that means."""
        if self.verb == "VACUUM FULL":
            return "ACCESS EXCLUSIVE on one table after another: nobody reads or writes that table meanwhile"
        if self.verb == "REINDEX":
            return "SHARE on one table after another, ACCESS EXCLUSIVE on the index: nobody writes there meanwhile"
        return "SHARE UPDATE EXCLUSIVE: others read and write, but no schema change and no other maintenance"


def upkeep(sql: str) -> Upkeep | None:
    """None for anything else, several tables, or an option that is not known. Raises NotOne."""
    sql = single(sql)
    found = tokens(sql)
    verb = found[0].upper
    if verb == "VACUUM":
        return _vacuum(sql, found[1:])
    if verb in ("ANALYZE", "ANALYSE"):
        options, rest = _options(found[1:], frozenset(["VERBOSE", "SKIP_LOCKED", "BUFFER_USAGE_LIMIT"]))
        relation = _relation(sql, rest) if options is not None else None
        return None if relation is None else Upkeep("ANALYZE", relation, "TABLE" if relation else "DATABASE")
    return _reindex(sql, found[1:]) if verb == "REINDEX" else None


def _vacuum(sql: str, found: Sequence[Token]) -> Upkeep | None:
    options, rest = _options(found, _VACUUM)
    relation = _relation(sql, rest) if options is not None else None
    if options is None or relation is None:
        return None
    full, analyze = "FULL" in options, bool(options & {"ANALYZE", "ANALYSE"})
    verb = "VACUUM FULL" if full else "VACUUM ANALYZE" if analyze else "VACUUM"
    return Upkeep(verb, relation, "TABLE" if relation else "DATABASE")


def _reindex(sql: str, found: Sequence[Token]) -> Upkeep | None:
    options, rest = _options(found, frozenset(["VERBOSE", "CONCURRENTLY"]))
    if options is None or not rest or rest[0].upper not in _SCOPES:
        return None
    scope, rest = rest[0].upper, rest[1:]
    concurrently = "CONCURRENTLY" in options
    if rest and rest[0].upper == "CONCURRENTLY":
        concurrently, rest = True, rest[1:]
    relation = _relation(sql, rest)
    if relation is None or (scope in ("INDEX", "TABLE", "SCHEMA") and not relation):
        return None
    named = relation if scope in ("INDEX", "TABLE") else ""
    return Upkeep("REINDEX CONCURRENTLY" if concurrently else "REINDEX", named, scope)


def _options(found: Sequence[Token], known: frozenset[str]) -> tuple[set[str] | None, Sequence[Token]]:
    """Those that are on, in brackets or as bare words, and what follows; None for one that is not known."""
    on: set[str] = set()
    if found and found[0].text == "(":
        end = next(i for i, token in enumerate(found) if token.text == ")")
        name = ""
        for token in found[1:end]:
            if token.text == ",":
                name = ""
            elif not name:
                name = token.upper
                on.add(name)
            elif token.text.upper().strip("'") in _OFF:
                on.discard(name)
        return (on if on <= known else None), found[end + 1 :]
    while found and found[0].upper in known:
        on.add(found[0].upper)
        found = found[1:]
    return on, found


def _relation(sql: str, found: Sequence[Token]) -> str | None:
    """One name, with columns or without; "" for none, None for anything else."""
    if not found:
        return ""
    length = 0
    for position, token in enumerate(found):
        wanted = token.kind in ("word", "quoted") if position % 2 == 0 else token.text == "."
        if not wanted:
            break
        length = position + 1
    rest = found[length:]
    if length % 2 == 0 or (rest and not (rest[0].text == "(" and rest[-1].text == ")")):
        return None
    return sql[found[0].start : found[length - 1].end]


def understood(sql: str) -> Upkeep | None:
    """As `upkeep`, None also for what is not one statement."""
    try:
        return upkeep(sql)
    except NotOne:
        return None
