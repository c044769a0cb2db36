"""The cockpit as its command runs it; when it ends, what its log rings held goes to a file, to be counted.

`python -m benchmarks.launch PROFILE REPORT`: the numbers that the scene writes into its log lines must be complete.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

_NUMBER = re.compile(r"\bn=(\d+)")


def main(profile: Path, report: Path) -> int:
    """Run the screen; write the report; return the exit code."""
    # Exactly what the command imports before its first paint, and nothing of the engine.
    from screens import app

    seen: list[Any] = []
    attach = app.CockpitApp.attach

    def remember(self: Any, engine: Any) -> None:
        seen.append(engine)
        attach(self, engine)

    app.CockpitApp.attach = remember  # type: ignore[method-assign]
    code = app.run(profile)
    report.write_text(json.dumps({"at": time.time(), "rings": [count(engine) for engine in seen]}))
    return code


def count(engine: Any) -> dict[str, dict[str, int]]:
    """For each ring: how many entries it ever took, how many it holds, how many numbers are missing among those."""
    counts: dict[str, dict[str, int]] = {}
    for source, ring in engine.rings.items():
        numbers: list[int] = []
        for start in range(ring.first, ring.end, 1000):
            for entry in ring.slice(start, min(start + 1000, ring.end)):
                found = _NUMBER.search(entry.message)
                if found:
                    numbers.append(int(found[1]))
        wanted = set(range(numbers[0], numbers[-1] + 1)) if numbers else set()
        counts[source] = {
            "taken": ring.end,
            "held": len(numbers),
            "first_number": numbers[0] if numbers else -1,
            "last_number": numbers[-1] if numbers else -1,
            "missing": len(wanted - set(numbers)),
            "double": len(numbers) - len(set(numbers)),
        }
    return counts


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
