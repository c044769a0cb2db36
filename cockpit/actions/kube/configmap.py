"""Changes one key of a ConfigMap, says who reads it and when they see it, and restarts them where that is wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import reverted
from cockpit.actions.kube.configuration import KeyChange, Restarts, holds, key_change, unwritten, written
from cockpit.actions.kube.ground import KubeAction, KubeGround, preflight
from cockpit.actions.kube.workload import UID, rehearse
from cockpit.adapters.kube.fields import name_of, part, text, uid_of
from cockpit.adapters.kube.tending import configmaps_path
from cockpit.errors import Refused
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
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

CONFIGMAP = ActionSpec(
    "cluster.configmap",
    "Change ConfigMap",
    SourceKind.CLUSTER,
    "M",
    Tier.T2,
    "Sets one key of a ConfigMap; says which workloads read it and when they see it, and can restart those.",
    (
        Param("configmap", ParamKind.CHOICE, "the ConfigMap", identity=True),
        UID,
        Param("key", ParamKind.CHOICE, "the key in its data"),
        Param("value", ParamKind.TEXT, "the new value", False),
        Param("restart", ParamKind.CHOICE, "yes restarts who reads it at its start only", False, "no"),
        Param("exact", ParamKind.TEXT, "the value as JSON, null to remove the key", False, identity=True),
        Param("expect", ParamKind.TEXT, "the value that it must have now, as JSON", False, identity=True),
        Param("at", ParamKind.TEXT, "the moment that marks restarted pods, set by the plan", False, identity=True),
    ),
    reversible=True,
    short="ConfigMap",
)
_CHANGE_S = 30.0


class ConfigMap(KubeAction):
    """cluster.configmap."""

    def __init__(self, spec: ActionSpec, ground: KubeGround) -> None:
        super().__init__(spec, ground)
        self._restarts = Restarts(ground)

    async def choices(self, param: str) -> Sequence[Choice]:
        """ConfigMaps of the namespace."""
        if param == "restart":
            return [Choice("no", "no"), Choice("yes", "yes, those that read it at their start only")]
        if param != "configmap":
            return ()
        listed = await self._ground.gateway.listed(configmaps_path(self._ground.namespace))
        return [Choice(name, name) for name in sorted(name_of(each) for each in listed.items)]

    async def choices_among(self, param: str, given: Mapping[str, str]) -> Sequence[Choice]:
        """The keys of the ConfigMap that is chosen, with their values."""
        if param != "key" or not given.get("configmap"):
            return await self.choices(param)
        obj = await self._ground.gateway.get(configmaps_path(self._ground.namespace, given["configmap"]))
        held = part(obj, "data")
        return [Choice(key, f"{key}: {text(held[key], 60)}") for key in sorted(held)]

    async def plan(self, request: ActionRequest) -> Plan:
        """The value before and after, who reads it, the exact PATCH, its rehearsal; the restarts where wanted."""
        wanted = await key_change(self._ground, request.get("configmap"), request.get("key"), _wanted(request))
        restart = request.get("restart") == "yes"
        at = request.get("at") or f"{self._ground.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        plans, notes = await self._restarts.plans(wanted.waiting if restart else (), at)
        permission = await preflight(self._ground, (wanted.right,))
        denied = self._restarts.denied(plans)
        refusals = [*_identity(request, wanted), *wanted.refusals()]
        refusals += [refusal for plan in plans for refusal in plan.refusals]
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(self._ground, wanted.change)
            refusals += refused
        restarted = [each.request.get("workload") for each in plans]
        server = self._ground.gateway.place.server
        pinned = {**request.params, "at": at} if restart else dict(request.params)
        return self.card(
            ActionRequest(request.action, request.source, pinned),
            title=_title(wanted, restarted),
            target=self._ground.named(wanted.ref),
            identity=_bound(self._ground, wanted, plans),
            permission=denied[0].permission if denied else permission,
            undo=_back(request, wanted),
            refusals=refusals,
            warnings=(
                *wanted.said(restarted),
                *(() if restart else _offered(wanted)),
                *notes,
                *reverted(wanted.obj),
                *(each for plan in plans for each in plan.warnings),
            ),
            changes=(*wanted.changes, *(Change(ref, "running", "restarted") for ref in restarted)),
            objects=(wanted.ref, *restarted),
            affected=_affected(wanted, plans),
            operation="\n".join((wanted.change.shown(server), *(line for each in plans for line in each.operation))),
            equivalent=(by_hand(self._ground, wanted), *(line for each in plans for line in each.equivalent)),
            dry_run=dry_run,
            basis={"wanted": wanted, "plans": plans},
            deadline_s=_CHANGE_S + sum(each.deadline_s for each in plans),
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once; then the restarts, one after the other."""
        wanted, plans = basis_of(plan)
        control.progress(0, 0, "waiting for the API server")
        await wanted.change.send(self._ground.gateway)
        made = f"{wanted.key} of {wanted.ref} was changed"
        if not plans:
            follow = tuple(f"next: workloads.restart of {ref}, it does not see it before" for ref in wanted.waiting)
            return RunResult(Outcome.SUCCEEDED, made, details=follow, undo=plan.undo)
        result = await self._restarts.run(plans, control)
        return RunResult(
            result.outcome, f"{made}; {result.summary}", result.done, result.total, result.details, plan.undo
        )

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether the value is there, and the restarts are at their end."""
        wanted, plans = basis_of(plan)
        if wrong := await holds(self._ground, wanted):
            return Verification(False, wrong)
        if wrong := await self._restarts.verified(plans, result):
            return Verification(False if result.outcome is Outcome.FAILED else None, wrong)
        waits = "" if plans or not wanted.waiting else f"; {', '.join(wanted.waiting)}: not restarted yet"
        return Verification(True, f"{wanted.key} of {wanted.ref} is as it was wanted{waits}")


def basis_of(plan: Plan) -> tuple[KeyChange, tuple[Plan, ...]]:
    """What `plan` left for `run`."""
    return cast("KeyChange", plan.basis["wanted"]), cast("tuple[Plan, ...]", plan.basis["plans"])


def by_hand(ground: KubeGround, wanted: KeyChange) -> str:
    """As kubectl does it: without any test."""
    body = json.dumps({"data": {wanted.key: wanted.after}}, ensure_ascii=False, separators=(",", ":"))
    return ground.kubectl("patch", "configmap", wanted.name, "--type=merge", "-p", text(body, 4000))


def _wanted(request: ActionRequest) -> str | None:
    exact, value = request.get("exact"), request.get("value")
    if exact and value:
        raise Refused("parameters", "both a value and an exact value were given", hint="leave one out")
    if not exact and not value:
        raise Refused("parameters", "no value was given", hint="an empty value is exact='\"\"', removal exact=null")
    return unwritten(exact) if exact else value


def _identity(request: ActionRequest, wanted: KeyChange) -> list[Refusal]:
    if request.get("uid") not in ("", uid_of(wanted.obj)):
        return [Refusal("identity", f"{wanted.ref} was deleted and made again", "look at it before acting")]
    if request.get("expect") and unwritten(request.get("expect")) != wanted.before:
        reason = f"{wanted.key} of {wanted.ref} was changed since"
        return [Refusal("preconditions", reason, "look at its value before acting", ("expect",))]
    return []


def _bound(ground: KubeGround, wanted: KeyChange, plans: Sequence[Plan]) -> dict[str, str]:
    place = ground.gateway.place
    found = {
        "context": place.context,
        "server": place.server,
        "namespace": ground.namespace,
        "configmap": wanted.name,
        "uid": uid_of(wanted.obj),
    }
    return found | {f"uid of {each.request.get('workload')}": each.identity["uid"] for each in plans}


def _title(wanted: KeyChange, restarted: Sequence[str]) -> str:
    verb = "Remove" if wanted.after is None else "Set"
    then = f" and restart {', '.join(restarted)}" if restarted else ""
    return f"{verb} {wanted.key} of {wanted.ref}{then}"


def _offered(wanted: KeyChange) -> tuple[str, ...]:
    if not wanted.waiting:
        return ()
    return (f"without a restart nothing changes for {', '.join(wanted.waiting)}: restart=yes restarts it at once",)


def _affected(wanted: KeyChange, plans: Sequence[Plan]) -> str:
    if plans:
        return "; ".join(each.affected for each in plans)
    files = [each.ref for each in wanted.readers if not each.restart]
    return f"{', '.join(files)}: within about a minute" if files else "nobody before a restart"


def _back(request: ActionRequest, wanted: KeyChange) -> Undo:
    params = {
        "configmap": wanted.name,
        "uid": uid_of(wanted.obj),
        "key": wanted.key,
        "restart": request.get("restart") or "no",
        "exact": written(wanted.before),
        "expect": written(wanted.after),
    }
    what = "remove the key again" if wanted.before is None else "the old value again"
    return Undo(what, ActionRequest(CONFIGMAP.id, request.source, params))
