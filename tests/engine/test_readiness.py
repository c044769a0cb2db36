"""What doctor says of a runbook: read, accepted, how much of it lights up here, and what a name would need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from cockpit.engine.engine import Engine
from cockpit.engine.readiness import examine
from cockpit.model.diagnosis import Diagnosis
from cockpit.profile.load import load

RUNBOOK = """
# Shop

## Pages are slow

```bash
curl -s https://api.shop.example/health
gcloud run services describe checkout --region=europe-west1
gcloud run services update-traffic checkout --region=europe-west1 --to-revisions=checkout-7=100
systemctl restart nginx
cd backend
```
"""
ELSEWHERE = """
# Elsewhere

## Others

```bash
gcloud run services describe basket --region=us-east1
gcloud run services describe basket --region=us-east1 --format=json
curl -s https://old.shop.example/health
psql -c "SELECT 1"
```
"""
PROFILE = """
system = "shop"
environment = "production"
[[health]]
name = "api"
url = "https://api.shop.example/health"
[[health]]
name = "web"
url = "https://shop.example/"
[[cloud_run]]
name = "checkout"
project = "p"
region = "europe-west1"
service = "checkout"
endpoint = "http://127.0.0.1:1"
audit_log = false
[runbook]
files = ["RUNBOOK.md", "ELSEWHERE.md"]
"""
Prepared = Callable[..., Awaitable[Engine]]


@pytest_asyncio.fixture
async def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Prepared]:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    (tmp_path / "RUNBOOK.md").write_text(RUNBOOK)
    (tmp_path / "ELSEWHERE.md").write_text(ELSEWHERE)
    engines: list[Engine] = []

    async def make(profile: str = PROFILE) -> Engine:
        (tmp_path / "shop.toml").write_text(profile)
        engine = Engine(load(tmp_path / "shop.toml"), state_dir=tmp_path / "state")
        engines.append(engine)
        await engine.prepare()
        return engine

    yield make
    for engine in engines:
        await engine.close()


def about(found: tuple[Diagnosis, ...], check: str) -> list[Diagnosis]:
    return [each for each in found if each.check == check]


async def test_each_file_says_how_much_of_it_lights_up_on_this_profile(prepared: Prepared) -> None:
    found = examine(await prepared())
    (first,), (second,) = about(found, "RUNBOOK.md"), about(found, "ELSEWHERE.md")
    assert first.ok is True and first.detail.endswith("5 commands, 2 live, 1 native, 1 as scripts, 1 by hand")
    assert second.detail.endswith("4 commands, 0 live, 0 native, 4 as scripts, 0 by hand")


async def test_what_nobody_accepted_and_what_changed_since_is_said(prepared: Prepared, tmp_path: Path) -> None:
    engine = await prepared()
    (new,) = about(examine(engine), "accepted")
    assert new.ok is None and "nobody has accepted" in new.detail and "press r" in new.fix
    assert engine.guide is not None
    await engine.guide.read()
    assert engine.guide.trust is not None
    await engine.guide.accept(engine.guide.trust.digest)
    (accepted,) = about(examine(engine), "accepted")
    assert accepted.ok is True and engine.guide.trust.digest[:12] in accepted.detail
    (tmp_path / "RUNBOOK.md").write_text(RUNBOOK + "\nmore\n")
    (changed,) = about(examine(engine), "accepted")
    assert changed.ok is None and "nothing of it runs" in changed.detail


async def test_a_name_that_is_no_source_comes_with_the_line_that_settles_it(prepared: Prepared) -> None:
    found = about(examine(await prepared()), "target")
    assert all(each.ok is None for each in found)
    by_fix = {each.fix: each.detail for each in found}
    service = 'if that is the same: [runbook] targets = { "basket" = "revisions/checkout" }'
    assert by_fix[service].startswith("2 commands (ELSEWHERE.md:7, ELSEWHERE.md:8): the runbook names basket")
    host = 'if that is the same: [runbook] targets = { "old.shop.example" = "health/api" } (or health/web)'
    assert "https://old.shop.example/health" in by_fix[host]
    assert "no source of this kind (database)" in by_fix["add a [[database]] to the profile"]
    assert len(found) == 3


async def test_the_line_does_settle_it(prepared: Prepared) -> None:
    fixes = [each.fix for each in about(examine(await prepared()), "target")]
    pairs: dict[str, str] = {}
    for fix in fixes:
        if match := re.search(r"targets = \{.*\}", fix):
            pairs |= tomllib.loads(match.group())["targets"]
    listed = ", ".join(f'"{name}" = "{source}"' for name, source in pairs.items())
    found = examine(await prepared(f"{PROFILE}targets = {{ {listed} }}\n"))
    assert [each.fix for each in about(found, "target")] == ["add a [[database]] to the profile"]
    (second,) = about(found, "ELSEWHERE.md")
    assert "3 live" in second.detail


async def test_a_file_that_cannot_be_read_is_named_and_nothing_is_guessed(prepared: Prepared, tmp_path: Path) -> None:
    engine = await prepared()
    (tmp_path / "ELSEWHERE.md").unlink()
    (found,) = examine(engine)
    assert (found.check, found.ok) == ("ELSEWHERE.md", False) and "cannot be read" in found.detail


async def test_a_file_without_a_command_is_asked_about(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "ELSEWHERE.md").write_text("# Nothing\n")
    (found,) = about(examine(await prepared()), "ELSEWHERE.md")
    assert found.ok is None and found.fix == "is it the right file?"


async def test_a_profile_without_a_runbook_has_nothing_to_say(prepared: Prepared) -> None:
    assert examine(await prepared(PROFILE.partition("[runbook]")[0])) == ()
