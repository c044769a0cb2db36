"""`python -m benchmarks.cluster [--pods 2000] [--seconds 30] [--runs 3]`: the whole cockpit on a real API server.

2,000 pods of twenty deployments on simulated nodes, twenty changes of pods a second from another process; here the
cockpit as it is started, with its screen at 120x40 and panes 5 and 7 fed by watches. Prints the longest turns of the
event loop with what was run in them: by the clock, this thread's own processor time (a busy machine, and the API
server beside it, lengthen the first), and what of that was the garbage collector; the CPU, the memory, and whether
the bounds are met. With `--cluster FOLDER URL` of one that was filled before and still runs, none is started. With
`--alone` (as root) the kernel runs the cockpit before all others, as if the API server were on another machine. Needs
the programs of the test cluster: CONTRIBUTING says how they are built.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.turns import Turns
from benchmarks.usage import rss_mib
from cockpit.model.workloads import WorkloadsStatus
from screens.app import CockpitApp

DEPLOYMENTS = 20
CHANGES = 20  # a second
READY_S = 600.0
MOST_MS = 25  # of one turn of the event loop
MOST_MIB = 200
PROFILE = """system = "shop"
environment = "bench"
[[kubernetes]]
name = "main"
kubeconfig = "{}"
namespace = "shop"
"""


def client(home: Path, url: str) -> httpx.Client:
    """As admin."""
    text = (home / "admin.kubeconfig").read_text(encoding="utf-8")
    match = re.search(r'"?token"?\s*:\s*"?([\w.-]+)', text)
    assert match is not None, "the kubeconfig has no token"
    head = {"Authorization": f"Bearer {match[1]}"}
    return httpx.Client(base_url=url, headers=head, verify=False, timeout=30.0)  # loopback, for a benchmark


def deployment(number: int, replicas: int) -> dict[str, Any]:
    labels = {"app": f"app-{number}"}
    resources = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "64Mi"}}
    environment = [{"name": f"SETTING_{each}", "value": f"value-{each}"} for each in range(20)]
    container = {"name": "app", "image": "r.test/app:v1", "resources": resources, "env": environment}
    spec = {"containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"app-{number}"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def fill(api: httpx.Client, pods: int) -> None:
    """Make them, wait until all are ready."""
    api.post("/api/v1/namespaces", json={"metadata": {"name": "shop"}}).raise_for_status()
    for number in range(DEPLOYMENTS):
        made = api.post("/apis/apps/v1/namespaces/shop/deployments", json=deployment(number, pods // DEPLOYMENTS))
        made.raise_for_status()
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        found = api.get("/apis/apps/v1/namespaces/shop/deployments").json()["items"]
        if sum(each["status"].get("readyReplicas", 0) for each in found) >= pods:
            break
        time.sleep(2)


def churn(home: str, url: str, names: list[str], stop: Any, sent: Any) -> None:
    """The other process."""
    with client(Path(home), url) as api:
        number = 0
        while not stop.is_set():
            began = time.monotonic()
            for _ in range(CHANGES):
                body = {"metadata": {"annotations": {"bench/turn": str(number)}}}
                path = f"/api/v1/namespaces/shop/pods/{names[number * 7919 % len(names)]}"
                api.patch(path, content=json.dumps(body), headers={"Content-Type": "application/merge-patch+json"})
                number += 1
                sent.value = number
            stop.wait(max(0.0, 1.0 - (time.monotonic() - began)))


async def measure(home: Path, seconds: float, folder: Path, sent: Any) -> dict[str, Any]:
    profile = folder / "profile.toml"
    profile.write_text(PROFILE.format(home / "admin.kubeconfig"), encoding="utf-8")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")

    async def given(say: Any) -> Path:
        return profile

    app = CockpitApp(given)
    with Turns() as turns:
        async with app.run_test(size=(120, 40)) as pilot:
            painted = turns.taken()
            began = time.perf_counter()
            while not isinstance(_payload(app), WorkloadsStatus):  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.05)
            first_s = time.perf_counter() - began
            await pilot.press("5")
            await asyncio.sleep(5)
            start = turns.taken()
            cpu, changes = time.process_time(), sent.value
            await asyncio.sleep(seconds)
            used, changes = (time.process_time() - cpu) / seconds, (sent.value - changes) / seconds
            after, rss = turns.taken(), rss_mib(os.getpid())
            status = _payload(app)
    bounds = {"memory": (rss, MOST_MIB, "MiB"), "own": (after.own_ms, MOST_MS, "ms"),
              "clock": (after.clock_ms, MOST_MS, "ms")}  # fmt: skip
    return {
        "pods": len(status.pods) if isinstance(status, WorkloadsStatus) else 0,
        "changes_a_second": round(changes, 1),
        "first_reading_s": round(first_s, 2),
        "before_first_paint": painted.told(1),
        "start": start.told(3),
        "after": after.told(3),
        "cpu_share": round(used, 3),
        "rss_mib": round(rss),
        "bounds": {name: f"{'met' if found <= most else 'MISSED'} ({most} {unit})"
                   for name, (found, most, unit) in bounds.items()},
    }  # fmt: skip


def _payload(app: CockpitApp) -> object:
    states = app.engine.hub.states() if app.engine is not None else ()
    state = next((each for each in states if each.source == "workloads/main"), None)
    return state.reading.payload if state is not None and state.reading is not None else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--cluster", nargs=2, metavar=("FOLDER", "URL"))
    given = parser.parse_args()
    if given.cluster:
        runs(Path(given.cluster[0]), given.cluster[1], given)
        return
    words = [sys.executable, "-m", "tests.servers.kube", "--nodes", "20", "--without", "metrics"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        ready = server.stdout.readline().split()
        assert ready[:1] == ["READY"], "the test cluster did not start"
        print("cluster", *ready[1:], flush=True)
        with client(Path(ready[1]), ready[2]) as api:
            fill(api, given.pods)
        runs(Path(ready[1]), ready[2], given)
    finally:
        server.terminate()
        server.wait(30)


def runs(home: Path, url: str, given: argparse.Namespace) -> None:
    """Each in a process of its own, as the first leaves much behind that the next would not load again."""
    context = multiprocessing.get_context("spawn")
    stop, sent = context.Event(), context.Value("i", 0)
    with client(home, url) as api:
        names = [each["metadata"]["name"] for each in api.get("/api/v1/namespaces/shop/pods").json()["items"]]
    other = context.Process(target=churn, args=(str(home), url, names, stop, sent), daemon=True)
    other.start()
    try:
        for _ in range(given.runs):
            one = context.Process(target=run, args=(str(home), given.seconds, given.alone, sent))
            one.start()
            one.join()
    finally:
        stop.set()
        other.join(10)


def run(home: str, seconds: float, alone: bool, sent: Any) -> None:
    """The process that is measured."""
    if alone:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(Path(home), seconds, Path(folder), sent)), indent=2), flush=True)


if __name__ == "__main__":
    main()
