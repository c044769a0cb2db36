"""The plan card: the whole plan, and the confirmation that its tier asks for. It answers; it runs nothing."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from cockpit.actions.guards import PLAN_VALID_S, Confirmation, Requirement
from cockpit.actions.record import Planned
from cockpit.clock import Clock
from cockpit.model.action import Plan
from screens.dialogs import plan_text, rows
from screens.dialogs.base import Dialog, Flow
from screens.dialogs.detail import Copy, copied
from screens.dialogs.gate import SETTLE_S, KeyGate
from screens.dialogs.typed import Choice, TypedInput

_SHORTEST_REASON = 3
_CARD_KEYS = ("c", "q", "j", "k", "g", "G", "space")  # read, copy, leave: the others were meant for the phrase
_MARGIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the card shows: the plan with what it asks for and what stands against it, and where it takes place."""

    planned: Planned
    system: str
    environment: str
    changed: tuple[str, ...] = ()  # why the operator is asked again

    @property
    def plan(self) -> Plan:
        """The plan itself."""
        return self.planned.plan

    @property
    def needed(self) -> Requirement:
        """What the operator must give."""
        return self.planned.requirement

    def same_as(self, other: Sheet) -> bool:
        """Nothing that the operator would decide on differs."""
        return (
            self.plan.digest == other.plan.digest
            and self.planned.refusals == other.planned.refusals
            and self.planned.needs_arming == other.planned.needs_arming
            and self.plan.warnings == other.plan.warnings
        )


@dataclass(frozen=True, slots=True)
class Agreed:
    """The operator said yes to exactly this sheet."""

    sheet: Sheet
    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The world moved on while the card was open: this is the sheet now."""

    sheet: Sheet


class Declined(enum.Enum):
    """Every other way in which a card closes."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    ARM = "arm first"
    PLAN_AGAIN = "plan again"
    BREAK_LOCK = "break the lock"


Answer = Agreed | Overtaken | Declined


class PlanCard(Dialog[Answer]):
    """Shows a sheet until the operator agrees or declines. With refusals it offers no confirmation at all.

    `copy` puts text on the clipboard and says in a sentence where it went. `recheck` makes a new sheet for the same
    request; it is called every `RECHECK_S` while the card is open, and a sheet that differs ends this card.
    """

    DEFAULT_CSS = """
    PlanCard {
        #foot { border-top: solid $foreground 30%; border-title-color: $warning; border-title-align: right; }
        .field { height: 1; width: 1fr; }
        .field .name { width: auto; max-width: 60; height: 1; padding-right: 1; }
        #answer { height: auto; width: 1fr; }
        #ask { width: 1fr; height: auto; }
        #ask, #ask:focus { background: $surface; color: $foreground; text-style: none; }
        #left { width: 11; height: 1; text-align: right; }
        #note { height: auto; width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "copy the command", show=False),
        Binding("q", "leave", "cancel", show=False),
        Binding("tab", "next_field(1)", "next field", show=False),
        Binding("shift+tab", "next_field(-1)", "previous field", show=False),
    ]
    RECHECK_S: ClassVar[float] = 10.0

    def __init__(
        self,
        sheet: Sheet,
        clock: Clock,
        copy: Copy | None = None,
        recheck: Callable[[], Awaitable[Sheet]] | None = None,
    ) -> None:
        super().__init__()
        self.sheet = sheet
        self.clock = clock
        self.gate = KeyGate(clock, sheet.needed.dead_time_s)
        self._copy = copy
        self._recheck = recheck
        self._opened = clock.monotonic()
        self._last_key = self._opened

    # ---- what it shows
    def title_line(self) -> Content:
        """Title and tier."""
        return plan_text.title(self.sheet.plan)

    def compose_head(self) -> ComposeResult:
        """Environment, system, source, target."""
        yield Flow(
            lambda width: plan_text.head(self.sheet.plan, self.sheet.system, self.sheet.environment, width),
            id="where",
        )

    def compose_body(self) -> ComposeResult:
        """The rest of the plan."""
        yield Flow(
            lambda width: plan_text.body(self.sheet.plan, self.sheet.planned.refusals, width, self.sheet.changed),
            id="plan",
        )

    def compose_foot(self) -> ComposeResult:
        """The confirmation, its countdown, and the keys."""
        if self.typed:
            with Horizontal(classes="field", id="phrase-row"):
                yield Static(self._phrase_label(), classes="name", id="phrase-name", markup=False)
                yield TypedInput(self.gate, self.say, id="phrase", limit=len(self.sheet.needed.phrase) + 20)
            with Horizontal(classes="field", id="reason-row"):
                yield Static(rows.styled("reason", rows.MUTED), classes="name", markup=False)
                yield TypedInput(self.gate, self.say, id="reason", limit=200, pasteable=True)
        with Horizontal(id="answer"):
            yield Choice(Content("Cancel"), id="cancel", markup=False)
            yield (
                Choice(self._ask(), id="ask", markup=False)
                if self.typed
                else Static(self._ask(), id="ask", markup=False)
            )
            yield Static(Content(""), id="left", markup=False)
        yield Static(self._key_line(), id="note", markup=False)

    @property
    def refused(self) -> bool:
        """There is something against it: only the reasons are shown."""
        return bool(self.sheet.planned.refusals) or self.sheet.planned.needs_arming

    @property
    def typed(self) -> bool:
        """The phrase must be typed."""
        return not self.refused and self.sheet.needed.phrase != "y"

    def _phrase_label(self) -> Content:
        return Content.assemble(("type ", rows.MUTED), (self.sheet.needed.phrase, rows.STRONG))

    def _ask(self) -> Content:
        sheet = self.sheet
        if sheet.planned.refusals:
            return Content.assemble(("✖ it cannot run  ", rows.BAD), rows.keys(*self._ways_on()))
        if sheet.planned.needs_arming:
            return Content.assemble(
                ("OBSERVE: nothing is changed  ", rows.CARE), rows.keys(("!", "arm, then ask again"))
            )
        where = Content.assemble((sheet.environment.upper(), rows.STRONG), " ", (sheet.system, rows.STRONG))
        ready = not self.typed or (bool(self.query("#phrase")) and self._missing() == "")
        chosen = self.focused is not None and self.focused.id == "ask"
        key = ("▸ y" if chosen else "y", rows.KEY if ready else rows.MUTED)
        return Content.assemble(key, "  ", (sheet.plan.title, "" if ready else rows.MUTED), " on ", where)

    def _ways_on(self) -> list[tuple[str, str]]:
        ways = [("r", "plan again")]
        if self._locked:
            ways.append(("b", "break the lock"))
        return ways

    @property
    def _locked(self) -> bool:
        """Somebody else's lock is all that stands against it."""
        return {refusal.step for refusal in self.sheet.planned.refusals} == {"lock"}

    def _key_line(self) -> Content:
        pairs = [("esc", "cancel"), ("↑↓", "scroll")]
        if self.sheet.plan.equivalent and self._copy is not None:
            pairs.append(("c", "copy the command" if not self.typed else "copy"))
        if self.typed:
            pairs.append(("tab", "next, then y"))
        if self.sheet.needed.approval and not self.refused:
            delay = rows.duration(self.sheet.needed.delay_s)
            return Content.assemble(rows.keys(*pairs), (f"   then 2nd person or {delay}", rows.CARE))
        return rows.keys(*pairs)

    def say(self, text: str, style: str = rows.CARE) -> None:
        """One sentence in place of the key line."""
        self.query_one("#note", Static).update(rows.styled(text, style))
        self.call_after_refresh(self._fit)

    # ---- time
    def opened(self) -> None:
        """Cancel has the focus; keys count once this has been painted."""
        self.frame.add_class(plan_text.FRAME_CLASS[self.sheet.plan.tier])
        self.query_one("#cancel").focus()
        self.call_after_refresh(self._painted)
        self.run_worker(self._count_down(), exit_on_error=False, group="countdown", exclusive=True)
        if self._recheck is not None:
            self.run_worker(self._keep_current(self._recheck), exit_on_error=False, group="recheck", exclusive=True)

    def _painted(self) -> None:
        self.gate.painted()
        self.run_worker(self._open_fields(), exit_on_error=False, group="fields")

    async def _open_fields(self) -> None:
        await self.clock.sleep(self.sheet.needed.dead_time_s)
        for field in self.query(TypedInput):
            field.disabled = False

    def tell_below(self, text: Content | None) -> None:
        """On the line between plan and confirmation."""
        self.query_one("#foot").border_title = text

    @property
    def remaining_s(self) -> float:
        """Until it closes as a no: so long without a key, and never beyond the plan's own validity."""
        idle_end = self._last_key + self.sheet.needed.timeout_s
        plan_end = self.sheet.planned.at + PLAN_VALID_S - _MARGIN_S
        return min(idle_end, plan_end) - self.clock.monotonic()

    async def _count_down(self) -> None:
        if self.refused:
            return
        left = self.query_one("#left", Static)
        while (remaining := self.remaining_s) > 0:
            left.update(rows.styled(f"no in {remaining:.0f} s", rows.CARE if remaining <= 10 else rows.MUTED))
            await self.clock.sleep(min(1.0, remaining))
        self.finish(Declined.TIMED_OUT)

    async def _keep_current(self, recheck: Callable[[], Awaitable[Sheet]]) -> None:
        while True:
            await self.clock.sleep(self.RECHECK_S)
            sheet = await recheck()
            if not sheet.same_as(self.sheet):
                changed = tuple(
                    f"while you looked: {text}" for text in plan_text.differences(self.sheet.plan, sheet.plan)
                )
                self.finish(Overtaken(replace(sheet, changed=changed)))
                return
            self.sheet = replace(sheet, changed=self.sheet.changed)

    # ---- keys
    def on_key(self, event: events.Key) -> None:
        """`y` confirms where nothing is missing; every other key is for reading."""
        deliberate = self.gate.press(event)
        self._last_key = self.clock.monotonic()
        if event.key == "enter":
            event.stop()
            if deliberate and self.focused is not None and self.focused.id == "cancel":
                self.action_leave()
        elif event.key == "y" and not self.refused:
            event.stop()
            self._press_yes(deliberate)
        elif (wish := self._wish(event.key)) is not None:
            event.stop()
            if deliberate:
                self.finish(wish)
        elif self.typed and event.is_printable and event.key not in _CARD_KEYS:
            self.say(f"tab goes to the field for {self.sheet.needed.phrase}")

    def _wish(self, key: str) -> Declined | None:
        """What a key asks for on a card that offers no confirmation."""
        if key == "exclamation_mark" and self.sheet.planned.needs_arming:
            return Declined.ARM
        if key == "r" and self.sheet.planned.refusals:
            return Declined.PLAN_AGAIN
        if key == "b" and self._locked:
            return Declined.BREAK_LOCK
        return None

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text confirms nothing."""
        event.stop()
        self.gate.disturb()
        self.say("pasting is refused")

    def _missing(self) -> str:
        """What is still to be given before `y` counts, "" for nothing."""
        if not self.typed:
            return ""
        if self.query_one("#phrase", TypedInput).value != self.sheet.needed.phrase:
            return f"type exactly {self.sheet.needed.phrase}"
        if self.sheet.needed.reason and len(self.query_one("#reason", TypedInput).value.strip()) < _SHORTEST_REASON:
            return "say in a few words why"
        return ""

    def _press_yes(self, deliberate: bool) -> None:
        if not deliberate:
            self.say("too soon after another key: press y again")
        elif missing := self._missing():
            self.say(missing)
        elif self.typed and (self.focused is None or self.focused.id != "ask"):
            self.say("press tab until the y line is marked, then y")
        else:
            self.run_worker(self._settle(self.gate, self.gate.ticket), exit_on_error=False, group="settle")

    async def _settle(self, gate: KeyGate, ticket: int) -> None:
        """A person's `y` is followed by nothing; pasted text goes on."""
        await self.clock.sleep(SETTLE_S)
        if gate is not self.gate or not gate.undisturbed(ticket):
            self.say("other keys came with the y: press y alone")
            return
        self.finish(Agreed(self.sheet, self._confirmation()))

    def _confirmation(self) -> Confirmation:
        if not self.typed:
            return Confirmation(self.sheet.needed.phrase)
        return Confirmation(
            self.query_one("#phrase", TypedInput).value, self.query_one("#reason", TypedInput).value.strip()
        )

    @on(Input.Changed)
    def _typed_something(self, event: Input.Changed) -> None:
        event.stop()
        self._last_key = self.clock.monotonic()
        self._refresh_ask()
        if event.input.value:  # an emptied field was emptied for a reason that still stands in the note
            self.query_one("#note", Static).update(self._key_line())
        if event.input.id == "phrase":
            phrase = self.sheet.needed.phrase
            style = (
                rows.GOOD if event.value == phrase else rows.STRONG if phrase.startswith(event.value) else rows.BAD
            )
            name = Content.assemble(("type ", rows.MUTED), (phrase, style))
            self.query_one("#phrase-name", Static).update(name)

    def on_descendant_focus(self) -> None:
        """Mark the `y` line while it has the focus, by a sign and not by colour alone."""
        self._refresh_ask()

    def on_descendant_blur(self) -> None:
        """The mark goes with the focus."""
        self._refresh_ask()

    def _refresh_ask(self) -> None:
        for line in self.query("#ask").results(Static):  # none while the card is being taken down
            line.update(self._ask())

    def action_next_field(self, step: int) -> None:
        """Cancel, phrase, reason, the `y` line, and round again; not before the fields can be stepped on."""
        if any(field.disabled for field in self.query(TypedInput)):
            self.say("one moment: the fields are not open yet, press tab again")
            return
        order = [
            field
            for name in ("#cancel", "#phrase", "#reason", "#ask")
            for field in self.query(name)
            if field.can_focus and not field.disabled
        ]
        at = order.index(self.focused) if self.focused in order else 0
        order[(at + step) % len(order)].focus()

    def action_copy(self) -> None:
        """Copy the equivalent command and say where it went."""
        if self._copy is not None and self.sheet.plan.equivalent:
            self.run_worker(self._say_copied(self._copy), exit_on_error=False, exclusive=True, group="copy")

    async def _say_copied(self, copy: Copy) -> None:
        self.say(await copied(copy, "\n".join(self.sheet.plan.equivalent)), rows.GOOD)

    def action_leave(self) -> None:
        """No."""
        self.finish(Declined.CANCELLED)
