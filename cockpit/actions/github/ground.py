"""What actions on GitHub share: rights as far as they can be seen before, names, and following a run to its end."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from cockpit.actions.carded import CardedAction
from cockpit.actions.handler import RunControl, Scene
from cockpit.adapters.github.sending import Sending
from cockpit.clock import Clock
from cockpit.errors import CockpitError, RateLimited, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Grant,
    Outcome,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Undo,
)
from cockpit.model.delivery import SHORT, DeliveryStatus, Repository, Run
from cockpit.profile.delivery import GithubSource
from cockpit.profile.schema import Limits

if TYPE_CHECKING:
    from cockpit.adapters.github.desk import GithubDesk

FOLLOW_S = 2700.0  # a deployment that takes longer goes on without being watched
_REST_S = 5.0  # of the deadline, for the last look
_FIRST_S, _MOST_S = 3.0, 15.0
_APPEARS_S = 60.0  # a run is there so long after what made it
_RUN_ID = re.compile(r"run (\d+)")


@dataclass(frozen=True, slots=True)
class GithubGround:
    """Where the actions of one source stand."""

    source: str
    table: GithubSource
    desk: GithubDesk
    scene: Scene
    limits: Limits
    clock: Clock
    reading: Callable[[], DeliveryStatus | None]  # the last one, for what a card says beside the facts it rests on

    def named(self, what: str) -> str:
        """As a person tells it from all others: "run 7 of deploy in shop-team/shop at github.com"."""
        return f"{what} in {self.table.repository} at {self.table.host}"

    def gh(self, *words: str) -> str:
        """The same by hand: a command line that cannot go to another repository."""
        host = "" if self.table.host == "github.com" else f"{self.table.host}/"
        return " ".join(("gh", *words, "-R", f"{host}{self.table.repository}"))


class How(enum.Enum):
    """How following a run ended."""

    DONE = "done"
    FAILED = "failed"
    LATE = "late"  # it goes on
    LEFT = "left"  # the operator stopped looking
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Followed:
    """The run as it was seen last."""

    how: How
    said: str
    run: Run | None = None


class GithubAction(CardedAction):
    """Base of the handlers. Every plan reads what it rests on itself: the quota may have put off the polls."""

    NEEDS = "actions: write"  # of a fine-grained token

    def __init__(self, spec: ActionSpec, ground: GithubGround) -> None:
        super().__init__(spec, ground)
        self._ground = ground
        self._desk = ground.desk

    def card(self, request: ActionRequest, **kept: Any) -> Plan:
        """The plan in its usual frame."""
        return replace(super().card(request, **kept), rests_on_reading=False)

    def shown(self, change: Sending) -> str:
        """The request as it goes out."""
        return change.shown(self._desk.api)

    async def allowed(self) -> tuple[Repository, Permission, list[Refusal]]:
        """The repository, what is known of the token's rights there, and whether it can be changed at all.

        A fine-grained token does not tell its rights before it is used; a classic one tells its scopes.
        """
        about = await self._desk.about()
        refusals = []
        if about.archived:
            refusals.append(Refusal("preconditions", f"{about.name} is archived: it is read-only at GitHub"))
        if not about.may_push:
            how = f"ask an administrator of {about.name} for the role Write, and for a token with {self.NEEDS}"
            return about, Permission(Grant.DENIED, f"write access to {about.name}", how), refusals
        if not about.scopes:
            how = f"the user may write; whether the token has {self.NEEDS} is only known once it is used"
            return about, Permission(Grant.UNKNOWN, self.NEEDS, how), refusals
        if {"repo", "public_repo"} & set(about.scopes):
            return about, Permission(Grant.GRANTED, "scope repo"), refusals
        has = ", ".join(about.scopes)
        return about, Permission(Grant.DENIED, "scope repo", f"the token has {has}: make one with repo"), refusals

    def identity(self, about: Repository, **more: str) -> Mapping[str, str]:
        """Host, repository by its id, and what is acted on."""
        return {"host": self._ground.table.host, "repository": about.name, "repository_id": str(about.id), **more}

    # -- following

    async def follow(self, run: int, after: int, control: RunControl, until: float) -> Followed:
        """The run to the end of its first attempt after `after`; `until` in monotonic seconds. Does not raise."""
        clock, pause, seen, trouble = self._ground.clock, _FIRST_S, cast("Run | None", None), ""
        while True:
            try:
                seen, trouble = await self._desk.run(run), ""
            except RateLimited as error:
                trouble, pause = error.message, max(pause, error.retry_after_s or pause)
            except CockpitError as error:
                trouble = error.message
            if seen is not None:
                if not seen.running and seen.attempt > after:
                    return _ended(seen)
                control.progress(*_progress(seen))
            now = seen.state if seen is not None and seen.attempt > after else "not begun"
            if control.aborted():
                return Followed(How.LEFT, f"{now}; it goes on, no longer followed", seen)
            if clock.monotonic() + pause >= until:
                how = How.UNSEEN if trouble else How.LATE
                return Followed(how, trouble or f"{now}; it goes on by itself", seen)
            await clock.sleep(pause)
            pause = min(_MOST_S, pause * 1.3)

    async def appeared(
        self, known: frozenset[int], control: RunControl, workflow: str, asked: Mapping[str, str]
    ) -> list[Run]:
        """Runs that were not there before, within a minute of what made them; none where none came, or on a stop."""
        clock = self._ground.clock
        until, pause = clock.monotonic() + _APPEARS_S, 1.0
        while True:
            found = [each for each in await self._desk.runs(workflow, asked) if each.id not in known]
            if found or control.aborted() or clock.monotonic() + pause >= until:
                return found
            control.progress(0, 0, "waiting for its run to appear")
            await clock.sleep(pause)
            pause = min(5.0, pause * 1.5)

    def came_of(self, made: str, followed: Followed, undo: Undo, undone: Undo | None = None) -> RunResult:
        """The outcome by how the run ended; the first of the details names it. `undone`: where it failed."""
        run = followed.run
        details = () if run is None else (f"run {run.id}", *_lines(run))
        said = f"{made}: {followed.said}"
        if followed.how is How.DONE:
            return RunResult(Outcome.SUCCEEDED, said, details=details, undo=undo)
        if followed.how is How.FAILED:
            return RunResult(Outcome.FAILED, said, details=details, undo=undone)
        return RunResult(Outcome.UNKNOWN, said, details=details, undo=undo)

    def until(self, plan: Plan) -> float:
        """When following has to end, in monotonic seconds."""
        return self._ground.clock.monotonic() + plan.deadline_s - _REST_S


def run_in(details: Sequence[str]) -> int:
    """The run that the first line of the details names, 0 for none."""
    match = _RUN_ID.fullmatch(details[0]) if details else None
    return int(match[1]) if match else 0


def whole(text: str, what: str) -> int:
    """A positive number. Raises Refused."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise Refused("parameters", f"{what} must be a number", hint="it stands in the row")
    return int(text)


def short(sha: str) -> str:
    """As people write it."""
    return sha[:SHORT] or "unknown"


def _ended(run: Run) -> Followed:
    how = How.DONE if run.conclusion == "success" else How.FAILED
    broken = [f"{job.name} at {job.step.name}" if job.step else job.name for job in run.jobs if job.failed]
    where = f" ({', '.join(broken[:3])})" if broken else ""
    return Followed(how, f"#{run.number} attempt {run.attempt} ended: {run.state}{where}", run)


def _progress(run: Run) -> tuple[int, int, str]:
    done = sum(job.status == "completed" for job in run.jobs)
    busy = next((job for job in run.jobs if job.status == "in_progress"), None)
    step = f", {busy.step.name}" if busy is not None and busy.step is not None else ""
    where = f": {busy.name}{step}" if busy is not None else ""
    return done, len(run.jobs), f"#{run.number} {run.state}{where}"


def _lines(run: Run) -> list[str]:
    return [f"{job.name}: {(job.conclusion or job.status).replace('_', ' ')}" for job in run.jobs[:50]]
