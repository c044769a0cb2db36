"""The detail of a pod or workload asks for its log: it comes below, and what goes wrong is said there."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.errors import CockpitError, PermissionDenied
from cockpit.model.look import LookRequest, Sight
from cockpit.model.severity import Severity
from screens.app import CockpitApp
from screens.dialogs.detail import DetailScreen
from tests.screens.samples.moment import START


class Book:
    """Looks that answer when they are let."""

    def __init__(self, answer: Sight | CockpitError) -> None:
        self.answer = answer
        self.asked: list[LookRequest] = []
        self.let = asyncio.Event()

    async def look(self, request: LookRequest) -> Sight:
        self.asked.append(request)
        await self.let.wait()
        if isinstance(self.answer, CockpitError):
            raise self.answer
        return self.answer


LOG = Sight(Severity.OK, "2 lines of 1 containers", START, ("14:03:00 worker: starting", "14:03:01 worker: [bold]"))


@pytest.mark.parametrize(
    ("find", "asked"),
    [
        ("worker-8f2", {"pod": "worker-8f2-gchzz", "tail": "100", "previous": "yes"}),
        ("api-blue", {"workload": "deployment/api-blue", "since": "15m", "tail": "50"}),
    ],
)
async def test_the_log_comes_below_what_is_known(samples, find, asked):
    app, book = CockpitApp(), Book(LOG)
    engine = samples.clustered(samples.incident())
    engine.looks = book
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(engine)
        await pilot.pause()
        await pilot.press("5", "/", *find, "enter", "g", "enter")
        shown = app.screen
        assert isinstance(shown, DetailScreen) and shown.lines[-1] == ("log", "asking …")
        known = shown.lines[:-2]
        book.let.set()
        await shown.workers.wait_for_complete()
        assert [(each.look, dict(each.params)) for each in book.asked] == [("workloads.logs", asked)]
        assert shown.lines == (*known, ("", ""), ("log", LOG.summary), *(("", line) for line in LOG.lines))
        assert "[bold]" in shown.as_text


async def test_a_log_that_may_not_be_read_is_said_where_it_would_stand(samples):
    app, book = (
        CockpitApp(),
        Book(PermissionDenied("get pods/log in shop: denied", missing="get pods/log", hint="ask")),
    )
    engine = samples.clustered(samples.incident())
    engine.looks = book
    async with app.run_test(size=(120, 40)) as pilot:
        app.attach(engine)
        await pilot.pause()
        await pilot.press("5", "/", *"worker-8f2", "enter", "g", "enter")
        shown = app.screen
        book.let.set()
        await shown.workers.wait_for_complete()
        assert shown.lines[-2] == ("log", "get pods/log in shop: denied") and shown.lines[-1][1] == "ask"
        await pilot.press("escape")
        assert not isinstance(app.screen, DetailScreen)
