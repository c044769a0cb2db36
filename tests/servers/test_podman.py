"""The tests' own container engine: what it is asked to do, it does."""

from __future__ import annotations

from collections.abc import Callable

from .podman.server import ComposeProject, PodmanServer, until


def test_a_project_runs_with_the_labels_of_compose(compose: Callable[..., ComposeProject]) -> None:
    project = compose({"web": {"command": ["sleep", "1000"]}, "once": {"command": ["false"]}})
    (web,) = project.ids("web")
    labels = project.server.inspect(web)["Config"]["Labels"]
    assert labels["com.docker.compose.project"] == project.name
    assert labels["com.docker.compose.service"] == "web"
    (once,) = project.ids("once")
    until(lambda: project.server.inspect(once)["State"]["ExitCode"] == 1)


def test_an_image_is_told_from_another(podman: PodmanServer) -> None:
    first, second = podman.image("local/thing:1", mark="1"), podman.image("local/thing:2", mark="2")
    assert first != second
    assert podman.podman("run", "--rm", "--network=host", "local/thing:2", "cat", "/mark") == "2"
