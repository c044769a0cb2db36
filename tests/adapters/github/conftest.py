"""A repository at a GitHub that is played here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ...servers.github import Rig, rig


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_GITHUB_TOKEN", "t0ken")


@pytest_asyncio.fixture
async def github() -> AsyncIterator[Rig]:
    async with rig() as made:
        yield made
