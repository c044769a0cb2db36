"""Sample data for the tests of the screens, and a cockpit that shows it and records what is asked for."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from screens.app import CockpitApp
from screens.cockpit_screen import CockpitScreen


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """The package of sample readings beside this file."""
    path = Path(__file__).with_name("samples") / "__init__.py"
    spec = importlib.util.spec_from_file_location("screen_samples", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="session")
def _memory_stays_collectable() -> Iterator[None]:
    """Hundreds of apps in one process: each would walk all that the others left, and keep it for good."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CockpitApp, "settle_memory", lambda app: None)
        yield


@pytest.fixture(autouse=True)
def _coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


class Flow:
    """Records what the screen asks for."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, dict[str, str]]] = []
        self.busy = False

    def start(self, action, source, selection=None) -> None:
        self.started.append((action, source, dict(selection or {})))


class Stage:
    """An app with a sample engine, its screen and a recording flow."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.app = CockpitApp()
        self.flow = Flow()

    def attach(self) -> None:
        self.app.attach(self.engine)
        self.app.flow = self.flow  # type: ignore[assignment]  # records instead of planning

    @property
    def screen(self) -> CockpitScreen:
        return self.app.cockpit_screen

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def tick(self) -> None:
        self.screen.publisher.tick(force=True)


@pytest.fixture
async def stage(samples):
    stage = Stage(samples.incident())
    async with stage.app.run_test(size=(120, 40)) as pilot:
        stage.attach()
        await pilot.pause()
        stage.pilot = pilot  # type: ignore[attr-defined]  # the pilot goes with the stage
        yield stage


@pytest.fixture
def stage_on():
    """Makes a stage for an engine of the test's own."""
    return Stage
