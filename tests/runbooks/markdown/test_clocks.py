import pytest

from cockpit.model.runbook import ClockKind
from cockpit.runbooks.markdown.clocks import clocks, duration


@pytest.mark.parametrize(
    ("text", "kind", "from_s", "seconds"),
    [
        ("Acknowledge (0-5 min)", ClockKind.WINDOW, 0, 300),
        ("Assess (5–15 minutes)", ClockKind.WINDOW, 300, 900),
        ("Immediate actions (First 5 Minutes)", ClockKind.WINDOW, 0, 300),
        ("Document within 24 hours", ClockKind.WINDOW, 0, 86400),
        ("Monitor for 30 minutes", ClockKind.LAST, 0, 1800),
        ("Wait at least 90 seconds", ClockKind.LAST, 0, 90),
        ("Update every 10 minutes", ClockKind.EVERY, 0, 600),
        ("post each hour", ClockKind.EVERY, 0, 3600),
        ("If not resolved in 30 minutes", ClockKind.AFTER, 0, 1800),
        ("(no response in 15 minutes)", ClockKind.AFTER, 0, 900),
        ("P1 > 1 hour", ClockKind.AFTER, 0, 3600),
        ("unresolved after 2 hours", ClockKind.AFTER, 0, 7200),
        ("Page the lead if still down after half an hour", ClockKind.AFTER, 0, 1800),
        ("Escalate after 1 h 30 min", ClockKind.AFTER, 0, 5400),
    ],
)
def test_a_time_that_says_when(text: str, kind: ClockKind, from_s: float, seconds: float) -> None:
    (clock,) = clocks(text)
    assert (clock.kind, clock.from_s, clock.seconds) == (kind, from_s, seconds)


@pytest.mark.parametrize(
    "text",
    [
        "p99 latency > 5s",
        "99.9 % of 30 days",
        "running for > 15 minutes",
        "2 GB",
        "takes 5-10 seconds",
        "",
        "Restart it",
    ],
)
def test_a_number_that_is_no_clock(text: str) -> None:
    assert clocks(text) == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15 minutes", 900),
        ("Immediate (page)", 0),
        ("within 1 hour", 3600),
        ("1-2 h", 7200),
        ("Next business day", None),
    ],
)
def test_response_times(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds
