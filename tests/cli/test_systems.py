"""The profiles that come with the cockpit: valid, whole, copied, told of in the README by what the catalogue says."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

import pytest

from cockpit.engine.compose import replacements
from cockpit.profile.load import load
from cockpit.profile.shipped import NAMES, shipped
from cockpit.runbooks.lint import lint
from cockpit.runbooks.read import parse
from cockpit.runbooks.recognise import understand_all

from .conftest import Cockpit

README = Path(__file__).parents[2] / "README.md"
PLACE = re.compile(r"<!-- systems: .*?-->\n(.*?)\n?<!-- /systems -->", re.DOTALL)


async def test_the_table_of_the_readme_is_the_catalogues(cockpit: Cockpit) -> None:
    found = PLACE.search(README.read_text(encoding="utf-8"))
    assert found is not None
    written = (await cockpit("systems", "--markdown")).out.strip()
    assert found[1].strip() == written, "write it anew: cockpit systems --markdown"
    assert [f"| `{name}` " in written for name in NAMES] == [True] * len(NAMES)


async def test_each_is_listed_with_what_it_watches_and_offers(cockpit: Cockpit) -> None:
    document = (await cockpit("systems", "--json")).json
    systems = {each["system"]: each for each in document["systems"]}
    assert tuple(systems) == NAMES
    assert systems["storybook"]["watched"]["containers"] == ["storybook"]
    assert "containers.rollback" in systems["storybook"]["actions"]
    assert (
        "render.rollback" in systems["booking"]["actions"] and "render.maintenance" in systems["booking"]["actions"]
    )
    assert "workloads.switch" in systems["aia"]["actions"] and "revisions.rollback" in systems["roadtrip"]["actions"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_copy_is_a_profile_of_ones_own(cockpit: Cockpit, name: str, tmp_path: Path) -> None:
    copied = await cockpit("systems", name, "--copy", str(tmp_path / "mine"))
    assert copied.code == 0, copied.err
    path = tmp_path / "mine" / f"{name}.toml"
    profile = load(path)
    assert profile.runbook is not None and profile.runbook.files == (str(tmp_path / "mine" / f"{name}.md"),)
    assert (tmp_path / "mine" / f"{name}.md").read_text() == shipped(name).runbook
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await cockpit("systems", name, "--copy", str(tmp_path / "mine"))
    assert again.code != 0 and "is there already" in again.err
    assert tomllib.loads((await cockpit("systems", name)).out) == tomllib.loads(path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_its_runbook_is_understood_and_has_no_fault(name: str) -> None:
    runbook = parse([(f"{name}.md", shipped(name).runbook)])
    understood = understand_all(runbook, replacements())
    assert not [each for each in understood if each.kind.value == "not understood"]
    faults = [fault for fault in lint(runbook, understood) if fault.level.value != "note"]
    assert faults == []


async def test_one_that_does_not_exist_is_said(cockpit: Cockpit) -> None:
    result = await cockpit("systems", "storybok")
    assert result.code != 0 and "there are: roadtrip" in result.err
