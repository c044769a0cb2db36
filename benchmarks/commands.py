"""How long the headless commands take from start to end, and the demo until its incident can be seen."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COCKPIT = Path(sys.executable).with_name("cockpit")
WITHOUT_SDK = (("--help",), ("schema",), ("audit", "verify"), ("actions", "--help"), ())
RUNS = 7


def commands() -> dict[str, float]:
    """Median wall time (ms) of whole processes of the commands that need no SDK."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as folder:
        env = {**os.environ, "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder}
        for words in WITHOUT_SDK:
            times = []
            for _ in range(RUNS):
                begun = time.perf_counter()
                subprocess.run([COCKPIT, *words], capture_output=True, check=True, env=env, timeout=30)
                times.append(1000 * (time.perf_counter() - begun))
            found[" ".join(["cockpit", *words])] = round(statistics.median(times), 1)
    return found


def demo() -> dict[str, float]:
    """Seconds from `cockpit demo` until a headless poll of a second was printed with the incident in it."""
    begun = time.perf_counter()
    words = [COCKPIT, "demo", "--headless", "--for", "1s", "--json"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    seconds = round(time.perf_counter() - begun, 2)
    return {"incident_reported_s": seconds, "critical": float('"severity": "crit"' in ran.stdout)}
