"""What the Prometheus of the tests has measured: two hours up to one moment, a sample every 30 seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()
EVERY_S = 30
SPAN_S = 7200
Labels = Mapping[str, str]


def _memory(pod: int) -> Callable[[float], float]:
    """Of pod 0 it grows to 900 MB, of the others it stays."""
    return lambda ago: (900 - ago / 20 if pod == 0 else 100 + pod) * 1_000_000


# Name, labels, and the value so many seconds before NOW; None for no sample.
SERIES: tuple[tuple[str, Labels, Callable[[float], float | None]], ...] = (
    ("up", {"job": "shop", "instance": "a"}, lambda _: 1.0),
    *(("memory_bytes", {"pod": f"api-{pod}"}, _memory(pod)) for pod in range(12)),
    ("odd", {"pod": "nan"}, lambda ago: math.nan if ago < 600 else 1.0),
    ("odd", {"pod": "inf"}, lambda _: math.inf),
    ("odd", {"pod": "well"}, lambda _: -0.5),
    ("gone", {"revision": "old"}, lambda ago: 7.0 if ago > 1800 else None),
    ("gone", {"revision": "new"}, lambda ago: 3.0),
    ("hostile", {"pod": "\x1b[31mred\x07 [b]"}, lambda _: 2.0),
)


def samples() -> Iterator[tuple[str, Labels, float, float]]:
    """Name, labels, time, value; of each series the oldest first."""
    for name, labels, value in SERIES:
        for ago in range(SPAN_S, -1, -EVERY_S):
            found = value(float(ago))
            if found is not None:
                yield name, labels, AT - ago, found


def openmetrics() -> str:
    """All of it in the format that promtool makes blocks from."""
    lines: dict[str, list[str]] = {}
    for name, labels, at, value in samples():
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.setdefault(name, []).append(f"{name}{{{told}}} {_number(value)} {at:.0f}")
    blocks = ("\n".join([f"# TYPE {name} gauge", *found]) for name, found in lines.items())
    return "\n".join(blocks) + "\n# EOF\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if math.isinf(value) else repr(value)
