"""plan and act on Cloud SQL from the command line: what is waited for is told, and a password is never repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.sandbox.gcp.server import ControlPlane
from cockpit.sandbox.managed import SQL_INSTANCE, seed_sql

Cockpit = Callable[..., Awaitable[Any]]
WHY = ("--confirm", "test/shop", "--reason", "for the test")


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    control = ControlPlane(settle_s=0.05)
    seed_sql(control)
    await control.start()
    (tmp_path / "sql.toml").write_text(
        f"""
        system = "shop"
        environment = "test"
        limits = {{ watch = "0s" }}
        [[cloud_sql]]
        name = "shop"
        project = "demo-shop"
        instance = "{SQL_INSTANCE}"
        endpoint = "{control.url}"
        """,
        encoding="utf-8",
    )
    yield control
    await control.close()


async def test_an_operation_is_told_while_it_is_waited_for(
    cockpit: Cockpit, plane: ControlPlane, tmp_path: Path
) -> None:
    ran = await cockpit("act", str(tmp_path / "sql.toml"), "cloudsql.restart", *WHY)
    assert ran.code == 0, ran.err
    (operation,) = (each for each in plane.sql.operations.values() if each.kind == "RESTART")
    told = ran.err.count(f"operation {operation.id} (RESTART): ")
    assert 1 <= told <= 2, "PENDING and RUNNING, whatever their seconds"
    assert f"verified: restarted by operation {operation.id}; {SQL_INSTANCE} is running" in ran.out


async def test_an_operation_that_fails_is_exit_code_5(cockpit: Cockpit, plane: ControlPlane, tmp_path: Path) -> None:
    plane.sql.fail_next = ("ERROR_RDBMS", "it did not come up")
    ran = await cockpit("act", str(tmp_path / "sql.toml"), "cloudsql.restart", *WHY)
    assert ran.code == 5 and "it did not come up" in ran.out + ran.err


def everything_in(folder: Path) -> str:
    return "".join(each.read_text(errors="replace") for each in folder.rglob("*") if each.is_file())


async def test_a_password_in_the_place_of_its_reference_is_repeated_nowhere(
    cockpit: Cockpit, plane: ControlPlane, tmp_path: Path
) -> None:
    given = ("--set", "user=postgres", "--set", "secret=hunter2")
    ran = await cockpit("act", str(tmp_path / "sql.toml"), "cloudsql.password", *given, *WHY)
    assert ran.code == 4 and "file:PATH or env:NAME" in ran.err
    assert "hunter2" not in ran.out + ran.err + everything_in(tmp_path)
