"""`python -m benchmarks.runbooks`: how long the runbook engine takes, as JSON; exit code 1 when a bound is missed."""

from __future__ import annotations

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


MEASURES: dict[str, Measure] = {"lint of 500 commands": (lint_500, 1.0)}


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
