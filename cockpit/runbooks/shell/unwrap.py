"""Simple commands -> calls: looks through sudo, docker exec, kubectl exec, ssh, psql, redis-cli, sh -c and the like."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.model.command import Call
from cockpit.runbooks.shell import arguments
from cockpit.runbooks.shell.grammar import Simple


def calls_of(simples: Sequence[Simple], line: int) -> tuple[Call, ...]:
    """`line` is the file line of the text's first line."""
    return tuple(_plain(simple, line) for simple in simples)


def _plain(simple: Simple, line: int) -> Call:
    words = simple.words
    program = words[0].text.rsplit("/", 1)[-1] if words else "assign"
    split = arguments.split(program, words[1:])
    return Call(
        program,
        split.verb,
        tuple(split.args),
        split.flags,
        tuple(words),
        simple.text,
        line + simple.row,
        (),
        split.channel,
        None,
        simple.assigned,
        tuple(simple.redirects),
        simple.body,
        {},
        simple.substituted,
        simple.piped,
    )
