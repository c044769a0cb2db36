"""Calls as values."""

from __future__ import annotations

import dataclasses

from cockpit.model.command import Call, Placeholder, PlaceholderStyle, Redirect, SqlStatement, Word, Wrapper


def test_a_moved_call_differs_in_its_line_alone() -> None:
    mark = Placeholder("pod", "<pod>", PlaceholderStyle.ANGLE)
    word = Word("a", "a", (mark,))
    call = Call(
        "psql",
        "get",
        (word,),
        {"-n": ("shop",)},
        (word, word),
        "psql a",
        7,
        (Wrapper("ssh", "bastion"),),
        "beta",
        SqlStatement("SELECT", "SELECT 1", True),
        {"PGHOST": "db"},
        (Redirect(">", word),),
        "SELECT 1",
        {"Accept": "text/plain"},
        True,
        True,
        (mark,),
    )
    empty = Call("")
    every = {field.name for field in dataclasses.fields(Call)}
    assert {name for name in every if getattr(call, name) != getattr(empty, name)} == every
    assert call.moved(5) == dataclasses.replace(call, line=12)
