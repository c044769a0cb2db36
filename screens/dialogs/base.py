"""The frame that all dialogs share: a title, a scrolling body, a fixed head and foot. `esc` leaves and never acts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from screens.dialogs import rows

ResultT = TypeVar("ResultT")
_NOTHING = object()
_log = logging.getLogger(__name__)


class Flow(Static):
    """Text that is laid out anew for each width."""

    DEFAULT_CSS = "Flow { height: auto; width: 1fr; }"

    def __init__(self, lay_out: Callable[[int], Sequence[Content]], *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id, markup=False)
        self._lay_out = lay_out
        self._width = 0

    def on_resize(self, event: events.Resize) -> None:
        """A new width means new lines."""
        if event.size.width and event.size.width != self._width:
            self._width = event.size.width
            self.redraw()

    def redraw(self) -> None:
        """Lay out again because what is said has changed."""
        if self._width:
            self.update(rows.joined(self._lay_out(self._width)))


class Edge(Vertical):
    """What is always visible above or below the body, which gets the rest."""

    def on_resize(self) -> None:
        """Its text was laid out, or is another now."""
        if self.is_attached and isinstance(self.screen, Dialog):
            self.screen.make_room()


class Body(VerticalScroll):
    """The part that scrolls; the keys are the dialog's, so that it needs no focus."""

    can_focus = False

    def on_resize(self) -> None:
        """With another height there is more or less below."""
        if self.is_attached and isinstance(self.screen, Dialog):
            self.screen.call_after_refresh(self.screen.keep_entry_in_sight)
            self.screen.look_below()


class Dialog(ModalScreen[ResultT], Generic[ResultT]):
    """Base of the dialogs: `title_line` in the frame, then head, body and foot."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        #frame {
            width: 100%; max-width: 108; height: auto; max-height: 100%;
            border: round $primary; border-title-align: left; border-subtitle-align: right;
            background: $surface; color: $foreground; padding: 0 1;
        }
        #frame.-care { border: heavy $warning; }
        #frame.-danger { border: heavy $error; }
        #frame.-calm { border: round $primary; }
        #head, #foot { height: auto; width: 1fr; }
        #body { height: auto; max-height: 60vh; width: 1fr; scrollbar-size-vertical: 0; }
        Input { border: none; height: 1; padding: 0; background: $panel; width: 1fr; }
        Input:focus { border: none; background: $primary 25%; }
        OptionList, OptionList:focus {
            border: none; background: $surface; height: auto; max-height: 100%; padding: 0;
            scrollbar-size-vertical: 1;
            background-tint: $surface 0%;
            & > .option-list--option-highlighted {
                background: $primary 25%; color: $foreground; text-style: bold;
            }
        }
        OptionList:ansi > .option-list--option-highlighted, OptionList:ansi:focus > .option-list--option-highlighted {
            text-style: bold reverse;
        }
    }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""  # None would mean the app's "*": the first field, even hidden
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "cancel", show=False),
        Binding("down,j", "scroll_body(1)", "down", show=False),
        Binding("up,k", "scroll_body(-1)", "up", show=False),
        Binding("pagedown,ctrl+d,space", "page_body(1)", "page down", show=False),
        Binding("pageup,ctrl+u", "page_body(-1)", "page up", show=False),
        Binding("home,g", "end_body(-1)", "top", show=False),
        Binding("end,G", "end_body(1)", "bottom", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._finished = False
        self._result: ResultT | object = _NOTHING
        self._escaping = False

    async def on_event(self, event: events.Event) -> None:
        """A key behind an escape is for what the escape leaves behind; one behind an answer is for nobody.

        The app runs what is bound to `escape` only after all keys that were read with it have been here: without this
        a `y` that was pressed after it could still be an answer.
        """
        if isinstance(event, events.Key):
            if self._escaping or self._finished:
                event.prevent_default()
                if not self._escaping:
                    event.stop()
            elif event.key == "escape":
                self._escaping = True
                await super().on_event(event)
                self.app.call_later(self._escaped)  # behind the escape in the app's queue
                return
        await super().on_event(event)

    def _escaped(self) -> None:
        """The app is through with it: it closed this, or only something in it."""
        self._escaping = self._finished

    def compose(self) -> ComposeResult:
        """Head, body and foot in one frame."""
        frame = Vertical(id="frame")
        frame.border_title = self.title_line()
        with frame:
            with Edge(id="head"):
                yield from self.compose_head()
            with Body(id="body"):
                yield from self.compose_body()
            with Edge(id="foot"):
                yield from self.compose_foot()

    def title_line(self) -> Content:
        """What stands in the frame's upper edge."""
        return Content("")

    def compose_head(self) -> ComposeResult:
        """What is always visible above the body."""
        return iter(())

    def compose_body(self) -> ComposeResult:
        """What scrolls."""
        return iter(())

    def compose_foot(self) -> ComposeResult:
        """What is always visible below the body."""
        return iter(())

    def on_mount(self) -> None:
        """Begin, unless the app is going down and has taken the parts away already."""
        if self.whole:
            self.watch(self.body, "scroll_y", self.look_below, init=False)
            self.watch(self.body, "virtual_size", self.look_below, init=False)
            self.opened()

    @property
    def whole(self) -> bool:
        """All parts are there: not before composing, and not while the dialog is being taken down."""
        return all(self.query(part) for part in ("#frame", "#head", "#body", "#foot"))

    def opened(self) -> None:
        """The parts are there: focus, colour, timers."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A task of the dialog that breaks is said and logged; the dialog stays, the executor guards by itself."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            name = type(event.worker.error).__name__
            _log.error("a task of %s failed", type(self).__name__, exc_info=event.worker.error)
            self.app.notify(f"The cockpit itself failed here ({name}).", severity="error", markup=False)

    def on_resize(self) -> None:
        """Give the body what head and foot leave."""
        self.make_room()

    def make_room(self) -> None:
        """Once the parts have their sizes."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if not self.whole:
            return
        fixed = sum(self.query_one(part).outer_size.height for part in ("#head", "#foot"))
        self.body.styles.max_height = max(1, self.size.height - fixed - 2)
        self.call_after_refresh(self.look_below)

    def keep_entry_in_sight(self) -> None:
        """With less room what is being typed must not be below the edge."""
        if self.whole and self.focused is not None and self.body in self.focused.ancestors:
            self.focused.scroll_visible(animate=False)

    def look_below(self) -> None:
        """A word instead of a scrollbar: a bar that comes and goes would change the width, and with it the lines."""
        if self.whole:
            below = round(self.body.max_scroll_y - self.body.scroll_y)
            self.tell_below(rows.styled(f" ↓ {below} more ", rows.CARE) if below > 0 else None)

    def tell_below(self, text: Content | None) -> None:
        """Say how many lines are below, or nothing."""
        self.frame.border_subtitle = text

    @property
    def frame(self) -> Widget:
        """The bordered box."""
        return self.query_one("#frame", Vertical)

    @property
    def body(self) -> Body:
        """The scrolling part."""
        return self.query_one("#body", Body)

    def finish(self, result: ResultT) -> None:
        """Close with an answer: once only, and not before what lies over this dialog is closed."""
        if self._finished:
            return
        self._finished = True
        self._result = result
        if self.is_current:
            self.dismiss(result)

    def on_screen_resume(self) -> None:
        """Close now, if that had to wait."""
        if self._finished and self._result is not _NOTHING:
            self.dismiss(self._result)  # type: ignore[arg-type]  # set together with _finished

    def action_leave(self) -> None:
        """Close without an answer."""
        self.finish(None)  # type: ignore[arg-type]  # dialogs whose answer is never None override this

    def action_scroll_body(self, lines: int) -> None:
        """Scroll by lines."""
        self.body.scroll_relative(y=lines, animate=False)

    def action_page_body(self, pages: int) -> None:
        """Scroll by pages."""
        self.body.scroll_relative(y=pages * max(1, self.body.size.height - 1), animate=False)

    def action_end_body(self, direction: int) -> None:
        """Scroll to one end."""
        if direction < 0:
            self.body.scroll_home(animate=False)
        else:
            self.body.scroll_end(animate=False)
