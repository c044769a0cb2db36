"""The questions that steps ask: one at a time for each step, their answers, and when one is asked again by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cockpit.clock import Clock
from cockpit.errors import CockpitError, RateLimited
from cockpit.model.look import Sight
from cockpit.runbooks.guide.progress import not_answered

AGAIN_S = 15.0
UNTOUCHED_S = 600.0  # nobody has pressed a key for so long: nobody reads the answers


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the last question of a step."""

    sight: Sight | None = None
    wrong: str = ""  # why there is none
    quota: bool = False  # nobody answered: it is asked again when that may be


class Looks:
    """Answers by step. The last sight stays while a new question is out, and after one that failed."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._answers: dict[str, Answer] = {}
        self._asking: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._again: dict[str, float] = {}  # when a quota may have room

    def answer(self, step: str) -> Answer:
        """Of the last question; empty before there was one."""
        return self._answers.get(step, Answer())

    def asking_s(self, step: str) -> float | None:
        """How long a question has been out, None when none is."""
        begun = self._asking.get(step)
        return None if begun is None else self._clock.monotonic() - begun

    def due(self, step: str) -> bool:
        """It was answered once, and that is a while ago."""
        ended, now = self._ended.get(step), self._clock.monotonic()
        if ended is None or step in self._asking:
            return False
        return now >= self._again.get(step, ended + AGAIN_S)

    def waits(self, step: str) -> str:
        """That a quota kept its question from being answered, and for how long; "" where that is not so."""
        if not self.answer(step).quota:
            return ""
        left = self._again[step] - self._clock.monotonic()
        return not_answered(left) if left > 0 else "not answered: quota; enter asks again"

    async def ask(self, step: str, question: Callable[[], Awaitable[Sight]]) -> None:
        """Ask and keep the answer; nothing where one is out already."""
        if step in self._asking:
            return
        self._asking[step] = self._clock.monotonic()
        self._changed()
        try:
            self._answers[step] = Answer(await question())
            self._again.pop(step, None)
        except RateLimited as error:
            after = AGAIN_S if error.retry_after_s is None else error.retry_after_s
            self._again[step] = self._clock.monotonic() + after
            self._answers[step] = Answer(self.answer(step).sight, quota=True)
        except CockpitError as error:
            hint = f" {error.hint[0].upper()}{error.hint[1:]}" if error.hint else ""
            self._answers[step] = Answer(self.answer(step).sight, f"{error.message}.{hint}")
            self._again.pop(step, None)
        finally:
            del self._asking[step]
            self._ended[step] = self._clock.monotonic()
            self._changed()
