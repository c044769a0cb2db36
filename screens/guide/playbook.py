"""One playbook beside the panes: its steps with their state, what each offers, its clocks, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.worker import Worker

from cockpit.model.action import Verdict
from cockpit.model.command import Kind
from cockpit.model.look import Sight
from cockpit.model.runbook import Step
from cockpit.model.severity import Freshness
from cockpit.runbooks.guide.desk import Reading
from cockpit.runbooks.guide.offer import SCRIPT, Offered
from cockpit.runbooks.guide.people import Reach
from cockpit.runbooks.guide.progress import Note, StepState, Timer
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted
from screens.guide import clocks
from screens.guide.blocks import Block, BlockRows
from screens.guide.lines import Stand, number_width, step_block, wrapped
from screens.guide.listing import trust_rows
from screens.guide.looks import Looks
from screens.guide.sections import headings, lead_in, lead_out, parted
from screens.paint import Row, Span, note, spans
from screens.rows import Frame

if TYPE_CHECKING:
    from cockpit.actions.executor import Executor
    from cockpit.runbooks.guide.desk import Desk
    from screens.guide.panel import Guide
    from screens.watched import Watched


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all steps of one drawing stand in."""

    engine: Watched
    desk: Desk
    session: Session
    looks: Looks
    width: int
    now: datetime
    timers: tuple[Timer, ...]
    by_step: Mapping[str, Sequence[Timer]]
    notes: Mapping[str, Sequence[Note]]
    silent: frozenset[str]  # sources that say nothing new


_VERDICT: dict[Verdict, Span] = {
    Verdict.RECOVERED: ("● recovered", "success bold"),
    Verdict.NO_CHANGE: ("▲ no change", "warning bold"),
    Verdict.WORSE: ("✖ worse", "error bold"),
    Verdict.UNKNOWN: ("? the effect cannot be told", "warning bold"),
}


class PlaybookView(BlockRows):
    """The steps of a session. What a key does is the guide's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "step('run')", "Ask, plan or read the step", show=False, id="guide.run"),
        Binding("space", "step('tick')", "Tick the step, or take it back", show=False, id="guide.tick"),
        Binding("s", "step('skip')", "Skip the step, or take it back", show=False, id="guide.skip"),
        Binding("minus", "step('fail')", "It failed or did not help, or take that back", show=False, id="guide.fail"),
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
        self._reach: dict[str, tuple[Reach, ...]] = {}  # whom and what prose names, by step
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
            before, self._offers = self._offers, {}
            self._reach.clear()
            for step in self.session.steps:
                if step.command is not None:
                    offered = self._desk.offered(self.session, step.id)
                    old = before.get(step.id)
                    self._offers[step.id] = old if old == offered else offered
            self.draw()
            self.tick()

    def tick(self) -> None:
        """Look at the readings again, and draw what is so now."""
        worker: Worker[None] = self.guide.run_worker(
            self._glance, exclusive=True, exit_on_error=False, group="glance"
        )
        self._glancing = worker

    async def _glance(self) -> None:
        desk, session = self._desk, self.session
        if desk is None:
            return
        for step in self._in_view():
            offered = self._offers.get(step)
            if offered is not None and offered.live and (sight := await desk.glance(offered)) is not None:
                if session is not self.session:
                    return
                self._glances[step] = sight
        if self.is_attached:
            self.draw(whole=False)

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

    def draw(self, *, whole: bool = True) -> None:
        """As of now: all steps, or those in sight. Only lines that became different are painted."""
        scene = self._scene()
        if scene is None:
            return
        session, width = scene.session, scene.width
        in_sight = None if whole else self._in_view()
        numbers, parts = number_width(session.steps), parted(session.steps)
        blocks = lead_in(session, width)
        before: Step | None = None
        for step in session.steps:
            blocks += headings(step, before, width, parts=parts)
            kept = self._kept.get(step.id)
            if kept is not None and in_sight is not None and step.id not in in_sight:
                blocks.append(kept[1])
            else:
                repeats = before is not None and before.text == step.text
                repeats = repeats or (parts and step.text.casefold().rstrip(" :") == step.part.value)
                blocks.append(self._block(self._stand(scene, step), repeats, width, numbers))
            before = step
        self.show_blocks(self._top_rows(scene), [*blocks, *lead_out(session, width)])
        if self._wanted:  # there is room to show it now
            self.go(self._wanted)
            self._wanted = ""
        self.show_frame(self._frame(session))

    def _scene(self) -> _Scene | None:
        """What is the same for all steps at this moment; None before there is anything to show, or room for it."""
        session, desk, looks, engine = self.session, self._desk, self._looks, self.guide.engine
        width = self.size.width - (4 if self.framed else 2)
        if session is None or desk is None or looks is None or engine is None or width < 4:
            return None
        timers = session.timers()
        by_step: dict[str, list[Timer]] = {}
        for timer in timers:
            by_step.setdefault(timer.step, []).append(timer)
        notes: dict[str, list[Note]] = {}
        for each in session.notes:
            notes.setdefault(each.step, []).append(each)
        silent = frozenset(state.source for state in engine.hub.states() if state.freshness is not Freshness.FRESH)
        return _Scene(engine, desk, session, looks, width, engine.clock.now(), timers, by_step, notes, silent)

    def _in_view(self) -> set[str]:
        """Keys of the steps of which a line can be seen."""
        first, last = self._top, self._top + self._room
        before = self.body.step(first + 1, -1)
        found = {self.body.row(index).key for index in range(max(0, first), min(last, len(self.body)))}
        return found | ({self.body.row(before).key} if before is not None else set())

    def _stand(self, scene: _Scene, step: Step) -> Stand:
        progress = scene.session.progress(step.id)
        offered = self._offers.get(step.id)
        answer, asking = scene.looks.answer(step.id), scene.looks.asking_s(step.id)
        sight: Sight | None = answer.sight
        stale = False
        if offered is not None and offered.live:
            sight = self._glances.get(step.id, sight)
            stale = offered.look is not None and offered.look.source in scene.silent
        verb, key = self._names(scene.engine, offered)
        executor, run = scene.engine.executor, progress.run
        return Stand(
            step,
            progress,
            scene.now,
            offered,
            verb,
            key,
            sight,
            stale,
            tuple(scene.by_step.get(step.id, ())),
            tuple(scene.notes.get(step.id, ())),
            scene.desk.output(run) if run and progress.state is StepState.RUNNING else (),
            _effect(executor, run),
            _phase(executor, run) or ("" if asking is None else f"asking … {asking:.0f} s"),
            answer.wrong,
            isinstance(scene.desk.trust, Accepted),
            scene.looks.waits(step.id),
            self._at_hand(scene.desk, step),
        )

    def _at_hand(self, desk: Desk, step: Step) -> tuple[Reach, ...]:
        if step.id not in self._reach:
            self._reach[step.id] = desk.people.at_hand(step)
        return self._reach[step.id]

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

    def _block(self, stand: Stand, repeats: bool, width: int, numbers: int) -> Block:
        mark = (_mark(stand), repeats, width, numbers)
        kept = self._kept.get(stand.step.id)
        if kept is not None and kept[0] == mark:
            return kept[1]
        block = step_block(stand, width, numbers, repeats=repeats)
        self._kept[stand.step.id] = (mark, block)
        return block

    def _top_rows(self, scene: _Scene) -> list[Row]:
        session, width = scene.session, scene.width
        made: list[Row] = []
        if not self.framed:
            made.append(spans((wrapped(session.playbook.title, width, 1)[0], "primary bold")))
        elapsed = (scene.now - session.started).total_seconds()
        room = 3 if self.size.height >= 16 else 2
        made += clocks.standing(elapsed, session.escalations, scene.timers, width, room)
        if session.unkept:
            made += [note(line, "error") for line in wrapped(f"not recorded: {session.unkept}", width, 3)]
        if scene.desk.reading is Reading.FAILED:
            made += [note(line, "error") for line in wrapped(scene.desk.problem, width, 3)]
        return made + trust_rows(scene.desk.trust, width)

    def _frame(self, session: Session) -> Frame:
        counts = session.counts
        settled = counts[StepState.DONE] + counts[StepState.SKIPPED]
        left: list[Span] = [(f"{settled} of {len(session.counted)} done", "muted")]
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
        counted = session.counted
        at = next(
            (number for number, step in enumerate(steps) if step.id == self.key), -1 if direction > 0 else len(steps)
        )
        rest = steps[at + 1 :] if direction > 0 else steps[:at][::-1]
        found = next(
            (step for step in rest if step in counted and session.progress(step.id).state is StepState.TODO), None
        )
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
        if engine is None:
            return
        if offered is not None and self._names(engine, offered)[1] == letter:
            event.stop()
            self.guide.act("run")
        elif place := self._place_of(letter, engine):
            event.stop()
            self.guide.tell(place)

    def _place_of(self, letter: str, engine: Watched) -> str:
        """Where an action's letter works, for prose that names one; "" for a letter that is none."""
        keys = engine.profile.keys
        specs = [spec for spec in engine.catalogue.specs if keys.get(spec.id, spec.key) == letter]
        panes = [(pane, spec) for pane in self.guide.cockpit.present for spec in specs if spec.pane in pane.kinds]
        said = "; ".join(f"{letter} is “{spec.title}” in pane {pane.NUMBER}" for pane, spec in panes)
        return f"{said}: {panes[0][0].NUMBER} goes there, r comes back." if panes else ""

    def on_resize(self, event: events.Resize) -> None:
        """Another width, other lines."""
        self.draw()


def _mark(stand: Stand) -> object:
    """Changes when a line of the step does."""
    sight = stand.sight
    aged = None if sight is None else int((stand.now - sight.at).total_seconds())
    seconds = tuple((timer.running, int(timer.remaining_s), timer.times) for timer in stand.timers)
    return (
        stand.progress,
        stand.offered,
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
        stand.waits,
        stand.reach,
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
    # The last line of a script stands above, among its lines.
    note = "" if running.request is not None and running.request.action == SCRIPT else running.note
    return f"{running.phase}{done}{f'  {note}' if note else ''}"
