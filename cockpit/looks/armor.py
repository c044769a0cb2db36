"""Looks at Cloud Armor: the policy with its rules, from readings; all policies of the project, asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cockpit.adapters.gcp.commandline import cloud_call
from cockpit.clock import Clock
from cockpit.errors import NotFound, Refused, Unreachable
from cockpit.looks.bound import BoundLook, StateOf, reading_of, sight_of
from cockpit.looks.looker import Looker
from cockpit.model.action import Param, ParamKind, Tier
from cockpit.model.armor import ArmorRule, ArmorStatus
from cockpit.model.command import Call, Intent, Placeholder, Replacement
from cockpit.model.look import LookRequest, LookSpec, Sight
from cockpit.model.reading import Reading
from cockpit.model.severity import Severity, SourceKind
from cockpit.text import counted

POLICY = LookSpec(
    "armor.policy",
    "Security policy",
    SourceKind.ARMOR,
    "The rules of the policy with what they do and until when, adaptive protection, and what it protects.",
    (Param("rule", ParamKind.INTEGER, "only the rule of this priority", required=False),),
)
POLICIES = LookSpec(
    "armor.policies",
    "Security policies",
    SourceKind.ARMOR,
    "All Cloud Armor policies of the project, asked for once.",
    live=False,
)
SPECS = (POLICY, POLICIES)

_SHAPES = frozenset(
    {"--global", "--flatten", "--filter", "--sort-by", "--limit", "--page-size", "--uri", "--regions"}
)


def _policy_asked(call: Call) -> Intent | None:
    """security-policies describe P, and rules describe N --security-policy=P."""
    quiet = frozenset({"--global", "--flatten"})
    described = cloud_call(call, "compute security-policies describe", "policy", quiet=quiet)
    if described is not None:
        if described.options or described.given or not call.args:
            return None
        return Intent(POLICY.id, SourceKind.ARMOR, described.target)
    places = {"--project": "project", "--security-policy": "policy"}
    rule = cloud_call(call, "compute security-policies rules describe", "", places, quiet)
    if rule is None or rule.options or len(rule.given) != 1 or "--security-policy" not in call.flags:
        return None
    priority = rule.value(rule.given[0])
    if isinstance(priority, Placeholder):
        return Intent(POLICY.id, SourceKind.ARMOR, rule.target, asks={"rule": priority})
    return Intent(POLICY.id, SourceKind.ARMOR, rule.target, {"rule": priority}) if priority.isdecimal() else None


def _policies_asked(call: Call) -> Intent | None:
    """security-policies list."""
    found = cloud_call(call, "compute security-policies list", quiet=_SHAPES)
    if found is None or found.options or found.given:
        return None
    narrowed = [option for option in ("--filter", "--limit", "--regions", "--global") if call.has(option)]
    differs = f"The whole list is shown: {', '.join(narrowed)} is not applied." if narrowed else ""
    return Intent(POLICIES.id, SourceKind.ARMOR, found.target, differs=differs)


REPLACES = (
    Replacement(POLICY.id, "gcloud", Tier.T0, _policy_asked),
    Replacement(POLICIES.id, "gcloud", Tier.T0, _policies_asked),
)


class Listing(Protocol):
    """Can list the policies of its project."""

    async def policies(self) -> Sequence[ArmorStatus]:
        """All of them. Raises CockpitError."""


def lookers(source_id: str, adapter: Listing, state_of: StateOf, clock: Clock) -> list[Looker]:
    """Both for one source."""
    return [PolicyState(source_id, state_of, clock), PolicyList(source_id, adapter, clock)]


class PolicyState(BoundLook):
    """armor.policy."""

    def __init__(self, source: str, state_of: StateOf, clock: Clock) -> None:
        super().__init__(POLICY, source)
        self._state_of = state_of
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises Unreachable without a reading, NotFound for a rule that is not there, Refused for no number."""
        reading, notes = reading_of(self._source, self._state_of)
        status = _status(reading, self._source)
        if wanted := request.get("rule"):
            if not (wanted.isascii() and wanted.isdecimal()):
                raise Refused("parameters", "rule must be a priority, a number from 0 on")
            rule = status.rule(int(wanted))
            if rule is None:
                known = ", ".join(str(each.priority) for each in status.rules[:8])
                raise NotFound(f"{status.policy} has no rule {wanted}", hint=f"It has: {known}")
            return sight_of(reading, notes, [self._line(rule)], f"rule {rule.priority} of {status.policy}")
        protects = ", ".join(status.backends) or ("nothing" if status.protects is False else "not known")
        adaptive = {True: "on", False: "off", None: "not known"}[status.adaptive]
        lines = [*map(self._line, status.rules), f"adaptive protection: {adaptive}", f"protects: {protects}"]
        if status.description:
            lines.append(f"description: {status.description}")
        return sight_of(reading, notes, [*lines, *status.notes], f"{status.policy}: {reading.summary}")

    def _line(self, rule: ArmorRule) -> str:
        words = [f"{rule.priority:>10}  {rule.action}{' (preview: logged only)' if rule.preview else ''}"]
        words.append(", ".join(rule.ranges) or rule.expression or "matches packets")
        if rule.expires is not None:
            word = "due to be let in again since" if rule.expires <= self._clock.now() else "until"
            words.append(f"{word} {rule.expires:%Y-%m-%d %H:%M} UTC")
        elif rule.description:
            words.append(rule.description)
        return "  ".join(words)


class PolicyList(BoundLook):
    """armor.policies."""

    def __init__(self, source: str, adapter: Listing, clock: Clock) -> None:
        super().__init__(POLICIES, source)
        self._adapter = adapter
        self._clock = clock

    async def look(self, request: LookRequest) -> Sight:
        """Raises CockpitError."""
        found = await self._adapter.policies()
        lines = [
            f"{each.policy}  {each.kind}  {counted(len(each.rules), 'rule')}, {len(each.denials)} denials"
            f"{'  adaptive' if each.adaptive else ''}{f'  {each.description}' if each.description else ''}"
            for each in found
        ]
        said = f"{len(found)} policies" if len(found) != 1 else "1 policy"
        return Sight(Severity.OK, said, self._clock.now(), tuple(lines))


def _status(reading: Reading, source: str) -> ArmorStatus:
    if not isinstance(reading.payload, ArmorStatus):
        raise Unreachable(f"{source} has no reading of a policy")
    return reading.payload
