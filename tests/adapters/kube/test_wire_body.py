"""Bodies are written as Go writes them: what the server compares as text is equal where it means the same."""

from __future__ import annotations

import json

import pytest

from cockpit.adapters.kube.wire import encoded


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a && b > c <d>", r'"a \u0026\u0026 b \u003e c \u003cd\u003e"'),
        ("grüße 你好", '"grüße 你好"'),
        ("line\u2028end\u2029", r'"line\u2028end\u2029"'),
        ('tab\t quote" back\\slash\n', r'"tab\t quote\" back\\slash\n"'),
        ({"b": [1, None, True]}, '{"b":[1,null,true]}'),
    ],
)
def test_as_go_writes_it(value: object, written: str) -> None:
    body = encoded(value)
    assert body is not None and body.decode() == written
    assert json.loads(body) == value


def test_half_a_character_and_no_body() -> None:
    assert encoded("\ud800") == b'"?"'
    assert encoded(None) is None
