"""Numbers as the screen writes them: short, with their unit, the same width from poll to poll where possible."""

from __future__ import annotations

from datetime import UTC, datetime


def age(seconds: float | None) -> str:
    """3s, 12 m, 3 h, 4 d; "–" for unknown."""
    if seconds is None:
        return "–"
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} m"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def span(seconds: float | None) -> str:
    """Two units where they matter: 46 s, 11 m 52 s, 2 h 05 m, 3 d 4 h."""
    if seconds is None:
        return "–"
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def millis(value: float | None) -> str:
    """0.4 ms, 41 ms, 2 841 ms, 12.3 s; "–" for unknown."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.1f} ms"
    if value < 10_000:
        return f"{grouped(round(value))} ms"
    if value < 600_000:
        return f"{value / 1000:.1f} s"
    return span(value / 1000)


def grouped(value: int) -> str:
    """1 204 567."""
    return f"{value:,}".replace(",", " ")


def count(value: float | None) -> str:
    """912, 18.2k, 4.1M; "–" for unknown."""
    if value is None:
        return "–"
    if abs(value) < 10_000:
        return grouped(round(value)) if value >= 10 or value == int(value) else f"{value:.1f}"
    if abs(value) < 1_000_000:
        return f"{value / 1000:.1f}k"
    return f"{value / 1_000_000:.1f}M"


def bytes_(value: float) -> str:
    """812 B, 3.9 GB (powers of 1024)."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def percent(share: float | None, digits: int = 0) -> str:
    """97 %; "–" for unknown. Never rounds up to a full 100 or down to a bare 0."""
    if share is None:
        return "–"
    value = share * 100
    text = f"{value:.{digits}f}"
    if value < 100 and float(text) >= 100:
        text = "99.9"
    return f"{text} %"


def clock(at: float | datetime) -> str:
    """HH:MM:SS in UTC, of seconds since the epoch or an aware time."""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, float | int) else at.astimezone(UTC)
    return moment.strftime("%H:%M:%S")


def countdown(seconds: float) -> str:
    """mm:ss, never negative."""
    whole = int(max(0.0, seconds))
    return f"{whole // 60:02d}:{whole % 60:02d}"
