"""`python -m benchmarks.runbooks`: how long the runbook engine takes, as JSON; exit code 1 when a bound is missed."""

from __future__ import annotations

import functools
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable

Measure = tuple[Callable[[], object], float]  # what is run, upper bound in seconds
RUNS = 5

_STEPS = (
    "kubectl rollout undo deployment/web-{0} -n shop",
    "kubectl exec web-{0} -n shop -- psql $DATABASE_URL -c 'SELECT 1'",
    "gcloud run services update-traffic web-{0} --region=r1 --to-revisions=web-{0}-00042-abc=100",
    "gcloud run services update web-{0} --region=r1 --max-instances={0}",
    "psql -c \"UPDATE jobs SET status = 'failed' WHERE status = 'running' AND shard = {0}\"",
    "curl -s https://web-{0}.example.com/health | jq '.jobs'",
    "docker compose logs -f worker-{0} | grep ERROR",
    "redis-cli -h cache-{0} KEYS 'session:*'",
    "git push origin main",
    "for pod in $(kubectl get pods -n shop -o name); do kubectl logs $pod -n shop --tail={0}; done",
)


def book(commands: int) -> str:
    """A runbook with so many commands, ten in a section."""
    parts = ["# Shop"]
    for number in range(commands // len(_STEPS)):
        steps = "\n\n".join(f"# Step {index}\n{step.format(number)}" for index, step in enumerate(_STEPS))
        parts.append(f"## Incident {number}\n\n```bash\n{steps}\n```")
    return "\n\n".join(parts) + "\n"


def lint_500() -> None:
    """Read, understand and lint a runbook of 500 commands."""
    from cockpit.engine.compose import replacements
    from cockpit.runbooks.lint import lint
    from cockpit.runbooks.read import parse
    from cockpit.runbooks.recognise import understand_all

    runbook = parse([("RUNBOOK.md", book(500))])
    if len(runbook.commands) != 500 or not lint(runbook, understand_all(runbook, replacements())):
        raise SystemExit("the runbook of the benchmark was not understood")


_PROSE = """
### Queue {0} grows

**Symptoms:**
- Depth of queue {0} > 500
- Orders arrive late

**Investigation** (first 5 minutes):

1. **Look at the workers of queue {0}**
2. Compare with `https://boards.example/queue-{0}` and ask the team that owns it

| Cause | Solution |
|-------|----------|
| Worker {0} hangs | Restart it |
| Too much traffic | Scale up, then monitor for 20 minutes |

**Escalation**: If not resolved in 30 minutes
"""


@functools.cache
def megabyte() -> str:
    """A runbook of 1 MB: prose, lists and tables, and every other section commands."""
    parts = ["# Shop"]
    size = 0
    for number in itertools.count():
        if size >= 1_000_000:
            return "\n\n".join(parts)
        steps = "\n\n".join(f"# Step {index}\n{step.format(number)}" for index, step in enumerate(_STEPS))
        parts += [_PROSE.format(number), f"## Incident {number}\n\n```bash\n{steps}\n```"]
        size += len(parts[-1]) + len(parts[-2]) + 4


def read_megabyte() -> None:
    """Read 1 MB with all of its commands."""
    from cockpit.runbooks.read import parse

    if len(parse([("RUNBOOK.md", megabyte())]).commands) < 5000:
        raise SystemExit("the large runbook of the benchmark was not read")


def read_pathological() -> None:
    """Read 200 kB each of what makes Markdown parsers slow."""
    from cockpit.runbooks.read import parse

    for text in (
        "> " * 40 + "a\n" + "b\n" * 100_000,
        "- " * 100_000,
        "".join("  " * depth + "- a\n" for depth in range(400)),
        "[" * 200_000,
        "*a **b " * 28_000,
        "".join("`" * (length % 300 + 1) + " " for length in range(1_300)),
        "<!--\n" * 40_000,
        "|" * 1000 + "\n" + "|-" * 1000 + "|\n" + "|a\n" * 60_000,
    ):
        parse([("RUNBOOK.md", text)])


MEASURES: dict[str, Measure] = {
    "lint of 500 commands": (lint_500, 1.0),
    "reading 1 MB": (read_megabyte, 1.0),
    "reading 1.6 MB of pathological Markdown": (read_pathological, 10.0),
}


def main() -> int:
    """Run all; print medians of the CPU time, which other work on the machine does not lengthen."""
    found = {}
    for name, (work, bound) in MEASURES.items():
        times = []
        for _ in range(RUNS):
            begun = time.process_time()
            work()
            times.append(time.process_time() - begun)
        median = statistics.median(times)
        found[name] = {"median_cpu_s": round(median, 3), "bound_s": bound, "met": median < bound}
    print(json.dumps(found, indent=2))
    return 0 if all(each["met"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
