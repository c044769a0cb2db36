"""What opens over the main screen, and from which key. The dialogs are imported when first opened."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.screen import Screen

from cockpit.model.action import Scope
from cockpit.model.severity import SourceKind
from screens.asking import asked_too
from screens.selecting import fitting

if TYPE_CHECKING:
    from screens.flow import ActionFlow
    from screens.panes.base import Pane
    from screens.publisher import Publisher
    from screens.watched import Watched


class Openings(Screen[None]):
    """The part of the main screen that opens dialogs."""

    OPENING_BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "detail", "Everything about this row", show=False, id="detail"),
        Binding("y", "copy", "Copy the row", show=False, id="copy"),
        Binding("f", "findings", "What is found wrong, and why", show=False, id="findings"),
        Binding("t", "events", "Timeline of what happened", show=False, id="timeline"),
        Binding("colon,ctrl+p", "palette", "Everything by name", show=False, id="palette"),
        Binding("a", "row_actions", "Actions for this row", show=False, id="menu.row"),
        Binding("A", "system_actions", "Actions for the system", show=False, id="menu.system"),
        Binding("exclamation_mark", "arm", "Arm or disarm", show=False, id="arm"),
        Binding("o", "shell", "Open a shell in the pod or container of this row", show=False, id="shell"),
        Binding("u", "undo", "Undo the last action", show=False, id="undo"),
        Binding("question_mark", "help", "Help", show=False, id="help"),
        Binding("q", "quit", "Back, or leave", show=False, id="quit"),
    ]

    publisher: Publisher
    current: Pane
    if TYPE_CHECKING:

        def open_playbook(self, playbook: str) -> None:
            """Open the guide on it."""

    # -- parts of the app that are there once the engine is

    @property
    def engine(self) -> Watched | None:
        """The system that is watched."""
        return self.publisher.engine

    @property
    def flow(self) -> ActionFlow | None:
        """The way to any action."""
        flow: ActionFlow | None = getattr(self.app, "flow", None)
        return flow

    def _work(self, work: Awaitable[None]) -> None:
        self.run_worker(work, exit_on_error=True, group="opening")

    def tell(self, text: str) -> None:
        """A passing remark."""
        self.notify(text, markup=False, timeout=4)

    def action_back(self) -> None:
        """One step back; never acts."""

    def unoffered(self) -> frozenset[str]:
        """Ids of the bindings to what the profile has nothing for."""
        return frozenset()

    # -- reading

    def action_detail(self) -> None:
        """Everything known of the row."""
        from screens.dialogs.detail import DetailScreen

        title, lines = self.current.detail()
        shown = DetailScreen(title, lines, self._copied)
        self.app.push_screen(shown)
        question = self.current.question()
        if question is not None and self.engine is not None:
            shown.run_worker(asked_too(shown, self.engine.looks, question), exit_on_error=True, group="question")

    def action_findings(self) -> None:
        """All findings with their evidence; enter on one opens the plan of what would help."""
        from screens.dialogs.desk import open_findings

        if self.engine is not None and self.flow is not None:
            open_findings(self.app, self.engine, self.flow, self.open_playbook)

    def action_events(self) -> None:
        """What happened, newest first."""
        from screens.dialogs.desk import open_events

        if self.engine is not None:
            open_events(self.app, self.engine)

    def action_palette(self) -> None:
        """Everything by name."""
        from screens.dialogs.desk import open_palette

        open_palette(self.app)

    def action_copy(self) -> None:
        """The row as text, by every way that may reach a clipboard."""
        text = self.current.copy_text()

        async def work() -> None:
            self.tell(await self._copied(text))

        self._work(work())

    async def _copied(self, text: str) -> str:
        from screens.clipboard import copy

        return await copy(self.app, text)

    def action_help(self) -> None:
        """Keys, actions, tiers."""
        from screens.dialogs.help import HelpScreen, topics_of

        engine = self.engine
        nothing = self.unoffered()
        bindings = [active.binding for active in self.active_bindings.values() if active.binding.id not in nothing]
        catalogue = engine.catalogue if engine else None
        keys = engine.profile.keys if engine else {}
        self.app.push_screen(HelpScreen(topics_of(bindings, catalogue, keys)))

    # -- acting

    def action_start(self, action: str) -> None:
        """Open the plan of an action: on the row under the cursor, or on the pane's source."""
        flow, engine, pane = self.flow, self.engine, self.current
        if flow is None or engine is None:
            return
        spec = engine.catalogue.spec(action)
        if spec is not None and spec.pane is not pane.kind:
            raise SkipAction  # the key means something else for this row
        on_row = spec is not None and spec.scope is Scope.ROW
        if on_row and pane.lost:
            self.tell(f"{pane.lost_name()} is gone. Move the cursor to choose another row.")
            return
        known = {each.name for each in spec.params} if spec is not None else set()
        selection = fitting(pane.selection(), known) if on_row else {}
        if (
            spec is not None
            and on_row
            and not selection
            and any(each.identity and each.required for each in spec.params)
        ):
            needed = next(each.name for each in spec.params if each.identity and each.required)
            what = f"row of a {needed}" if pane.selection() else "row"
            self.tell(f"{spec.title} works on a {what}: put the cursor on one.")
            return
        values = {**pane.identity(), **selection}
        flow.start(action, pane.source, {name: value for name, value in values.items() if name in known})

    def action_shell(self) -> None:
        """Open the plan of a shell in the pod or container under the cursor; elsewhere, in the guide, too, it means
        nothing.
        """
        if not self.has_class("-at-guide"):
            there = self.current.kind is SourceKind.CONTAINERS
            self.action_start("containers.shell" if there else "workloads.shell")

    def action_row_actions(self) -> None:
        """The menu of the pane's actions."""
        from screens.dialogs.menu import for_row

        engine, pane = self.engine, self.current
        if engine is None:
            return
        # The row's identity is taken now: the row may move while the menu is open.
        entries = for_row(
            engine.catalogue, pane.kind, pane.source, pane.selection(), engine.profile.keys, pane.identity()
        )
        self._menu("Actions", entries, pane.source)

    def action_system_actions(self) -> None:
        """The menu of all actions."""
        from screens.dialogs.menu import for_system

        engine = self.engine
        if engine is None:
            return
        where = f"{engine.profile.environment}/{engine.profile.system}"
        self._menu("Actions of the system", for_system(engine.catalogue, engine.profile.keys), where)

    def _menu(self, title: str, entries: list[Entry], where: str) -> None:
        from screens.dialogs.menu import ActionMenu

        def picked(entry: Entry | None) -> None:
            if entry is not None and self.flow is not None:
                self.flow.start(entry.offer.spec.id, entry.offer.source, entry.selection)

        self.app.push_screen(ActionMenu(title, entries, where), picked)

    def action_arm(self) -> None:
        """Arm by dialog, disarm at once."""
        if self.flow is not None:
            self.flow.toggle_mode()

    def action_undo(self) -> None:
        """Open the plan of the way back."""
        if self.flow is not None:
            self.flow.undo()

    # -- leaving

    def action_quit(self) -> None:
        """One step back; from the main screen, ask."""
        from screens.dialogs.leave import QuitDialog

        if self.has_class("-zoom") or self.has_class("-page") or self.current.filter:
            self.action_back()
            return
        engine = self.engine
        if engine is None:
            self.app.exit()
            return

        def answered(leave: bool | None) -> None:
            if leave:
                self.app.exit()

        executor = engine.executor
        self.app.push_screen(QuitDialog(executor.mode, executor.running, engine.clock), answered)


if TYPE_CHECKING:
    from screens.dialogs.menu import Entry
