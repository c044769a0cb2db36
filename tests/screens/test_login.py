"""How long a login at Google lasts is on the status bar: always where it ends, else where there is room."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cockpit.model.credentials import Credentials
from cockpit.model.reading import SourceState
from cockpit.model.severity import Freshness, Severity, SourceKind
from screens.frame.situation import Situation
from screens.frame.status import Status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIX = "run gcloud auth application-default login"
WELL = Credentials("ana@example.com by gcloud")


def failing(left_s: float) -> Credentials:
    return replace(WELL, ends=NOW + timedelta(seconds=left_s), problem="a new login is wanted", fix=FIX)


def right(credentials: Credentials, width: int) -> list[tuple[str, str]]:
    status = Status()
    status.situation = Situation(NOW.timestamp(), "shop", "production", login=credentials.said(NOW))
    (bar,) = status.bars(width, 1)
    return list(bar.right)


@pytest.mark.parametrize(
    ("credentials", "width", "shown"),
    [
        (WELL, 200, None),
        (replace(WELL, ends=NOW), 200, None),
        (replace(WELL, ends=NOW + timedelta(minutes=52)), 200, ("Google login 52 min, renews", "muted")),
        (replace(WELL, ends=NOW + timedelta(minutes=52)), 120, None),
        (failing(720), 80, ("▲ Google login ends in 12 min", "warning bold")),
        (failing(299), 80, ("✖ Google login ends in 5 min", "error bold")),
        (failing(40), 80, ("✖ Google login ends in 40 s", "error bold")),
        (failing(-1), 200, (f"✖ credentials: expired, {FIX}", "error bold")),
        (failing(-1), 80, ("✖ credentials: expired", "error bold")),
        (Credentials("", problem="none"), 200, ("✖ credentials: expired", "error bold")),
    ],
)
def test_it_is_said_where_it_must_be_acted_on_and_where_there_is_room(
    credentials: Credentials, width: int, shown: tuple[str, str] | None
) -> None:
    parts = right(credentials, width)
    assert parts[-1] == ("12:00:00 UTC", "bold")
    assert parts[:-1] == ([] if shown is None else [shown, ("   ", "")])


def test_the_mode_stays_in_sight_beside_it() -> None:
    status = Status()
    status.situation = Situation(NOW.timestamp(), "shop", "production", login=failing(-1).said(NOW))
    (bar,) = status.bars(80, 1)
    assert bar.left[0][0].strip() == "OBSERVE"
    assert sum(len(text) for text, _ in (*bar.left[:1], *bar.right)) < 80


async def test_it_comes_from_the_engine(stage: Any) -> None:
    assert stage.screen.publisher.situation().login is None
    stage.engine.login = replace(WELL, problem="a new login is wanted", fix=FIX)
    stage.tick()
    await stage.pilot.pause()
    assert stage.screen.publisher.situation().login == (Severity.CRIT, f"credentials: expired, {FIX}")
    assert "✖ credentials: expired" in stage.text() and FIX not in stage.text()


def test_two_sources_of_one_name_are_told_apart() -> None:
    status = Status()
    states = tuple(
        SourceState(f"{kind.value}/{title}", kind, title, 2.0, freshness=Freshness.FRESH, age_s=1.0)
        for kind, title in (
            (SourceKind.WORKLOADS, "main"),
            (SourceKind.CLUSTER, "main"),
            (SourceKind.LOGS, "api"),
        )
    )
    status.situation = Situation(0.0, states=states)
    said = "".join(text for text, _ in status.bars(120, 1)[0].left)
    assert "workloads main" in said and "cluster main" in said and "logs" not in said
