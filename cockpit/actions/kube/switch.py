"""Blue and green: lets a service choose another workload's pods once they are ready, and sees its endpoints follow.

What is live is what the service's selector says, never a colour by its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from cockpit.actions.handler import RunControl
from cockpit.actions.kube.around import reverted, services_of
from cockpit.actions.kube.colours import Aim, Colours, labels_of_text, text_of_labels
from cockpit.actions.kube.ground import KubeAction, preflight
from cockpit.actions.kube.workload import UID, WORKLOAD, rehearse
from cockpit.adapters.kube import changing
from cockpit.adapters.kube.fields import labels, name_of, part, uid_of
from cockpit.adapters.kube.terms import Json, Right
from cockpit.errors import NotFound, PermissionDenied, Refused
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Change,
    Choice,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Tier,
    Undo,
    Verification,
)
from cockpit.model.severity import SourceKind

SWITCH = ActionSpec(
    "workloads.switch",
    "Switch colour",
    SourceKind.WORKLOADS,
    "P",
    Tier.T2,
    "Lets a service choose the pods of this workload in place of the others, once they are ready.",
    (
        WORKLOAD,
        Param("service", ParamKind.CHOICE, "the service, empty where only one is meant", False, identity=True),
        UID,
        Param("selector", ParamKind.TEXT, 'labels, not a workload: "version=green,track-"', False, identity=True),
        Param("expect", ParamKind.TEXT, "labels that must be in its selector now", False, identity=True),
    ),
    reversible=True,
    short="Switch",
)
_FOLLOW_S = 30.0
_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class _Service:
    """The service at the moment of planning, and what is wanted of it."""

    obj: Json
    permission: Permission
    aim: Aim

    @property
    def ref(self) -> str:
        return f"service/{name_of(self.obj)}"

    @property
    def selector(self) -> dict[str, str]:
        return labels(part(self.obj, "spec").get("selector"))


class Switch(KubeAction):
    """workloads.switch."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """Services that could be switched, and what to."""
        if param not in ("service", "workload"):
            return ()
        colours = await Colours.seen(self._ground)
        if param == "service":
            split = colours.split
            return [Choice(each.name, f"{each.name}, live: {', '.join(each.backs) or 'nothing'}") for each in split]
        found = {each.workload for service in colours.split for each in service.colours if not each.live}
        return [Choice(ref, ref) for ref in sorted(found)]

    async def plan(self, request: ActionRequest) -> Plan:
        """Both selectors, who is ready behind each, the exact PATCH, its rehearsal."""
        service = await self._service(request)
        aim, place = service.aim, self._ground.gateway.place
        refusals = [*_identity(request, service), *aim.refusals]
        change = changing.select(
            changing.services_path(self._ground.namespace, name_of(service.obj)), service.obj, aim.selector
        )
        dry_run = ""
        if not refusals:
            dry_run, refused = await rehearse(self._ground, change)
            refusals += refused
        wanted = {key: value for key, value in aim.selector.items() if service.selector.get(key) != value}
        by_hand = {**wanted, **{key: None for key in service.selector if key not in aim.selector}}
        pinned = {**request.params, "service": name_of(service.obj)}
        return self.card(
            ActionRequest(request.action, request.source, pinned),
            title=f"Switch {service.ref} to {aim.to}",
            target=self._ground.named(service.ref),
            lock=f"{self.source}/{service.ref}",
            identity={
                "context": place.context,
                "server": place.server,
                "namespace": self._ground.namespace,
                "service": name_of(service.obj),
                "uid": uid_of(service.obj),
                "selector": text_of_labels(service.selector),
                "workload uid": aim.uid,
            },
            permission=service.permission,
            undo=_back(request, service),
            refusals=refusals,
            warnings=(*aim.warnings, *reverted(service.obj)),
            changes=_changes(service.selector, aim.selector),
            objects=(service.ref,),
            affected=(
                f"all requests to {service.ref}: {aim.to} ({aim.ready} ready) in place of {aim.now}"
                f" ({aim.ready_now} ready); open connections stay where they are until they end"
            ),
            operation=change.shown(place.server) if aim.selector else "",
            equivalent=(_patch_line(self._ground.kubectl, service, by_hand),) if by_hand else (),
            dry_run=dry_run,
            basis={"change": change, "service": service},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Once, then until the endpoints are those of the new pods."""
        service, change = _basis(plan)
        control.progress(0, 0, "waiting for the API server")
        await change.send(self._ground.gateway)
        until = self._ground.clock.monotonic() + _FOLLOW_S
        while True:
            found = await self._endpoints(service)
            control.progress(int(found.holds is True), 1, found.text)
            if found.holds is not None:
                break
            if control.aborted() or self._ground.clock.monotonic() >= until:
                said = f"{service.ref} was switched; {found.text}: look at its endpoints"
                return RunResult(Outcome.UNKNOWN, said, 0, undo=plan.undo)
            await self._ground.clock.sleep(_AGAIN_S)
        if found.holds:
            return RunResult(Outcome.SUCCEEDED, f"{service.ref} was switched: {found.text}", undo=plan.undo)
        return RunResult(Outcome.FAILED, f"{service.ref} was switched, and {found.text}", 0, undo=plan.undo)

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Whether the selector is as it was wanted, and the endpoints those of the new pods."""
        service, _ = _basis(plan)
        try:
            obj = await self._ground.gateway.get(changing.services_path(self._ground.namespace, name_of(service.obj)))
        except NotFound:
            return Verification(False, f"{service.ref} is not there any more")
        if uid_of(obj) != uid_of(service.obj):
            return Verification(False, f"{service.ref} was deleted and made again")
        selector = labels(part(obj, "spec").get("selector"))
        if selector != service.aim.selector:
            return Verification(False, f"{service.ref} chooses {text_of_labels(selector)}")
        return await self._endpoints(service)

    async def _service(self, request: ActionRequest) -> _Service:
        """The one that is named, or the only one that the workload could be live behind. Raises Refused."""
        name, workload, given = request.get("service"), request.get("workload"), request.get("selector")
        if not (name or workload):
            raise Refused("parameters", "neither a service nor a workload was named", hint="set workload or service")
        colours = await Colours.seen(self._ground)
        if not name:
            found = [each.name for each in colours.split if any(c.workload == workload for c in each.colours)]
            if len(found) != 1:
                could = f"could be live behind {' and '.join(found)}" if found else "is a colour of no service"
                raise Refused("parameters", f"{workload} {could}", hint="name the service")
            name = found[0]
        obj = next((each for each in await services_of(self._ground) if name_of(each) == name), None)
        if obj is None:
            raise NotFound(f"there is no service {name} in {self._ground.namespace}", hint="check its name")
        right = Right("patch", "services", namespace=self._ground.namespace, name=name)
        permission = await preflight(self._ground, (right,))
        uid = request.get("uid") if workload else ""
        return _Service(obj, permission, colours.aim(obj, workload, labels_of_text(given), uid))

    async def _endpoints(self, service: _Service) -> Verification:
        """True: all ready endpoints are pods that it should choose. False: none is there. None: not yet, unseen."""
        try:
            found = await Colours.endpoints(self._ground, name_of(service.obj))
            chosen = {uid_of(pod) for pod in await Colours.chosen(self._ground, service.aim.selector)}
        except PermissionDenied as error:
            return Verification(None, f"its endpoints cannot be seen: {error.message}")
        if not found:
            if not chosen:
                return Verification(False, "no pod is behind it any more")
            return Verification(None, "no endpoint is ready yet")
        if found <= chosen:
            return Verification(True, f"{len(found)} ready endpoints, all of {service.aim.to}")
        return Verification(None, f"{len(found - chosen)} of {len(found)} endpoints are still the old ones")


def _basis(plan: Plan) -> tuple[_Service, changing.KubeChange]:
    return cast("_Service", plan.basis["service"]), cast("changing.KubeChange", plan.basis["change"])


def _identity(request: ActionRequest, service: _Service) -> list[Refusal]:
    if not request.get("workload") and request.get("uid") not in ("", uid_of(service.obj)):
        return [Refusal("identity", f"{service.ref} was deleted and made again", "look at it before acting")]
    expected = labels_of_text(request.get("expect"))
    if any(service.selector.get(key) != value for key, value in expected.items()):
        reason = f"{service.ref} was switched since: it chooses {text_of_labels(service.selector)}"
        return [Refusal("preconditions", reason, "plan a switch from what is now")]
    return []


def _back(request: ActionRequest, service: _Service) -> Undo:
    added = {key: None for key in service.aim.selector if key not in service.selector}
    params = {
        "service": name_of(service.obj),
        "uid": uid_of(service.obj),
        "selector": text_of_labels({**service.selector, **added}),
        "expect": text_of_labels(service.aim.selector),
    }
    return Undo(f"switch back to {service.aim.now}", ActionRequest(SWITCH.id, request.source, params))


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(f"selector {key}", before.get(key, "unset"), after.get(key, "unset"))
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    )


def _patch_line(kubectl: Callable[..., str], service: _Service, wanted: Mapping[str, str | None]) -> str:
    body = json.dumps({"spec": {"selector": dict(wanted)}}, separators=(",", ":"))
    return kubectl("patch", "service", name_of(service.obj), "-p", body)
