"""Metrics pane: what it says of each panel, and that nothing is asked before it is opened."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from textual.pilot import Pilot

from cockpit.errors import RateLimited
from cockpit.model.severity import Severity, SourceKind
from screens.app import CockpitApp

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}
Open = Callable[..., object]


class Opened:
    def __init__(self, app: CockpitApp, engine, pilot: Pilot[None]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    @property
    def pane(self):
        return next(pane for pane in self.app.cockpit_screen.panes if pane.KIND is SourceKind.METRICS)

    async def text(self) -> str:
        await self.pilot.pause()
        await self.pilot.pause()
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"

    def tick(self) -> None:
        self.app.cockpit_screen.publisher.tick(force=True)


@asynccontextmanager
async def opened(engine, size: tuple[int, int] = (120, 40), *keys: str, ascii: bool = False) -> AsyncIterator[Opened]:
    app = CockpitApp(ascii_only=ascii)
    async with app.run_test(size=size) as pilot:
        app.attach(engine)
        await pilot.pause()
        await pilot.press(*keys)
        yield Opened(app, engine, pilot)


def metered(samples: ModuleType):
    return samples.add_metrics(samples.incident())


@pytest.mark.parametrize(
    ("size", "keys", "ascii"),
    [
        ("200x50", (), False),
        ("120x40", (), False),
        ("80x24", ("j", "j", "j"), False),
        ("80x24", (), True),
        ("120x40", ("j", "enter"), False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
async def test_panels_look_as_agreed(samples, size, keys, ascii):
    async with opened(metered(samples), SIZES[size], "6", *keys, ascii=ascii) as stage:
        text = await stage.text()
    name = "_".join(["metrics", size, *keys, *(["ascii"] if ascii else [])])
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


async def test_nothing_is_asked_before_the_pane_is_opened(samples):
    engine = samples.incident()
    woken: list[str] = []
    engine.hub.register(
        "metrics/shop", SourceKind.METRICS, "shop", 60.0, 20.0, lambda: woken.append("shop"), asleep=True
    )
    async with opened(engine, (200, 50)) as stage:
        stage.tick()
        await stage.pilot.press("3", "ctrl+r", "5")
        text = await stage.text()
        assert "metrics shop not asked yet" in text and "waiting" not in text
        assert woken == []
        await stage.pilot.press("6")
        await stage.pilot.pause()
        assert woken == ["shop"]
        stage.tick()
        assert "waiting" in await stage.text()
        engine.say("metrics/shop", Severity.OK, "8 panels", samples.metrics_status())
        stage.tick()
        await stage.pilot.press("5", "6")
        assert woken == ["shop"], "from then on it is polled at its own interval"


async def test_each_line_says_value_bound_and_age(samples):
    async with opened(metered(samples), (140, 60), "6") as stage:
        text = await stage.text()
    lines = {title: next(line for line in text.splitlines() if title in line) for title in (
        "Mails waiting", "checkout requests", "orders SQL CPU", "replication lag", "Redis memory"
    )}  # fmt: skip
    assert all(words in lines["Mails waiting"] for words in ("▲", "> 100 since 10 m", "183", "30 s old"))
    assert "43.7/s" in lines["checkout requests"], "rates without a bound are summed"
    assert "bound > 90 % for 5 m" in lines["orders SQL CPU"]
    assert "?" in lines["replication lag"] and "none for 9 m" in lines["replication lag"]
    assert "✖" in lines["Redis memory"] and "> 95 %" in lines["Redis memory"]
    assert "monitoring API: denied  roles/monitoring.viewer contains it" in text
    assert "none in the window" in text


async def test_the_age_of_a_point_moves_though_nothing_new_came(samples):
    engine = metered(samples)
    async with opened(engine, (120, 40), "6") as stage:
        assert "30 s old" in await stage.text()
        await engine.clock.advance(25.0)
        stage.tick()
        assert "55 s old" in await stage.text()


async def test_the_plot_of_the_chosen_panel_is_in_sight_with_its_line(samples):
    async with opened(metered(samples), (80, 24), "6", "G", "k", "k") as stage:
        text = await stage.text()
        assert stage.pane.key == "panel/metrics/shop/lag"
        rows = text.splitlines()
        at = next(number for number, row in enumerate(rows) if "replication lag" in row)
        assert "0.4 s" in rows[at + 1] and "0 s" in rows[at + 3]


async def test_what_breaks_its_bound_stands_first(samples):
    async with opened(metered(samples), (120, 40), "6") as stage:
        keys = [stage.pane.body.row(at).key for at in range(len(stage.pane.body)) if stage.pane.body.row(at).key]
        assert [key.rpartition("/")[2] for key in keys][:4] == ["memory", "0", "requests", "5xx"]


async def test_a_filter_keeps_the_panels_that_match(samples):
    async with opened(metered(samples), (120, 40), "6", "slash", *"redis", "enter") as stage:
        keys = [stage.pane.body.row(at).key for at in range(len(stage.pane.body)) if stage.pane.body.row(at).key]
        assert keys == ["panel/metrics/shop/memory", "panel/metrics/shop/clients"]


async def test_a_panel_that_vanishes_from_under_the_cursor_is_not_replaced(samples):
    engine = metered(samples)
    async with opened(engine, (120, 40), "6", "j") as stage:
        before = stage.pane.key
        status = samples.metrics_status()
        engine.say("metrics/shop", Severity.OK, "", replace(status, panels=status.panels[2:]))
        stage.tick()
        assert (stage.pane.key, stage.pane.lost) == ("", before)


async def test_a_used_up_quota_is_told_and_the_last_plots_stay(samples):
    engine = metered(samples)
    async with opened(engine, (120, 40), "6") as stage:
        engine.fail("metrics/shop", RateLimited("monitoring API: its quota is used up", hint="the cockpit waits"))
        stage.tick()
        text = await stage.text()
    assert "its quota is used up" in text and "the cockpit waits" in text
    assert "checkout requests" in text


async def test_a_theme_without_colour_still_tells_the_lines(samples, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(metered(samples), (120, 40), "6") as stage:
        text = await stage.text()
    assert all(f" {letter} {name}" in text for letter, name in (("a", "2xx"), ("b", "4xx"), ("c", "5xx")))


async def test_a_panel_of_a_source_that_fails_is_not_called_well(samples: ModuleType) -> None:
    engine = metered(samples)
    source = next(state.source for state in engine.hub.states() if state.kind is SourceKind.METRICS)

    def marks(shown: Opened) -> set[str]:
        rows = (shown.pane.body.row(index) for index in range(len(shown.pane.body)))
        return {row.text.split()[0] for row in rows if row.key.startswith("panel/")}

    async with opened(engine, (120, 40), "6") as shown:
        assert "●" in marks(shown)
        engine.hub.poll_failed(source, RateLimited("asked too often"))
        shown.tick()
        assert "?" in marks(shown) and "●" not in marks(shown)


async def test_a_prometheus_beside_it_has_its_queries_server_and_way(samples: ModuleType) -> None:
    engine = metered(samples)
    memory = samples.metrics_status().panels[5]
    panel = replace(
        memory, title="api memory", metric="sum by (pod) (memory_bytes)", late_s=25.0, severity=Severity.OK
    )
    way = "through a port-forward to pod/prometheus-0:9090 in monitoring, context gke-shop"
    status = replace(samples.metrics_status(), project="", panels=(panel,), server="service/prometheus:9090", way=way)
    engine.add("prometheus/inside", SourceKind.PROMETHEUS, 30.0)
    engine.say("prometheus/inside", Severity.OK, "1 panels", status)
    async with opened(engine, SIZES["120x40"], "6") as stage:
        stage.tick()
        shown = await stage.text()
        assert "cache Redis memory" in shown, "the worse source first"
        await stage.pilot.press("l")
        stage.tick()
        shown = await stage.text()
        assert "api memory" in shown
        assert way in shown
        assert "none for 30 s" in shown, "what is late depends on the source"
        assert stage.pane.kind is SourceKind.PROMETHEUS
        await stage.pilot.press("j", "enter")
        detail = await stage.text()
        assert "sum by (pod) (memory_bytes)" in detail
        assert "service/prometheus:9090" in detail
        assert "query" in detail
