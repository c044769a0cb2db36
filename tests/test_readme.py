"""What README and CONTRIBUTING promise is there: commands, options, profile, scenarios, themes, files, limits."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest

import cockpit
import screens
import themes
from cockpit.engine import compose
from cockpit.profile.consistency import SOURCE_IDS
from cockpit.profile.load import load
from cockpit.sandbox.scenarios import NEEDS_DATABASE, NEEDS_REDIS, Scenario
from screens.main import cockpit as command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = [Path(package.__file__ or "").parent for package in (cockpit, screens, themes)]
LONGEST_MODULE = 400


def section(title: str) -> str:
    """The text under one heading of the README."""
    found = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert found, f"no section {title}"
    return found


def fenced(text: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_two_commands_at_the_top_are_lines_that_work_by_themselves() -> None:
    demo, tests = (block.strip() for block in fenced(README, "sh")[:2])
    assert demo == "python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/cockpit demo"
    assert tests == "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest"
    extras = PROJECT["project"]["optional-dependencies"]
    assert {"demo", "dev"} <= set(extras)
    assert "cockpit" in PROJECT["project"]["scripts"]


def test_what_it_is_takes_a_few_lines_and_a_picture_that_loads_nothing() -> None:
    about = section("What it is")
    ((path,),) = [re.findall(r"!\[[^]]+\]\(([^)]+)\)", about)]
    picture = (ROOT / path).read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert re.findall(r"""href=|src=|@import|@font-face|url\(\s*['"]?http""", picture) == []
    assert "OBSERVE" in picture


def test_the_profile_in_the_readme_loads_and_has_every_kind_of_source(tmp_path: Path) -> None:
    (text,) = fenced(section("Your own system"), "toml")
    path = tmp_path / "shop.toml"
    path.write_text(text, encoding="utf-8")
    profile = load(path)
    assert (profile.system, profile.environment) == ("shop", "production")
    for name in ("health", "database", "redis", "cloud_run", "logs"):
        assert len(getattr(profile, name)) == 1, name


def test_the_table_of_google_cloud_has_every_action_of_the_catalogue() -> None:
    rows = re.findall(r"^\| `\[\[(\w+)\]\]` \|[^|]*\| ([^|]*) \|$", section("Google Cloud"), re.MULTILINE)
    told = {SOURCE_IDS[table]: cell.split(", ") if cell != "–" else [] for table, cell in rows}
    google = {"revisions", "cloudsql", "memorystore", "armor", "secrets", "access", "metrics"}
    assert set(told) == google
    for kind, titles in told.items():
        held = [spec.title for spec in compose.specs() if spec.pane.value == kind and spec.listed]
        assert titles == [title[0].lower() + title[1:] for title in held]


def test_the_table_of_kubernetes_has_every_action_of_the_catalogue() -> None:
    rows = re.findall(r"^\| `(\d)` \|[^|]*\| ([^|]*) \|$", section("Kubernetes"), re.MULTILINE)
    for (number, told), (pane, kind) in zip(rows, (("5", "workloads"), ("7", "cluster")), strict=True):
        held = [spec.title for spec in compose.specs() if spec.pane.value == kind and spec.listed]
        assert (number, told.split(", ")) == (pane, [title[0].lower() + title[1:] for title in held])


def test_the_tables_of_kubernetes_in_the_readme_load(tmp_path: Path) -> None:
    (text,) = fenced(section("Kubernetes"), "toml")
    path = tmp_path / "shop.toml"
    path.write_text(f'system = "shop"\nenvironment = "production"\n{text}', encoding="utf-8")
    profile = load(path)
    assert profile.kubernetes[0].maintenance is not None and len(profile.logs) == 1


def test_the_table_of_docker_loads_and_has_every_action_of_the_catalogue(tmp_path: Path) -> None:
    (text,) = fenced(section("Docker"), "toml")
    path = tmp_path / "shop.toml"
    path.write_text(f'system = "shop"\nenvironment = "production"\n{text}', encoding="utf-8")
    profile = load(path)
    assert profile.docker[0].project == "shop" and profile.logs[0].engine == "main"
    ((number, told),) = re.findall(r"^\| `(\d)` \|[^|]*\| ([^|]*) \|$", section("Docker"), re.MULTILINE)
    held = [spec.title for spec in compose.specs() if spec.pane.value == "containers" and spec.listed]
    assert (number, told.split(", ")) == ("5", [title[0].lower() + title[1:] for title in held])


def test_the_tables_of_render_load_and_have_every_action_of_the_catalogue(tmp_path: Path) -> None:
    (text,) = fenced(section("Render"), "toml")
    path = tmp_path / "booking.toml"
    path.write_text(f'system = "booking"\nenvironment = "production"\n{text}', encoding="utf-8")
    profile = load(path)
    assert profile.render[0].maintenance is not None and len(profile.logs) == 1
    rows = re.findall(r"^\| `(\d)` \|[^|]*\| ([^|]*) \|$", section("Render"), re.MULTILINE)
    held = [spec.title for spec in compose.specs() if spec.pane.value == "render" and spec.listed]
    told = [title if title.isupper() else title[0].lower() + title[1:] for title in held]
    assert rows == [("5", ", ".join(told)), ("6", "–")]


def test_the_table_of_github_loads_and_has_every_action_of_the_catalogue(tmp_path: Path) -> None:
    (text,) = fenced(section("GitHub"), "toml")
    path = tmp_path / "shop.toml"
    path.write_text(f'system = "shop"\nenvironment = "production"\n{text}', encoding="utf-8")
    assert load(path).github[0].environment == "production"
    ((number, told),) = re.findall(r"^\| `(\d)` \|[^|]*\| ([^|]*) \|$", section("GitHub"), re.MULTILINE)
    held = [spec.title for spec in compose.specs() if spec.pane.value == "github" and spec.listed]
    assert (number, told.split(", ")) == ("9", [title[0].lower() + title[1:] for title in held])


def test_the_scenarios_of_the_readme_are_those_of_the_demo() -> None:
    rows = re.findall(r"^\| `([a-z-]+)`( \(default\))? \|", section("The demo"), re.MULTILINE)
    assert {name for name, _ in rows} == {scenario.value for scenario in Scenario} - {"none"}
    assert {Scenario(name) for name, _ in rows} >= set(NEEDS_DATABASE) | set(NEEDS_REDIS)
    (default,) = [name for name, mark in rows if mark]
    option = next(each for each in sub("demo").params if each.name == "scenario")
    assert option.default == default


def sub(name: str) -> click.Command:
    """A command by its words."""
    found: click.Command | None = command
    context = click.Context(command)
    for word in name.split():
        assert isinstance(found, click.Group)
        found = found.get_command(context, word)
        assert found is not None, f"there is no command {name}"
    assert found is not None
    return found


def options(found: click.Command) -> set[str]:
    """Its options as typed."""
    return {word for each in found.params if isinstance(each, click.Option) for word in each.opts}


def headless() -> list[str]:
    """The first column of the table of headless commands."""
    return re.findall(r"^\| `cockpit ((?:[^`\\]|\\\|)+)` \|", section("Headless"), re.MULTILINE)


@pytest.mark.parametrize("line", headless())
def test_a_headless_command_of_the_readme_is_there_with_its_options_and_json(line: str) -> None:
    words = line.replace("\\|", "|").split()
    names = [words[0]] if "|" not in words[-1] else [f"{words[0]} {each}" for each in words[1].split("|")]
    for name in names:
        found = sub(name)
        assert "--json" in options(found)
        assert {word.strip("[]") for word in words if word.strip("[").startswith("--")} <= options(found)


def test_every_headless_command_is_in_the_readme() -> None:
    told = {line.split()[0] for line in headless()}
    assert isinstance(command, click.Group)
    assert told == set(command.list_commands(click.Context(command))) - {"open", "demo", "approve"}


def test_the_options_that_the_readme_names_are_there() -> None:
    known = {"open": options(sub("open")), "demo": options(sub("demo")), "check": options(sub("check"))}
    named = set(re.findall(r"`(--[a-z-]+)", section("Over SSH, in tmux")))
    assert named == {"--ascii", "--no-mouse", "--theme"}
    assert named <= known["open"] & known["demo"]
    assert {"--scenario", "--headless", "--for", "--json", "--keep"} <= known["demo"]
    assert "--config-only" in known["check"]
    for name in ("dark", "light", "high-contrast", "colour-blind"):
        assert name in section("Over SSH, in tmux")
        assert (FOLDERS[2] / f"{name}.toml").is_file()


def test_the_files_that_the_texts_name_are_there() -> None:
    named = re.findall(r"`((?:\.ci|cockpit|screens|themes|tests|benchmarks|docs)/[\w./-]*)`", README + CONTRIBUTING)
    assert len(set(named)) >= 8
    assert [path for path in set(named) if not (ROOT / path).exists()] == []


def test_the_layers_of_contributing_are_those_that_are_checked() -> None:
    (contract,) = [each for each in PROJECT["tool"]["importlinter"]["contracts"] if "containers" in each]
    checked = [name for layer in contract["layers"] for name in re.findall(r"\w+", layer)]
    (drawn,) = re.findall(r"runs headless\n(.*?)```", CONTRIBUTING, re.DOTALL)
    # Each name begins a line of the drawing, or follows another of its layer; top to bottom as they are checked.
    lines = [
        re.sub(r"(?<=\w)  +(?=[^|\s]).*", "", line) if "clock" not in line else line for line in drawn.splitlines()
    ]
    told = [name for line in lines for name in re.findall(r"\w+", line)]
    assert told == checked


def modules() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))


def test_no_module_is_longer_than_agreed_and_each_says_what_it_is() -> None:
    assert len(modules()) > 150
    long = {path.name: lines for path in modules() if (lines := path.read_text().count("\n")) > LONGEST_MODULE}
    assert long == {}
    silent = [path.name for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_only_the_executor_runs_a_handler() -> None:
    callers = {
        path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        for path in modules()
        if re.search(r"\bhandler\.run\(", path.read_text())
    }
    # The restart within a rotation stands in the rotation's own plan, which the executor runs.
    assert {Path(caller).name for caller in callers} == {"executor.py", "rotation.py"}
