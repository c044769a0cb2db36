"""A namespace in the Revisions pane: what is live, what is wrong, and what a row names for an action.

`COCKPIT_REWRITE_GOLDEN=1 pytest tests/screens/test_pane_workloads.py` writes the dumps anew: look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cockpit.model.action import ActionSpec, Param, ParamKind, Tier
from cockpit.model.severity import Freshness, Severity, SourceKind
from screens.app import CockpitApp
from screens.dialogs.menu import for_row
from screens.panes.revisions import RevisionsPane

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}
SOURCE = "workloads/shop"
UNDO = ActionSpec(
    "workloads.undo", "Roll back", SourceKind.WORKLOADS, "R", Tier.T2, "",
    tuple(Param(name, ParamKind.TEXT, "", False, identity=True) for name in ("workload", "uid", "revision")),
)  # fmt: skip


class Opened:
    def __init__(self, app: CockpitApp, engine, pilot: Pilot[None]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    @property
    def pane(self) -> RevisionsPane:
        return self.app.cockpit_screen.revisions

    async def text(self) -> str:
        await self.pilot.pause()
        await self.pilot.pause()
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"

    async def say(self, status, severity: Severity = Severity.CRIT) -> str:
        """Another reading; what the pane then holds."""
        self.engine.say(SOURCE, severity, "", status)
        self.app.cockpit_screen.publisher.tick(force=True)
        await self.pilot.pause()
        return self.rows

    @property
    def rows(self) -> str:
        return "\n".join(self.pane.body.row(index).text for index in range(len(self.pane.body)))


@asynccontextmanager
async def opened(engine, size: tuple[int, int] = (120, 40), *keys: str, ascii: bool = False) -> AsyncIterator[Opened]:
    app = CockpitApp(ascii_only=ascii)
    async with app.run_test(size=size) as pilot:
        app.attach(engine)
        await pilot.pause()
        await pilot.press("5", *keys)
        yield Opened(app, engine, pilot)


@pytest.mark.parametrize(
    ("size", "keys", "ascii"),
    [
        ("200x50", (), False),
        ("120x40", (), False),
        ("120x40", ("z",), False),
        ("120x40", ("z", "enter"), False),
        ("80x24", (), False),
        ("80x24", ("z",), True),
    ],
)
async def test_a_namespace_looks_as_agreed(samples, size, keys, ascii):
    async with opened(samples.on_kubernetes(), SIZES[size], *keys, ascii=ascii) as shown:
        text = await shown.text()
    path = GOLDEN / f"{'_'.join(['namespace', size, *keys, *(['ascii'] if ascii else [])])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert path.exists(), f"no golden file {path.name}: write it with COCKPIT_REWRITE_GOLDEN=1 and look at it"
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("workload/deployment/worker",
         {"workload": "deployment/worker", "uid": "uid-worker", "template": "t-worker"}),
        ("history/deployment/worker/7",
         {"workload": "deployment/worker", "uid": "uid-worker", "template": "t-worker", "revision": "7"}),
        ("pod/worker-8f2-gchzz", {"pod": "worker-8f2-gchzz", "uid": "uid-worker-8f2-gchzz"}),
        ("service/api", {"service": "api", "uid": "uid-api"}),
        ("pods/healthy", {}),
    ],
)  # fmt: skip
async def test_a_row_names_what_an_action_is_about(samples, row, named):
    async with opened(samples.on_kubernetes(), (120, 60)) as shown:
        assert shown.pane.go(row)
        assert shown.pane.selection() == named
        assert (shown.pane.source, shown.pane.kind) == (SOURCE, SourceKind.WORKLOADS)


async def test_undoing_from_the_current_revision_names_none(samples):
    async with opened(samples.on_kubernetes(), (120, 60), "z") as shown:
        assert shown.pane.go("history/deployment/worker/8")
        assert "revision" not in shown.pane.selection()
        assert shown.pane.identity() == {}


async def test_a_letter_belongs_to_the_kind_that_is_shown(samples, stage_on):
    stage = stage_on(samples.clustered(samples.incident()))
    stage.engine.catalogue.specs = (*stage.engine.catalogue.specs, UNDO)
    async with stage.app.run_test(size=(120, 60)) as pilot:
        stage.attach()
        await pilot.press("5")
        pane = stage.screen.revisions
        while pane.kind is not SourceKind.WORKLOADS:
            await pilot.press("l")
        pane.go("workload/deployment/worker")
        await pilot.press("R")
        while pane.kind is not SourceKind.REVISIONS:
            await pilot.press("l")
        await pilot.press("g", "R")
    assert [each[:2] for each in stage.flow.started] == [
        ("workloads.undo", SOURCE),
        ("revisions.rollback", "revisions/checkout"),
    ]
    assert stage.flow.started[0][2] == {"workload": "deployment/worker", "uid": "uid-worker"}


async def test_an_action_on_a_workload_takes_no_uid_from_a_pod_or_a_service(samples, stage_on):
    required = Param("workload", ParamKind.CHOICE, "", identity=True)
    undo = replace(UNDO, params=(required, *UNDO.params[1:]))
    stage = stage_on(samples.on_kubernetes())
    stage.engine.catalogue.specs = (undo,)
    async with stage.app.run_test(size=(120, 60)) as pilot:
        stage.attach()
        await pilot.press("5")
        pane = stage.screen.revisions
        told: list[str] = []
        stage.screen.tell = told.append
        for row in ("pod/worker-8f2-gchzz", "service/api"):
            assert pane.go(row)
            await pilot.press("R")
            (entry,) = for_row(stage.engine.catalogue, pane.kind, pane.source, pane.selection(), {})
            assert entry.reason == "needs a row of the workloads pane"
        assert stage.flow.started == []
        assert told == ["Roll back works on a row of a workload: put the cursor on one."] * 2
        assert pane.go("history/deployment/worker/7")
        await pilot.press("R")
        (entry,) = for_row(stage.engine.catalogue, pane.kind, pane.source, pane.selection(), {})
    wanted = {"workload": "deployment/worker", "uid": "uid-worker", "revision": "7"}
    assert stage.flow.started == [("workloads.undo", SOURCE, wanted)] and dict(entry.selection) == wanted


async def test_the_zoom_shows_what_is_well_too_and_gives_it_back(samples):
    async with opened(samples.on_kubernetes(), (80, 24)) as shown:
        assert "api-blue-7d6-hx2wk" not in shown.rows and "7 pods are well" in shown.rows
        await shown.pilot.press("z")
        assert "api-blue-7d6-hx2wk" in shown.rows and "autoscaler api-blue: 2 to 3" in shown.rows
        await shown.pilot.press("z")
        assert "api-blue-7d6-hx2wk" not in shown.rows


async def test_the_colour_that_is_live_is_marked_whatever_it_is_called(samples):
    status = samples.namespace()
    async with opened(samples.on_kubernetes(), (120, 60)) as shown:
        row = shown.pane.body.row(shown.pane.body.index("workload/deployment/api-blue"))
        assert row.cells[0] == ("▶", "primary bold") and "live blue" in row.text
        service = status.service("api")
        colours = tuple(replace(each, live=not each.live) for each in service.colours)
        moved = replace(service, colours=colours, backs=("deployment/api-green",))
        await shown.say(replace(status, services=(moved,)))
        assert "live green" in shown.pane.body.row(shown.pane.body.index("workload/deployment/api-green")).text
        idle = tuple(
            replace(each, state="failed", severity=Severity.WARN, live_by=()) if each.name == "api-blue" else each
            for each in status.workloads
        )
        await shown.say(replace(status, workloads=idle, services=(moved,)))
        row = shown.pane.body.row(shown.pane.body.index("workload/deployment/api-blue"))
        assert "▲ blue, not live: nobody is served by it  failed" in row.text and "✖" not in row.text
        gone = replace(moved, ready=0)
        rows = await shown.say(replace(status, services=(gone,)))
        assert "live green: api-green" in rows
        row = shown.pane.body.row(shown.pane.body.index("service/api"))
        assert row.cells[0] == ("✖", "error bold")


async def test_two_thousand_pods_are_counted_and_only_so_many_are_listed(samples):
    status = samples.namespace()
    many = tuple(samples.pod_of(f"api-blue-7d6-{number:05d}", "deployment/api-blue") for number in range(2000))
    async with opened(samples.on_kubernetes(), (120, 40)) as shown:
        assert "2000 pods are well" in await shown.say(replace(status, pods=many))
        await shown.pilot.press("z")
        assert "1700 more pods are well" in shown.rows
        shown.pane.go("pods/healthy")
        title, lines = shown.pane.detail()
        assert title == "pods that are well" and ("", "and 1500 more") in lines


async def test_what_is_behind_or_hidden_or_empty_is_said(samples):
    status = samples.namespace()
    async with opened(samples.on_kubernetes(), (120, 60)) as shown:
        rows = await shown.say(replace(status, stale=("pods since 14:01:00: connection refused",), hidden=4))
        assert "behind: pods since 14:01:00: connection refused" in rows
        assert "4 more workloads in the namespace, not named by the profile" in rows
        assert "poddisruptionbudgets cannot be listed" in rows
        empty = replace(status, workloads=(), pods=(), services=(), headroom=(), notes=())
        rows = await shown.say(empty, Severity.OK)
        assert "no deployment, stateful set or daemon set here" in rows and "no pods" in rows


async def test_a_pod_and_a_service_have_all_that_is_known_in_their_detail(samples):
    async with opened(samples.on_kubernetes(), (120, 60)) as shown:
        shown.pane.go("pod/thumbs-854c4c87f6-h5mcb")
        lines = dict(shown.pane.detail()[1])
        assert lines["reason"].startswith("OOMKilled  last run: OOMKilled, exit 137")
        assert lines["use"] == "CPU 40m (asks for 100m)  memory 80.0 MB (limit 128 MB, asks for 64.0 MB)"
        assert (lines["namespace"], lines["context"]) == ("shop", "gke-shop, https://10.0.0.2")
        shown.pane.go("service/api")
        lines = dict(shown.pane.detail()[1])
        assert lines["colours"] == "deployment/api-blue  version=blue  3 ready  live"
        shown.pane.go("history/deployment/worker/7")
        assert dict(shown.pane.detail()[1])["differs"] == "image app: v8 -> v7"


async def test_old_readings_are_muted_and_a_row_that_went_is_not_replaced(samples):
    engine = samples.on_kubernetes()
    async with opened(engine, (120, 60), "j") as shown:
        shown.pane.go("pod/worker-8f2-gchzz")
        status = samples.namespace()
        await shown.say(replace(status, pods=status.pods[:1]))
        assert shown.pane.selection() == {} and shown.pane.lost_name() == "worker-8f2-gchzz"
        engine.fail(SOURCE, samples.Unreachable("10.0.0.2 refused the connection"))
        shown.app.cockpit_screen.publisher.tick(force=True)
        await shown.pilot.pause()
        assert shown.pane.sunk
        state = next(each for each in engine.hub.states() if each.source == SOURCE)
        assert state.freshness is Freshness.FAILED
