"""The guide beside the panes: who has the keys, what is painted, text that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cockpit.model.command import Command
from cockpit.model.look import Sight
from cockpit.model.runbook import Playbook
from cockpit.model.severity import Severity
from screens.panes.base import Pane

Room = Callable[..., Any]
HOSTILE = "[red]x[/red] [/x] [@click=app.quit]q[/] 漢字漢字 " + "A" * 4000


def visible(guide: Any) -> list[str]:
    return [pane.LABEL for pane in guide.screen.panes if pane.region.area > 0 and pane.display]


def retold(playbook: Playbook, text: str) -> Playbook:
    """The same with every text of it replaced."""
    steps = tuple(
        replace(
            step,
            text=text,
            condition=text if step.condition else "",
            links=tuple(replace(link, text=text, target=text) for link in step.links),
            command=Command(f"{text}\n{text}", step.line, "bash", file=text) if step.command else None,
            clocks=tuple(replace(clock, text=text) for clock in step.clocks),
        )
        for step in playbook.steps
    )
    clocks = tuple(replace(clock, text=text) for clock in playbook.clocks)
    return replace(
        playbook, title=text, trail=(text,), symptoms=(text,), steps=steps, clocks=clocks, causes=((text, text),)
    )


async def test_all_panes_stay_in_sight_where_there_is_room(room: Room) -> None:
    for size in ((200, 50), (120, 40)):
        async with room(size) as guide:
            await guide.press("r", "enter")
            assert len(visible(guide)) == 5
            assert guide.guide.region.right == size[0]
            assert guide.guide.region.x >= max(pane.region.right for pane in guide.screen.panes)


async def test_on_a_narrow_screen_one_of_them_is_shown(room: Room) -> None:
    async with room((80, 24)) as guide:
        await guide.press("r", "enter")
        assert visible(guide) == []
        assert guide.guide.region.width == 80
        await guide.press("tab")
        assert visible(guide) == ["Logs"]
        assert guide.guide.region.area == 0
        await guide.press("3")
        assert visible(guide) == ["Postgres"]
        await guide.press("r")
        assert visible(guide) == []


async def test_tab_goes_to_the_panes_and_back(room: Room) -> None:
    async with room() as guide:
        await guide.press("3", "r", "enter")
        assert guide.app.focused is guide.guide.playbook
        await guide.press("tab")
        assert isinstance(guide.app.focused, Pane)
        assert guide.app.focused.LABEL == "Postgres"
        assert "Detail" in guide.text.splitlines()[-1]
        await guide.press("j", "tab")
        assert guide.app.focused is guide.guide.playbook
        assert "Tick" in guide.text.splitlines()[-1]


async def test_space_pauses_in_the_panes_and_ticks_in_the_guide(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "space")
        assert not guide.screen.publisher.paused
        assert "[x] 1 Check" in guide.text
        await guide.press("tab", "space")
        assert guide.screen.publisher.paused
        assert "[x] 1 Check" in guide.text


async def test_while_paused_the_guide_stands_still_too(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "tab", "space")
        guide.desk.seen = Sight(Severity.OK, "200 in 41 ms", guide.engine.clock.now())
        await guide.pass_time(5)
        await guide.pilot.pause()
        assert "200 in 41 ms" not in guide.text
        await guide.press("space")
        await guide.pass_time(1)
        await guide.pilot.pause()
        assert "200 in 41 ms" in guide.text


async def test_zoom_gives_the_guide_the_screen_and_takes_it_back(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter", "z")
        await guide.pilot.pause()
        assert visible(guide) == []
        assert guide.guide.region.width == 120
        assert guide.app.focused is guide.guide.playbook
        await guide.press("z")
        await guide.pilot.pause()
        assert len(visible(guide)) == 5


async def test_no_key_of_the_guide_changes_anything(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", *"jkgnosm", "escape", "enter", *"jkgGnNdyo", "escape", *"sm", "escape", "space")
        assert guide.flow.requests == []
        assert guide.desk.looked == []


async def test_text_of_a_runbook_stays_text(room: Room) -> None:
    for size in ((200, 50), (80, 24)):
        async with room(size) as guide:
            runbook = guide.desk.runbook
            playbooks = tuple(retold(playbook, HOSTILE) for playbook in runbook.playbooks)
            guide.desk.runbook = replace(runbook, playbooks=playbooks, title=HOSTILE)
            sight = Sight(Severity.CRIT, HOSTILE, guide.engine.clock.now(), (HOSTILE,) * 9)
            guide.desk.seen = sight
            guide.desk.suggested = ()
            await guide.press("r")
            assert "[red]x[/red] [/x] [@click=app.quit]q[/] 漢字漢字" in guide.text
            await guide.press("j", "enter", "m", *"[/x]", "enter", "d")
            assert "[red]x[/red] [/x] [@click=app.quit]q[/] 漢字漢字" in guide.text
            await guide.press("escape")
            for line in guide.text.splitlines():
                assert len(line) <= size[0]


async def test_a_second_paints_only_the_lines_that_moved(room: Room) -> None:
    async with room() as guide:
        await guide.press("r", "enter")
        await guide.pass_time(1)
        await guide.pilot.pause()
        painted: list[int] = []
        view = guide.guide.playbook
        original = view.refresh

        def spy(*regions: Any, **options: Any) -> Any:
            painted.extend(region.height for region in regions)
            if not regions:
                painted.append(view.size.height)
            return original(*regions, **options)

        view.refresh = spy
        guide.screen.publisher.tick(force=True)
        await guide.pilot.pause()
        assert painted == [], "nothing moved"
        await guide.pass_time(1)
        await guide.pilot.pause()
        # The time since it was opened, two clocks, the age of one answer.
        assert 0 < sum(painted) <= 4


async def test_help_names_the_keys_of_the_guide(room: Room) -> None:
    async with room((120, 80)) as guide:
        await guide.press("r", "enter", "question_mark")
        text = guide.text
        for words in ("Tick the step, or take it back", "Skip the step", "Leave the guide", "Search all playbooks"):
            assert words in text


async def test_the_palette_opens_a_playbook(room: Room) -> None:
    async with room() as guide:
        names = [command.name for command in guide.app.palette_commands()]
        playbooks = [name for name in names if name.startswith("Playbook: ")]
        assert playbooks[0] == "Playbook: Checkout answers with errors", "what fits comes first"
        assert len(playbooks) == 3
        found = next(command for command in guide.app.palette_commands() if command.name == "Playbook: Slow queries")
        found.run()
        await guide.settle()
        await guide.settle()
        assert guide.guide.playbook.session.playbook.id == "slow-queries"
        assert guide.app.focused is guide.guide.playbook


async def test_the_footer_names_the_operators_own_keys(room: Room) -> None:
    async with room() as guide:
        profile = guide.engine.profile
        guide.engine.profile = type(profile)(**{**vars(profile), "keys": {"guide.tick": "t"}})
        guide.app.set_keymap({"guide.tick": "t"})
        await guide.press("r", "enter", "t")
        assert "[x] 1 Check" in guide.text
        assert "t Tick" in guide.text.splitlines()[-1]
