"""What the keys do to a step: ask its question, open the plan of its action, tick, skip, note, copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cockpit.model.look import Sight
from cockpit.model.runbook import Step
from cockpit.runbooks.guide.nesting import below, takes_time
from cockpit.runbooks.guide.offer import Offered
from cockpit.runbooks.guide.people import copied
from cockpit.runbooks.guide.progress import Escalation, StepState
from cockpit.runbooks.guide.session import Session
from cockpit.runbooks.trust import Accepted
from screens.guide import clocks
from screens.guide.asking import AskForm, stages
from screens.guide.looks import UNTOUCHED_S, Looks
from screens.guide.sections import loose_links

if TYPE_CHECKING:
    from cockpit.model.action import Choice
    from cockpit.runbooks.guide.desk import Desk
    from cockpit.runbooks.guide.offer import Ask
    from screens.guide.panel import Guide

_SETTLED = (StepState.DONE, StepState.SKIPPED, StepState.FAILED)


class Acts:
    """On the session that the playbook view shows. Whatever changes the system goes through the action flow."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide
        self._sessions: dict[str, Looks] = {}
        self._touched = 0.0

    @property
    def _looks(self) -> Looks | None:
        session = self._guide.playbook.session
        return self._sessions.get(session.id) if session is not None else None

    def begin(self, desk: Desk, session: Session, step: str) -> None:
        """Show this session; answers that it had in this cockpit are still there."""
        looks = self._sessions.get(session.id)
        if looks is None:
            looks = self._sessions[session.id] = Looks(self._guide.cockpit.clock, self._redraw)
        self._guide.playbook.begin(desk, session, looks, step)
        self.touched()

    def _redraw(self) -> None:
        if self._guide.is_attached:
            self._guide.playbook.draw()

    def touched(self) -> None:
        """Somebody pressed a key."""
        self._touched = self._guide.cockpit.clock.monotonic()

    # -- by key

    def verb(self) -> str:
        """What enter does to the step under the cursor, in a word."""
        view = self._guide.playbook
        step = view.step
        offered = view.offer(step.id) if step is not None else None
        if step is not None and self._first_below(view.session, step):
            return "Go on"
        if offered is None or (offered.look is None and offered.action is None):
            return "Read"
        return "Ask" if offered.look is not None else "Plan"

    @staticmethod
    def _first_below(session: Session | None, step: Step) -> str:
        """The first step below an item that is still to do; "" where it introduces none."""
        if session is None or step in session.counted:
            return ""
        rest = next((rest for item, rest in below(session.steps) if item is step), ())
        todo = (each for each in rest if each in session.counted)
        return next((each.id for each in todo if session.progress(each.id).state is StepState.TODO), "")

    def act(self, verb: str) -> None:
        """The step is the one under the cursor now, whatever moves later."""
        view = self._guide.playbook
        session, step = view.session, view.step
        if session is None:
            return
        if verb == "acknowledge":
            self._acknowledge(session, step.id if step is not None else "")
        elif verb == "close":
            self._guide.end_session(session)
        elif step is None:
            gone = "The step under the cursor is gone or has changed: go to one with ↑ or ↓."
            self._guide.tell(gone if view.lost else "Put the cursor on a step.")
        elif verb == "run":
            self._run(session, step, view.offer(step.id))
        elif verb == "tick":
            self._tick(session, step)
        elif verb == "skip":
            skipped = session.progress(step.id).state in _SETTLED
            self._guide.work(session.reopen(step.id) if skipped else session.skip(step.id))
        elif verb == "fail":
            self._fail(session, step)
        elif verb == "note":
            self._guide.ask_note(step.id)
        elif verb == "copy":
            self._copy(step)
        elif verb == "detail":
            self._detail(session, step, view.offer(step.id))

    def _acknowledge(self, session: Session, step: str) -> None:
        found = clocks.reminder(session.escalations, session.timers(), step)
        if found is None:
            self._guide.tell("Nothing is due.")
        elif isinstance(found, Escalation):
            self._guide.work(session.told(found.id))
        else:
            self._guide.work(session.again(found.id))

    def _tick(self, session: Session, step: Step) -> None:
        progress = session.progress(step.id)
        if progress.state is StepState.RUNNING and progress.run:
            self._guide.tell("It is under way: what comes of it decides.")
        elif progress.state in _SETTLED:
            self._guide.work(session.reopen(step.id))
        elif progress.state is StepState.TODO and takes_time(step):
            self._guide.work(session.start(step.id))
        else:
            sight = self._guide.playbook.glanced(step.id)
            self._guide.work(session.tick(step.id, sight.summary if sight is not None else ""))

    def _fail(self, session: Session, step: Step) -> None:
        progress = session.progress(step.id)
        if progress.state is StepState.RUNNING and progress.run:
            self._guide.tell("It is under way: what comes of it decides.")
        elif progress.state is StepState.FAILED:
            self._guide.work(session.reopen(step.id))
        else:
            sight = self._guide.playbook.glanced(step.id)
            self._guide.work(session.fail(step.id, sight.summary if sight is not None else progress.result))

    def _copy(self, step: Step) -> None:
        reaches = self._guide.desk.people.at_hand(step)
        text = step.command.text if step.command is not None else copied(step, reaches) or step.text

        async def work() -> None:
            self._guide.tell(await self._guide.cockpit._copied(text))

        self._guide.work(work())

    def _detail(self, session: Session, step: Step, offered: Offered | None) -> None:
        from screens.dialogs.detail import DetailScreen
        from screens.guide.detail import detail

        looks = self._looks
        sight = looks.answer(step.id).sight if looks is not None else None
        if offered is not None and offered.live:
            sight = self._guide.playbook.glanced(step.id) or sight
        progress = session.progress(step.id)
        output = self._guide.desk.output(progress.run) if progress.run else ()
        lines = detail(
            step, progress, offered, sight, output, [each for each in session.notes if each.step == step.id]
        )
        lines += [("reach", f"{each.label}  {each.how}") for each in self._guide.desk.people.at_hand(step)]
        # Below the steps they cannot be selected: here they can be copied.
        lines += [("link", f"{link.text}  {link.target}") for link in loose_links(session)]
        screen = DetailScreen(f"{session.playbook.title}", lines, self._guide.cockpit._copied)
        self._guide.app.push_screen(screen)

    # -- looks and actions

    def _run(self, session: Session, step: Step, offered: Offered | None) -> None:
        progress = session.progress(step.id)
        under_way = progress.state is StepState.RUNNING and bool(progress.run)
        if first := self._first_below(session, step):
            self._guide.playbook.go(first)
        elif offered is None or under_way or (offered.look is None and offered.action is None):
            self._detail(session, step, offered)
        elif offered.blocked:
            if isinstance(self._guide.desk.trust, Accepted):
                self._guide.tell(offered.blocked)
            else:
                self._guide.action_accept()
        elif offered.look is not None:
            self._guide.work(self._ask(session, step, offered))
        else:
            flow = self._guide.cockpit.flow
            if flow is not None and flow.busy:
                self._guide.tell("Another action is still open or under way.")
            else:
                self._guide.work(self._plan(session, step, offered))

    async def _ask(self, session: Session, step: Step, offered: Offered) -> None:
        looks = self._looks
        values = await self._values(step, offered)
        if looks is None or values is None:
            return

        async def question() -> Sight:
            return await self._guide.desk.look(session, step.id, values)

        await looks.ask(step.id, question)

    async def _plan(self, session: Session, step: Step, offered: Offered) -> None:
        values = await self._values(step, offered)
        flow = self._guide.cockpit.flow
        if values is None or flow is None:
            return
        request = self._guide.desk.request(session, step.id, values)
        place = f"{session.playbook.title}, {session.playbook.file}:{step.line}"
        desk = self._guide.desk
        flow.request(request, f"a step of the runbook: {place}", lambda: desk.withdraw(session, step.id))

    async def _values(self, step: Step, offered: Offered) -> dict[str, str] | None:
        """What the command leaves open, asked for in one or two forms; None when that was given up."""
        guide, engine = self._guide, self._guide.engine
        if engine is None:
            return None
        where = f"{engine.profile.environment.upper()} {engine.profile.system}"
        command = step.command.text if step.command is not None else step.text
        values: dict[str, str] = {}
        for stage in stages(offered):
            said = ""
            while True:
                known: Mapping[str, str] = dict(values)

                async def choices(ask: Ask, known: Mapping[str, str] = known) -> tuple[Choice, ...]:
                    return tuple(await guide.desk.choices(offered, ask, known))

                form = AskForm(step.text or command, command, stage, where, choices, said)
                given = await guide.app.push_screen_wait(form)
                if given is None:
                    return None
                wrong = guide.desk.problems(offered, {**values, **given})
                said = "; ".join(wrong[ask.name] for ask in stage if ask.name in wrong)
                if not said:
                    values |= given
                    break
        return values

    def look_again(self) -> None:
        """Ask the question under the cursor anew when its answer has become old and somebody is there to read it."""
        guide, looks = self._guide, self._looks
        view, engine = guide.playbook, guide.engine
        step = view.step
        if step is None or looks is None or engine is None or not view.has_focus or not guide.screen.is_current:
            return
        offered = view.offer(step.id)
        if offered is None or offered.look is None or not offered.sends or offered.asks or offered.blocked:
            return
        request, desk, session = offered.look, guide.desk, view.session
        recent = guide.cockpit.clock.monotonic() - self._touched < UNTOUCHED_S
        if not recent or not looks.due(step.id):
            return
        unanswered = looks.answer(step.id).quota
        if session is not None and unanswered and session.progress(step.id).state is StepState.TODO:
            guide.work(looks.ask(step.id, lambda: desk.look(session, step.id, {})))  # what somebody has asked
        else:
            # Not a step anew: it is recorded when somebody asks, not when the answer is kept fresh.
            guide.work(looks.ask(step.id, lambda: engine.looks.look(request)))
