"""Queries and changes that a profile declares: what is none is refused when the profile is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cockpit.profile.load import load
from cockpit.profile.problems import ProfileProblems

README = Path(__file__).parents[2] / "README.md"
HEAD = 'system = "shop"\nenvironment = "production"\n[[database]]\nname = "main"\nservice = "main"\n'


def why(tmp_path: Path, text: str) -> str:
    path = tmp_path / "p.toml"
    path.write_text(HEAD + text)
    with pytest.raises(ProfileProblems) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DELETE FROM jobs", "only reads"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("WITH gone AS (DELETE FROM jobs RETURNING id) SELECT count(*) FROM gone", "only reads"),
        ("SELECT * INTO other FROM jobs", "only reads"),
        ("EXPLAIN ANALYZE DELETE FROM jobs", "only reads"),
        ("SET ROLE postgres", "only reads"),
        ("SELECT 'open", "quote is not closed"),
        ("", "empty"),
    ],
)
def test_a_query_only_reads(tmp_path: Path, query: str, said: str) -> None:
    assert said in why(tmp_path, f'[[database.panel]]\ntitle = "t"\nquery = """{query}"""\n')


def test_a_bound_is_compared_with_a_number(tmp_path: Path) -> None:
    assert "bound" in why(tmp_path, '[[database.panel]]\ntitle = "t"\nquery = "SELECT 1"\nwarn = "== red"\n')


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ('statement = "UPDATE jobs SET state = 1"', "needs a WHERE"),
        ('statement = "TRUNCATE jobs"', "UPDATE, DELETE or INSERT"),
        ('statement = "SELECT purge()"', "UPDATE, DELETE or INSERT"),
        ('statement = "DELETE FROM jobs WHERE id = 1; DROP TABLE jobs"', "more than one statement"),
        ('statement = "DELETE FROM jobs WHERE id = $1"', "there are 0, the statement asks for $1"),
        ('statement = "DELETE FROM jobs WHERE id = 1"\ninput = [{ name = "id" }]', "the statement asks for none"),
        ('statement = "DELETE FROM jobs WHERE id = $1"\ninput = [{ name = "name" }]', "none may be named name"),
        ('statement = "DELETE FROM jobs WHERE id = 1"\ntier = "T1"', "must be one of"),
    ],
)  # fmt: skip
def test_a_change_is_one_of_rows_and_has_what_it_asks_for(tmp_path: Path, rest: str, said: str) -> None:
    assert said in why(tmp_path, f'[[database.update]]\nname = "u"\ntitle = "t"\n{rest}\n')


def test_a_name_is_used_once(tmp_path: Path) -> None:
    one = '[[database.update]]\nname = "u"\ntitle = "t"\nstatement = "DELETE FROM jobs WHERE id = 1"\n'
    assert "already used" in why(tmp_path, one + one)


def test_a_link_is_an_address_without_credentials(tmp_path: Path) -> None:
    assert "user or password" in why(tmp_path, '[links]\nGrafana = "https://me:secret@grafana.example"\n')


def test_what_the_readme_shows_loads(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8").partition("\n## Queries, changes and links of your own\n")[2]
    (shown,) = re.findall(r"```toml\n(.*?)```", text.partition("\n## ")[0], re.DOTALL)
    (tmp_path / "p.toml").write_text(HEAD + shown)
    profile = load(tmp_path / "p.toml")
    (source,) = profile.database
    assert source.panel[0].of == "rows" and source.update[0].input[0].name == "minutes" and profile.links
