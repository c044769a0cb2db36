"""Where a script runs and what it is given, with real processes: carried lines, passed variables, and what lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions.handler import RunControl, Scene
from cockpit.actions.script import RunScript, Script, Shelf, handlers
from cockpit.actions.surroundings import Carried, lacking, shown
from cockpit.clock import ManualClock
from cockpit.model.action import Outcome, Plan, RunResult, Tier
from cockpit.model.command import EffectClass, Placeholder, PlaceholderStyle
from cockpit.profile.schema import RunbookFiles
from cockpit.profile.secrets import SecretRef

POINTING = ("KUBECONFIG", "CLOUDSDK_CONFIG", "DOCKER_HOST", "PGHOST", "SSH_AUTH_SOCK", "PGPASSFILE")


@dataclass
class Place:
    """One handler in a folder of its own."""

    folder: Path
    pass_env: tuple[str, ...] = ()
    env: dict[str, SecretRef] = field(default_factory=dict)

    async def plan(self, text: str, values: Mapping[str, str] | None = None, **fields: Any) -> Plan:
        shelf = Shelf()
        given = {"effect": EffectClass.CHANGES, "tier": Tier.T3, **fields}
        script = Script(text=text, file="R.md", line=7, title="Run it", target="somewhere", **given)

        async def unchanged() -> bool:
            return True

        shelf.put([script], "d" * 64, unchanged)
        files = RunbookFiles(files=(str(self.folder / "R.md"),), pass_env=self.pass_env, env=self.env)
        (made,) = handlers(shelf, files, Scene("shop", "production"), ManualClock())
        assert isinstance(made, RunScript)
        self.made = made
        return await made.plan(script.request(values or {}))

    async def run(self, text: str, values: Mapping[str, str] | None = None, **fields: Any) -> RunResult:
        plan = await self.plan(text, values, **fields)
        assert plan.refusals == (), plan.refusals
        return await self.made.run(plan, RunControl(lambda *told: None, lambda: False))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in POINTING:
        monkeypatch.delenv(name, raising=False)
    return Place(tmp_path)


async def test_a_command_runs_where_the_lines_above_it_lead_with_what_they_export(place: Place) -> None:
    backend = place.folder / "backend"
    backend.mkdir()
    script = backend / "limits.sh"
    script.write_text('#!/bin/sh\necho "$PWD has $RATE_LIMIT"\n')
    script.chmod(0o755)
    carried = Carried("backend", (("RATE_LIMIT", "5 a second"),))
    plan = await place.plan("./limits.sh", argv=("./limits.sh",), programs=("./limits.sh",), carried=carried)
    assert plan.operation[-2:] == (
        "in ./backend, with RATE_LIMIT=5 a second, as the lines above say",
        f"in {backend}",
    )
    assert plan.equivalent == ("cd backend && export RATE_LIMIT='5 a second' && ./limits.sh",)
    result = await place.made.run(plan, RunControl(lambda *told: None, lambda: False))
    assert (result.outcome, result.summary) == (Outcome.SUCCEEDED, f"{backend} has 5 a second")


async def test_without_such_lines_it_runs_where_scripts_run(place: Place) -> None:
    plan = await place.plan("pwd")
    assert plan.operation[-1] == f"in {place.folder}" and "as the lines above say" not in repr(plan)


async def test_a_folder_that_the_lines_above_name_and_that_is_not_there_is_refused(place: Place) -> None:
    plan = await place.plan("./x.sh", programs=("./x.sh",), carried=Carried("backend"))
    assert f"the folder {place.folder}/backend does not exist" in [refusal.reason for refusal in plan.refusals]


@pytest.mark.parametrize(
    ("folder", "found"),
    [("/srv/app", "/srv/app"), ("~/app", "/home/ann/app"), ("../x", "/base/x"), ("", "/base/ops")],
)
def test_a_folder_is_found_as_a_shell_finds_it(folder: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert Carried(folder).under("/base/ops") == found


async def test_an_exported_variable_is_not_asked_for_and_expands(place: Place) -> None:
    region = Placeholder("REGION", "$REGION", PlaceholderStyle.VARIABLE)
    result = await place.run(
        "echo it is $REGION",
        argv=("echo", "it", "is", "$REGION"),
        placeholders=(region,),
        carried=Carried(exports=(("REGION", "europe-west1"),)),
    )
    assert result.summary == "it is europe-west1"


async def test_a_declared_secret_expands_in_a_command_that_names_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    place.env = {"TOKEN": SecretRef("env:SHOP_TOKEN")}
    token = Placeholder("TOKEN", "$TOKEN", PlaceholderStyle.VARIABLE)
    text = 'test "$TOKEN" = hunter2hunter2 && echo right'
    assert (await place.run(text, placeholders=(token,))).summary == "right"
    argv = ("sh", "-c", text, "$TOKEN")
    assert (await place.run(f"sh -c '{text}'", argv=argv, placeholders=(token,))).outcome is Outcome.SUCCEEDED


async def test_only_what_the_profile_names_is_passed_on_and_stands_on_the_plan(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/ann/.kube/production")
    monkeypatch.setenv("DOCKER_HOST", "tcp://ann:pw@10.0.0.4:2375")
    result = await place.run("env")
    assert not [line for line in result.details if line.startswith(("KUBECONFIG", "DOCKER_HOST"))]
    place.pass_env = ("KUBECONFIG", "DOCKER_HOST", "PGHOST")
    plan = await place.plan("env")
    assert "KUBECONFIG=/home/ann/.kube/production" in plan.operation
    assert "DOCKER_HOST=tcp://***@10.0.0.4:2375" in plan.operation
    assert not any(line.startswith("PGHOST") for line in plan.operation), "it is not set here"
    result = await place.run("env")
    assert {"KUBECONFIG=/home/ann/.kube/production", "DOCKER_HOST=tcp://ann:pw@10.0.0.4:2375"} <= set(result.details)


async def test_another_value_is_another_plan(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.pass_env = ("KUBECONFIG",)
    monkeypatch.setenv("KUBECONFIG", "/a")
    first = await place.plan("date")
    monkeypatch.setenv("KUBECONFIG", "/b")
    assert (await place.plan("date")).digest != first.digest


async def test_what_would_go_elsewhere_than_in_the_operators_shell_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "staging-db")
    (place.folder / "psql").write_text("#!/bin/sh\n")
    (place.folder / "psql").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.folder}:/usr/bin:/bin")
    plan = await place.plan("psql -c 'DELETE FROM x'", programs=("psql",))
    (refusal,) = plan.refusals
    assert "your shell has PGHOST=staging-db, which the command would not see" in refusal.reason
    assert '[runbook] pass_env = ["PGHOST"]' in refusal.hint
    reading = await place.plan("psql -c 'TABLE x'", programs=("psql",), tier=Tier.T0, effect=EffectClass.READS)
    assert reading.refusals == () and "PGHOST=staging-db" in reading.warnings[0]
    place.pass_env = ("PGHOST",)
    assert (await place.plan("psql -c 'DELETE FROM x'", programs=("psql",))).refusals == ()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("kubectl", "KUBECONFIG"),
        ("/usr/local/bin/kubectl", "KUBECONFIG"),
        ("helm", "KUBECONFIG"),
        ("gcloud", "CLOUDSDK_CONFIG"),
        ("docker", "DOCKER_HOST"),
        ("pg_dump", "PGDATABASE"),
        ("aws", "AWS_PROFILE"),
    ],
)
def test_what_points_a_tool_somewhere_must_be_passed(program: str, name: str) -> None:
    refusals, warnings = lacking((program,), "x", (), {name: "there"}, changes=True)
    assert f"{name}=there" in refusals[0].reason and warnings == ()
    assert lacking((program,), "x", (name,), {name: "there"}, changes=True) == ((), ())
    assert lacking((program,), f"{name}=here x", (), {name: "there"}, changes=True) == ((), ()), "it sets its own"
    assert lacking((program,), "x", (), {}, changes=True) == ((), ())
    assert lacking(("cat",), "x", (), {name: "there"}, changes=True) == ((), ())


@pytest.mark.parametrize(("program", "name"), [("ssh", "SSH_AUTH_SOCK"), ("psql", "PGPASSFILE")])
def test_what_only_lets_a_tool_in_is_a_warning(program: str, name: str) -> None:
    refusals, warnings = lacking((program,), "x", (), {name: "/run/agent"}, changes=True)
    assert refusals == () and warnings == (
        f'your shell has {name}, which the command does not get. To pass it: [runbook] pass_env = ["{name}"]',
    )


def test_a_value_is_shown_clean_and_without_a_password() -> None:
    assert "\x1b" not in shown("A", "x\x1b[2Jy")
    assert shown("DOCKER_HOST", "ssh://ann:pw@h") == "DOCKER_HOST=ssh://***@h"
