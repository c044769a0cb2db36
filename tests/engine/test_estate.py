"""Which source lends its project to the looks at what else a project has, and where a cluster is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.clock import SystemClock
from cockpit.engine.compose import adapter_modules, compose, load_adapters
from cockpit.engine.estate import gke_cluster, lenders
from cockpit.errors import NotFound
from cockpit.looks import estate
from cockpit.profile.load import load
from cockpit.profile.schema import Profile
from cockpit.sandbox.gcp.server import ControlPlane

HEAD = 'system = "shop"\nenvironment = "test"\n'
RUN = '[[cloud_run]]\nname = "api"\nproject = "p"\nregion = "r1"\nservice = "api"\n'
STORE = '[[memorystore]]\nname = "cache"\nproject = "q"\nregion = "r2"\ninstance = "cache"\n'
SECRETS = '[[secrets]]\nname = "keys"\nproject = "q"\n'
SQL = '[[cloud_sql]]\nname = "db"\nproject = "p"\ninstance = "db"\n'


def profile_of(folder: Path, *tables: str) -> Profile:
    path = folder / "profile.toml"
    path.write_text(HEAD + "".join(tables), encoding="utf-8")
    return load(path)


def test_the_first_source_of_each_project_lends_it(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, SECRETS, SQL, RUN, STORE)
    assert {project: source for project, (source, _) in lenders(profile).items()} == {
        "p": "revisions/api",
        "q": "memorystore/cache",
    }
    assert "cockpit.adapters.gcp.estate" in adapter_modules(profile)


async def test_every_look_is_there_once_for_each_project_with_the_region_that_is_known(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, SECRETS, SQL, RUN, STORE)
    load_adapters(profile)
    parts = compose(profile, tmp_path, SystemClock())
    ids = {spec.id for spec in estate.SPECS}
    found = [each for each in parts.lookers if each.spec.id in ids]
    assert sorted((each.spec.id, each.source) for each in found) == sorted(
        (name, source) for name in ids for source in ("revisions/api", "memorystore/cache")
    )
    regions = {each.source: each._asking.region for each in found if isinstance(each, estate.EstateLook)}
    assert regions == {"revisions/api": "r1", "memorystore/cache": "r2"}
    for closing in parts.closing:
        await closing.close()


def test_without_google_there_is_nothing(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, '[[health]]\nname = "api"\nurl = "https://shop.example/health"\n')
    assert lenders(profile) == {}
    assert "cockpit.adapters.gcp.estate" not in adapter_modules(profile)


async def test_a_cluster_is_asked_for_where_its_project_is_played(tmp_path: Path) -> None:
    plane = ControlPlane("demo", settle_s=0.01)
    await plane.start()
    try:
        plane.estate.seed_cluster("main", "r1", "203.0.113.9")
        table = f'[[secrets]]\nname = "keys"\nproject = "demo"\nendpoint = "{plane.url}"\n'
        profile = profile_of(tmp_path, table)
        found = await gke_cluster(profile, "demo", "r1", "main", 3, SystemClock())
        assert found.context == "gke_demo_r1_main"
        with pytest.raises(NotFound):
            await gke_cluster(profile, "demo", "r1", "other", 3, SystemClock())
    finally:
        await plane.close()
