"""Maintenance mode as the profile declares it: the flag, the restarts, and what the system then says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import reverted
from cockpit.actions.kube.configmap import basis_of, by_hand
from cockpit.actions.kube.configuration import Restarts, holds, key_change, unwritten, written
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.actions.kube.workload import rehearse
from cockpit.adapters.kube.fields import uid_of
from cockpit.errors import CockpitError, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind
from cockpit.profile.kube import MaintenanceMode
from cockpit.profile.schema import HealthSource
from cockpit.text import clean

MAINTENANCE = ActionSpec(
    "workloads.maintenance",
    "Maintenance mode",
    SourceKind.WORKLOADS,
    "M",
    Tier.T2,
    "Switches the flag that the profile names, restarts who reads it, and looks whether the system says so.",
    (
        Param("mode", ParamKind.CHOICE, "on or off"),
        Param("expect", ParamKind.TEXT, "the value that the flag must have now, as JSON", False, identity=True),
        Param("at", ParamKind.TEXT, "the moment that marks restarted pods, set by the plan", False, identity=True),
    ),
    scope=Scope.SOURCE,
    reversible=True,
)
_CHANGE_S = 30.0
_EFFECT_S = 45.0  # until the system says it: caches, load balancers
_AGAIN_S = 1.0


class Maintenance(KubeAction):
    """workloads.maintenance."""

    def __init__(self, spec: ActionSpec, ground: KubeGround) -> None:
        super().__init__(spec, ground)
        self._restarts = Restarts(ground)

    def unavailable(self) -> str:
        """Without the table of the profile nobody knows what the flag is."""
        return "" if self._ground.table.maintenance else "the profile has no [kubernetes.maintenance] table for it"

    async def choices(self, param: str) -> Sequence[Choice]:
        """On and off; the one that is not so now is recommended."""
        if param != "mode":
            return ()
        mode = self._mode
        flag = await key_change(self._ground, mode.configmap, mode.key, None)
        return [
            Choice(word, f"{word}: {mode.key} = {value}", flag.before != value)
            for word, value in (("on", mode.on), ("off", mode.off))
        ]

    @property
    def _mode(self) -> MaintenanceMode:
        mode = self._ground.table.maintenance
        if mode is None:
            raise Refused("catalogue", self.unavailable(), hint="declare configmap, key and restart there")
        return mode

    async def plan(self, request: ActionRequest) -> Plan:
        """The flag before and after, the restarts, what the system says now."""
        mode, to = self._mode, request.get("mode")
        if to not in ("on", "off"):
            raise Refused("parameters", f"mode is on or off, not {clean(to, 40)}")
        wanted = await key_change(self._ground, mode.configmap, mode.key, mode.on if to == "on" else mode.off)
        at = request.get("at") or f"{self._ground.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        plans, notes = await self._restarts.plans(mode.restart, at)
        denied = self._restarts.denied(plans)
        permission = await preflight(self._ground, (wanted.right,))
        refusals = [*_against(request, wanted.before), *wanted.refusals()]
        refusals += [refusal for plan in plans for refusal in plan.refusals]
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(self._ground, wanted.change)
            refusals += refused
        restarted = [each.request.get("workload") for each in plans]
        unheard = [ref for ref in wanted.waiting if ref not in mode.restart]
        place = self._ground.gateway.place
        back = {"mode": "off" if to == "on" else "on", "expect": written(wanted.after)}
        return self.card(
            ActionRequest(request.action, request.source, {**request.params, "at": at}),
            title=f"Maintenance mode {to}",
            target=self._ground.named(wanted.ref),
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": self._ground.namespace,
                "configmap": mode.configmap,
                "uid": uid_of(wanted.obj),
                **{f"uid of {each.request.get('workload')}": each.identity["uid"] for each in plans},
            },
            permission=denied[0].permission if denied else permission,
            undo=Undo(f"maintenance mode {back['mode']} again", ActionRequest(request.action, request.source, back)),
            refusals=refusals,
            warnings=(
                *(f"{ref} reads {mode.key} at its start only, and restart does not name it" for ref in unheard),
                *(await self._now(to)),
                *notes,
                *wanted.notes,
                *reverted(wanted.obj),
                *(each for plan in plans for each in plan.warnings),
            ),
            changes=(*wanted.changes, *(Change(ref, "running", "restarted") for ref in restarted)),
            objects=(wanted.ref, *restarted),
            affected=f"everybody who uses the system: maintenance {to}; {'; '.join(each.affected for each in plans)}",
            operation="\n".join(
                (wanted.change.shown(place.server), *(line for each in plans for line in each.operation))
            ),
            equivalent=(by_hand(self._ground, wanted), *(line for each in plans for line in each.equivalent)),
            dry_run=dry_run,
            basis={"wanted": wanted, "plans": plans, "to": to},
            deadline_s=_CHANGE_S + _EFFECT_S + sum(each.deadline_s for each in plans),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """The flag, the restarts one after the other, then until the system says so."""
        wanted, plans = basis_of(plan)
        to = cast("str", plan.basis["to"])
        control.progress(0, len(plans), "waiting for the API server")
        await wanted.change.send(self._ground.gateway)
        made = f"{wanted.key} of {wanted.ref} is {wanted.after}"
        result = await self._restarts.run(plans, control)
        if result.outcome is not Outcome.SUCCEEDED:
            said = f"{made}; {result.summary}"
            return RunResult(result.outcome, said, result.done, result.total, result.details, plan.undo)
        found = await self._effect(to)
        until = self._ground.clock.monotonic() + _EFFECT_S - self._ground.table.timeout
        while found.holds is False and self._ground.clock.monotonic() < until and not control.aborted():
            control.progress(result.done, result.total, found.text)
            await self._ground.clock.sleep(_AGAIN_S)
            found = await self._effect(to)
        outcome = Outcome.FAILED if found.holds is False else Outcome.SUCCEEDED
        said = "; ".join(filter(None, (made, result.summary, found.text)))
        return RunResult(outcome, said, result.done, result.total, result.details, plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """The flag, the rollouts, and what the system says."""
        wanted, plans = basis_of(plan)
        if wrong := await holds(self._ground, wanted):
            return Verification(False, wrong)
        if wrong := await self._restarts.verified(plans, result):
            return Verification(False if result.outcome is Outcome.FAILED else None, wrong)
        found = await self._effect(cast("str", plan.basis["to"]))
        said = f"{wanted.key} is {wanted.after}" + (f"; {found.text}" if found.text else "")
        # Without a text to look for, the flag and the restarts are all that there is to see.
        return Verification(found.holds if self._sought(cast("str", plan.basis["to"])) else True, said)

    def _sought(self, to: str) -> str:
        return self._mode.verify_on if to == "on" else self._mode.verify_off

    async def _now(self, to: str) -> tuple[str, ...]:
        """What the address says before the change; a warning where it cannot tell afterwards."""
        if self._mode.verify_url is None:
            return ("whether the system is in maintenance is not looked at: the profile has no verify_url",)
        found = await self._effect(to)
        if found.holds:
            return (f"{found.text} already",)
        return (f"now {found.text}",) if found.holds is False else (found.text,)

    async def _effect(self, to: str) -> Verification:
        """What verify_url says: None where there is nothing to look for, or where it cannot be asked."""
        mode, sought = self._mode, self._sought(to)
        if mode.verify_url is None:
            return Verification(None, "")
        from cockpit.adapters.http.asking import HealthAsker  # brings httpx: not before it is needed
        from cockpit.adapters.http.wire import shown

        url = shown(mode.verify_url)
        source = HealthSource(name="maintenance", url=mode.verify_url, timeout=self._ground.table.timeout)
        try:
            answer = await HealthAsker(source).fetch("GET", mode.verify_url, "", sought)
        except CockpitError as error:
            return Verification(False if sought else None, f"{url} cannot be asked: {error.message}")
        if not sought:
            return Verification(
                None, f"{url} answers HTTP {answer.status}; verify_{to} does not say what to look for"
            )
        there = bool(answer.lines)
        verb = "says" if there else "does not say"
        return Verification(there, f"{url} {verb} {clean(sought, 100)} (HTTP {answer.status})")


def _against(request: ActionRequest, now: str | None) -> list[Refusal]:
    if request.get("expect") and unwritten(request.get("expect")) != now:
        return [Refusal("preconditions", "the flag was changed since", "look at it before acting", ("expect",))]
    return []
