"""2,000 pods with 20 changes a second: the worst gap of the event loop (target 25 ms) and the memory (200 MiB).

    python -m benchmarks.kube [--pods 2000] [--seconds 20]

The pods are served by a loopback server of this process's child, in the size that a kubelet's pods have; what is
measured is this process: list, watch, trimming, and a reader that walks over all of them every two seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from cockpit.adapters.kube.kube import Kube
from cockpit.clock import SystemClock
from cockpit.profile.kube import KubernetesSource


def pod(number: int, version: int) -> dict[str, Any]:
    name = f"api-7d9c5b6f4-{number:05d}"
    environment = [{"name": f"SETTING_{each}", "value": f"value-{each}"} for each in range(20)]
    container = {
        "name": "app",
        "image": "registry.example/shop/api@sha256:" + "a" * 64,
        "env": environment,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/x", "readOnly": True}],
    }
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    fields = {f"f:field{each}": {"f:inner": {}, ".": {}} for each in range(60)}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{number}",
            "resourceVersion": str(version),
            "labels": {"app": "api", "pod-template-hash": "7d9c5b6f4"},
            "managedFields": [{"manager": "kubelet", "fieldsV1": fields}, {"manager": "kcm", "fieldsV1": fields}],
        },
        "spec": {"containers": [container], "nodeName": f"node-{number % 50}", "tolerations": [{"key": "a"}] * 3},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
                for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [{"name": "app", "ready": True, "restartCount": version % 7, "state": state}],
        },
    }


async def serve(pods: int, port: Any) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            target = head.split(" ")[1]
            if "watch=true" in target:
                break
            start = int(target.partition("continue=")[2].partition("&")[0] or 0)
            metadata = {"resourceVersion": "10", **({"continue": str(start + 500)} if start + 500 < pods else {})}
            items = [pod(number, 1) for number in range(start, min(start + 500, pods))]
            body = json.dumps({"metadata": metadata, "items": items}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for version in range(11, 10**9):
            line = json.dumps({"type": "MODIFIED", "object": pod(version * 7919 % pods, version)}).encode() + b"\n"
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port.value = server.sockets[0].getsockname()[1]
    await server.serve_forever()


def child(pods: int, port: Any) -> None:
    asyncio.run(serve(pods, port))


async def gaps(found: list[tuple[float, float]]) -> None:
    """For each turn of the loop how long it took: by the clock, and of this thread's processor time.

    On a busy machine the first holds what others took; the second is what was really worked in one go.
    """
    last, worked = time.perf_counter(), time.thread_time()
    while True:
        await asyncio.sleep(0.001)
        now, cpu = time.perf_counter(), time.thread_time()
        found.append((now - last - 0.001, cpu - worked))
        last, worked = now, cpu


async def measure(url: str, seconds: float, folder: Path) -> None:
    config = folder / "config"
    config.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": url}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
                "current-context": "c",
            }
        )
    )
    kube = Kube(KubernetesSource(name="shop", kubeconfig=str(config)), SystemClock())
    found: list[tuple[float, float]] = []
    lag = asyncio.create_task(gaps(found))
    began = time.perf_counter()
    pods = kube.resource("pods")
    await pods.ready()
    print(f"first list: {len(pods.items)} pods in {time.perf_counter() - began:.2f} s, worst gap {worst(found)}")
    found.clear()
    changes, cpu = pods.changes, time.process_time()
    await asyncio.sleep(seconds)
    used = (time.process_time() - cpu) / seconds
    print(f"{(pods.changes - changes) / seconds:.0f} changes/s: worst gap {worst(found)}, {used:.1%} of a core")
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    lag.cancel()
    await kube.close()


def worst(found: list[tuple[float, float]]) -> str:
    clock, cpu = (sorted(each[index] * 1000 for each in found) for index in (0, 1))
    return f"{clock[-1]:.1f} ms (p99 {clock[int(len(clock) * 0.99)]:.1f}), of it worked {cpu[-1]:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port = context.Value("i", 0)
    server = context.Process(target=child, args=(given.pods, port), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.01)
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(f"http://127.0.0.1:{port.value}", given.seconds, Path(folder)))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
