"""The effect watch: compares the symptoms before and after an action until a verdict is plain or time is up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cockpit.clock import Clock
from cockpit.model.action import Effect, Score, Verdict
from cockpit.model.severity import Severity

STEP_S = 1.0
CALM_S = 8.0  # how long all symptoms must be gone before they count as gone
WORSE_S = 15.0  # how long a new symptom must stay before it counts


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was wrong, or could become so, at one moment."""

    name: str
    text: str
    severity: Severity
    measured_at: float  # seconds since the epoch; a reading from before the action proves nothing


Symptoms = Callable[[], Mapping[str, Symptom]]


class EffectWatch:
    """Watches one action's symptoms. `run` returns the final effect; `now` is the latest one.

    `wanted` names the symptoms of `before` that are compared; any other joins them once it fails or cannot be seen.
    """

    def __init__(
        self,
        before: Mapping[str, Symptom],
        wanted: Collection[str],
        look: Symptoms,
        duration_s: float,
        clock: Clock,
    ) -> None:
        self._before = before
        self._wanted = wanted
        self._look = look
        self._duration_s = duration_s
        self._clock = clock
        self._overtaken = False
        self.now = Effect(None, (), duration_s)

    def overtake(self) -> None:
        """Another action changed something: what is seen from now on may be its doing, so nothing can be told."""
        self._overtaken = True

    async def run(self, tell: Callable[[], None]) -> Effect:
        """Look every second; `tell` after each look."""
        started = self._clock.monotonic()
        began_at = self._clock.now().timestamp()
        calm_since: float | None = None
        worse_since: float | None = None
        bad_before = max((self._before[name].severity for name in self._wanted), default=Severity.OK)
        while True:
            elapsed = self._clock.monotonic() - started
            after = self._look()
            fresh = all(after[name].measured_at > began_at for name in self._wanted if name in after)
            scores = self._scores(after)
            bad_after = max((score.after_severity for score in scores), default=Severity.UNKNOWN)
            # What can no longer be seen is not better, but that it is worse would be a guess.
            grown = any(score.before_severity < score.after_severity is Severity.CRIT for score in scores)
            calm_since = _since(calm_since, fresh and bad_after is Severity.OK, elapsed)
            worse_since = _since(worse_since, fresh and grown, elapsed)
            remaining = max(0.0, self._duration_s - elapsed)
            verdict: Verdict | None = None
            if self._overtaken:
                verdict = Verdict.UNKNOWN
            elif calm_since is not None and elapsed - calm_since >= CALM_S and bad_before > Severity.OK:
                verdict = Verdict.RECOVERED
            elif worse_since is not None and elapsed - worse_since >= WORSE_S:
                verdict = Verdict.WORSE
            elif remaining <= 0:
                verdict = _final(fresh, bad_before, bad_after, grown)
            self.now = Effect(verdict, scores, remaining)
            tell()
            if verdict is not None:
                return self.now
            await self._clock.sleep(STEP_S)

    def _scores(self, after: Mapping[str, Symptom]) -> tuple[Score, ...]:
        return tuple(
            Score(
                symptom.name,
                symptom.text,
                after[key].text if key in after else "no longer seen",
                symptom.severity,
                after[key].severity if key in after else Severity.UNKNOWN,
            )
            for key, symptom in self._before.items()
            if key in self._wanted or _failed(symptom, after.get(key))
        )


def _failed(before: Symptom, after: Symptom | None) -> bool:
    """What was no symptom became one."""
    return after is not None and before.severity < after.severity >= Severity.UNKNOWN


def _since(since: float | None, holds: bool, now: float) -> float | None:
    if not holds:
        return None
    return now if since is None else since


def _final(fresh: bool, bad_before: Severity, bad_after: Severity, grown: bool) -> Verdict:
    if not fresh or bad_after is Severity.UNKNOWN:
        return Verdict.UNKNOWN
    if grown:
        return Verdict.WORSE
    return Verdict.RECOVERED if bad_after < bad_before and bad_after is Severity.OK else Verdict.NO_CHANGE
