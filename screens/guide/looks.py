"""The questions that steps ask: one at a time for each step, their answers, and when one is asked again by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cockpit.clock import Clock
from cockpit.errors import CockpitError
from cockpit.model.look import Sight

AGAIN_S = 15.0
UNTOUCHED_S = 600.0  # nobody has pressed a key for so long: nobody reads the answers


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the last question of a step."""

    sight: Sight | None = None
    wrong: str = ""  # why there is none


class Looks:
    """Answers by step. The last sight stays while a new question is out, and after one that failed."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._answers: dict[str, Answer] = {}
        self._asking: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def answer(self, step: str) -> Answer:
        """Of the last question; empty before there was one."""
        return self._answers.get(step, Answer())

    def asking_s(self, step: str) -> float | None:
        """How long a question has been out, None when none is."""
        begun = self._asking.get(step)
        return None if begun is None else self._clock.monotonic() - begun

    def due(self, step: str) -> bool:
        """It was answered once, and that is a while ago."""
        ended = self._ended.get(step)
        return ended is not None and step not in self._asking and self._clock.monotonic() - ended >= AGAIN_S

    async def ask(self, step: str, question: Callable[[], Awaitable[Sight]]) -> None:
        """Ask and keep the answer; nothing where one is out already."""
        if step in self._asking:
            return
        self._asking[step] = self._clock.monotonic()
        self._changed()
        try:
            self._answers[step] = Answer(await question())
        except CockpitError as error:
            hint = f" {error.hint[0].upper()}{error.hint[1:]}" if error.hint else ""
            self._answers[step] = Answer(self.answer(step).sight, f"{error.message}.{hint}")
        finally:
            del self._asking[step]
            self._ended[step] = self._clock.monotonic()
            self._changed()
