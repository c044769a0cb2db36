"""Rotating a secret: add a version, restart who uses it, see that they came up, disable the old version.

It goes step by step and stops at the first that fails; the old version stays enabled unless all before it was seen to
be well. What was done, what was not, and how to go back is said in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import ActionHandler, RunControl
from cockpit.actions.secretmanager import (
    ADDS,
    BACK,
    ENABLE,
    ROTATE,
    SWITCHES,
    SecretAction,
    Values,
    Vault,
    by_hand,
    grown,
    identity,
    version_of,
)
from cockpit.errors import CockpitError
from cockpit.model.action import (
    ActionRequest,
    Change,
    Grant,
    Outcome,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Undo,
    Verification,
)
from cockpit.model.revisions import ServiceStatus
from cockpit.model.secretstore import SecretVersion, StoredSecret

RESTART_S = 170.0  # its operation has two minutes
_OTHER_S = 60.0


@dataclass(slots=True)
class _Course:
    """How far it came."""

    steps: tuple[str, ...]
    control: RunControl
    done: list[str] = field(default_factory=list)

    def begin(self) -> str:
        """The step that is next, told to the operator."""
        step = self.steps[len(self.done)]
        self.control.progress(len(self.done), len(self.steps), step)
        return step

    def end(self, said: str) -> None:
        """That step is done."""
        self.done.append(said)
        self.control.progress(len(self.done), len(self.steps), said)


class _Stop(Exception):
    """A step failed, or was not wanted any more; `open_` where its effect is not known."""

    def __init__(self, reason: str, *, open_: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.open_ = open_


class Rotate(SecretAction):
    """secrets.rotate. `restarts`: by source the action that restarts it, None where there is none."""

    def __init__(
        self, ground: GoogleGround, vault: Vault, values: Values, restarts: Mapping[str, ActionHandler | None]
    ) -> None:
        super().__init__(ROTATE, ground, vault)
        self._values = values
        self._restarts = restarts

    def keep(self, value: str) -> str:
        """What was typed; its reference."""
        return self._values.keep(value)

    def unavailable(self) -> str:
        """The profile must say who uses the secrets, and it must be something that can be restarted."""
        if not self._restarts:
            return "the profile names nobody to restart (restarts of this source): add a version, restart by hand"
        unknown = [source for source, handler in self._restarts.items() if handler is None]
        return f"{', '.join(unknown)} of restarts is no Cloud Run service of this profile" if unknown else ""

    async def plan(self, request: ActionRequest) -> Plan:
        """All steps, with what speaks against any of them."""
        name, reference = request.get("secret"), request.get("from")
        origin = await self._values.look(reference)
        secret = await self._vault.secret(name)
        restarts = [await self._plan_of(handler) for handler in self._handlers]
        old = secret.newest
        steps = _steps(name, origin.said, restarts, old)
        undo = self._undo(request, old)
        services = ", ".join(each.target for each in restarts)
        card = self.card(
            request,
            title=f"Rotate {name} with {origin.said}, and restart {services}",
            target=self.target(name),
            identity={
                **identity(secret, self.full(name)),
                "old version": f"{old.number} {old.etag}" if old else "none",
                "value from": origin.identity,
                **{each.request.source: _mark(each) for each in restarts},
            },
            permission=_both(await self.permission(name, [ADDS, SWITCHES["disable"]]), restarts),
            undo=undo,
            refusals=(*_no_old(secret), *(each for plan in restarts for each in _against(plan, name))),
            warnings=(
                *origin.warnings,
                *_left_enabled(secret),
                *(each for plan in restarts for each in _says(plan, name)),
            ),
            changes=(
                Change("readable version", old.number if old else "none", "a new one"),
                *(Change(each.target, "running", "restarted") for each in restarts),
                Change(f"version {old.number if old else '?'}", "ENABLED", "DISABLED"),
            ),
            objects=steps,
            affected=f"{services}: restarted; whoever else reads {name}: `latest` is another value from now on, and"
            f" version {old.number if old else '?'} fails in the end",
            operation="\n".join(
                [
                    self._vault.add_request(name),
                    *(line for each in restarts for line in each.operation),
                    self._vault.switch_request(name, old.number, old.etag, "disable") if old else "",
                ]
            ),
            equivalent=(
                by_hand(name, self._vault.project, origin),
                *(line for each in restarts for line in each.equivalent),
                f"gcloud secrets versions disable {old.number if old else 'OLD'} --secret={name}"
                f" --project={self._vault.project}",
            ),
            symptoms=(self.source, *(each.request.source for each in restarts)),
            basis={"old": old, "steps": steps, "marks": {each.request.source: _mark(each) for each in restarts}},
        )
        return replace(card, deadline_s=_OTHER_S + RESTART_S * len(restarts))

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """One step after the other."""
        name, old = plan.request.get("secret"), cast("SecretVersion", plan.basis["old"])
        course = _Course(cast("tuple[str, ...]", plan.basis["steps"]), control)
        payload = await self._values.read(plan.request.get("from"))
        course.begin()
        new = await self._vault.add_version(name, payload)
        course.end(f"version {new.number} of {name} was added")
        try:
            for handler in self._handlers:
                await self._restart(handler, cast("Mapping[str, str]", plan.basis["marks"]), course)
            await self._disable(name, old, course)
        except _Stop as stop:
            return _stopped(stop, course, name, old, new)
        noted = ("the value ends with a line break, which is part of it now",) if payload.ends_with_break else ()
        said = f"{name} is rotated: version {new.number} is used, version {old.number} is disabled"
        total = len(course.steps)
        return RunResult(Outcome.SUCCEEDED, said, total, total, (*course.done, *noted), plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The old version is off, and there is a newer one."""
        name, old = plan.request.get("secret"), cast("SecretVersion", plan.basis["old"])
        secret = await self._vault.secret(name)
        newer, state = grown(secret, old.number), version_of(secret, old.number).state
        return Verification(newer.holds and state == "DISABLED", f"{newer.text}; version {old.number} is {state}")

    @property
    def _handlers(self) -> list[ActionHandler]:
        return [handler for handler in self._restarts.values() if handler is not None]

    @staticmethod
    async def _plan_of(handler: ActionHandler) -> Plan:
        return await handler.plan(ActionRequest(handler.spec.id, handler.source, {}))

    async def _restart(self, handler: ActionHandler, marks: Mapping[str, str], course: _Course) -> None:
        """Plans it anew, restarts, and sees whether it came up. Raises _Stop."""
        course.begin()
        if course.control.aborted():
            raise _Stop("it was stopped before this step")
        try:
            async with asyncio.timeout(RESTART_S):
                plan = await self._plan_of(handler)
                if plan.refusals or _mark(plan) != marks[handler.source]:
                    against = plan.refusals[0].reason if plan.refusals else "it was changed since the plan was made"
                    raise _Stop(f"{plan.target}: {against}")
                result = await handler.run(plan, RunControl(lambda *_: None, course.control.aborted))
                seen = await handler.verify(plan, result)
        except CockpitError as error:
            raise _Stop(str(error), open_=error.effect_possible) from None
        except TimeoutError:
            raise _Stop(f"{handler.source} did not come up in {RESTART_S:g} s", open_=True) from None
        if result.outcome is not Outcome.SUCCEEDED or seen.holds is not True:
            raise _Stop(f"{plan.target}: {seen.text or result.summary}")
        course.end(f"{plan.target} was restarted: {seen.text}")

    async def _disable(self, name: str, old: SecretVersion, course: _Course) -> None:
        course.begin()
        if course.control.aborted():
            raise _Stop("it was stopped before this step")
        try:
            version = await self._vault.disable(name, old.number, old.etag)
        except CockpitError as error:
            raise _Stop(str(error), open_=error.effect_possible) from None
        if version.state != "DISABLED":
            raise _Stop(f"version {old.number} is {version.state}")
        course.end(f"version {old.number} was disabled")

    def _undo(self, request: ActionRequest, old: SecretVersion | None) -> Undo:
        if old is None:
            return Undo("nothing to undo")
        params = {"secret": request.get("secret"), "version": old.number}
        return Undo(
            f"enable version {old.number} again; `latest` stays the new one: {BACK.format(old=old.number)}",
            ActionRequest(ENABLE.id, request.source, params),
        )


def _steps(name: str, said: str, restarts: Sequence[Plan], old: SecretVersion | None) -> tuple[str, ...]:
    return (
        f"add a version of {name} from {said}",
        *(f"restart {each.target} and see that it comes up" for each in restarts),
        f"disable version {old.number if old else '?'} of {name}",
    )


def _stopped(stop: _Stop, course: _Course, name: str, old: SecretVersion, new: SecretVersion) -> RunResult:
    """What is so now, and the ways out of it."""
    left = course.steps[len(course.done) :]
    unsure = ", and may have happened" if stop.open_ else ""
    unknown = stop.open_ and len(left) == 1
    kept = f"whether version {old.number} is disabled is not known" if unknown else f"version {old.number} is enabled"
    details = (
        *(f"done: {each}" for each in course.done),
        f"failed{unsure}: {left[0]}: {stop.reason}",
        *(f"not done: {each}" for each in left[1:]),
        f"{kept}; `latest` is version {new.number}, which whoever starts now gets",
        f"to go on: see to the cause, do by hand what is left, disable version {old.number} last (secrets.disable)",
        f"to go back to the old value: {BACK.format(old=old.number)}; then disable version {new.number}",
    )
    outcome = Outcome.UNKNOWN if stop.open_ else Outcome.FAILED
    said = f"stopped after {len(course.done)} of {len(course.steps)} steps: {stop.reason}"
    # Without a way back on offer: enabling a version that was left enabled would change nothing.
    return RunResult(outcome, said, len(course.done), len(course.steps), details, Undo(details[-1]))


def _no_old(secret: StoredSecret) -> tuple[Refusal, ...]:
    if secret.newest is not None:
        return ()
    return (Refusal("preconditions", f"{secret.name} has no enabled version to replace", "secrets.add is enough"),)


def _left_enabled(secret: StoredSecret) -> tuple[str, ...]:
    newest = secret.newest
    older = [each.number for each in secret.versions if each.state == "ENABLED" and each is not newest]
    return (f"older versions stay enabled: {', '.join(older)}",) if older else ()


def _mark(restart: Plan) -> str:
    """What must not change between plan and run: the service and its etag."""
    return " ".join(restart.identity.values())


def _versions(restart: Plan, name: str) -> tuple[str, ...]:
    status = restart.basis.get("before")
    return tuple(v for each, v in status.secrets if each == name) if isinstance(status, ServiceStatus) else ()


def _against(restart: Plan, name: str) -> list[Refusal]:
    found = [
        Refusal(each.step, f"restart of {restart.target}: {each.reason}", each.hint) for each in restart.refusals
    ]
    pinned = [version for version in _versions(restart, name) if version != "latest"]
    if pinned:
        reason = f"{restart.target} reads version {pinned[0]} of {name} by number: a restart changes nothing there"
        found.append(
            Refusal("preconditions", reason, "let its template read `latest`, or deploy it with the new one")
        )
    return found


def _says(restart: Plan, name: str) -> list[str]:
    found = [f"{restart.target}: {each}" for each in restart.warnings]
    if not _versions(restart, name):
        found.append(f"the template of {restart.target} does not name {name}: it must read `latest` of it by itself")
    return found


def _both(own: Permission, restarts: Sequence[Plan]) -> Permission:
    """The worst of them all; of what is not held, everything is named at once."""
    permissions = [own, *(each.permission for each in restarts)]
    for grant in (Grant.DENIED, Grant.UNKNOWN):
        found = [each for each in permissions if each.grant is grant]
        if found:
            needs = dict.fromkeys(need for each in found for need in each.needs.split(", "))
            return Permission(grant, ", ".join(needs), "; ".join(dict.fromkeys(each.how for each in found)))
    return Permission(Grant.GRANTED, ", ".join(each.needs for each in permissions))
