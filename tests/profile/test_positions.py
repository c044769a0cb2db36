"""The place of each key in a TOML text, compared with what the standard library reads from the same text."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.profile.positions import Path, Position, nearest, positions


def paths(value: object, prefix: Path = ()) -> Iterator[Path]:
    """Every path of keys and indices in what tomllib read."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*prefix, key)
            yield from paths(inner, (*prefix, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield (*prefix, index)
            yield from paths(inner, (*prefix, index))


DOCUMENT = """\
# a comment with [brackets] and "quotes
system = "shop" # = another
"quoted key" = 1
'literal.key' = 2
a.b . "c d" = 3

[[health]]
name = "api"
expect = [200, 204, # ok
  301,
]
headers = { "X-Team" = "a,b]}", nested = { deep = [ { x = 1 }, { y = "]" } ] } }

[[health.check]]
path = '''
multi # not a comment
[not.a.header]
''''
for = "5m"
[[health.check]]
path = \"\"\"quotes \\"\"\" and ""inside\"\"\"\"\"

[health.more]
since = 1979-05-27 07:32:00
[[health]]
name = "web"
[health.headers]
X = "y"
[limits]
keys = 5
  [block . "inner"]
  command = []
"""


def test_every_key_and_element_of_a_wide_document_has_its_place() -> None:
    found = positions(DOCUMENT)
    assert set(paths(tomllib.loads(DOCUMENT))) == set(found)
    lines = DOCUMENT.splitlines()

    def text_at(path: Path) -> str:
        place = found[path]
        return lines[place.line - 1][place.column - 1 :]

    assert text_at(("system",)).startswith("system =")
    assert text_at(("quoted key",)).startswith('"quoted key"')
    assert text_at(("a", "b", "c d")).startswith('"c d" = 3')
    assert text_at(("health",)) == "health]]" and found["health",].line == 7
    assert text_at(("health", 1)) == "health]]" and found["health", 1].line == 25
    assert text_at(("health", 0, "expect", 2)).startswith("301")
    assert text_at(("health", 0, "headers", "nested", "deep", 1, "y")) == 'y = "]" } ] } }'
    assert text_at(("health", 0, "check", 0, "for")) == 'for = "5m"'
    assert text_at(("health", 0, "check", 1, "path")).startswith("path = ")
    assert text_at(("health", 0, "more", "since")).startswith("since")
    assert text_at(("health", 1, "headers", "X")) == 'X = "y"'
    assert text_at(("block", "inner", "command")) == "command = []"


def test_windows_line_ends_count_as_one() -> None:
    assert positions('a = 1\r\n\r\nb = """x\r\ny"""\r\nc = 2\r\n')["c",] == Position(5, 1)


def test_a_missing_key_stands_where_its_table_stands() -> None:
    found = positions('x = 1\n[[health]]\nname = "a"\n')
    assert nearest(found, ("health", 0, "url")) == Position(2, 3)
    assert nearest(found, ("system",)) == Position(1, 1)


bare = st.text("abcXYZ019_-", min_size=1, max_size=5)
key_text = bare.map(lambda text: (text, text)) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5
).map(lambda text: (text, json.dumps(text, ensure_ascii=False)))
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
blanks = st.sampled_from(["", " ", "\t", "  "])
voids = st.sampled_from(["", " ", "\n", " # ] } \" '''\n", "\n\n  "])


def as_lines(text: str) -> str:
    return '"""' + text.replace("\\", "\\\\").replace('"""', '""\\"').removesuffix('"') + '"""'


scalars = (
    st.integers(-99, 99).map(str)
    | st.booleans().map(lambda flag: str(flag).lower())
    | texts.map(lambda text: json.dumps(text, ensure_ascii=False))
    | texts.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'")
    | texts.map(as_lines)
    | st.lists(texts, max_size=3).map(lambda parts: "'''" + "\n".join(parts).replace("'", "") + "'''")
    | st.sampled_from(
        ['""', "''", '""""a""b"""', "''''a''b''''", '"""\\"""""""', "1979-05-27 07:32:00", "1e3", "nan"]
    )
)


def arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.lists(st.tuples(voids, inner, voids), max_size=3), st.booleans(), voids).map(
        lambda drawn: (
            "["
            + ",".join(before + value + after for before, value, after in drawn[0])
            + ("," if drawn[0] and drawn[1] else "")
            + drawn[2]
            + "]"
        )
    )


def inline_tables(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(key_text, blanks, inner), max_size=3, unique_by=lambda pair: pair[0][0]).map(
        lambda pairs: "{" + ",".join(f"{blank}{key[1]}{blank}={blank}{value} " for key, blank, value in pairs) + "}"
    )


values = st.recursive(scalars, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=8)
dotted = st.lists(key_text, min_size=1, max_size=3).map(lambda parts: " . ".join(part[1] for part in parts))
statements = st.one_of(
    st.tuples(dotted, blanks, values).map(lambda drawn: f"{drawn[1]}{drawn[0]}{drawn[1]}={drawn[1]}{drawn[2]}"),
    dotted.map(lambda key: f"[{key}]"),
    dotted.map(lambda key: f"[[ {key} ]]"),
    st.sampled_from(["", "# [x]", "  "]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(statements, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_whatever_tomllib_reads_has_a_place_for_every_path(lines: list[str], line_end: str) -> None:
    text = ""
    for line in lines:  # a statement that clashes with an earlier one is left out
        longer = text + line.replace("\n", line_end) + line_end
        try:
            tomllib.loads(longer)
        except tomllib.TOMLDecodeError:
            continue
        text = longer
    found = positions(text)
    expected = set(paths(tomllib.loads(text)))
    assert expected == set(found)
    rows = text.replace("\r\n", "\n").split("\n")
    for path, place in found.items():
        rest = rows[place.line - 1][place.column - 1 :]
        assert rest, "a place is never past the end of its line"
        if isinstance(path[-1], str) and rest[0] not in "\"'":
            assert rest.startswith(path[-1])


@settings(max_examples=200, deadline=2000)
@given(st.text("a=[]{}\"'\\.#,\n 1", max_size=40))
def test_short_texts_of_nothing_but_signs_are_read_alike(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(paths(tomllib.loads(text))) == set(positions(text))


@pytest.mark.parametrize("size", [200_000])
def test_a_long_text_is_read_in_linear_time(size: int) -> None:
    text = 'a = """' + '"x' * size + '"""\nb = "' + "\\\\" * size + '"\nc = 1\n'
    assert positions(text)["c",] == Position(3, 1)
