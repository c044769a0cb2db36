"""A Cloud Armor security policy: https://cloud.google.com/compute/docs/reference/rest/v1/securityPolicies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ArmorRule:
    """One rule; the lowest priority number that matches decides."""

    priority: int
    action: str  # "allow", "deny(403)", "rate_based_ban", "throttle" ...
    ranges: tuple[str, ...] = ()  # source ranges; empty where it matches by expression
    expression: str = ""
    preview: bool = False  # logged, not enforced
    description: str = ""
    expires: datetime | None = None  # as the description says; the policy itself knows no end

    @property
    def denies(self) -> bool:
        """Keeps out some addresses, and is enforced."""
        return self.action.startswith("deny") and bool(self.ranges) and "*" not in self.ranges and not self.preview


@dataclass(frozen=True, slots=True)
class ArmorStatus:
    """One policy."""

    project: str
    policy: str
    id: str  # the identity: a policy may be deleted and made again
    fingerprint: str  # of the policy as it was read
    rules: tuple[ArmorRule, ...]  # by rising priority, the default rule last
    kind: str = "CLOUD_ARMOR"
    adaptive: bool | None = None  # layer 7 DDoS defence; None where the answer does not say
    description: str = ""
    backends: tuple[str, ...] = ()  # backend services that it protects, as far as they could be listed
    notes: tuple[str, ...] = ()

    protects: bool | None = None  # some backend service uses it; None where that could not be seen

    @property
    def denials(self) -> tuple[ArmorRule, ...]:
        """Rules that keep out addresses, by rising priority."""
        return tuple(each for each in self.rules if each.denies)

    def rule(self, priority: int) -> ArmorRule | None:
        """The rule of that priority."""
        return next((each for each in self.rules if each.priority == priority), None)

    def due(self, now: datetime) -> tuple[ArmorRule, ...]:
        """Denials whose end, as they say it themselves, has come; the longest due first."""
        return tuple(each for each in self.expiring if each.denies and each.expires and each.expires <= now)

    @property
    def expiring(self) -> tuple[ArmorRule, ...]:
        """Rules that name an end in their description, soonest first."""
        return tuple(sorted((each for each in self.rules if each.expires), key=lambda each: str(each.expires)))
