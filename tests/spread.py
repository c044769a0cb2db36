"""How the suite is spread over processes: the whole of it over some, what is picked by hand over none."""

from __future__ import annotations

import os

import pytest

MOST = 4  # each process reads all tests and starts servers of its own
# They take long, mostly by waiting. At the end of a run one of them would keep a single process busy.
LONG = (
    "engine/test_incidents.py",
    "gcloud/test_gcloud_itself.py",
    "gcloud/test_gcloud_itself_managed.py",
    "terminal/test_guide_pty.py",
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
    """Of `-n auto`: a process for each processor where everything is run, else this one alone."""
    options = config.option
    picked = config.args != config.getini("testpaths") or options.keyword or options.markexpr
    if picked or options.collectonly or getattr(options, "lf", False):
        return 0
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, MOST) if processors > 1 else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, in an order that all processes agree on."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0].partition("tests/")[2], len(LONG)))
