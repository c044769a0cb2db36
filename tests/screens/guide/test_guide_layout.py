"""The guide beside the panes of a profile that has not all five."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Room = Callable[..., Any]


def regions(guide: Any) -> dict[str, tuple[int, int, int, int]]:
    return {pane.id: tuple(pane.region) for pane in guide.screen.panes if pane.display and pane.region.area}


def covered(guide: Any) -> bool:
    """The panes in sight and the guide have the screen between the frame's parts to themselves, without a hole."""
    deck = guide.screen.query_one("#deck").region
    areas = [width * height for _, _, width, height in regions(guide).values()]
    return bool(sum(areas) + guide.guide.region.area == deck.area)


async def opened(guide: Any) -> None:
    await guide.press("r", "enter")
    await guide.settle()


async def test_three_columns_become_two_and_come_back(room: Room, samples: ModuleType) -> None:
    async with room((200, 50), engine=samples.on_kubernetes()) as guide:
        before = regions(guide)
        await opened(guide)
        found = regions(guide)
        assert set(found) == {"health", "logs", "revisions"}
        assert covered(guide)
        assert found["health"][0] == found["revisions"][0] < found["logs"][0]
        await guide.press("r")
        await guide.settle()
        assert regions(guide) == before


async def test_where_panes_stand_in_one_column_only_those_there_do(room: Room, samples: ModuleType) -> None:
    async with room((120, 40), engine=samples.on_kubernetes()) as guide:
        await opened(guide)
        found = regions(guide)
        assert sorted(found, key=lambda name: found[name][1]) == ["health", "logs", "revisions"]
        assert covered(guide)
        await guide.press("tab", "1")
        await guide.settle()
        assert regions(guide)["health"][3] > regions(guide)["logs"][3]
        assert covered(guide)


async def test_on_a_low_screen_the_chosen_pane_has_the_room_beside_the_guide(room: Room, samples: ModuleType) -> None:
    for engine in (samples.on_kubernetes(), samples.incident()):
        async with room((200, 20), engine=engine) as guide:
            await opened(guide)
            assert list(regions(guide)) == ["logs"]
            assert covered(guide)


async def test_a_letter_of_an_absent_pane_is_not_said_to_work_there(room: Room, samples: ModuleType) -> None:
    async with room((120, 40), engine=samples.on_kubernetes()) as guide:
        await opened(guide)
        told: list[str] = []
        guide.guide.tell = told.append
        await guide.press("K", "B")
        assert told == ["B is “Block address” in pane 2: 2 goes there, r comes back."]
