"""armor.deny: a rule that keeps addresses out, before every rule that would let them in, with an end in its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import cast

from cockpit.actions.armorpolicy import (
    CODES,
    DENY,
    LIFT,
    SILENT,
    OnPolicy,
    Policy,
    create_verb,
    identity_of,
    target_of,
)
from cockpit.actions.armorranges import (
    Bounds,
    Network,
    denied_by,
    forbidden,
    networks_of,
    overruled,
    priority_for,
    written,
)
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import RunControl
from cockpit.adapters.gcp.armorwire import due_of, due_text
from cockpit.errors import CockpitError, Conflict, Misconfigured, PermissionDenied, Refused
from cockpit.model.action import ActionRequest, Change, Plan, Refusal, RunResult, Undo, Verification
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.profile.fields import parse_duration

Doors = Callable[[], Sequence[str]]
_NO_FIREWALL = (
    "Cloud Run and external load balancers never ask the VPC firewall, so no firewall rule is offered against them"
)


class Deny(OnPolicy):
    """armor.deny."""

    def __init__(
        self, ground: GoogleGround, policy: Policy, bounds: Bounds, expire_s: float, open_doors: Doors
    ) -> None:
        super().__init__(DENY, ground, policy)
        self._bounds = bounds
        self._expire_s = expire_s
        self._open_doors = open_doors

    async def plan(self, request: ActionRequest) -> Plan:
        """The exact rule. Its priority and its end are settled when it is first planned."""
        networks = networks_of(request.get("address"))
        code = request.get("code") or CODES[0]
        if code not in CODES:
            raise Refused("parameters", f"a denial cannot answer with {code}", hint=f"one of {', '.join(CODES)}")
        status = await self._policy.read_policy()
        ranges = tuple(written(network) for network in networks)
        refusals = [*self.same(request, status), *self._against(networks, status)]
        description = request.get("description") or self._description(request)
        priority = 0
        try:
            priority = priority_for(networks, status, _wish(request))
        except Refused as refused:
            refusals.append(Refusal(refused.step, refused.message, refused.hint))
        said = "" if description == SILENT else description
        rule = ArmorRule(priority, f"deny({code})", ranges, description=said, expires=due_of(said))
        settled = {"address": ",".join(ranges), "description": description, "code": code, "policy_id": status.id}
        shown = ", ".join(ranges)
        title = f"Deny {shown} at {status.policy}"
        if refusals:
            return self.card(
                request,
                title=title,
                target=target_of(status),
                identity=identity_of(status),
                permission=await self.allowed(),
                refusals=refusals,
                undo=Undo("nothing to undo"),
            )
        dry_run, refusals = await self._rehearsed(rule)
        request = ActionRequest(DENY.id, request.source, {**request.params, **settled, "at": str(priority)})
        return self.card(
            request,
            title=title,
            target=target_of(status),
            identity=identity_of(status),
            permission=await self.allowed(),
            refusals=refusals,
            warnings=self._warnings(networks, status, said),
            changes=(
                Change(f"requests from {shown}", "reach the service", f"get HTTP {code} at the load balancer"),
                Change(f"rule {priority} of {status.policy}", "none", f"deny({code}), {said or 'without an end'}"),
            ),
            objects=ranges,
            affected=f"everybody behind {shown}: with NAT or a proxy that can be many users. {_NO_FIREWALL}",
            operation=self._policy.rule_request(rule),
            equivalent=self.gcloud(status, create_verb(status, rule)),
            dry_run=dry_run,
            undo=Undo(f"let {shown} in again by removing rule {priority}", _lifting(request.source, status, rule)),
            basis={"rule": rule},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Add the rule once and wait for the operation."""
        control.progress(0, 1, "waiting for Compute Engine")
        status = await self._policy.add_rule(cast("ArmorRule", plan.basis["rule"]))
        control.progress(1, 1, "done")
        return self.came_of(plan, status)

    def told(self, plan: Plan, status: ArmorStatus) -> Verification:
        """The very rule is there."""
        rule = cast("ArmorRule", plan.basis["rule"])
        found = status.rule(rule.priority)
        if found is not None and (found.action, found.ranges, found.preview) == (rule.action, rule.ranges, False):
            return Verification(True, f"rule {rule.priority} of {status.policy} denies {', '.join(rule.ranges)}")
        return Verification(False, f"{status.policy} has no such rule {rule.priority}")

    def _description(self, request: ActionRequest) -> str:
        """To the minute, rounded up, so that it says no less than was asked for."""
        seconds = parse_duration(request.get("expire")) if request.get("expire") else self._expire_s
        if seconds < 60:
            raise Refused("parameters", "expire is less than a minute", hint="such as 2h or 1d")
        try:
            end = self._ground.clock.now() + timedelta(seconds=seconds + 59)
        except OverflowError:
            raise Refused("parameters", "expire is beyond the calendar", hint="such as 2h or 1d") from None
        return due_text(end.replace(second=0, microsecond=0))

    def _against(self, networks: Sequence[Network], status: ArmorStatus) -> list[Refusal]:
        found = [refusal for each in networks if (refusal := forbidden(each, self._bounds)) is not None]
        if status.kind not in ("CLOUD_ARMOR", "CLOUD_ARMOR_EDGE"):
            reason = f"{status.policy} is of type {status.kind}: its rules are of another make"
            found.append(Refusal("preconditions", reason, "change it by hand"))
        for each in networks:
            rule = denied_by(each, status)
            if rule is not None:
                reason = f"{written(each)} is denied already by rule {rule.priority}"
                found.append(
                    Refusal("preconditions", reason, "look at the rule; lift it first to give it another end")
                )
        return found

    def _warnings(self, networks: Sequence[Network], status: ArmorStatus, said: str) -> list[str]:
        found = [*status.notes] if status.protects is not True else []
        for rule in overruled(networks, status):
            if rule.ranges and "*" not in rule.ranges:
                what = f" ({rule.description})" if rule.description else ""
                found.append(
                    f"rule {rule.priority}{what} is for {', '.join(rule.ranges)}: the denial comes before it"
                )
        if not due_of(said):
            found.append("the rule names no end: nothing will remind of it")
        found += [f"{door} takes requests past the load balancer: this policy does not filter them"
                  for door in self._open_doors()]  # fmt: skip
        return found

    async def _rehearsed(self, rule: ArmorRule) -> tuple[str, list[Refusal]]:
        """The rule with validateOnly: what the server said, and the refusals that follow from it."""
        try:
            await self._policy.rehearse_rule(rule)
        except (Conflict, Misconfigured) as error:
            return error.message, [
                Refusal("dry run", f"Compute Engine refuses the rule: {error.message}", error.hint)
            ]
        except PermissionDenied as error:
            return error.message, [Refusal("permission", error.message, error.hint)]
        except CockpitError as error:
            return f"not known: {error.message}", []
        return "Compute Engine accepts the rule (validateOnly)", []


def _wish(request: ActionRequest) -> int | None:
    return int(request.get("at")) if request.get("at") else None


def _lifting(source: str, status: ArmorStatus, rule: ArmorRule) -> ActionRequest:
    params = {"priority": str(rule.priority), "ranges": ",".join(rule.ranges), "policy_id": status.id}
    return ActionRequest(LIFT.id, source, params)
