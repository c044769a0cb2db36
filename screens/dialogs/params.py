"""Asks for what an action needs beyond the row, checked while typing, choices from live data. A plan follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cockpit.actions.params import problem
from cockpit.errors import CockpitError
from cockpit.model.action import ActionRequest, ActionSpec, Choice, Param, ParamKind
from cockpit.text import clean
from screens.dialogs import rows
from screens.dialogs.base import Dialog, Flow

CHOICES_DEADLINE_S = 10.0
_LIST_ROWS = 8
_LONGEST = 60  # of a value that is filled in already

_log = logging.getLogger(__name__)

Choices = Callable[[str], Awaitable[Sequence[Choice]]]
Keep = Callable[[str], str]  # what was typed, to the reference that stands for it
_TYPED = "typed:0"  # stands for it while the form is open


def asked(spec: ActionSpec, given: Mapping[str, str], *, optional: bool = True) -> tuple[Param, ...]:
    """The parameters that neither the row nor the caller has filled in; without `optional` only those it needs."""
    wanted = (param for param in spec.params if not param.identity and not given.get(param.name))
    return tuple(param for param in wanted if optional or param.required)


def about_of(spec: ActionSpec, request: ActionRequest) -> str:
    """The source and what of it the row has named already, so that nobody fills in a form about another row."""
    given = ((param.name, clean(request.get(param.name))) for param in spec.params if not param.identity)
    return "  ".join((request.source, *(f"{name} {value[:_LONGEST]}" for name, value in given if value)))


async def _obey(widget: Widget, event: events.Key) -> None:
    """What the widget binds, done as the key comes: after a detour through the app the focus may be elsewhere."""
    for binding in widget._bindings.key_to_bindings.get(event.key, ()):
        event.stop()
        event.prevent_default()
        await widget.run_action(binding.action)
        return


class Entry(Input):
    """A line to type in."""

    async def on_key(self, event: events.Key) -> None:
        """In the order in which they come."""
        await _obey(self, event)


class Listing(OptionList):
    """Choices."""

    async def on_key(self, event: events.Key) -> None:
        """In the order in which they come."""
        await _obey(self, event)


class Hidden(Entry):
    """Shows dots, and lets nothing be copied out of it."""

    def __init__(self) -> None:
        hint = "or type the value itself: it is hidden, and written down nowhere"
        super().__init__("", password=True, select_on_focus=False, placeholder=hint)

    def action_copy(self) -> None:
        """Not from here."""
        self.app.bell()

    def action_cut(self) -> None:
        """Not from here."""
        self.app.bell()


class Field(Vertical):
    """One parameter: its name and help, the entry, and what is wrong with it."""

    DEFAULT_CSS = """
    Field {
        height: auto; width: 1fr; padding-bottom: 1;
        OptionList { max-height: 8; background: $panel; }
        .wrong { height: auto; display: none; color: $error; }
        .wrong.-shown { display: block; }
    }
    """

    def __init__(self, param: Param, choices: Choices, keep: Keep | None = None) -> None:
        super().__init__(classes="entry")
        self.param = param
        self._choices = choices
        self._keep = keep if param.kind is ParamKind.REFERENCE else None
        self._offered: tuple[Choice, ...] = ()

    def compose(self) -> ComposeResult:
        """Label, then the entry."""
        optional = "" if self.param.required else "  optional"
        yield Flow(lambda width: rows.labelled(self.param.name, [self.param.help + optional], width, label_width=14))
        if self.param.kind is ParamKind.CHOICE:
            yield Static(rows.styled("reading the choices …", rows.MUTED), classes="loading", markup=False)
        else:
            yield Entry(self.param.default, select_on_focus=False, placeholder=_hint(self.param))
        if self._keep is not None:
            yield Hidden()
        yield Static(Content(""), classes="wrong", markup=False)

    def on_mount(self) -> None:
        """Load the choices."""
        if self.param.kind is ParamKind.CHOICE:
            self.run_worker(self._load(), exit_on_error=False)

    async def _load(self) -> None:
        loading = self.query_one(".loading", Static)
        try:
            async with asyncio.timeout(CHOICES_DEADLINE_S):
                self._offered = tuple(await self._choices(self.param.name))
        except TimeoutError:
            await self._fall_back(f"the choices did not come in {CHOICES_DEADLINE_S:.0f} s: type the value")
            return
        except CockpitError as error:
            await self._fall_back(f"{error}. Type the value")
            return
        except Exception as error:  # a form that waits for ever helps nobody
            _log.exception("the choices of %s could not be made", self.param.name)
            await self._fall_back(f"the cockpit itself failed here ({type(error).__name__}): type the value")
            return
        if self._offered and not self.param.required:
            self._offered = (Choice("", "none: leave it out"), *self._offered)
        if not self._offered:
            await self._fall_back("there is nothing to choose from: type the value")
            return
        options = [Option(_option(choice)) for choice in self._offered]
        listing = Listing(*options, markup=False)
        await self.mount(listing, before=loading)
        await loading.remove()
        wanted = self.param.default
        first = next((at for at, choice in enumerate(self._offered) if choice.value == wanted), None)
        best = next((at for at, choice in enumerate(self._offered) if choice.recommended), 0)
        listing.highlighted = best if first is None else first
        self._settled()

    async def _fall_back(self, why: str) -> None:
        loading = self.query_one(".loading", Static)
        loading.update(rows.styled(clean(why), rows.CARE))
        await self.mount(Entry(self.param.default, select_on_focus=False), after=loading)
        self._settled()

    def _settled(self) -> None:
        """There is an entry now: that there was none is no longer what is wrong."""
        self.query_one(".wrong", Static).set_class(False, "-shown")
        if isinstance(self.screen, ParamForm):
            self.screen.focus_first()

    @property
    def entry(self) -> Widget | None:
        """What takes the keys; None while choices are on their way."""
        return next(iter([*self.query(Input), *self.query(OptionList)]), None)

    @property
    def value(self) -> str:
        """As entered."""
        for listing in self.query(OptionList):
            return "" if listing.highlighted is None else self._offered[listing.highlighted].value
        for entry in self.query(Input):
            return entry.value.strip() or (_TYPED if self._typed else "")
        return ""

    def answer(self) -> str:
        """The value; of what was typed hidden only the reference, and the field forgets it."""
        typed = self._typed
        if not typed or self._keep is None:
            return self.value
        self.query_one(Hidden).value = ""
        return self._keep(typed)

    @property
    def _typed(self) -> str:
        return "".join(entry.value for entry in self.query(Hidden))

    def check(self) -> bool:
        """Say what is wrong, if anything."""
        text = "still reading the choices" if self.entry is None else problem(self.param, self.value)
        if self._typed and self.value != _TYPED:
            text = "a reference or the value itself, not both"
        wrong = self.query_one(".wrong", Static)
        wrong.update(rows.styled(f"✖ {text}" if text else "", rows.BAD))
        wrong.set_class(bool(text), "-shown")
        return not text


def _hint(param: Param) -> str:
    return {
        ParamKind.INTEGER: "a number",
        ParamKind.DURATION: "10s, 5m, 2h",
        ParamKind.ADDRESS: "an IP address",
        ParamKind.REFERENCE: "file:PATH or env:NAME",
    }.get(param.kind, "")


def _option(choice: Choice) -> Content:
    said = choice.label.removeprefix(f"{choice.value}:").strip() if choice.value else choice.label
    label = "" if said == choice.value else f"  {said}"
    advice = ("  recommended", rows.GOOD) if choice.recommended else ""
    return Content.assemble((choice.value or "-", rows.STRONG), label, advice)


class Entered(Message):
    """Enter, behind the keys before it: it goes by way of the entry that they were for, and through `waiting`."""

    def __init__(self, origin: Widget | None, field: Field | None, waiting: Sequence[Widget] = ()) -> None:
        super().__init__()
        self.origin = origin  # what had the keys
        self.field = field  # the one that is done; None for the whole form
        self.waiting = tuple(waiting)

    def passed_on(self) -> bool:
        """To the next that keys may still wait for. False where there is none."""
        for at, entry in enumerate(self.waiting, 1):
            if entry.post_message(Entered(self.origin, self.field, self.waiting[at:])):
                return True
        return False


class ParamForm(Dialog[dict[str, str] | None]):
    """Dismisses with the values, or None. Enter goes on; what follows is a plan, never the action.

    Tab and enter move the focus before the next key is read: whoever types ahead types where they will be.
    """

    DEFAULT_CSS = "ParamForm #frame { max-width: 92; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+j", "submit", "plan", show=False, priority=True),
        Binding("tab", "app.focus_next", "next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "field before", show=False, priority=True),
    ]

    def __init__(
        self,
        spec: ActionSpec,
        params: Sequence[Param],
        source: str,
        where: str,
        choices: Choices,
        keep: Keep | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.params = tuple(params)
        self._source = source
        self._where = where
        self._choices = choices
        self._keep = keep

    def title_line(self) -> Content:
        """The action and where."""
        return Content.assemble(" ", (self.spec.title, rows.STRONG), "  ", (self._where, rows.MUTED), " ")

    def compose_head(self) -> ComposeResult:
        """What the action does."""
        yield Flow(lambda width: [*rows.paragraph(self.spec.summary, width), *rows.paragraph(self._source, width)])

    def compose_body(self) -> ComposeResult:
        """The fields."""
        for param in self.params:
            yield Field(param, self._choices, self._keep)

    def compose_foot(self) -> ComposeResult:
        """The keys."""
        more = len(self.params) > 1 or any(param.kind is ParamKind.REFERENCE for param in self.params)
        ways = (("enter", "next, then plan"), ("tab", "next field")) if more else (("enter", "plan"),)
        yield Static(rows.keys(*ways, ("esc", "cancel")), markup=False)

    def opened(self) -> None:
        """Begin with the first field."""
        self.call_after_refresh(self.focus_first)

    def focus_first(self) -> None:
        """The first field that can take keys, unless one has them."""
        if self.focused is None:
            entry = next((field.entry for field in self.query(Field) if field.entry is not None), None)
            if entry is not None:
                entry.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        field = event.input.parent
        if isinstance(field, Field) and event.input.value:
            field.check()

    @on(OptionList.OptionSelected)
    def _next(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_submit()

    def action_submit(self) -> None:
        """To the next field; with none left, answer. What was typed before is looked at when it has arrived."""
        fields = list(self.query(Field))
        origin = self.focused
        at = next((at for at, field in enumerate(fields) if origin in field.walk_children()), -1)
        following = fields[at + 1].entry if 0 <= at < len(fields) - 1 else None
        self.set_focus(following)
        done, others = (fields[at], []) if following is not None else (None, [each.entry for each in fields])
        waiting = [entry for entry in others if entry is not None and entry is not origin]
        (origin or self).post_message(Entered(origin, done, waiting))

    @on(Entered)
    def _entered(self, event: Entered) -> None:
        event.stop()
        if not event.passed_on():
            self.app.call_later(self._look, event)  # behind what the app makes of the keys before it

    def _look(self, event: Entered) -> None:
        if self._finished or self._escaping:
            return
        fields = [event.field] if event.field is not None else list(self.query(Field))
        wrong = [field for field in fields if not field.check()]
        if wrong:
            within = event.origin in wrong[0].walk_children()
            self.set_focus(event.origin if within else wrong[0].entry or event.origin)
        elif event.field is None:
            self.finish({field.param.name: field.answer() for field in fields if field.value})
