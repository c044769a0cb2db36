"""Memorystore and secrets of a profile as parts: what they take from the sources beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cockpit.actions.memorystore import Resize
from cockpit.clock import ManualClock
from cockpit.engine.compose import compose, load_adapters
from cockpit.engine.part import Parts
from cockpit.model.cache import CacheStatus
from cockpit.model.memorystore import MemorystoreStatus
from cockpit.model.reading import Reading, SourceState
from cockpit.model.severity import Severity, SourceKind
from cockpit.profile.load import load

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROFILE = """
system = "shop"
environment = "test"

[[redis]]
name = "cache"
url = "redis://10.9.8.3:6379/0"

[[cloud_run]]
name = "shop"
project = "p"
region = "r1"
service = "shop"

[[memorystore]]
name = "cache"
project = "p"
region = "r1"
instance = "cache"

[[secrets]]
name = "shop"
project = "p"
restarts = ["revisions/shop"]

[[secrets]]
name = "other"
project = "p2"
"""
STATUS = MemorystoreStatus("p", "r1", "cache", "n", "READY", "STANDARD_HA", 4, host="10.9.8.3", port=6379)


def cached(server: str) -> CacheStatus:
    numbers: dict[str, Any] = dict.fromkeys(CacheStatus.__dataclass_fields__, 0)
    return CacheStatus(**{**numbers, "server": server, "used_memory": 3 * 1024**3})


def parts_of(folder: Path, server: str = "") -> Parts:
    file = folder / "profile.toml"
    file.write_text(PROFILE, encoding="utf-8")
    profile = load(file)
    load_adapters(profile)

    def state_of(source: str) -> SourceState | None:
        if source != "redis/cache" or not server:
            return None
        reading = Reading(source, SourceKind.REDIS, NOW, 0.1, Severity.OK, "", cached(server))
        return SourceState(source, SourceKind.REDIS, "cache", 1, reading)

    return compose(profile, folder, ManualClock(), state_of)


@pytest.mark.parametrize(
    ("server", "used"),
    [
        ("10.9.8.3:6379/0", (3 * 1024**3, "redis/cache")),
        ("10.9.8.30:6379/0", None),
        ("10.9.8.3:63790/0", None),
        ("", None),
    ],
)
def test_memory_in_use_is_taken_from_the_redis_source_that_is_the_same_server(
    tmp_path: Path, server: str, used: tuple[int, str] | None
) -> None:
    (resize,) = (each for each in parts_of(tmp_path, server).handlers if isinstance(each, Resize))
    assert resize._used(STATUS) == used


def test_a_rotation_restarts_the_services_of_the_profile_and_needs_some(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    rotations = {each.source: each for each in parts.handlers if each.spec.id == "secrets.rotate"}
    assert rotations["secrets/shop"].unavailable() == ""
    assert "names nobody to restart" in rotations["secrets/other"].unavailable()
    kinds = {part.source: part.kind for part in parts.parts}
    assert kinds["memorystore/cache"] is SourceKind.MEMORYSTORE and kinds["secrets/shop"] is SourceKind.SECRETS
