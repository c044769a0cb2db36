"""The [runbook] of a profile: paths beside the profile, targets that are sources, variables that are references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.profile.jsonschema import schema
from cockpit.profile.load import load
from cockpit.profile.problems import ProfileProblems
from cockpit.profile.schema import Profile, RunbookFiles
from cockpit.profile.secrets import SecretRef

Write = Callable[[str], Path]
TOP = 'system = "shop"\nenvironment = "production"\n'
SOURCES = '[[health]]\nname = "api"\nurl = "https://shop.example/health"\n[[cloud_run]]\nname = "checkout"\n'
SOURCES += 'project = "p"\nregion = "r"\nservice = "s"\n'


def test_paths_are_those_beside_the_profile(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(
        TOP
        + SOURCES
        + '[runbook]\nfiles = ["ops/../RUNBOOK.md", "~/notes.md", "/srv/all.md"]\nworking_directory = "ops"\n'
    )
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    runbook = load(path).runbook
    assert runbook is not None
    assert runbook.files == (str(tmp_path / "RUNBOOK.md"), str(tmp_path / "home/notes.md"), "/srv/all.md")
    assert runbook.working_directory == str(tmp_path / "ops")


def test_a_relative_profile_gives_absolute_paths_too(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TOP + SOURCES + '[runbook]\nfiles = ["RUNBOOK.md"]\n')
    monkeypatch.chdir(tmp_path)
    runbook = load(Path(path.name)).runbook
    assert runbook is not None and runbook.files == (str(tmp_path / "RUNBOOK.md"),)
    assert runbook.working_directory is None and runbook.script_timeout == 600.0


def test_targets_and_variables_are_as_written(write: Write) -> None:
    text = '[runbook]\nfiles = ["R.md"]\ntargets = { api-svc = "revisions/checkout", "x.y" = "health/api" }\n'
    runbook = load(write(TOP + SOURCES + text + 'env = { TOKEN = "env:DEPLOY_TOKEN" }\n')).runbook
    assert runbook is not None
    assert runbook.targets == {"api-svc": "revisions/checkout", "x.y": "health/api"}
    assert runbook.env == {"TOKEN": SecretRef("env:DEPLOY_TOKEN")}


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("files = []", "runbook.files", "needs at least one file"),
        ('files = [""]', "runbook.files[0]", "is empty"),
        ('files = ["a.md", "a.md"]', "runbook.files[1]", "is named twice"),
        ('files = "a.md"', "runbook.files", "must be a list"),
        ("", "runbook.files", "is missing"),
        ('files = ["a.md"]\nscript_timeout = 0', "runbook.script_timeout", "must be at least 1 s"),
        ('files = ["a.md"]\nenv = { A-B = "env:A" }', "runbook.env.A-B", "is no name of a variable"),
        ('files = ["a.md"]\nenv = { A = "hunter2" }', "runbook.env.A", "must be a reference"),
        ('files = ["a.md"]\ntargets = { x = "health/web" }', "runbook.targets.x", "there are: health/api, revisions"),
        ('files = ["a.md"]\ntargets = { x = "cloud_run/checkout" }', "runbook.targets.x", "does not exist"),
        ('files = ["a.md"]\nfolder = "x"', "runbook.folder", "unknown key"),
        ('files = ["a.md"]\npass_env = ["A-B"]', "runbook.pass_env[0]", "is no name of a variable"),
        ('files = ["a.md"]\npass_env = ["A", "A"]', "runbook.pass_env[1]", "is named twice"),
        ('files = ["a.md"]\npass_env = ["PGPASSWORD"]', "runbook.pass_env[0]", 'PGPASSWORD = "env:PGPASSWORD"'),
        ('files = ["a.md"]\npass_env = ["AWS_ACCESS_KEY_ID"]', "runbook.pass_env[0]", "looks like a secret"),
        ('files = ["a.md"]\npass_env = ["LD_PRELOAD"]', "runbook.pass_env[0]", "changes which programs run"),
        ('files = ["a.md"]\npass_env = ["PATH"]', "runbook.pass_env[0]", "changes which programs run"),
        ('files = ["a.md"]\nenv = { A = "env:A" }\npass_env = ["A"]', "runbook.pass_env[0]", "is in env already"),
        ('files = ["a.md"]\npass_env = "KUBECONFIG"', "runbook.pass_env", "must be a list"),
    ],
)
def test_each_mistake_has_its_place_and_words(write: Write, lines: str, key: str, words: str) -> None:
    with pytest.raises(ProfileProblems) as caught:
        load(write(f"{TOP}{SOURCES}[runbook]\n{lines}\n"))
    (problem,) = caught.value.problems
    assert problem.key == key
    assert words in problem.message
    assert "hunter2" not in str(problem)


def test_variables_that_are_passed_are_named(write: Write) -> None:
    names = [
        "KUBECONFIG",
        "SSH_AUTH_SOCK",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "PGPASSFILE",
        "AWS_PROFILE",
        "TOKEN_FILE",
    ]
    runbook = load(write(f'{TOP}{SOURCES}[runbook]\nfiles = ["R.md"]\npass_env = {names}\n')).runbook
    assert runbook is not None and runbook.pass_env == tuple(names)
    assert schema()["$defs"]["RunbookFiles"]["properties"]["pass_env"]["items"] == {"type": "string"}


def test_a_profile_made_by_hand_refuses_a_target_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"runbook\.targets\.x: names a source that does not exist"):
        Profile(system="s", environment="e", runbook=RunbookFiles(files=("a",), targets={"x": "redis/r"}))
