"""The container engine for pytest: one a process (so one a worker), projects of their own for each test.

`tests/conftest.py` brings the fixtures into every folder; nothing starts before a test asks for it.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from cockpit.sandbox.process import NoBinary

from .server import ComposeProject, PodmanServer, program

_numbers = itertools.count(1)
Services = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="session")
def podman_server() -> Iterator[PodmanServer]:
    """Of this process."""
    try:
        server = PodmanServer.start()
    except NoBinary as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
def podman(podman_server: PodmanServer) -> Iterator[PodmanServer]:
    """The engine of this process, left without containers. Do not let it hang; use `start_podman` for that."""
    yield podman_server
    podman_server.clear()


@pytest.fixture
def start_podman() -> Iterator[Callable[[], PodmanServer]]:
    """Own engines, about a second each."""
    servers: list[PodmanServer] = []

    def start() -> PodmanServer:
        try:
            servers.append(PodmanServer.start())
        except NoBinary as reason:
            pytest.skip(str(reason))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def compose(podman: PodmanServer) -> Iterator[Callable[..., ComposeProject]]:
    """Make and start a project: `compose({"web": {"command": [...]}})`; `name=`, `up=False`. Gone afterwards."""
    made: list[ComposeProject] = []
    try:
        program("docker-compose")
    except NoBinary as reason:
        pytest.skip(str(reason))

    def start(services: Services, *, name: str = "", up: bool = True) -> ComposeProject:
        made.append(podman.project(name or f"test{next(_numbers)}", services))
        if up:
            made[-1].up()
        return made[-1]

    yield start
    for project in made:
        project.compose("down", "-t", "0", "--remove-orphans", check=False)
        shutil.rmtree(project.folder, ignore_errors=True)
