"""Cluster pane: what it says of nodes, events and secrets, and which row an action is about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cockpit.model.severity import SourceKind
from screens.app import CockpitApp

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"200x50": (200, 50), "120x40": (120, 40), "80x24": (80, 24)}


async def shown(samples, size: tuple[int, int], *keys: str, ascii: bool = False):
    app = CockpitApp(ascii_only=ascii)
    async with app.run_test(size=size) as pilot:
        app.attach(samples.add_cluster(samples.incident()))
        await pilot.pause()
        await pilot.press("7", *keys)
        await pilot.pause()
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        pane = next(each for each in app.cockpit_screen.panes if each.KIND is SourceKind.CLUSTER)
        text = "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"
        return text, pane.key, pane.selection()


@pytest.mark.parametrize(
    ("size", "keys", "ascii"),
    [
        ("200x50", (), False),
        ("120x40", (), False),
        ("80x24", (), True),
        ("80x24", ("G",), False),
        ("120x40", ("j", "enter"), False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
async def test_the_pane_looks_as_agreed(samples, size, keys, ascii):
    text, _, _ = await shown(samples, SIZES[size], *keys, ascii=ascii)
    path = GOLDEN / f"{'_'.join(['cluster', size, *keys, *(['ascii'] if ascii else [])])}.txt"
    if os.environ.get("COCKPIT_REWRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("filter_", "key", "selected"),
    [
        ("pool-b-2", "node/pool-b-2", {"node": "pool-b-2", "uid": "uid-pool-b-2"}),
        ("payments", "externalsecret/payments", {"externalsecret": "payments", "uid": "uid-es2"}),
        ("checkout-config", "configmap/checkout-config", {"configmap": "checkout-config", "uid": "uid-c1"}),
        ("letsencrypt", "certificate/shop-tls", {"certificate": "shop-tls", "uid": "uid-t1"}),
        ("requests.cpu", "quota/team/requests.cpu", {}),
    ],
)
async def test_an_action_is_about_the_object_of_its_row(samples, filter_, key, selected):
    _, at, found = await shown(samples, (120, 40), "/", *filter_, "enter", "g")
    assert (at, found) == (key, selected)


async def test_what_the_cluster_does_not_have_takes_no_place(samples):
    text, _, _ = await shown(samples, (120, 40))
    assert "external secrets" in text and "SecretSyncedError" in text
    assert "not ready for 4 min" in text and "FailedCreate" in text
