"""What the sandbox's PostgreSQL says of itself for its metrics."""

from __future__ import annotations

import asyncio

from cockpit.sandbox.server_load import DatabaseMeter


async def test_two_that_ask_at_once_both_get_an_answer_and_neither_drops_the_session(database_dsn: str) -> None:
    meter = DatabaseMeter(database_dsn)
    try:
        first, second = await asyncio.gather(meter.load(), meter.load())
    finally:
        meter.close()
    assert first is not None and second is not None
    assert first.size == second.size > 0


async def test_a_server_that_is_away_is_nothing_known() -> None:
    meter = DatabaseMeter("postgresql://nobody@127.0.0.1:1/none")
    assert await asyncio.gather(meter.load(), meter.load()) == [None, None]
