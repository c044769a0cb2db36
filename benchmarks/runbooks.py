"""`python -m benchmarks.runbooks`: how long the runbook engine takes, as a table; exit code 1 when a bound is missed.

CPU time, the least of five runs: other work on the machine makes it longer, and nothing makes it shorter.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Measure = tuple[Callable[[], object], float]  # what is run, upper bound in seconds
RUNS = 5
QUARTER, WHOLE = 250_000, 1_000_000  # characters of what must grow no faster than its length
GROWTH = 5.0  # upper bound of the time for the whole over the time for the quarter; 4 is linear
GAP_S = 0.05  # upper bound of a pause of the event loop beside an ordinary runbook
_ROOT = Path(__file__).parents[1]
_SAMPLES = ("tests/runbooks/samples/ferry.md", "cockpit/sandbox/RUNBOOK.md")

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


@functools.cache
def realistic(size: int, *, distinct: bool) -> str:
    """So many characters of ordinary runbooks: repeated, or with names and numbers that are new in each copy."""
    sample = "\n".join((_ROOT / name).read_text() for name in _SAMPLES)
    parts: list[str] = []
    for copy in itertools.count(1):
        text = re.sub(r"\d{2,}", lambda found, by=copy: str(int(found[0]) + by), sample) if distinct else sample  # type: ignore[misc]
        parts.append(re.sub(r"\b([a-z]{3,}-[a-z]{2,})\b", rf"\g<1>{copy}", text) if distinct else text)
        if sum(map(len, parts)) >= size:
            return "\n".join(parts)[:size]
    return ""


def _read(text: str) -> None:
    from cockpit.engine.compose import replacements
    from cockpit.runbooks.read import parse
    from cockpit.runbooks.recognise import understand_all

    runbook = parse([("RUNBOOK.md", text)])
    if len(understand_all(runbook, replacements())) < 1000:
        raise SystemExit("the large runbook of the benchmark was not read")


def read_repeated() -> None:
    """Read and understand 1 MB of ordinary runbooks that repeat themselves."""
    _forget()
    _read(realistic(WHOLE, distinct=False))


def read_distinct() -> None:
    """As `read_repeated`, where no two copies are the same."""
    _forget()
    _read(realistic(WHOLE, distinct=True))


def read_commands() -> None:
    """Read and understand 1 MB of nothing but commands, each of them another."""
    _forget()
    _read(book(13_000))


def _forget() -> None:
    """Readings are kept, so that a second run would be no reading."""
    from cockpit.runbooks.markdown import fences, remembered
    from cockpit.runbooks.shell import lines, sql
    from cockpit.runbooks.shell import words as shell_words

    remembered.forget()
    for module in (fences, lines, sql, shell_words):
        for kept in vars(module).values():
            if getattr(kept, "__module__", "") == module.__name__ and (clear := getattr(kept, "cache_clear", None)):
                clear()


def _fence(body: str, language: str = "bash") -> str:
    return f"# T\n\n```{language}\n{body}\n```\n"


HOSTILE: dict[str, Callable[[int], str]] = {  # characters -> text
    "* only": lambda size: "*" * size,
    "[ only": lambda size: "[" * size,
    "` only": lambda size: "`" * size,
    "> only": lambda size: ">" * size,
    "| only": lambda size: "|" * size,
    "one line of words": lambda size: "word " * (size // 5),
    "emphasis never closed": lambda size: "*a **b " * (size // 7),
    "links never closed": lambda size: "[a](b " * (size // 6),
    "lines of one letter": lambda size: "a\n" * (size // 2),
    "items of one letter": lambda size: "- a\n" * (size // 4),
    "headings of one letter": lambda size: "# a\n" * (size // 4),
    "fences in items": lambda size: "- ```\n" * (size // 6),
    "items nested as deep as it goes": lambda size: "".join(
        "  " * depth + "- a\n" for depth in range(int(size**0.5))
    ),
    "comments never closed": lambda size: "<!--\n" * (size // 5),
    "table of 10,000 columns": lambda size: (
        ("|" + "a|" * 10_000 + "\n|" + "-|" * 10_000 + "\n") + ("|" + "a|" * 10_000 + "\n") * (size // 20_000)
    ),
    "commands of one letter": lambda size: _fence("a\n" * (size // 2)),
    "a quote never closed": lambda size: _fence("echo '" + "a\n" * (size // 2)),
    "brackets never closed": lambda size: _fence("(" * size),
    "here-documents never closed": lambda size: _fence("cat <<EOF\n" * (size // 10)),
    "one command of 1 MB": lambda size: _fence("echo " + "a " * (size // 2)),
    "one statement of 1 MB": lambda size: _fence("SELECT " + "a, " * (size // 3) + "b;", "sql"),
    "statements": lambda size: _fence("".join(f"SELECT {number};\n" for number in range(size // 15)), "sql"),
}


def growth(text: Callable[[int], str]) -> tuple[float, float]:
    """Seconds for 1 MB of it, and how many times those for 250 kB that is. Too short to tell is no growth."""
    from cockpit.runbooks.read import parse

    times = [_least(functools.partial(parse, [("RUNBOOK.md", text(size))]), 2) for size in (QUARTER, WHOLE)]
    return times[1], times[1] / times[0] if times[1] > 0.1 else 0.0


def loop_gap(text: str) -> float:
    """Seconds of the longest pause of an event loop while a thread reads, understands and lints the text."""
    return asyncio.run(_loop_gap(text))


async def _loop_gap(text: str) -> float:
    from cockpit.engine.reading import read_book

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "RUNBOOK.md"
        path.write_text(text)
        reading = asyncio.create_task(asyncio.to_thread(read_book, [path]))
        longest, before = 0.0, time.perf_counter()
        while not reading.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        await reading
        return longest


MEASURES: dict[str, Measure] = {
    "lint of 500 commands": (lint_500, 1.0),
    "1 MB read, understood; repeated": (read_repeated, 1.0),
    "1 MB read, understood; distinct": (read_distinct, 1.0),
    "1 MB of commands alone": (read_commands, 5.0),
}


def _least(work: Callable[[], object], runs: int = RUNS) -> float:
    times = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def _row(name: str, found: str, bound: str, *, met: bool) -> bool:
    print(f"{name:34} {found:>18} {bound:>10}  {'' if met else 'MISSED'}".rstrip(), flush=True)
    return met


def main() -> int:
    """Run all and print a row for each."""
    met = [_row("", "measured", "bound", met=True)]
    for name, (work, bound) in MEASURES.items():
        took = _least(work)
        met.append(_row(name, f"{took:.2f} s", f"{bound:g} s", met=took < bound))
    for name, size, bound in (("loop beside 60 kB", 60_000, GAP_S), ("loop beside 1 MB", WHOLE, 4 * GAP_S)):
        gap = min(loop_gap(realistic(size, distinct=True)) for _ in range(RUNS))
        met.append(_row(name, f"{gap * 1000:.0f} ms", f"{bound * 1000:g} ms", met=gap < bound))
    for name, text in HOSTILE.items():
        took, times = growth(text)
        met.append(_row(name, f"{took:.2f} s, x{times:.1f}", f"x{GROWTH:g}", met=times < GROWTH))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
