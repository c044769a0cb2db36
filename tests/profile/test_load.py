"""A profile loads, or everything that is wrong with it is told at once: place, key, words, nearest name, no value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from cockpit.profile.consistency import NAMED_KINDS
from cockpit.profile.load import load
from cockpit.profile.problems import Problem, ProfileProblems
from cockpit.profile.schema import DatabaseSource, LogSource, Profile, RedisSource, Threshold
from cockpit.profile.secrets import SecretRef

Write = Callable[[str], Path]
EXAMPLE = Path(__file__).parent / "example.toml"
TOP = 'system = "shop"\nenvironment = "production"\n'
HEALTH = '[[health]]\nname = "api"\nurl = "https://shop.example/health"\n'


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(ProfileProblems) as caught:
        load(path)
    return caught.value.problems


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_the_example_profile_loads_with_every_kind_of_value() -> None:
    profile = load(EXAMPLE)
    api = profile.health[0]
    assert (profile.system, profile.environment) == ("shop", "production")
    assert api.interval == 5.0 and api.slow == 0.8 and api.expect == (200, 204)
    assert api.headers == {"X-Team": "payments", "X-Api-Key": SecretRef("env:SHOP_HEALTH_KEY")}
    assert api.check[0] == Threshold(
        path="jobs.stuck", warn="> 5", critical="> 50", for_=120.0, playbook="Jobs are stuck"
    )
    assert profile.database[0].dsn == SecretRef("file:~/.config/cockpit/orders.dsn")
    assert profile.redis[1].url == SecretRef("env:SESSIONS_REDIS_URL")
    assert profile.limits.keys == 100_000
    assert profile.keys == {"database.terminate": "K"}


def test_the_example_profile_leaves_no_key_of_the_schema_out() -> None:
    import tomllib

    def unused(model: type[BaseModel], tables: list[dict[str, object]], prefix: str) -> Iterator[str]:
        for name, field in model.model_fields.items():
            key = field.alias or name
            if not any(key in table for table in tables):
                yield prefix + key

    data = tomllib.loads(EXAMPLE.read_text())
    profile = load(EXAMPLE)
    missing = list(unused(Profile, [data], ""))
    for kind in NAMED_KINDS:
        missing += [
            name
            for name in unused(type(getattr(profile, kind)[0]), data[kind], f"{kind}.")
            if name.partition(".")[2] not in ("interval", "timeout", "playbook")
        ]
    for kind in ("block", "arming", "limits", "runbook"):
        missing += list(unused(type(getattr(profile, kind)), [data[kind]], f"{kind}."))
    assert missing == []


def test_all_problems_come_at_once_each_with_its_place(write: Write) -> None:
    path = write(
        "\n".join(
            [
                'system = "shop"',
                'enviroment = "production"',
                'read_only = "yes"',
                "[[health]]",
                'name = "api"',
                'url = "ftp://shop.example"',
                '  timout = "3s"',
                'interval = "0.1s"',
                'method = "PSOT"',
                "[[health.check]]",
                'path = "x"',
                'for = "later"',
                "[[health]]",
                'name = "api"',
                "[[databases]]",
                "[redis]",
                "[[logs]]",
                'name = "l"',
                'type = "file"',
                "typ = 1",
                "[[database]]",
                'name = "d"',
                "pool_warn = 0.97",
                "[[http_action]]",
                'name = "Up"',
                'title = "x"',
                'url = "https://x"',
                'undo = "down"',
                "[limits]",
                "keys = 5.5",
            ]
        )
    )
    found = problems_of(path)
    assert [(problem.line, problem.column, problem.key, problem.nearest) for problem in found] == [
        (1, 1, "environment", ""),
        (2, 1, "enviroment", "environment"),
        (3, 1, "read_only", ""),
        (6, 1, "health[0].url", ""),
        (7, 3, "health[0].timout", "timeout"),
        (8, 1, "health[0].interval", ""),
        (9, 1, "health[0].method", "POST"),
        (10, 10, "health[0].check[0]", ""),
        (12, 1, "health[0].check[0].for", ""),
        (13, 3, "health[1].url", ""),
        (14, 1, "health[1].name", ""),
        (15, 3, "databases", "database"),
        (16, 2, "redis", ""),
        (17, 3, "logs[0]", ""),
        (20, 1, "logs[0].typ", "type"),
        (23, 1, "database[0].pool_warn", ""),
        (25, 1, "http_action[0].name", ""),
        (28, 1, "http_action[0].undo", ""),
        (30, 1, "limits.keys", ""),
    ]
    assert all(problem.file == path for problem in found)
    lines = [str(problem) for problem in found]
    assert lines[1] == f'{path}:2:1: enviroment: unknown key; did you mean "environment"?'
    assert lines[5].endswith("health[0].interval: must be at least 0.2 s")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("interval = true", "must be a duration such as 10s"),
        ('interval = "10 parsecs"', "must be a duration such as 10s"),
        ("interval = nan", "must be a duration"),
        ('interval = "2h"', "must be at most 3600 s"),
        ("url = 5", "must be text in quotes"),
        ("url = 2024-01-01", "must be text in quotes"),
        ('url = "shop.example"', "begins with http"),
        ('url = "https://ann:pw@shop.example"', "must not hold a user or password"),
        ('url = "http://[::1"', "is not a URL"),
        ("expect = 200", "must be a list: ["),
        ('expect = ["200"]', "must be a whole number, without quotes"),
        ("expect = [99]", "must be at least 100"),
        ("expect = [200.5]", "must be a whole number"),
        ("headers = 5", "must be a table"),
        ("headers = { X = 5 }", "must be text, or a reference"),
        ('headers = { AUTHORIZATION = "Bearer x" }', "must be a secret reference"),
        ('headers = { "X-Key" = "env:NOT A NAME" }', "must name an environment variable"),
        ('bearer = "hunter2"', "must be a reference"),
        ("bearer = 5", "must be a reference"),
        ("verify_tls = 1", "must be true or false, without quotes"),
        ('method = "TRACE"', "one of 'GET', 'HEAD' or 'POST'"),
        ("check = 1", "must be a list"),
        ("[health.check]", "write [[health[0].check]]"),
        ('[[health.check]]\npath = "x"\nwarn = "5"', "must be a comparison"),
        ('theme = "dark"', "stand above its first [table]"),
        ("qqq = 1", "known here: name, interval"),
        ('[[redis]]\nname = "r"\nurl = "redis://:pw@h"', "must not hold a password"),
        ('[[redis]]\nname = "r"\nurl = "http://h"', "must begin with redis://"),
        ('[[redis]]\nname = "R x"', "short name of lower-case"),
        (f'[[redis]]\nname = "{"r" * 41}"', "at most 40 characters"),
        ('[[redis]]\nname = "r"\nmemory_warn = 0.99', "must not be above memory_critical"),
        ('[[database]]\nname = "d"\ndsn = "env:A"\nservice = "b"', "dsn or service, not both"),
        ('[[logs]]\nname = "l"\ntype = "cloud_logging"', "type cloud_logging needs project"),
        ('[block]\ncommand = ["block", "now"]', "needs a word with {ip}"),
        ('[block]\ncommand = ["block", "{ip}"]\nnever = ["300.1.1.1"]', "must be an IP address or network"),
        ("[[postgres]]", "unknown key"),
        ("limits = 5", "must be a table"),
    ],
)
def test_each_kind_of_mistake_has_its_words(write: Write, line: str, words: str) -> None:
    text = TOP + (f"{line}\n{HEALTH}" if line.startswith("limits") else _with(HEALTH, line))
    problem = only(problems_of(write(text)))
    assert words in problem.message
    assert problem.line >= 3


def _with(table: str, line: str) -> str:
    """The table with that line, in place of its own line of the same key."""
    key = line.partition(" ")[0]
    return "".join(f"{row}\n" for row in table.splitlines() if not row.startswith(f"{key} ")) + line + "\n"


@pytest.mark.parametrize("broken", ["name", "url"])
def test_a_line_that_is_no_toml_does_not_hide_the_other_problems(write: Write, broken: str) -> None:
    text = TOP + "".join(
        f"{broken} = oops\n" if row.startswith(broken) else f"{row}\n" for row in HEALTH.splitlines()
    )
    text += 'extra = 1\nslow = "x\n[[redis]]\nname = "r"\nname = "s"\nshraed = true\n'
    found = problems_of(write(text))
    assert [(problem.line, problem.key) for problem in found] == [
        (4 if broken == "name" else 5, ""),
        (6, "health[0].extra"),
        (7, ""),
        (10, ""),
        (11, "redis[0].shraed"),
    ]
    assert "quote missing" in found[2].message
    assert "was given a value before" in found[3].message


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\n", 1, 2, 'expected "="'),
        ('[[health]\nname = "x"\n', 1, 9, "header is not closed"),
        ('x = """abc\n', 1, 11, "triple quotes is not closed"),
        ("[limits]\n[limits]\n", 2, 8, "opened before"),
        ("[[health]]\n[health]\n", 2, 8, "write [[double brackets]]"),
        ("x = [1,\n  2\n", 2, 4, "not closed"),
        ("x = { a = 1, a = 2 }\n", 1, 19, "in the {table} twice"),
        ('x = "\\q"\n', 1, 8, "backslash"),
        ("= 1\n", 1, 1, 'expected "key = value"'),
    ],
)
def test_a_syntax_mistake_has_its_place_and_words(
    write: Write, text: str, line: int, column: int, words: str
) -> None:
    first = problems_of(write(text))[0]
    assert words in first.message
    assert first.line == line and abs(first.column - column) <= 1


def test_a_profile_without_sources_is_told_what_to_add(write: Write) -> None:
    assert "[[health]], [[database]]" in only(problems_of(write(TOP))).message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        (b'system = "sh\xffop"\n', "not UTF-8"),
        (b"#" * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_a_profile_says_why(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "p.toml"
    if content is not None:
        path.write_bytes(content)
    assert words in only(problems_of(path)).message


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    assert only(problems_of(tmp_path)).message == "is not a file"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("\ufeff" + TOP + HEALTH, encoding="utf-8")
    assert load(path).health[0].name == "api"


CANARY = "c4nary-s3cr3t"


@pytest.mark.parametrize(
    "line",
    [
        f'bearer = "{CANARY}"',
        f'url = "https://user:{CANARY}@host/"',
        f'url = "https://u:{CANARY}@h\u2100st/"',
        f'interval = "{CANARY}"',
        f'method = "{CANARY}"',
        f'headers = {{ Authorization = "{CANARY}" }}',
        f'headers = {{ X = ["{CANARY}"] }}',
        f'expect = ["{CANARY}"]',
        f'verify_tls = "{CANARY}"',
        f'unknown = "{CANARY}"',
        f"url = {CANARY}",
        f'url = "{CANARY}',
        f'url = "x" {CANARY}',
        f'[[database]]\nname = "d"\ndsn = "postgres://u:{CANARY}@h/d"',
        f'[[database]]\nname = "{CANARY} "',
        f'[[redis]]\nname = "r"\nurl = "redis://:{CANARY}@h"\npassword = "{CANARY}"',
        f'[[logs]]\nname = "l"\ntype = "{CANARY}"',
        f'[block]\ncommand = ["x", "{{ip}}"]\nnever = ["{CANARY}"]',
        f'[[http_action]]\nname = "a"\ntitle = "t"\nurl = "http://x"\nundo = "{CANARY}"',
        f'system = "{CANARY} x"',
    ],
)
def test_no_message_repeats_a_value(write: Write, line: str) -> None:
    text = TOP.replace('system = "shop"\n', "" if line.startswith("system") else 'system = "shop"\n')
    text = f"{line}\n{text}{HEALTH}" if line.startswith("system") else text + _with(HEALTH, line)
    with pytest.raises(ProfileProblems) as caught:
        load(write(text))
    told = [str(caught.value), repr(caught.value), *caught.value.lines(), *map(repr, caught.value.problems)]
    assert not [text for text in told if CANARY in text]


def test_models_made_by_hand_refuse_the_same_contradictions() -> None:
    with pytest.raises(ValidationError, match="dsn or service"):
        DatabaseSource(name="d", dsn=SecretRef("env:A"), service="s")
    with pytest.raises(ValidationError, match="memory_warn: must not be above"):
        RedisSource(name="r", memory_warn=0.99)
    with pytest.raises(ValidationError, match="type file needs path"):
        LogSource(name="l", type="file")
    with pytest.raises(ValidationError, match=r"redis\[1\].name: this name is already used by redis\[0\]"):
        Profile(system="s", environment="e", redis=(RedisSource(name="r"), RedisSource(name="r")))


def test_a_loaded_profile_is_frozen() -> None:
    profile = load(EXAMPLE)
    with pytest.raises(ValidationError):
        profile.system = "other"  # type: ignore[misc]


LINES = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
FRAGMENTS = st.sampled_from([*LINES, "x = ", '= "', "[[", "[a.b", '"""', "'''", "a.b.c = { d = [1, {}] }", "\x01"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FRAGMENTS, max_size=12))
def test_any_heap_of_lines_is_a_profile_or_a_list_of_problems(write: Write, lines: list[str]) -> None:
    path = write("\n".join(lines))
    try:
        load(path)
    except ProfileProblems as error:
        assert error.problems
        total = path.read_text().count("\n") + 1
        assert all(1 <= problem.line <= total for problem in error.problems)
        assert json.dumps(error.lines())
