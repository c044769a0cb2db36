"""armor.lift and armor.adaptive: letting in again whom a rule keeps out, and the switch of the layer 7 defence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from cockpit.actions.armorpolicy import (
    ADAPTIVE,
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
from cockpit.actions.armorranges import Bounds, forbidden, networks_of
from cockpit.actions.google import GoogleGround
from cockpit.actions.handler import RunControl
from cockpit.adapters.gcp.armorwire import DESCRIPTION_CHARS
from cockpit.errors import Refused
from cockpit.model.action import ActionRequest, Change, Choice, Plan, Refusal, RunResult, Undo, Verification
from cockpit.model.armor import ArmorRule, ArmorStatus

_WHO = {
    True: "nobody at once: it learns what is usual, alerts and suggests rules, and keeps nobody out by itself; alerts"
    " in full need Cloud Armor Enterprise",
    False: "nobody at once, and all rules stay: but nobody is alerted to unusual traffic of layer 7 any more",
}


class Lift(OnPolicy):
    """armor.lift."""

    def __init__(self, ground: GoogleGround, policy: Policy, bounds: Bounds) -> None:
        super().__init__(LIFT, ground, policy)
        self._bounds = bounds

    async def choices(self, param: str) -> Sequence[Choice]:
        """The denials, those that are due first and recommended."""
        if param != "priority":
            return ()
        status = await self._policy.read_policy()
        now = self._ground.clock.now()
        due = status.due(now)
        rest = [rule for rule in status.denials if rule not in due]
        return [Choice(str(rule.priority), _label(rule, now), rule in due) for rule in (*due, *rest)]

    async def plan(self, request: ActionRequest) -> Plan:
        """The rule that goes."""
        status = await self._policy.read_policy()
        refusals = self.same(request, status)
        rule = status.rule(int(request.get("priority") or -1))
        if rule is None:
            raise Refused(
                "preconditions", f"{status.policy} has no rule {request.get('priority')}", hint="look at its rules"
            )
        shown = ", ".join(rule.ranges) or rule.expression or "packets"
        if not rule.denies:
            word = f"{rule.action}{', preview' if rule.preview else ''}"
            reason = f"rule {rule.priority} is no denial of addresses ({word}: {shown})"
            refusals.append(Refusal("preconditions", reason, "this only lets denied addresses in again"))
        elif request.get("ranges") not in ("", ",".join(rule.ranges)):
            reason = f"rule {rule.priority} is for {shown} now"
            refusals.append(Refusal("identity", reason, "look at the rules, then plan again"))
        request = ActionRequest(
            LIFT.id, request.source, {**request.params, "ranges": ",".join(rule.ranges), "policy_id": status.id}
        )
        return self.card(
            request,
            title=f"Let {shown} in again at {status.policy}",
            target=target_of(status),
            identity=identity_of(status),
            permission=await self.allowed(),
            refusals=refusals,
            changes=(
                Change(f"rule {rule.priority} of {status.policy}", f"{rule.action}, {_said(rule)}", "removed"),
                Change(f"requests from {shown}", f"{rule.action} at the load balancer", "as the other rules say"),
            ),
            objects=rule.ranges,
            affected=f"whoever comes from {shown}: the rules behind this one decide then",
            operation=self._policy.removal_request(rule.priority),
            equivalent=self.gcloud(status, f"rules delete {rule.priority} --security-policy={status.policy}"),
            undo=self._undo(request.source, status, rule),
            basis={"rule": rule},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """Remove the rule once, where it still is that one, and wait for the operation."""
        control.progress(0, 1, "waiting for Compute Engine")
        status = await self._policy.remove_rule(cast("ArmorRule", plan.basis["rule"]))
        control.progress(1, 1, "done")
        return self.came_of(plan, status)

    def told(self, plan: Plan, status: ArmorStatus) -> Verification:
        """The rule is gone, and nothing else denies the same."""
        rule = cast("ArmorRule", plan.basis["rule"])
        if status.rule(rule.priority) is not None:
            return Verification(False, f"{status.policy} still has a rule {rule.priority}")
        others = [each.priority for each in status.denials if set(each.ranges) & set(rule.ranges)]
        also = f"; rule {others[0]} denies it, too" if others else ""
        return Verification(True, f"rule {rule.priority} of {status.policy} is gone{also}")

    def _undo(self, source: str, status: ArmorStatus, rule: ArmorRule) -> Undo:
        params = {
            "address": ",".join(rule.ranges),
            "at": str(rule.priority),
            "code": rule.action.removeprefix("deny(").removesuffix(")"),
            "description": rule.description or SILENT,
            "policy_id": status.id,
        }
        why = "" if params["code"] in CODES else f"the cockpit makes no rule that is {rule.action}"
        if len(rule.description) > DESCRIPTION_CHARS:
            why = "its description is longer than a new one may be"
        try:
            refusal = next((found for each in networks_of(params["address"])
                            if (found := forbidden(each, self._bounds))), None)  # fmt: skip
        except Refused as refused:
            refusal = Refusal(refused.step, refused.message)
        why = refusal.reason if refusal is not None else why
        if why:
            (by_hand,) = self.gcloud(status, create_verb(status, rule))
            return Undo(f"not from here: {why}. By hand: {by_hand}")
        return Undo(f"deny {', '.join(rule.ranges)} again", ActionRequest(DENY.id, source, params))


class Adaptive(OnPolicy):
    """armor.adaptive."""

    async def choices(self, param: str) -> Sequence[Choice]:
        """On and off."""
        if param != "wanted":
            return ()
        return [
            Choice("on", "on: unusual traffic of layer 7 raises alerts with a suggested rule"),
            Choice("off", "off: no alerts any more"),
        ]

    async def plan(self, request: ActionRequest) -> Plan:
        """Before and after."""
        wanted = request.get("wanted")
        if wanted not in ("on", "off"):
            raise Refused("parameters", f"adaptive protection is on or off, not {wanted!r}")
        status = await self._policy.read_policy()
        refusals = self.same(request, status)
        enable = wanted == "on"
        if status.kind != "CLOUD_ARMOR":
            reason = f"{status.policy} is of type {status.kind}, which has no adaptive protection"
            refusals.append(Refusal("preconditions", reason))
        elif status.adaptive is enable:
            refusals.append(Refusal("preconditions", f"it is {wanted} already", "nothing has to be done"))
        before = {True: "on", False: "off", None: "unknown"}[status.adaptive]
        option = "--enable-layer7-ddos-defense" if enable else "--no-enable-layer7-ddos-defense"
        back = ActionRequest(ADAPTIVE.id, request.source, {"wanted": before, "policy_id": status.id})
        undo = Undo(f"switch it {before} again", back)
        return self.card(
            request,
            title=f"Switch {wanted} adaptive protection of {status.policy}",
            target=target_of(status),
            identity=identity_of(status),
            permission=await self.allowed(),
            refusals=refusals,
            warnings=status.notes if status.protects is not True else (),
            changes=(Change("layer 7 DDoS defence", before, wanted),),
            objects=(f"{status.policy}, id {status.id}",),
            affected=_WHO[enable],
            operation=self._policy.adaptive_request(enable, status.fingerprint),
            equivalent=self.gcloud(status, f"update {status.policy} {option}"),
            undo=undo if before != "unknown" else Undo("cannot be undone: what was set before is not known"),
            basis={"enable": enable, "before": status},
        )

    async def run(self, plan: Plan, control: RunControl) -> RunResult:
        """PATCH once with the fingerprint of the plan."""
        before = cast("ArmorStatus", plan.basis["before"])
        control.progress(0, 1, "waiting for Compute Engine")
        status = await self._policy.set_adaptive(plan.basis["enable"] is True, before.fingerprint)
        control.progress(1, 1, "done")
        return self.came_of(plan, status)

    def told(self, plan: Plan, status: ArmorStatus) -> Verification:
        """The switch is as wanted."""
        now = {True: "on", False: "off", None: "unknown"}[status.adaptive]
        return Verification(now == plan.request.get("wanted"), f"adaptive protection of {status.policy} is {now}")


def _said(rule: ArmorRule) -> str:
    return rule.description or "says nothing of itself"


def _label(rule: ArmorRule, now: datetime) -> str:
    shown = f"{', '.join(rule.ranges)}, rule {rule.priority}"
    if rule.expires is None:
        return f"{shown}, {_said(rule)}"
    word = "due since" if rule.expires <= now else "until"
    return f"{shown}, {word} {rule.expires:%Y-%m-%d %H:%M} UTC"
