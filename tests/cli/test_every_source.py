"""Each table of a profile that is a source: `check` polls it and `doctor` examines it, on the demo's own system."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cockpit.model.severity import SourceKind
from cockpit.sandbox.system import Sandbox, Tempo
from tests.servers.kube.fixtures import Namespace
from tests.servers.kube.things import workload

PROGRAM = Path(sys.executable).with_name("cockpit")
TABLE_OF = {"revisions": "cloud_run", "cloudsql": "cloud_sql"}  # kinds whose table is called otherwise
ELSEWHERE = (
    SourceKind.RUNBOOK,
    SourceKind.WORKLOADS,
    SourceKind.CLUSTER,
    SourceKind.PROMETHEUS,
    SourceKind.CONTAINERS,
    SourceKind.RENDER,
    SourceKind.RENDERMETRICS,
    SourceKind.GITHUB,
    SourceKind.SCRIPTS,
)  # the shop of the demo has none of them
KINDS = tuple(kind.value for kind in SourceKind if kind not in ELSEWHERE)
KUBERNETES = """system = "shop"
environment = "test"
[[kubernetes]]
name = "main"
kubeconfig = "{}"
timeout = "50s"
"""


@dataclass(frozen=True)
class Told:
    """What was declared, by kind of source, and what the two commands said of each source."""

    declared: dict[str, list[str]]
    check: dict[str, Any]
    doctor: dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    folder: Path = tmp_path_factory.mktemp("every-source")
    tempo = Tempo(requests_per_s=5, settle_s=0.1, reads_per_minute=600)
    system = await Sandbox.start(folder / "shop", tempo=tempo)
    try:
        if system.postgres is None or system.redis is None or system.profile is None:
            pytest.skip("needs PostgreSQL and Redis")
        # How fast a machine answers that runs other tests, too, is nobody's business here.
        patient = re.sub(r'(?m)^timeout = ".*"$', 'timeout = "50s"', system.profile.read_text(encoding="utf-8"))
        system.profile.write_text(patient, encoding="utf-8")
        profile = tomllib.loads(patient)
        declared = {
            kind: [f"{kind}/{table['name']}" for table in profile.get(TABLE_OF.get(kind, kind), ())] for kind in KINDS
        }
        path = system.profile
        yield Told(declared, await _said(folder, "check", path), await _said(folder, "doctor", path))
    finally:
        await system.close()


async def _said(folder: Path, command: str, profile: Path) -> dict[str, Any]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, command, str(profile), "--json"),
        env={**kept, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(100):
        out, errors = await process.communicate()
    assert errors == b"", errors.decode()
    told = json.loads(out)["readings" if command == "check" else "sources"]
    return {each["source"]: each for each in told}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_polled_examined_and_well_in_the_demo(told: Told, kind: str) -> None:
    assert told.declared[kind], "the demo has one of each kind"
    for source in told.declared[kind]:
        seen, examined = told.check[source], told.doctor[source]
        assert (seen["freshness"], seen["severity"]) in (("fresh", "ok"), ("fresh", "warn")), json.dumps(seen)
        assert examined["reachable"] is True
        assert len(examined["checks"]) > 1, "the adapter itself says something, beside the poll"
        assert [each for each in examined["checks"] if each["ok"] is False] == []


async def test_a_namespace_is_polled_and_examined(namespace: Namespace, tmp_path: Path) -> None:
    namespace.apply(workload("api", replicas=1))
    namespace.rolled_out("api")
    profile = tmp_path / "shop.toml"
    profile.write_text(KUBERNETES.format(namespace.kubeconfig()), encoding="utf-8")
    checked, examined = await _said(tmp_path, "check", profile), await _said(tmp_path, "doctor", profile)
    for source in ("workloads/main", "cluster/main"):
        assert (checked[source]["freshness"], checked[source]["severity"]) == ("fresh", "ok"), checked[source]
        assert [each for each in examined[source]["checks"] if each["ok"] is False] == []
        assert len(examined[source]["checks"]) > 1, "the adapter itself says something, beside the poll"
