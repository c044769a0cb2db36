"""One playbook beside the panes: its steps with their state, what each offers, its clocks, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.worker import Worker

from cockpit.model.action import Verdict
from cockpit.model.command import Kind
from cockpit.model.look import Sight
from cockpit.model.runbook import ClockKind, Part, Step
from cockpit.model.severity import Freshness
from cockpit.runbooks.guide.offer import Offered
from cockpit.runbooks.guide.progress import StepState, Timer
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted
from screens.guide import clocks
from screens.guide.blocks import Block, BlockRows
from screens.guide.lines import Stand, number_width, step_block, wrapped
from screens.guide.listing import trust_rows
from screens.guide.looks import Looks
from screens.paint import Row, Rule, Span, note, spans
from screens.rows import Frame

if TYPE_CHECKING:
    from cockpit.actions.executor import Executor
    from cockpit.runbooks.guide.desk import Desk
    from screens.guide.panel import Guide
    from screens.watched import Watched

_VERDICT: dict[Verdict, Span] = {
    Verdict.RECOVERED: ("● recovered", "success bold"),
    Verdict.NO_CHANGE: ("▲ no change", "warning bold"),
    Verdict.WORSE: ("✖ worse", "error bold"),
    Verdict.UNKNOWN: ("? the effect cannot be told", "warning bold"),
}
_PART = {Part.OTHER: "steps"}
_HELD = (ClockKind.LAST, ClockKind.EVERY)


class PlaybookView(BlockRows):
    """The steps of a session. What a key does is the guide's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "step('run')", "Ask, plan or read the step", show=False, id="guide.run"),
        Binding("space", "step('tick')", "Tick the step, or take it back", show=False, id="guide.tick"),
        Binding("s", "step('skip')", "Skip the step, or take it back", show=False, id="guide.skip"),
        Binding("d", "step('detail')", "Everything about the step", show=False, id="guide.detail"),
        Binding("y", "step('copy')", "Copy the command", show=False, id="guide.copy"),
        Binding("m", "step('note')", "Note something on the step", show=False, id="guide.note"),
        Binding("o", "step('acknowledge')", "They were told, or it was done once more", show=False, id="guide.told"),
        Binding("c", "step('close')", "Close the session: it is over", show=False, id="guide.close"),
        Binding("n", "next_open(1)", "Next step to do", show=False, id="guide.next"),
        Binding("N", "next_open(-1)", "Previous step to do", show=False, id="guide.previous"),
    ]

    def __init__(self, guide: Guide) -> None:
        super().__init__(framed=True, id="guide-playbook")
        self.guide = guide
        self.session: Session | None = None
        self._desk: Desk | None = None
        self._looks: Looks | None = None
        self._offers: dict[str, Offered | None] = {}
        self._glances: dict[str, Sight] = {}  # what live steps show, by step
        self._kept: dict[str, tuple[object, Block]] = {}
        self._wanted = ""  # step to put the cursor on

    # -- what is shown

    def begin(self, desk: Desk, session: Session, looks: Looks, step: str = "") -> None:
        """Show this session from now on, with the cursor on a step, or on the first that is to do."""
        self._desk, self.session, self._looks = desk, session, looks
        self._kept.clear()
        self._glances.clear()
        following = session.next
        self._wanted = step or (following.id if following is not None else "")
        self.renew()

    def renew(self) -> None:
        """What is offered may have changed."""
        if self.session is not None and self._desk is not None:
            self._offers = {
                step.id: self._desk.offered(self.session, step.id)
                for step in self.session.steps
                if step.command is not None
            }
            self.draw()
            self.tick()

    def tick(self) -> None:
        """Look at the readings again, and draw what is so now."""
        worker: Worker[None] = self.guide.run_worker(
            self._glance, exclusive=True, exit_on_error=False, group="glance"
        )
        self._glancing = worker

    async def _glance(self) -> None:
        desk, found = self._desk, dict(self._offers)
        if desk is None:
            return
        seen: dict[str, Sight] = {}
        for step, offered in found.items():
            if offered is not None and offered.live and (sight := await desk.glance(offered)) is not None:
                seen[step] = sight
        if self.is_attached:
            self._glances = seen
            self.draw()

    def glanced(self, step: str) -> Sight | None:
        """What a live step shows."""
        return self._glances.get(step)

    @property
    def step(self) -> Step | None:
        """The one under the cursor."""
        key = self.key
        steps = self.session.steps if self.session is not None else ()
        return next((step for step in steps if step.id == key), None) if key else None

    def offer(self, step: str) -> Offered | None:
        """What the cockpit has for its command."""
        return self._offers.get(step)

    def draw(self) -> None:
        """All of it, as of now. Only lines that became different are painted."""
        session, desk, looks = self.session, self._desk, self._looks
        engine = self.guide.engine
        width = self.size.width - (4 if self.framed else 2)
        if session is None or desk is None or looks is None or engine is None or width < 4:
            return
        timers: dict[str, list[Timer]] = {}
        for timer in session.timers():
            timers.setdefault(timer.step, []).append(timer)
        silent = {state.source for state in engine.hub.states() if state.freshness is not Freshness.FRESH}
        stands = [
            self._stand(engine, desk, session, looks, step, tuple(timers.get(step.id, ())), silent)
            for step in session.steps
        ]
        self.show_blocks(self._top_rows(session, desk, width), self._blocks(stands, width))
        if self._wanted:  # there is room to show it now
            self.go(self._wanted)
            self._wanted = ""
        self.show_frame(self._frame(session))

    def _stand(
        self,
        engine: Watched,
        desk: Desk,
        session: Session,
        looks: Looks,
        step: Step,
        timers: tuple[Timer, ...],
        silent: set[str],
    ) -> Stand:
        progress = session.progress(step.id)
        offered = self._offers.get(step.id)
        answer = looks.answer(step.id)
        sight: Sight | None = answer.sight
        stale = False
        if offered is not None and offered.live:
            sight = self._glances.get(step.id, sight)
            stale = offered.look is not None and offered.look.source in silent
        verb, key = self._names(engine, offered)
        asking = looks.asking_s(step.id)
        running = bool(progress.run) and progress.state is StepState.RUNNING
        return Stand(
            step,
            progress,
            engine.clock.now(),
            offered,
            verb,
            key,
            sight,
            stale,
            timers,
            tuple(each for each in session.notes if each.step == step.id),
            desk.output(progress.run) if running else (),
            _effect(engine.executor, progress.run),
            _phase(engine.executor, progress.run) or ("" if asking is None else f"asking … {asking:.0f} s"),
            answer.wrong,
            isinstance(desk.trust, Accepted),
        )

    def _names(self, engine: Watched, offered: Offered | None) -> tuple[str, str]:
        if offered is None:
            return "", ""
        if offered.look is not None:
            look = engine.looks.spec(offered.look.look)
            return (look.title if look is not None else offered.look.look), ""
        if offered.action is None:
            return "", ""
        spec = engine.catalogue.spec(offered.action.action)
        if spec is None:
            return offered.action.action, ""
        return spec.title, engine.profile.keys.get(spec.id, spec.key) if offered.kind is Kind.NATIVE else ""

    def _blocks(self, stands: Sequence[Stand], width: int) -> list[Block]:
        session = self.session
        if session is None:
            return []
        numbers = number_width(session.steps)
        made = _lead_in(session, width)
        parted = len({step.part for step in session.steps}) > 1 or any(
            step.part is not Part.OTHER for step in session.steps
        )
        before: Step | None = None
        for stand in stands:
            step = stand.step
            if parted and (before is None or before.part is not step.part):
                word = _PART.get(step.part, step.part.value)
                made.append(Block("", (Row("", (Rule(word, "muted"),)),)))
            if step.condition and (before is None or before.condition != step.condition):
                lines = wrapped(step.condition, max(10, width - 2), 3)
                made.append(
                    Block(
                        "",
                        tuple(
                            spans(("▸ " if n == 0 else "  ", "primary"), (line, "primary bold"))
                            for n, line in enumerate(lines)
                        ),
                    )
                )
            made.append(self._block(stand, before is not None and before.text == step.text, width, numbers))
            before = step
        return [*made, *_lead_out(session, width)]

    def _block(self, stand: Stand, repeats: bool, width: int, numbers: int) -> Block:
        mark = (_mark(stand), repeats, width, numbers)
        kept = self._kept.get(stand.step.id)
        if kept is not None and kept[0] == mark:
            return kept[1]
        block = step_block(stand, width, numbers, repeats=repeats)
        self._kept[stand.step.id] = (mark, block)
        return block

    def _top_rows(self, session: Session, desk: Desk, width: int) -> list[Row]:
        made: list[Row] = []
        if not self.framed:
            made.append(spans((wrapped(session.playbook.title, width, 1)[0], "primary bold")))
        elapsed = (self.guide.now - session.started).total_seconds()
        made += clocks.standing(
            elapsed, session.escalations, session.timers(), width, 3 if self.size.height >= 16 else 2
        )
        made += trust_rows(desk.trust, width)
        return made

    def _frame(self, session: Session) -> Frame:
        counts = session.counts
        settled = counts[StepState.DONE] + counts[StepState.SKIPPED]
        left: list[Span] = [(f"{settled} of {len(session.steps)} done", "muted")]
        if counts[StepState.FAILED]:
            left.append((f", {counts[StepState.FAILED]} failed", "error"))
        if self.below:
            left.append((f"  ↓ {self.below} more", "muted"))
        title = (("Guide ", "muted"), (session.playbook.title, "bold"))
        return Frame(title, ((f"{session.playbook.file}:{session.playbook.line}", "muted"),), tuple(left))

    # -- keys

    def action_step(self, verb: str) -> None:
        """Something about the step under the cursor."""
        self.guide.act(verb)

    def action_next_open(self, direction: int) -> None:
        """To a step that is still to do."""
        session = self.session
        if session is None:
            return
        steps = list(session.steps)
        at = next(
            (number for number, step in enumerate(steps) if step.id == self.key), -1 if direction > 0 else len(steps)
        )
        rest = steps[at + 1 :] if direction > 0 else steps[:at][::-1]
        found = next((step for step in rest if session.progress(step.id).state is StepState.TODO), None)
        if found is None:
            self.guide.tell("No further step is to do." if direction > 0 else "No earlier step is to do.")
        else:
            self.go(found.id)

    def on_key(self, event: events.Key) -> None:
        """The action's own letter opens its plan, as it does in its pane."""
        self.guide.touched()
        step, letter = self.step, event.character
        if step is None or not letter or not letter.isupper():
            return
        offered, engine = self.offer(step.id), self.guide.engine
        if offered is not None and engine is not None and self._names(engine, offered)[1] == letter:
            event.stop()
            self.guide.act("run")

    def on_resize(self, event: events.Resize) -> None:
        """Another width, other lines."""
        self.draw()


def holds_time(step: Step) -> bool:
    """A step that takes its time: it is begun, and ticked when that is over."""
    return step.command is None and any(clock.kind in _HELD for clock in step.clocks)


def _mark(stand: Stand) -> object:
    """Changes when a line of the step does."""
    sight = stand.sight
    aged = None if sight is None else int((stand.now - sight.at).total_seconds())
    seconds = tuple((timer.running, int(timer.remaining_s), timer.times) for timer in stand.timers)
    return (
        stand.progress,
        id(stand.offered),
        stand.verb,
        stand.key,
        None if sight is None else (sight.severity, sight.summary, sight.lines, sight.cut),
        aged,
        stand.stale,
        seconds,
        stand.notes,
        stand.output[-8:],
        stand.effect,
        stand.busy,
        stand.wrong,
        stand.accepted,
    )


def _effect(executor: Executor, run: str) -> tuple[Span, ...]:
    if not run:
        return ()
    watched = executor.effect
    if watched is not None and watched[0] == run and watched[1].verdict is None:
        return ((f"watching the effect, {watched[1].remaining_s:.0f} s", "muted"),)
    record = next((each for each in executor.records if each.run == run), None)
    return (_VERDICT[record.verdict],) if record is not None and record.verdict is not None else ()


def _phase(executor: Executor, run: str) -> str:
    running = next((each for each in executor.running if each.run == run), None) if run else None
    if running is None:
        return ""
    done = f" {running.done} of {running.total}" if running.total else ""
    return f"{running.phase}{done}{f'  {running.note}' if running.note else ''}"


def _lead_in(session: Session, width: int) -> list[Block]:
    made: list[Row] = []
    for number, symptom in enumerate(session.playbook.symptoms[:6]):
        lines = wrapped(symptom, max(10, width - 10), 2)
        label = "symptoms  " if number == 0 else " " * 10
        made += [spans((label if at == 0 else " " * 10, "muted"), (line, "")) for at, line in enumerate(lines)]
    return [Block("", tuple(made))] if made else []


def _lead_out(session: Session, width: int) -> list[Block]:
    made: list[Row] = []
    if session.playbook.causes:
        made.append(Row("", (Rule("causes, and what helps"),)))
        for cause, cure in session.playbook.causes:
            made += [spans((line, "bold")) for line in wrapped(cause, width, 2)]
            made += [spans(("  ", ""), (line, "")) for line in wrapped(cure, max(10, width - 2), 3)]
    if session.playbook.links:
        made.append(Row("", (Rule("links"),)))
        for link in session.playbook.links:
            label = f"{link.text}  " if link.text != link.target else ""
            made.append(spans(("→ ", "primary"), (label, ""), (link.target, "primary")))
    for each in session.notes:
        if not each.step:
            made += [note(line) for line in wrapped(f"note: {each.text}", width, 3)]
    return [Block("", tuple(made))] if made else []
