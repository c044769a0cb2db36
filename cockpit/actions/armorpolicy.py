"""The three actions on a Cloud Armor policy as they are declared, and what they have in common.

A policy's fingerprint and its rules are what an agreement rests on: addRule and removeRule know no fingerprint, so
both are compared by the digest of the plan right before they are sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Protocol

from cockpit.actions.google import GoogleAction, GoogleGround, PermissionTesting, preflight
from cockpit.model.action import (
    ActionRequest,
    ActionSpec,
    Outcome,
    Param,
    ParamKind,
    Permission,
    Plan,
    Refusal,
    RunResult,
    Scope,
    Tier,
    Verification,
)
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.severity import SourceKind

SILENT = "(none)"  # as a description: the rule says nothing of itself
CODES = ("403", "404", "502")  # what a denial may answer with
_POLICY_ID = Param("policy_id", ParamKind.TEXT, "id of the policy", False, identity=True)
_FINGERPRINT = Param("fingerprint", ParamKind.TEXT, "of the policy as it was read", False, identity=True)

DENY = ActionSpec(
    "armor.deny",
    "Deny an address",
    SourceKind.ARMOR,
    "D",
    Tier.T2,
    "Adds a rule to the policy that keeps addresses out at the load balancer, and says until when.",
    (
        Param("address", ParamKind.TEXT, "address or range, several with commas"),
        Param("expire", ParamKind.DURATION, "due to be let in again after; empty for the profile's", False),
        Param("at", ParamKind.INTEGER, "priority of the rule, empty for a free one before all that let in", False),
        Param("code", ParamKind.TEXT, f"HTTP status of the refusal: {', '.join(CODES)}", False, "403"),
        Param("description", ParamKind.TEXT, "what the rule says of itself", False, identity=True),
        _POLICY_ID,
    ),
    scope=Scope.SOURCE,
    reversible=True,
    short="Deny",
)
LIFT = ActionSpec(
    "armor.lift",
    "Lift a denial",
    SourceKind.ARMOR,
    "L",
    Tier.T2,
    "Removes a rule that keeps addresses out: they are let in again.",
    (
        Param("priority", ParamKind.CHOICE, "the denial"),
        Param("ranges", ParamKind.TEXT, "what it must keep out, empty for anything", False, identity=True),
        _POLICY_ID,
        _FINGERPRINT,
    ),
    reversible=True,
    short="Lift",
)
ADAPTIVE = ActionSpec(
    "armor.adaptive",
    "Adaptive protection",
    SourceKind.ARMOR,
    "",
    Tier.T2,
    "Switches the layer 7 DDoS defence of the policy on or off.",
    (Param("wanted", ParamKind.CHOICE, "on or off"), _POLICY_ID, _FINGERPRINT),
    scope=Scope.SOURCE,
    reversible=True,
)


class Policy(PermissionTesting, Protocol):
    """One policy that can be changed. All raise CockpitError."""

    async def read_policy(self) -> ArmorStatus:
        """The policy now."""

    async def rehearse_rule(self, rule: ArmorRule) -> None:
        """Ask whether the rule would be taken, storing nothing."""

    async def add_rule(self, rule: ArmorRule) -> ArmorStatus:
        """Add it; the policy afterwards."""

    async def remove_rule(self, rule: ArmorRule) -> ArmorStatus:
        """Remove it where it still is that one."""

    async def set_adaptive(self, enable: bool, fingerprint: str) -> ArmorStatus:
        """Switch it where the fingerprint still is that one."""

    def rule_request(self, rule: ArmorRule) -> str:
        """The exact HTTP request as text."""

    def removal_request(self, priority: int) -> str:
        """The exact HTTP request as text."""

    def adaptive_request(self, enable: bool, fingerprint: str) -> str:
        """The exact HTTP request as text."""


class OnPolicy(GoogleAction):
    """What all three have in common."""

    NEEDS = ("compute.securityPolicies.update",)

    def __init__(self, spec: ActionSpec, ground: GoogleGround, policy: Policy) -> None:
        super().__init__(spec, ground)
        self._policy = policy

    def same(self, request: ActionRequest, status: ArmorStatus) -> list[Refusal]:
        """Refusals where it is not the policy that was looked at."""
        if request.get("policy_id") not in ("", status.id):
            reason = f"{status.policy} was deleted and created again"
            return [Refusal("identity", reason, "look at it before acting")]
        if request.get("fingerprint") not in ("", status.fingerprint):
            reason = f"{status.policy} was changed since the row was drawn"
            return [Refusal("identity", reason, "look, then plan again", outdated=("fingerprint",))]
        return []

    def gcloud(self, status: ArmorStatus, verb: str) -> tuple[str, ...]:
        """The same by hand."""
        return (f"gcloud compute security-policies {verb} --project={status.project}",)

    async def allowed(self) -> Permission:
        """Whether the caller may change the policy."""
        return await preflight(self._ground, self.NEEDS)

    def told(self, plan: Plan, status: ArmorStatus) -> Verification:
        """Whether the policy is as it was wanted."""
        raise NotImplementedError

    async def verify(self, plan: Plan, result: RunResult) -> Verification:
        """Look at the policy again."""
        return self.told(plan, await self._policy.read_policy())

    def came_of(self, plan: Plan, status: ArmorStatus) -> RunResult:
        """The outcome by what the policy is afterwards."""
        found = self.told(plan, status)
        return RunResult(
            Outcome.SUCCEEDED if found.holds else Outcome.FAILED, found.text, done=int(found.holds is True)
        )


def target_of(status: ArmorStatus) -> str:
    """As a person names it."""
    return f"{status.policy} of Cloud Armor in {status.project}"


def identity_of(status: ArmorStatus) -> dict[str, str]:
    """What must be the same when it runs; of the rules what they decide, not what they say of themselves."""
    plain = [repr(replace(rule, description="", expires=None)) for rule in status.rules]
    rules = hashlib.sha256("\n".join(plain).encode()).hexdigest()[:16]
    return {"policy": status.id, "fingerprint": status.fingerprint, "rules": rules}


def create_verb(status: ArmorStatus, rule: ArmorRule) -> str:
    """The verb of gcloud that makes the rule."""
    action = rule.action.replace("(", "-").removesuffix(")")
    description = rule.description.replace("'", "")
    said = f" --description='{description}'" if description else ""
    return (
        f"rules create {rule.priority} --security-policy={status.policy} --action={action}"
        f" --src-ip-ranges={','.join(rule.ranges)}{said}"
    )
