"""`python -m benchmarks.cluster [--pods 2000] [--seconds 30]`: the whole cockpit on a real API server.

2,000 pods of twenty deployments on simulated nodes, twenty changes of pods a second from another process; here the
cockpit, with its screen at 120x40 and panes 5 and 7 fed by watches. Prints the longest turn of the event loop, by the
clock and by this thread's processor time (a busy machine lengthens the first), the CPU and the memory. Needs the
programs of the test cluster: CONTRIBUTING says how they are built.
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

from benchmarks.kube import gaps, worst
from benchmarks.usage import rss_mib
from cockpit.engine.engine import Engine
from cockpit.model.workloads import WorkloadsStatus
from cockpit.profile.load import load
from screens.app import CockpitApp

DEPLOYMENTS = 20
CHANGES = 20  # a second
READY_S = 600.0
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


def fill(api: httpx.Client, pods: int) -> list[str]:
    """Make them, wait until all are ready; their names."""
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
    listed = api.get("/api/v1/namespaces/shop/pods").json()["items"]
    return [each["metadata"]["name"] for each in listed]


def churn(home: str, url: str, names: list[str], stop: Any) -> None:
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
            stop.wait(max(0.0, 1.0 - (time.monotonic() - began)))


async def measure(home: Path, seconds: float, folder: Path) -> dict[str, Any]:
    profile = folder / "profile.toml"
    profile.write_text(PROFILE.format(home / "admin.kubeconfig"), encoding="utf-8")
    turns: list[tuple[float, float]] = []
    app = CockpitApp()
    async with app.run_test(size=(120, 40)) as pilot, Engine(load(profile), state_dir=folder / "state") as engine:
        lag = asyncio.create_task(gaps(turns))
        app.attach(engine)
        began = time.perf_counter()
        while not isinstance(_payload(engine), WorkloadsStatus):  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.05)
        first_s, first = time.perf_counter() - began, worst(turns)
        await pilot.press("5")
        await asyncio.sleep(5)
        turns.clear()
        cpu = time.process_time()
        await asyncio.sleep(seconds)
        used = (time.process_time() - cpu) / seconds
        status = _payload(engine)
        lag.cancel()
        return {
            "pods": len(status.pods) if isinstance(status, WorkloadsStatus) else 0,
            "first_reading_s": round(first_s, 2),
            "worst_turn_at_first": first,
            "worst_turn": worst(turns),
            "cpu_share": round(used, 3),
            "rss_mib": round(rss_mib(os.getpid())),
        }


def _payload(engine: Engine) -> object:
    state = engine.hub.state("workloads/main")
    return state.reading.payload if state is not None and state.reading is not None else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    words = [sys.executable, "-m", "tests.servers.kube", "--nodes", "20", "--without", "metrics"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    try:
        assert server.stdout is not None
        ready = server.stdout.readline().split()
        assert ready[:1] == ["READY"], "the test cluster did not start"
        home, url = Path(ready[1]), ready[2]
        with client(home, url) as api:
            names = fill(api, given.pods)
        other = context.Process(target=churn, args=(str(home), url, names, stop), daemon=True)
        other.start()
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asyncio.run(measure(home, given.seconds, Path(folder))), indent=2))
        stop.set()
        other.join(10)
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main()
