"""How the suite is spread over processes: the whole of it over some, what is picked by hand over none."""

from __future__ import annotations

import os
from typing import Any

import pytest

MOST = 4  # each process reads all tests and starts servers of its own
CLUSTER = "the test cluster"
# Whatever asks for the session's Kubernetes cluster, not what only starts its own. One process runs all of it, one
# file after the other: a cluster takes long to start, and the processor for as long as it is there. It goes first:
# nothing waits for as long.
ON_THE_CLUSTER = (
    "kubectl/test_commands.py",
    "kubectl/test_looks.py",
    "actions/kube/",
    "adapters/kube/test_clusterstate",
    "adapters/kube/test_forward",
    "adapters/kube/test_gateway",
    "adapters/kube/test_jobs",
    "adapters/kube/test_podlogs",
    "adapters/kube/test_reflector",
    "adapters/kube/test_two_clusters",
    "adapters/kube/test_workloads_probe",
    "engine/test_every_kube_action.py",
    "engine/test_kube_scenarios.py",
    "engine/test_kube_two_clusters.py",
    "engine/test_prometheus.py",
    "cli/test_every_source.py",
    "cli/test_kube_acting.py",
    "sandbox/kube/test_real_server.py",
    "servers/test_kube",
    "terminal/test_kube_pty.py",
)
# They take long, mostly by waiting. At the end of a run one of them would keep a single process busy.
LONG = (
    "engine/test_incidents.py",
    "terminal/test_guide_pty.py",
    "screens/test_readme_keys.py",
    "gcloud/test_gcloud_itself_managed.py",
    "gcloud/test_gcloud_itself.py",
    "runbooks/shell/test_any_input.py",
    "adapters/kube/test_answers.py",
    "engine/test_every_kube_keeping.py",
    "engine/test_every_kube_upkeep.py",
    "engine/test_kube_permissions.py",
    "actions/docker/test_project.py",
    "actions/docker/test_up.py",
    "adapters/docker/test_containers.py",
    "engine/test_demo_aia.py",
    "engine/test_demo_booking.py",
    "engine/test_demo_systems.py",
    "cli/test_observing.py",
    "sandbox/test_system.py",
    "terminal/test_demo_pty.py",
    "sandbox/test_supervisor.py",
    "cli/test_demo.py",
    "sandbox/test_control_plane.py",
    "adapters/gcp/faults/test_fault_matrix.py",
    "adapters/gcp/faults/test_wrong_types.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Of `-n auto`: one more than processors (the cluster's waits) where everything is run, else this one alone."""
    options = config.option
    picked = config.args != config.getini("testpaths") or options.keyword or options.markexpr
    if picked or options.collectonly or getattr(options, "lf", False):
        return 0
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors + 1, MOST) if processors > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays in one process, and so do all files that share the cluster."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    return Scheduling(config, log)


def together(nodeid: str) -> str:
    """What a test has to be in one process with: its file, or the cluster."""
    file = nodeid.partition("::")[0]
    return CLUSTER if file.removeprefix("tests/").startswith(ON_THE_CLUSTER) else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, in an order that all processes agree on."""
    place = {f"tests/{name}": number for number, name in enumerate(LONG)}
    place[CLUSTER] = -1
    items.sort(key=lambda item: place.get(together(item.nodeid), len(LONG)))
